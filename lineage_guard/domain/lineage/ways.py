"""Every way from a target to what was found upstream of it: how many there are, and each, shortest first.

A way is a *minimal witness* of the fact that something is upstream: take any edge of it away and
what is left leads nowhere. So the minimal witnesses are the simple paths, and a graph of a hundred
versions may have more of them than can be written down. They are counted without being made, and
made one at a time.

Nodes are places in ``Closure.reached``; 0 is the target.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import cache, cached_property
from heapq import heapify, heappop, heappush
from typing import NamedTuple

from lineage_guard.domain.facts import Influence
from lineage_guard.domain.lineage.closure import Ancestry, Closure, public_inputs

#: Ways are counted up to here; of more than this nobody needs the number.
MANY = 10**18


class Edge(NamedTuple):
    """One version read in the making of another, by their places in a closure.

    Attributes:
        child: what was made.
        parent: what was read.
        direct: whether content came through.
    """

    child: int
    parent: int
    direct: bool = True


class Ways:
    """The edges between the versions of a closure.

    Args:
        size: how many versions.
        edges: in any order; the same edge twice is one, DIRECT when either is.
        direct: leave INDIRECT edges out.

    Example:
        >>> diamond = Ways(4, [Edge(0, 1), Edge(0, 2), Edge(1, 3), Edge(2, 3)])
        >>> diamond.count([3]), list(diamond.paths([3]))
        (2, [(0, 1, 3), (0, 2, 3)])
    """

    def __init__(self, size: int, edges: Iterable[Edge], direct: bool = False) -> None:
        self._parents: list[dict[int, bool]] = [{} for _ in range(size)]
        for child, parent, is_direct in edges:
            if child != parent and (is_direct or not direct):
                self._parents[child][parent] = is_direct or self._parents[child].get(parent, False)

    def __len__(self) -> int:
        return len(self._parents)

    @property
    def edges(self) -> Iterator[Edge]:
        """Every edge once."""
        for child, parents in enumerate(self._parents):
            yield from (Edge(child, parent, direct) for parent, direct in parents.items())

    @cached_property
    def direct(self) -> Ways:
        """The DIRECT edges alone."""
        return Ways(len(self), self.edges, direct=True)

    def parents(self, node: int) -> Collection[int]:
        """What was read in the making of a version."""
        return self._parents[node]

    @cached_property
    def children(self) -> Sequence[Sequence[int]]:
        """For each version, what was made from it."""
        found: list[list[int]] = [[] for _ in self._parents]
        for child, parents in enumerate(self._parents):
            for parent in parents:
                found[parent].append(child)
        return found

    @cached_property
    def distances(self) -> Sequence[int]:
        """Edges on the shortest way from the target to each version; -1 where none leads."""
        found = [-1] * len(self)
        for node, depth, _ in self.reach():
            found[node] = depth
        return found

    def reach(self, without: Collection[int] = ()) -> Iterator[tuple[int, int, int]]:
        """Every version that a way leads to, nearest first, with its depth and the version before it.

        Args:
            without: versions that no way may go through.
        """
        seen = {0, *without}
        queue = deque([(0, 0, -1)])
        while queue:
            node, depth, _ = step = queue.popleft()
            yield step
            for parent in self._parents[node]:
                if parent not in seen:
                    seen.add(parent)
                    queue.append((parent, depth + 1, node))

    def between(self, roots: Iterable[int]) -> set[int]:
        """Every version on a way from the target to one of some others, ends included."""
        near = self.distances
        found = {r for r in roots if near[r] >= 0}
        waiting = list(found)
        while waiting:
            for child in self.children[waiting.pop()]:
                if near[child] >= 0 and child not in found:
                    found.add(child)
                    waiting.append(child)
        return found

    def upstream(self, node: int) -> set[int]:
        """A version and everything that it was made from."""
        found = {node}
        waiting = [node]
        while waiting:
            more = [p for p in self._parents[waiting.pop()] if p not in found]
            found.update(more)
            waiting += more
        return found

    def count(self, roots: Collection[int]) -> int | None:
        """How many ways lead from the target to some versions, up to ``MANY``.

        Args:
            roots: them.

        Returns:
            ``None`` when there are circles between them, as records of other producers may make: then the ways
            cannot be counted without being made.
        """
        inside = self.between(roots)
        if not inside:
            return 0
        waits = {node: sum(child in inside for child in self.children[node]) for node in inside}
        # A target that is read in its own making stands on no circle of any way: ways begin there.
        waits[0] = 0
        ways = dict.fromkeys(inside, 0)
        ways[0] = 1
        ready = [0]
        done = 0
        while ready:
            node = ready.pop()
            done += 1
            for parent in self._parents[node]:
                if parent in inside and parent != 0:
                    ways[parent] = min(MANY, ways[parent] + ways[node])
                    waits[parent] -= 1
                    if not waits[parent]:
                        ready.append(parent)
        if done < len(inside):
            return None
        return min(MANY, sum(ways[r] for r in set(roots) if r in inside))

    def paths(self, roots: Iterable[int]) -> Iterator[tuple[int, ...]]:
        """Every way from the target to one of some versions, shortest first; each from the target on.

        The next one costs no more than its length times the greatest number of versions made from one, and
        in circles a search for each of those.

        Args:
            roots: them.
        """
        near, circle = self.distances, self._circles
        heap: list[tuple[int, int, int, _Way]] = [
            (near[r], 0, n, (r, None)) for n, r in enumerate(sorted(set(roots))) if near[r] >= 0
        ]
        heapify(heap)
        made = len(heap)
        while heap:
            _, back, _, way = heappop(heap)
            if way[0] == 0:
                yield tuple(_nodes(way))
                continue
            taken: set[int] | None = None
            for child in self.children[way[0]]:
                rest = near[child]
                if rest >= 0 and circle[child] == circle[way[0]]:
                    # On a circle the shortest way on may go through what this one has been through already.
                    taken = taken if taken is not None else set(_nodes(way))
                    rest = -1 if child in taken else self._rest(child, taken)
                if rest >= 0:
                    made += 1
                    # Of ways that will be of one length, the one that is nearest to its end.
                    heappush(heap, (rest + 1 - back, back - 1, made, (child, way)))

    def _rest(self, start: int, taken: Collection[int]) -> int:
        """Edges from a version to the target that avoid some versions; -1 when there is no such way."""
        seen = {start, *taken}
        queue = deque([(start, 0)])
        while queue:
            node, depth = queue.popleft()
            if node == 0:
                return depth
            for child in self.children[node]:
                if child not in seen:
                    seen.add(child)
                    queue.append((child, depth + 1))
        return -1

    @cached_property
    def _circles(self) -> Sequence[int]:
        """For each version the circle it is on, one number for each; numbers differ where there is none.

        Tarjan's strongly connected components, without recursion.
        """
        size = len(self)
        order, low, component = [-1] * size, [0] * size, [-1] * size
        stack: list[int] = []
        count = 0
        for first in range(size):
            if order[first] >= 0:
                continue
            calls = [(first, iter(self._parents[first]))]
            order[first] = low[first] = count
            count += 1
            stack.append(first)
            while calls:
                node, onward = calls[-1]
                step = next(onward, None)
                if step is None:
                    calls.pop()
                    if calls:
                        low[calls[-1][0]] = min(low[calls[-1][0]], low[node])
                    if low[node] == order[node]:
                        while (top := stack.pop()) != node:
                            component[top] = node
                        component[node] = node
                elif order[step] < 0:
                    order[step] = low[step] = count
                    count += 1
                    stack.append(step)
                    calls.append((step, iter(self._parents[step])))
                elif component[step] < 0:
                    low[node] = min(low[node], order[step])
        return component


#: A version, and the way it was come to: from what was found to the target.
_Way = tuple[int, "_Way | None"]


def _nodes(way: _Way | None) -> Iterator[int]:
    while way is not None:
        yield way[0]
        way = way[1]


def ways_of(closure: Closure, edges: Iterable[Edge], ancestry: Ancestry | None = None) -> Ways:
    """The ways of a closure: what the ledger knows, and what is publicly known of public artefacts in it.

    Args:
        closure: as it was decided on.
        edges: of the ledger, by places in the closure; see ``Ledger.graph``.
        ancestry: what the closure was extended with.
    """

    def every() -> Iterator[Edge]:
        yield from edges
        rows = list(closure.reached)
        # What the closure says of the nearest way holds, whatever the edges are.
        yield from (Edge(r.toward, n, r.influence is Influence.DIRECT) for n, r in enumerate(rows) if r.toward >= 0)
        if ancestry is None:
            return
        index = {r.version: n for n, r in enumerate(rows)}
        known, version_of = ancestry.productions(), cache(ancestry.version_of)
        for n, r in enumerate(rows):
            for said in public_inputs(r, known, version_of):
                if said.version in index:
                    yield Edge(n, index[said.version], said.influence is Influence.DIRECT)

    return Ways(len(closure.reached), every())
