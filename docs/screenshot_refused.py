"""Takes docs/images/refused-run.png: a run that the guarded queue refused, as Dagster's UI shows it.

Needs no demo: it makes a deployment of two code locations in a temporary folder, neither of which
calls ``guard()``, and launches a training asset through the UI's own mutation.

    PYTHONPATH=. .venv/bin/python docs/screenshot_refused.py
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from screenshots import IMAGES, browser_page, close_banners, free_port

DATA = """
import dagster as dg
from lineage_guard import ModelSource, declare

GPT = ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com")

@dg.asset(metadata=declare(GPT))
def synthetic_answers(): ...

@dg.asset(deps=[synthetic_answers])
def curated(): ...

defs = dg.Definitions(assets=[synthetic_answers, curated])
"""
RESEARCH = """
import dagster as dg

@dg.asset(deps=["curated"], tags={"team": "research"})
def student(): ...

defs = dg.Definitions(assets=[student])
"""
CONFIG = {
    "telemetry": {"enabled": False},
    "run_coordinator": {
        "module": "lineage_guard.dagster.coordinator",
        "class": "GuardedQueuedRunCoordinator",
        "config": {"training": [{"select": 'code_location:"research.py" and tag:"team"="research"'}]},
    },
}
LAUNCH = """mutation Launch($params: ExecutionParams!) { launchPipelineExecution(executionParams: $params) {
  ... on LaunchRunSuccess { run { runId status } } } }"""


def main() -> None:
    """Take it; fails when the UI does not show the verdict."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text(json.dumps(CONFIG))
        (folder / "data.py").write_text(DATA)
        (folder / "research.py").write_text(RESEARCH)
        env = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", "dagster", "asset", "materialize", "-f", "data.py", "--select", "*"]
        subprocess.run(command, cwd=folder, env=env, check=True, capture_output=True)
        port = free_port()
        server = [sys.executable, "-m", "dagster_webserver", "-f", "data.py", "-f", "research.py", "-p", str(port)]
        with (folder / "log").open("wb") as log, subprocess.Popen(server, cwd=folder, env=env, stderr=log) as running:
            try:
                shoot(f"http://127.0.0.1:{port}")
            finally:
                running.terminate()


def shoot(url: str) -> None:
    """Launch the training asset and take the page of its run.

    Args:
        url: of the webserver.
    """
    params = {
        "selector": {
            "repositoryLocationName": "research.py",
            "repositoryName": "__repository__",
            "pipelineName": "__ASSET_JOB",
            "assetSelection": [{"path": ["student"]}],
        },
        "mode": "default",
    }
    until = time.monotonic() + 300
    while True:
        try:
            answer = httpx.post(f"{url}/graphql", json={"query": LAUNCH, "variables": {"params": params}}, timeout=60)
            run = answer.json()["data"]["launchPipelineExecution"]["run"]
            break
        except (httpx.TransportError, KeyError, TypeError):
            if time.monotonic() > until:
                raise
            time.sleep(1)
    with browser_page() as page:
        page.goto(f"{url}/runs/{run['runId']}")
        page.get_by_text("Lineage Guard refused this run").first.wait_for(timeout=240_000)
        close_banners(page)
        page.screenshot(path=IMAGES / "refused-run.png")


if __name__ == "__main__":
    main()
