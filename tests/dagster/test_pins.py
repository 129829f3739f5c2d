"""Pins: the version each production really read, for every partition shape and mapping."""

from collections.abc import Iterator

import dagster as dg
from collect_world import DAYS, LANGUAGES, World, derived, generated

from lineage_guard.dagster.declare import source
from lineage_guard.domain.facts import Pin, Version


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
