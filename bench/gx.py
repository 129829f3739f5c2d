"""What the rows suite costs over one hand-written DuckDB query that normalises and counts the same.

Run: python -m bench.gx [rows]

Every figure comes from a process of its own, so that its peak memory is its own too.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.rows import RowsTable, in_duckdb, in_frame, in_parquet, rows_parameters, run_rows_suite

REPEATS = 5
MODELS = rows_parameters([ModelSource("openai", "gpt-4o", channel="api.openai.com")])
TABLE = """SELECT i AS id, repeat(md5(i::VARCHAR), 8) AS response,
 CASE WHEN i % 100 = 0 AND {broken} THEN 'llama' ELSE 'GPT-4o-2024-08-06' END AS model,
 'api.openai.com' AS channel, 'GENERATION' AS usage,
 TIMESTAMP '2026-01-01' + to_seconds(i) AS generated_at FROM range({rows}) r(i)"""
# What the suite asks, and how it reads the columns, as one would write it for this table.
BY_HAND = """
SELECT count(*) AS rows,
  count(*) FILTER (model IS NULL), count(*) FILTER (model NOT IN ('gpt-4o')),
  count(*) FILTER (channel IS NULL), count(*) FILTER (channel NOT IN ('api.openai.com')),
  count(*) FILTER (usage IS NULL), count(*) FILTER (usage NOT IN ('GENERATION')),
  count(*) FILTER (model || ' via ' || channel IS NULL),
  count(*) FILTER (model || ' via ' || channel NOT IN ('gpt-4o via api.openai.com')),
  count(*) FILTER (generated_at IS NULL)
FROM (
  SELECT regexp_replace(lower(nullif(trim(model), '')), '-(20[0-9]{2}-[0-9]{2}-[0-9]{2}|20[0-9]{6})$', '') AS model,
    lower(nullif(trim(channel), '')) AS channel, upper(nullif(trim(usage), '')) AS usage, generated_at
  FROM SOURCE
)
"""


def table(engine: str, folder: Path) -> RowsTable:
    if engine == "duckdb":
        return in_duckdb(folder / "rows.duckdb", "t", digest="bench")
    if engine == "pandas":
        import pandas

        return in_frame(pandas.read_parquet(folder / "clean.parquet"), digest="bench")
    return in_parquet(folder / f"{engine}.parquet", digest="bench")


def work(what: str, folder: Path) -> Callable[[], object]:
    if what.startswith("by hand"):
        connection = duckdb.connect()
        source = f"'{folder}/clean.parquet'"
        if what.endswith("duckdb"):
            connection.execute(f"ATTACH '{folder}/rows.duckdb' AS w (READ_ONLY)")
            source = "w.t"
        return lambda: connection.execute(BY_HAND.replace("SOURCE", source)).fetchall()
    rows = table(what, folder)

    def suite() -> None:
        evidence = run_rows_suite(rows, MODELS, datetime.now(UTC))
        assert evidence.error is None
        assert evidence.passes == (what != "broken")

    return suite


def measure(what: str, folder: Path) -> None:
    """In a process of its own: seconds of the first time, median seconds afterwards, peak MiB."""
    times: list[float] = []
    start = time.perf_counter()
    do = work(what, folder)
    for _ in range(REPEATS + 1):
        do()
        times.append(time.perf_counter() - start)
        start = time.perf_counter()
    # Not ru_maxrss: that begins with what the parent process took.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps([times[0], statistics.median(times[1:]), peak]))


def measured(what: str, folder: Path) -> list[float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.gx", what, str(folder)], capture_output=True, text=True, check=True
    )
    found: list[float] = json.loads(done.stdout)
    return found


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with duckdb.connect(str(folder / "rows.duckdb")) as connection:
            connection.execute(f"CREATE TABLE t AS {TABLE.format(rows=rows, broken='false')}")
            connection.execute(f"COPY t TO '{folder}/clean.parquet'")
            connection.execute(f"COPY ({TABLE.format(rows=rows, broken='true')}) TO '{folder}/broken.parquet'")
        found: dict[str, Any] = {
            what: measured(what, folder)
            for what in (
                "by hand",
                "clean",
                "broken",
                "by hand duckdb",
                "duckdb",
                *(["pandas"] if rows <= 1_000_000 else []),
            )
        }
    code = "import time; t = time.perf_counter(); import great_expectations; print(time.perf_counter() - t)"
    imported = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    print(f"{rows:,} rows; suite of 15 expectations, all of them read and none of them copied")
    print(f"{'':<44}{'warm':>9} {'of limit':>9} {'rows/s':>13} {'first':>8} {'peak':>10}")
    names = {
        "by hand": ("Parquet, one hand-written query", "by hand"),
        "clean": ("Parquet, suite that passes", "by hand"),
        "broken": ("Parquet, suite that fails (1 row in 100)", "by hand"),
        "by hand duckdb": ("DuckDB table, one hand-written query", "by hand duckdb"),
        "duckdb": ("DuckDB table, suite that passes", "by hand duckdb"),
        "pandas": ("pandas frame, suite that passes", "by hand"),
    }
    for what, (first, warm, peak) in found.items():
        label, limit = names[what]
        ratio = "the limit" if what == limit else f"{warm / found[limit][1]:.2f}x"
        print(f"{label:<44}{warm:>7.3f} s {ratio:>9} {rows / warm:>13,.0f} {first:>6.1f} s {peak:>6.0f} MiB")
    print(f"import great_expectations, in a new process  {imported:>6.3f} s (part of the first suite of a process)")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        measure(sys.argv[1], Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
