"""Pins where history has holes: never made, wiped, or its run was deleted."""

import dagster as dg
from collect_world import LANGUAGES, World, derived, generated, now

from lineage_guard.dagster.events import EventLog
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.recorded import LedgerRecords
from lineage_guard.dagster.pins.resolve import Pins
from lineage_guard.domain.facts import Completeness, Version


def test_dependency_never_made_is_a_gap(w: World) -> None:
    w.assets = [generated(w, "raw"), derived(w, "out", lambda c, p: frozenset(), deps=["raw"])]
    w.run("out")
    w.collect()
    assert [i.version for i in w.inputs("out")] == [Version("default", "raw")]
    assert [r.version.name for r in w.closure("out").reached if not r.recorded] == ["raw"]


def test_wiped_upstream_leaves_a_gap(w: World) -> None:
    w.assets = [generated(w, "raw"), derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    w.run("raw", raw="gpt-4o")
    w.run("out")
    w.instance.wipe_assets([dg.AssetKey("raw")])
    w.collect()
    production = w.production("out")
    assert production.completeness is Completeness.UNKNOWN
    assert production.note is not None
    assert "raw" in production.note


def test_wiped_partitioned_upstream_leaves_a_gap(w: World) -> None:
    w.assets = [
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "out", lambda c, p: w.all_of("synth"), deps=["synth"]),
    ]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("out")
    w.instance.wipe_assets([dg.AssetKey("synth")])
    w.run("synth", partition="en", synth="qwen-2")
    w.collect()
    assert w.production("out").completeness is Completeness.UNKNOWN


def test_deleted_run_leaves_a_gap(w: World) -> None:
    w.assets = [generated(w, "raw"), derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    made = w.run("raw", raw="gpt-4o")
    w.run("out")
    w.instance.delete_run(made)
    w.collect()
    assert w.production("out").completeness is Completeness.UNKNOWN


def test_deleted_run_that_was_collected_is_still_known(w: World) -> None:
    w.assets = [generated(w, "raw"), derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    made = w.run("raw", raw="gpt-4o")
    w.run("out")
    w.collect()
    w.instance.delete_run(made)
    w.collect()
    assert w.production("out").completeness is Completeness.COMPLETE
    assert w.reached("out") == {"gpt-4o"}


def test_newest_upstream_whose_run_was_deleted_is_known_from_the_ledger(w: World) -> None:
    w.assets = [
        generated(w, "raw"),
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "out", lambda c, p: w.read("raw") | w.all_of("synth"), deps=["raw", "synth"]),
    ]
    w.run("raw", raw="llama-3")
    w.run("synth", partition="en", synth="mistral-7b")
    gone = [w.run("raw", raw="gpt-4o"), w.run("synth", partition="en", synth="qwen-2")]
    w.run("synth", partition="de", synth="other-1")
    w.collect()
    for run in gone:
        w.instance.delete_run(run)
    log = EventLog(w.instance)
    pins = Pins(log, History(log), w.graph, "default", LedgerRecords(w.ledger, "default"))
    reads = pins.upcoming(dg.AssetKey("out"), [None], now(), log.head()).reads
    assert {m.model for p in w.ledger.productions([r.version for r in reads]).values() for m in p.models} >= {
        "gpt-4o",
        "qwen-2",
        "other-1",
    }
    w.run("out")
    w.collect()
    assert w.data["out", None] == {"gpt-4o", "qwen-2", "other-1"} <= w.reached("out")
    assert w.production("out").completeness is Completeness.COMPLETE
    assert not w.exact("out")
