"""A step that writes several assets: a blocked output stops only itself where Dagster lets the rest be made."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, failure_of, made_by

from lineage_guard import guard, training
from lineage_guard.dagster.collect.collect import collect
from lineage_guard.dagster.gate import hold, narrow

TRAINS = training()
NAMES = ("rival", "student", "log")


class Shelf(dg.IOManager):
    """Remembers what Dagster gave it to store."""

    def __init__(self) -> None:
        self.stored: dict[str, object] = {}

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        self.stored["/".join(context.asset_key.path)] = obj

    def load_input(self, context: dg.InputContext) -> object:
        return self.stored["/".join(context.asset_key.path)]


def tables() -> list[dg.AssetsDefinition]:
    return [made_by(RESTRICTED, name="tainted"), made_by(PERMITTED, name="clean")]


def specs(**more: Any) -> list[dg.AssetSpec]:
    return [
        dg.AssetSpec("rival", deps=["tainted"], tags=TRAINS, **more),
        dg.AssetSpec("student", deps=["clean"], tags=TRAINS, **more),
        dg.AssetSpec("log", deps=["clean"], **more),
    ]


def results(lane: Lane, context: dg.AssetExecutionContext) -> list[dg.MaterializeResult]:
    keys = sorted(context.selected_asset_keys)
    assert context.is_subset is (len(keys) < 3)
    assert {context.asset_key_for_output(n) for n in context.op_execution_context.selected_output_names} == set(keys)
    assert set(context.assets_def.keys) == set(keys)
    for key in keys:
        lane.mark(key.to_user_string())
    return [dg.MaterializeResult(asset_key=key) for key in keys]


def generator(lane: Lane) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs(), can_subset=True)
    def many(context: dg.AssetExecutionContext):
        yield from results(lane, context)

    return many


def sync(lane: Lane) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs(), can_subset=True)
    def many(context: dg.AssetExecutionContext):
        return tuple(results(lane, context))

    return many


def returns_a_generator(lane: Lane) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs(), can_subset=True)
    def many(context: dg.AssetExecutionContext):
        return (each for each in results(lane, context))

    return many


def asynchronous(lane: Lane) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs(), can_subset=True)
    async def many(context: dg.AssetExecutionContext):
        return tuple(results(lane, context))

    return many


def async_generator(lane: Lane) -> dg.AssetsDefinition:
    @dg.multi_asset(specs=specs(), can_subset=True)
    async def many(context: dg.AssetExecutionContext):
        for each in results(lane, context):
            yield each

    return many


def outputs(lane: Lane) -> dg.AssetsDefinition:
    parents = {"rival": "tainted", "student": "clean", "log": "clean"}
    outs = {n: dg.AssetOut(is_required=False, tags=TRAINS if n != "log" else {}) for n in NAMES}

    @dg.multi_asset(
        outs=outs,
        ins={p: dg.AssetIn(p, dagster_type=dg.Nothing) for p in ("tainted", "clean")},
        internal_asset_deps={n: {dg.AssetKey(p)} for n, p in parents.items()},
        can_subset=True,
    )
    def many(context: dg.AssetExecutionContext):
        for name in NAMES:
            if name in context.op_execution_context.selected_output_names:
                lane.mark(name)
                yield dg.Output(1, name)

    return many


def materialized(lane: Lane, *names: str) -> list[str]:
    return [n for n in names if lane.instance.get_latest_materialization_event(dg.AssetKey(n)) is not None]


@pytest.mark.parametrize(
    "shape", [generator, sync, returns_a_generator, asynchronous, async_generator, outputs], ids=lambda f: f.__name__
)
def test_what_is_permitted_is_made_and_the_step_fails_for_the_rest(shape: Callable[..., Any], lane: Lane) -> None:
    result = lane.run([*tables(), shape(lane)])
    assert not result.success
    assert sorted(lane.trained) == ["log", "student"]
    assert materialized(lane, *NAMES) == ["student", "log"]
    failure = failure_of(result, "many")
    text = failure.description or ""
    assert text.startswith("BLOCKED  default:rival (train_competing)")
    assert "default:student (" not in text
    assert "rival may not be made. log, student are made all the same" in text
    assert failure.metadata["lineage_guard/decision"].value == "BLOCKED"
    assert "STEP_UP_FOR_RETRY" not in {e.event_type_value for e in result.all_events}
    event = lane.instance.get_latest_materialization_event(dg.AssetKey("student"))
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.metadata["lineage_guard/decision"].value == "ALLOWED"


def test_the_ledger_has_the_one_as_made_and_the_other_as_failed(lane: Lane) -> None:
    assets = [*tables(), generator(lane)]
    lane.run(assets)
    graph = dg.Definitions(assets=assets).resolve_asset_graph()
    collect(lane.instance, graph, lane.ledger, namespace="default", now=datetime.now(UTC))
    states: dict[str, list[str]] = {}
    for _, event in lane.ledger.events(None):
        states.setdefault(event["job"]["name"], []).append(event["eventType"])
    assert "COMPLETE" in states["student"]
    assert "FAIL" not in states["student"]
    assert "FAIL" in states["rival"]
    assert "COMPLETE" not in states["rival"]


def test_what_the_same_step_makes_from_a_blocked_output_is_left_out_too(lane: Lane) -> None:
    more = [dg.AssetSpec("report", deps=["rival"]), dg.AssetSpec("summary", deps=["report"])]

    @dg.multi_asset(specs=[*specs(), *more], can_subset=True)
    def many(context: dg.AssetExecutionContext):
        for key in sorted(context.selected_asset_keys):
            lane.mark(key.to_user_string())
            yield dg.MaterializeResult(asset_key=key)

    text = failure_of(lane.run([*tables(), many]), "many").description or ""
    assert sorted(lane.trained) == ["log", "student"]
    assert "rival may not be made, nor report, summary, made from it in the same step." in text


def test_checks_of_what_is_left_run_and_those_of_the_blocked_do_not(lane: Lane) -> None:
    checks = [dg.AssetCheckSpec("good", asset=name) for name in NAMES]

    @dg.multi_asset(specs=specs(), check_specs=checks, can_subset=True)
    def many(context: dg.AssetExecutionContext):
        assert {c.asset_key for c in context.selected_asset_check_keys} == set(context.selected_asset_keys)
        for key in sorted(context.selected_asset_keys):
            yield dg.MaterializeResult(
                asset_key=key, check_results=[dg.AssetCheckResult(check_name="good", asset_key=key, passed=True)]
            )

    result = lane.run([*tables(), many])
    assert {e.asset_key.to_user_string() for e in result.get_asset_check_evaluations()} == {"student", "log"}
    assert materialized(lane, *NAMES) == ["student", "log"]


def heedless(lane: Lane) -> dg.AssetsDefinition:
    outs = {
        n: dg.AssetOut(is_required=False, io_manager_key="shelf", tags=TRAINS) for n in ("student", "rival", "third")
    }

    @dg.multi_asset(
        outs=outs,
        ins={p: dg.AssetIn(p, dagster_type=dg.Nothing) for p in ("tainted", "clean")},
        internal_asset_deps={
            "student": {dg.AssetKey("clean")},
            "rival": {dg.AssetKey("tainted")},
            "third": {dg.AssetKey("clean")},
        },
        can_subset=True,
    )
    def many(context: dg.AssetExecutionContext):
        for name in outs:
            lane.mark(name)
            yield dg.Output(name, name)

    return many


def test_a_blocked_output_that_the_code_yields_all_the_same_is_never_stored(lane: Lane) -> None:
    shelf = Shelf()
    result = lane.run([*tables(), heedless(lane)], resources={"shelf": shelf})
    assert shelf.stored == {"student": "student"}
    assert materialized(lane, "student", "rival", "third") == ["student"]
    assert lane.trained == ["student", "rival"], "the code is not let on after it was caught"
    assert "made 'rival' although it was not selected" in (failure_of(result, "many").description or "")


def test_without_the_refusal_it_would_be_stored(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrow.Outputs, "allow", lambda self, event: event)
    shelf = Shelf()
    lane.run([*tables(), heedless(lane)], resources={"shelf": shelf})
    assert "rival" in shelf.stored


@pytest.mark.parametrize("event", [dg.MaterializeResult, dg.AssetMaterialization], ids=lambda c: c.__name__)
def test_a_result_or_a_materialisation_of_a_blocked_asset_is_refused(event: Any, lane: Lane) -> None:
    @dg.multi_asset(specs=specs(), can_subset=True)
    def many(context: dg.AssetExecutionContext):
        yield event(asset_key=dg.AssetKey("rival"))

    result = lane.run([*tables(), many])
    assert materialized(lane, *NAMES) == []
    assert "made 'rival' although it was not selected" in (failure_of(result, "many").description or "")


def test_code_that_cannot_know_what_is_selected_does_not_run_at_all(lane: Lane) -> None:
    @dg.multi_asset(specs=specs(), can_subset=True)
    def many():
        lane.mark("ran")
        for name in NAMES:
            yield dg.MaterializeResult(asset_key=name)

    text = failure_of(lane.run([*tables(), many]), "many").description or ""
    assert lane.trained == []
    assert "rival may not be made. The code that writes log, student too never asks what is wanted." in text


def test_plain_values_of_all_outputs_at_once_are_not_stored(lane: Lane) -> None:
    outs = {n: dg.AssetOut(is_required=False, io_manager_key="shelf", tags=TRAINS) for n in ("rival", "student")}

    @dg.multi_asset(
        outs=outs,
        ins={p: dg.AssetIn(p, dagster_type=dg.Nothing) for p in ("tainted", "clean")},
        internal_asset_deps={"rival": {dg.AssetKey("tainted")}, "student": {dg.AssetKey("clean")}},
        can_subset=True,
    )
    def many(context: dg.AssetExecutionContext):
        return 1, 2

    shelf = Shelf()
    result = lane.run([*tables(), many], resources={"shelf": shelf})
    assert shelf.stored == {}
    assert "returned all its outputs at once" in (failure_of(result, "many").description or "")


def test_one_that_cannot_subset_stops_whole_and_names_the_output(lane: Lane) -> None:
    @dg.multi_asset(specs=specs())
    def many(context: dg.AssetExecutionContext):
        lane.mark("ran")
        for name in NAMES:
            yield dg.MaterializeResult(asset_key=name)

    text = failure_of(lane.run([*tables(), many]), "many").description or ""
    assert lane.trained == []
    assert text.startswith("BLOCKED  default:rival")
    assert "rival may not be made. The same step writes log, student and cannot do one alone." in text


def test_an_observed_output_is_made_beside_an_enforced_one(lane: Lane) -> None:
    lane.arguments["mode"] = {"key:student": "observe"}

    @dg.multi_asset(
        specs=[dg.AssetSpec(n, deps=["tainted"], tags=TRAINS) for n in ("rival", "student")], can_subset=True
    )
    def many(context: dg.AssetExecutionContext):
        for key in sorted(context.selected_asset_keys):
            lane.mark(key.to_user_string())
            yield dg.MaterializeResult(asset_key=key)

    lane.run([*tables(), many])
    assert lane.trained == ["student"]


def test_selecting_and_a_second_run_in_the_same_process_see_nothing_of_the_first(lane: Lane) -> None:
    assets = guard([*tables(), generator(lane)], ledger=lane.ledger_folder)
    job = dg.Definitions(assets=assets).resolve_implicit_global_asset_job_def()
    for _ in range(2):
        assert not job.execute_in_process(instance=lane.instance, raise_on_error=False).success
    assert lane.trained == ["log", "student"] * 2
    made = dg.materialize(assets, instance=lane.instance, selection=["student"])
    assert made.success
    assert lane.trained[4:] == ["student"]


def graph_of_two(lane: Lane, can_subset: bool) -> dg.AssetsDefinition:
    @dg.op(ins={"after": dg.In(dg.Nothing)})
    def train_rival():
        lane.mark("train_rival")
        return 1

    @dg.op(ins={"after": dg.In(dg.Nothing)})
    def prepare():
        lane.mark("prepare")
        return 1

    @dg.op
    def train_student(rows):
        lane.mark("train_student")
        return rows

    @dg.graph(out={"rival": dg.GraphOut(), "student": dg.GraphOut()})
    def both(tainted, clean):
        return {"rival": train_rival(after=tainted), "student": train_student(prepare(after=clean))}

    return dg.AssetsDefinition.from_graph(
        both,
        keys_by_input_name={"tainted": dg.AssetKey("tainted"), "clean": dg.AssetKey("clean")},
        internal_asset_deps={"rival": {dg.AssetKey("tainted")}, "student": {dg.AssetKey("clean")}},
        tags_by_output_name={"rival": TRAINS, "student": TRAINS},
        can_subset=can_subset,
    )


def test_ops_of_a_graph_that_make_nothing_blocked_run(lane: Lane) -> None:
    result = lane.run([*tables(), graph_of_two(lane, can_subset=True)])
    assert sorted(lane.trained) == ["prepare", "train_student"]
    assert materialized(lane, "rival", "student") == ["student"]
    assert [e.step_key for e in result.get_step_failure_events()] == ["both.train_rival"]


def test_no_op_of_a_graph_that_cannot_subset_runs(lane: Lane) -> None:
    lane.run([*tables(), graph_of_two(lane, can_subset=False)])
    assert lane.trained == []


def one_graph(lane: Lane, between: Callable[[], None]) -> dg.AssetsDefinition:
    @dg.op(ins={"after": dg.In(dg.Nothing)})
    def prepare():
        lane.mark("prepare")
        between()
        return 1

    @dg.op
    def fit(rows):
        lane.mark("fit")
        return rows

    @dg.op
    def export(weights):
        lane.mark("export")
        return weights

    @dg.graph_asset(name="student", ins={"clean": dg.AssetIn("clean")}, tags=TRAINS)
    def student(clean):
        return export(fit(prepare(after=clean)))

    return student


def test_the_ops_of_one_graph_ask_once_as_long_as_nothing_changes(lane: Lane) -> None:
    assert lane.run([made_by(PERMITTED, name="clean"), one_graph(lane, lambda: None)]).success
    assert lane.trained == ["prepare", "fit", "export"]
    assert len(lane.ledger.decisions("default", "student", 10)) == 1


def test_an_upstream_written_again_between_two_ops_is_asked_about_again(lane: Lane) -> None:
    def write_again() -> None:
        again = guard([made_by(RESTRICTED, name="clean")], ledger=lane.ledger_folder)
        assert dg.materialize(again, instance=lane.instance).success

    result = lane.run([made_by(PERMITTED, name="clean"), one_graph(lane, write_again)])
    assert not result.success
    assert lane.trained == ["prepare"]
    assert len(lane.ledger.decisions("default", "student", 10)) >= 2


def test_what_another_process_writes_while_an_answer_is_found_makes_the_next_op_ask_again(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = hold.record

    def meanwhile(*args: Any) -> Any:
        at = datetime.now(UTC).isoformat()
        run = {"runId": "00000000-0000-4000-8000-000000000000"}
        job = {"namespace": "elsewhere", "name": "job"}
        event = {"eventType": "START", "eventTime": at, "producer": "https://example.com", "run": run, "job": job}
        lane.ledger.append([event])
        return real(*args)

    monkeypatch.setattr(hold, "record", meanwhile)
    assert lane.run([made_by(PERMITTED, name="clean"), one_graph(lane, lambda: None)]).success
    assert len(lane.ledger.decisions("default", "student", 10)) == 3
