"""What events of other producers mean, once all of them are read together; see docs/decisions/0007."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lineage_guard.domain.declared.provenance import production_facts
from lineage_guard.domain.facts import Completeness, Input, Pin, Production, Version
from lineage_guard.domain.verdict.runs import DECLARED, is_declared
from lineage_guard.ledger.index import recall
from lineage_guard.ledger.index.index import Index, micros
from lineage_guard.ledger.index.joining import Joined
from lineage_guard.ledger.index.tail import Tail
from lineage_guard.openlineage.foreign.assembling import assemble
from lineage_guard.openlineage.foreign.timeline import ALWAYS, NEVER, Place, Span, Timeline, Write, born

if TYPE_CHECKING:
    from lineage_guard.openlineage.foreign.statement import Statement

#: What is recorded of an external asset that nobody declared.
_SILENT = production_facts(None, has_deps=False, is_external=True)


def reads(world: Joined, reader: Production) -> list[Input]:
    """See ``Joined.reads``."""
    run = reader.outputs[0].run
    end = ALWAYS if reader.produced_at is None else _micros(reader)
    span = Span(ALWAYS if end == ALWAYS else born(run or "", end), end)
    return [found for i in reader.inputs for found in _means(world, i, span)]


def _means(world: Joined, edge: Input, span: Span) -> Iterator[Input]:
    """The edges that an edge stands for.

    Args:
        world: what may have been written.
        edge: as it was recorded.
        span: when it was read.
    """
    version = edge.version
    if world.timeline is None or not _is_loose(version) or not world.timeline.known(version[:2]):
        yield edge
        return
    seen = world.timeline.seen(version[:2], span)
    # What was declared of the name holds as well; a bare name goes when what it stands for is known.
    if not seen.covered or version in world.telling:
        yield edge
    yield from (Input(v, edge.influence, Pin.CONSERVATIVE) for v in seen.versions)


def resolved(index: Index, tail: Tail, statements: Sequence[Statement]) -> Joined:
    """Everything foreign in index and tail, joined to the tail.

    Args:
        index: what is compacted.
        tail: what is not, yet.
        statements: what events of other producers in both say.

    Raises:
        LedgerError: when an event or the index cannot be read.
    """
    foreign = assemble(statements, lambda names: _own_writes(index, tail, names))
    by_version: dict[Version, Sequence[Production]] = {v: list(ps) for v, ps in tail.by_version.items()}
    for version, production in foreign.productions.items():
        by_version[version] = [*by_version.get(version, ()), production]
    timeline = foreign.timeline
    timeline.add(_own_writes(index, tail, timeline.places()))
    loose = _loose(index, tail, timeline)
    telling = frozenset(v for v, ps in _records(index, tail, loose).items() if any(_says_something(p) for p in ps))
    world = Joined(by_version, foreign.productions, (), frozenset(loose), telling, timeline)
    means = ((child, _means(world, edge, span)) for child, span, edge in _readers(index, tail, loose))
    edges = [(child, found) for child, stands_for in means for found in stands_for]
    return Joined(by_version, foreign.productions, edges, frozenset(loose), telling, timeline)


def _own_writes(index: Index, tail: Tail, names: Collection[Place]) -> Iterator[Write]:
    """What our own runs wrote under some names."""
    if not names:
        return
    rows = index.rows("written", declared=DECLARED, namespaces=[n for n, _ in names], names=[n for _, n in names])
    found: list[tuple[Version, int | None]] = [(Version(*row[:4]), row[4]) for row in rows]
    for version, productions in tail.by_version.items():
        if not _is_loose(version) and version[:2] in names:
            found.extend((version, micros(p.produced_at)) for p in productions)
    for version, at in found:
        end = ALWAYS if at is None else at
        yield Write(version, Span(born(version.run or "", end), end))


def _loose(index: Index, tail: Tail, timeline: Timeline) -> list[Version]:
    """Bare names, read by our own runs, whose data has versions on record."""
    places = timeline.places()
    rows = index.rows("loose", declared=DECLARED, namespaces=[n for n, _ in places], names=[n for _, n in places])
    found = {Version(*row[:4]) for row in rows}
    for productions in tail.by_version.values():
        found.update(
            i.version for p in productions for i in p.inputs if _is_loose(i.version) and timeline.known(i.version[:2])
        )
    return sorted(found, key=lambda v: (v.namespace, v.name, v.partition or "", v.run or ""))


def _records(index: Index, tail: Tail, versions: Sequence[Version]) -> dict[Version, list[Production]]:
    found = recall.productions_of(index, versions) if versions else {}
    return {v: [*found.get(v, ()), *tail.by_version.get(v, ())] for v in versions}


def _readers(index: Index, tail: Tail, loose: Sequence[Version]) -> Iterator[tuple[Version, Span, Input]]:
    """Our own edges to versions without a run: who read it, when, and the edge."""
    ids = index.ids(loose)
    children: set[int] = set()
    wanted = np.array(sorted(ids.values()), dtype=np.int64)
    for segment in index.segments() if ids else ():
        children.update(segment.child[np.isin(segment.parent, wanted)].tolist())
    by_version: dict[Version, list[Production]] = defaultdict(list)
    if children:
        versions = list(recall.names(index, np.array(sorted(children), dtype=np.int64)).values())
        for version, productions in recall.productions_of(index, versions).items():
            by_version[version].extend(productions)
    for version, productions in tail.by_version.items():
        by_version[version].extend(productions)
    chosen = set(loose)
    for version, productions in by_version.items():
        span = _span(version, productions)
        for edge in dict.fromkeys(i for p in productions for i in p.inputs if i.version in chosen):
            yield version, span, edge


def _span(version: Version, productions: Iterable[Production]) -> Span:
    """When a version was made: while its run ran; at any time when it has none."""
    ends = [_micros(p) for p in productions]
    if _is_loose(version) or not ends:
        return Span(NEVER, ALWAYS)
    return Span(born(version.run or "", min(ends)), max(ends))


def _micros(production: Production) -> int:
    at = micros(production.produced_at)
    return ALWAYS if at is None else at


def _is_loose(version: Version) -> bool:
    """Whether a version names data and no run that made it; a declaration makes nothing."""
    return version.run is None or is_declared(version.run)


def _says_something(p: Production) -> bool:
    """Whether a record of a bare name says more than that nobody declared where it comes from."""
    silent = (p.completeness, p.asserted_by, p.note) == (_SILENT.completeness, _SILENT.asserted_by, _SILENT.note)
    known = p.completeness is not Completeness.UNKNOWN and not silent
    return known or bool(p.models or p.inputs or p.licenses or p.artefact)
