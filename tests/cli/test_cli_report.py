"""`report` on a training that a real gate let through: what it recorded, beside what the same rules say again."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest
from click.testing import CliRunner

from lineage_guard.cli import cli

DEFINITIONS = Path(__file__).parent / "cli_deployment.py"


def _deployment() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cli_deployment", DEFINITIONS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.long
def test_a_training_under_a_waiver_is_reported_as_it_was_decided(tmp_path, monkeypatch) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    for name in list(os.environ):
        if name.startswith(("LINEAGE_GUARD_", "OPENLINEAGE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    wanted = {"synthetic", "curated", "waived_student", "blocked_student"}
    assets = [a for a in _deployment().defs.assets if a.key.to_user_string() in wanted]
    with dg.DagsterInstance.get() as instance:
        run = dg.materialize(assets, instance=instance, raise_on_error=False)
    assert {e.step_key for e in run.get_step_failure_events()} == {"blocked_student"}

    def invoke(*args: str):
        return CliRunner().invoke(cli, [*args, "-f", str(DEFINITIONS)])

    assert invoke("sync").exit_code == 0
    result = invoke("report", f"waived_student@{run.run_id}", "--out", "report.json")
    assert result.exit_code == 0, result.output
    told = json.loads(Path("report.json").read_text())
    [decision] = told["decisions"]
    assert (decision["by"], decision["enforced"], decision["verdict"]["decision"]) == ("gate", True, "WAIVED")
    assert told["redecision"]["same"] is True, told["redecision"]
    [waiver] = told["waivers"]
    assert (waiver["verdicts"], waiver["inForce"], waiver["text"]["ticket"]) == (["D1", "R"], True, "T-1")
    assert [s["version"]["name"] for s in told["sources"]] == ["waived_student", "curated", "synthetic"]
    [suite] = told["evidence"]
    assert (suite["suite"], suite["about"], suite["outcome"]) == ("lineage", ["D1", "R"], "passed")

    strict = json.loads(invoke("report", "waived_student", "--policy", "strict").stdout)
    assert strict["decisions"] == told["decisions"]
    assert strict["basis"]["policy"] == "strict"

    refused = invoke("report", "blocked_student")
    assert refused.exit_code == 3
    assert "verdicts on this name: 1" in refused.stderr
