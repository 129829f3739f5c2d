"""What duckdb-engine 0.17 lacks on DuckDB 2: results that outlive a rollback, and reflection.

Two differences from its dialect, and nothing else:

- Results are fetched when a statement is executed. DuckDB 2 drops a pending result when the
  transaction ends, and Great Expectations reads results after SQLAlchemy rolled back; it then
  sees no rows at all ("list index out of range").
- Columns are reflected with DESCRIBE. SQLAlchemy's PostgreSQL reflection joins
  ``pg_collation``, which DuckDB does not have.

``tests/gx/test_gx_dialect.py`` fails on the day duckdb-engine no longer needs this module.
"""

from __future__ import annotations

import atexit
from collections.abc import Sequence
from typing import Any

import duckdb
import duckdb_engine
import sqlalchemy
import sqlalchemy.types
from sqlalchemy.dialects import registry

#: Open connections by name; the URL ``lineageguard:///<name>`` reaches one.
CONNECTIONS: dict[str, duckdb.DuckDBPyConnection] = {}


class _Cursor:
    """A DB-API cursor whose rows are already here."""

    arraysize = 1
    rowcount = -1

    def __init__(self, raw: duckdb.DuckDBPyConnection, connection: _Connection) -> None:
        self._raw = raw
        self.connection = connection
        self.description: Any = None
        self._rows: list[Any] = []

    def execute(self, statement: str, parameters: Any = None) -> None:
        self._raw.execute(statement, parameters or None)
        self.description = self._raw.description
        self._rows = self._raw.fetchall() if self.description else []
        self._rows.reverse()

    def fetchone(self) -> Any:
        return self._rows.pop() if self._rows else None

    def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        return [self._rows.pop() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> Sequence[Any]:
        return self.fetchmany(len(self._rows)) if self._rows else []

    def close(self) -> None:
        self._rows = []


class _Connection:
    """A DB-API connection over an open DuckDB connection, which it does not own."""

    def __init__(self, raw: duckdb.DuckDBPyConnection) -> None:
        self._raw = raw
        self.notices: list[str] = []

    def cursor(self) -> _Cursor:
        return _Cursor(self._raw, self)

    def begin(self) -> None:
        self._raw.begin()

    def commit(self) -> None:
        self._raw.commit()

    def rollback(self) -> None:
        self._raw.rollback()

    def close(self) -> None:
        pass


class LineageGuardDialect(duckdb_engine.Dialect):
    """duckdb-engine's dialect over a connection in ``CONNECTIONS``."""

    supports_statement_cache = False

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        """Hand out the named connection."""
        return _Connection(CONNECTIONS[cparams["database"]])

    def get_columns(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Reflect with DESCRIBE, which knows tables and views alike."""
        quote = self.identifier_preparer.quote_identifier
        return [
            {
                "name": name,
                "type": _type_of(kind),
                "nullable": null == "YES",
                "default": default,
            }
            for name, kind, null, _key, default, _extra in connection.exec_driver_sql(f"DESCRIBE {quote(table_name)}")
        ]

    def get_pk_constraint(self, connection: Any, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        """Views have none."""
        return {"constrained_columns": [], "name": None}


def _type_of(kind: str) -> Any:
    """SQLAlchemy's type of the same name, e.g. TIMESTAMP for "TIMESTAMP WITH TIME ZONE"."""
    name = kind.split("(")[0].split(" WITH")[0]
    return getattr(sqlalchemy.types, name, sqlalchemy.types.NullType)()


def _forget() -> None:
    """Let go of duckdb at exit, or DuckDB 2 prints a page of "nanobind: leaked" to stderr.

    duckdb-engine hangs a function on ``sqlalchemy.TryCast``, which outlives the interpreter
    once Great Expectations is imported, and with it everything that function can reach.
    """
    dispatcher: Any = sqlalchemy.TryCast.__dict__.get("_compiler_dispatcher")
    if dispatcher is not None:
        dispatcher.specs.pop("duckdb", None)


atexit.register(_forget)
registry.register("lineageguard", __name__, "LineageGuardDialect")
