"""One suite, one verdict, wherever the rows are: DuckDB, Parquet, pandas, Polars, Arrow, PostgreSQL and Spark."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from gx_places import arrow_table, duckdb_file, pandas, parquet, polars, postgres

from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.rows import (
    RowsTable,
    in_spark,
    rows_parameters,
    run_rows_suite,
)
from lineage_guard.gx.scan import responses_parameters
from lineage_guard.gx.suites import Suite, parse_suite

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT = datetime(2026, 11, 1, tzinfo=UTC)
STRANGE = 'o\'hara/"llama" é%:x\\'
DECLARED = rows_parameters(
    [ModelSource("openai", "gpt-4o", channel="api.openai.com"), ModelSource("o'hara", STRANGE, channel="self-hosted")]
)

PERMITTED = {"permitted_models": ["gpt-4o via api.openai.com"], "restricted_models": ["llama"]}
RESPONSES = responses_parameters([ModelSource("huggingface", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted")])

COUNT = "expect_table_row_count_to_be_between"
EXIST = "expect_column_to_exist"
NULL = "expect_column_values_to_not_be_null"
IN = "expect_column_values_to_be_in_set"
TYPE = "expect_column_values_to_be_of_type"

ROWS = """SELECT i AS id, 'private ' || i AS response, 'gpt-4o' AS model, 'api.openai.com' AS channel,
 'GENERATION' AS usage, '2026-10-01T12:00:00Z' AS generated_at FROM range({n}) r(i)"""


def rows(change: str = "*", n: int = 8) -> str:
    return f"SELECT {change} FROM ({ROWS.format(n=n)})"


def values(column: str, *texts: str | None) -> str:
    """Rows whose column takes these values, one each."""
    listed = ", ".join("NULL" if t is None else "'" + t.replace("'", "''") + "'" for t in texts)
    return rows(f"* REPLACE (([{listed}]::VARCHAR[])[id + 1] AS {column})", len(texts))


class Dataset(NamedTuple):
    """Rows, and what the suite must say of them.

    Attributes:
        name: what is wrong, or right, with them.
        sql: DuckDB's query that makes them.
        broken: how many rows break an expectation, by column and type; ``None`` where rows are not counted.
        evaluated: expectations that could be evaluated, of 15.
        nul: whether a text holds the character NUL, which PostgreSQL cannot store.
    """

    name: str
    sql: str
    broken: dict[tuple[str | None, str], int | None]
    evaluated: int = 15
    nul: bool = False


PLAIN = [
    Dataset("clean", rows(), {}),
    Dataset(
        "a model nobody declared",
        rows("* REPLACE (CASE WHEN id % 4 = 1 THEN 'llama' ELSE model END AS model)"),
        {("model", IN): 2, ("source", IN): 2},
    ),
    Dataset("no rows", rows(n=0), {(None, COUNT): None}),
    Dataset(
        "all NULL",
        rows("* REPLACE (NULL::VARCHAR AS model, NULL::VARCHAR AS usage)"),
        {("model", NULL): 8, ("source", NULL): 8, ("usage", NULL): 8},
    ),
    Dataset(
        "a column that is missing",
        rows("* EXCLUDE (usage)"),
        {("usage", EXIST): None, ("usage", NULL): None, ("usage", IN): None},
        13,
    ),
    Dataset(
        "texts that are moments, and thirteen that are none",
        values(
            *("generated_at", "2026-10-01", " 2026-10-01 12:00\n", "2024-02-29T23:59:59.123456", "2000-02-29"),
            *("2026-10-01T12:00:00+05:30", "2026-10-01 12:00:00-0800", "2026-10-01T12:00:00.5+02", "2026-12-31T23:59Z"),
            *("yesterday", "now", "infinity", "2026", "12:30", "20261001", "2026-02-29", "2026-13-01", "1790000000"),
            *("2026-10-01T25:00:00", "2026-10-01 12:00:60", "1 Oct 2026", "2026-10-01T12:00:00Z or so"),
        ),
        {("generated_at", NULL): 13},
    ),
    Dataset(
        "hostile texts in hostile columns",
        rows(
            """id, response || chr(39) || '; DROP TABLE t; -- "' AS response, ' SELF-hosted' AS channel,
            'O''Hara/"LLAMA" é%:x\\-20260101' AS Model, 'generation' AS "USAGE", generated_at,
            'x' AS "a.b", '%s %(x)s :y ${z}' AS "we""ird :name %s", '`' AS "back`tick", 'ß' AS "Größe" """
        ),
        {},
    ),
]

MORE = [
    Dataset(
        "spellings of one model, models that look alike, hostile ones, none",
        values(
            *("model", "GPT-4o", " gpt-4o-2024-08-06\n", "\tGPT-4O-20240806 ", "gpt-4o\r\n", "\vGpt-4o\f", "gpt-4O"),
            *("gpt-4o-2024-8-6", "gpt-4o-2024-08-06-2", "gpt-4o\u00a0", "GPT-4o\u2028", "gрt-4o", "gpt-4o.20240806"),
            *("'); DROP TABLE t; --", "GPT-4ο", "İ", "ẞ", "\U0001f600", "%s", ":x", "\\", "${x}", None, "", " \t\n"),
        ),
        {("model", IN): 15, ("source", IN): 15, ("model", NULL): 3, ("source", NULL): 3},
    ),
    Dataset(
        "no provenance, and a source of the table's own",
        rows("id, response, 'gpt-4o via api.openai.com' AS source"),
        {(c, t): None for c in ("model", "channel", "usage") for t in (EXIST, NULL, IN)}
        | {("source", t): None for t in (NULL, IN)}
        | {("generated_at", t): None for t in (EXIST, NULL, TYPE)},
        5,
    ),
    Dataset("moments of their own type", rows("* REPLACE (TIMESTAMP '2026-10-01 12:00:00' AS generated_at)"), {}),
    Dataset("moments with a zone", rows("* REPLACE (TIMESTAMPTZ '2026-10-01 12:00:00+02' AS generated_at)"), {}),
    Dataset("days", rows("* REPLACE (DATE '2026-10-01' AS generated_at)"), {}),
    Dataset(
        "NUL in a model", values("model", "gpt-4o\u0000", "\u0000"), {("model", IN): 2, ("source", IN): 2}, nul=True
    ),
    Dataset(
        "100,000 rows, and seven that break the declaration",
        rows("* REPLACE (CASE WHEN id % 15000 = 3 THEN 'gpt-4' ELSE model END AS model)", 100_000),
        {("model", IN): 7, ("source", IN): 7},
    ),
]

# What the shipped suite does not use: conditions, bounds, and what a table says of itself.
OTHER = parse_suite(
    {
        "name": "other",
        "expectations": [
            {"type": COUNT, "kwargs": {"min_value": 1, "max_value": 20}},
            {"type": NULL, "kwargs": {"column": "id"}},
            {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "id", "min_value": 2, "max_value": 5}},
            {"type": NULL, "kwargs": {"column": "model"}},
            {
                "type": "expect_column_values_to_not_be_in_set",
                "kwargs": {
                    "column": "model",
                    "value_set": ["llama"],
                    "row_condition": {
                        "type": "comparison", "column": {"name": "id"}, "operator": "<", "parameter": 3
                    },
                },
            },
            {"type": NULL, "kwargs": {"column": "generated_at"}},
            {
                "type": "expect_column_values_to_be_between",
                "kwargs": {
                    "column": "generated_at", "min_value": "2026-10-01T11:59:00", "max_value": "2026-10-01T12:01:00"
                },
            },
            {
                "type": "expect_column_distinct_values_to_be_in_set",
                "kwargs": {"column": "model", "value_set": ["gpt-4o"]},
            },
            {
                "type": "expect_models_to_be_permitted",
                "kwargs": {"column": "model", "permitted": ["gpt-4o"], "restricted": ["llama"]},
            },
        ],
    }
)  # fmt: skip


def verdict(evidence: Evidence) -> tuple[Any, ...]:
    """What must be the same everywhere."""
    failed = {(f.column, f.type): f.unexpected_count for f in evidence.failures}
    return evidence.error, evidence.passes, evidence.evaluated, evidence.expected, failed


def run(table: RowsTable, suite: str | Suite = "rows", parameters: Any = DECLARED) -> tuple[Any, ...]:
    return verdict(run_rows_suite(table, parameters, AT, suite))


def arrow(dataset: Dataset) -> pa.Table:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(dataset.sql).to_arrow_table()


def agree(datasets: list[Dataset], put: Callable[[pa.Table], RowsTable]) -> None:
    """Hold an engine against what is expected of every engine."""
    for dataset in datasets:
        found = run(put(arrow(dataset)))
        assert found == (None, not dataset.broken, dataset.evaluated, 15, dataset.broken), dataset.name


def agree_on_everything(datasets: list[Dataset], put: Callable[[pa.Table], RowsTable]) -> None:
    agree(datasets, put)
    [undeclared] = [d for d in PLAIN if d.name == "a model nobody declared"]
    assert run(put(arrow(undeclared)), OTHER) == (
        None,
        False,
        10,
        10,
        {
            ("id", "expect_column_values_to_be_between"): 4,
            ("model", "expect_column_values_to_not_be_in_set"): 1,
            ("model", "expect_column_distinct_values_to_be_in_set"): 1,
            ("model", "expect_models_to_be_permitted"): 2,
        },
    )

    assert run(put(arrow(undeclared)), "permitted", PERMITTED) == (
        None,
        False,
        4,
        4,
        {("model", "expect_models_to_be_permitted"): 2},
    )
    naming = values(
        *("response", "I am Qwen, created by Alibaba Cloud.", None, "", "No.", "What ChatGPT says: 'I am ChatGPT'."),
        *("I'm ChatGPT, a large language model trained by OpenAI.", "AS AN AI LANGUAGE MODEL DEVELOPED BY OPENAI, I é"),
    )
    assert run(put(arrow(Dataset("who speaks", naming, {}))), "responses", RESPONSES) == (
        None,
        False,
        2,
        2,
        {("response", "expect_no_undeclared_self_identification"): 2},
    )


LOCAL = [duckdb_file, parquet, pandas, polars, arrow_table]


def test_engines_in_this_process_agree(tmp_path: Path) -> None:
    agree(PLAIN, duckdb_file(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("engine", LOCAL)
def test_engines_in_this_process_agree_on_everything(
    engine: Callable[[Path], Callable[[pa.Table], RowsTable]], tmp_path: Path
) -> None:
    agree_on_everything(PLAIN + MORE, engine(tmp_path))


def test_postgres_agrees(database: str) -> None:
    agree(PLAIN, postgres(database))


@pytest.mark.long
def test_postgres_agrees_on_everything(database: str) -> None:
    agree_on_everything([d for d in PLAIN + MORE if not d.nul], postgres(database))


@pytest.mark.long
@pytest.mark.timeout(900)
# py4j leaves the sockets of its threads to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_spark_agrees_on_everything(spark: SparkSession, tmp_path: Path) -> None:
    from pyspark.sql import SparkSession

    paths = (str(tmp_path / f"{n}.parquet") for n in count())
    settings = spark.sql("SET").collect()

    def put(table: pa.Table) -> RowsTable:
        path = next(paths)
        pq.write_table(table, path)
        # Hashing on the cluster is another test's matter, and takes as long as the suite.
        return in_spark(spark.read.parquet(path), digest=path)

    agree_on_everything(PLAIN + MORE, put)
    # One session, the caller's, with its settings, nothing cached and no view left behind.
    assert SparkSession.getActiveSession() is spark
    assert spark.sql("SET").collect() == settings
    assert spark.sparkContext._jsc.sc().getPersistentRDDs().isEmpty()  # pyright: ignore[reportOptionalMemberAccess]
    assert spark.catalog.listTables() == []
    # The last of them would not have fitted through the driver.
    with pytest.raises(Exception, match="maxResultSize"):
        spark.read.parquet(str(tmp_path / f"{len(PLAIN + MORE) - 1}.parquet")).collect()


def test_the_page_does_what_it_says() -> None:
    page = (Path(__file__).parents[2] / "docs/expectations.md").read_text("utf-8")
    [snippet] = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(compile(snippet, "expectations.md", "exec"), {"__name__": "expectations"})
