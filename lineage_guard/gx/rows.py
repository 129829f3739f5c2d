"""The rows suite: what the rows of a synthetic table say of themselves, against what was declared."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.evidence import Evidence
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.evidence import gather
from lineage_guard.gx.suites import NOTHING, Suite

if TYPE_CHECKING:
    import duckdb

#: The provenance columns of a synthetic table.
PROVENANCE_COLUMNS = ("model", "channel", "usage", "generated_at")

#: Columns whose values may be quoted in a failure; any other may hold row text.
SHOWN = frozenset((*PROVENANCE_COLUMNS, "source"))

#: How long to wait for another process to let go of a DuckDB file, in seconds.
LOCK_WAIT_S = 10.0

# Providers answer to "gpt-4o" with "gpt-4o-2024-08-06", and to "claude-sonnet-4" with
# "claude-sonnet-4-20250514": one model under one set of terms.
_SNAPSHOT = r"-(20[0-9]{2}-[0-9]{2}-[0-9]{2}|20[0-9]{6})$"


@dataclass(frozen=True)
class RowsTable:
    """A synthetic table, wherever it is.

    Build it with ``in_duckdb``, ``in_parquet``, ``in_frame`` or ``from_relation``.

    Attributes:
        label: for messages.
        attach: makes the rows readable on a connection and returns a FROM item.
        digest: ``sha256:`` or another name of exactly these rows; called once per run.
        columns: the table's own names of provenance columns that are called differently,
            e.g. ``{"model": "teacher"}``.
    """

    label: str
    attach: Callable[[duckdb.DuckDBPyConnection], str]
    digest: Callable[[], str]
    columns: Mapping[str, str] = field(default_factory=dict[str, str])


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
        _attach(connection, Path(path))
        return "attached." + ".".join(_quote(part) for part in table.split("."))

    return RowsTable(f"{table} in {path}", attach, lambda: digest or _hash_files([Path(path)], table), columns or {})


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
        files = ", ".join(_literal(str(p)) for p in given)
        return f"read_parquet([{files}], union_by_name => true)"

    def files_digest() -> str:
        found = sorted({f for p in given for f in _glob(str(p))})
        return digest or _hash_files(found, "parquet")

    return RowsTable(", ".join(map(str, given)), attach, files_digest, columns or {})


def in_frame(frame: object, digest: str | None = None, columns: Mapping[str, str] | None = None) -> RowsTable:
    """A pandas or Polars frame, or anything Arrow can read; DuckDB scans it where it is.

    Args:
        frame: the rows.
        digest: name of the data version; the rows are hashed when ``None``.
        columns: see ``RowsTable``.
    """

    def attach(connection: duckdb.DuckDBPyConnection) -> str:
        connection.register("frame", frame)
        return "frame"

    return RowsTable("data frame", attach, lambda: digest or _hash_arrow(frame), columns or {})


def from_relation(
    label: str,
    attach: Callable[[duckdb.DuckDBPyConnection], str],
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
    return RowsTable(label, attach, lambda: digest, columns or {})


def normalise_model(model: str) -> str:
    """A model id as the suite compares it: no case, no spaces around, no date of a snapshot.

    Example:
        >>> normalise_model(" GPT-4o-2024-08-06 ")
        'gpt-4o'
    """
    return re.sub(_SNAPSHOT, "", model.strip().lower())


def rows_parameters(declared: Iterable[ModelSource]) -> dict[str, list[str]]:
    """What a declaration feeds the rows suite; a set that would be empty admits nothing.

    Args:
        declared: the models an asset declares.

    Example:
        >>> rows_parameters([ModelSource("openai", "GPT-4o", channel="api.openai.com")])["declared_sources"]
        ['gpt-4o via api.openai.com']
    """
    models = list(declared)
    ids = {m: normalise_model(m.model) for m in models}
    channels = {m: m.channel.strip().lower() for m in models if m.channel}
    return {
        "declared_models": sorted(set(ids.values())) or [NOTHING],
        "declared_channels": sorted(set(channels.values())) or [NOTHING],
        "declared_usages": sorted({m.usage.value for m in models}) or [NOTHING],
        "declared_sources": sorted({f"{ids[m]} via {channels[m]}" for m in models if m in channels}) or [NOTHING],
    }


def parameters_digest(parameters: Mapping[str, object]) -> str:
    """``sha256:`` of parameters, in canonical JSON."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + sha256(text.encode()).hexdigest()


def run_rows_suite(
    table: RowsTable, parameters: Mapping[str, object], at: datetime, suite: str | Path | Suite = "rows"
) -> Evidence:
    """Run a rows suite. Never raises: what went wrong is in the evidence.

    The suite sees a view of the table with the provenance columns under their own names and
    normalised, ``source`` (``<model> via <channel>``), and every other column as it is.

    Args:
        table: the rows.
        parameters: see ``rows_parameters``.
        at: when, timezone-aware UTC.
        suite: name, path or loaded suite.
    """
    return gather(
        suite,
        subject_digest=lambda: (
            "sha256:" + sha256(repr((table.digest(), sorted(table.columns.items()))).encode()).hexdigest()
        ),
        parameters_digest=lambda: parameters_digest(parameters),
        parameters=lambda: parameters,
        table=lambda: _open(table),
        shown=SHOWN,
        at=at,
    )


def _open(table: RowsTable) -> tuple[duckdb.DuckDBPyConnection, str]:
    import duckdb

    connection = duckdb.connect(":memory:")
    try:
        source = table.attach(connection)
        connection.execute(f"CREATE TEMP VIEW rows AS {_select(connection, source, table)}")
    except BaseException:
        connection.close()
        raise
    return connection, "rows"


def _select(connection: duckdb.DuckDBPyConnection, source: str, table: RowsTable) -> str:
    if unknown := sorted(set(table.columns) - set(PROVENANCE_COLUMNS)):
        raise SuiteError(
            f"{unknown[0]!r} is no provenance column", where=table.label, fix=f"use {', '.join(PROVENANCE_COLUMNS)}"
        )
    present = {str(row[0]).lower(): str(row[0]) for row in connection.execute(f"DESCRIBE FROM {source}").fetchall()}
    own = {c: present[n] for c in PROVENANCE_COLUMNS if (n := table.columns.get(c, c).lower()) in present}
    text = {c: f"nullif(trim(CAST({_quote(n)} AS VARCHAR)), '')" for c, n in own.items()}
    made: dict[str, Callable[[str], str]] = {
        "model": lambda e: f"regexp_replace(lower({e}), {_literal(_SNAPSHOT)}, '')",
        "channel": lambda e: f"lower({e})",
        "usage": lambda e: f"upper({e})",
        "generated_at": lambda e: f"TRY_CAST({e} AS TIMESTAMP)",
    }
    select = {c: made[c](e) for c, e in text.items()}
    if "model" in select and "channel" in select:
        select["source"] = f"{select['model']} || ' via ' || {select['channel']}"
    taken = {n.lower() for n in own.values()} | set(select)
    rest = [_quote(n) for low, n in present.items() if low not in taken]
    return f"SELECT {', '.join([*(f'{e} AS {c}' for c, e in select.items()), *rest])} FROM {source}"


def _attach(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
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
                connection.execute(f"ATTACH {_literal(str(path))} AS attached (TYPE duckdb, READ_ONLY)")
    except duckdb.Error as error:
        if not locked(error):
            raise
        raise SuiteError(
            f"the DuckDB file is open for writing elsewhere: {str(error).splitlines()[0]}",
            where=str(path),
            fix="close the connection that writes to it before the check runs, or check a Parquet export",
        ) from error


def _hash_files(files: Sequence[Path], salt: str) -> str:
    h = sha256(salt.encode())
    for path in files:
        with path.open("rb") as f:
            while block := f.read(1 << 20):
                h.update(block)
    return "sha256:" + h.hexdigest()


def _hash_arrow(frame: object) -> str:
    pa: Any = import_module("pyarrow")
    if hasattr(frame, "to_arrow"):
        frame = getattr(frame, "to_arrow")()  # noqa: B009 - Polars, without importing it
    elif type(frame).__module__.split(".")[0] == "pandas":
        frame = pa.Table.from_pandas(frame)
    else:
        frame = pa.table(frame)
    h = sha256()

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


def _glob(pattern: str) -> list[Path]:
    from glob import glob

    return [Path(p) for p in glob(pattern, recursive=True)] or [Path(pattern)]


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
