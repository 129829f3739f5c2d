"""Doors in what the gate stands on: rules that go away, ledgers that differ, runs that are deleted, threads, crowds."""

import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from guarding import RESTRICTED, Lane, failure_of, made_by, written_by_people

from lineage_guard import guard, training
from lineage_guard.dagster.installed import GATE, footing, note
from lineage_guard.dagster.sensor.sensor import build_sensor
from lineage_guard.dagster.settings import Settings, rulebook
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.verify import verify


def student_on(lane: Lane, *parents: dg.AssetKey, name: str = "student") -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(parents), tags=training())
    def student() -> None:
        lane.mark(name)

    return student


@pytest.mark.parametrize("change", ["gone", "unreadable", "not yaml", "a folder"])
@pytest.mark.parametrize("which", ["policy", "catalog"])
def test_rules_that_changed_between_load_and_run_do_not_let_anything_train(
    lane: Lane, tmp_path: Path, which: str, change: str
) -> None:
    from lineage_guard.catalog import load_catalog

    shipped = Path(load_catalog.__code__.co_filename).parent / "policies" / "default.yaml"
    file = tmp_path / "own.yaml"
    if which == "policy":
        shutil.copy(shipped, file)
    else:
        file.write_text("format: 1\nterms: []\n")
    lane.arguments = {"policy": file} if which == "policy" else {"catalog": [file]}
    people = written_by_people()
    assets = [people, student_on(lane, people.key)]
    guard(assets, ledger=lane.ledger_folder, **lane.arguments)
    file.unlink()
    if change == "unreadable":
        file.write_bytes(b"\xff\xfe\x00")
    elif change == "not yaml":
        file.write_text("{[")
    elif change == "a folder":
        file.mkdir()
    result = dg.materialize(assets, instance=lane.instance, raise_on_error=False)
    assert not result.success
    assert "could not load the policy" in (failure_of(result, "student").description or "")
    assert lane.trained == []


def test_a_gate_and_a_sensor_on_different_ledgers_block_and_say_so(lane: Lane, tmp_path: Path) -> None:
    tainted = made_by(RESTRICTED)
    student = student_on(lane, tainted.key)
    assert not lane.run([tainted, student]).success
    # What the gate said it goes by, as a step that the daemon launched would have.
    settings = Settings(ledger=str(lane.ledger_folder))
    catalog, policy = rulebook(settings)
    note(lane.instance, GATE, "here", footing(settings, policy, catalog))
    defs = dg.Definitions(assets=[tainted, student])
    sensor = build_sensor(Settings(ledger=str(tmp_path / "another")))

    from dagster._core.remote_origin import RegisteredCodeLocationOrigin

    context = dg.build_sensor_context(instance=lane.instance, repository_def=defs.get_repository_def())
    context._code_location_origin = RegisteredCodeLocationOrigin("here")
    result: Any = sensor(context)
    [shown] = result.asset_events
    assert not shown.passed
    assert "the gate and the sensor of here go by different things: ledger" in str(shown.metadata)
    assert lane.trained == []


class DeletesRun(dg.IOManager):
    """Deletes a run while a step's inputs are being loaded."""

    def __init__(self, whose: str) -> None:
        self.whose = whose

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None: ...

    def load_input(self, context: dg.InputContext) -> str:
        if self.whose == "own":
            context.instance.delete_run(context.step_context.run_id)
        else:
            for run in context.instance.get_runs():
                if run.run_id != context.step_context.run_id:
                    context.instance.delete_run(run.run_id)
        return "rows"


@pytest.mark.parametrize("whose", ["own", "upstream"])
def test_a_run_that_is_deleted_while_its_inputs_are_loaded_does_not_train(lane: Lane, whose: str) -> None:
    @dg.asset(metadata=made_by(RESTRICTED).metadata_by_key[dg.AssetKey("synthetic")], io_manager_key="io")
    def synthetic() -> str:
        return "rows"

    @dg.asset(tags=training(), io_manager_key="io")
    def student(synthetic: str) -> str:
        lane.mark("student")
        return "weights"

    io = {"io": DeletesRun(whose)}
    lane.run([synthetic, student], selection=[synthetic], resources=io)
    # Dagster itself may not get over the loss of the run it is in; the training code tells the truth.
    with suppress(Exception) if whose == "own" else nullcontext():
        assert not lane.run([synthetic, student], selection=[student], resources=io).success
    assert lane.trained == []


def test_an_asset_that_was_renamed_has_no_history_to_be_clean_by(lane: Lane) -> None:
    people = written_by_people()

    @dg.asset(deps=[people.key])
    def curated() -> None: ...

    assert lane.run([people, curated]).success
    student = student_on(lane, dg.AssetKey("renamed"))

    @dg.asset(name="renamed", deps=[people.key])
    def renamed() -> None: ...

    result = lane.run([people, renamed, student], selection=[student])
    assert not result.success
    assert "renamed" in (failure_of(result, "student").description or "")
    assert lane.trained == []


@pytest.mark.parametrize("how", ["thread", "pool"])
def test_training_code_does_not_run_in_a_thread_of_another_step(lane: Lane, how: str) -> None:
    tainted = made_by(RESTRICTED)
    student = student_on(lane, tainted.key)
    raised: list[BaseException] = []

    @dg.asset(deps=[tainted.key])
    def nightly() -> None:
        if how == "pool":
            with ThreadPoolExecutor(1) as pool:
                pool.submit(student).result()
        else:
            thread = threading.Thread(target=lambda: student())
            thread.start()
            thread.join()

    threading.excepthook, before = lambda a: raised.append(a.exc_value or SystemExit()), threading.excepthook
    try:
        result = lane.run([tainted, student, nightly], selection=[tainted, nightly])
    finally:
        threading.excepthook = before
    assert lane.trained == []
    if how == "pool":
        assert "A thread that a step started" in (failure_of(result, "nightly").description or "")
    else:
        assert "A thread that a step started" in str(raised)


def test_a_training_step_may_use_threads_of_its_own_and_tests_may_call_it(lane: Lane) -> None:
    people = written_by_people()

    @dg.asset(deps=[people.key], tags=training())
    def student() -> None:
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lane.mark, ["a", "b"]))

    assert lane.run([people, student]).success
    student()
    assert sorted(lane.trained) == ["a", "a", "b", "b"]


CROWD = """
import os
from pathlib import Path

import dagster as dg
import lineage_guard
from lineage_guard import ModelSource, synthetic_asset, training

MODELS = [
    ModelSource("deepseek", "deepseek-r1", channel="self-hosted"),
    ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com"),
]


def lane(n):
    @synthetic_asset(MODELS[n % 2], name=f"rows_{n}")
    def rows(): ...

    @dg.asset(name=f"student_{n}", deps=[f"rows_{n}"], tags=training())
    def student():
        (Path(os.environ["HERE"]) / f"student_{n}").touch()

    return [rows, student]


defs = lineage_guard.guard(dg.Definitions(assets=[a for n in range(4) for a in lane(n)]))
"""


@pytest.mark.long
@pytest.mark.timeout(600)
def test_many_processes_at_once_on_one_ledger_train_what_is_clean_only(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    code = tmp_path / "crowd.py"
    code.write_text(CROWD)
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("LINEAGE_GUARD_", "OPENLINEAGE_"))}
    environment |= {"DAGSTER_HOME": str(home), "HERE": str(tmp_path)}
    # Dagster makes its databases at the first use of a folder, and processes that do so at once may fail in that.
    with dg.DagsterInstance.from_config(str(home)) as instance:
        assert instance.get_runs_count() == 0
    command = [sys.executable, "-m", "dagster", "asset", "materialize", "-f", str(code), "--select"]

    def start(n: int) -> subprocess.Popen[bytes]:
        with (tmp_path / f"errors_{n}").open("w") as errors:
            select = [*command, f"rows_{n},student_{n}"]
            return subprocess.Popen(select, env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=errors)

    codes = [p.wait(timeout=580) for p in [start(n) for n in range(4)]]
    said = "".join((tmp_path / f"errors_{n}").read_text()[-2000:] for n in (0, 2))
    assert [code == 0 for code in codes] == [True, False, True, False], said
    assert sorted(p.name for p in tmp_path.glob("student_*")) == ["student_0", "student_2"]
    ledger = open_ledger(home / "lineage_guard")
    for n in range(4):
        [decision] = ledger.decisions("default", f"student_{n}")
        assert decision["decision"] == ("BLOCK" if n % 2 else "ALLOW")
    assert verify(ledger.archive).findings == ()
