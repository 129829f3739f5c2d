"""Breadth-first search over edge columns, in the very order of ``domain.lineage.closure.walk``.

Edges come in segments (one per index part, one for the tail), each sorted by child, so the
edges of a whole frontier are found by binary search; nothing is built beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


#: A search that has asked for this many nodes of a segment will ask for more: count its rows once.
_MANY = 512


class Segment(msgspec.Struct, eq=False):
    """Edges sorted by ``child``; within a child, in the order they were recorded."""

    child: NDArray[np.int32]
    parent: NDArray[np.int32]
    indirect: Bools
    conservative: Bools
    _starts: Ints | None = None
    _asked: int = 0

    def rows(self, nodes: Ints) -> tuple[Ints, Ints]:
        """The first row of each node's edges, and how many there are.

        By binary search at first, which costs nothing beforehand; a large search pays once
        for the first row of every node (the row pointers of a CSR) and looks them up.
        """
        self._asked += nodes.size
        if self._starts is None:
            if self._asked < _MANY or not self.child.size:
                # Nodes of another type than the column would have numpy copy the whole column.
                wanted = nodes.astype(self.child.dtype)
                low = np.searchsorted(self.child, wanted, "left")
                return low, np.searchsorted(self.child, wanted, "right") - low
            first, last = int(self.child[0]), int(self.child[-1])
            counts = np.bincount(self.child - first, minlength=last - first + 1)
            # Nodes before the first and after the last have no rows.
            self._starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts), [self.child.size]])
        place = np.clip(nodes - int(self.child[0]), -1, self._starts.size - 2)
        outside = (place < 0) | (place > self._starts.size - 3)
        place[outside] = self._starts.size - 2
        low = self._starts[place]
        return low, self._starts[place + 1] - low

    def is_sorted(self) -> bool:
        """Whether it is in the order that searching it needs."""
        return bool(np.all(self.child[1:] >= self.child[:-1]))


def cut(columns: Mapping[str, NDArray[Any]], rows: Sequence[int]) -> list[Segment]:
    """The edges of several parts, which follow each other, as a segment each.

    Args:
        columns: ``child`` and ``parent``; ``indirect`` and ``conservative`` where any edge is.
        rows: how many rows each part has.
    """
    ends = np.cumsum([0, *rows])
    none: Bools = np.zeros(int(max(rows)), dtype=np.bool_)
    return [
        Segment(
            columns["child"][low:high],
            columns["parent"][low:high],
            columns["indirect"][low:high] if "indirect" in columns else none[: high - low],
            columns["conservative"][low:high] if "conservative" in columns else none[: high - low],
        )
        for low, high in pairwise(ends.tolist())
    ]


def reverse(edges: Segment) -> Segment:
    """The same edges from parent to child, sorted for a search downstream."""
    order = np.argsort(edges.parent, kind="stable")
    return Segment(edges.parent[order], edges.child[order], edges.indirect[order], edges.conservative[order])


class Walked(msgspec.Struct, frozen=True, eq=False):
    """Nodes in the order they were reached; index 0 is the root.

    Attributes:
        node: node ids.
        toward: place of the next node on the way to the root; -1 for the root.
        depth: edges on that way.
        indirect: whether only a path with an INDIRECT edge leads here.
        conservative: whether an edge on that way is CONSERVATIVE.
    """

    node: Ints
    toward: Ints
    depth: Ints
    indirect: Bools
    conservative: Bools


class Between(msgspec.Struct, frozen=True, eq=False):
    """Edges between versions that were reached, by their places in the order of the search.

    Attributes:
        child: what was made.
        parent: what was read.
        indirect: whether only a choice came through.
        conservative: whether it only may have been read.
    """

    child: Ints
    parent: Ints
    indirect: Bools
    conservative: Bools


class _Edges(msgspec.Struct, frozen=True, eq=False):
    """Edges of a frontier: ``at`` is the place of the child among the nodes reached."""

    at: Ints
    parent: Ints
    indirect: Bools
    conservative: Bools

    def where(self, mask: Bools | Ints) -> _Edges:
        return _Edges(self.at[mask], self.parent[mask], self.indirect[mask], self.conservative[mask])


def walk(segments: Sequence[Segment], nodes: int, root: int, first: Segment) -> Walked:
    """Everything upstream of ``root``, DIRECT paths before INDIRECT ones, no depth limit.

    Args:
        segments: all edges but the root's, oldest first; those that leave the root are not followed.
        nodes: one more than the greatest node id.
        root: where to start.
        first: the edges of the root, which replace any on record.
    """
    seen = np.zeros(nodes, dtype=np.bool_)
    # Reserved for the worst case; memory that is not written to is never committed.
    node, toward, depth, slot = (np.empty(nodes, dtype=np.int64) for _ in range(4))
    indirect, conservative = (np.empty(nodes, dtype=np.bool_) for _ in range(2))
    seen[root] = True
    node[0], toward[0], depth[0], indirect[0], conservative[0] = root, -1, 0, False, False
    count = 1
    later: list[_Edges] = []
    edges = _out([first], np.array([root]), 0)
    for phase in (False, True):
        if phase:
            edges = _join(later)
        while edges.parent.size:
            if not phase:
                later.append(edges.where(edges.indirect))
                edges = edges.where(~edges.indirect)
            edges = edges.where(~seen[edges.parent])
            # The first edge to a node wins, as in a queue: written backwards, it is the one that stays.
            places = np.arange(edges.parent.size)
            slot[edges.parent[::-1]] = places[::-1]
            edges = edges.where(slot[edges.parent] == places)
            if not edges.parent.size:
                break
            end = count + edges.parent.size
            seen[edges.parent] = True
            node[count:end] = edges.parent
            toward[count:end] = edges.at
            depth[count:end] = depth[edges.at] + 1
            indirect[count:end] = phase
            conservative[count:end] = edges.conservative | conservative[edges.at]
            edges = _out(segments, edges.parent, count)
            count = end
    return Walked(node[:count], toward[:count], depth[:count], indirect[:count], conservative[:count])


def within(segments: Sequence[Segment], nodes: int, first: Segment, walked: Walked) -> Between:
    """Every edge between nodes that were reached, by their places in the order of the search.

    Args:
        segments: as given to ``walk``.
        nodes: as given to ``walk``.
        first: as given to ``walk``.
        walked: what it returned.
    """
    place = np.full(nodes, -1, dtype=np.int64)
    place[walked.node] = np.arange(walked.node.size)
    edges = _join([_out([first], walked.node[:1], 0), _out(segments, walked.node[1:], 1)])
    return Between(edges.at, place[edges.parent], edges.indirect, edges.conservative)


def _out(segments: Sequence[Segment], frontier: Ints, offset: int) -> _Edges:
    """The edges that leave a frontier, in frontier order, then segment order, then row order."""
    found: list[_Edges] = []
    for s in segments:
        low, counts = s.rows(frontier)
        total = int(counts.sum())
        if total:
            rows = np.repeat(low - (np.cumsum(counts) - counts), counts) + np.arange(total)
            at = np.repeat(np.arange(offset, offset + frontier.size), counts)
            found.append(_Edges(at, s.parent[rows].astype(np.int64), s.indirect[rows], s.conservative[rows]))
    edges = _join(found)
    return edges if len(found) < 2 else edges.where(np.argsort(edges.at, kind="stable"))


def _join(edges: Sequence[_Edges]) -> _Edges:
    if len(edges) == 1:
        return edges[0]
    no_ints: Ints = np.empty(0, dtype=np.int64)
    no_bools: Bools = np.empty(0, dtype=np.bool_)
    return _Edges(
        np.concatenate([no_ints, *(e.at for e in edges)]),
        np.concatenate([no_ints, *(e.parent for e in edges)]),
        np.concatenate([no_bools, *(e.indirect for e in edges)]),
        np.concatenate([no_bools, *(e.conservative for e in edges)]),
    )
