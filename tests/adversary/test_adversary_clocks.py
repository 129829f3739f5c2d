"""Doors in time: clocks that are set back, and hosts that do not agree about the time."""

from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from collect_world import ModelConfig, World, derived, model, world
from dagster._core.test_utils import freeze_time
from guarding import PERMITTED, RESTRICTED, Lane, failure_of, made_by
from test_adversary_races import RemadeWhileLoading, deployment, graph_that_loads_first

from lineage_guard import declare, training
from lineage_guard.dagster.events import EventLog
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.inflight import overtaken

HOUR = timedelta(hours=1)


def now() -> datetime:
    return datetime.now(UTC)


def student_on(lane: Lane) -> dg.AssetsDefinition:
    @dg.asset(deps=["synthetic"], tags=training())
    def student() -> None:
        lane.mark("student")

    return student


def test_what_was_made_after_the_clock_was_set_back_is_still_the_newest(lane: Lane) -> None:
    lane.run([made_by(PERMITTED)])
    tainted = made_by(RESTRICTED)
    with freeze_time(now() - HOUR):
        lane.run([tainted])
        result = lane.run([tainted, student_on(lane)], selection=["student"])
    assert "openai/gpt-4o" in (failure_of(result, "student").description or "")
    assert lane.trained == []


@pytest.mark.parametrize("ahead", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_a_training_graph_on_a_host_whose_clock_is_wrong_may_have_read_what_was_there_when_its_run_began(
    lane: Lane, ahead: timedelta
) -> None:
    class RemadeElsewhere(RemadeWhileLoading):
        def load_input(self, context: dg.InputContext) -> str:
            with freeze_time(now()):
                return super().load_input(context)

    tainted = deployment(lane, RESTRICTED, PERMITTED)[0]
    io = {"io": RemadeElsewhere(PERMITTED)}
    assets = [tainted, graph_that_loads_first(lane)]
    lane.run(assets, selection=[tainted], resources=io)
    with freeze_time(now() + ahead):
        result = lane.run(assets, selection=["student"], resources=io)
    assert "openai/gpt-4o" in (failure_of(result, "student.load").description or "")
    assert lane.trained == []


def in_flight(w: World, ahead: timedelta) -> None:
    """A host whose clock is wrong reads ``raw`` while another has stored it and not logged it yet."""

    @dg.asset
    def raw(context: dg.AssetExecutionContext, config: ModelConfig) -> None:
        w.write("raw", frozenset([config.model]))
        context.add_output_metadata(declare(model(config.model)))
        if config.model == "gpt-4o":
            with freeze_time(now() + ahead):
                w.run("out")

    w.assets = [raw, derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    w.run("raw", raw="llama-3")
    w.run("raw", raw="gpt-4o")


@pytest.mark.parametrize("ahead", [-HOUR, HOUR], ids=["set back", "set on"])
def test_a_reader_that_ended_while_its_upstream_was_written_is_found_though_the_clock_was_set(ahead: timedelta) -> None:
    with world() as w:
        in_flight(w, ahead)
        w.collect()
        assert w.data["out", None] == {"gpt-4o"}
        assert w.reached("out") == {"llama-3", "gpt-4o"}
        assert not w.exact("out")


@pytest.mark.parametrize("ahead", [-HOUR, HOUR], ids=["behind", "ahead"])
def test_where_hosts_share_one_sequence_of_ids_no_clock_is_asked(ahead: timedelta) -> None:
    with world() as w, dg.DagsterInstance.ephemeral() as shared:
        w.instance = shared
        assert EventLog(shared).one_sequence
        in_flight(w, ahead)
        with freeze_time(now() + ahead):
            w.run("out")  # it began and ended after the write: it is not held to it
        log = EventLog(shared)
        written = log.summaries(key=dg.AssetKey("raw"))
        readers = log.summaries(key=dg.AssetKey("out"))
        found: Any = overtaken(log, History(log), w.graph, written)
        assert found == {readers[0]: [written[-1]]}
