"""Takes docs/images/rows-check.png and rows-page.png: a rows check that fails, in Dagster's UI and as its page.

Needs no demo: it makes a deployment in a temporary folder whose table names a model that nobody declared.

    PYTHONPATH=. .venv/bin/python docs/screenshot_rows.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from screenshots import IMAGES, browser_page, close_banners, free_port

DEPLOYMENT = """
from pathlib import Path

import dagster as dg
import duckdb

import lineage_guard
from lineage_guard import ModelSource, declare
from lineage_guard.dagster.checks import build_expectation_checks
from lineage_guard.gx.rows import in_parquet

QWEN = ModelSource("huggingface", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted")
ROWS = str(Path(__file__).with_name("answers.parquet"))

@dg.asset(key_prefix="synthetic", metadata=declare(QWEN))
def answers() -> None:
    duckdb.sql(f\"\"\"COPY (
        SELECT 'a-' || range AS id, 'text' AS response, 'self-hosted' AS channel, 'GENERATION' AS usage,
               CASE WHEN range % 40 = 7 THEN 'gpt-4o' ELSE 'Qwen/Qwen2.5-7B-Instruct' END AS model,
               TIMESTAMP '2026-11-20 10:00:00' AS generated_at
        FROM range(200)) TO '{ROWS}'\"\"\")

checks = build_expectation_checks(asset=answers, table=in_parquet(ROWS), keys=["id"])
defs = lineage_guard.guard(dg.Definitions(assets=[answers], asset_checks=[checks]))
"""


def main() -> None:
    """Take both; fails when the UI does not show the result."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "home"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
        (folder / "answers.py").write_text(DEPLOYMENT)
        env = {**os.environ, "DAGSTER_HOME": str(home), "PYTHONWARNINGS": "ignore"}
        command = [sys.executable, "-m", "dagster", "asset", "materialize", "-f", "answers.py", "--select", "*"]
        done = subprocess.run(command, cwd=folder, env=env, check=False, capture_output=True, text=True)
        [page] = (home / "lineage_guard_pages").glob("*.html")
        if done.returncode == 0:
            raise RuntimeError("the check did not fail")
        port = free_port()
        server = [sys.executable, "-m", "dagster_webserver", "-f", "answers.py", "-p", str(port)]
        with (folder / "log").open("wb") as log, subprocess.Popen(server, cwd=folder, env=env, stderr=log) as running:
            try:
                shoot(f"http://127.0.0.1:{port}", page)
            finally:
                running.terminate()


def shoot(url: str, written: Path) -> None:
    """Take the check's tab of the asset, and the page it links.

    Args:
        url: of the webserver.
        written: the page.
    """
    until = time.monotonic() + 180
    while True:
        try:
            if httpx.get(f"{url}/server_info", timeout=5).status_code == 200:
                break
        except httpx.TransportError:
            if time.monotonic() > until:
                raise
        time.sleep(0.5)
    with browser_page() as page:
        page.goto(f"{url}/assets/synthetic/answers?view=checks&checkDetail=rows_provenance")
        page.get_by_text("expectations do not hold").first.wait_for(timeout=240_000)
        close_banners(page)
        page.screenshot(path=IMAGES / "rows-check.png")
        page.set_viewport_size({"width": 1100, "height": 800})
        page.goto(written.as_uri())
        page.get_by_text("expectations do not hold").first.wait_for()
        page.screenshot(path=IMAGES / "rows-page.png")


if __name__ == "__main__":
    main()
