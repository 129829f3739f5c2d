"""A synthetic table, wherever it is, and what every engine can say of one while it is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

#: What stands for a type of DuckDB on another engine; see ``OpenRows.adapted``.
Types = Mapping[str, str]


def with_types(kwargs: Mapping[str, Any], types: Types) -> dict[str, Any]:
    """Arguments of an expectation with the types named as an engine names them.

    Example:
        >>> with_types({"column": "at", "type_": "TIMESTAMP"}, {"TIMESTAMP": "TimestampType"})
        {'column': 'at', 'type_': 'TimestampType'}
    """
    adapted = dict(kwargs)
    if isinstance(name := adapted.get("type_"), str):
        adapted["type_"] = types.get(name, name)
    if isinstance(adapted.get("type_list"), list):
        names: list[Any] = adapted["type_list"]
        adapted["type_list"] = [types.get(name, name) if isinstance(name, str) else name for name in names]
    return adapted


class Batch(NamedTuple):
    """Rows as Great Expectations takes them.

    Attributes:
        engine: its execution engine.
        data: its batch data.
    """

    engine: Any
    data: Any


class OpenRows(Protocol):
    """Rows that can be looked at, normalised, until they are closed.

    Attributes:
        columns: names that a suite sees.
    """

    @property
    def columns(self) -> Sequence[str]: ...  # noqa: D102

    def adapted(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments of an expectation as this engine takes them: what it calls a type, for one."""
        ...

    def batch(self) -> AbstractContextManager[Batch]:
        """The rows for Great Expectations; nothing is copied."""
        ...

    def holds(self, digest: str) -> bool:
        """Whether these are still the rows that had this digest."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...


@dataclass(frozen=True)
class RowsTable:
    """A synthetic table, wherever it is.

    Build it with ``in_duckdb``, ``in_parquet``, ``in_frame``, ``from_relation``, ``in_spark`` or
    ``in_postgres``.

    Attributes:
        label: for messages; never holds a password.
        open: opens the rows, normalised.
        digest: ``sha256:`` or another name of exactly these rows; called once per run.
        columns: the table's own names of provenance columns that are called differently,
            e.g. ``{"model": "teacher"}``.
    """

    label: str
    open: Callable[[], OpenRows]
    digest: Callable[[], str]
    columns: Mapping[str, str] = field(default_factory=dict[str, str])
