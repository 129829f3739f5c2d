"""Inside Dagster: what an asset's code was seen to use reaches the record, the ledger and the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from model_api import SECRET_ANSWER, SECRET_KEY, SECRET_PROMPT, ModelApi

from lineage_guard import ModelSource, declare, guard, source, synthetic_asset, training
from lineage_guard.dagster.observed import OBSERVED_KEY, observation_of
from lineage_guard.domain.facts import Assertion, Usage
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.ledger import open_ledger

OPEN = ModelSource("deepseek", "deepseek-r1", channel="self-hosted", digest="sha256:r1")


class World:
    """A real instance, a ledger, a model API, and a training asset that writes down that it ran."""

    def __init__(self, instance: dg.DagsterInstance, folder: Path, api: ModelApi) -> None:
        self.instance, self.folder, self.api = instance, folder, api
        self.trained = False

    def ask(self, model: str = "deepseek-r1") -> None:
        import openai

        with openai.OpenAI(base_url=f"{self.api.url}/v1", api_key=SECRET_KEY) as client:
            client.chat.completions.create(model=model, messages=[{"role": "user", "content": SECRET_PROMPT}])

    def run(self, *assets: dg.AssetsDefinition, **arguments: Any) -> dg.ExecuteInProcessResult:
        @dg.asset(deps=[key for a in assets for key in a.keys], tags=training())
        def student() -> None:
            self.trained = True

        guarded = guard([*assets, student], ledger=self.folder / "ledger")
        return dg.materialize(guarded, instance=self.instance, raise_on_error=False, **arguments)

    def said_of(self, result: dg.ExecuteInProcessResult) -> str:
        [event] = [e for e in result.all_events if e.is_step_failure and e.step_key == "student"]
        return event.step_failure_data.user_failure_data.description

    def seen_by(self, name: str) -> Any:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(name))
        return observation_of(event.asset_materialization.metadata)

    def recorded(self, name: str) -> Any:
        ledger = open_ledger(self.folder / "ledger")
        [version] = ledger.latest("default", name)
        return ledger.productions([version])[version]


@pytest.fixture
def world(tmp_path: Path, api: ModelApi) -> Iterator[World]:
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home), {"telemetry": {"enabled": False}}) as instance:
        yield World(instance, tmp_path, api)


def test_what_answers_as_declared_lets_training_run_and_is_on_record(world):
    @synthetic_asset(OPEN)
    def stories() -> None:
        world.ask()

    world.api.answers_as = "deepseek-r1"
    assert world.run(stories).success
    assert world.trained
    [seen] = world.seen_by("stories").models
    assert (seen.model, seen.requested, seen.host, seen.calls) == ("deepseek-r1", "deepseek-r1", "127.0.0.1", 1)
    said = [(m.model, m.asserted_by) for m in world.recorded("stories").models]
    assert said == [("deepseek-r1", Assertion.DECLARED), ("deepseek-r1", Assertion.OBSERVED)]
    events = [event for _, event in open_ledger(world.folder / "ledger").events()]
    assert '"assertedBy": "OBSERVED"' in json.dumps(events)
    assert not [s for s in (SECRET_PROMPT, SECRET_ANSWER, SECRET_KEY) if s in json.dumps(events)]


def test_another_model_than_declared_blocks_with_its_reason_and_the_way_out(world):
    @synthetic_asset(OPEN)
    def stories() -> None:
        world.ask()

    world.api.answers_as = "gpt-4o-2024-08-06"
    result = world.run(stories)
    assert not result.success
    assert not world.trained
    said = world.said_of(result)
    assert ReasonCode.OBSERVED_OTHER_MODEL.value in said
    assert "gpt-4o-2024-08-06" in said
    assert "Path: default:student <- default:stories" in said
    assert "Rule: observed-differs" in said
    assert "Declare what was really used" in said


def test_an_asset_that_declares_nothing_gets_what_was_seen_marked_as_inferred(world):
    @synthetic_asset()
    def stories() -> None:
        world.ask()

    world.api.answers_as, world.api.fingerprint = "deepseek-r1", "sha256:r1"
    result = world.run(stories)
    assert result.success, world.said_of(result)
    record = world.recorded("stories")
    assert record.asserted_by is Assertion.INFERRED
    assert [(m.model, m.asserted_by) for m in record.models] == [("deepseek-r1", Assertion.INFERRED)]
    checks = world.instance.get_latest_materialization_event(dg.AssetKey("student")).asset_materialization.metadata
    assert ReasonCode.INFERRED_DECLARATION.value in checks["lineage_guard/explanation"].value


def test_an_inferred_declaration_of_a_restricted_model_blocks(world):
    @dg.asset
    def stories() -> None:
        world.ask("gpt-4o")

    assert not world.run(stories).success
    assert not world.trained


def test_an_asset_that_asks_nobody_and_declares_nothing_stays_a_gap(world):
    @synthetic_asset()
    def stories() -> None: ...

    result = world.run(stories)
    assert not world.trained
    assert ReasonCode.INCOMPLETE_PROVENANCE.value in world.said_of(result)
    assert world.seen_by("stories") is None


def test_a_transformation_that_asks_a_model_in_passing_is_seen(world):
    @dg.asset(metadata=source(human=True))
    def human() -> None: ...

    @dg.asset(deps=[human])
    def enriched() -> None:
        world.ask("gpt-4o")

    world.api.answers_as = "gpt-4o-2024-08-06"
    result = world.run(human, enriched)
    assert not world.trained
    assert "gpt-4o-2024-08-06" in world.said_of(result)


def test_people_made_it_and_a_model_answered(world):
    @dg.asset(metadata=source(human=True))
    def human() -> None:
        world.ask()

    world.api.answers_as = "deepseek-r1"
    result = world.run(human)
    assert not world.trained
    assert ReasonCode.OBSERVED_UNDECLARED_PROVIDER.value in world.said_of(result)


def test_contact_with_a_commercial_host_is_seen_where_nothing_is_instrumented(world):
    @synthetic_asset(OPEN)
    def stories() -> None:
        with contextlib.suppress(OSError):  # no network is needed to be seen trying
            socket.create_connection(("api.openai.com", 443), timeout=0.01).close()

    result = world.run(stories)
    assert not world.trained
    [contact] = world.seen_by("stories").contacts
    assert (contact.host, contact.provider) == ("api.openai.com", "openai")
    assert ReasonCode.OBSERVED_UNDECLARED_PROVIDER.value in world.said_of(result)


def test_contact_with_the_declared_service_is_expected(world):
    declared = ModelSource("mistral", "open-mistral-7b", channel="api.mistral.ai", usage=Usage.FILTER)

    @synthetic_asset(declared)
    def stories() -> None:
        with contextlib.suppress(OSError):
            socket.getaddrinfo("api.mistral.ai", 443)

    world.run(stories)
    assert world.seen_by("stories") is None


def test_every_kind_of_function_is_observed(world):
    async def ask_later() -> None:
        await asyncio.to_thread(world.ask)

    @dg.asset(metadata=declare(OPEN))
    def plain() -> None:
        world.ask()

    @dg.asset(metadata=declare(OPEN))
    async def later() -> None:
        await ask_later()

    @dg.asset(metadata=declare(OPEN))
    def yielding() -> Iterator[Any]:
        world.ask()
        yield dg.MaterializeResult()

    @dg.asset(metadata=declare(OPEN))
    async def yielding_later() -> Any:
        await ask_later()
        yield dg.MaterializeResult()

    @dg.asset(metadata=declare(OPEN))
    def returning_a_generator() -> Any:
        def made() -> Iterator[Any]:
            world.ask()
            yield dg.MaterializeResult()

        return made()

    @dg.op
    def asked() -> int:
        return 1

    @dg.op
    def written(one: int) -> None:
        world.ask()

    @dg.graph_asset(metadata=declare(OPEN))
    def graph() -> None:
        return written(asked())

    world.api.answers_as = "deepseek-r1"
    assets = [plain, later, yielding, yielding_later, returning_a_generator, graph]
    assert world.run(*assets).success
    for asset in assets:
        [seen] = world.seen_by(asset.key.to_user_string()).models
        assert seen.calls == 1, asset.key


def test_what_early_ops_of_a_graph_saw_reaches_the_asset_that_the_last_one_writes(world):
    @dg.op(out=dg.DynamicOut())
    def split() -> Iterator[Any]:
        world.ask()
        yield from (dg.DynamicOutput(n, mapping_key=str(n)) for n in range(2))

    @dg.op
    def asked(number: int) -> int:
        world.ask("gpt-4o")
        return number

    @dg.op
    def written(numbers: list[int]) -> None: ...

    @dg.graph_asset(metadata=declare(OPEN))
    def graph() -> None:
        return written(split().map(asked).collect())

    world.api.answers_as = "gpt-4o-2024-08-06"
    result = world.run(graph)
    assert not world.trained
    assert ReasonCode.OBSERVED_OTHER_MODEL.value in world.said_of(result)
    assert {(m.requested, m.calls) for m in world.seen_by("graph").models} == {("deepseek-r1", 1), ("gpt-4o", 1)}


def test_each_asset_of_a_step_is_held_to_what_its_author_says_of_it(world):
    other = ModelSource("qwen", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted", digest="sha256:q")

    @dg.multi_asset(specs=[dg.AssetSpec("one", metadata=declare(OPEN)), dg.AssetSpec("two", metadata=declare(other))])
    def both() -> Iterator[Any]:
        world.api.answers_as = "deepseek-r1"
        world.ask()
        yield dg.MaterializeResult(asset_key="one")
        world.api.answers_as = "Qwen/Qwen2.5-7B-Instruct"
        world.ask("Qwen/Qwen2.5-7B-Instruct")
        yield dg.MaterializeResult(asset_key="two")

    result = world.run(both)
    assert result.success, world.said_of(result)
    assert [m.model for m in world.seen_by("one").models] == ["deepseek-r1"]
    assert [m.model for m in world.seen_by("two").models] == ["Qwen/Qwen2.5-7B-Instruct"]


def test_partitions_a_step_wrote_are_on_record(world):
    @synthetic_asset(
        ModelSource("deepseek", "deepseek-r1", channel="self-hosted", digest="sha256:r1", partitions=("de",)),
        partitions_def=dg.StaticPartitionsDefinition(["de", "fr"]),
    )
    def stories() -> None:
        world.ask()

    world.api.answers_as = "deepseek-r1"
    guarded = guard([stories], ledger=world.folder / "ledger")
    assert dg.materialize(guarded, instance=world.instance, partition_key="fr").success
    assert world.seen_by("stories").partitions == ("fr",)


def test_observing_can_be_turned_off_and_the_step_says_so(world, capfd):
    @synthetic_asset(OPEN, observe=False)
    def stories() -> None:
        world.ask()

    assert world.run(stories).success
    assert world.seen_by("stories") is None
    assert "does not observe this step" in capfd.readouterr().err


def test_what_cannot_be_read_is_not_nothing(world):
    @dg.asset(metadata=declare(OPEN))
    def stories() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata={OBSERVED_KEY: dg.MetadataValue.json({"error": "lost"})})

    result = world.run(stories)
    assert not world.trained
    assert "what was observed while it was made cannot be read" in world.said_of(result)


def test_a_step_that_cannot_be_observed_goes_on_and_its_record_is_incomplete(world, monkeypatch):
    def broken() -> None:
        raise RuntimeError("no hooks here")

    monkeypatch.setattr("lineage_guard.observe.install", broken)

    @synthetic_asset(OPEN)
    def stories() -> None: ...

    result = world.run(stories)
    assert not world.trained
    assert "no hooks here" in world.recorded("stories").note
    assert "INCOMPLETE" in world.said_of(result)


def test_a_step_that_fails_leaves_nothing_open(world):
    from lineage_guard.observe.recorder import recorders

    @synthetic_asset(OPEN)
    def stories() -> None:
        raise RuntimeError("no")

    assert not world.run(stories).success
    assert recorders() == ()
