"""The manifest: which Parquet files are the index, and up to which batch they cover the log.

Manifests are numbered and never replaced. Publishing generation n + 1 is a ``put_if_absent``:
of two compactions that started from generation n, one wins and the other's files are unused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.log import GENESIS

FORMAT = 2
_PREFIX = "index/manifests/"
#: Superseded manifests, and files only they name, are kept this many generations for readers that still use them.
KEEP = 8
REBUILD = "delete the folder 'index' of the ledger: it is rebuilt from the archive at the next compaction"


class PartFile(msgspec.Struct, frozen=True):
    """One Parquet file."""

    key: str
    rows: int
    bytes: int
    sha256: str


class Part(msgspec.Struct, frozen=True):
    """The files, one per table that has rows, that cover batches ``first`` to ``last``."""

    first: int
    last: int
    events: int
    files: dict[str, PartFile]


class Manifest(msgspec.Struct, frozen=True):
    """The index at one moment.

    Attributes:
        generation: its number; 0 is the empty index that is never written.
        seq: last batch covered.
        chain: its chain digest.
        versions: ids given so far; the next version gets this id.
        records: productions counted so far.
        events: events covered.
        dropped: those of them that retention had dropped when they were read.
        positions: greatest position of each source.
        parts: in archive order.
    """

    generation: int = 0
    seq: int = 0
    chain: str = GENESIS
    versions: int = 0
    records: int = 0
    events: int = 0
    dropped: int = 0
    positions: dict[str, int] = msgspec.field(default_factory=dict[str, int])
    parts: tuple[Part, ...] = ()

    def files(self, table: str) -> list[PartFile]:
        """The files of one table, in archive order."""
        return [p.files[table] for p in self.parts if table in p.files]

    def keys(self) -> set[str]:
        """The archive keys of all files."""
        return {f.key for p in self.parts for f in p.files.values()}


def newest(archive: Archive) -> Manifest:
    """The latest published manifest.

    Raises:
        LedgerError: when it cannot be read.
    """
    for _ in range(3):
        keys = list(archive.list(_PREFIX))
        if not keys:
            return Manifest()
        data = archive.get(keys[-1])
        if data is not None:  # else it was superseded and dropped since the listing
            return _parse(data, archive.describe(keys[-1]))
    raise LedgerError("index keeps changing while it is read", where=archive.describe(_PREFIX), fix="try again")


def published(archive: Archive) -> Iterator[tuple[Manifest, str]]:
    """Every manifest that is kept, oldest first, and where it is.

    Raises:
        LedgerError: when one cannot be read.
    """
    for key in archive.list(_PREFIX):
        data = archive.get(key)
        if data is not None:
            yield _parse(data, archive.describe(key)), archive.describe(key)


def publish(archive: Archive, manifest: Manifest) -> bool:
    """Make a manifest the newest. ``False`` when another process published that generation first."""
    text = json.dumps({"format": FORMAT, **msgspec.to_builtins(manifest)}, sort_keys=True, indent=1)
    key, data = _key(manifest.generation), text.encode()
    # The names in it are random: the same bytes are our own, stored by a try that the archive said had failed.
    if not archive.put_if_absent(key, data) and archive.get(key) != data:
        return False
    _drop_superseded(archive, manifest)
    return True


def _drop_superseded(archive: Archive, manifest: Manifest) -> None:
    """Delete manifests older than ``KEEP`` generations and the files that only they name."""
    old: list[Manifest] = []
    kept = manifest.keys()
    for key in archive.list(_PREFIX):
        if key == _key(manifest.generation):
            continue
        data = archive.get(key)
        if data is None:
            continue
        other = _parse(data, archive.describe(key))
        if other.generation < manifest.generation - KEEP:
            old.append(other)
        else:
            kept |= other.keys()
    for other in old:
        for f in other.keys() - kept:
            archive.delete(f)
        archive.delete(_key(other.generation))


def _key(generation: int) -> str:
    return f"{_PREFIX}{generation:010d}.json"


def _parse(data: bytes, where: str) -> Manifest:
    try:
        raw = cast("dict[str, Any]", json.loads(data))
        if raw.pop("format") != FORMAT:
            raise ValueError("it was written by another version of lineage-guard")
        parts = tuple(
            Part(p["first"], p["last"], p["events"], {t: PartFile(**f) for t, f in p["files"].items()})
            for p in raw.pop("parts")
        )
        return Manifest(**raw, parts=parts)
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise LedgerError(f"index manifest cannot be read: {e}", where=where, fix=REBUILD) from e
