"""Observe, warn, enforce: the same verdict each time, and what follows from it. Nothing that is let go is hidden."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, failure_of, made_by, undeclared
from pager import Pager

from lineage_guard import guard, training
from lineage_guard.dagster.keys import CHECK_NAME
from lineage_guard.dagster.modes import Modes, modes_from
from lineage_guard.dagster.sensor.sensor import Delivery, build_sensor
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.verdict.modes import Mode

WOULD = "would have been BLOCKED (observe)"


def student_of(lane: Lane, *parents: dg.AssetsDefinition, name: str = "student", **more) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=[p.key for p in parents], tags=training(), **more)
    def student() -> None:
        lane.mark(name)

    return student


def materialization_of(lane: Lane, name: str) -> Mapping[str, dg.MetadataValue]:
    event = lane.instance.get_latest_materialization_event(dg.AssetKey(name))
    assert event is not None
    assert event.asset_materialization is not None
    return event.asset_materialization.metadata


def logged(lane: Lane, result: dg.ExecuteInProcessResult, level: int) -> str:
    records = lane.instance.get_records_for_run(result.run_id).records
    return "\n".join(r.event_log_entry.user_message for r in records if r.event_log_entry.level == level)


@pytest.mark.parametrize(("mode", "runs"), [("observe", True), ("warn", True), ("enforce", False)])
def test_the_verdict_is_the_same_in_every_mode_and_only_what_follows_differs(mode: str, runs: bool, lane: Lane) -> None:
    lane.arguments["mode"] = mode
    synthetic = made_by(RESTRICTED)
    result = lane.run([synthetic, student_of(lane, synthetic)])
    assert result.success is runs
    assert lane.trained == (["student"] if runs else [])
    [decision] = lane.ledger.decisions("default", "student", 10)
    assert (decision["decision"], decision["stops"], decision["enforced"]) == ("BLOCK", True, not runs)
    assert decision.get("mode", "enforce") == mode
    assert {f["reason"] for f in decision["findings"]} == {"RESTRICTED_MODEL", "EXPECTATIONS_FAILED"}
    if not runs:
        assert (failure_of(result, "student").description or "").startswith("BLOCKED  default:student")
        return
    metadata = materialization_of(lane, "student")
    assert metadata["lineage_guard/decision"].value == f"would have been BLOCKED ({mode})"
    assert len(metadata["lineage_guard/findings"].value.records) == 2
    said = logged(lane, result, 30)
    assert f"would have been BLOCKED ({mode})  default:student (train_competing)" in said
    assert f"Nothing was stopped: this asset is in mode '{mode}'." in said


def test_a_clean_asset_reads_the_same_in_observe_as_in_enforce(lane: Lane) -> None:
    lane.arguments["mode"] = "observe"
    synthetic = made_by(PERMITTED)
    result = lane.run([synthetic, student_of(lane, synthetic)])
    assert result.success
    assert materialization_of(lane, "student")["lineage_guard/decision"].value == "ALLOWED"
    assert "BLOCKED" not in logged(lane, result, 30)


def test_unknown_provenance_would_have_been_blocked_too(lane: Lane) -> None:
    lane.arguments["mode"] = "observe"
    raw = undeclared()
    assert lane.run([raw, student_of(lane, raw)]).success
    decision = materialization_of(lane, "student")["lineage_guard/decision"].value
    assert decision == f"{WOULD}, NOT KNOWN TO BE CLEAN"


def break_ledger(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.ledger_folder.write_text("not a folder")


def break_policy(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    lane.arguments["policy"] = lane.folder / "policy.yaml"
    lane.arguments["policy"].write_text("rules: [")


def break_suites(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "great_expectations", None)


@pytest.mark.parametrize("break_it", [break_ledger, break_policy, break_suites])
def test_a_guard_that_cannot_see_lets_run_in_observe_and_shouts(
    break_it, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_it(lane, monkeypatch)
    lane.arguments["mode"] = "observe"
    synthetic = made_by(RESTRICTED)
    result = lane.run([synthetic, student_of(lane, synthetic)])
    assert result.success
    assert lane.trained == ["student"]
    level = 30 if break_it is break_suites else 40
    assert WOULD in logged(lane, result, level)
    assert materialization_of(lane, "student")["lineage_guard/decision"].value == WOULD
    if break_it is not break_suites:
        assert "GUARD_CANNOT_SEE" in logged(lane, result, 40)


def test_a_gate_that_cannot_even_be_imported_lets_run_in_observe_and_stops_in_enforce(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthetic = made_by(PERMITTED)
    watched, held = student_of(lane, synthetic, name="watched"), student_of(lane, synthetic, name="held")
    guard([watched], ledger=lane.ledger_folder, mode="observe")
    guard([synthetic, held], ledger=lane.ledger_folder)
    monkeypatch.setitem(sys.modules, "lineage_guard.dagster.gate.hold", None)
    monkeypatch.delattr("lineage_guard.dagster.gate.hold", raising=False)
    result = dg.materialize([synthetic, watched, held], instance=lane.instance, raise_on_error=False)
    assert lane.trained == ["watched"]
    assert "could not ask its gate about watched" in logged(lane, result, 40)


def test_training_code_in_another_place_runs_in_observe_and_shouts(lane: Lane) -> None:
    student = student_of(lane, made_by(RESTRICTED))
    guard([student], ledger=lane.ledger_folder, mode="observe")

    @dg.job
    def plain() -> None:
        student.op()

    result = plain.execute_in_process(instance=lane.instance, raise_on_error=False)
    assert result.success
    assert lane.trained == ["student"]
    assert WOULD in logged(lane, result, 40)


def two_groups(lane: Lane) -> list[dg.AssetsDefinition]:
    synthetic = made_by(RESTRICTED)
    return [
        synthetic,
        student_of(lane, synthetic, name="lab", group_name="experimental"),
        student_of(lane, synthetic, name="product", group_name="prod"),
    ]


@pytest.mark.parametrize(
    ("mode", "trained"),
    [
        ({"group:experimental": "observe", "*": "enforce"}, ["lab"]),
        ({"*": "enforce", "group:experimental": "observe"}, ["lab"]),
        ({"group:experimental": "observe"}, ["lab"]),
        ({"key:lab or key:product": "observe", "group:prod": "enforce"}, ["lab"]),
        ({"group:prod": "enforce", "key:lab or key:product": "observe"}, ["lab"]),
        ({"group:prod": "enforce", "*": "warn"}, ["lab"]),
        ({"*": "observe"}, ["lab", "product"]),
        ({"key:synthetic+": "warn"}, ["lab", "product"]),
    ],
)
def test_modes_by_selection_the_strictest_holds_and_order_means_nothing(
    mode: dict[str, str], trained: list[str], lane: Lane
) -> None:
    lane.arguments["mode"] = mode
    lane.run(two_groups(lane))
    assert sorted(lane.trained) == trained


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mode": "off"}, "there is no mode 'off'"),
        ({"mode": {"*": "Observe"}}, "there is no mode 'Observe'"),
        ({"mode": {}}, "no mode is given"),
        ({"mode": None}, "there is no mode None"),
        ({"mode": {"group experimental": "observe"}}, "Dagster cannot read the asset selection 'group experimental'"),
        ({"select": "group:"}, "Dagster cannot read the asset selection 'group:'"),
    ],
)
def test_what_cannot_be_understood_is_refused_when_the_code_is_loaded(arguments, said: str, lane: Lane) -> None:
    with pytest.raises(ConfigError, match=said):
        guard(two_groups(lane), ledger=lane.ledger_folder, **arguments)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"mode": {"group:experimntal": "observe"}}, "covers no training asset at all"),
        ({"mode": {"nobody": "observe"}}, "cannot be resolved"),
        ({"mode": {"key:synthetic": "enforce", "*": "observe"}}, "covers no training asset at all"),
        ({"select": "group:nope"}, "covers no training asset at all"),
        ({"select": dg.AssetSelection.assets("nobody")}, "cannot be resolved"),
    ],
)
def test_a_selection_that_covers_nothing_is_refused_at_load_and_stops_in_the_step(
    arguments, said: str, lane: Lane
) -> None:
    with pytest.raises(ConfigError, match=said):
        guard(dg.Definitions(assets=two_groups(lane)), ledger=lane.ledger_folder, **arguments)
    lane.arguments.update(arguments)  # a list is only a part of a deployment: what it covers is known in the step
    result = lane.run(two_groups(lane))
    assert lane.trained == []
    assert said in (failure_of(result, "lab").description or "")
    assert said in (failure_of(result, "product").description or "")


def test_a_selection_is_one_of_dagsters_own_too(lane: Lane) -> None:
    lane.arguments["select"] = dg.AssetSelection.groups("prod")
    result = lane.run(two_groups(lane))
    assert lane.trained == ["lab"]
    assert "lab trains without a gate" in logged(lane, result, 30)


def test_no_environment_variable_switches_a_mode(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LINEAGE_GUARD_MODE", "LINEAGE_GUARD_POLICY", "LINEAGE_GUARD_OBSERVE", "LINEAGE_GUARD_ENFORCE"):
        monkeypatch.setenv(name, "observe")
    synthetic = made_by(RESTRICTED)
    lane.run([synthetic, student_of(lane, synthetic)])
    assert lane.trained == []


def test_modes_are_read_once_and_compare_so_that_guarding_twice_with_others_is_refused(lane: Lane) -> None:
    assert modes_from({"key:b": "warn", "key:a": "observe"}) == Modes(
        Mode.ENFORCE, (("key:a", Mode.OBSERVE), ("key:b", Mode.WARN))
    )
    student = student_of(lane, made_by(RESTRICTED))
    guard([student], ledger=lane.ledger_folder, mode="observe")
    guard([student], ledger=lane.ledger_folder, mode={"*": "observe"})
    with pytest.raises(ConfigError, match="already guarded with other arguments"):
        guard([student], ledger=lane.ledger_folder)


def ticked(lane: Lane, defs: dg.Definitions, mode: str, told: Pager) -> dg.SensorResult | None:
    settings = Settings(ledger=str(lane.ledger_folder), mode=modes_from(mode))
    sensor = build_sensor(settings, Delivery(sinks=[told]))
    with dg.build_sensor_context(lane.instance, repository_def=defs.get_repository_def()) as context:
        result = sensor(context)
    return result if isinstance(result, dg.SensorResult) else None


def test_the_sensor_shows_what_is_observed_pages_for_a_warning_and_pages_on_the_day_of_enforcing(lane: Lane) -> None:
    synthetic = made_by(RESTRICTED)
    student = student_of(lane, synthetic)
    defs = guard(dg.Definitions(assets=[synthetic, student]), ledger=lane.ledger_folder, mode="observe")
    job = defs.resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=lane.instance).success
    check = dg.AssetCheckKey(student.key, CHECK_NAME)
    [shown, *_] = lane.instance.event_log_storage.get_asset_check_execution_history(check, limit=5)
    assert shown.evaluation is not None
    assert not shown.evaluation.passed
    assert shown.evaluation.severity is dg.AssetCheckSeverity.WARN
    assert WOULD in str(shown.evaluation.description)

    told = Pager()
    result = ticked(lane, defs, "observe", told)
    assert result is not None
    assert "0 stopped, 1 would be (not enforced)" in str(result.skip_reason)
    [event] = result.asset_events
    assert isinstance(event, dg.AssetCheckEvaluation)
    assert event.severity is dg.AssetCheckSeverity.WARN
    [alert] = told.alerts
    assert (alert.page, alert.headline.split("]")[0]) == (False, "[WOULD BLOCK (observe: nothing was stopped)")

    ticked(lane, defs, "warn", told)
    assert [(a.event, a.page) for a in told.alerts[1:]] == [("OPEN", True), ("RESOLVE", False)], "pages go first"
    ticked(lane, defs, "enforce", told)
    assert [(a.event, a.page) for a in told.alerts[3:]] == [("OPEN", True), ("RESOLVE", False)], "pages go first"
    assert told.alerts[-2].headline.startswith("[BLOCKED]")


def test_asking_from_the_command_line_says_the_mode(lane: Lane) -> None:
    from lineage_guard.catalog import load_catalog, load_policy
    from lineage_guard.dagster.gate.ask import Question, ask_deployment
    from lineage_guard.domain.verdict.explain import explain

    synthetic = made_by(RESTRICTED)
    defs = dg.Definitions(assets=[synthetic, student_of(lane, synthetic)])
    assert lane.run([synthetic]).success
    catalog = load_catalog()
    question = Question(
        name="student",
        use="train_competing",
        partition=None,
        namespace="default",
        policy=load_policy("default", catalog),
        waivers=(),
        at=datetime.now(UTC),
        modes=modes_from({"key:student": "observe"}),
    )
    answer = ask_deployment(question, lane.instance, defs.resolve_asset_graph(), lane.ledger, catalog)
    assert explain(answer.verdict).startswith(f"{WOULD}  default:student")


def test_a_rule_may_go_no_further_than_warn_and_does_not_misquote_the_terms(lane: Lane, tmp_path: Path) -> None:
    import lineage_guard.catalog

    shipped = (Path(lineage_guard.catalog.__file__).parent / "policies" / "default.yaml").read_text()
    policy = tmp_path / "mine.yaml"
    policy.write_text(shipped.replace("    effect: as_terms\n", "    effect: as_terms\n    at_most: warn\n", 1))
    lane.arguments["policy"] = policy
    synthetic, raw = made_by(RESTRICTED), undeclared()
    lane.run([synthetic, raw, student_of(lane, synthetic), student_of(lane, raw, name="other")])
    assert lane.trained == ["student"], "only the rule that was softened lets run"
    [decision] = lane.ledger.decisions("default", "student", 10)
    assert (decision["decision"], decision["stops"]) == ("WARN", False)
    assert (
        "do not permit train_competing; rule model-terms goes no further than warn"
        in decision["findings"][0]["message"]
    )
