"""Appending: events become canonical lines, what is held already is dropped, the rest is one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from lineage_guard.domain.errors import EventError
from lineage_guard.ledger.collector import collector_paused
from lineage_guard.ledger.index import Index
from lineage_guard.ledger.log import Log, canonical
from lineage_guard.ledger.tail import IDENTITY, Facts, Tail, facts_of


@dataclass(slots=True)
class Prepared:
    """Events that can be understood, each once.

    Attributes:
        lines: digest to canonical JSON, in order.
        meaning: digest to what the event says.
    """

    lines: dict[bytes, bytes] = field(default_factory=dict[bytes, bytes])
    meaning: dict[bytes, Facts] = field(default_factory=dict[bytes, Facts])


def prepare(events: Sequence[Mapping[str, object]], now: datetime, refused: dict[int, EventError] | None) -> Prepared:
    """Bring events into the form they are kept in. What could not be understood later must not get in now.

    Args:
        events: in order.
        now: when they are recorded.
        refused: gets the events that cannot be understood, by their place.

    Raises:
        EventError: when one cannot be understood and ``refused`` is ``None``.
    """
    prepared = Prepared()
    with collector_paused():
        for n, event in enumerate(events):
            try:
                line = canonical(event)
                d = sha256(line).digest()
                if d not in prepared.lines:
                    prepared.meaning[d] = facts_of(line, now)
                    prepared.lines[d] = line
            except EventError as e:
                if refused is None:
                    raise
                refused[n] = e
    return prepared


def try_append(log: Log, index: Index, tail: Tail, prepared: Prepared, writer: str, now: datetime) -> int | None:
    """Write what is not held as the next batch; how many events that was.

    Args:
        log: where to.
        index: what is compacted.
        tail: what is not; extended by the batch.
        prepared: the events.
        writer: who writes; a name never used before.
        now: the writer's clock.

    Returns:
        ``None`` when another writer took the number: read what it wrote, and try again.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    for batch in reversed(tail.batches):
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
    facts = Facts()
    for d in fresh:
        facts.join(prepared.meaning[d])
    tail.extend(batch, facts)
    return len(fresh)
