"""What a ledger answers, and the answers that need no graph, from the index and the tail together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, cast

import msgspec

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Production, Version, union
from lineage_guard.ledger.archive.log import GENESIS, Log
from lineage_guard.ledger.index.index import Index, micros, moment
from lineage_guard.ledger.index.state import mark, not_of
from lineage_guard.ledger.index.tail import Tail

_UNDATED = -(1 << 63)


class AnyPartition:
    """Stands for every partition of a dataset, the unpartitioned one included."""

    def __repr__(self) -> str:
        return "ANY"


ANY: Final = AnyPartition()


class Appended(msgspec.Struct, frozen=True):
    """What an append did.

    Attributes:
        new: events that were written.
        held: events that the ledger had already, and that were dropped.
        watermark: a state of the ledger that holds all of them.
    """

    new: int
    held: int
    watermark: str


class Checked(msgspec.Struct, frozen=True):
    """What a look at a ledger found.

    Attributes:
        location: where it is.
        batches: batches in the log.
        events: events in them.
        tail: events that the index does not cover.
        versions: versions in the index.
        parts: parts of the index.
        watermark: the state that was looked at.
    """

    location: str
    batches: int
    events: int
    tail: int
    versions: int
    parts: int
    watermark: str


def position_of(after: str | None) -> tuple[int, int]:
    """The batch and the line of a position in the log; 0 and 0 before the first.

    Args:
        after: ``"<batch>:<line>"``, or ``None``.

    Raises:
        LedgerError: when it is no such position.

    Example:
        >>> position_of("12:3")
        (12, 3)
    """
    if after is None:
        return 0, 0
    batch, _, line = after.partition(":")
    if not (batch.isdecimal() and line.isdecimal()):
        raise LedgerError(f"{after!r} is not a position in a ledger", fix="start again from the first event (None)")
    return int(batch), int(line)


def productions(index: Index, tail: Tail, wanted: Sequence[Version]) -> dict[Version, Production]:
    """What is on record of each version, its records joined."""
    from lineage_guard.ledger.index import recall
    from lineage_guard.ledger.index.joining import joined

    recent = joined(index, tail).by_version
    found = recall.productions_of(index, wanted)
    for version in wanted:
        found.setdefault(version, []).extend(recent.get(version, ()))
    return {v: union(ps) for v, ps in found.items() if ps}


def latest(
    index: Index, tail: Tail, namespace: str, name: str, partition: str | AnyPartition | None
) -> tuple[Version, ...]:
    """The newest recorded version of each partition, by time of production, then by place in the log."""
    from lineage_guard.ledger.index.joining import joined

    ages: dict[Version, tuple[int, int]] = {}
    for version, production in joined(index, tail).foreign.items():
        if version[:2] == (namespace, name):
            at = micros(production.produced_at)
            ages[version] = (_UNDATED if at is None else at, -1)
    for part, run, at, record in index.rows("latest", namespace=namespace, name=name):
        version, age = Version(namespace, name, part, run), (_UNDATED if at is None else at, record)
        ages[version] = max(age, ages.get(version, age))
    for n, (production, _) in enumerate(tail.facts.productions, index.manifest.records):
        for version in production.outputs:
            if version[:2] == (namespace, name):
                at = micros(production.produced_at)
                age = (_UNDATED if at is None else at, n)
                ages[version] = max(age, ages.get(version, age))
    newest: dict[str | None, Version] = {}
    for version, age in ages.items():
        best = newest.get(version.partition)
        if best is None or (age, version.run or "") > (ages[best], best.run or ""):  # siblings of one record tie
            newest[version.partition] = version
    chosen = [v for p, v in newest.items() if isinstance(partition, AnyPartition) or p == partition]
    return tuple(sorted(chosen, key=lambda v: (v.partition is not None, v.partition or "")))


def decisions(index: Index, tail: Tail, namespace: str, name: str, limit: int) -> list[dict[str, object]]:
    """The newest verdicts filed under one name."""
    rows = list(index.rows("decisions", namespace=namespace, name=name, limit=limit))
    for d in tail.facts.decisions:
        if (d.namespace, d.name) == (namespace, name):
            rows.append((d.run, micros(d.at), d.ord, d.facet))
    rows.sort(key=lambda r: (r[1], r[2]), reverse=True)
    return [
        {**json.loads(facet), "runId": run, "eventTime": cast("datetime", moment(at)).isoformat()}
        for run, at, _, facet in rows[:limit]
    ]


def position(index: Index, tail: Tail, source: str) -> int:
    """The greatest position of a source; -1 when none is held."""
    return max(index.manifest.positions.get(source, -1), tail.facts.positions.get(source, -1))


def events(log: Log, after: str | None) -> Iterator[tuple[str, Mapping[str, object]]]:
    """Every event after a position, in the order of the log, each with its own position."""
    done_batch, done_line = position_of(after)
    first = max(done_batch, 1)
    for batch in log.after(first - 1, log.chain_of(first - 1)):
        for n, line in enumerate(batch.lines, 1):
            if line and (batch.seq, n) > (done_batch, done_line):
                yield f"{batch.seq}:{n}", json.loads(line)


def checked(index: Index, tail: Tail, log: Log, full: bool) -> Checked:
    """A look at the whole ledger; see ``Ledger.check``."""
    covered = index.manifest
    if full:
        index.check()
        for batch in log.after(0, GENESIS):
            if batch.seq == covered.seq and batch.chain != covered.chain:
                raise not_of(index.archive, covered)
    events, parts = covered.events + tail.events, len(covered.parts)
    return Checked(index.archive.location, tail.seq, events, tail.events, covered.versions, parts, mark(tail))
