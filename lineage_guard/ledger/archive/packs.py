"""Packs: many batches in one compressed object, so that a long log is few objects and small.

A pack is ``packs/<last>-<first>.<revision>.jsonl.zst``: the batches ``first`` to ``last``, one
after another as they were written, compressed with zstd. It begins with a frame that decompressors skip
and that holds the header line of batch ``last``: that alone is asked for by whoever opens a ledger
whose index ends there. It is written once. Retention writes the same
range again as the next revision, with digests in place of dropped events.

A batch that a pack holds is read from the pack, whatever stands under its own key: a writer
that slept through the packing may put a batch under a number that is long taken and freed.
Hence the order that makes this exact: look at single batches first, at packs afterwards.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

import msgspec

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.batch import Batch, split

PREFIX = "packs/"
RESTORE = (
    "restore the file from a backup of the archive; until then the guard blocks, because what is missing cannot be "
    "called clean"
)
#: What one pack holds at most; a reader of one batch decompresses all of it.
MOST_BATCHES = 1_000
MOST_BYTES = 32 * 1024 * 1024
#: A header line is far shorter than this many bytes.
LONGEST_HEAD = 4096
#: A skippable frame of zstd (RFC 8878, 3.1.2): magic number, length, then anything.
_FRAME = struct.Struct("<II")
_SKIPPABLE = 0x184D2A50


class Pack(msgspec.Struct, frozen=True, order=True):
    """One pack, by its name."""

    last: int
    first: int
    revision: int

    @property
    def key(self) -> str:
        """Its archive key; sorts by the last batch, newer revisions later."""
        return f"{PREFIX}{self.last:012d}-{self.first:012d}.{self.revision:06d}.jsonl.zst"


def packs_after(archive: Archive, seq: int) -> list[Pack]:
    """Packs that hold batches after ``seq``, each range in its newest revision, sorted by their last batch.

    Raises:
        LedgerError: when a file is not a pack, or the archive cannot be listed.
    """
    newest: dict[tuple[int, int], Pack] = {}
    for pack in all_packs(archive, seq):
        newest[pack.last, pack.first] = pack
    return sorted(newest.values())


def all_packs(archive: Archive, seq: int = 0) -> Iterator[Pack]:
    """Every pack with batches after ``seq``, superseded revisions too, in order."""
    for key in archive.list(PREFIX, f"{PREFIX}{seq:012d}~"):
        yield _named(archive, key)


def covering(packs: Iterable[Pack], seq: int) -> Pack | None:
    """The pack that holds batch ``seq`` and reaches furthest, or ``None``."""
    return max((p for p in packs if p.first <= seq <= p.last), default=None)


def read_pack(archive: Archive, pack: Pack) -> list[tuple[int, bytes]]:
    """The batches of a pack, as they were stored.

    Raises:
        LedgerError: when it is gone or is not what was written.
    """
    where = archive.describe(pack.key)
    data = archive.get(pack.key)
    for _ in range(3):
        if data is not None:
            break
        # Retention replaced it since it was listed.
        for newer in packs_after(archive, pack.last - 1):
            if (newer.last, newer.first) == (pack.last, pack.first):
                data = archive.get(newer.key)
                where = archive.describe(newer.key)
    if data is None:
        raise LedgerError("pack of batches is missing", where=where, fix=RESTORE)
    try:
        batches = list(split(_decompressed(data)))
        if [seq for seq, _ in batches] != list(range(pack.first, pack.last + 1)):
            raise ValueError("it does not hold the batches that its name says")
        if _first_frame(data) not in (None, _head(batches[-1][1])):
            raise ValueError("it begins with the header of another batch than its last one")
        return batches
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as e:
        raise LedgerError(f"pack of batches is damaged: {e}", where=where, fix=RESTORE) from e


def last_head(archive: Archive, pack: Pack) -> bytes | None:
    """The header line of the last batch of a pack, without reading the pack.

    Returns:
        ``None`` when the pack is gone, or was written before packs began with it: read the pack.

    Raises:
        LedgerError: when the archive cannot be read.
    """
    return _first_frame(archive.get(pack.key, _FRAME.size + LONGEST_HEAD) or b"")


def write_pack(archive: Archive, batches: Sequence[Batch], revision: int = 0) -> Pack:
    """Store batches that follow each other as one pack; nothing happens when it is there.

    Raises:
        LedgerError: when the archive cannot be written.
    """
    pack = Pack(batches[-1].seq, batches[0].seq, revision)
    head = batches[-1].head
    frame = _FRAME.pack(_SKIPPABLE, len(head)) + head
    archive.put_if_absent(pack.key, frame + _compressed(b"".join(b.encoded() for b in batches)))
    return pack


def chunks(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Cut a run of batches into what one pack may hold."""
    chunk: list[Batch] = []
    size = 0
    for batch in batches:
        length = sum(map(len, batch.lines))
        if chunk and (len(chunk) == MOST_BATCHES or size + length > MOST_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(batch)
        size += length
    if chunk:
        yield chunk


def sweep(archive: Archive, loose: Iterable[int], key_of: Callable[[int], str]) -> int:
    """Delete single batches that packs hold, and superseded revisions; how many objects that was.

    Args:
        archive: where they are.
        loose: numbers of single batches.
        key_of: the key of a number.
    """
    everything = list(all_packs(archive))
    newest = {(p.last, p.first): p for p in everything}
    swept = 0
    for number in loose:
        if covering(everything, number):
            archive.delete(key_of(number))
            swept += 1
    for pack in everything:
        if pack != newest[pack.last, pack.first]:
            archive.delete(pack.key)
            swept += 1
    return swept


def _named(archive: Archive, key: str) -> Pack:
    stem = key.removeprefix(PREFIX).removesuffix(".jsonl.zst")
    numbers = stem.replace("-", ".").split(".")
    if len(numbers) == 3 and all(n.isdecimal() for n in numbers):
        pack = Pack(*map(int, numbers))
        if pack.key == key:
            return pack
    raise LedgerError("not a pack of this ledger", where=archive.describe(key), fix="move the file elsewhere")


def _first_frame(data: bytes) -> bytes | None:
    """What the skippable frame at the beginning holds; ``None`` when there is none, or not all of it."""
    if len(data) < _FRAME.size:
        return None
    magic, size = _FRAME.unpack_from(data)
    held = data[_FRAME.size : _FRAME.size + size]
    return held if magic == _SKIPPABLE and len(held) == size else None


def _head(batch: bytes) -> bytes:
    return batch[: batch.index(b"\n")]


def _compressed(data: bytes) -> bytes:
    pa: Any = import_module("pyarrow")  # ships no types; through importlib it is Any
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(data)
    return sink.getvalue().to_pybytes()


def _decompressed(data: bytes) -> bytes:
    pa: Any = import_module("pyarrow")
    with pa.CompressedInputStream(pa.BufferReader(data), "zstd") as stream:
        return bytes(stream.read())
