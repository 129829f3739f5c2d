"""The wheel, in an environment that has nothing else of this repository, does what the quickstart says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UV = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def done(*command: object, cwd: Path, expect: int = 0, **environment: str) -> str:
    env = {
        k: v for k, v in os.environ.items() if not k.startswith(("LINEAGE_GUARD", "DAGSTER", "PYTHON", "UV_PROJECT"))
    }
    env.update(environment)
    ran = subprocess.run([str(c) for c in command], cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert ran.returncode == expect, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout + ran.stderr


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_wheel_alone_runs_the_quickstart(tmp_path: Path) -> None:
    assert UV is not None, "uv is part of the development environment"
    venv, work, home = tmp_path / "venv", tmp_path / "work", tmp_path / "home"
    work.mkdir()
    home.mkdir()
    done(UV, "build", "--quiet", "--wheel", "--out-dir", tmp_path, ROOT, cwd=tmp_path)
    [wheel] = tmp_path.glob("*.whl")
    locked = tmp_path / "locked.txt"
    done(UV, "export", "--quiet", "--locked", "--no-dev", "--no-emit-project", "--output-file", locked, cwd=ROOT)
    done(UV, "venv", "--quiet", "--python", sys.executable, venv, cwd=tmp_path)
    python = venv / "bin" / "python"
    install = (UV, "pip", "install", "--quiet", "--compile-bytecode", "--python", python)
    done(*install, "--requirement", locked, cwd=tmp_path)
    # --no-deps: what the wheel needs and does not declare would be missing below.
    done(*install, "--no-deps", wheel, cwd=tmp_path)

    text = (ROOT / "docs" / "quickstart.md").read_text("utf-8")
    (work / "my_definitions.py").write_text("\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL)), "utf-8")
    here = {"DAGSTER_HOME": str(home), "DAGSTER_DISABLE_TELEMETRY": "1"}
    guard = (venv / "bin" / "lineage-guard",)
    code = ("-m", "my_definitions")
    where = done(python, "-c", "import lineage_guard; print(lineage_guard.__file__)", cwd=work)
    assert str(venv) in where

    said = done(venv / "bin" / "dagster", "asset", "materialize", "--select", "*", *code, cwd=work, expect=1, **here)
    assert "ASSET_MATERIALIZATION - Materialized value allowed_student" in said
    assert "ASSET_MATERIALIZATION - Materialized value blocked_student" not in said
    assert "Rule: model-terms" in said
    assert "openai/gpt-4o via api.openai.com" in said
    # The lineage suite, loaded from the wheel, has run: it is a finding of its own.
    assert "expectation suite 'lineage' ran over the same versions" in said

    assert "ALLOWED" in done(*guard, "check", "allowed_student", *code, cwd=work, **here)
    assert "BLOCKED" in done(*guard, "check", "blocked_student", *code, cwd=work, expect=1, **here)
    assert "Ways to unblock" in done(*guard, "explain", "blocked_student", *code, cwd=work, expect=1, **here)
    assert "Collected" in done(*guard, "sync", *code, cwd=work, **here)
    assert "FAIL" not in done(*guard, "doctor", *code, cwd=work, **here)
    # Nothing is written beside the user's code.
    assert {p.name for p in work.iterdir()} <= {"my_definitions.py", "__pycache__"}
