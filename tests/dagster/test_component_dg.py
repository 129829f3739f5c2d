"""The component as a user of ``dg`` meets it: scaffolded, checked, listed, and run from the command line."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
#: A YAML component of Dagster's own, whose step cannot know of us.
TRAINER = """
type: dagster.PythonScriptComponent
attributes:
  execution:
    path: train.py
  assets:
    - key: student
      deps: [questions, survey]
"""
DATA = """
import dagster as dg


@dg.asset
def questions(): ...


@dg.asset
def survey(): ...
"""


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


@pytest.mark.long
@pytest.mark.timeout(600)
def test_from_scaffolding_to_a_blocked_step(tmp_path: Path) -> None:
    project, home = tmp_path / "yaml_project", tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", "utf-8")
    code = project / "src/yaml_project"
    marker = tmp_path / "trained"
    page = (ROOT / "docs/quickstart.md").read_text("utf-8")
    said = re.search(r"```yaml\n(type: lineage_guard.*?)```", page, re.DOTALL)
    root = re.search(r"```python title=definitions.py\n(.*?)```", page, re.DOTALL)
    assert said is not None
    assert root is not None
    write(
        project,
        {
            "pyproject.toml": "[tool.dg]\ndirectory_type = 'project'\nproject.root_module = 'yaml_project'\n",
            "src/yaml_project/__init__.py": "",
            "src/yaml_project/definitions.py": root.group(1)
            .replace("guard(", "(")
            .replace("import (", "import guard("),
            "src/yaml_project/defs/__init__.py": "",
            "src/yaml_project/defs/data.py": DATA,
            "src/yaml_project/defs/student/defs.yaml": TRAINER,
            "src/yaml_project/defs/student/train.py": f"open({str(marker)!r}, 'w').write('trained')\n",
        },
    )

    def dg(*arguments: str, expect: int = 0, program: str = "dg") -> str:
        environment = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
        environment |= {
            "PATH": f"{BIN}{os.pathsep}{environment['PATH']}",
            "PYTHONPATH": str(project / "src"),
            "DAGSTER_HOME": str(home),
            "COLUMNS": "200",
        }
        done = subprocess.run(
            [shutil.which(program, path=str(BIN)) or program, *arguments],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, f"{arguments}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    assert "lineage_guard.LineageGuardComponent" in dg("list", "components")
    scaffolded = dg("scaffold", "defs", "lineage_guard.LineageGuardComponent", "guard")
    assert "One line is left to do" in scaffolded
    yaml = code / "defs/guard/defs.yaml"
    assert yaml.read_text("utf-8").startswith("type: lineage_guard.LineageGuardComponent")
    dg("check", "yaml")

    # Without the line at the root: the project does not load, and no step starts.
    unguarded = dg("check", "defs", expect=1)
    assert "nothing guards it" in unguarded
    assert "guard(load_from_defs_folder(...))" in unguarded
    module = ("-m", "yaml_project.definitions")
    assert "nothing guards it" in dg("asset", "materialize", "--select", "*", *module, expect=1, program="dagster")
    assert not marker.exists()

    (code / "definitions.py").write_text(root.group(1), "utf-8")
    yaml.write_text(said.group(1).replace("policy:", "polcy:"), "utf-8")
    misspelt = dg("check", "yaml", expect=1)
    assert re.search(r"defs/guard/defs\.yaml:\d+", misspelt)
    assert "polcy" in misspelt

    yaml.write_text(said.group(1), "utf-8")
    dg("check", "yaml")
    dg("check", "defs")
    listed = dg("list", "defs", "--json")
    assert '"student:lineage_guard"' in listed
    assert '"lineage_guard"' in listed

    blocked = dg("asset", "materialize", "--select", "*", *module, expect=1, program="dagster")
    assert "openai/gpt-4o via api.openai.com" in blocked
    assert not marker.exists()

    yaml.write_text(said.group(1).replace("openai\n", "mistralai\n").replace("gpt-4o", CLEAN).replace(*HOST), "utf-8")
    dg("asset", "materialize", "--select", "*", *module, program="dagster")
    assert marker.read_text("utf-8") == "trained"


CLEAN = "mistralai/Mixtral-8x7B-v0.1"
HOST = ("api.openai.com", "self-hosted")
