"""Rows that are in Spark, looked at there: only counts and a few values come to the driver.

Nothing is cached, no view is registered and no setting of the session is touched. Spark reads a
table anew for every statement, so a digest that was computed is computed again when the suite has
run; see ``SparkRows.holds``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from lineage_guard.domain.errors import SuiteError
from lineage_guard.gx.tables.normalise import (
    LOWER,
    MOMENT,
    SNAPSHOT,
    SPACES,
    UPPER,
    VERSION,
    ZONE,
    find_columns,
    normalised,
)
from lineage_guard.gx.tables.table import Batch, RowsTable, Types, with_types

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

#: What Spark calls the types that suites name.
TYPES: Types = {
    "BIGINT": "LongType",
    "BLOB": "BinaryType",
    "BOOLEAN": "BooleanType",
    "DATE": "DateType",
    "DOUBLE": "DoubleType",
    "FLOAT": "FloatType",
    "INTEGER": "IntegerType",
    "REAL": "FloatType",
    "SMALLINT": "ShortType",
    "TEXT": "StringType",
    "TIMESTAMP": "TimestampType",
    "VARCHAR": "StringType",
}

# Without milliseconds two rows could differ and have one text; see the digest.
_AS_JSON = {
    "ignoreNullFields": "false",
    "timeZone": "UTC",
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
}


class SparkDialect:
    """The rules in Spark's column expressions, whatever the session's zone and strictness are.

    Args:
        types: of the columns, by their simple names.
    """

    def __init__(self, types: Mapping[str, str]) -> None:
        self._types = types
        self._f: Any = import_module("pyspark.sql.functions")

    def text(self, column: str) -> Any:
        """See ``Dialect``."""
        f = self._f
        trimmed = f.btrim(f.col(quote(column)).cast("string"), f.lit(SPACES))
        return f.when(trimmed != "", trimmed)

    def lower(self, text: Any) -> Any:
        """See ``Dialect``."""
        return self._f.translate(text, UPPER, LOWER)

    def upper(self, text: Any) -> Any:
        """See ``Dialect``."""
        return self._f.translate(text, LOWER, UPPER)

    def without_snapshot(self, text: Any) -> Any:
        """See ``Dialect``."""
        # In Java "$" may stand before a last line break; "\z" may not.
        return self._f.regexp_replace(text, SNAPSHOT + r"\z", "")

    def moment(self, column: str) -> Any:
        """See ``Dialect``."""
        f = self._f
        if self._types[column] == "timestamp":
            return f.col(quote(column))
        text = self.text(column)
        # Spark reads a zone behind seconds only; where none is named it is UTC, which need not be the session's.
        dated = f.when(f.length(text) == 10, f.concat(text, f.lit("T00:00:00"))).otherwise(text)
        full = f.regexp_replace(dated, r"\A(.{16})(?=[Z+-]|\z)", "$1:00")
        zoned = f.when(full.rlike(rf":.*{ZONE}\z"), full).otherwise(f.concat(full, f.lit("Z")))
        return f.when(text.rlike(rf"\A({MOMENT})\z"), zoned.cast("timestamp_ltz"))

    def joined(self, first: Any, between: str, second: Any) -> Any:
        """See ``Dialect``."""
        return self._f.concat(first, self._f.lit(between), second)


class SparkRows:
    """A data frame, normalised; see ``in_spark``."""

    def __init__(self, frame: DataFrame, label: str, renamed: Mapping[str, str], named: bool) -> None:
        self._f: Any = import_module("pyspark.sql.functions")
        self._frame = frame
        self._named = named
        found = find_columns(label, renamed, frame.columns)
        made = normalised(SparkDialect(dict(frame.dtypes)), found.own)
        select = [e.alias(c) for c, e in made.items()] + [self._f.col(quote(name)) for name in found.rest]
        self._rows = frame.select(*select)
        self.columns: Sequence[str] = self._rows.columns

    def adapted(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Types by Spark's names; bounds of ``generated_at`` in UTC, whatever the zone of the session."""
        adapted = with_types(kwargs, TYPES)
        if adapted.get("column") == "generated_at":
            adapted |= {key: _in_utc(adapted[key]) for key in ("min_value", "max_value") if key in adapted}
        return adapted

    @contextlib.contextmanager
    def batch(self) -> Generator[Batch]:
        """The rows for Great Expectations, not cached: a copy of them may be larger than the cluster's memory."""
        from great_expectations.execution_engine.sparkdf_batch_data import SparkDFBatchData
        from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine

        # With a session given it neither makes nor restarts one.
        execution = SparkDFExecutionEngine(spark=self._frame.sparkSession, persist=False)
        yield Batch(execution, SparkDFBatchData(execution, self._rows))

    def digest(self) -> str:
        """Hash of names, types and rows, whatever their order, computed on the cluster."""
        f = self._f
        columns = [f.col(quote(name)).alias(f"c{i}") for i, name in enumerate(self._frame.columns)]
        hashed = self._frame.select(f.sha2(f.to_json(f.struct(*columns), _AS_JSON), 256).alias("h"))
        # Sums of 60 bits of a hash of each row, four times: the same for the same rows in any order.
        parts = [f.conv(f.substring("h", i * 15 + 1, 15), 16, 10).cast("decimal(38,0)") for i in range(4)]
        row: Any = hashed.agg(f.count(f.lit(1)), *(f.sum(part).cast("string") for part in parts)).first()
        named = (VERSION, "spark", self._frame.dtypes, tuple(str(value) for value in row))
        return "sha256:" + sha256(repr(named).encode()).hexdigest()

    def holds(self, digest: str) -> bool:
        """Whether the rows still have the digest; computed again, for nothing holds them still."""
        return self._named or self.digest() == digest

    def close(self) -> None:
        """Nothing is held."""


def in_spark(frame: DataFrame | str, digest: str | None = None, columns: Mapping[str, str] | None = None) -> RowsTable:
    """A Spark data frame or table; needs ``pip install 'lineage-guard[spark]'`` and the caller's session.

    Args:
        frame: a data frame of a classic (not Connect) session, or the name of a table of the
            session that is active where the suite runs.
        digest: name of the data version, e.g. that of a Delta or Iceberg table. When ``None``
            every row is hashed on the cluster before and after the suite.
        columns: see ``RowsTable``.

    Raises:
        SuiteError: when ``frame`` is neither.

    Example:
        >>> in_spark("lake.answers", digest="lake.answers@v12").label
        'lake.answers in Spark'
    """
    found: Callable[[], DataFrame]
    if isinstance(frame, str):
        label, found = f"{frame} in Spark", lambda: _active_table(frame)
    else:
        label, found = "Spark data frame", lambda: _classic(frame)
        found()
    renamed = columns or {}

    def opened() -> SparkRows:
        return SparkRows(found(), label, renamed, named=digest is not None)

    return RowsTable(
        label,
        opened,
        lambda: f"{label}: {digest} (v{VERSION})" if digest is not None else opened().digest(),
        renamed,
    )


def _active_table(name: str) -> DataFrame:
    from pyspark.sql import SparkSession

    session = SparkSession.getActiveSession()
    if session is None:
        # Not builder.getOrCreate(): a new session would look in another catalog.
        raise SuiteError(
            "no Spark session is active",
            where=f"{name} in Spark",
            fix="make the session before the suite runs, in the same process, or give a data frame",
        )
    return session.table(name)


def _classic(frame: object) -> DataFrame:
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(frame).__mro__}
    # Spark 3.5 has one class for the classic frame, Spark 4 one of its own below the common one.
    if not kinds & {"pyspark.sql.dataframe.DataFrame", "pyspark.sql.classic.dataframe.DataFrame"} or any(
        "connect" in kind for kind in kinds
    ):
        raise SuiteError(
            f"a {type(frame).__name__} of {type(frame).__module__} is no data frame of a classic Spark session",
            fix="give a pyspark.sql.DataFrame; a pandas, Polars or Arrow frame goes to in_frame",
        )
    return cast("DataFrame", frame)


def _in_utc(bound: object) -> object:
    if not isinstance(bound, str):
        return bound
    moment = datetime.fromisoformat(bound)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()


def quote(name: str) -> str:
    """A column's name as Spark reads it in an expression: no dot of it leads into a struct."""
    return "`" + name.replace("`", "``") + "`"
