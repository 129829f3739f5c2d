"""Appending: events become canonical lines, what is held already is dropped, the rest is one batch."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from itertools import takewhile

import msgspec

from lineage_guard.domain.errors import EventError, LedgerError
from lineage_guard.ledger.archive.log import Log, canonical, new_writer
from lineage_guard.ledger.index.collector import collector_paused
from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.state import State, mark
from lineage_guard.ledger.index.tail import IDENTITY, Tail

_GIVE_UP_S = 60.0


class Prepared(msgspec.Struct):
    """Events that can be understood, each once.

    Attributes:
        lines: digest to canonical JSON, in order.
        given: how many events were understood, repeated ones too.
    """

    lines: dict[bytes, bytes] = msgspec.field(default_factory=dict[bytes, bytes])
    given: int = 0

    def add(self, event: Mapping[str, object]) -> None:
        """Bring an event into the form it is kept in. What could not be understood later must not get in now.

        Raises:
            EventError: when it cannot be understood.
        """
        from lineage_guard.openlineage.quick import understood

        line = canonical(event)
        digest = sha256(line).digest()
        if digest not in self.lines:
            understood(line)
            self.lines[digest] = line
        self.given += 1

    def join(self, later: Prepared) -> None:
        """Add what comes after."""
        for digest, line in later.lines.items():
            self.lines.setdefault(digest, line)
        self.given += later.given


def prepare(events: Sequence[Mapping[str, object]], refused: dict[int, EventError] | None = None) -> Prepared:
    """Bring events into the form they are kept in.

    Args:
        events: in order.
        refused: gets the events that cannot be understood, by their place.

    Raises:
        EventError: when one cannot be understood and ``refused`` is ``None``.
    """
    prepared = Prepared()
    with collector_paused():
        for n, event in enumerate(events):
            try:
                prepared.add(event)
            except EventError as e:
                if refused is None:
                    raise
                refused[n] = e
    return prepared


def append(log: Log, state: State, prepared: Prepared, now: datetime, where: str) -> tuple[int, str]:
    """Write what is not held as one batch, after whatever other writers write meanwhile.

    Args:
        log: where to.
        state: what was read of it; extended by the batch.
        prepared: the events.
        now: the writer's clock.
        where: the place, for errors.

    Returns:
        How many events were written, and the watermark after them.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    writer = new_writer()
    deadline = time.monotonic() + _GIVE_UP_S

    before: int | None = None

    def attempt(index: Index, tail: Tail) -> tuple[int, str] | None:
        nonlocal before
        before = tail.seq if before is None else before
        written = try_append(log, index, tail, prepared, writer, now, before)
        return None if written is None else (written, mark(tail))

    while (outcome := state.write(attempt)) is None:
        if time.monotonic() > deadline:
            raise LedgerError(
                f"other writers were faster for {_GIVE_UP_S:.0f} s",
                where=where,
                fix="append larger batches from fewer processes",
            )
        time.sleep(random.uniform(0, 0.005))
    return outcome


def try_append(
    log: Log, index: Index, tail: Tail, prepared: Prepared, writer: str, now: datetime, before: int
) -> int | None:
    """Write what is not held as the next batch; how many events that was.

    Args:
        log: where to.
        index: what is compacted.
        tail: what is not; extended by the batch.
        prepared: the events.
        writer: who writes; a name never used before.
        now: the writer's clock.
        before: the last batch before the first try.

    Returns:
        ``None`` when another writer took the number: read what it wrote, and try again.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    for batch in takewhile(lambda b: b.seq > before, reversed(tail.batches)):
        if batch.writer == writer:  # an earlier try got through although the archive said it did not
            return len(batch.lines)
    recent = [d for d in prepared.lines if d[:IDENTITY] not in tail.digests]
    held = index.held(d[:IDENTITY] for d in recent)
    fresh = [d for d in recent if d[:IDENTITY] not in held]
    if not fresh:
        return 0
    batch = log.put(tail.seq + 1, tail.chain, [prepared.lines[d] for d in fresh], fresh, writer, now)
    if batch is None:
        return None
    tail.extend(batch)
    return len(fresh)
