"""Sessions on a PostgreSQL that see one snapshot, may not write, and never tell a password."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.errors import SuiteError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

#: How long to wait for a connection, in seconds.
CONNECT_S = 15

_SETTINGS = (
    # What the digest and the casts depend on.
    "SET LOCAL TIME ZONE 'UTC'",
    "SET LOCAL DateStyle = 'ISO, YMD'",
    "SET LOCAL IntervalStyle = 'iso_8601'",
    "SET LOCAL bytea_output = 'hex'",
    "SET LOCAL extra_float_digits = 1",
    "SET LOCAL standard_conforming_strings = on",
    # A policy that hides rows from this user must not hide them from the suite: it is an error then.
    "SET LOCAL row_security = off",
    "SET LOCAL idle_in_transaction_session_timeout = 0",
)


class Session:
    """Connections that all see the database as it was when this was made.

    Args:
        database: URL or engine.
        timeout_s: how long one statement may take, in seconds.

    Attributes:
        engine: gives connections, each in a read-only transaction on the snapshot.

    Raises:
        SuiteError: when the database cannot be reached.
    """

    def __init__(self, database: str | Engine, timeout_s: float) -> None:
        from sqlalchemy import event

        self._place = place(database)
        self._open = contextlib.ExitStack()
        settings = (*_SETTINGS, f"SET LOCAL statement_timeout = {max(1, int(timeout_s * 1000))}")
        try:
            with self._plainly():
                engine = self._engine(database)
                read_only = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
                first = engine.execution_options(**read_only).connect().execution_options(no_parameters=True)
                self._first: Connection = self._open.enter_context(first)
                for setting in settings:
                    self._first.exec_driver_sql(setting)
                snapshot = str(self._first.exec_driver_sql("SELECT pg_export_snapshot()").scalar_one())
        except BaseException:
            self.close()
            raise
        # An engine of its own as far as options and events go; connections come from the same pool.
        self.engine: Engine = engine.execution_options(**read_only)

        def on_snapshot(connection: Connection) -> None:
            for statement in (f"SET TRANSACTION SNAPSHOT '{snapshot}'", *settings):
                connection.exec_driver_sql(statement)

        event.listen(self.engine, "begin", on_snapshot)

    def described(self, query: str) -> list[tuple[str, int]]:
        """Names of a query's columns, and the numbers of their types in the catalog."""
        with self._plainly():
            cursor: Any = self._first.exec_driver_sql(f"SELECT * FROM ({query}) AS described LIMIT 0").cursor
            return [(str(column[0]), int(column[1])) for column in cursor.description]

    def reflected(self, query: str) -> list[Mapping[str, Any]]:
        """A query's columns as SQLAlchemy reflects those of a table: name and type."""
        described = self.described(query)
        oids = ", ".join(str(oid) for _, oid in described)
        with self._plainly():
            names = dict(
                self._first.exec_driver_sql(
                    f"SELECT CAST(oid AS BIGINT), format_type(oid, NULL) FROM pg_type WHERE oid IN ({oids})"
                ).all()
            )
        from sqlalchemy.types import NullType

        known: Mapping[str, Any] = getattr(self.engine.dialect, "ischema_names", {})
        return [{"name": name, "type": known.get(str(names.get(oid)), NullType)()} for name, oid in described]

    def one(self, query: str) -> tuple[Any, ...]:
        """The only row of a query."""
        with self._plainly():
            return tuple(self._first.exec_driver_sql(query).one())

    def close(self) -> None:
        """Give the connections back; a second time does nothing."""
        self._open.close()

    def _engine(self, database: str | Engine) -> Engine:
        if not isinstance(database, str):
            return database
        from sqlalchemy import create_engine
        from sqlalchemy.pool import NullPool

        url = _url(database)
        libpq = url.get_driver_name() in ("psycopg", "psycopg2") and "connect_timeout" not in url.query
        try:
            # Nothing is kept for another suite: each has connections of its own.
            engine = create_engine(
                url, poolclass=NullPool, connect_args={"connect_timeout": CONNECT_S} if libpq else {}
            )
        except ImportError as error:
            raise SuiteError(
                f"no driver for PostgreSQL is installed: {error}",
                where=self._place,
                fix="pip install 'lineage-guard[postgres]'",
            ) from error
        self._open.callback(engine.dispose)
        return engine

    @contextlib.contextmanager
    def _plainly(self) -> Generator[None]:
        """Errors of the database as errors of the suite: its own words, without statement or address."""
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            said = " ".join(str(cause).split("\n")[0].split())
            # Not "from error": whatever prints the chain would print how we connect.
            raise SuiteError(
                f"PostgreSQL said: {type(cause).__name__}: {said}",
                where=self._place,
                fix="see that the database can be reached and that this user may read the table, all of its rows",
            ) from None


def place(database: str | Engine) -> str:
    """Where a database is, for messages: host and name, never a user or a password.

    Raises:
        SuiteError: when it is no PostgreSQL.
    """
    url = _url(database) if isinstance(database, str) else getattr(database, "url", None)
    if url is None or getattr(url, "get_backend_name", str)() != "postgresql":
        raise SuiteError(
            "this is no PostgreSQL database",
            fix="give postgresql://user:password@host/name, or a synchronous SQLAlchemy engine",
        )
    port = f":{url.port}" if url.port else ""
    return f"postgresql://{url.host or ''}{port}/{url.database or ''}"


def _url(text: str) -> URL:
    from sqlalchemy import make_url

    try:
        url = make_url(text)
    except Exception:  # noqa: BLE001 - the message may quote the address, and with it the password
        url = None
    if url is None or "@" in f"{url.host}{url.database}":
        raise SuiteError(
            "the address of the database cannot be read (it is not repeated here, for it may hold a password)",
            fix="write postgresql://user:password@host/name, with the password percent-encoded",
        ) from None
    # Without a driver named, SQLAlchemy before 2.1 takes psycopg2.
    return url.set(drivername="postgresql+psycopg") if url.drivername in ("postgresql", "postgres") else url
