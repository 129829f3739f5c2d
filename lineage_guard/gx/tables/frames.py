"""Frames in memory: pandas, Polars and Arrow, scanned by DuckDB where they are."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lineage_guard.gx.tables.duckdb import open_rows
from lineage_guard.gx.tables.normalise import VERSION
from lineage_guard.gx.tables.table import RowsTable

if TYPE_CHECKING:
    import duckdb


def in_frame(frame: object, digest: str | None = None, columns: Mapping[str, str] | None = None) -> RowsTable:
    """A pandas or Polars frame, or anything Arrow can read; DuckDB scans it where it is.

    Args:
        frame: the rows; not to be changed while a suite runs.
        digest: name of the data version; the rows are hashed when ``None``.
        columns: see ``RowsTable``.
    """
    given = columns or {}

    def attach(connection: duckdb.DuckDBPyConnection) -> str:
        connection.register("frame", frame)
        return "frame"

    return RowsTable(
        "data frame",
        lambda: open_rows("data frame", attach, given),
        lambda: f"data frame: {digest} (v{VERSION})" if digest is not None else _hash_arrow(frame),
        given,
    )


def _hash_arrow(frame: object) -> str:
    pa: Any = import_module("pyarrow")
    if hasattr(frame, "to_arrow"):
        frame = getattr(frame, "to_arrow")()  # noqa: B009 - Polars, without importing it
    elif type(frame).__module__.split(".")[0] == "pandas":
        frame = pa.Table.from_pandas(frame)
    else:
        frame = pa.table(frame)
    h = sha256(f"v{VERSION}".encode())

    class Sink:
        closed = False

        def write(self, block: bytes) -> int:
            h.update(block)
            return len(block)

        def flush(self) -> None: ...

    arrow: Any = frame
    with pa.ipc.new_stream(pa.PythonFile(Sink(), mode="w"), arrow.schema) as stream:
        stream.write_table(arrow)
    return "sha256:" + h.hexdigest()
