"""Every way a suite was seen to pass silently, and that it does not here."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pytest

from lineage_guard.domain.errors import SuiteError
from lineage_guard.gx import run
from lineage_guard.gx.run import Outcome, validate
from lineage_guard.gx.suites import Suite, parse_suite

ROWS: dict[str, Any] = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
NOT_NULL: dict[str, Any] = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "model"}}
IN_SET: dict[str, Any] = {
    "type": "expect_column_values_to_be_in_set",
    "kwargs": {"column": "model", "value_set": {"$PARAMETER": "models"}},
}
SUITE = parse_suite({"name": "s", "expectations": [ROWS, NOT_NULL, IN_SET]})
SHOWN = frozenset({"model"})


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        connection.execute("CREATE TABLE t AS SELECT 'qwen' AS model, 'private ' || i AS response FROM range(50) r(i)")
        yield connection


def outcome(connection: duckdb.DuckDBPyConnection, sql: str, suite: Suite = SUITE) -> Outcome:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW v AS {sql}")
    return validate(connection, "v", suite, {"models": ["qwen"]}, SHOWN)


def test_a_clean_table_passes_and_everything_was_evaluated(connection: duckdb.DuckDBPyConnection) -> None:
    assert outcome(connection, "FROM t") == Outcome(True, 3, 3, ())


def test_a_broken_table_fails_with_counts_and_values(connection: duckdb.DuckDBPyConnection) -> None:
    result = outcome(connection, "SELECT 'gpt-4o' AS model FROM range(7) UNION ALL SELECT model FROM t")
    assert not result.success
    assert result.evaluated == 3
    [failure] = result.failures
    assert (failure.type, failure.column, failure.unexpected_count) == (IN_SET["type"], "model", 7)
    assert failure.detail == "found gpt-4o"


def test_an_empty_table_fails(connection: duckdb.DuckDBPyConnection) -> None:
    result = outcome(connection, "FROM t LIMIT 0")
    assert [f.type for f in result.failures] == [ROWS["type"]]
    assert not result.success


def test_an_all_null_column_fails(connection: duckdb.DuckDBPyConnection) -> None:
    result = outcome(connection, "SELECT NULL::VARCHAR AS model FROM t")
    assert [(f.type, f.unexpected_count) for f in result.failures] == [(NOT_NULL["type"], 50)]
    assert not result.success


def test_a_missing_column_fails_and_counts_as_not_evaluated(connection: duckdb.DuckDBPyConnection) -> None:
    result = outcome(connection, "SELECT response FROM t")
    assert (result.success, result.evaluated, result.expected) == (False, 1, 3)
    assert all("does not exist" in f.detail for f in result.failures)


def test_row_text_is_never_quoted(connection: duckdb.DuckDBPyConnection) -> None:
    on_text: dict[str, Any] = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "response", "value_set": ["ok"]},
    }
    on_number: dict[str, Any] = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "response", "min_value": 0},
    }
    filled: dict[str, Any] = NOT_NULL | {"kwargs": {"column": "response"}}
    suite = parse_suite({"name": "s", "expectations": [ROWS, filled, on_text, on_number]})
    result = outcome(connection, "FROM t", suite)
    assert len(result.failures) == 2
    assert "private" not in repr(result)


def test_an_unknown_type_is_refused_not_dropped(connection: duckdb.DuckDBPyConnection) -> None:
    unknown = {"type": "expect_models_to_be_lucky", "kwargs": {"column": "model"}}
    with pytest.raises(SuiteError, match="knows no 'expect_models_to_be_lucky'"):
        outcome(connection, "FROM t", parse_suite({"name": "s", "expectations": [ROWS, NOT_NULL, unknown]}))


def test_a_bad_argument_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    bad = {"type": ROWS["type"], "kwargs": {"min_value": 1, "max_valeu": 3}}
    with pytest.raises(SuiteError, match="cannot be built"):
        outcome(connection, "FROM t", parse_suite({"name": "s", "expectations": [bad]}))


def test_a_suite_that_great_expectations_shortens_is_refused(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome(connection, "FROM t")
    import great_expectations as gx

    whole = gx.ExpectationSuite

    def shortened(name: str, expectations: list[Any]) -> Any:
        return whole(name=name, expectations=expectations[:-1])

    monkeypatch.setattr(gx, "ExpectationSuite", shortened)
    with pytest.raises(SuiteError, match="kept 2 of 3"):
        outcome(connection, "FROM t")


def test_results_that_go_missing_are_noticed(
    connection: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome(connection, "FROM t")
    from great_expectations.validator.validator import Validator

    whole: Any = Validator.graph_validate

    def losing(self: Any, **kwargs: Any) -> Any:
        return whole(self, **kwargs)[:-1]

    monkeypatch.setattr(Validator, "graph_validate", losing)
    with pytest.raises(SuiteError, match="only 2 of 3 expectations were evaluated"):
        outcome(connection, "FROM t")


def test_validations_in_threads_do_not_disturb_each_other() -> None:
    def one(i: int) -> tuple[int, Outcome]:
        with duckdb.connect(":memory:") as own:
            model = "qwen" if i % 2 else "gpt-4o"
            own.execute(f"CREATE TABLE t AS SELECT '{model}' AS model FROM range({i + 1})")
            return i, validate(own, "t", SUITE, {"models": ["qwen"]}, SHOWN)

    with ThreadPoolExecutor(8) as pool:
        for i, result in pool.map(one, range(24)):
            assert result.success is bool(i % 2), i
            assert [f.unexpected_count for f in result.failures] == ([] if i % 2 else [i + 1])


def test_the_users_own_context_and_logging_are_left_alone(connection: duckdb.DuckDBPyConnection) -> None:
    run.great_expectations()
    from great_expectations.data_context.data_context.context_factory import project_manager

    mine: Any = run.context()
    project_manager.set_project(mine)
    logger = logging.getLogger("great_expectations")
    logger.setLevel(logging.INFO)
    try:
        outcome(connection, "FROM t")
        assert project_manager.get_current_project() is mine
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(logging.NOTSET)


@pytest.mark.long
def test_no_network_no_files_no_output(tmp_path: Path) -> None:
    code = textwrap.dedent(
        """
        import sys
        asked = []
        sys.addaudithook(lambda e, a: asked.append((e, a)) if e in ("socket.connect", "socket.getaddrinfo") else None)
        import duckdb
        from lineage_guard.gx.run import validate
        from lineage_guard.gx.suites import parse_suite
        suite = parse_suite({"name": "s", "expectations": [
            {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 4}},
            {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "x", "regex": "^a"},
             "meta": {"nullable": "a test"}}]})
        with duckdb.connect(":memory:") as connection:
            connection.execute("CREATE TABLE t AS SELECT * FROM range(3)")
            outcome = validate(connection, "t", suite, {}, frozenset())
        assert not outcome.success and len(outcome.failures) == 2, outcome
        assert not asked, asked
        """
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("GX_")}
    done = subprocess.run(
        [sys.executable, "-W", "default", "-c", code], cwd=tmp_path, env=clean, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []
