"""Doors in names: keys and partitions that look like something else, and declarations that name no partition."""

from typing import Any

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, failure_of, made_by, written_by_people

from lineage_guard import ModelSource, declare, training
from lineage_guard.domain.errors import LineageGuardError

LANGUAGES = dg.StaticPartitionsDefinition(["de", "fr"])
BY_DAY = dg.MultiPartitionsDefinition({"day": dg.StaticPartitionsDefinition(["1"]), "language": LANGUAGES})


def gpt(*partitions: str) -> ModelSource:
    return ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com", partitions=partitions)


@pytest.mark.parametrize(
    ("named", "definition", "partition"),
    [
        ("de", None, None),
        ("DE", LANGUAGES, "de"),
        ("DE", LANGUAGES, "fr"),
        ("1|DE", BY_DAY, dg.MultiPartitionKey({"day": "1", "language": "de"})),
        ("DE", dg.DynamicPartitionsDefinition(name="languages"), "de"),
        ("2026-1-1", dg.DailyPartitionsDefinition("2026-01-01"), "2026-01-01"),
    ],
    ids=["no partitions", "misspelt", "misspelt, another is read", "two dimensions", "dynamic", "a day"],
)
def test_a_model_whose_partitions_are_misspelt_is_not_lost_behind_the_inputs_of_its_asset(
    lane: Lane, named: str, definition: dg.PartitionsDefinition[Any] | None, partition: str | None
) -> None:
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        lane.instance.add_dynamic_partitions("languages", ["de"])
    people = written_by_people()
    table = dg.asset(name="table", deps=[people.key], partitions_def=definition, metadata=declare(gpt(named)))(
        lambda: None
    )

    @dg.asset(deps=[table.key], partitions_def=definition, tags=training())
    def student() -> None:
        lane.mark("student")

    lane.run([people])
    result = lane.run([people, table, student], selection=[table, student], partition_key=partition)
    assert not result.success
    assert lane.trained == []
    assert "openai/gpt-4o" in (failure_of(result, "student").description or "")


def test_a_model_that_wrote_another_partition_still_does_not_count_for_this_one(lane: Lane) -> None:
    people = written_by_people()
    table = dg.asset(name="table", deps=[people.key], partitions_def=LANGUAGES, metadata=declare(gpt("de")))(
        lambda: None
    )

    @dg.asset(deps=[table.key], partitions_def=LANGUAGES, tags=training())
    def student() -> None:
        lane.mark("student")

    lane.run([people])
    assert lane.run([people, table, student], selection=[table, student], partition_key="fr").success
    assert lane.trained == ["student"]


#: Pairs that something careless takes for one another, or for something of its own.
LOOKALIKES = [
    ("a/b", "a"),
    ("a::b", "a"),
    ("a", "a "),
    ("de", "DE"),
    ("caf\u00e9", "cafe\u0301"),
    ("x'; DROP TABLE edges; --", "x"),
    ('"quoted"', "quoted"),
    ("=de", "de"),
    ("%2F", "/"),
    ("\U0001f642" * 60, "\U0001f642"),
    ("x" * 1000, "x" * 999),
]


@pytest.mark.parametrize(
    ("tainted", "clean"), [*LOOKALIKES, *[(b, a) for a, b in LOOKALIKES[:2]]], ids=lambda k: ascii(k)[:24]
)
def test_a_partition_key_is_not_taken_for_another(lane: Lane, tainted: str, clean: str) -> None:
    keys = dg.StaticPartitionsDefinition([tainted, clean])

    @dg.asset(partitions_def=keys)
    def rows(context: dg.AssetExecutionContext) -> None:
        context.add_output_metadata(declare(RESTRICTED if context.partition_key == tainted else PERMITTED))

    @dg.asset(deps=[rows], partitions_def=keys, tags=training())
    def student(context: dg.AssetExecutionContext) -> None:
        lane.mark("clean" if context.partition_key == clean else "tainted")

    for key in (tainted, clean):
        lane.run([rows, student], partition_key=key)
    assert lane.trained == ["clean"]


@pytest.mark.parametrize(
    ("tainted", "other"),
    [
        (["a/b"], ["a", "b"]),
        (["a", "b"], ["a/b"]),
        (["a::b"], ["a", "b"]),
        (['it\'s "odd"'], ["it"]),
        (["\u00fc", "caf\u00e9"], ["\u00fc", "cafe\u0301"]),
        (["lineage_guard"], ["lineage"]),
        (["x" * 200], ["x"]),
    ],
    ids=ascii,
)
def test_an_asset_key_is_not_taken_for_another_that_is_clean(lane: Lane, tainted: list[str], other: list[str]) -> None:
    def made(key: list[str], model: ModelSource) -> dg.AssetsDefinition:
        @dg.op(name=f"make_{abs(hash(tuple(key)))}", out=dg.Out(dg.Nothing))
        def make() -> None: ...

        return dg.AssetsDefinition.from_op(
            make,
            keys_by_output_name={"result": dg.AssetKey(key)},
            metadata_by_output_name={"result": declare(model)},
        )

    bad = made(tainted, RESTRICTED)
    good = made(other, PERMITTED)

    @dg.asset(ins={"rows": dg.AssetIn(dg.AssetKey(tainted), dagster_type=dg.Nothing)}, tags=training())
    def student() -> None:
        lane.mark("student")

    lane.run([bad])
    lane.run([good])
    result = lane.run([bad, good, student], selection=[student])
    assert not result.success
    assert lane.trained == []


def test_a_partition_key_with_a_line_break_is_refused_by_dagster_itself() -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError):
        dg.StaticPartitionsDefinition(["de\nfr"])


def test_names_in_a_declaration_that_look_like_ours_are_refused_or_harmless(lane: Lane) -> None:
    for name in ("lineage_guard/gate", "a\nb", "", "openai/gpt-4o\x00"):
        try:
            table = made_by(ModelSource("someone", name, channel="self-hosted"))
        except LineageGuardError:
            continue

        @dg.asset(deps=[table.key], tags=training())
        def student() -> None:
            lane.mark("student")

        assert not lane.run([table, student]).success
    assert lane.trained == []
