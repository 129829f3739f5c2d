"""Rows that are in PostgreSQL, looked at there: read-only, in one snapshot, without making anything.

No view and no temporary table is created, so neither CREATE nor TEMPORARY is needed and a standby
will do: Great Expectations selects from a subquery. All of its statements, and the digest, see the
same version of the rows, whatever is written meanwhile.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from lineage_guard.gx.tables.normalise import (
    LOWER,
    MOMENT,
    SNAPSHOT,
    SPACES,
    UPPER,
    VERSION,
    find_columns,
    normalised,
)
from lineage_guard.gx.tables.postgres_session import Session, place
from lineage_guard.gx.tables.table import Batch, RowsTable, Types, with_types

if TYPE_CHECKING:
    from sqlalchemy import Engine

# Numbers of types in the catalog (pg_type.dat of PostgreSQL): date, timestamp, timestamptz.
_DATE, _TIMESTAMP, _TIMESTAMPTZ = 1082, 1114, 1184

#: What PostgreSQL calls the types that suites name.
TYPES: Types = {
    "BLOB": "BYTEA",
    "DOUBLE": "DOUBLE PRECISION",
    "FLOAT": "REAL",
    "TIMESTAMP": "TIMESTAMP WITHOUT TIME ZONE",
    "TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE",
}


class PostgresDialect:
    """The rules in PostgreSQL's SQL; sessions are in UTC.

    Args:
        types: of the columns, by their numbers in the catalog.
    """

    def __init__(self, types: Mapping[str, int]) -> None:
        self._types = types

    def text(self, column: str) -> str:
        """See ``Dialect``."""
        # Collation "C": others may take two texts for equal, or refuse regular expressions.
        return f"nullif(btrim(CAST({quote(column)} AS TEXT) COLLATE \"C\", {literal(SPACES)}), '')"

    def lower(self, text: str) -> str:
        """See ``Dialect``."""
        return f"translate({text}, '{UPPER}', '{LOWER}')"

    def upper(self, text: str) -> str:
        """See ``Dialect``."""
        return f"translate({text}, '{LOWER}', '{UPPER}')"

    def without_snapshot(self, text: str) -> str:
        """See ``Dialect``."""
        # "$" is the end of the text and nothing before it, where newlines are not asked for.
        return f"regexp_replace({text}, {literal(SNAPSHOT + '$')}, '')"

    def moment(self, column: str) -> str:
        """See ``Dialect``."""
        name, kind = quote(column), self._types[column]
        if kind in (_DATE, _TIMESTAMP, _TIMESTAMPTZ):
            # An infinite moment is none; to a timestamp in UTC, which is the session's zone.
            return f"CASE WHEN isfinite({name}) THEN CAST({name} AS TIMESTAMP) END"
        text = self.text(column)
        # By way of a zone: a cast to TIMESTAMP alone forgets the one in the text.
        cast = f"CAST(CAST({text} AS TIMESTAMPTZ) AS TIMESTAMP)"
        return f"CASE WHEN {text} ~ {literal(f'^({MOMENT})$')} THEN {cast} END"

    def joined(self, first: str, between: str, second: str) -> str:
        """See ``Dialect``."""
        return f"{first} || {literal(between)} || {second}"


def in_postgres(
    database: str | Engine,
    table: str,
    digest: str | None = None,
    columns: Mapping[str, str] | None = None,
    timeout_s: float = 600.0,
) -> RowsTable:
    """A table or view of a PostgreSQL database; needs ``pip install 'lineage-guard[postgres]'``.

    Reading it is all the user has to be allowed. Two connections are open while a suite runs. A
    table with row-level security that hides rows from the user is refused, never read in part.

    Args:
        database: ``postgresql://user:password@host/name``, or an SQLAlchemy engine.
        table: name, with its schema when the search path has not got it.
        digest: name of the data version; the rows are hashed in the database when ``None``.
        columns: see ``RowsTable``.
        timeout_s: how long one statement may take, in seconds; a suite that takes longer fails.

    Raises:
        SuiteError: when ``database`` is no URL of a PostgreSQL.

    Example:
        >>> in_postgres("postgresql://reader:secret@db.internal/lake", "synthetic.answers").label
        'synthetic.answers in postgresql://db.internal/lake'
    """
    label = f"{table} in {place(database)}"
    renamed = columns or {}

    def opened() -> PostgresRows:
        return open_rows(Session(database, timeout_s), table, label, renamed, named=digest is not None)

    def computed() -> str:
        with contextlib.closing(opened()) as rows:
            return rows.digest()

    return RowsTable(
        label, opened, lambda: f"{label}: {digest} (v{VERSION})" if digest is not None else computed(), renamed
    )


def open_rows(session: Session, table: str, label: str, renamed: Mapping[str, str], named: bool) -> PostgresRows:
    """Open one snapshot of a table, normalised.

    Args:
        session: where; closed with the rows.
        table: see ``in_postgres``.
        label: for messages.
        renamed: see ``RowsTable.columns``.
        named: whether the user vouches for the version.

    Raises:
        SuiteError: when the database or the table cannot be read, or columns cannot be told apart.
    """
    source = ".".join(quote(part) for part in table.split("."))
    try:
        types = session.described(f"SELECT * FROM {source}")
        found = find_columns(label, renamed, [name for name, _ in types])
        made = normalised(PostgresDialect(dict(types)), found.own)
        select = [f"CAST({e} AS {_type(c)}) AS {quote(c)}" for c, e in made.items()]
        select += [quote(name) for name in found.rest]
        # A suite cannot pass on a table without columns it can see: there is nothing to count on.
        query = f"SELECT {', '.join(select) or 'NULL AS nothing'} FROM {source}"
        return PostgresRows(session, source, query, session.reflected(query), types, named)
    except BaseException:
        session.close()
        raise


class PostgresRows:
    """One snapshot of a table; see ``open_rows``."""

    def __init__(
        self,
        session: Session,
        source: str,
        query: str,
        reflected: Sequence[Mapping[str, Any]],
        described: Sequence[tuple[str, int]],
        named: bool,
    ) -> None:
        self._session = session
        self._source = source
        self._query = query
        self._reflected = reflected
        self._described = described
        self._named = named
        self.columns: Sequence[str] = [str(c["name"]) for c in reflected]

    def adapted(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Types by PostgreSQL's names."""
        return with_types(kwargs, TYPES)

    @contextlib.contextmanager
    def batch(self) -> Generator[Batch]:
        """The rows for Great Expectations, as a subquery."""
        import sqlalchemy
        from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
        from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine

        # A colon, say in the name of a column, is no parameter.
        text = sqlalchemy.text(self._query.replace(":", r"\:"))
        rows: Any = text.columns(*(sqlalchemy.column(c["name"], c["type"]) for c in self._reflected))
        engine = self._session.engine
        execution: Any = SqlAlchemyExecutionEngine(engine=engine, create_temp_table=False)
        # It would look in the catalog for columns of a table, and there is none; for a query as text it
        # would fetch all rows to see their names.
        execution._inspector = _Inspector(engine.dialect, self._reflected)
        yield Batch(execution, SqlAlchemyBatchData(execution, selectable=rows, create_temp_table=False))

    def digest(self) -> str:
        """Hash of names, types and rows, whatever their order, computed in the database."""
        # Sums of 60 bits of a hash of each row, four times: the same for the same rows in any order.
        row = "encode(sha256(convert_to(CAST(r AS TEXT), 'UTF8')), 'hex')"
        bits = (f"CAST(CAST('x' || substr(h, {i * 15 + 1}, 15) AS BIT(60)) AS BIGINT)" for i in range(4))
        sums = ", ".join(f"CAST(sum({b}) AS TEXT)" for b in bits)
        found = self._session.one(
            f"SELECT CAST(count(*) AS TEXT), {sums} FROM (SELECT {row} AS h FROM {self._source} AS r) AS hashed"
        )
        return "sha256:" + sha256(repr((VERSION, "postgresql", self._described, found)).encode()).hexdigest()

    def holds(self, digest: str) -> bool:
        """Whether this snapshot has the digest."""
        return self._named or self.digest() == digest

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()


@dataclass(frozen=True)
class _Inspector:
    """What Great Expectations asks SQLAlchemy about a table, answered for a query."""

    dialect: Any
    columns: Sequence[Mapping[str, Any]]

    def get_columns(self, table_name: str, schema: str | None = None) -> list[dict[str, Any]]:
        return [dict(c) for c in self.columns]

    def get_pk_constraint(self, table_name: str, schema: str | None = None) -> dict[str, Any]:
        return {"constrained_columns": [], "name": None}


def _type(column: str) -> str:
    return "TIMESTAMP" if column == "generated_at" else "VARCHAR"


def quote(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string; sessions have ``standard_conforming_strings`` on."""
    return "'" + text.replace("'", "''") + "'"
