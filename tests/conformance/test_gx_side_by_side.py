"""Validations at the same time, in threads and in processes, each with a true answer of its own."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gx_places import postgres

from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.rows import RowsTable, in_duckdb, in_frame, in_parquet, rows_parameters, run_rows_suite

AT = datetime(2026, 11, 1, tzinfo=UTC)
DECLARED = rows_parameters([ModelSource("openai", "gpt-4o", channel="api.openai.com")])


def rows(broken: int) -> pa.Table:
    """Ten rows, the first of which name another model."""
    return pa.table(
        {
            "model": ["llama"] * broken + ["gpt-4o"] * (10 - broken),
            "channel": ["api.openai.com"] * 10,
            "usage": ["GENERATION"] * 10,
            "generated_at": ["2026-10-01"] * 10,
        }
    )


def broken_in(table: RowsTable) -> int:
    """How many rows a suite finds broken; all that it says must fit together."""
    evidence = run_rows_suite(table, DECLARED, AT)
    assert evidence.error is None, evidence.error
    counts = {f.unexpected_count for f in evidence.failures}
    assert evidence.passes == (not counts)
    assert [f.column for f in evidence.failures] in ([], ["model", "source"])
    [found] = counts or {0}
    assert found is not None
    return found


def test_threads_on_several_engines(database: str, tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        for n in range(3):
            connection.register("given", rows(n))
            connection.execute(f"CREATE TABLE t{n} AS FROM given")
            pq.write_table(rows(n), tmp_path / f"{n}.parquet")
    put = postgres(database)
    work: list[tuple[int, RowsTable]] = []
    for n in range(3):
        work += [
            (n, in_duckdb(path, f"t{n}")),
            (n, in_parquet(tmp_path / f"{n}.parquet")),
            (n, in_frame(rows(n).to_pandas())),
            (n, put(rows(n))),
        ]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(broken_in, [table for _, table in work]))
    assert found == [n for n, _ in work]


def in_a_process(path: str, n: int) -> list[int]:
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(broken_in, [in_duckdb(path, f"t{n}"), in_duckdb(path, f"t{n + 1}")] * 2))


@pytest.mark.long
def test_processes_on_one_file(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        for n in range(3):
            connection.register("given", rows(n))
            connection.execute(f"CREATE TABLE t{n} AS FROM given")
    spawn: Any = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=spawn) as pool:
        found = list(pool.map(in_a_process, [str(path)] * 2, range(2)))
    assert found == [[n, n + 1] * 2 for n in range(2)]
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE TABLE the_file_was_let_go AS SELECT 1")
