"""Pins of tables that are appended to: every earlier run is in them."""

import dagster as dg
from collect_world import DAYS, LANGUAGES, ModelConfig, World, derived, generated, model, now

from lineage_guard.dagster.declare import declare
from lineage_guard.dagster.events import EventLog
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.resolve import Pins
from lineage_guard.domain.facts import Completeness


def test_append_holds_all_earlier_runs_until_an_overwrite(w: World) -> None:
    @dg.asset(metadata={"lineage_guard/writes": "append"})
    def table(context: dg.AssetExecutionContext, config: ModelConfig) -> None:
        own, _, how = config.model.partition(" ")
        w.write("table", frozenset([own]) if how else w.read("table") | {own})
        context.add_output_metadata(declare(model(own), writes=how or None))

    w.assets = [table, derived(w, "out", lambda c, p: w.read("table"), deps=["table"])]
    for name in ("gpt-4o", "llama-3", "qwen-2"):
        w.run("table", "out", table=name)
    w.collect()
    assert w.data["out", None] == w.reached("out") == {"gpt-4o", "llama-3", "qwen-2"}
    assert w.exact("out")
    assert len(w.inputs("table")) == 1
    w.run("table", table="mistral-7b overwrite")
    w.run("table", "out", table="other-1")
    w.collect()
    assert w.data["out", None] == w.reached("out") == {"mistral-7b", "other-1"}
    assert w.exact("out")


def test_append_to_a_partition(w: World) -> None:
    w.assets = [generated(w, "synth", partitions_def=LANGUAGES, metadata=declare(model("x-1"), writes="append"))]
    for partition, name in (("en", "gpt-4o"), ("de", "llama-3"), ("en", "qwen-2")):
        w.run("synth", partition=partition, synth=name)
    w.collect()
    assert (w.reached("synth", "en"), w.reached("synth", "de")) == ({"gpt-4o", "qwen-2"}, {"llama-3"})
    log = EventLog(w.instance)
    reads = Pins(log, History(log), w.graph, "default").upcoming(dg.AssetKey("synth"), ["en"], now(), log.head()).reads
    assert [r.version for r in reads] == [w.latest("synth", "en")]


def test_append_after_a_deleted_run_still_holds_what_it_wrote(w: World) -> None:
    w.assets = [generated(w, "table", metadata={"lineage_guard/writes": "append"})]
    w.run("table", table="llama-3")
    gone = w.run("table", table="gpt-4o")
    w.collect()
    w.instance.delete_run(gone)
    w.run("table", table="qwen-2")
    w.collect()
    assert w.reached("table") == {"llama-3", "gpt-4o", "qwen-2"}


def test_append_after_a_wipe_is_a_gap(w: World) -> None:
    w.assets = [generated(w, "table", metadata={"lineage_guard/writes": "append"})]
    w.run("table", table="gpt-4o")
    w.instance.wipe_assets([dg.AssetKey("table")])
    w.run("table", table="qwen-2")
    w.collect()
    assert w.production("table").completeness is not Completeness.COMPLETE


def test_root_that_reads_only_its_own_past_needs_a_declaration(w: World) -> None:
    before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)

    @dg.asset(partitions_def=DAYS, deps=[dg.AssetDep("running", partition_mapping=before)])
    def running() -> None: ...

    w.assets = [running]
    w.run("running", partition="2026-01-03")
    w.run("running", partition="2026-01-04")
    w.collect()
    assert w.production("running", "2026-01-04").completeness is Completeness.INCOMPLETE
