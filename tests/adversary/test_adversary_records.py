"""Doors behind the gate: records that hide what data was made from."""

from typing import Any

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, curated_from, failure_of, made_by, written_by_people

from lineage_guard import ModelSource, declare, source, training


def student_on(lane: Lane, parent: dg.AssetKey | str, **arguments: Any) -> dg.AssetsDefinition:
    @dg.asset(name="student", deps=[parent], tags=training(), **arguments)
    def student() -> None:
        lane.mark("student")

    return student


def german(*partitions: str) -> ModelSource:
    return ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com", partitions=partitions)


LANGUAGES = dg.StaticPartitionsDefinition(["de", "fr"])
BY_DAY = dg.MultiPartitionsDefinition({"day": dg.StaticPartitionsDefinition(["1"]), "language": LANGUAGES})


@pytest.mark.parametrize(
    ("named", "definition", "partition"),
    [
        ("de", None, None),
        ("DE", LANGUAGES, "de"),
        ("de", BY_DAY, dg.MultiPartitionKey({"day": "1", "language": "de"})),
    ],
    ids=["no partitions", "misspelt", "one of two dimensions"],
)
def test_a_model_is_not_lost_between_its_partitions_and_those_of_the_data(
    lane: Lane, named: str, definition: dg.PartitionsDefinition[Any] | None, partition: str | None
) -> None:
    table = made_by(german(named), partitions_def=definition)
    student = student_on(lane, table.key, partitions_def=definition)
    assert not lane.run([table, student], partition_key=partition).success
    assert lane.trained == []


def test_a_partition_the_model_did_not_write_still_trains(lane: Lane) -> None:
    @dg.asset(
        partitions_def=LANGUAGES,
        metadata=declare(
            german("de"), ModelSource("deepseek", "deepseek-r1", channel="self-hosted", partitions=("fr",))
        ),
    )
    def table() -> None: ...

    assert lane.run([table, student_on(lane, table.key, partitions_def=LANGUAGES)], partition_key="fr").success
    assert lane.trained == ["student"]


def test_a_models_partitions_do_not_hide_it_on_the_training_asset_itself(lane: Lane) -> None:
    people = written_by_people()
    student = student_on(lane, people.key, metadata=declare(german("de")))
    assert not lane.run([people, student]).success
    assert lane.trained == []


def test_an_unknown_public_id_is_not_known_because_its_download_waits_for_something(lane: Lane) -> None:
    people = written_by_people()

    @dg.asset(deps=[people.key], metadata=source(artefact="nobody/has-this-data"))
    def download() -> None: ...

    result = lane.run([people, download, student_on(lane, download.key)])
    assert not result.success
    assert "nobody/has-this-data" in (failure_of(result, "student").description or "")
    assert lane.trained == []


def test_a_materialisation_that_a_plain_op_logs_does_not_count_as_the_assets_own(lane: Lane) -> None:
    people = written_by_people()
    curated = curated_from(people)

    @dg.op
    def generate(context: dg.OpExecutionContext) -> None:
        context.log_event(dg.AssetMaterialization("curated"))

    @dg.job
    def by_hand() -> None:
        generate()

    lane.run([people])
    by_hand.execute_in_process(instance=lane.instance)
    student = student_on(lane, curated.key)
    result = lane.run([people, curated, student], selection=[student])
    assert not result.success
    assert "not written by its own step" in (failure_of(result, "student").description or "")
    assert lane.trained == []


def test_a_materialisation_that_another_assets_body_logs_does_not_count_as_the_assets_own(lane: Lane) -> None:
    people = written_by_people()
    curated = curated_from(people)

    @dg.asset(metadata=declare(RESTRICTED))
    def other(context: dg.AssetExecutionContext) -> None:
        context.log_event(dg.AssetMaterialization("curated"))

    lane.run([people])
    lane.run([other])
    student = student_on(lane, curated.key)
    assert not lane.run([people, curated, other, student], selection=[student]).success
    assert lane.trained == []


def test_a_materialisation_reported_with_its_own_declaration_counts(lane: Lane) -> None:
    people = written_by_people("raw")
    lane.instance.report_runless_asset_event(dg.AssetMaterialization("raw", metadata=declare(PERMITTED)))
    student = student_on(lane, people.key)
    assert lane.run([people, student], selection=[student]).success
    assert lane.trained == ["student"]


def test_a_source_made_again_clean_does_not_clean_what_was_made_from_it(lane: Lane) -> None:
    tainted, clean = made_by(RESTRICTED, "raw"), made_by(PERMITTED, "raw")
    curated = curated_from(tainted)
    lane.run([tainted, curated])
    lane.run([clean])
    student = student_on(lane, curated.key)
    assert not lane.run([clean, curated, student], selection=[student]).success
    assert lane.trained == []


def test_an_edited_declaration_does_not_clean_what_was_made_before(lane: Lane) -> None:
    @dg.op(name="begin")
    def begin() -> int:
        return 1

    def graphed(model: ModelSource) -> dg.AssetsDefinition:
        @dg.graph_asset(name="raw", metadata=declare(model))
        def raw() -> Any:
            return begin()

        return raw

    lane.run([graphed(RESTRICTED)])
    clean = graphed(PERMITTED)
    student = student_on(lane, clean.key)
    assert not lane.run([clean, student], selection=[student]).success
    assert lane.trained == []


def test_a_renamed_source_and_a_wiped_one_still_show(lane: Lane) -> None:
    tainted = made_by(RESTRICTED, "old_name")
    curated = curated_from(tainted)
    lane.run([tainted, curated])
    lane.instance.wipe_assets([tainted.key])
    renamed = curated_from(made_by(PERMITTED, "new_name"))
    student = student_on(lane, renamed.key)
    assert not lane.run([made_by(PERMITTED, "new_name"), renamed, student], selection=[student]).success
    assert lane.trained == []
