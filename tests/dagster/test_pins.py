"""Pins: the version each production really read, for every partition shape and mapping."""

from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest
from collect_world import ModelConfig, World, derived, generated, model, now, world

from lineage_guard.dagster.collect.collect import collect_upstream
from lineage_guard.dagster.declare import declare, source
from lineage_guard.dagster.events import EventLog
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.recorded import LedgerRecords
from lineage_guard.dagster.pins.resolve import Pins, Read
from lineage_guard.domain.facts import Completeness, Pin, Version
from lineage_guard.domain.verdict.runs import is_declared

LANGUAGES = dg.StaticPartitionsDefinition(["en", "de"])
DAYS = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-10")


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


def test_latest_per_dataset_and_per_partition_are_both_wrong(w: World) -> None:
    """gpt-4o wrote [en], llama [de], both were cleaned, then qwen wrote [en] again."""
    w.assets = [
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "clean", lambda c, p: w.all_of("synth"), deps=["synth"]),
        derived(w, "train", lambda c, p: w.read("clean"), deps=["clean"]),
    ]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("synth", partition="de", synth="llama-3")
    w.run("clean")
    w.run("synth", partition="en", synth="qwen-2")
    w.run("train")
    w.collect()
    assert w.data["train", None] == {"gpt-4o", "llama-3"}
    assert w.reached("train") == {"gpt-4o", "llama-3"}
    assert w.exact("train")
    w.run("clean")
    w.collect()
    assert w.reached("clean") == {"qwen-2", "llama-3"}
    assert w.reached("train") == {"gpt-4o", "llama-3"}


def test_unpartitioned_reads_what_was_newest_then(w: World) -> None:
    w.assets = [generated(w, "raw"), derived(w, "out", lambda c, p: w.read("raw"), deps=["raw"])]
    w.run("raw", raw="gpt-4o")
    w.run("out")
    w.run("raw", raw="qwen-2")
    w.collect()
    assert (w.reached("out"), w.exact("out")) == ({"gpt-4o"}, True)


def test_identity_pins_one_partition(w: World) -> None:
    w.assets = [
        generated(w, "synth", partitions_def=LANGUAGES),
        derived(w, "clean", lambda c, p: w.read("synth", [p]), deps=["synth"], partitions_def=LANGUAGES),
    ]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("synth", partition="de", synth="llama-3")
    # Dagster's pointer of this run is the id of synth[de]: the newest of any partition.
    w.run("clean", partition="en")
    w.run("synth", partition="en", synth="qwen-2")
    w.run("clean", partition="de")
    w.collect()
    assert (w.reached("clean", "en"), w.reached("clean", "de")) == ({"gpt-4o"}, {"llama-3"})
    assert w.exact("clean", "en")
    assert w.exact("clean", "de")
    assert len(w.inputs("clean", "en")) == 1


def test_time_window_mapping_reads_neighbours(w: World) -> None:
    before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0)
    w.assets = [
        generated(w, "synth", partitions_def=DAYS),
        derived(
            w,
            "two_days",
            lambda c, p: w.read("synth", ["2026-01-02", "2026-01-03"]),
            deps=[dg.AssetDep("synth", partition_mapping=before)],
            partitions_def=DAYS,
        ),
    ]
    for day, name in (("01", "a-1"), ("02", "b-1"), ("03", "c-1"), ("04", "d-1")):
        w.run("synth", partition=f"2026-01-{day}", synth=name)
    w.run("two_days", partition="2026-01-03")
    w.collect()
    assert w.reached("two_days", "2026-01-03") == {"b-1", "c-1"} == w.data["two_days", "2026-01-03"]
    assert w.exact("two_days", "2026-01-03")


def test_window_with_a_day_never_made_is_a_gap(w: World) -> None:
    before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=0)
    w.assets = [
        generated(w, "synth", partitions_def=DAYS),
        derived(
            w,
            "two_days",
            lambda c, p: w.read("synth", ["2026-01-03"]),
            deps=[dg.AssetDep("synth", partition_mapping=before)],
            partitions_def=DAYS,
        ),
    ]
    w.run("synth", partition="2026-01-03", synth="a-1")
    w.run("two_days", partition="2026-01-03")
    w.collect()
    assert Version("default", "synth", "2026-01-02", None) in {i.version for i in w.inputs("two_days", "2026-01-03")}
    assert any(not r.recorded for r in w.closure("two_days", "2026-01-03").reached)


def test_specific_and_last_mapping(w: World) -> None:
    only_en = dg.SpecificPartitionsPartitionMapping(["en"])
    w.assets = [
        generated(w, "synth", partitions_def=LANGUAGES),
        generated(w, "daily", partitions_def=DAYS),
        derived(
            w,
            "out",
            lambda c, p: w.read("synth", ["en"]) | w.read("daily", ["2026-01-09"]),
            deps=[
                dg.AssetDep("synth", partition_mapping=only_en),
                dg.AssetDep("daily", partition_mapping=dg.LastPartitionMapping()),
            ],
        ),
    ]
    w.run("synth", partition="en", synth="gpt-4o")
    w.run("synth", partition="de", synth="llama-3")
    w.run("daily", partition="2026-01-09", daily="last-1")
    w.run("daily", partition="2026-01-02", daily="early-1")
    w.run("out")
    w.collect()
    assert w.reached("out") == {"gpt-4o", "last-1"} == w.data["out", None]
    assert w.exact("out")


def test_multi_partitions_by_one_dimension(w: World) -> None:
    both = dg.MultiPartitionsDefinition({"day": DAYS, "language": LANGUAGES})
    w.assets = [
        generated(w, "synth", partitions_def=both),
        derived(
            w,
            "by_language",
            lambda c, p: w.read("synth", [f"2026-01-0{d}|{p}" for d in (1, 2)]),
            deps=["synth"],
            partitions_def=LANGUAGES,
        ),
        derived(w, "same", lambda c, p: w.read("synth", [str(p)]), deps=["synth"], partitions_def=both),
    ]
    key = dg.MultiPartitionKey
    for day in range(1, 10):
        for language in ("en", "de"):
            if day < 3 or language == "de":
                partition = key({"day": f"2026-01-0{day}", "language": language})
                w.run("synth", partition=partition, synth=f"m{day}-{language}")
    w.run("same", partition=key({"day": "2026-01-02", "language": "en"}))
    w.run("by_language", partition="en")
    w.collect()
    assert w.reached("same", "2026-01-02|en") == {"m2-en"}
    assert w.reached("by_language", "en") == {"m1-en", "m2-en"}
    # Seven days of [en] were never made: gaps, not silence.
    assert sum(not r.recorded for r in w.closure("by_language", "en").reached) == 7


def test_dynamic_partitions(w: World) -> None:
    batches = dg.DynamicPartitionsDefinition(name="batches")
    w.assets = [
        generated(w, "synth", partitions_def=batches),
        derived(w, "clean", lambda c, p: w.read("synth", [p]), deps=["synth"], partitions_def=batches),
        derived(w, "everything", lambda c, p: w.all_of("synth"), deps=["synth"]),
        derived(
            w,
            "newest",
            lambda c, p: w.read("synth", ["b1"]),
            deps=[dg.AssetDep("synth", partition_mapping=dg.LastPartitionMapping())],
        ),
    ]
    w.instance.add_dynamic_partitions("batches", ["b0", "b1"])
    w.run("synth", partition="b0", synth="gpt-4o")
    w.run("synth", partition="b1", synth="llama-3")
    w.run("clean", partition="b0")
    w.run("newest")
    w.instance.add_dynamic_partitions("batches", ["b2"])
    w.instance.delete_dynamic_partition("batches", "b0")
    w.run("everything")
    w.collect()
    assert (w.reached("clean", "b0"), w.exact("clean", "b0")) == ({"gpt-4o"}, True)
    assert w.reached("everything") == {"gpt-4o", "llama-3"}
    # Which partition was last then is no longer on record: everything it may have been, and not as exact.
    assert w.reached("newest") == {"gpt-4o", "llama-3"} > w.data["newest", None]
    assert not w.exact("newest")


def test_partition_range_in_one_run(w: World) -> None:
    w.assets = [
        generated(w, "synth", partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run()),
        derived(
            w,
            "clean",
            lambda c, p: w.read("synth", [p]),
            deps=["synth"],
            partitions_def=DAYS,
            backfill_policy=dg.BackfillPolicy.single_run(),
        ),
    ]
    w.run("synth", partition="2026-01-02", synth="gpt-4o")
    w.run("synth", partition="2026-01-03", synth="llama-3")
    w.run(
        "clean",
        tags={
            "dagster/asset_partition_range_start": "2026-01-02",
            "dagster/asset_partition_range_end": "2026-01-03",
        },
    )
    w.collect()
    assert (w.reached("clean", "2026-01-02"), w.reached("clean", "2026-01-03")) == ({"gpt-4o"}, {"llama-3"})
    assert w.latest("clean", "2026-01-02") != w.latest("clean", "2026-01-03")


def test_io_managed_input(w: World) -> None:
    @dg.asset(metadata=source(human=True))
    def raw() -> int:
        return 1

    @dg.asset
    def out(raw: int) -> int:
        return raw

    w.assets = [raw, out]
    w.run("raw", "out")
    w.collect()
    first = w.latest("raw")
    assert [(i.version, i.pin) for i in w.inputs("out")] == [(first, Pin.EXACT)]
    w.run("raw")
    w.collect()
    assert w.latest("raw") != first
    assert [i.version for i in w.inputs("out")] == [first]


def test_multi_asset_pins_each_output_to_its_own_inputs(w: World) -> None:
    @dg.multi_asset(
        specs=[
            dg.AssetSpec("a", deps=["left"]),
            dg.AssetSpec("b", deps=["right"]),
            dg.AssetSpec("c", deps=["a"]),
        ],
    )
    def several() -> Iterator[dg.MaterializeResult]:
        for key in ("a", "b", "c"):
            yield dg.MaterializeResult(asset_key=key)

    w.assets = [generated(w, "left"), generated(w, "right"), several]
    w.run("left", "right", left="gpt-4o", right="llama-3")
    w.run("a", "b", "c")
    w.collect()
    assert (w.reached("a"), w.reached("b"), w.reached("c")) == ({"gpt-4o"}, {"llama-3"}, {"gpt-4o"})
    assert [i.version for i in w.inputs("c")] == [w.latest("a")]
    assert all(w.exact(n) for n in "abc")


def test_self_dependency_reads_its_own_past(w: World) -> None:
    before = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1)
    w.assets = [
        generated(
            w,
            "running",
            partitions_def=DAYS,
            deps=[dg.AssetDep("running", partition_mapping=before)],
        ),
    ]
    for day, name in (("03", "a-1"), ("04", "b-1"), ("05", "c-1")):
        w.run("running", partition=f"2026-01-{day}", running=name)
    w.collect()
    assert w.reached("running", "2026-01-05") == {"a-1", "b-1", "c-1"}
    assert w.exact("running", "2026-01-05")
    # The day before the first one made is the start of history, not a gap.
    assert w.inputs("running", "2026-01-03") == ()


def test_dependency_never_made_is_a_gap(w: World) -> None:
    w.assets = [generated(w, "raw"), derived(w, "out", lambda c, p: frozenset(), deps=["raw"])]
    w.run("out")
    w.collect()
    assert [i.version for i in w.inputs("out")] == [Version("default", "raw")]
    assert [r.version.name for r in w.closure("out").reached if not r.recorded] == ["raw"]


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
