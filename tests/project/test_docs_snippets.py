"""The snippets of docs/quickstart.md and README.md, run as they stand."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from lineage_guard import ModelSource
from lineage_guard.catalog import load_catalog

ROOT = Path(__file__).resolve().parents[2]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
COMMAND = re.compile(r"^\$ lineage-guard (\w+)", re.MULTILINE)


def snippets(name: str) -> str:
    return "\n".join(PYTHON.findall((ROOT / name).read_text("utf-8")))


def test_the_catalog_file_of_the_quickstart_is_right(tmp_path: Path) -> None:
    page = (ROOT / "docs/quickstart.md").read_text("utf-8")
    [text] = re.findall(r"```yaml\n(format: 1.*?)```", page, re.DOTALL)
    own = tmp_path / "my_catalog.yaml"
    own.write_text(text, "utf-8")
    model = ModelSource(provider="acme", model="acme-chat-7b", channel="self-hosted")
    resolved = load_catalog(own).terms.resolve(model, None)
    assert [terms.id for terms in resolved.layers] == ["acme-in-house"]
    assert resolved.unresolved is None


def test_the_quickstart_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    scope: dict[str, object] = {"__name__": "quickstart"}
    exec(compile(snippets("docs/quickstart.md"), "quickstart.md", "exec"), scope)
    defs = scope["defs"]
    assert isinstance(defs, dg.Definitions)
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
            instance=instance, raise_on_error=False
        )
    assert {e.step_key for e in result.get_step_failure_events()} == {"blocked_student"}
    [failure] = result.get_step_failure_events()
    said = str(failure.step_failure_data.user_failure_data.description)
    assert "openai/gpt-4o via api.openai.com" in said
    assert "Rule: model-terms" in said
    assert dg.AssetKey("allowed_student") in {e.asset_key for e in result.get_asset_materialization_events()}


def test_the_readme_shows_code_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    scope: dict[str, object] = {"__name__": "readme"}
    exec(compile(snippets("README.md"), "README.md", "exec"), scope)
    assert isinstance(scope["defs"], dg.Definitions)


@pytest.mark.parametrize("name", ["docs/quickstart.md", "README.md"])
def test_every_command_that_is_shown_exists(name: str) -> None:
    shown = set(COMMAND.findall((ROOT / name).read_text("utf-8")))
    assert shown
    for command in shown:
        done = subprocess.run([sys.executable, "-m", "lineage_guard.cli", command, "--help"], capture_output=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("target", ["demo", "test", "lint", "types", "bench", "ui", "view"])
def test_every_make_command_of_the_readme_is_in_the_makefile(target: str) -> None:
    assert re.search(rf"^{target}: .*## ", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
