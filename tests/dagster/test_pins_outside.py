"""Pins of what no run here made: external assets, reports from outside, other code locations."""

from typing import Any

import dagster as dg
from collect_world import LANGUAGES, World, derived, generated, model, now

from lineage_guard.dagster.declare import declare, source
from lineage_guard.dagster.events import EventLog
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.recorded import LedgerRecords
from lineage_guard.dagster.pins.resolve import Pins
from lineage_guard.domain.facts import Completeness, Pin
from lineage_guard.domain.verdict.runs import is_declared


def test_external_assets_are_what_their_definition_says(w: World) -> None:
    w.assets = [
        dg.AssetSpec("declared", metadata=source(human=True, license="CC0-1.0")),
        dg.AssetSpec("silent"),
        derived(w, "out", lambda c, p: frozenset(), deps=["declared", "silent"]),
    ]
    w.run("out")
    w.collect()
    found = {r.version.name: r for r in w.closure("out").reached}
    assert found["declared"].completeness is Completeness.COMPLETE
    assert [x.expression for x in found["declared"].licenses] == ["CC0-1.0"]
    assert found["silent"].recorded
    assert found["silent"].completeness is Completeness.INCOMPLETE


def test_report_from_outside_a_run(w: World) -> None:
    w.assets = [generated(w, "raw"), derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    w.run("raw", raw="gpt-4o")
    w.instance.report_runless_asset_event(dg.AssetMaterialization("out"))
    w.instance.report_runless_asset_event(dg.AssetMaterialization("out"))
    w.collect()
    assert w.production("out").completeness is Completeness.INCOMPLETE
    assert w.reached("out") == {"gpt-4o"}
    assert sum(1 for _, e in w.ledger.events() if e["job"]["name"] == "out") == 2


def test_renamed_definition_is_conservative(w: World) -> None:
    """The code that ran is gone: what the tags say was read is still followed."""
    w.assets = [
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "old_name", lambda c, p: w.read("synth", [p]), deps=["synth"], partitions_def=LANGUAGES),
    ]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("synth", partition="de", synth="llama-3")
    w.run("old_name", partition="en")
    w.assets = w.assets[:1]
    w.collect()
    assert w.reached("old_name", "en") == {"gpt-4o", "llama-3"}
    assert not w.exact("old_name", "en")
    assert w.production("old_name", "en").completeness is Completeness.UNKNOWN


def test_partitioned_asset_of_another_code_location(w: World) -> None:
    """Here it is a bare external asset; every partition may be read, not just the newest one written."""
    elsewhere = generated(w, "synth", partitions_def=LANGUAGES)
    w.assets = [elsewhere]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("synth", partition="de", synth="llama-3")
    w.assets = [dg.AssetSpec("synth"), derived(w, "out", lambda c, p: w.all_of("synth"), deps=["synth"])]
    log = EventLog(w.instance)
    reads = Pins(log, History(log), w.graph, "default").upcoming(dg.AssetKey("out"), [None], now(), log.head()).reads
    assert {(r.version.partition, r.pin) for r in reads} == {("en", Pin.CONSERVATIVE), ("de", Pin.CONSERVATIVE)}
    w.run("out")
    w.collect()
    assert w.reached("out") == {"gpt-4o", "llama-3"}


def test_corrected_declaration_of_an_external_asset_is_another_version(w: World) -> None:
    def declared(metadata: dict[str, Any]) -> list[Any]:
        spec = dg.AssetSpec("feed", metadata=metadata)
        return [
            spec,
            derived(w, "before", lambda c, p: frozenset(), deps=["feed"]),
            derived(w, "after", lambda c, p: frozenset(), deps=["feed"]),
        ]

    w.assets = declared(declare(model("gpt-4o")))
    w.run("before")
    w.collect()
    w.assets = declared(source(human=True))
    log = EventLog(w.instance)
    upcoming = Pins(log, History(log), w.graph, "default", LedgerRecords(w.ledger, "default")).upcoming
    (read,) = upcoming(dg.AssetKey("after"), [None], now(), log.head()).reads
    assert (read.pin, is_declared(read.version.run)) == (Pin.EXACT, True)
    # Whether the first step after the change ran before or after it, nobody knows.
    w.run("after")
    w.collect()
    assert (w.reached("before"), w.reached("after"), w.exact("after")) == ({"gpt-4o"}, {"gpt-4o"}, False)
    w.run("after")
    w.collect()
    assert (w.reached("before"), w.reached("after"), w.exact("after")) == ({"gpt-4o"}, set(), True)
    assert [r.completeness for r in w.closure("after").reached[1:]] == [Completeness.COMPLETE] * 2


def test_clean_declaration_that_turned_out_wrong_does_not_stay(w: World) -> None:
    out = derived(w, "out", lambda c, p: frozenset(), deps=["feed"])
    for metadata in (source(human=True), declare(model("gpt-4o"))):
        w.assets = [dg.AssetSpec("feed", metadata=metadata), out]
        w.run("out")
        w.collect()
    assert w.reached("out") == {"gpt-4o"}
    log = EventLog(w.instance)
    pins = Pins(log, History(log), w.graph, "default", LedgerRecords(w.ledger, "default"))
    reads = pins.upcoming(dg.AssetKey("out"), [None], now(), log.head()).reads
    found = w.ledger.productions([r.version for r in reads])
    assert [m.model for p in found.values() for m in p.models] == ["gpt-4o"]


def test_reported_materialisations_of_an_external_asset_are_its_versions(w: World) -> None:
    w.assets = [
        dg.AssetSpec("feed", metadata=source(human=True)),
        derived(w, "out", lambda c, p: frozenset(), deps=["feed"]),
    ]
    report = w.instance.report_runless_asset_event
    report(dg.AssetMaterialization("feed", metadata=declare(model("gpt-4o"))))
    w.run("out")
    report(dg.AssetMaterialization("feed", metadata=declare(model("qwen-2"))))
    w.collect()
    assert (w.reached("out"), w.exact("out")) == ({"gpt-4o"}, True)
    w.run("out")
    w.collect()
    assert (w.reached("out"), w.exact("out")) == ({"qwen-2"}, True)


def test_observed_source_is_what_its_definition_says(w: World) -> None:
    @dg.observable_source_asset(metadata=declare(model("gpt-4o")))
    def feed() -> dg.DataVersion:
        return dg.DataVersion("1")

    w.assets = [feed, derived(w, "out", lambda c, p: frozenset(), deps=["feed"])]
    w.instance.report_runless_asset_event(dg.AssetObservation("feed", tags={"dagster/data_version": "1"}))
    w.run("out")
    w.collect()
    assert (w.reached("out"), w.exact("out")) == ({"gpt-4o"}, True)
    assert w.production("out").completeness is Completeness.COMPLETE
