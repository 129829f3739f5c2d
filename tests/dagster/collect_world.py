"""A small real deployment whose assets know what they truly read, to hold the guard's answer against."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from lineage_guard.dagster.collect.collect import Collected, collect
from lineage_guard.dagster.declare import declare, source
from lineage_guard.domain.facts import Input, ModelSource, Pin, Production, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.ledger import Ledger, open_ledger

NAMESPACE = "default"
LANGUAGES = dg.StaticPartitionsDefinition(["en", "de"])
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-10")


def now() -> datetime:
    return datetime.now(UTC)


def model(name: str) -> ModelSource:
    return ModelSource(provider=name.split("-")[0], model=name, channel="test")


@dataclass
class World:
    """Data is a set of model names per (asset, partition): what really went into it."""

    instance: dg.DagsterInstance
    ledger: Ledger
    data: dict[tuple[str, str | None], frozenset[str]] = field(default_factory=dict)
    assets: list[Any] = field(default_factory=list)

    def read(self, name: str, partitions: Sequence[str | None] = (None,)) -> frozenset[str]:
        return frozenset().union(*(self.data.get((name, p), frozenset()) for p in partitions))

    def write(self, name: str, models: frozenset[str], partition: str | None = None) -> None:
        self.data[name, partition] = models

    def all_of(self, name: str) -> frozenset[str]:
        return frozenset().union(*(v for (n, _), v in self.data.items() if n == name))

    @property
    def graph(self) -> Any:
        return dg.Definitions(assets=self.assets).resolve_asset_graph()

    def run(self, *keys: str, partition: str | None = None, tags: dict[str, str] | None = None, **config: str) -> str:
        """Materialise assets in one run; ``config`` gives the model each asset uses this time."""
        run_config = {"ops": {k: {"config": {"model": v}} for k, v in config.items()}}
        result = dg.materialize(
            self.assets,
            selection=[dg.AssetKey(k.split("/")) for k in keys],
            instance=self.instance,
            partition_key=partition,
            run_config=run_config,
            tags=tags,
            raise_on_error=True,
        )
        return result.run_id

    def collect(self, **options: Any) -> Collected:
        return collect(self.instance, self.graph, self.ledger, namespace=NAMESPACE, now=now(), **options)

    def latest(self, name: str, partition: str | None = None) -> Version:
        return self.ledger.latest(NAMESPACE, name, partition)[0]

    def inputs(self, name: str, partition: str | None = None) -> tuple[Input, ...]:
        version = self.latest(name, partition)
        return self.ledger.productions([version])[version].inputs

    def production(self, name: str, partition: str | None = None) -> Production:
        version = self.latest(name, partition)
        return self.ledger.productions([version])[version]

    def closure(self, name: str, partition: str | None = None) -> Closure:
        return self.ledger.closure(
            Production((Version(NAMESPACE, "probe"),), inputs=(Input(self.latest(name, partition)),))
        )

    def reached(self, name: str, partition: str | None = None) -> set[str]:
        """Models the guard finds upstream of the newest version."""
        return {m.model for r in self.closure(name, partition).reached for m in r.models}

    def exact(self, name: str, partition: str | None = None) -> bool:
        """Whether every pin on the way is exact."""
        closure = self.closure(name, partition)
        found = self.ledger.productions([r.version for r in closure.reached])
        return all(i.pin is Pin.EXACT for p in found.values() for i in p.inputs)


class ModelConfig(dg.Config):
    model: str = ""


def generated(world: World, name: str, **options: Any) -> dg.AssetsDefinition:
    """An asset written by the model its run config names."""

    @dg.asset(name=name, **options)
    def made(context: dg.AssetExecutionContext, config: ModelConfig) -> None:
        own = frozenset([config.model])
        for p in context.partition_keys if context.has_partition_key or context.has_partition_key_range else [None]:
            world.write(name, own, p)
        context.add_output_metadata(declare(model(config.model)))

    return made


def derived(
    world: World, name: str, read: Callable[[dg.AssetExecutionContext, str | None], frozenset[str]], **options: Any
) -> dg.AssetsDefinition:
    """An asset made of what ``read`` reads."""

    @dg.asset(name=name, **options)
    def made(context: dg.AssetExecutionContext) -> None:
        for p in context.partition_keys if context.has_partition_key or context.has_partition_key_range else [None]:
            world.write(name, read(context, p), p)

    return made


def openai(name: str) -> dg.AssetsDefinition:
    """A root that GPT-4o wrote."""
    gpt = declare(ModelSource("openai", "gpt-4o", channel="api.openai.com"))

    @dg.asset(name=name, metadata=gpt)
    def made(context: dg.AssetExecutionContext) -> None:
        context.add_output_metadata(gpt)  # as the guard's wrapper does, so that history keeps it

    return made


def human(name: str) -> dg.AssetsDefinition:
    """A root that people wrote."""

    @dg.asset(name=name, metadata=source(human=True, license="CC0-1.0"))
    def made() -> None: ...

    return made


@contextmanager
def world() -> Iterator[World]:
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as place,
        dg.DagsterInstance.local_temp(home) as instance,
    ):
        yield World(instance, open_ledger(place))
