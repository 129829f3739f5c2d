"""The demo as a user runs it, and the proof that it would notice a guard that does not guard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNGUARDED = """
import lineage_guard

lineage_guard.guard = lambda defs, **_: defs
from dagster_project.definitions import defs  # noqa: E402
"""
TOO_STRICT = """
import lineage_guard

_guard = lineage_guard.guard
lineage_guard.guard = lambda defs, **kwargs: _guard(defs, **{**kwargs, "policy": "strict"})
from dagster_project.definitions import defs  # noqa: E402
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


def run_demo(home: Path, module: str | None = None) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MODEL_", "COMMERCIAL_MODEL_", "LOCAL_MODEL_"))}
    kept.pop("LINEAGE_GUARD_LEDGER", None)
    extra = ["--module", module] if module else []
    return subprocess.run(
        [sys.executable, "-m", "dagster_project.demo", *extra],
        cwd=ROOT,
        env={**kept, "DEMO_HOME": str(home / "demo home"), "PYTHONPATH": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=800,
    )


def trained(home: Path) -> set[str]:
    data = home / "demo home" / "data"
    return {p.name for folder in ("jobs", "models") for p in (data / folder).glob("*")}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    home = tmp_path_factory.mktemp("demo")
    return home, run_demo(home)


def test_the_demo_blocks_what_must_be_blocked_and_runs_the_rest(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    tmp_path, done = demo
    said = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert trained(tmp_path) == {
        "smoltalk_topic_classifier.json",
        "Llama-magpie_assistant.json",
        "s1_reasoner.json",
        "cast_classifier.joblib",
        "story_student.npz",
    }
    # the path, the fact, the rule, the way out, the place of the events
    assert "made from curated/mixed_set@" in said
    assert "generation by openai/gpt-4o via api.openai.com" in said
    assert "huggingface/teknium/OpenHermes_2_5" in said
    assert "Rule model-terms (RESTRICTED_MODEL)" in said
    assert "Unblock Regenerate this source" in said
    assert "valid against the OpenLineage JSON Schemas and ours" in said
    assert "Everything that must be blocked was blocked, and everything else ran." in said
    events = [p for p in (tmp_path / "demo home" / "dagster" / "lineage_guard").rglob("*") if p.is_file()]
    assert events
    job = json.loads((tmp_path / "demo home" / "data" / "jobs" / "s1_reasoner.json").read_text("utf-8"))
    assert job["dataset"] == "simplescaling/s1K-1.1"


@pytest.mark.browser
def test_the_dagster_ui_shows_what_is_blocked_why_and_what_was_trained_on_what(
    demo: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    env = {**os.environ, "DEMO_HOME": str(demo[0] / "demo home"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "docs/screenshots.py", "--to", str(tmp_path)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    images = {p.name: p.read_bytes() for p in tmp_path.glob("*.png")}
    # The script fails when the UI does not show the kinds, the failed check, the findings and the path, each verdict,
    # and the sources and duties of what was trained.
    assert set(images) == {
        "blocked-training-asset.png",
        "blocked-check.png",
        "dagster-graph.png",
        "dagster-step-failure.png",
        "dagster-check-history.png",
        "dagster-trained-version.png",
    }
    assert all(data.startswith(b"\x89PNG") and len(data) > 20_000 for data in images.values())


def test_without_the_guard_the_demo_fails_and_names_what_ran(tmp_path: Path) -> None:
    (tmp_path / "unguarded_definitions.py").write_text(UNGUARDED, "utf-8")
    done = run_demo(tmp_path, "unguarded_definitions")
    said = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout + done.stderr
    assert {"smoltalk_assistant.json", "mixed_student.npz"} <= trained(tmp_path)
    assert "finetune/smoltalk_assistant must not have run" in said
    assert "models/mixed_student must not have run" in said


def test_a_guard_that_blocks_too_much_fails_the_demo_as_well(tmp_path: Path) -> None:
    (tmp_path / "strict_definitions.py").write_text(TOO_STRICT, "utf-8")
    done = run_demo(tmp_path, "strict_definitions")
    said = " ".join(done.stdout.split())
    assert done.returncode == 1, done.stdout + done.stderr
    assert "finetune/s1_reasoner must have run" in said
    assert not (trained(tmp_path) & {"smoltalk_assistant.json", "mixed_student.npz", "s1_reasoner.json"})
