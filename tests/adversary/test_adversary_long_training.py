"""Doors while training runs: an upstream that is made again between the gate's answer and the end of the step."""

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, failure_of, made_by

from lineage_guard import guard, training
from lineage_guard.alerts.state import read_state, state_name
from lineage_guard.domain.facts import Pin
from lineage_guard.ledger import Ledger, open_ledger

DEAD_END = "http://127.0.0.1:9/pager"


def tick(instance: dg.DagsterInstance, defs: dg.Definitions) -> None:
    """One tick of the guard's sensor, as the daemon asks for it."""
    [sensor] = [s for s in defs.sensors or () if s.name == "lineage_guard"]
    context = dg.build_sensor_context(instance=instance, repository_def=defs.get_repository_def())
    sensor(context)


def assert_marked(ledger: Ledger, source: str) -> None:
    """What must stand in the ledger and the outbox once the sensor has looked."""
    [trained] = ledger.latest("default", "student")
    read = [i for i in ledger.productions([trained])[trained].inputs if i.version.name == source]
    assert len({i.version.run for i in read}) == 2
    assert {i.pin for i in read} == {Pin.CONSERVATIVE}
    of_this_run = [d for d in ledger.decisions("default", "student") if d["runId"] == trained.run]
    assert [d["decision"] for d in of_this_run] == ["BLOCK", "ALLOW"]
    assert "may hold" in str(of_this_run[0]["findings"])
    _, outbox, _ = read_state(ledger, state_name(None))
    told = [w.alert for w in (*outbox.waiting, *outbox.dead) if w.sink != "log"]
    assert [a.event for a in told if "default:student" in a.targets] == ["OPEN"]


def test_a_version_trained_while_its_upstream_was_made_again_is_marked_and_blocks_what_is_trained_on_it(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINEAGE_GUARD_WEBHOOK_URL", DEAD_END)
    tainted = made_by(RESTRICTED)
    guard([tainted], ledger=lane.ledger_folder)

    @dg.asset(deps=["synthetic"], tags=training())
    def student() -> None:
        again = Thread(target=lambda: dg.materialize([tainted], instance=lane.instance))
        again.start()
        again.join()
        lane.mark("student")

    @dg.asset(deps=[student], tags=training())
    def finetuned() -> None:
        lane.mark("finetuned")

    assets: list[Any] = [made_by(PERMITTED), student, finetuned]
    assert lane.run(assets, selection=["synthetic", "student"]).success
    # The gate of what is trained on it collects for itself; no sensor has looked yet.
    result = lane.run(assets, selection=["finetuned"])
    assert "openai/gpt-4o" in (failure_of(result, "finetuned").description or "")
    assert lane.trained == ["student"]

    defs = guard(dg.Definitions(assets=assets), ledger=lane.ledger_folder)
    tick(lane.instance, defs)
    assert_marked(lane.ledger, "synthetic")
    events = len(list(lane.ledger.events()))
    tick(lane.instance, defs)
    assert len(list(lane.ledger.events())) == events, "the same is not said twice"


CODE = """
import os
import time
from pathlib import Path

import dagster as dg
import lineage_guard
from lineage_guard import ModelSource, synthetic_asset, training

HERE = Path(os.environ["HERE"])
MODELS = {
    "permitted": ModelSource("deepseek", "deepseek-r1", channel="self-hosted"),
    "restricted": ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com"),
}


@synthetic_asset(MODELS[os.environ.get("MODEL", "permitted")])
def rows(): ...


@dg.asset
def curated(rows): ...


@dg.asset(deps=[rows], tags=training())
def student():
    (HERE / "training").touch()
    while not (HERE / "go").exists():
        time.sleep(0.05)
    (HERE / "student").touch()


@dg.asset(deps=[student], tags=training())
def finetuned():
    (HERE / "finetuned").touch()


job = dg.define_asset_job("first", ["rows", "curated", "student"])
defs = lineage_guard.guard(dg.Definitions(assets=[rows, curated, student, finetuned], jobs=[job]))
"""


def until(seen: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    """Wait for something that a process does; a process that ended instead fails the test."""
    while not seen():
        if process.poll() is not None:
            raise AssertionError(process.communicate()[1][-3000:])
        time.sleep(0.05)


@pytest.mark.long
def test_two_processes_one_that_trains_for_long_and_one_that_makes_its_upstream_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    code = tmp_path / "deployment.py"
    code.write_text(CODE)
    for name in [n for n in os.environ if n.startswith(("LINEAGE_GUARD_", "OPENLINEAGE_"))]:
        monkeypatch.delenv(name)
    for name, value in {"DAGSTER_HOME": home, "HERE": tmp_path, "LINEAGE_GUARD_WEBHOOK_URL": DEAD_END}.items():
        monkeypatch.setenv(name, str(value))

    def dagster(*arguments: str, **environment: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "dagster", *arguments, "-f", str(code)]
        pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, env={**os.environ, **environment}, cwd=tmp_path, **pipes)

    def done(process: subprocess.Popen[str]) -> bool:
        _, errors = process.communicate(timeout=240)
        print(errors[-2000:])
        return process.returncode == 0

    trainer = dagster("job", "execute", "-j", "first")
    until((tmp_path / "training").exists, trainer)
    assert done(dagster("asset", "materialize", "--select", "rows", MODEL="restricted"))
    (tmp_path / "go").touch()
    assert done(trainer), "the gate had let it begin, and nothing undoes that"
    assert (tmp_path / "student").exists()

    assert not done(dagster("asset", "materialize", "--select", "finetuned"))
    assert not (tmp_path / "finetuned").exists()

    spec = importlib.util.spec_from_file_location("deployment", code)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        tick(instance, module.defs)
    assert_marked(open_ledger(home / "lineage_guard"), "rows")
