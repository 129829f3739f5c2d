"""The log: batches of events in one gapless sequence, each chained to the one before.

A batch is one immutable file, ``log/<thousands>/<number>.jsonl``: a header line, then one
canonical OpenLineage event per line. Its number is taken by ``put_if_absent``, so the order of
all batches of all writers is settled by the archive, not by clocks: whoever has read up to
number n has missed nothing, and asks only for n + 1. The header holds the digest of the events
and a digest over the header before it, so a changed, removed or inserted batch shows.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import islice
from uuid import uuid4

from lineage_guard.domain.errors import EventError, LedgerError
from lineage_guard.ledger.archive import Archive

FORMAT = 1
GENESIS = "sha256:" + "0" * 64
_PREFIX = "log/"
_SHARD = 1000
_READ_AHEAD = 64
#: A header is far shorter than this many bytes.
_HEADER = 4096
_RESTORE = (
    "restore the file from a backup of the archive; until then the guard blocks, because what is missing cannot be "
    "called clean"
)


def canonical(event: Mapping[str, object]) -> bytes:
    r"""An event as canonical JSON: sorted keys, no spaces, UTF-8. Equal events give equal bytes.

    Raises:
        EventError: when the event is not JSON.

    Example:
        >>> canonical({"b": 1, "a": "ü"})
        b'{"a":"\xc3\xbc","b":1}'
    """
    try:
        text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (TypeError, ValueError) as e:
        raise EventError(
            f"event is not JSON: {e}", where=str(event.get("eventTime", "")) or None, fix="send plain JSON values"
        ) from e


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch as read from the archive and verified.

    Attributes:
        seq: its number, from 1.
        chain: digest over its header and, through it, over every batch before.
        writer: who wrote it, ``host:pid:token``.
        recorded: when the writer says it wrote it.
        lines: its events in canonical JSON.
    """

    seq: int
    chain: str
    writer: str
    recorded: datetime
    lines: tuple[bytes, ...]


class Log:
    """Reads and extends the sequence of batches in an archive.

    Args:
        archive: where it lives.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def put(self, seq: int, prev: str, lines: Sequence[bytes], writer: str, now: datetime) -> Batch | None:
        """Write batch ``seq`` after the batch whose chain digest is ``prev``.

        Returns:
            The batch, durable; ``None`` when another writer has taken the number.
        """
        body = b"".join(line + b"\n" for line in lines)
        header: dict[str, object] = {
            "batch": seq,
            "body": "sha256:" + sha256(body).hexdigest(),
            "events": len(lines),
            "format": FORMAT,
            "prev": prev,
            "recorded": now.astimezone(UTC).isoformat(),
            "writer": writer,
        }
        chain = _chain(header)
        head = canonical({**header, "chain": chain})
        if not self._archive.put_if_absent(key_of(seq), head + b"\n" + body):
            return None
        return Batch(seq, chain, writer, now.astimezone(UTC), tuple(lines))

    def after(self, seq: int, chain: str) -> Iterator[Batch]:
        """Every batch after number ``seq``, in order, each checked against the one before.

        Args:
            seq: the last batch that is known (0: none).
            chain: its chain digest (``GENESIS`` for none).

        Raises:
            LedgerError: when a batch is missing, changed or out of place.
        """
        keys = self._archive.list(_PREFIX, key_of(seq) if seq else "")
        while chunk := tuple(islice(keys, _READ_AHEAD)):
            last = self._numbers(chunk)[-1]
            # A listing may miss a file that was made while it ran, so every number is asked for by name.
            for batch in self._read_all(range(seq + 1, last + 1), chain):
                seq, chain = batch.seq, batch.chain
                yield batch

    def _numbers(self, keys: Sequence[str]) -> list[int]:
        numbers: list[int] = []
        for key in keys:
            number = _number(key)
            if number is None:
                where = self._archive.describe(key)
                raise LedgerError("not a batch of this ledger", where=where, fix="move the file elsewhere")
            numbers.append(number)
        return numbers

    def _read_all(self, numbers: Sequence[int], chain: str) -> Iterator[Batch]:
        """Fetch some batches, several at a time: a bucket answers one request in tens of milliseconds."""
        if len(numbers) < _READ_AHEAD // 4:
            fetched = map(self._archive.get, map(key_of, numbers))
        else:
            with ThreadPoolExecutor(8) as pool:
                fetched = iter(list(pool.map(self._archive.get, map(key_of, numbers))))
        for number, data in zip(numbers, fetched, strict=True):
            batch = self._parsed(number, data, chain)
            chain = batch.chain
            yield batch

    def read(self, seq: int, prev: str | None = None) -> Batch:
        """One batch, verified.

        Args:
            seq: its number.
            prev: chain digest of the batch before, when the caller knows it.

        Raises:
            LedgerError: when it is missing or not what was written.
        """
        return self._parsed(seq, self._archive.get(key_of(seq)), prev)

    def chain_of(self, seq: int) -> str:
        """The chain digest of a batch, from its header alone (``GENESIS`` for batch 0).

        Raises:
            LedgerError: when the batch is missing or its header is not what was written.
        """
        if seq == 0:
            return GENESIS
        key = key_of(seq)
        data = self._archive.get(key, _HEADER)
        if data is None:
            raise LedgerError("batch is missing", where=self._archive.describe(key), fix=_RESTORE)
        try:
            return _header(data.partition(b"\n")[0], seq)[1]
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise LedgerError(f"batch is damaged: {e}", where=self._archive.describe(key), fix=_RESTORE) from e

    def _parsed(self, seq: int, data: bytes | None, prev: str | None) -> Batch:
        key = key_of(seq)
        if data is None:
            raise LedgerError("batch is missing", where=self._archive.describe(key), fix=_RESTORE)
        try:
            return _parse(data, seq, prev)
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            raise LedgerError(f"batch is damaged: {e}", where=self._archive.describe(key), fix=_RESTORE) from e


def new_writer() -> str:
    """A name for one writer, never used twice: ``host:pid:token``."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:12]}"


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


def _chain(header: Mapping[str, object]) -> str:
    return "sha256:" + sha256(canonical(header)).hexdigest()


def _header(head: bytes, seq: int) -> tuple[dict[str, object], str]:
    header: dict[str, object] = json.loads(head)
    chain = str(header.pop("chain"))
    if header["format"] != FORMAT:
        raise ValueError(f"format {header['format']} is newer than this version reads ({FORMAT})")
    if _chain(header) != chain or header["batch"] != seq:
        raise ValueError("its header was changed")
    return header, chain


def _parse(data: bytes, seq: int, prev: str | None) -> Batch:
    head, _, body = data.partition(b"\n")
    header, chain = _header(head, seq)
    if prev is not None and header["prev"] != prev:
        raise ValueError(f"it does not follow batch {seq - 1}: one of the two was replaced")
    if "sha256:" + sha256(body).hexdigest() != header["body"]:
        raise ValueError("its events were changed or cut short")
    lines = tuple(body.split(b"\n")[:-1])
    if len(lines) != header["events"]:
        raise ValueError(f"it holds {len(lines)} events, its header says {header['events']}")
    return Batch(seq, chain, str(header["writer"]), datetime.fromisoformat(str(header["recorded"])), lines)
