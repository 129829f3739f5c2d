"""The state one handle has read: an index, the tail after it, and how both are brought up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import takewhile
from typing import TypeVar

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.log import GENESIS, Log, key_of
from lineage_guard.ledger.index.index import Index, PartGone
from lineage_guard.ledger.index.manifest import REBUILD, Manifest, newest, publish
from lineage_guard.ledger.index.tail import Tail

T = TypeVar("T")

#: Look for a newer index once the tail holds this many events.
RELOAD_AT = 1_000


class State:
    """What was read of an archive, kept and extended from question to question.

    Args:
        archive: what is read.
        log: its batches.
    """

    def __init__(self, archive: Archive, log: Log) -> None:
        self._archive = archive
        self._log = log
        self._lock = threading.RLock()
        self._verified: set[str] = set()
        self._index: Index | None = None
        self._tail = Tail()
        self._fresh = False
        self._unpacked = 0

    def read(self, answer: Callable[[Index, Tail], T]) -> T:
        """Answer from the newest state; again from a newer index when its files were superseded.

        Args:
            answer: gets the index and every batch after it; may extend the tail by a batch it wrote.

        Raises:
            LedgerError: when the archive cannot be read.
        """
        with self._lock:
            return self._answered(self._refresh(), answer)

    def write(self, attempt: Callable[[Index, Tail], T | None]) -> T | None:
        """Try to extend the state as it was read last, without looking for anything newer first.

        Taking the next number tells whether there is anything newer: it is taken then.

        Args:
            attempt: extends the tail by a batch it wrote, or answers ``None`` when the number
                was taken; what is newer is read before the next try.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        with self._lock:
            known = self._index if self._fresh and self._tail.events < RELOAD_AT else None
            outcome = self._answered(known or self._refresh(), attempt)
            self._fresh = outcome is not None
            return outcome

    def _answered(self, index: Index, answer: Callable[[Index, Tail], T]) -> T:
        for _ in range(5):
            try:
                return answer(index, self._tail)
            except PartGone as gone:
                generation = index.manifest.generation
                index = self._reload()
                if index.manifest.generation == generation:
                    where = self._archive.describe(gone.key)
                    raise LedgerError("index file is missing", where=where, fix=REBUILD) from gone
        where = self._archive.location
        raise LedgerError("index keeps changing while it is read", where=where, fix="try again")

    def compact(self) -> bool:
        """Cover the tail with the index; ``False`` when another process published first.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        from lineage_guard.ledger.index.compact import compact

        with self._lock:
            published = self.read(lambda index, tail: compact(self._archive, index, tail))
            self._unpacked += sum(len(line) for batch in self._tail.batches for line in batch.lines)
            if published is None:
                self._reload()
                return False
            self._adopt(published)
            return True

    def pack(self) -> None:
        """Pack the batches that the index covers, when there are enough of them.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        with self._lock:
            if self._index is not None:
                size, self._unpacked = self._unpacked, 0
                if self._log.pack(self._index.manifest.seq, size):
                    self._unpacked = 0

    def rebuild(self) -> bool:
        """Make the index again from the log, as far as it covers it; ``False`` when another process published first.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        from lineage_guard.ledger.index.compact import rebuilt

        with self._lock:
            now = newest(self._archive)
            batches = takewhile(lambda b: b.seq <= now.seq, self._log.after(0, GENESIS))
            following = rebuilt(self._archive, batches, now.generation + 1)
            done = publish(self._archive, following)
            if not done:
                for key in following.keys() - now.keys():
                    self._archive.delete(key)
            self._index = None
            self._reload()
            return done

    def _refresh(self) -> Index:
        """Read what was appended since the last question."""
        if self._index is None:
            return self._reload()
        before = self._tail.seq
        self._read_on()
        if self._tail.seq > before and self._tail.events >= RELOAD_AT:
            return self._reload()
        return self._index

    def _reload(self) -> Index:
        """Take up the newest manifest, and the batches after it."""
        manifest = newest(self._archive)
        index = self._index
        if index is None or manifest.generation != index.manifest.generation:
            if manifest.seq and self._log.chain_of(manifest.seq) != manifest.chain:
                raise not_of(self._archive, manifest)
            index = self._adopt(manifest)
        self._read_on()
        return index

    def _adopt(self, manifest: Manifest) -> Index:
        tail = Tail(manifest.seq, manifest.chain)
        for batch in self._tail.batches:
            if batch.seq > manifest.seq:
                tail.extend(batch)
        index = Index(self._archive, manifest, self._verified)
        self._index, self._tail = index, tail
        return index

    def _read_on(self) -> None:
        for batch in self._log.after(self._tail.seq, self._tail.chain):
            self._tail.extend(batch)


def mark(tail: Tail) -> str:
    """The watermark of the state that ends with this tail."""
    return f"{tail.seq}:{tail.chain}"


def not_of(archive: Archive, manifest: Manifest) -> LedgerError:
    """The error for an index that was made from another log."""
    return LedgerError(
        f"index covers another history: batch {manifest.seq} is not the one it was made from",
        where=archive.describe(key_of(manifest.seq)),
        fix="restore the archive whole from one backup; if it is right as it is, " + REBUILD,
    )
