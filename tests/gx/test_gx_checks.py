"""The rows suite as a Dagster asset check, run by Dagster."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from lineage_guard.dagster.checks import build_expectation_checks
from lineage_guard.dagster.declare import declare
from lineage_guard.domain.errors import ConfigError, SuiteError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.rows import in_duckdb

GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
ran: list[str] = []


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    ran.clear()
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def run(
    instance: dg.DagsterInstance, path: Path, model: str, declared: bool = True, alone: bool = False
) -> dg.ExecuteInProcessResult:
    @dg.asset(metadata=declare(GPT) if declared else {})
    def answers() -> None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(
                "CREATE OR REPLACE TABLE answers AS SELECT 'private' AS response, ? AS model,"
                " 'api.openai.com' AS channel, 'GENERATION' AS usage, now() AS generated_at FROM range(3)",
                [model],
            )

    @dg.asset(deps=[answers])
    def curated() -> None:
        ran.append("curated")

    checks = build_expectation_checks(asset=answers, table=in_duckdb(path, "answers"))
    definitions = dg.Definitions(assets=[answers, curated], asset_checks=[checks])
    job = definitions.resolve_implicit_global_asset_job_def()
    if alone:
        job = job.get_subset(asset_selection=set(), asset_check_selection=set(checks.check_keys))
    return job.execute_in_process(instance=instance, raise_on_error=False)


def test_rows_as_declared_pass(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    result = run(instance, tmp_path / "w.duckdb", "GPT-4o")
    [check] = result.get_asset_check_evaluations()
    assert (check.check_name, check.passed, ran) == ("rows_provenance", True, ["curated"])
    assert check.metadata["evaluated"].value == "15 of 15 expectations"
    assert str(check.metadata["suite_digest"].value).startswith("sha256:")
    assert "failed" not in check.metadata


def test_a_check_launched_alone_knows_the_declaration(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    run(instance, tmp_path / "w.duckdb", "gpt-4o")
    ran.clear()
    result = run(instance, tmp_path / "w.duckdb", "gpt-4o", alone=True)
    [check] = result.get_asset_check_evaluations()
    assert (check.passed, ran) == (True, [])


def test_rows_of_an_undeclared_model_stop_what_is_downstream(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    result = run(instance, tmp_path / "w.duckdb", "gpt-5")
    [check] = result.get_asset_check_evaluations()
    assert (check.passed, result.success, ran) == (False, False, [])
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert check.description == "2 of 15 expectations do not hold, on model, source."
    table = check.metadata["failed"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [(r.data["column"], r.data["unexpected_rows"], r.data["detail"]) for r in table.records] == [
        ("model", "3", "found gpt-5"),
        ("source", "3", "found gpt-5 via api.openai.com"),
    ]


def test_an_asset_that_declares_nothing_fails_its_check(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    result = run(instance, tmp_path / "w.duckdb", "gpt-4o", declared=False)
    assert not result.success
    assert ran == []


def test_a_suite_that_cannot_be_relied_on_fails_when_code_loads(tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text('{"name": "empty", "expectations": []}')
    with pytest.raises(SuiteError, match="no expectations"):
        build_expectation_checks(asset="answers", table=in_duckdb("w.duckdb", "answers"), suite=tmp_path / "empty.json")


def test_definitions_import_no_great_expectations() -> None:
    code = """
import sys
from lineage_guard.dagster.checks import build_expectation_checks
from lineage_guard.gx.rows import in_duckdb
build_expectation_checks(asset="answers", table=in_duckdb("w.duckdb", "answers"), blocking=False)
print(sorted({"great_expectations", "pandas", "duckdb", "pyarrow"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("use", "passed"), [("train_competing", False), ("evaluate", True)])
def test_the_policy_feeds_a_check_that_asks_it(
    instance: dg.DagsterInstance, tmp_path: Path, use: str, passed: bool
) -> None:
    @dg.asset(metadata=declare(GPT))
    def answers() -> None:
        with duckdb.connect(str(tmp_path / "w.duckdb")) as connection:
            connection.execute("CREATE TABLE answers AS SELECT 'GPT-4o' AS model, 'api.openai.com' AS channel")

    table = in_duckdb(tmp_path / "w.duckdb", "answers")
    with pytest.raises(ConfigError, match="suite 'permitted' asks the policy"):
        build_expectation_checks(asset=answers, table=table, suite="permitted")
    check = build_expectation_checks(asset=answers, table=table, suite="permitted", use=use)
    job = dg.Definitions(assets=[answers], asset_checks=[check]).resolve_implicit_global_asset_job_def()
    [found] = job.execute_in_process(instance=instance, raise_on_error=False).get_asset_check_evaluations()
    assert found.passed is passed
    assert ("restricted" in repr(found.metadata)) is not passed
