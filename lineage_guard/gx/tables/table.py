"""A synthetic table, wherever it is, and what every engine can say of one while it is open."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

#: What stands for a type of DuckDB on another engine; see ``OpenRows.types``.
Types = Mapping[str, str]


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
        types: what this engine calls the types that suites name, where it is another word.
    """

    @property
    def columns(self) -> Sequence[str]: ...  # noqa: D102

    @property
    def types(self) -> Types: ...  # noqa: D102

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
