"""The smallest set of versions that every way from a target to some others goes through.

A minimum vertex cut, found as a maximum flow (Menger; Dinic's algorithm): every version lets as much
through as leaving it out costs, and what is full in the end and nearest to the causes is the cut.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection

from lineage_guard.domain.lineage.ways import Ways

_NO_END = 1 << 62


def smallest_cut(ways: Ways, roots: Collection[int], dear: Callable[[int], bool] = lambda node: False) -> set[int]:
    """The fewest versions without which no way leads from the target to any of some versions.

    The versions themselves may be among them, the target never. Of several sets of the same size it is one
    with the fewest dear ones, and of these the one nearest to the roots.

    Args:
        ways: all ways.
        roots: what must not be reached.
        dear: whether leaving a version out costs more than leaving out another.

    Raises:
        ValueError: when the target itself is one of the roots: nothing is between it and itself.

    Example:
        >>> from lineage_guard.domain.lineage.ways import Edge
        >>> smallest_cut(Ways(5, [Edge(0, 1), Edge(1, 2), Edge(1, 3), Edge(2, 4), Edge(3, 4)]), [2, 3])
        {1}
    """
    if 0 in roots:
        raise ValueError("nothing stands between the target and itself")
    inside = sorted(ways.between(roots))
    if not inside:
        return set()
    # A node for what comes into a version and one for what leaves it; the causes' own source is the last.
    number = {node: 2 * n for n, node in enumerate(inside)}
    flow = _Flow(2 * len(inside) + 1)
    source, sink = 2 * len(inside), number[0]
    cost = len(inside) + 1
    for node in inside:
        if node:
            flow.connect(number[node], number[node] + 1, cost + dear(node))
            for child in ways.children[node]:
                if child in number:
                    flow.connect(number[node] + 1, number[child], _NO_END)
    for root in set(roots) & number.keys():
        flow.connect(source, number[root], _NO_END)
    flow.fill(source, sink)
    left = flow.levels(source)
    return {node for node in inside if node and left[number[node]] >= 0 and left[number[node] + 1] < 0}


class _Flow:
    """A network: arc ``n`` and its reverse ``n ^ 1`` lie beside each other."""

    def __init__(self, size: int) -> None:
        self._arcs: list[list[int]] = [[] for _ in range(size)]
        self._to: list[int] = []
        self._room: list[int] = []

    def connect(self, start: int, end: int, capacity: int) -> None:
        self._arcs[start].append(len(self._to))
        self._arcs[end].append(len(self._to) + 1)
        self._to += (end, start)
        self._room += (capacity, 0)

    def levels(self, source: int, sink: int = -1) -> list[int]:
        """Arcs with room from the source to each node up to the sink; -1 for others and where there is no way left."""
        level = [-1] * len(self._arcs)
        level[source] = 0
        queue = deque([source])
        while queue:
            node = queue.popleft()
            for arc in self._arcs[node]:
                end = self._to[arc]
                if self._room[arc] and level[end] < 0:
                    level[end] = level[node] + 1
                    if end == sink:
                        return level
                    queue.append(end)
        return level

    def fill(self, source: int, sink: int) -> None:
        """Send as much as there is room for: shortest ways first, all of one length at once."""
        while (level := self.levels(source, sink))[sink] >= 0:
            tried = [0] * len(self._arcs)
            way: list[int] = []
            node = source
            while True:
                if node == sink:
                    narrow = min(self._room[arc] for arc in way)
                    for arc in way:
                        self._room[arc] -= narrow
                        self._room[arc ^ 1] += narrow
                    full = next(n for n, arc in enumerate(way) if not self._room[arc])
                    node = self._to[way[full] ^ 1]
                    # The arc that is full now may lead nowhere; those before it are still the way.
                    del way[full:]
                    continue
                arc = self._step(node, level, tried)
                if arc is not None:
                    way.append(arc)
                    node = self._to[arc]
                elif not way:
                    break
                else:
                    level[node] = -1
                    node = self._to[way.pop() ^ 1]

    def _step(self, node: int, level: list[int], tried: list[int]) -> int | None:
        arcs = self._arcs[node]
        while tried[node] < len(arcs):
            arc = arcs[tried[node]]
            end = self._to[arc]
            if self._room[arc] and level[end] == level[node] + 1:
                return arc
            tried[node] += 1
        return None
