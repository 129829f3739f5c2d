"""What the rows suite costs over one hand-written DuckDB query, on a Parquet-backed table.

Run: python bench/gx.py [rows]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.rows import in_parquet, rows_parameters, run_rows_suite

REPEATS = 5
MODELS = rows_parameters([ModelSource("openai", "gpt-4o", channel="api.openai.com")])
BY_HAND = """
SELECT count(*) AS rows,
  count(*) FILTER (model IS NULL OR model NOT IN ('gpt-4o')) AS models,
  count(*) FILTER (channel IS NULL OR channel NOT IN ('api.openai.com')) AS channels,
  count(*) FILTER (usage IS NULL OR usage NOT IN ('GENERATION')) AS usages,
  count(*) FILTER (source IS NULL OR source NOT IN ('gpt-4o via api.openai.com')) AS sources,
  count(*) FILTER (generated_at IS NULL) AS times
FROM rows
"""


def seconds(work: Callable[[], object]) -> float:
    times: list[float] = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(rows: int) -> None:
    from lineage_guard.gx import rows as module

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.parquet"
        with duckdb.connect() as connection:
            connection.execute(
                f"""COPY (SELECT repeat(md5(i::VARCHAR), 8) AS response, 'GPT-4o-2024-08-06' AS model,
                'api.openai.com' AS channel, 'GENERATION' AS usage,
                TIMESTAMP '2026-01-01' + to_seconds(i) AS generated_at FROM range({rows}) r(i)) TO '{path}'"""
            )
        table = in_parquet(path, digest="bench")

        def by_hand() -> None:
            connection, _ = module._open(table)  # pyright: ignore[reportPrivateUsage]
            assert connection.execute(BY_HAND).fetchone() == (rows, 0, 0, 0, 0, 0)
            connection.close()

        def suite() -> None:
            assert run_rows_suite(table, MODELS, datetime.now(UTC)).passes

        start = time.perf_counter()
        suite()
        first = time.perf_counter() - start
        limit, ours = seconds(by_hand), seconds(suite)
    code = "import time; t = time.perf_counter(); import great_expectations; print(time.perf_counter() - t)"
    imported = float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
    print(f"rows                                   {rows:>12,}")
    print(f"one hand-written query on the view     {limit:>12.3f} s   (the limit)")
    print(f"rows suite, 15 expectations, warm      {ours:>12.3f} s   {ours / limit:.1f}x, {rows / ours:,.0f} rows/s")
    print(f"rows suite, first in a process         {first:>12.3f} s   (with the import)")
    print(f"import great_expectations, cold        {imported:>12.3f} s")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
