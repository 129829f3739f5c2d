"""Rows that DuckDB reads where they are: its own files, Parquet, and whatever else it can scan."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lineage_guard.domain.errors import SuiteError
from lineage_guard.gx.tables.normalise import (
    LOWER,
    MOMENT,
    PROVENANCE_COLUMNS,
    SNAPSHOT,
    SPACES,
    UPPER,
    VERSION,
    find_columns,
    normalised,
)
from lineage_guard.gx.tables.table import Batch, RowsTable

if TYPE_CHECKING:
    import duckdb

#: How long to wait for another process to let go of a DuckDB file, in seconds.
LOCK_WAIT_S = 10.0

#: View of the rows as they are written, after their provenance as suites read it in columns with ``PREFIX``.
AS_THEY_ARE = "rows_as_they_are"
PREFIX = "lineage_guard_"

Attach = Callable[["duckdb.DuckDBPyConnection"], str]


class DuckDBRows:
    """A table or view of an open DuckDB connection, as it is; the connection is closed with it.

    Args:
        connection: must not be used by anybody else meanwhile.
        name: of the table or view.
        holds: whether a digest is still that of the rows.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, name: str, holds: Callable[[str], bool] = lambda _: True
    ) -> None:
        self.connection = connection
        self.name = name
        self._holds = holds

    @property
    def columns(self) -> Sequence[str]:
        """Names of all columns."""
        return [str(row[0]) for row in self.connection.execute(f"DESCRIBE {quote(self.name)}").fetchall()]

    def adapted(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Types in suites are DuckDB's."""
        return dict(kwargs)

    @contextlib.contextmanager
    def batch(self) -> Generator[Batch]:
        """The rows for Great Expectations: no temporary table, which would copy them all."""
        import sqlalchemy
        from great_expectations.execution_engine.sqlalchemy_batch_data import SqlAlchemyBatchData
        from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
        from sqlalchemy.pool import StaticPool

        from lineage_guard.gx.dialect import CONNECTIONS

        name = uuid4().hex
        CONNECTIONS[name] = self.connection
        engine = sqlalchemy.create_engine(f"lineageguard:///{name}", poolclass=StaticPool)
        try:
            execution = SqlAlchemyExecutionEngine(engine=engine, create_temp_table=False)
            yield Batch(execution, SqlAlchemyBatchData(execution, table_name=self.name))
        finally:
            CONNECTIONS.pop(name, None)
            engine.dispose()

    def holds(self, digest: str) -> bool:
        """Whether these are still the rows that had this digest."""
        return self._holds(digest)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


class DuckDBDialect:
    """The rules in DuckDB's SQL; sessions are in UTC.

    Args:
        types: of the columns, as DESCRIBE names them.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types

    def text(self, column: str) -> str:
        """See ``Dialect``."""
        raw = f"CAST({quote(column)} AS VARCHAR)"
        # What begins or ends with white space sorts before "!"; trim() of characters is slow.
        return f"CASE WHEN {raw} < '!' OR right({raw}, 1) < '!' THEN {_trimmed(raw)} ELSE {raw} END"

    def lower(self, text: str) -> str:
        """See ``Dialect``."""
        return _ascii(text, "lower", UPPER, LOWER)

    def upper(self, text: str) -> str:
        """See ``Dialect``."""
        return _ascii(text, "upper", LOWER, UPPER)

    def without_snapshot(self, text: str) -> str:
        """See ``Dialect``."""
        # In RE2 "$" is the end of the text and nothing before it.
        return f"regexp_replace({text}, {literal(SNAPSHOT + '$')}, '')"

    def moment(self, column: str) -> str:
        """See ``Dialect``."""
        name, kind = quote(column), self._types[column]
        if kind.startswith("TIMESTAMP") or kind == "DATE":
            moment = f"TRY_CAST({name} AS TIMESTAMP)"
            return f"CASE WHEN isfinite({moment}) THEN {moment} END"
        raw = f"CAST({name} AS VARCHAR)"
        # By way of a zone: a cast to TIMESTAMP alone forgets the one in the text.
        cases = "".join(
            f" WHEN regexp_full_match({text}, {literal(MOMENT)})"
            f" THEN TRY_CAST(TRY_CAST({_with_seconds(text)} AS TIMESTAMPTZ) AS TIMESTAMP)"
            for text in (raw, _trimmed(raw))
        )
        return f"CASE{cases} END"

    def joined(self, first: str, between: str, second: str) -> str:
        """See ``Dialect``."""
        return f"{first} || {literal(between)} || {second}"


def in_duckdb(
    path: str | Path, table: str, digest: str | None = None, columns: Mapping[str, str] | None = None
) -> RowsTable:
    """A table or view of a DuckDB file, opened read-only and only while the suite runs.

    Args:
        path: the file.
        table: name, with its schema when that is not ``main``.
        digest: name of the data version, e.g. run id and asset key; the file is hashed when ``None``.
        columns: see ``RowsTable``.

    Example:
        >>> in_duckdb("warehouse.duckdb", "synthetic.answers").label
        'synthetic.answers in warehouse.duckdb'
    """

    def attach(connection: duckdb.DuckDBPyConnection) -> str:
        attach_file(connection, Path(path))
        if digest is None:
            # A view may read other files, and the digest of this one would not know of their changes.
            connection.execute("SET enable_external_access = false")
        return "attached." + ".".join(quote(part) for part in table.split("."))

    # What a writer that was killed had committed is read from the log beside the file.
    files = _Files(lambda: [p for p in (Path(path), Path(f"{path}.wal")) if p == Path(path) or p.exists()], table)
    return _table(f"{table} in {path}", attach, digest, files.digest, files.hold, columns)


def in_parquet(
    path: str | Path | Sequence[str | Path], digest: str | None = None, columns: Mapping[str, str] | None = None
) -> RowsTable:
    """Parquet files: one, several, or a glob.

    Args:
        path: file, files, or pattern.
        digest: name of the data version; the files are hashed when ``None``.
        columns: see ``RowsTable``.
    """
    given = [path] if isinstance(path, str | Path) else list(path)

    def attach(connection: duckdb.DuckDBPyConnection) -> str:
        files = ", ".join(literal(str(p)) for p in given)
        return f"read_parquet([{files}], union_by_name => true)"

    files = _Files(lambda: sorted({f for p in given for f in _glob(str(p))}), "parquet")
    return _table(", ".join(map(str, given)), attach, digest, files.digest, files.hold, columns)


def from_relation(
    label: str,
    attach: Attach,
    digest: str,
    columns: Mapping[str, str] | None = None,
) -> RowsTable:
    """Anything DuckDB can read.

    Args:
        label: for messages.
        attach: gets an empty in-memory connection and returns a FROM item, e.g. a table name.
        digest: name of the data version.
        columns: see ``RowsTable``.
    """
    return _table(label, attach, digest, lambda: digest, lambda _: True, columns)


def _table(
    label: str,
    attach: Attach,
    named: str | None,
    digest: Callable[[], str],
    holds: Callable[[str], bool],
    columns: Mapping[str, str] | None,
) -> RowsTable:
    given = columns or {}

    def unchanged(seen: str) -> bool:
        return named is not None or holds(seen)

    return RowsTable(
        label,
        lambda: open_rows(label, attach, given, unchanged),
        lambda: f"{label}: {named} (v{VERSION})" if named is not None else digest(),
        given,
    )


def open_rows(
    label: str, attach: Attach, renamed: Mapping[str, str], holds: Callable[[str], bool] = lambda _: True
) -> DuckDBRows:
    """Open what DuckDB can read, normalised, in a connection of its own.

    Args:
        label: for messages.
        attach: see ``from_relation``.
        renamed: see ``RowsTable.columns``.
        holds: see ``DuckDBRows``.

    Raises:
        SuiteError: when the columns cannot be told apart.
        duckdb.Error: when it cannot be read.
    """
    import duckdb

    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        source = attach(connection)
        described = connection.execute(f"DESCRIBE FROM {source}").fetchall()
        types = {str(row[0]): str(row[1]) for row in described}
        found = find_columns(label, renamed, [str(row[0]) for row in described])
        made = normalised(DuckDBDialect(types), found.own)
        select = [f"{e} AS {quote(c)}" for c, e in made.items()]
        select += [quote(name) for name in found.rest]
        # A suite cannot pass on a table without columns it can see: there is nothing to count on.
        connection.execute(f"CREATE TEMP VIEW rows AS SELECT {', '.join(select) or 'NULL AS nothing'} FROM {source}")
        read = ", ".join(f"{made.get(c, 'NULL')} AS {PREFIX}{c}" for c in PROVENANCE_COLUMNS)
        connection.execute(f"CREATE TEMP VIEW {AS_THEY_ARE} AS SELECT {read}, * FROM {source}")
    except BaseException:
        connection.close()
        raise
    return DuckDBRows(connection, "rows", holds)


def attach_file(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Attach a DuckDB file as ``attached``, read-only; wait ``LOCK_WAIT_S`` for whoever writes to it.

    Raises:
        SuiteError: when there is no such file, or it stays open for writing.
    """
    import duckdb
    from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

    if not path.is_file():
        raise SuiteError("there is no such DuckDB file", where=str(path), fix="write the table first, or mend the path")

    def locked(error: BaseException) -> bool:
        return isinstance(error, duckdb.Error) and ("lock" in str(error) or "Unique file handle" in str(error))

    try:
        # ATTACH with its type stated: DuckDB 2.0.0 can lose a committed transaction when one
        # process opens a file by connect() while another closes it.
        for attempt in Retrying(
            retry=retry_if_exception(locked), stop=stop_after_delay(LOCK_WAIT_S), wait=wait_fixed(0.1), reraise=True
        ):
            with attempt:
                connection.execute(f"ATTACH {literal(str(path))} AS attached (TYPE duckdb, READ_ONLY)")
    except duckdb.Error as error:
        if not locked(error):
            raise
        raise SuiteError(
            f"the DuckDB file is open for writing elsewhere: {str(error).splitlines()[0]}",
            where=str(path),
            fix="close the connection that writes to it before the check runs, or check a Parquet export",
        ) from error


class _Files:
    """Files whose content is hashed, and which must not change until the suite is done with them."""

    def __init__(self, files: Callable[[], Sequence[Path]], salt: str) -> None:
        self._files = files
        self._salt = f"{salt} v{VERSION}"
        self._stamps: dict[str, object] = {}

    def digest(self) -> str:
        stamp = self._stamp()
        h = sha256(self._salt.encode())
        for path in self._files():
            with path.open("rb") as f:
                while block := f.read(1 << 20):
                    h.update(block)
        digest = "sha256:" + h.hexdigest()
        self._stamps[digest] = stamp
        return digest

    def hold(self, digest: str) -> bool:
        return self._stamps.get(digest) == self._stamp()

    def _stamp(self) -> object:
        stats = [(str(path), path.stat()) for path in self._files()]
        return [(path, s.st_ino, s.st_size, s.st_mtime_ns) for path, s in stats]


def _glob(pattern: str) -> list[Path]:
    from glob import glob

    return [Path(p) for p in glob(pattern, recursive=True)] or [Path(pattern)]


def _with_seconds(moment: str) -> str:
    # DuckDB 1 reads a zone behind seconds only.
    short = f"length({moment}) > 16 AND substr({moment}, 17, 1) <> ':'"
    return f"CASE WHEN {short} THEN left({moment}, 16) || ':00' || substr({moment}, 17) ELSE {moment} END"


def _trimmed(text: str) -> str:
    return f"nullif(trim({text}, {_SPACES}), '')"


def _ascii(text: str, function: str, old: str, new: str) -> str:
    # lower() and upper() change letters beyond ASCII too, but are many times faster than translate().
    plain = f"strlen({text}) = length({text})"
    return f"CASE WHEN {plain} THEN {function}({text}) ELSE translate({text}, '{old}', '{new}') END"


def quote(name: str) -> str:
    """An identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A string."""
    return "'" + text.replace("'", "''") + "'"


_SPACES = literal(SPACES)
