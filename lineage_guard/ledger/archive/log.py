"""The log: batches of events in one gapless sequence, each chained to the one before.

A batch is one immutable file, ``log/<thousands>/<number>.jsonl``, until it is packed with
others (``packs``). Its number is taken by ``put_if_absent``, so the order of all batches of
all writers is settled by the archive, not by clocks: whoever has read up to number n has
missed nothing, and asks only for n + 1.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from datetime import datetime

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.batch import GENESIS, Batch, OtherFormat, canonical, header_of, made, parse
from lineage_guard.ledger.archive.packs import (
    LONGEST_HEAD,
    RESTORE,
    Pack,
    chunks,
    covering,
    last_head,
    packs_after,
    read_pack,
    sweep,
    write_pack,
)

__all__ = ["GENESIS", "Batch", "Log", "canonical", "key_of", "new_writer"]

_PREFIX = "log/"
_SHARD = 1000
_READ_AHEAD = 64
#: Batches are packed when at least so many are waiting, or so many bytes.
PACK_AT = 256
PACK_AT_BYTES = 1024 * 1024


class Log:
    """Reads and extends the sequence of batches in an archive.

    Args:
        archive: where it lives.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def put(
        self, seq: int, prev: str, lines: Sequence[bytes], digests: Sequence[bytes], writer: str, now: datetime
    ) -> Batch | None:
        """Write batch ``seq`` after the batch whose chain digest is ``prev``.

        Returns:
            The batch, durable; ``None`` when another writer has taken the number.
        """
        batch = made(seq, prev, lines, digests, writer, now)
        if not self._archive.put_if_absent(key_of(seq), batch.encoded()):
            return None
        if covering(packs_after(self._archive, seq - 1), seq):
            # The number was taken long ago, packed, and its key freed; readers go by the pack.
            self._archive.delete(key_of(seq))
            return None
        return batch

    def after(self, seq: int, chain: str) -> Iterator[Batch]:
        """Every batch after number ``seq``, in order, each checked against the one before.

        Args:
            seq: the last batch that is known (0: none).
            chain: its chain digest (``GENESIS`` for none).

        Raises:
            LedgerError: when a batch is missing, changed or out of place.
        """
        loose = self.loose(seq)
        end = loose[-1] if loose else seq
        while True:
            numbers = range(seq + 1, min(end, seq + _READ_AHEAD) + 1)
            # A listing may miss a file that was made while it ran, so every number is asked for by name;
            # and before the packs are looked at, see ``packs``.
            fetched = self._fetch(numbers)
            packs = packs_after(self._archive, seq)
            end = max(end, packs[-1].last if packs else 0)
            if seq == end:
                return
            pack = covering(packs, seq + 1)
            if pack:
                read = [(n, d) for n, d in read_pack(self._archive, pack) if n > seq]
            else:
                until = min((p.first for p in packs), default=end + 1)
                read = [(n, d) for n, d in zip(numbers, fetched, strict=True) if n < until] or [(seq + 1, None)]
            for number, data in read:
                batch = self._parsed(number, data, chain, pack)
                seq, chain = batch.seq, batch.chain
                yield batch
            if seq == end and not pack:
                return

    def read(self, seq: int, prev: str | None = None) -> Batch:
        """One batch, verified.

        Args:
            seq: its number.
            prev: chain digest of the batch before, when the caller knows it.

        Raises:
            LedgerError: when it is missing or not what was written.
        """
        return self._parsed(seq, self._one(seq), prev)

    def chain_of(self, seq: int) -> str:
        """The chain digest of a batch, from its header alone (``GENESIS`` for batch 0).

        Raises:
            LedgerError: when the batch is missing or its header is not what was written.
        """
        if seq == 0:
            return GENESIS
        head = self._head(seq)
        if head is None:
            raise LedgerError("batch is missing", where=self._archive.describe(key_of(seq)), fix=RESTORE)
        return self._chain_in(head, seq)

    def _chain_in(self, head: bytes, seq: int) -> str:
        where = self._archive.describe(key_of(seq))
        try:
            return header_of(head, seq)[1]
        except OtherFormat as e:
            raise LedgerError(f"batch {seq} cannot be read: {e}", where=where, fix=e.fix) from e
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise LedgerError(f"batch is damaged: {e}", where=where, fix=RESTORE) from e

    def holds(self, seq: int, chain: str) -> bool:
        """Whether a batch is in the log, and every batch before it: its number, with its chain digest.

        Raises:
            LedgerError: when it is there and cannot be read.
        """
        if seq == 0:
            return True
        head = self._head(seq)
        return head is not None and self._chain_in(head, seq) == chain

    def loose(self, seq: int = 0) -> list[int]:
        """Numbers after ``seq`` that have a file of their own.

        Raises:
            LedgerError: when a file is not a batch.
        """
        numbers: list[int] = []
        for key in self._archive.list(_PREFIX, key_of(seq) if seq else ""):
            number = _number(key)
            if number is None:
                where = self._archive.describe(key)
                raise LedgerError("not a batch of this ledger", where=where, fix="move the file elsewhere")
            numbers.append(number)
        return numbers

    def pack(self, seq: int, size: int = 0, at_least: int = PACK_AT) -> list[Pack]:
        """Pack single batches up to number ``seq``, and delete what packs hold.

        Any number of processes may do so at once; one that dies leaves nothing that the next
        does not clear away.

        Args:
            seq: the last batch to pack.
            size: bytes of events known to wait; enough of them are packed however few batches they are.
            at_least: do nothing while fewer batches wait.

        Raises:
            LedgerError: when a batch cannot be read, or a pack not written.
        """
        loose = self.loose()
        packs = packs_after(self._archive, 0)
        waiting = [n for n in loose if n <= seq and not covering(packs, n)]
        written: list[Pack] = []
        if waiting and (len(waiting) >= at_least or size >= PACK_AT_BYTES):
            first, prev = waiting[0], self.chain_of(waiting[0] - 1)
            for chunk in chunks(self._upto(first - 1, prev, seq)):
                written.append(write_pack(self._archive, chunk))
        if written or len(waiting) < len([n for n in loose if n <= seq]):
            sweep(self._archive, loose, key_of)
        return written

    def _upto(self, seq: int, chain: str, last: int) -> Iterator[Batch]:
        for batch in self.after(seq, chain):
            if batch.seq > last:
                return
            yield batch

    def _one(self, seq: int) -> bytes | None:
        data = self._archive.get(key_of(seq))
        pack = covering(packs_after(self._archive, seq - 1), seq)
        return data if pack is None else dict(read_pack(self._archive, pack))[seq]

    def _head(self, seq: int) -> bytes | None:
        data = self._archive.get(key_of(seq), LONGEST_HEAD)
        pack = covering(packs_after(self._archive, seq - 1), seq)
        if pack is not None:
            if seq == pack.last and (head := last_head(self._archive, pack)) is not None:
                return head
            data = dict(read_pack(self._archive, pack))[seq]
        return None if data is None else data[: data.find(b"\n")]

    def _fetch(self, numbers: Sequence[int]) -> list[bytes | None]:
        """Fetch some batches, several at a time: a bucket answers one request in tens of milliseconds."""
        if len(numbers) < _READ_AHEAD // 4:
            return [self._archive.get(key_of(n)) for n in numbers]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(self._archive.get, map(key_of, numbers)))

    def _parsed(self, seq: int, data: bytes | None, prev: str | None, pack: Pack | None = None) -> Batch:
        where = self._archive.describe(pack.key if pack else key_of(seq))
        if data is None:
            raise LedgerError("batch is missing", where=where, fix=RESTORE)
        try:
            return parse(data, seq, prev)
        except OtherFormat as e:
            raise LedgerError(f"batch {seq} cannot be read: {e}", where=where, fix=e.fix) from e
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise LedgerError(f"batch {seq} is damaged: {e}", where=where, fix=RESTORE) from e


def new_writer() -> str:
    """A name for one writer, never used twice: ``host:pid:token``."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(6).hex()}"


def key_of(seq: int) -> str:
    """The archive key of a batch.

    Example:
        >>> key_of(1234)
        'log/000000001/000000001234.jsonl'
    """
    return f"{_PREFIX}{seq // _SHARD:09d}/{seq:012d}.jsonl"


def _number(key: str) -> int | None:
    stem = key.rsplit("/", 1)[-1].removesuffix(".jsonl")
    return int(stem) if stem.isdecimal() and key == key_of(int(stem)) else None
