"""What the guard's tests share: sources, a training body that leaves a marker, and ways to run."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg

from lineage_guard import ModelSource, guard, source, synthetic_asset, training
from lineage_guard.ledger import Ledger, open_ledger

RESTRICTED = ModelSource(provider="openai", model="gpt-4o-2024-08-06", channel="api.openai.com")
PERMITTED = ModelSource(provider="deepseek", model="deepseek-r1", channel="self-hosted")
UNHEARD_OF = ModelSource(provider="acme", model="acme-nobody-knows-7b", channel="api.acme.example")


def made_by(model: ModelSource, name: str = "synthetic", **arguments: Any) -> dg.AssetsDefinition:
    """A synthetic table that needs no storage."""

    @synthetic_asset(model, name=name, **arguments)
    def made() -> None: ...

    return made


def written_by_people(name: str = "human") -> dg.AssetsDefinition:
    """A root that no model made."""

    @dg.asset(name=name, metadata=source(human=True, license="CC0-1.0"))
    def made() -> None: ...

    return made


def undeclared(name: str = "raw") -> dg.AssetsDefinition:
    """A root of which nobody says where it comes from."""

    @dg.asset(name=name)
    def made() -> None: ...

    return made


def curated_from(*parents: dg.AssetsDefinition, name: str = "curated") -> dg.AssetsDefinition:
    """A transformation."""

    @dg.asset(name=name, deps=[p.key for p in parents])
    def made() -> None: ...

    return made


@dataclass
class Lane:
    """One place to run in: an instance, a ledger, and a file that training code writes itself.

    Attributes:
        instance: a real Dagster instance.
        folder: its own folder.
        arguments: further arguments of ``guard``.
    """

    instance: dg.DagsterInstance
    folder: Path
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def ledger_folder(self) -> Path:
        """Where the ledger is."""
        return self.folder / "ledger"

    @property
    def ledger(self) -> Ledger:
        """A fresh handle on the ledger."""
        return open_ledger(self.ledger_folder)

    @property
    def trained(self) -> list[str]:
        """What the training code itself wrote down, in order: the ground truth."""
        marker = self.folder / "trained"
        return marker.read_text().split() if marker.exists() else []

    def mark(self, name: str) -> None:
        """To be called by training code."""
        with (self.folder / "trained").open("a") as file:
            file.write(f"{name}\n")

    def run(self, assets: Sequence[Any], **arguments: Any) -> dg.ExecuteInProcessResult:
        """Guard the assets and materialise them."""
        guarded = guard(list(assets), **{"ledger": self.ledger_folder, **self.arguments})
        return dg.materialize(guarded, instance=self.instance, raise_on_error=False, **arguments)


@contextmanager
def lane_in(folder: Path) -> Generator[Lane]:
    """A lane on an instance of its own, in a folder."""
    home = folder / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home), {"telemetry": {"enabled": False}}) as instance:
        yield Lane(instance, folder)


def student_of(
    lane: Lane, *parents: dg.AssetsDefinition, name: str = "student", use: str = "train_competing", **more: Any
) -> dg.AssetsDefinition:
    """A training step that leaves its mark."""

    @dg.asset(name=name, deps=[p.key for p in parents], tags=training(use=use), **more)
    def student() -> None:
        lane.mark(name)

    return student


def failure_of(result: dg.ExecuteInProcessResult, step: str) -> dg.Failure:
    """The user-facing failure of a step."""
    [event] = [e for e in result.all_events if e.is_step_failure and e.step_key == step]
    data = event.step_failure_data.user_failure_data
    assert data is not None, event.step_failure_data.error
    return dg.Failure(description=data.description, metadata=data.metadata)
