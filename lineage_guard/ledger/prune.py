"""Retention: events that no live version descends from become their digests.

The log keeps its numbers and its chain; what is dropped can never be appended again by
accident, as its digest is still known. What stays, whatever its age: the newest version of
each partition of each dataset and everything upstream of it; versions that somebody read
together with another version of the same partition (appends) and those upstream; verdicts;
events of other producers, and our own writes under the names they use; the last event of each
source; what was not delivered yet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain as concatenated

from lineage_guard.domain.facts import Production, Version
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.batch import GENESIS, Batch, parse
from lineage_guard.ledger.archive.log import Log, key_of
from lineage_guard.ledger.archive.packs import packs_after, read_pack, sweep, write_pack
from lineage_guard.ledger.index.state import State
from lineage_guard.ledger.index.tail import Facts, facts_of
from lineage_guard.openlineage.foreign.statement import Statement

Place = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What retention would drop.

    Attributes:
        drop: batch number to the places of events in it, from 0.
        events: how many events that is.
        bytes: how long their lines are.
        kept: events that stay.
        gone: events that were dropped before.
    """

    drop: dict[int, list[int]]
    events: int
    bytes: int
    kept: int
    gone: int


@dataclass(slots=True)
class _History:
    """What the whole log says, by version."""

    made: dict[Version, list[Production]] = field(default_factory=lambda: defaultdict[Version, list[Production]](list))
    newest: dict[tuple[str, str, str | None], tuple[float, set[Version]]] = field(
        default_factory=dict[tuple[str, str, str | None], tuple[float, set[Version]]]
    )
    roots: set[Version] = field(default_factory=set[Version])
    joint: set[tuple[str, str, str | None]] = field(default_factory=set[tuple[str, str, str | None]])
    places: set[Place] = field(default_factory=set[Place])
    positions: dict[str, tuple[int, int, int]] = field(default_factory=dict[str, tuple[int, int, int]])

    def add(self, facts: Facts, recent: bool) -> None:
        for production, _ in facts.productions:
            age = production.produced_at.timestamp() if production.produced_at else float("-inf")
            for v in production.outputs:
                self.made[v].append(production)
                best = self.newest.get(v[:3])
                if best is None or age > best[0]:
                    self.newest[v[:3]] = (age, {v})
                elif age == best[0]:  # which of the two is newer need not be known
                    best[1].add(v)
            seen: set[tuple[str, str, str | None]] = set()
            for i in production.inputs:
                if i.version[:3] in seen:
                    self.joint.add(i.version[:3])
                seen.add(i.version[:3])
            if recent:
                self.roots.update(production.outputs)
        for statement in facts.statements:
            self.places.update(_places(statement))

    def needed(self, live: Iterable[Version], keep: Sequence[Place]) -> set[Version]:
        """Everything upstream of what lives."""
        named = self.places | set(keep)
        waiting = [*live, *self.roots, *(v for _, vs in self.newest.values() for v in vs)]
        waiting += [v for v in self.made if v[:2] in named or v[:3] in self.joint]
        found = set(waiting)
        while waiting:
            for production in self.made.get(waiting.pop(), ()):
                # What was made together is read together: its siblings' records hold the same inputs.
                for version in (i.version for i in production.inputs):
                    if version not in found:
                        found.add(version)
                        waiting.append(version)
        return found


def plan(
    batches: Iterable[Batch],
    before: datetime,
    live: Iterable[Version] = (),
    keep: Sequence[Place] = (),
    until: tuple[int, int] | None = None,
) -> Plan:
    """Decide what may go.

    Args:
        batches: the log from its first batch on.
        before: events recorded or dated at or after this moment stay.
        live: further versions that may still be read.
        keep: (namespace, name) of datasets of which every version may still be read.
        until: (batch, line) up to which events were delivered; later ones stay.

    Raises:
        LedgerError, EventError: when an event cannot be understood.
    """
    history = _History()
    old: list[tuple[int, int, int, tuple[Version, ...]]] = []
    kept = gone = 0
    for batch in batches:
        for n, line in enumerate(batch.lines):
            if not line:
                gone += 1
                continue
            kept += 1
            facts = facts_of(line, batch.recorded)
            recent = batch.recorded >= before or any(
                p.produced_at and p.produced_at >= before for p, _ in facts.productions
            )
            history.add(facts, recent)
            for source, position in facts.positions.items():
                if position >= history.positions.get(source, (-1, 0, 0))[0]:
                    history.positions[source] = (position, batch.seq, n)
            delivered = until is None or (batch.seq, n + 1) <= until
            if delivered and not recent and not facts.statements and not facts.decisions:
                outputs = tuple(v for p, _ in facts.productions for v in p.outputs)
                old.append((batch.seq, n, len(line), outputs))
    needed = history.needed(live, keep)
    last = {(seq, n) for _, seq, n in history.positions.values()}
    drop: dict[int, list[int]] = defaultdict(list)
    events = size = 0
    for seq, n, length, outputs in old:
        if (seq, n) not in last and needed.isdisjoint(outputs):
            drop[seq].append(n)
            events += 1
            size += length
    return Plan(dict(drop), events, size, kept - events, gone)


def prune(
    archive: Archive, log: Log, state: State, planned_of: Callable[[Iterable[Batch]], Plan], dry_run: bool
) -> Plan:
    """Plan, and unless that is all, drop what may go and make the index again without it.

    Args:
        archive: of the ledger.
        log: its batches.
        state: of the handle that prunes; compacted just now unless it is a dry run.
        planned_of: plans over the log.
        dry_run: only plan.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    seq = state.read(lambda index, tail: tail.seq if dry_run else index.manifest.seq)
    planned = planned_of(everything(log, seq))
    if not dry_run:
        log.pack(seq, at_least=1)
        apply(archive, log, planned)
        dropped = planned.events + planned.gone
        while state.read(lambda index, _: index.manifest.dropped) < dropped and not state.rebuild():
            pass
    return planned


def apply(archive: Archive, log: Log, planned: Plan) -> None:
    """Write the packs again without what goes. Every batch of the plan is packed already.

    A process that dies in between leaves every event either whole or dropped; pruning again
    finishes the rest.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    for pack in packs_after(archive, 0):
        if not any(pack.first <= seq <= pack.last for seq in planned.drop):
            continue
        batches = [parse(data, seq) for seq, data in read_pack(archive, pack)]
        write_pack(archive, [b.without(planned.drop.get(b.seq, ())) for b in batches], pack.revision + 1)
    sweep(archive, log.loose(), key_of)


def everything(log: Log, until: int) -> Iterator[Batch]:
    """The log from its first batch to number ``until``."""
    for batch in log.after(0, GENESIS):
        if batch.seq > until:
            return
        yield batch


def _places(s: Statement) -> Iterator[Place]:
    yield s.job
    yield from (h.version[:2] for h in s.heard)
    yield from concatenated.from_iterable(s.aliases)
    for w in s.written:
        yield w.version[:2]
        yield from (place for place, _ in (*w.sources, *w.jobs))
        if w.formerly:
            yield w.formerly
