"""Where each engine keeps an Arrow table, as a table that a suite can run on."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from lineage_guard.gx.rows import RowsTable, in_duckdb, in_frame, in_parquet, in_postgres


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
