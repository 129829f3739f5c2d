"""Whether an index says what the log says: it is made again from the log, elsewhere, and compared.

Digests in a manifest show damage. They do not show that somebody changed a file of the index and its digest
with it: nothing in the chain covers the index, and everything is answered from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from msgspec.structs import asdict

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive, open_archive
from lineage_guard.ledger.archive.batch import Batch
from lineage_guard.ledger.index.compact import REBUILD_STEP, advanced
from lineage_guard.ledger.index.index import Index, PartGone, connect
from lineage_guard.ledger.index.manifest import REBUILD, Manifest
from lineage_guard.ledger.index.tables import TABLES, Table
from lineage_guard.ledger.index.tail import Tail

if TYPE_CHECKING:
    import duckdb

#: What a manifest says of its own names and files, which differ from one making to the next.
_OWN = ("generation", "parts")
_WHY = "it was changed, or made by another release"


def unfaithful(archive: Archive, manifests: Sequence[Manifest], batches: Iterable[Batch]) -> Iterator[tuple[int, str]]:
    """The indexes that do not say what the log says.

    Args:
        archive: where they are.
        manifests: them, oldest first; those from before retention are passed over, as they are not read from.
        batches: the log from its first batch on.

    Returns:
        The generation of each, and what is wrong with it.

    Raises:
        LedgerError: when the log cannot be read, or there is no room for an index beside the ledger.
    """
    wanted = {m.seq: m for m in manifests}
    with TemporaryDirectory(prefix="lineage-guard-") as folder:
        scratch = open_archive(folder)
        made, tail = Manifest(), Tail()
        for batch in batches:
            tail.extend(batch)
            published = wanted.get(batch.seq)
            if published is None and tail.events < REBUILD_STEP:
                continue
            made = advanced(scratch, Index(scratch, made), tail)
            tail = Tail(made.seq, made.chain)
            if published is not None and (published is manifests[-1] or published.dropped == made.dropped):
                yield from ((published.generation, what) for what in _differing(archive, published, scratch, made))
            if batch.seq >= manifests[-1].seq:
                return


def _differing(archive: Archive, published: Manifest, scratch: Archive, made: Manifest) -> Iterator[str]:
    said, found = asdict(published), asdict(made)
    if wrong := [name for name in said if name not in _OWN and said[name] != found[name]]:
        yield f"manifest {published.generation} and the log do not agree on {', '.join(wrong)}: {_WHY}; {REBUILD}"
    index, again = Index(archive, published), Index(scratch, made)
    with connect() as connection:
        for table in TABLES:
            try:
                if not _same(index, again, table, connection):
                    yield f"table {table.name} of the index is not what the log says: {_WHY}; {REBUILD}"
            except PartGone:
                return  # superseded meanwhile; the newest is looked at for what is missing
            except LedgerError as error:
                yield f"table {table.name} of the index cannot be compared with the log: {error.what}; {REBUILD}"


def _same(index: Index, again: Index, table: Table, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether a table has the same rows, in files that are in its order: a lookup passes over what is out of place."""
    import duckdb

    said, found = f"said_{table.name}", f"found_{table.name}"
    columns = ", ".join(f'"{name}"' for name, _ in table.columns)
    key = ", ".join(f'"{name}"' for name in table.order)
    index.view(connection, table.name, said)
    again.view(connection, table.name, found)
    try:
        many = f"SELECT (SELECT count(*) FROM {said}) = (SELECT count(*) FROM {found})"
        rest = f"SELECT 1 FROM (SELECT {columns} FROM {said} EXCEPT ALL SELECT {columns} FROM {found}) LIMIT 1"
        if connection.execute(many).fetchone() != (True,) or connection.execute(rest).fetchone():
            return False
        for file in index.manifest.files(table.name):
            path = index.archive.file(file.key, file.bytes)
            if path is None:
                raise PartGone(file.key)
            before = f"lag(row({key})) OVER (ORDER BY file_row_number)"
            pairs = f"SELECT row({key}) AS here, {before} AS before FROM read_parquet($file, file_row_number=true)"
            misplaced = f"SELECT 1 FROM ({pairs}) WHERE here < before LIMIT 1"
            if connection.execute(misplaced, {"file": str(path)}).fetchone():
                return False
    except duckdb.Error as error:
        what = str(error).splitlines()[0]
        raise LedgerError(what, where=index.archive.describe("index/"), fix=REBUILD) from error
    return True
