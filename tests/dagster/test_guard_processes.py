"""The gate in Dagster's own processes: the multiprocess executor and the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

CODE = """
import os
from pathlib import Path

import dagster as dg
import lineage_guard
from lineage_guard import ModelSource, synthetic_asset, training


def mark(name):
    with (Path(os.environ["MARKERS"])).open("a") as file:
        file.write(name + "\\n")


@synthetic_asset(ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com"))
def tainted(): ...


@synthetic_asset(ModelSource("deepseek", "deepseek-r1", channel="self-hosted"))
def clean(): ...


@dg.asset
def curated(tainted): ...


@dg.asset(deps=[curated], tags=training(), retry_policy=dg.RetryPolicy(max_retries=1))
def rival():
    mark("rival")


@dg.asset(deps=[clean], tags=training())
def student():
    mark("student")


everything = dg.define_asset_job("everything", dg.AssetSelection.all())
defs = lineage_guard.guard(
    dg.Definitions(assets=[tainted, clean, curated, rival, student], jobs=[everything])
)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    (tmp_path / "deployment.py").write_text(CODE)
    return home


def dagster(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``dagster`` as a user does."""
    folder = home.parent
    environment = {
        **{k: v for k, v in os.environ.items() if k != "LINEAGE_GUARD_LEDGER"},
        "DAGSTER_HOME": str(home),
        "MARKERS": str(folder / "trained"),
    }
    command = [sys.executable, "-m", "dagster", *arguments, "-f", str(folder / "deployment.py")]
    return subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=240)


def trained(home: Path) -> list[str]:
    marker = home.parent / "trained"
    return marker.read_text().split() if marker.exists() else []


@pytest.mark.long
def test_a_multiprocess_job_trains_what_is_clean_and_stops_what_is_not(home: Path) -> None:
    done = dagster(home, "job", "execute", "-j", "everything")
    assert done.returncode != 0, done.stderr[-2000:]
    assert trained(home) == ["student"]
    with dg.DagsterInstance.from_config(str(home)) as instance:
        [run] = instance.get_runs()
        failures = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
        [failure] = [r.event_log_entry for r in failures]
        assert failure.step_key == "rival"
        data = failure.get_dagster_event().step_failure_data.user_failure_data
        assert data is not None
        assert (data.description or "").startswith("BLOCKED  default:rival")
        retried = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_UP_FOR_RETRY).records
        assert retried == []
    # The ledger's place came from DAGSTER_HOME, in every step's process alike.
    from lineage_guard.ledger import open_ledger

    ledger = open_ledger(home / "lineage_guard")
    assert [d["decision"] for d in ledger.decisions("default", "rival", 10)] == ["BLOCK"]
    assert [d["decision"] for d in ledger.decisions("default", "student", 10)] == ["ALLOW"]


@pytest.mark.long
def test_the_command_line_alone_does_not_get_round_it(home: Path) -> None:
    made = dagster(home, "asset", "materialize", "--select", "tainted,curated,clean")
    assert made.returncode == 0, made.stderr[-2000:]
    assert dagster(home, "asset", "materialize", "--select", "rival").returncode != 0
    assert trained(home) == []
    done = dagster(home, "asset", "materialize", "--select", "student")
    assert done.returncode == 0, done.stderr[-2000:]
    assert trained(home) == ["student"]
