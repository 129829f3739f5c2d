"""DuckDB tables for steps that run in processes of their own.

DuckDB has no multi-process writers, so each table (and each of its partitions) is a database
file that is written aside and put in place whole. A reader opens the file it finds; nobody
waits for a lock and nobody sees half a table.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

if TYPE_CHECKING:
    import duckdb

Row = dict[str, Any]
TABLE = "rows"


class Tables(dg.ConfigurableResource[Any]):
    """A folder of DuckDB tables."""

    folder: str

    def path(self, name: str, partition: str | None = None) -> Path:
        """The database file of a table, or of one partition of it."""
        base = Path(self.folder) / name
        return base.with_suffix(".duckdb") if partition is None else base / f"{partition}.duckdb"

    def write(self, name: str, rows: list[Row], partition: str | None = None) -> int:
        """Replace a table, or one partition of it; returns the number of rows."""
        import duckdb
        import pyarrow as pa

        frame = cast("Any", pa).Table.from_pylist(rows)
        path = self.path(name, partition)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as aside:
            new = Path(aside) / path.name
            with duckdb.connect(str(new)) as db:
                db.register("frame", frame)
                db.execute(f"CREATE TABLE {TABLE} AS SELECT * FROM frame")
            os.replace(new, path)
        return len(rows)

    def query(self, sql: str, /, **tables: Sequence[Path]) -> list[Row]:
        """Run SQL in which each name is a table: the union of the given database files.

        Args:
            sql: one query.
            tables: for each name in the query, the files that hold its rows.
        """
        import duckdb

        with duckdb.connect() as db:
            for name, paths in tables.items():
                attach(db, name, paths)
            return cast("Any", db.sql(sql)).to_arrow_table().to_pylist()


def attach(db: duckdb.DuckDBPyConnection, name: str, paths: Sequence[Path]) -> str:
    """Make the rows of some database files readable as one view; returns its name."""
    parts: list[str] = []
    for i, path in enumerate(paths):
        db.execute(f"ATTACH '{str(path).replace(chr(39), chr(39) * 2)}' AS {name}_{i} (READ_ONLY)")
        parts.append(f"SELECT * FROM {name}_{i}.{TABLE}")
    db.execute(f"CREATE VIEW {name} AS {' UNION ALL BY NAME '.join(parts)}")
    return name
