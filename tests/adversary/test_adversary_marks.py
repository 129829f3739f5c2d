"""Doors in front of the gate: training that is not recognised as training."""

import logging
from typing import Any

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, failure_of, made_by

from lineage_guard import guard, training
from lineage_guard.dagster.gate.wrap import wrapped_by
from lineage_guard.domain.errors import ConfigError, LineageGuardError


def student_on(lane: Lane, parent: dg.AssetsDefinition, **arguments: Any) -> dg.AssetsDefinition:
    @dg.asset(name="student", deps=[parent.key], **{"tags": training(), **arguments})
    def student() -> None:
        lane.mark("student")

    return student


def warnings_of(lane: Lane, run_id: str) -> list[str]:
    """What was logged in a run for a person to see."""
    return [e.user_message for e in lane.instance.all_logs(run_id) if e.level == logging.WARNING]


MISPLACED = {
    "an empty use": {"tags": {"lineage_guard/use": ""}},
    "the op's tags": {"tags": {}, "op_tags": training()},
    "the metadata": {"tags": {}, "metadata": training()},
    "a dash in the key": {"tags": {"lineage-guard/use": "train_competing"}},
    "a capital in the key": {"tags": {"Lineage_Guard/use": "train_competing"}},
    "a plural": {"tags": {"lineage_guard/uses": "train_competing"}},
}


@pytest.mark.parametrize("arguments", MISPLACED.values(), ids=MISPLACED.keys())
def test_a_mark_that_marks_nothing_is_refused_when_the_code_is_loaded(lane: Lane, arguments: dict[str, Any]) -> None:
    student = student_on(lane, made_by(RESTRICTED), **arguments)
    with pytest.raises(LineageGuardError, match="student"):
        guard(dg.Definitions(assets=[student]), ledger=lane.ledger_folder)
    with pytest.raises(LineageGuardError, match="student"):
        guard([student], ledger=lane.ledger_folder)


def test_a_mark_on_a_job_is_refused(lane: Lane) -> None:
    student = student_on(lane, made_by(RESTRICTED), tags={})
    for job in (
        dg.define_asset_job("nightly", [student], tags=training()),
        dg.define_asset_job("nightly", [student], run_tags=training()),
    ):
        with pytest.raises(ConfigError, match="nightly"):
            guard(dg.Definitions(assets=[student], jobs=[job]), ledger=lane.ledger_folder)


def test_a_list_that_hides_assets_is_refused(lane: Lane) -> None:
    student = student_on(lane, made_by(RESTRICTED))
    for hidden in ([[student]], [dg.Definitions(assets=[student])], [(student,)]):
        with pytest.raises(ConfigError, match="unguarded"):
            guard(hidden, ledger=lane.ledger_folder)
    with pytest.raises(ConfigError, match="list"):
        guard(dg.Definitions(assets=(a for a in [student])), ledger=lane.ledger_folder)


def test_training_code_does_not_run_in_the_step_of_another_asset(lane: Lane) -> None:
    tainted = made_by(RESTRICTED)
    student = student_on(lane, tainted)

    @dg.asset(deps=[tainted.key])
    def nightly() -> None:
        student()

    result = lane.run([tainted, student, nightly], selection=[tainted, nightly])
    assert not result.success
    assert "outside of that asset's own step" in (failure_of(result, "nightly").description or "")
    assert lane.trained == []


def test_training_code_does_not_run_in_an_op_of_a_plain_job(lane: Lane) -> None:
    student = student_on(lane, made_by(RESTRICTED))
    guard([student], ledger=lane.ledger_folder)

    @dg.op(name="train_it")
    def train() -> None:
        lane.mark("plain")

    weights = dg.AssetsDefinition.from_op(train, tags_by_output_name={"result": training()})
    guard([weights], ledger=lane.ledger_folder)

    @dg.op
    def retrain() -> None:
        student()

    @dg.job
    def calls_it() -> None:
        retrain()

    @dg.job
    def is_it() -> None:
        train()

    for job in (calls_it, is_it):
        result = job.execute_in_process(instance=lane.instance, raise_on_error=False)
        assert not result.success
    assert lane.trained == []


def test_an_op_that_a_training_graph_shares_with_a_plain_job_still_runs_there_and_says_so(
    lane: Lane,
) -> None:
    @dg.op
    def begin() -> int:
        lane.mark("begin")
        return 1

    @dg.op
    def finish(x: int) -> int:
        return x

    @dg.graph_asset(tags=training())
    def weights() -> Any:
        return finish(begin())

    @dg.job
    def unrelated() -> None:
        begin()

    guard([weights], ledger=lane.ledger_folder)
    result = unrelated.execute_in_process(instance=lane.instance)
    assert result.success
    assert lane.trained == ["begin"]
    assert any("no gate was asked" in said for said in warnings_of(lane, result.run_id))


def test_a_selection_that_covers_nothing_blocks(lane: Lane) -> None:
    tainted = made_by(RESTRICTED)
    student = student_on(lane, tainted, group_name="models")
    lane.arguments = {"select": "group:modles"}
    result = lane.run([tainted, student])
    assert not result.success
    assert "covers no training asset" in (failure_of(result, "student").description or "")
    assert lane.trained == []


def test_what_a_selection_leaves_out_says_so_in_its_run(lane: Lane) -> None:
    tainted = made_by(RESTRICTED)
    left_out = student_on(lane, tainted)

    @dg.asset(tags=training(), deps=[tainted.key])
    def other() -> None:
        lane.mark("other")

    lane.arguments = {"select": "key:other"}
    result = lane.run([tainted, left_out, other])
    assert lane.trained == ["student"]
    assert any("student trains without a gate" in said for said in warnings_of(lane, result.run_id))


def test_a_tag_added_after_guarding_counts_where_the_asset_was_wrapped_for_its_declaration(lane: Lane) -> None:
    tainted = made_by(RESTRICTED)
    body = student_on(lane, tainted, tags={}, metadata=made_by(PERMITTED).metadata_by_key[dg.AssetKey("synthetic")])
    guard([tainted, body], ledger=lane.ledger_folder)
    assert wrapped_by(body.op) is not None
    tagged = body.map_asset_specs(lambda spec: spec.merge_attributes(tags=training()))
    result = dg.materialize([tainted, tagged], instance=lane.instance, raise_on_error=False)
    assert not result.success
    assert lane.trained == []


def test_a_context_of_any_kind_meets_the_gate(lane: Lane) -> None:
    tainted = made_by(RESTRICTED)

    @dg.asset(name="with_op_context", deps=[tainted.key], tags=training())
    def with_op_context(context: dg.OpExecutionContext) -> None:
        lane.mark("op context")

    @dg.asset(name="with_asset_context", deps=[tainted.key], tags=training(), retry_policy=dg.RetryPolicy(2))
    def with_asset_context(context: dg.AssetExecutionContext) -> None:
        lane.mark("asset context")

    assert not lane.run([tainted, with_op_context, with_asset_context]).success
    assert lane.trained == []
