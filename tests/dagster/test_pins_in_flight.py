"""Pins of what was written while the step ran, or was written and not logged yet."""

from collections.abc import Callable

import dagster as dg
import pytest
from collect_world import LANGUAGES, ModelConfig, World, derived, generated, model, now

from lineage_guard.dagster.collect.collect import collect_upstream
from lineage_guard.dagster.declare import declare
from lineage_guard.dagster.pins.resolve import Read
from lineage_guard.domain.facts import Pin


def test_upstream_written_while_the_step_ran_may_have_been_read(w: World) -> None:
    def read_then_change(context: dg.AssetExecutionContext, partition: str | None) -> frozenset[str]:
        found = w.read("raw")
        w.run("raw", raw="qwen-2")
        return found

    w.assets = [generated(w, "raw"), derived(w, "out", read_then_change, deps=["raw"])]
    w.run("raw", raw="gpt-4o")
    w.run("out")
    w.collect()
    assert w.reached("out") == {"gpt-4o", "qwen-2"} > w.data["out", None]
    assert {i.pin for i in w.inputs("out")} == {Pin.CONSERVATIVE}


def test_upstream_partition_written_while_the_step_ran(w: World) -> None:
    def change_then_read(context: dg.AssetExecutionContext, partition: str | None) -> frozenset[str]:
        w.run("synth", partition="en", synth="qwen-2")
        w.run("synth", partition="de", synth="other-1")
        return w.read("synth", [partition])

    w.assets = [
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "clean", change_then_read, deps=["synth"], partitions_def=LANGUAGES),
    ]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("synth", partition="de", synth="llama-3")
    w.run("clean", partition="en")
    w.collect()
    assert w.reached("clean", "en") == {"gpt-4o", "qwen-2"} > w.data["clean", "en"]


@pytest.mark.parametrize("partitions_def", [None, LANGUAGES])
def test_upstream_first_made_while_the_step_ran_may_not_have_been_read(
    w: World, partitions_def: dg.StaticPartitionsDefinition | None
) -> None:
    """Either that, or what lay there before anybody kept a record: both count, and neither is certain."""
    partition = "en" if partitions_def else None

    def read_then_change(context: dg.AssetExecutionContext, partition: str | None) -> frozenset[str]:
        w.run("synth", partition=partition, synth="qwen-2")
        return frozenset()

    w.assets = [
        generated(w, "synth", partitions_def=partitions_def),
        derived(w, "clean", read_then_change, deps=["synth"], partitions_def=partitions_def),
    ]
    w.run("clean", partition=partition)
    w.collect()
    assert w.reached("clean", partition) == {"qwen-2"}
    assert not w.exact("clean", partition)
    assert any(r.version.name == "synth" and r.version.run is None for r in w.closure("clean", partition).reached)


def test_graph_asset_reads_before_its_last_op(w: World) -> None:
    """Dagster's pointer is taken when the last op begins; the first op read an older version."""

    @dg.op(ins={"raw": dg.In(dg.Nothing)})
    def first() -> int:
        w.write("middle", w.read("raw"))
        w.run("raw", raw="qwen-2")
        return 1

    @dg.op
    def last(x: int) -> int:
        w.write("out", w.read("middle"))
        return x

    @dg.graph_asset(ins={"raw": dg.AssetIn(dagster_type=dg.Nothing)})
    def out(raw):  # type: ignore[no-untyped-def]
        return last(first(raw))

    w.assets = [generated(w, "raw"), out]
    w.run("raw", raw="gpt-4o")
    w.run("out")
    w.collect()
    assert w.data["out", None] == {"gpt-4o"}
    assert w.reached("out") >= {"gpt-4o"}
    # In one run with its upstream, what was made in the run is what was read.
    w.assets = [generated(w, "raw"), out]


def in_flight(w: World, upto: Callable[[], None]) -> None:
    """While ``raw`` has stored its data and not logged it yet, ``out`` reads it."""

    @dg.asset
    def raw(context: dg.AssetExecutionContext, config: ModelConfig) -> None:
        w.write("raw", frozenset([config.model]))
        context.add_output_metadata(declare(model(config.model)))
        if config.model == "gpt-4o":
            w.run("out")
            upto()

    w.assets = [raw, derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    w.run("raw", raw="llama-3")
    w.run("raw", raw="gpt-4o")


def test_read_before_it_was_logged(w: World) -> None:
    in_flight(w, lambda: None)
    w.collect()
    assert w.data["out", None] == {"gpt-4o"}
    assert w.reached("out") == {"llama-3", "gpt-4o"}
    assert not w.exact("out")
    # A reader that ran afterwards is not held to it.
    w.run("out")
    w.collect()
    assert (w.reached("out"), w.exact("out")) == ({"gpt-4o"}, True)


def test_read_before_it_was_logged_and_collected_in_between(w: World) -> None:
    in_flight(w, lambda: [w.collect(), None][1])
    assert w.reached("out") == {"llama-3"}
    w.collect()
    assert w.reached("out") == {"llama-3", "gpt-4o"}
    assert not w.exact("out")
    before = len(list(w.ledger.events()))
    assert w.collect().appended == 0
    assert len(list(w.ledger.events())) == before


def test_gate_sees_a_write_in_flight_that_no_sensor_has_collected(w: World) -> None:
    in_flight(w, lambda: [w.collect(), None][1])
    reads = [Read(w.latest("out"), Pin.EXACT, dg.AssetKey("out"))]
    got = collect_upstream(w.instance, w.graph, w.ledger, reads, namespace="default", now=now())
    assert got.blind == ()
    assert w.reached("out") == {"llama-3", "gpt-4o"}
