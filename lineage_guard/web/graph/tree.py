"""The path graph as a tree of text: from the training asset back to what was found, each node spelled out once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage_guard.web.graph.drawn import GraphEdge, GraphNode, PathGraph

#: Deeper branches are not nested further: a browser's own limit is not far beyond.
_DEPTH = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the tree; lines that follow and are deeper hang below it.

    Attributes:
        node: what it shows.
        edge: how the line above came by it; ``None`` of the first.
        depth: how far in it stands.
        again: whether it was spelled out before, with all that hangs below it.
        opens: how many lists begin below it (0 or 1).
        closes: how many lists end after it.
    """

    node: GraphNode
    edge: GraphEdge | None
    depth: int
    again: bool
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A path graph, as a drawing and as a tree.

    Attributes:
        graph: the graph.
        lines: the tree.
    """

    graph: PathGraph
    lines: tuple[Line, ...]


def tree_of(graph: PathGraph | None) -> Drawn | None:
    """The tree of a graph; every node stands in it, and so does every edge.

    Args:
        graph: the graph; ``None`` when there is none.
    """
    if graph is None:
        return None
    nodes = {n.id: n for n in graph.nodes}
    made_from: dict[str, list[GraphEdge]] = defaultdict(list)
    for edge in graph.edges:
        made_from[edge.target].append(edge)
    walked: list[tuple[GraphNode, GraphEdge | None, int, bool]] = []
    spelled: set[str] = set()
    waiting: list[tuple[str, GraphEdge | None, int]] = [(graph.target, None, 0)]
    while waiting:
        id_, edge, depth = waiting.pop()
        again = id_ in spelled
        walked.append((nodes[id_], edge, min(depth, _DEPTH), again))
        if again:
            continue
        spelled.add(id_)
        below = sorted(made_from[id_], key=lambda e: (not nodes[e.source].effects, nodes[e.source].label))
        waiting += [(e.source, e, depth + 1) for e in reversed(below)]
    # What no way leads to must not be missing: it stands at the end.
    walked += [(n, None, 0, False) for n in graph.nodes if n.id not in spelled]
    lines: list[Line] = []
    for place, (node, edge, depth, again) in enumerate(walked):
        follows = walked[place + 1][2] if place + 1 < len(walked) else 0
        lines.append(Line(node, edge, depth, again, max(0, follows - depth), max(0, depth - follows)))
    return Drawn(graph, tuple(lines))
