"""The tail, and what other producers say in index and tail, as one world for a search.

What they say is resolved in ``resolving``, which a process without foreign events never loads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.ledger.index.graph import Segment
from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.tail import Tail

if TYPE_CHECKING:
    from lineage_guard.openlineage.foreign.timeline import Timeline


class Joined(msgspec.Struct, frozen=True, eq=False):
    """The tail, and everything foreign in index and tail.

    Attributes:
        by_version: what is on record of each version, the index's own records apart.
        foreign: the part of it that other producers made.
        edges: in place of edges to ``loose`` versions: what was read, by our own runs.
        loose: versions without a run of their own that name data which has versions on record.
        telling: those of them that have a record of their own that says something.
        timeline: every write that a name without a version may mean; ``None`` without foreign data.
    """

    by_version: Mapping[Version, Sequence[Production]]
    foreign: Mapping[Version, Production] = msgspec.field(default_factory=dict[Version, Production])
    edges: Sequence[tuple[Version, Input]] = ()
    loose: frozenset[Version] = frozenset()
    telling: frozenset[Version] = frozenset()
    timeline: Timeline | None = None

    def fresh(self) -> Iterator[tuple[Version, Input]]:
        """Every edge that is not in the index, or stands in place of one that is."""
        for version, productions in self.by_version.items():
            own = version not in self.foreign
            yield from ((version, i) for p in productions for i in p.inputs if not (own and i.version in self.loose))
        yield from self.edges

    def mentioned(self) -> Iterator[Version]:
        """Versions that stand in ``edges``, and those they stand for."""
        yield from self.loose
        for child, edge in self.edges:
            yield child
            yield edge.version

    def visible(self, segment: Segment, hidden: frozenset[int]) -> Segment:
        """A segment of the index without the edges to ``loose`` versions.

        Args:
            segment: the segment.
            hidden: the ids of those versions.
        """
        if not hidden:
            return segment
        keep = ~np.isin(segment.parent, np.fromiter(hidden, dtype=np.int64, count=len(hidden)))
        if bool(keep.all()):
            return segment
        return Segment(segment.child[keep], segment.parent[keep], segment.indirect[keep], segment.conservative[keep])

    def reads(self, reader: Production) -> list[Input]:
        """What a step reads: of data it names without a version, what may be there while it runs.

        Args:
            reader: the step; without a time it runs now.
        """
        if self.timeline is None:
            return list(reader.inputs)
        from lineage_guard.ledger.index.resolving import reads

        return reads(self, reader)


def joined(index: Index, tail: Tail) -> Joined:
    """Everything foreign in index and tail, joined to the tail; remembered until either changes.

    Raises:
        LedgerError: when an event or the index cannot be read.
    """
    if tail.joined is None or tail.joined[0] != tail.seq:
        statements = [*index.statements(), *tail.facts.statements]
        if statements:
            from lineage_guard.ledger.index.resolving import resolved

            tail.joined = (tail.seq, resolved(index, tail, statements))
        else:
            tail.joined = (tail.seq, Joined(tail.by_version))
    return tail.joined[1]
