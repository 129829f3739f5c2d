"""The rows suite over every kind of table, and what must not slip through it."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.facts import ModelSource, Usage
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.rows import (
    RowsTable,
    failing_keys,
    from_relation,
    in_duckdb,
    in_frame,
    in_parquet,
    rows_parameters,
    run_rows_suite,
)
from lineage_guard.gx.tables import duckdb as tables_duckdb
from lineage_guard.gx.tables.duckdb import DuckDBRows
from lineage_guard.gx.tables.normalise import find_columns

AT = datetime(2026, 11, 1, tzinfo=UTC)
DECLARED = rows_parameters([ModelSource("openai", "gpt-4o", channel="api.openai.com")])
ROWS = """SELECT 'private ' || i AS response, 'GPT-4o-2024-08-06' AS model, 'API.openai.com' AS channel,
 'generation' AS usage, '2026-10-01T12:00:00Z' AS generated_at FROM range(9) r(i)"""


def run(table: RowsTable, parameters: Any = DECLARED) -> Evidence:
    return run_rows_suite(table, parameters, AT)


def sql(query: str, **columns: str) -> RowsTable:
    return from_relation("a query", lambda connection: f"({query})", digest=query, columns=columns)


def arrow() -> Any:
    with duckdb.connect(":memory:") as connection:
        return connection.sql(ROWS).to_arrow_table()


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    path = tmp_path / "it's a warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE SCHEMA synthetic; CREATE TABLE synthetic.answers AS {ROWS}")
        connection.execute(f"COPY synthetic.answers TO '{tmp_path}/part-1.parquet'")
        connection.execute(f"COPY synthetic.answers TO '{tmp_path}/part-2.parquet'")
    return path


def test_the_same_rows_pass_wherever_they_are(warehouse: Path) -> None:
    parts = warehouse.parent / "part-*.parquet"
    frame = arrow()
    for table in (
        in_duckdb(warehouse, "synthetic.answers"),
        in_parquet(parts),
        in_parquet([warehouse.parent / "part-1.parquet"]),
        in_frame(frame),
        in_frame(frame.to_pandas()),
        sql(ROWS),
    ):
        evidence = run(table)
        assert evidence.passes, (table.label, evidence)


@pytest.mark.parametrize(
    ("change", "columns"),
    [
        ("* REPLACE ('llama' AS model)", {"model", "source"}),
        ("* REPLACE (CASE WHEN response LIKE '%3' THEN 'gpt-4' ELSE model END AS model)", {"model", "source"}),
        ("* REPLACE ('openrouter.ai' AS channel)", {"channel", "source"}),
        ("* REPLACE ('SCORING' AS usage)", {"usage"}),
        ("* REPLACE (NULL::VARCHAR AS model)", {"model", "source"}),
        ("* REPLACE (' ' AS channel)", {"channel", "source"}),
        ("* REPLACE ('yesterday' AS generated_at)", {"generated_at"}),
        ("* EXCLUDE (usage)", {"usage"}),
        ("* EXCLUDE (model)", {"model", "source"}),
    ],
)
def test_rows_outside_the_declaration_fail(change: str, columns: set[str]) -> None:
    evidence = run(sql(f"SELECT {change} FROM ({ROWS})"))
    assert not evidence.passes
    assert evidence.error is None
    assert {f.column for f in evidence.failures} == columns
    assert "private" not in repr(evidence)


def test_each_model_only_through_its_own_channel() -> None:
    two = rows_parameters(
        [ModelSource("openai", "gpt-4o", channel="api.openai.com"), ModelSource("me", "qwen", channel="self-hosted")]
    )
    assert run(sql(ROWS), two).passes
    swapped = run(sql(f"SELECT * REPLACE ('self-hosted' AS channel) FROM ({ROWS})"), two)
    assert [(f.column, f.detail) for f in swapped.failures] == [("source", "found gpt-4o via self-hosted")]


def test_an_empty_table_fails() -> None:
    assert {f.type for f in run(sql(f"{ROWS} LIMIT 0")).failures} == {"expect_table_row_count_to_be_between"}


def test_a_declaration_that_names_nothing_admits_nothing() -> None:
    evidence = run(sql(ROWS), rows_parameters([]))
    assert {f.column for f in evidence.failures} == {"model", "channel", "usage", "source"}
    assert not run(sql(ROWS), rows_parameters([ModelSource("openai", "gpt-4o")])).passes


def test_parameters_left_out_are_an_error() -> None:
    evidence = run(sql(ROWS), {k: v for k, v in DECLARED.items() if k != "declared_models"})
    assert "$declared_models of suite 'rows' is not given" in (evidence.error or "")


def test_columns_may_have_other_names() -> None:
    renamed = f"SELECT * EXCLUDE (model), model AS Teacher FROM ({ROWS})"
    assert run(sql(renamed, model="teacher")).passes
    assert not run(sql(renamed)).passes
    wrong = run(sql(ROWS, text="response"))
    assert "'text' is no provenance column" in (wrong.error or "")


def test_unreadable_tables_are_evidence_with_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.duckdb").write_text("not a database")
    for table in (
        in_duckdb(tmp_path / "missing.duckdb", "t"),
        in_duckdb(tmp_path / "broken.duckdb", "t"),
        in_parquet(tmp_path / "none-*.parquet"),
        sql("SELECT * FROM nowhere"),
    ):
        evidence = run(table)
        assert evidence.error, table.label
        assert not evidence.passes


def test_digests_follow_the_rows(warehouse: Path) -> None:
    before = run(in_duckdb(warehouse, "synthetic.answers")).subject_digest
    assert run(in_duckdb(warehouse, "synthetic.answers")).subject_digest == before
    assert run(in_duckdb(warehouse, "synthetic.answers", digest="run 1")).subject_digest != before
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("UPDATE synthetic.answers SET model = 'qwen' WHERE response LIKE '%3'")
    assert run(in_duckdb(warehouse, "synthetic.answers")).subject_digest != before
    frame = arrow()
    assert run(in_frame(frame)).subject_digest == run(in_frame(arrow())).subject_digest
    assert run(in_frame(frame.slice(1))).subject_digest != run(in_frame(frame)).subject_digest


def test_a_view_that_reads_other_files_needs_a_digest_of_the_users(warehouse: Path) -> None:
    part = warehouse.parent / "part-1.parquet"
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute(f"CREATE VIEW elsewhere AS FROM '{part}'")
        connection.execute("CREATE VIEW inside AS FROM synthetic.answers")
    assert run(in_duckdb(warehouse, "inside")).passes
    assert "disabled by configuration" in (run(in_duckdb(warehouse, "elsewhere")).error or "")
    assert run(in_duckdb(warehouse, "elsewhere", digest="v1")).passes


def test_files_that_change_while_a_suite_runs_are_an_error(warehouse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = warehouse.parent / "part-1.parquet"
    batch = DuckDBRows.batch

    def meanwhile(self: DuckDBRows) -> Any:
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({ROWS} LIMIT 3) TO '{part}'")
        return batch(self)

    monkeypatch.setattr(DuckDBRows, "batch", meanwhile)
    evidence = run(in_parquet(part))
    assert "the rows changed while the suite ran" in (evidence.error or "")
    assert not evidence.passes


def test_what_a_killed_writer_left_in_the_log_is_part_of_the_digest(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"CREATE TABLE t AS {ROWS}")
    before = in_duckdb(path, "t").digest()
    code = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); c.execute('PRAGMA disable_checkpoint_on_shutdown');"
        "c.execute('UPDATE t SET model = 1'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert Path(f"{path}.wal").exists()
    assert in_duckdb(path, "t").digest() != before
    assert {f.column for f in run(in_duckdb(path, "t")).failures} == {"model", "source"}


def test_columns_that_differ_in_case_alone_are_not_guessed_at() -> None:
    twice = pa.table({"model": ["gpt-4o"], "MODEL ": ["x"], "id": [1]})
    assert run(in_frame(twice)).error is None
    with pytest.raises(SuiteError, match="differ in case alone"):
        find_columns("t", {}, ["model", "Model"])
    with pytest.raises(SuiteError, match="differ in case alone"):
        find_columns("t", {"model": "teacher"}, ["Teacher", "TEACHER", "model"])


def test_keys_of_failing_rows(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("UPDATE synthetic.answers SET model = 'llama' WHERE response IN ('private 3', 'private 5')")
        connection.execute("UPDATE synthetic.answers SET usage = NULL WHERE response = 'private 7'")
    table = in_duckdb(warehouse, "synthetic.answers")
    evidence = run(table)
    found = failing_keys(table, DECLARED, evidence.failures, ["response"])
    assert [
        (f.column, sorted(row["response"] for row in rows)) for f, rows in zip(evidence.failures, found, strict=True)
    ] == [
        ("model", ["private 3", "private 5"]),
        ("source", ["private 3", "private 5"]),
        ("usage", ["private 7"]),
    ]
    missing = run(sql(f"SELECT * EXCLUDE (usage) FROM ({ROWS})"))
    assert failing_keys(sql(ROWS), DECLARED, missing.failures, ["response"]) == [[]] * len(missing.failures)
    assert failing_keys(table, DECLARED, (), ["response"]) == []


def _hold_open(path: str, ready: Connection) -> None:
    connection = duckdb.connect(path)
    ready.send("open")
    ready.recv()
    connection.close()


def test_a_file_that_another_process_writes_is_a_clear_error_and_waited_for(
    warehouse: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    writer = spawn.Process(target=_hold_open, args=(str(warehouse), there))
    writer.start()
    assert here.recv() == "open"
    monkeypatch.setattr(tables_duckdb, "LOCK_WAIT_S", 0.2)
    evidence = run(in_duckdb(warehouse, "synthetic.answers", digest="v1"))
    assert "is open for writing elsewhere" in (evidence.error or "")
    assert "To fix: close the connection" in (evidence.error or "")
    monkeypatch.setattr(tables_duckdb, "LOCK_WAIT_S", 60.0)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(run, in_duckdb(warehouse, "synthetic.answers", digest="v1"))
        here.send("close")
        assert waiting.result().passes
    writer.join()


def test_several_readers_at_once(warehouse: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        table = in_duckdb(warehouse, "synthetic.answers")
        assert all(e.passes for e in pool.map(run, [table] * 8))
    with duckdb.connect(str(warehouse)) as connection:
        connection.execute("CREATE TABLE the_file_was_let_go AS SELECT 1")


def test_parameters_take_every_declared_model() -> None:
    assert rows_parameters(
        [
            ModelSource("openai", "GPT-4o-2024-08-06", channel="api.openai.com"),
            ModelSource("meta", "llama-3", usage=Usage.REWRITE),
        ]
    ) == {
        "declared_models": ["gpt-4o", "llama-3"],
        "declared_channels": ["api.openai.com"],
        "declared_usages": ["GENERATION", "REWRITE"],
        "declared_sources": ["gpt-4o via api.openai.com"],
    }
