"""``bench.adoption`` says what ``guard()`` changes in somebody's project, and writes nothing into it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECT = """
import dagster as dg


@dg.asset
def raw(): ...


@dg.asset(deps=[raw])
def model(): ...


defs = dg.Definitions(assets=[raw, model], jobs=[dg.define_asset_job("all", "*")])
"""


@pytest.mark.long
@pytest.mark.timeout(300)
def test_nothing_differs_but_what_is_ours(tmp_path: Path) -> None:
    project = tmp_path / "theirs"
    project.mkdir()
    (project / "their_definitions.py").write_text(PROJECT, "utf-8")
    command = [sys.executable, "-m", "bench.adoption", str(project), "--module", "their_definitions"]
    done = subprocess.run(
        [*command, "--train", "model", "--runs", "1", "--steps", "2"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "theirs: 2 assets" in done.stdout
    assert "3 of 3 watched or gated" in done.stdout
    assert "other differences  0" in done.stdout
    assert [p.name for p in project.iterdir()] == ["their_definitions.py"]

    wrong = subprocess.run([*command, "--train", "modl", "--runs", "1"], cwd=ROOT, capture_output=True, text=True)
    assert wrong.returncode != 0
    assert "no such asset: modl" in wrong.stderr
