"""One suite, one verdict, wherever the rows are: DuckDB, Parquet, pandas, Polars, Arrow, PostgreSQL and Spark."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lineage_guard.domain.evidence import Evidence
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.rows import (
    RowsTable,
    in_duckdb,
    in_frame,
    in_parquet,
    in_postgres,
    in_spark,
    rows_parameters,
    run_rows_suite,
)
from lineage_guard.gx.suites import Suite, parse_suite

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT = datetime(2026, 11, 1, tzinfo=UTC)
STRANGE = 'o\'hara/"llama" é%:x\\'
DECLARED = rows_parameters(
    [ModelSource("openai", "gpt-4o", channel="api.openai.com"), ModelSource("o'hara", STRANGE, channel="self-hosted")]
)

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
        "texts that are no moments",
        values(
            *("generated_at", "yesterday", "now", "infinity", "2026", "12:30", "20261001", "2026-02-29", "2026-13-01"),
            *("1790000000", "2026-10-01T25:00:00", "2026-10-01 12:00:60", "1 Oct 2026", "2026-10-01T12:00:00Z or so"),
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
        "spellings of one model",
        values("model", "GPT-4o", " gpt-4o-2024-08-06\n", "\tGPT-4O-20240806 ", "gpt-4o\r\n", "\vGpt-4o\f", "gpt-4O"),
        {},
    ),
    Dataset(
        "models that look alike",
        values(
            "model",
            "gpt-4o-2024-8-6",
            "gpt-4o-2024-08-06-2",
            "gpt-4o\u00a0",
            "GPT-4o\u2028",
            "gрt-4o",
            "gpt-4o.20240806",
        ),
        {("model", IN): 6, ("source", IN): 6},
    ),
    Dataset(
        "NULL and empty here and there",
        values("model", None, "", " \t\n", "gpt-4o"),
        {("model", NULL): 3, ("source", NULL): 3},
    ),
    Dataset(
        "no provenance, and a source of the table's own",
        rows("id, response, 'gpt-4o via api.openai.com' AS source"),
        {(c, t): None for c in ("model", "channel", "usage") for t in (EXIST, NULL, IN)}
        | {("source", t): None for t in (NULL, IN)}
        | {("generated_at", t): None for t in (EXIST, NULL, TYPE)},
        5,
    ),
    Dataset(
        "texts that are moments",
        values(
            *("generated_at", "2026-10-01", " 2026-10-01 12:00\n", "2024-02-29T23:59:59.123456", "2000-02-29"),
            *("2026-10-01T12:00:00+05:30", "2026-10-01 12:00:00-0800", "2026-10-01T12:00:00.5+02", "2026-12-31T23:59Z"),
        ),
        {},
    ),
    Dataset("moments of their own type", rows("* REPLACE (TIMESTAMP '2026-10-01 12:00' AS generated_at)"), {}),
    Dataset("moments with a zone", rows("* REPLACE (TIMESTAMPTZ '2026-10-01 12:00+02' AS generated_at)"), {}),
    Dataset("days", rows("* REPLACE (DATE '2026-10-01' AS generated_at)"), {}),
    Dataset(
        "hostile models",
        values("model", "'); DROP TABLE t; --", "GPT-4ο", "İ", "ẞ", "\U0001f600", "%s", ":x", "\\", "${x}"),
        {("model", IN): 9, ("source", IN): 9},
    ),
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
    [undeclared] = [d for d in PLAIN if d.name == "a model nobody declared"]
    assert run(put(arrow(undeclared)), OTHER) == (
        None,
        False,
        8,
        8,
        {
            ("id", "expect_column_values_to_be_between"): 4,
            ("model", "expect_column_values_to_not_be_in_set"): 1,
            ("model", "expect_column_distinct_values_to_be_in_set"): 1,
            ("model", "expect_models_to_be_permitted"): 2,
        },
    )


def duckdb_file(folder: Path) -> Callable[[pa.Table], RowsTable]:
    def put(table: pa.Table) -> RowsTable:
        path = folder / "w.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.register("given", table)
            connection.execute("CREATE TABLE t AS FROM given")
        return in_duckdb(path, "t")

    return put


def parquet(folder: Path) -> Callable[[pa.Table], RowsTable]:
    def put(table: pa.Table) -> RowsTable:
        pq.write_table(table, folder / "rows.parquet")
        return in_parquet(folder / "rows.parquet")

    return put


def pandas(_: Path) -> Callable[[pa.Table], RowsTable]:
    return lambda table: in_frame(table.to_pandas())


def polars(_: Path) -> Callable[[pa.Table], RowsTable]:
    import polars as pl

    return lambda table: in_frame(pl.from_arrow(table))


def arrow_table(_: Path) -> Callable[[pa.Table], RowsTable]:
    return in_frame


LOCAL = [duckdb_file, parquet, pandas, polars, arrow_table]


def test_engines_in_this_process_agree(tmp_path: Path) -> None:
    agree(PLAIN, duckdb_file(tmp_path))


@pytest.mark.long
@pytest.mark.parametrize("engine", LOCAL)
def test_engines_in_this_process_agree_on_everything(
    engine: Callable[[Path], Callable[[pa.Table], RowsTable]], tmp_path: Path
) -> None:
    agree(PLAIN + MORE, engine(tmp_path))


def postgres(url: str) -> Callable[[pa.Table], RowsTable]:
    """Each table under a name of its own, in a schema that the reader may not create anything in."""
    import psycopg
    from psycopg import sql

    names = (f"t{uuid4().hex}" for _ in repeat(None))
    types = {"int64": "bigint", "string": "text", "timestamp[us]": "timestamp", "date32[day]": "date"}

    def put(table: pa.Table) -> RowsTable:
        name = next(names)
        kinds = [types.get(str(f.type), "timestamptz") for f in table.schema]
        columns = [
            sql.SQL("{} {}").format(sql.Identifier(f.name), sql.SQL(k))
            for f, k in zip(table.schema, kinds, strict=True)
        ]
        with psycopg.connect(url) as connection:
            target = sql.Identifier("synthetic", name)
            connection.execute(sql.SQL("CREATE TABLE {} ({})").format(target, sql.SQL(", ").join(columns)))
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(target)) as copy:
                for row in zip(*(c.to_pylist() for c in table.columns), strict=True):
                    copy.write_row(row)
            connection.execute(sql.SQL("GRANT SELECT ON {} TO reader").format(target))
        return in_postgres(url.replace("dagster@", "reader:s3cr%40t@"), f"synthetic.{name}")

    return put


@pytest.fixture(scope="module")
def database(postgres_url: str) -> str:
    """The address of a database, with a schema of tables and a user that may read them and nothing else."""
    import psycopg

    url = postgres_url.replace("+psycopg2", "")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA synthetic")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 's3cr@t'")
        connection.execute("GRANT USAGE ON SCHEMA synthetic TO reader")
        connection.execute("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
    return url


def test_postgres_agrees(database: str) -> None:
    agree(PLAIN, postgres(database))


@pytest.mark.long
def test_postgres_agrees_on_everything(database: str) -> None:
    agree([d for d in MORE if not d.nul] + PLAIN, postgres(database))


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
        # Continuous integration installs it; a skip there would hide that nothing was tested.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "Spark needs Java: apt-get install openjdk-17-jre-headless"
        )
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .appName("lineage-guard-tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        # Not UTC: nothing may depend on it.
        .config("spark.sql.session.timeZone", "America/New_York")
        # Rows that came to the driver would be an error.
        .config("spark.driver.maxResultSize", "1m")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    session.stop()


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

    agree(PLAIN + MORE, put)
    # One session, the caller's, with its settings, nothing cached and no view left behind.
    assert SparkSession.getActiveSession() is spark
    assert spark.sql("SET").collect() == settings
    assert spark.sparkContext._jsc.sc().getPersistentRDDs().isEmpty()  # pyright: ignore[reportOptionalMemberAccess]
    assert spark.catalog.listTables() == []
