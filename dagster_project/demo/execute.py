"""Runs the deployment's job as a user would: a real instance, a process per step."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

from dagster_project.resources.chat_model import start_model_server
from dagster_project.settings import DATA, HOME, ROOT

DAGSTER_HOME = HOME / "dagster"
LOG = HOME / "run.log"
ALERTS = HOME / "alerts.jsonl"
_PARTITIONS = '{"dagster/asset_partition_range_start": "animals", "dagster/asset_partition_range_end": "people"}'
_INSTANCE = "telemetry:\n  enabled: false\n"


def fresh_home() -> None:
    """Empty the demo's folder, but for the trained weights of the model server."""
    for folder in (DATA, DAGSTER_HOME):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    (DAGSTER_HOME / "dagster.yaml").write_text(_INSTANCE, "utf-8")


def settle_environment() -> None:
    """Keep the demo to its own folder: no ledger, lineage backend or pager of the caller's is touched."""
    for name in [n for n in os.environ if n.startswith(("LINEAGE_GUARD_", "OPENLINEAGE_", "DAGSTER_"))]:
        del os.environ[name]
    os.environ["DAGSTER_HOME"] = str(DAGSTER_HOME)
    os.environ["DEMO_HOME"] = str(HOME)


def log_alerts() -> None:
    """Send the alerts of the log sink to a file, where a deployment has its log collector."""
    logger = logging.getLogger("lineage_guard.alerts")
    logger.addHandler(logging.FileHandler(ALERTS, "w", "utf-8"))
    logger.propagate = False


@contextmanager
def model_server() -> Generator[str | None]:
    """One model server for all steps, or none when a model of the user's own is configured."""
    if os.environ.get("MODEL_BASE_URL") and os.environ.get("COMMERCIAL_MODEL_API_KEY"):
        yield None
        return
    with start_model_server() as url:
        yield url


def run_job(module: str, server: str | None, tick: Callable[[], None]) -> float:
    """Run the job ``everything`` with the default multiprocess executor; returns the seconds it took.

    The exit code of Dagster is not looked at: a run in which something is blocked has failed,
    and rightly so.

    Args:
        module: module that holds the definitions.
        server: base URL of the model server.
        tick: called now and then while it runs.
    """
    began = time.monotonic()
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    env["PYTHONPATH"] = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    if server:
        env["LOCAL_MODEL_URL"] = server
    command = ["job", "execute", "-m", module, "-j", "everything", "--tags", _PARTITIONS]
    with (
        LOG.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            [sys.executable, "-m", "dagster", *command], env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT
        ) as job,
    ):
        while job.poll() is None:
            tick()
            time.sleep(0.25)
    return time.monotonic() - began


def steps_done(log: Path = LOG) -> tuple[int, int]:
    """How many steps have ended so far, and how many of them failed."""
    text = log.read_text("utf-8", errors="replace") if log.exists() else ""
    failed = text.count(" - STEP_FAILURE - ")
    return text.count(" - STEP_SUCCESS - ") + failed, failed


def last_errors(log: Path = LOG, most: int = 15) -> list[str]:
    """The latest lines of the log that speak of an error: where the log itself is lost, as in CI, they remain."""
    lines = log.read_text("utf-8", errors="replace").splitlines() if log.exists() else []
    return [line[:300] for line in lines if "Error" in line or " - ERROR - " in line][-most:]
