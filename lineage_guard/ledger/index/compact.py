"""Compaction: the tail becomes Parquet files, small files become larger ones, a manifest makes it so.

Writers are never blocked and readers never wait: everything is written beside the index in use,
and publishing is one ``put_if_absent``.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from msgspec.structs import replace

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.batch import Batch
from lineage_guard.ledger.index.index import Index, PartGone, connect
from lineage_guard.ledger.index.manifest import REBUILD, Manifest, Part, PartFile, newest, publish
from lineage_guard.ledger.index.rows import rows_of
from lineage_guard.ledger.index.tables import TABLES, Table
from lineage_guard.ledger.index.tail import Tail

#: A part is merged with the one after it unless it holds this many times its events: parts stay few.
RATIO = 4
#: Events that a rebuild holds in memory at once.
REBUILD_STEP = 20_000


def compact(archive: Archive, index: Index, tail: Tail) -> Manifest | None:
    """Cover the tail with the index.

    Args:
        archive: where the index is.
        index: the index now.
        tail: every batch after it.

    Returns:
        The manifest that covers the tail; ``None`` when another process published first.

    Raises:
        LedgerError: when something cannot be read or written.
        PartGone: when a file of the index was superseded meanwhile.
    """
    if not tail.batches:
        return index.manifest
    if newest(archive).generation != index.manifest.generation:
        return None
    following = replace(advanced(archive, index, tail), generation=index.manifest.generation + 1)
    if not publish(archive, following):
        return None
    archive.sweep()
    return following


def rebuilt(archive: Archive, batches: Iterable[Batch], generation: int) -> Manifest:
    """Make the whole index again, from the log alone. Nothing is published.

    Args:
        archive: where the index is.
        batches: the log from its first batch on.
        generation: of the manifest that is returned.

    Raises:
        LedgerError: when something cannot be read or written.
    """
    manifest, tail = Manifest(), Tail()
    written: set[str] = set()
    for batch in batches:
        tail.extend(batch)
        if tail.events >= REBUILD_STEP:
            manifest = advanced(archive, Index(archive, manifest), tail)
            written |= manifest.keys()
            tail = Tail(manifest.seq, manifest.chain)
    if tail.batches:
        manifest = advanced(archive, Index(archive, manifest), tail)
    for key in written - manifest.keys():
        archive.delete(key)
    return replace(manifest, generation=generation)


def advanced(archive: Archive, index: Index, tail: Tail) -> Manifest:
    """Write the files that cover the tail. The manifest that names them is not published.

    Raises:
        LedgerError: when something cannot be read or written.
        PartGone: when a file of the index was superseded meanwhile.
    """
    manifest = index.manifest
    rows = rows_of(index, tail)
    part = write_part(archive, tail.base + 1, tail.seq, tail.events, rows.columns)
    parts = _merged(archive, [*manifest.parts, part])
    positions = dict(manifest.positions)
    for source, position in tail.facts.positions.items():
        positions[source] = max(position, positions.get(source, -1))
    return replace(
        manifest,
        seq=tail.seq,
        chain=tail.chain,
        versions=rows.versions,
        records=rows.records,
        events=manifest.events + tail.events,
        dropped=manifest.dropped + sum(not line for batch in tail.batches for line in batch.lines),
        positions=positions,
        parts=tuple(parts),
    )


def write_part(
    archive: Archive, first: int, last: int, events: int, columns: Mapping[str, Mapping[str, Sequence[object]]]
) -> Part:
    """Write the files of one new part; no manifest names them yet.

    Args:
        archive: where the index is.
        first: first batch it covers.
        last: last batch it covers.
        events: events in those batches.
        columns: table name to column name to values; in any order, without tables that have no rows.

    Raises:
        LedgerError: when a file cannot be written.
    """
    files: dict[str, PartFile] = {}
    for table in TABLES:
        values = columns.get(table.name, {})
        rows = len(values[table.columns[0][0]]) if values else 0
        if rows:
            files[table.name] = _write(archive, table, last, _parquet(table, values), rows)
    return Part(first, last, events, files)


def _merged(archive: Archive, parts: list[Part]) -> list[Part]:
    """Join the newest parts until each part is much larger than the one after it."""
    first = len(parts) - 1
    events = parts[first].events
    while first > 0 and parts[first - 1].events < RATIO * events:
        first -= 1
        events += parts[first].events
    if first == len(parts) - 1:
        return parts
    old = parts[first:]
    files: dict[str, PartFile] = {}
    with TemporaryDirectory(prefix="lineage-guard-") as folder:
        for table in TABLES:
            sources = [p.files[table.name] for p in old if table.name in p.files]
            if sources:
                data = _merge(archive, table, sources, Path(folder) / "merged.parquet")
                files[table.name] = _write(archive, table, old[-1].last, data, sum(f.rows for f in sources))
    return [*parts[:first], Part(old[0].first, old[-1].last, events, files)]


def _write(archive: Archive, table: Table, last: int, data: bytes, rows: int) -> PartFile:
    """Store one file under a name that no other compaction uses."""
    key = f"index/parts/{last:012d}-{table.name}-{uuid4().hex[:12]}.parquet"
    # A bucket that failed after it had stored the file is asked again, and says that the name is taken.
    if not archive.put_if_absent(key, data) and archive.get(key) != data:
        raise LedgerError("a random name was taken", where=archive.describe(key), fix="try again")
    return PartFile(key, rows, len(data), sha256(data).hexdigest())


def _merge(archive: Archive, table: Table, sources: list[PartFile], target: Path) -> bytes:
    import duckdb

    paths: list[str] = []
    for f in sources:
        path = archive.file(f.key, f.bytes)
        if path is None:
            raise PartGone(f.key)
        paths.append(str(path))
    order = ", ".join(f'"{c}"' for c in table.order)
    query = (
        f"COPY (SELECT * FROM read_parquet($paths) ORDER BY {order}) TO '{target}' "
        f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {table.group})"
    )
    try:
        with connect() as connection:
            connection.execute(query, {"paths": paths})
    except duckdb.Error as e:
        raise LedgerError(f"index files cannot be merged: {e}", where=paths[0], fix=REBUILD) from e
    return target.read_bytes()


def _parquet(table: Table, columns: Mapping[str, Sequence[object]]) -> bytes:
    # pyarrow ships no types; through importlib it is Any.
    pa: Any = import_module("pyarrow")
    pq: Any = import_module("pyarrow.parquet")
    types = {
        "INTEGER": pa.int32(),
        "BIGINT": pa.int64(),
        "BOOLEAN": pa.bool_(),
        "VARCHAR": pa.string(),
        "VARCHAR[]": pa.list_(pa.string()),
        "TIMESTAMPTZ": pa.timestamp("us", "UTC"),
    }
    schema = pa.schema([(c, types[t]) for c, t in table.columns])
    data = pa.table(dict(columns), schema=schema).sort_by([(c, "ascending") for c in table.order])
    out = io.BytesIO()
    pq.write_table(data, out, compression="zstd", row_group_size=table.group)
    return out.getvalue()
