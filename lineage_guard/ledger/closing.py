"""The closure at scale: index and tail as one graph, walked as ``domain.closure.close`` does."""

from __future__ import annotations

from lineage_guard.domain.closure import Closure
from lineage_guard.domain.facts import Production
from lineage_guard.ledger.columns import HELD, Columns
from lineage_guard.ledger.graph import walk
from lineage_guard.ledger.index import Index
from lineage_guard.ledger.joining import joined
from lineage_guard.ledger.nodes import Nodes
from lineage_guard.ledger.tail import Tail


def closure_of(target: Production, index: Index, tail: Tail, watermark: str) -> Closure:
    """Everything upstream of a step, from the index and the tail together.

    Args:
        target: the step.
        index: what is compacted.
        tail: what is not, yet.
        watermark: the state that both together are.
    """
    root = target.outputs[0]
    world = joined(index, tail)
    inputs = world.reads(target)
    nodes = Nodes(index, world.by_version, (root, *(i.version for i in inputs), *world.mentioned()))
    hidden = frozenset(nodes.id[v] for v in world.loose if nodes.id[v] < nodes.first_new)
    edges = [*(world.visible(s, hidden) for s in index.segments()), nodes.segment(world.fresh())]
    walked = walk(edges, nodes.count, nodes.id[root], nodes.segment((root, i) for i in inputs))
    rows = Columns(target, index, world.by_version, nodes, walked)
    return Closure(root, rows.whole() if len(rows) <= HELD else rows, watermark)
