"""The pages on rows and quarantines, run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import dagster as dg
import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
PAGES = [
    "docs/rows.md",
    "docs/quarantine.md",
    "docs/decisions/0016-a-quarantine-counts-by-its-evidence.md",
    "docs/decisions/0017-rows-evidence-is-of-one-version.md",
]


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dg.DagsterInstance:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    return dg.DagsterInstance.local_temp(str(tmp_path), {"telemetry": {"enabled": False}})


def run(page: str, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    text = "\n".join(PYTHON.findall((ROOT / page).read_text("utf-8")))
    scope: dict[str, object] = {"__name__": "page"}
    exec(compile(text, page, "exec"), scope)
    defs = scope["defs"]
    assert isinstance(defs, dg.Definitions)
    job = defs.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(instance=instance, raise_on_error=False)


@pytest.mark.long
def test_the_page_on_quarantines_does_what_it_says(instance: dg.DagsterInstance) -> None:
    result = run("docs/quarantine.md", instance)
    assert {e.step_key for e in result.get_step_failure_events()} == {"student_of_all"}
    [trained] = [
        e
        for e in result.get_asset_materialization_events()
        if str(e.asset_key) == str(dg.AssetKey(["student_of_permitted"]))
    ]
    assert "cured by quarantine at default:mixed/permitted@" in str(
        trained.materialization.metadata["lineage_guard/explanation"].value
    )
    assert trained.materialization.metadata["lineage_guard/cured"].value


def test_the_page_on_rows_does_what_it_says(instance: dg.DagsterInstance) -> None:
    result = run("docs/rows.md", instance)
    [check] = result.get_asset_check_evaluations()
    assert not check.passed
    rows = check.metadata["failing_rows"]
    assert isinstance(rows, dg.TableMetadataValue)
    assert {"expectation": "expect_column_values_to_be_in_set", "of": "model", "id": "0"} in [
        r.data for r in rows.records
    ]
    assert not [e for e in result.get_asset_materialization_events() if e.asset_key == dg.AssetKey("student")]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_linked_exists(page: str) -> None:
    links = LINK.findall((ROOT / page).read_text("utf-8"))
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
