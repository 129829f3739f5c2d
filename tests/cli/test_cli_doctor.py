"""Every examination of `doctor` on a real deployment that has the defect, and on one that has not."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.defs_state.base import set_defs_state_storage

from lineage_guard.cli.doctor import collection, sensor
from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, failed
from lineage_guard.dagster.target import Target

HEAD = """
import dagster as dg
import lineage_guard
from datetime import datetime, timedelta, UTC
from lineage_guard import ModelSource, declare, source, training
from lineage_guard.domain.rules.waivers import Waiver

@dg.asset(metadata=source(human=True))
def letters(): ...
"""
STUDENT = """
@dg.asset(deps=[letters], tags=training())
def student(): ...
"""
GUARDED = "\ndefs = lineage_guard.guard(dg.Definitions(assets=[letters, student]))\n"
CLEAN = HEAD + STUDENT + GUARDED


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    (folder / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    for name in [n for n in os.environ if n.startswith(("LINEAGE_GUARD_", "OPENLINEAGE_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    return folder


Look = Callable[..., list[Result]]


@pytest.fixture
def look(home: Path, tmp_path: Path) -> Iterator[Look]:
    """Write code, load it as doctor does, and do some examinations on it."""
    opened: list[Patient] = []

    def at(
        code: str | dict[str, str], *modules: str, now: datetime | None = None, ledger: str | None = None
    ) -> list[Result]:
        files = {"deployment.py": code} if isinstance(code, str) else code
        for name, text in files.items():
            sys.modules.pop(Path(name).stem, None)  # Dagster keeps what it loaded
            (tmp_path / name).write_text(text)
        targets = Target(files=tuple(str(tmp_path / name) for name in files))
        patient = Patient(targets, ledger, False, now or datetime.now(UTC))
        opened.append(patient)
        needed = ("locations", "instance", "ledger")
        with set_defs_state_storage(None):
            done = {m: import_module(f"lineage_guard.cli.doctor.{m}").examine(patient) for m in (*needed, *modules)}
        return [r for m in modules for r in done[m]]

    yield at
    for patient in opened:
        patient.close()


def run(code: str, tmp_path: Path, *select: str) -> None:
    """Materialise assets of a deployment in the instance of DAGSTER_HOME."""
    names: dict[str, object] = {}
    exec(compile(code, "deployment.py", "exec"), names)
    defs = names["defs"]
    assert isinstance(defs, dg.Definitions)
    with dg.DagsterInstance.get() as instance:
        assert dg.materialize(list(defs.assets), selection=list(select), instance=instance).success


def states(results: list[Result]) -> dict[str, str]:
    return {r.check: r.state for r in results}


def the(results: list[Result], check: str) -> Result:
    [found] = [r for r in results if r.check == check and r.state != "ok"] or [r for r in results if r.check == check]
    if found.state != "ok":
        assert found.fix, "what is not ok says how to mend it"
    return found


QUIET = (
    "locations",
    "training",
    "upstream",
    "others",
    "paths",
    "rules",
    "modes",
    "agreement",
    "collection",
    "delivery",
    "neighbours",
)


def test_a_clean_deployment_gives_no_false_alarm(look: Look) -> None:
    results = look(CLEAN, *QUIET)
    assert set(states(results).values()) == {"ok"}, [r for r in results if r.state != "ok"]


def test_training_without_a_gate_and_what_looks_like_it(look: Look) -> None:
    late = """
defs = lineage_guard.guard(dg.Definitions(assets=[letters]))
defs = dg.Definitions.merge(defs, dg.Definitions(assets=[student]))
"""
    found = the(look(HEAD + STUDENT + late, "training"), "training assets")
    assert found.state == "fail"
    assert "student" in found.found
    unmarked = """
@dg.asset(deps=[letters], kinds={"pytorch"})
def weights(): ...

@dg.asset(deps=[letters])
def finetune_german(): ...

@dg.asset(deps=[letters])
def training_data(): ...

defs = lineage_guard.guard(dg.Definitions(assets=[letters, student, weights, finetune_german, training_data]))
"""
    results = look(HEAD + STUDENT + unmarked, "training")
    hint = the(results, "unmarked training")
    assert hint.state == "hint"
    assert "finetune_german, weights" in hint.found
    assert "training_data" not in hint.found
    assert not failed(results), "a hint is no error"


def test_a_location_without_the_plugin_is_open_unless_the_coordinator_is_there(look: Look, home: Path) -> None:
    code = {
        "deployment.py": CLEAN,
        "bare.py": HEAD.replace("letters", "other") + "\ndefs = dg.Definitions(assets=[other])\n",
    }
    found = the(look(code, "paths"), "run coordinator")
    assert found.state == "fail"
    assert "every launch path of bare.py is open" in found.found
    (home / "dagster.yaml").write_text(
        "telemetry:\n  enabled: false\n"
        "run_coordinator:\n"
        "  module: lineage_guard.dagster.coordinator.coordinator\n"
        "  class: GuardedQueuedRunCoordinator\n"
    )
    found = the(look(code, "paths"), "run coordinator")
    assert found.state == "warn"
    assert "`dagster asset materialize`" in found.found


def test_an_op_that_a_training_graph_shares_with_a_plain_job_is_named(look: Look) -> None:
    shared = """
@dg.op
def load(): return 1

@dg.op
def fit(x): return x

@dg.graph_asset(tags=training())
def weights():
    return fit(load())

@dg.job
def nightly():
    load()

@dg.op
def nothing(): ...

@dg.job
def retrain():
    nothing()

defs = lineage_guard.guard(dg.Definitions(assets=[letters, student, weights], jobs=[nightly, retrain]))
"""
    results = [r for r in look(HEAD + STUDENT + shared, "paths") if r.check == "jobs of plain ops"]
    assert [r.state for r in results] == ["warn", "hint"]
    assert "nightly (weights)" in results[0].found
    assert "retrain" in results[1].found


def test_training_code_that_an_asset_without_a_gate_calls_is_named(look: Look) -> None:
    code = (
        HEAD
        + """
def train_model(rows): ...
def read(path): ...

@dg.asset(deps=[letters], tags=training())
def student():
    train_model(read("x"))

@dg.asset(deps=[letters])
def experiment():
    train_model(read("y"))

@dg.asset(deps=[letters])
def report():
    read("z")

defs = lineage_guard.guard(dg.Definitions(assets=[letters, student, experiment, report]))
"""
    )
    found = the(look(code, "paths"), "training code")
    assert found.state == "hint"
    assert "train_model() in experiment" in found.found
    assert "report" not in found.found


def test_what_a_selection_leaves_out_and_what_is_only_watched_is_named(look: Look) -> None:
    two = "\n@dg.asset(deps=[letters], tags=training(), group_name='lab')\ndef trial(): ...\n"
    defs = "\ndefs = lineage_guard.guard(dg.Definitions(assets=[letters, student, trial]), {how})\n"
    results = look(HEAD + STUDENT + two + defs.format(how="select='key:student'"), "paths", "modes")
    assert "trial" in the(results, "selection").found
    results = look(HEAD + STUDENT + two + defs.format(how="mode={'group:lab': 'observe'}"), "paths", "modes")
    assert "selection" not in states(results)
    found = the(results, "modes")
    assert found.state == "warn"
    assert "observe" in found.found
    assert "trial" in found.found
    assert "student" not in found.found
    results = look(HEAD + STUDENT + two + defs.format(how="policy='observe'"), "modes")
    assert "no rule of their policy stops anything: student, trial" in the(results, "modes").found


def test_waivers_that_end_soon_or_have_ended_are_named(look: Look) -> None:
    code = (
        HEAD
        + STUDENT
        + (
            "\ndef until(n, days):\n"
            "    end = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=days)\n"
            "    return Waiver(n, 'model-terms', 'student', 'r', 'a', 'b', 'T-1', expires=end)\n"
            "defs = lineage_guard.guard(dg.Definitions(assets=[letters, student]),\n"
            "    waivers=[until('over', -1), until('soon', 5), until('far', 500)])\n"
        )
    )
    results = [r for r in look(code, "rules", now=datetime(2026, 1, 1, tzinfo=UTC)) if r.check == "waivers"]
    assert [r.state for r in results] == ["warn", "warn"]
    assert "expired: over" in results[0].found
    assert "about to expire: soon on 2026-01-06" in results[1].found
    assert "far" not in results[0].found + results[1].found


def test_a_file_of_waivers_is_looked_into(look: Look, tmp_path: Path) -> None:
    file = tmp_path / "waivers.yaml"
    entry = "asset: student, requested_by: ann, reason_code: EMERGENCY, reason: r, ticket: T-1, expires: 2999-01-01"
    file.write_text(
        "format: 1\nwaivers:\n"
        f"  - {{id: asked, rule: missing-provenance, approved_by: null, {entry}}}\n"
        f"  - {{id: astray, rule: no-such-rule, approved_by: bob, {entry}}}\n"
    )
    defs = f"defs = lineage_guard.guard(dg.Definitions(assets=[letters, student]), waivers={str(file)!r})\n"
    now = datetime(2026, 1, 1, tzinfo=UTC)
    results = [r for r in look(HEAD + STUDENT + "\n" + defs, "rules", now=now) if r.check == "waivers"]
    assert [(r.state, r.found.split(": ")[0]) for r in results] == [
        ("hint", "asked for and not approved"),
        ("warn", "for rules that policy default has not"),
    ]
    file.write_text(file.read_text().replace("bob", "ann"))
    [broken] = [r for r in look(HEAD + STUDENT + "\n" + defs, "rules", now=now) if r.check == "waivers"]
    assert broken.state == "fail"
    assert "approved their own request; every training step is blocked" in broken.found


def test_rules_on_what_is_nearly_known_are_named(look: Look, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "format: 1\nname: team\nimport: default\nrules:\n"
        "  - {id: a, on: model, when: {model: [gtp-4o, acme-1]}, effect: block, reason: r, fix: f}\n"
        "  - {id: b, on: gap, when: {dataset: 'default:lettres'}, effect: block, reason: r, fix: f}\n"
        "  - {id: c, on: gap, when: {asset: [student, '!studnet', tutor]}, effect: block, reason: r, fix: f}\n"
    )
    defs = f"defs = lineage_guard.guard(dg.Definitions(assets=[letters, student]), policy={str(file)!r})\n"
    ok, doubt, hint = (r for r in look(HEAD + STUDENT + "\n" + defs, "rules") if r.check == "policy")
    assert [r.state for r in (ok, doubt, hint)] == ["ok", "warn", "hint"]
    assert f"{file}:5:39: no known model is called 'gtp-4o', so rule 'a' may never hold (gpt-4o)" in doubt.found
    assert "acme-1" not in doubt.found
    assert hint.found == "no asset here is called default:lettres in rule b (letters), studnet in rule c (student)"


def test_rules_on_a_group_or_an_owner_that_nearly_is_one_are_named(look: Look, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "format: 1\nname: team\nimport: default\nrules:\n"
        "  - {id: a, on: gap, when: {asset_group: [defualt, shop, 'def*']}, effect: block, reason: r, fix: f}\n"
        "  - {id: b, on: gap, when: {asset_tag: lineage_guard/use=train_competin}, effect: block, reason: r, fix: f}\n"
    )
    defs = f"defs = lineage_guard.guard(dg.Definitions(assets=[letters, student]), policy={str(file)!r})\n"
    ok, hint = (r for r in look(HEAD + STUDENT + "\n" + defs, "rules") if r.check == "policy")
    assert (ok.state, hint.state) == ("ok", "hint")
    assert hint.found == (
        "no asset here has defualt of the group in rule a (default), "
        "lineage_guard/use=train_competin of the tags in rule b (lineage_guard/use=train_competing)"
    )


def test_gates_that_look_at_different_ledgers_are_found_in_the_code_and_in_what_they_said(
    look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = {
        "deployment.py": CLEAN,
        "second.py": CLEAN.replace("letters", "notes")
        .replace("student", "pupil")
        .replace("pupil]))", f"pupil]), ledger={str(tmp_path / 'elsewhere')!r})"),
    }
    found = the(look(code, "agreement"), "agreement")
    assert found.state == "fail"
    assert "elsewhere" in found.found

    from lineage_guard.dagster.installed import GATE, footing, note
    from lineage_guard.dagster.settings import Settings, rulebook

    monkeypatch.setenv("LINEAGE_GUARD_LEDGER", str(tmp_path / "of the steps"))
    catalog, policy = rulebook(Settings())
    with dg.DagsterInstance.get() as instance:
        note(instance, GATE, "deployment.py", footing(Settings(), policy, catalog))
    monkeypatch.delenv("LINEAGE_GUARD_LEDGER")
    found = the(look(CLEAN, "agreement"), "agreement")
    assert found.state == "fail"
    assert "the gate of deployment.py when it last ran" in found.found
    assert "of the steps" in found.found


@pytest.mark.long
def test_a_collection_that_is_stale(look: Look, tmp_path: Path) -> None:
    run(CLEAN, tmp_path, "letters")
    assert the(look(CLEAN, "collection"), "collection").state == "warn", "nothing was ever collected"
    from lineage_guard.dagster.collect.collect import collect
    from lineage_guard.ledger import open_ledger

    names: dict[str, dg.Definitions] = {}
    exec(CLEAN, names)
    with dg.DagsterInstance.get() as instance:
        graph = names["defs"].resolve_asset_graph()
        ledger = open_ledger(os.environ["DAGSTER_HOME"] + "/lineage_guard")
        collect(instance, graph, ledger, namespace="default", now=datetime.now(UTC))
    later = datetime.now(UTC) + timedelta(days=2)
    assert the(look(CLEAN, "collection", now=later), "collection").state == "ok", "nothing happened since"
    run(CLEAN, tmp_path, "letters")
    assert the(look(CLEAN, "collection"), "collection").state == "ok", "what just happened is not stale"
    found = the(look(CLEAN, "collection", now=datetime.now(UTC) + collection.STALE * 2), "collection")
    assert found.state == "fail"
    assert "30 min old" in found.found


@pytest.mark.long
def test_a_sensor_that_is_off_or_fails_and_a_daemon_that_is_dead(look: Look) -> None:
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteInstigatorOrigin, RemoteRepositoryOrigin
    from dagster._core.scheduler.instigation import (
        InstigatorState,
        InstigatorStatus,
        SensorInstigatorData,
        TickData,
        TickStatus,
    )
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._daemon.types import DaemonHeartbeat
    from dagster._utils.error import SerializableErrorInfo

    assert the(look(CLEAN, "sensor"), "sensor").state == "warn"
    now = datetime.now(UTC)
    target = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(python_file="deployment.py"), location_name="deployment.py"
    )
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(target, "__repository__"), "lineage_guard")

    def state(status: InstigatorStatus) -> InstigatorState:
        return InstigatorState(origin, InstigatorType.SENSOR, status, SensorInstigatorData(min_interval=30))

    with dg.DagsterInstance.get() as instance:
        running = state(InstigatorStatus.DECLARED_IN_CODE)
        instance.add_instigator_state(running)
        instance.add_daemon_heartbeat(DaemonHeartbeat(now.timestamp(), "SENSOR", "d"))
        assert "never ticked" in the(look(CLEAN, "sensor"), "sensor").found

        def ticked(status: TickStatus, at: datetime, error: SerializableErrorInfo | None = None) -> None:
            instance.create_tick(
                TickData(
                    origin.get_id(),
                    "lineage_guard",
                    InstigatorType.SENSOR,
                    status,
                    at.timestamp(),
                    selector_id=running.selector_id,
                    error=error,
                )
            )

        ticked(TickStatus.SKIPPED, now)
        assert the(look(CLEAN, "sensor"), "sensor").state == "ok"
        soon = now + sensor.SILENT / 2
        assert the(look(CLEAN, "sensor", now=soon), "sensor").state == "ok"
        found = the(look(CLEAN, "sensor", now=now + timedelta(hours=1)), "sensor")
        assert (found.state, "daemon" in found.found) == ("fail", True)
        instance.add_daemon_heartbeat(DaemonHeartbeat((now + timedelta(hours=1)).timestamp(), "SENSOR", "d"))
        found = the(look(CLEAN, "sensor", now=now + timedelta(hours=1)), "sensor")
        assert (found.state, "its last tick was 60 min ago" in found.found) == ("fail", True)
        ticked(TickStatus.FAILURE, now + timedelta(hours=1), SerializableErrorInfo("ledger is gone", [], "LedgerError"))
        found = the(look(CLEAN, "sensor", now=now + timedelta(hours=1)), "sensor")
        assert (found.state, "ledger is gone" in found.found) == ("fail", True)
        instance.update_instigator_state(running.with_status(InstigatorStatus.STOPPED))
        found = the(look(CLEAN, "sensor"), "sensor")
        assert (found.state, found.found) == ("fail", "it was stopped")


def test_events_that_were_not_delivered_are_named(look: Look, home: Path) -> None:
    from lineage_guard.cli.doctor.delivery import STATE
    from lineage_guard.ledger import open_ledger
    from lineage_guard.openlineage.deliver import drain
    from lineage_guard.openlineage.encode import event_of

    assert look(CLEAN, "delivery") == []
    from lineage_guard.domain.facts import Production, Version
    from lineage_guard.domain.verdict.runs import AssetRun, RunState, asset_run_id

    at = datetime.now(UTC)
    made = asset_run_id("r", "letters", None, at)
    version = Version("default", "letters", None, made)
    ledger = open_ledger(home / "lineage_guard")
    ledger.append([event_of(AssetRun(made, RunState.COMPLETE, at, "default", "letters", Production((version,))))])
    dead = {"transport": {"type": "http", "url": "http://127.0.0.1:9", "timeout": 1}}
    assert drain(ledger, dead, attempts=1).error
    assert ledger.load(STATE) is not None
    found = the(look(CLEAN, "delivery"), "OpenLineage events")
    assert (found.state, "delivery stopped" in found.found) == ("warn", True)
    out = home / "events.jsonl"
    assert (
        drain(ledger, {"transport": {"type": "file", "log_file_path": str(out), "append": True}}, force=True).error
        is None
    )
    assert the(look(CLEAN, "delivery"), "OpenLineage events").state == "ok"


def test_dagster_openlineage_beside_us(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    beside = CLEAN + (
        "\nfrom dagster_openlineage import openlineage_sensor\n"
        "defs = dg.Definitions.merge(defs, dg.Definitions(sensors=[openlineage_sensor()]))\n"
    )
    found = the(look(beside, "neighbours"), "dagster-openlineage")
    assert found.state == "hint"
    assert "openlineage_sensor" in found.found
    named = beside.replace("student]))", "student]), namespace='prod')")
    found = the(look(named, "neighbours"), "dagster-openlineage")
    assert found.state == "warn"
    assert "OPENLINEAGE_NAMESPACE=prod" in found.fix
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "prod")
    assert the(look(named, "neighbours"), "dagster-openlineage").state == "hint"


def test_code_that_launches_runs_here_and_was_not_shown(look: Look, home: Path, tmp_path: Path) -> None:
    from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
    from dagster._core.test_utils import create_run_for_test
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    with dg.DagsterInstance.get() as instance:
        for location in ("deployment.py", "somebody_elses"):
            target = InProcessCodeLocationOrigin(LoadableTargetOrigin(python_file="x.py"), location_name=location)
            origin = RemoteJobOrigin(RemoteRepositoryOrigin(target, "__repository__"), "job")
            create_run_for_test(instance, job_name="job", remote_job_origin=origin)
    found = the(look(CLEAN, "others"), "other code locations")
    assert found.state == "hint"
    assert "somebody_elses" in found.found
    assert "deployment.py" not in found.found


def test_private_names_that_moved_are_named_with_the_version(monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.definitions import data_version

    from lineage_guard.cli.doctor import names

    patient = Patient(Target(), None, False, datetime.now(UTC))
    [found] = names.examine(patient)
    assert found.state == "ok"
    assert len(names.private_names()) > 20
    monkeypatch.delattr(data_version, "CODE_VERSION_TAG")
    [found] = names.examine(patient)
    assert found.state == "fail"
    assert f"dagster {dg.__version__} has moved" in found.found
    assert "data_version.CODE_VERSION_TAG (for dagster/compat.py)" in found.found


def test_a_dagster_that_behaves_otherwise_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from lineage_guard.cli.doctor import internals
    from lineage_guard.dagster import compat

    patient = Patient(Target(), None, False, datetime.now(UTC))
    [found] = internals.examine(patient)
    assert found.state == "ok", found
    monkeypatch.setattr(compat, "loaded_up_to", lambda context: {})
    monkeypatch.setattr(compat, "is_stub", lambda metadata: False)
    [found] = internals.examine(patient)
    assert found.state == "fail"
    assert "a step knows what was newest when its inputs were loaded" in found.found
    assert "an asset that nothing defines is known as one" in found.found
    assert "meets the gate first" not in found.found
