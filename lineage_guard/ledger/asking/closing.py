"""The closure at scale: index and tail as one graph, walked as ``domain.lineage.closure.close`` does."""

from __future__ import annotations

from lineage_guard.domain.facts import Production
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.ways import Edge
from lineage_guard.ledger.asking.columns import HELD, Columns
from lineage_guard.ledger.index.graph import Between, walk, within
from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.joining import joined
from lineage_guard.ledger.index.nodes import Nodes
from lineage_guard.ledger.index.tail import Tail


def closure_of(target: Production, index: Index, tail: Tail, watermark: str) -> Closure:
    """Everything upstream of a step, from the index and the tail together.

    Args:
        target: the step.
        index: what is compacted.
        tail: what is not, yet.
        watermark: the state that both together are.
    """
    return _Search(target, index, tail).closure(watermark)


def graph_of(target: Production, index: Index, tail: Tail, watermark: str) -> tuple[Closure, list[Edge]]:
    """The same closure, and every edge between the versions in it.

    Args:
        target: the step.
        index: what is compacted.
        tail: what is not, yet.
        watermark: the state that both together are.
    """
    search = _Search(target, index, tail)
    found = search.between()
    edges = list(map(Edge, found.child.tolist(), found.parent.tolist(), (~found.indirect).tolist()))
    return search.closure(watermark), edges


def between(target: Production, index: Index, tail: Tail, watermark: str) -> tuple[Closure, Between]:
    """The same, the edges as columns.

    Args:
        target: the step.
        index: what is compacted.
        tail: what is not, yet.
        watermark: the state that both together are.
    """
    search = _Search(target, index, tail)
    return search.closure(watermark), search.between()


class _Search:
    """A search from a step through index and tail as one graph."""

    def __init__(self, target: Production, index: Index, tail: Tail) -> None:
        root = target.outputs[0]
        self._target, self._index = target, index
        self._world = world = joined(index, tail)
        inputs = world.reads(target)
        nodes = Nodes(index, world.by_version, (root, *(i.version for i in inputs), *world.mentioned()))
        hidden = frozenset(nodes.id[v] for v in world.loose if nodes.id[v] < nodes.first_new)
        self._nodes = nodes
        self._edges = [*(world.visible(s, hidden) for s in index.segments()), nodes.segment(world.fresh())]
        self._first = nodes.segment((root, i) for i in inputs)
        self._walked = walk(self._edges, nodes.count, nodes.id[root], self._first)

    def closure(self, watermark: str) -> Closure:
        rows = Columns(self._target, self._index, self._world.by_version, self._nodes, self._walked)
        reached = rows.whole() if len(rows) <= HELD else rows
        return Closure(self._target.outputs[0], reached, watermark)

    def between(self) -> Between:
        return within(self._edges, self._nodes.count, self._first, self._walked)
