"""The path graph: everything between a version and what was found upstream of it, small enough to be drawn.

Versions of one dataset that stand equally far from the target are one node, which says how many. Where that is
still too much, so are all versions of one dataset; then those that only hand on, one after the other. What is too
much even then is left out, the farthest first, and counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from lineage_guard.domain.facts import Influence, Pin
from lineage_guard.ledger.index.graph import Between, Segment, reverse, walk
from lineage_guard.web.graph import nodes
from lineage_guard.web.graph.drawn import GraphEdge, PathGraph
from lineage_guard.web.graph.grouping import Grouped, grouped

if TYPE_CHECKING:
    from lineage_guard.domain.verdict.judging import Judged
    from lineage_guard.web.answers.examined import Examined


def draw(found: Examined, most: int) -> PathGraph:
    """Draw what was examined.

    Args:
        found: the version and everything upstream.
        most: nodes at most, 10 at least.
    """
    most = max(most, 10)
    causes: dict[int, list[Judged]] = defaultdict(list)
    for judged in found.judged:
        causes[judged.index].append(judged)
    inside, depth = between(found.links, len(found.closure.reached), list(causes))
    models = nodes.models_of(found, causes, most // 2)
    versions = dict(zip(inside, found.closure.rows.versions(inside), strict=True))
    effects = {place: nodes.effects_of(found, causes[place]) for place in causes}
    links = _among(found.links, inside, len(found.closure.reached))
    groups = grouped(inside, depth, versions, effects, links, most - len(models.shown))
    return _drawn(found, groups, models, causes, effects, depth)


def between(links: Between, size: int, roots: Sequence[int]) -> tuple[list[int], dict[int, int]]:
    """Every place on a way from the target to one of some others, and how far each is from the target.

    Args:
        links: all edges.
        size: how many places there are.
        roots: the others.

    Returns:
        The places, the target first and the nearest first; and the edges on the shortest way to each.
    """
    no = np.zeros(links.child.size, dtype=np.bool_)
    child, parent = links.child.astype(np.int32), links.parent.astype(np.int32)
    order = np.argsort(child, kind="stable")
    upward = Segment(child[order], parent[order], no, no)
    start = np.array(list(roots), dtype=np.int32)
    none = np.zeros(start.size, dtype=np.bool_)
    # A place of its own, from which an edge leads to every root: the search has one root.
    down = walk(
        [reverse(upward)], size + 1, size, Segment(np.full(start.size, size, dtype=np.int32), start, none, none)
    )
    own = upward.child == 0
    first = Segment(upward.child[own], upward.parent[own], no[: own.sum()], no[: own.sum()])
    up = walk([upward], size, 0, first)
    distance = np.full(size, -1, dtype=np.int64)
    distance[up.node] = up.depth
    on_a_way = np.zeros(size + 1, dtype=np.bool_)
    on_a_way[down.node] = True
    on_a_way[0] = True
    inside: list[int] = up.node[on_a_way[up.node]].tolist()
    return inside, {n: int(distance[n]) for n in inside}


def _among(links: Between, inside: Sequence[int], size: int) -> Between:
    """The edges between places that are drawn, each once; the target is read by nobody."""
    drawn = np.zeros(size, dtype=np.bool_)
    drawn[list(inside)] = True
    kept = drawn[links.child] & drawn[links.parent] & (links.parent != 0) & (links.child != links.parent)
    pairs, place = np.unique(links.child[kept] * size + links.parent[kept], return_inverse=True)
    # Of several records of one edge, the surest counts, and content does.
    indirect, conservative = np.ones(pairs.size, dtype=np.bool_), np.ones(pairs.size, dtype=np.bool_)
    indirect[place[~links.indirect[kept]]] = False
    conservative[place[~links.conservative[kept]]] = False
    return Between(pairs // size, pairs % size, indirect, conservative)


def _drawn(
    found: Examined,
    groups: Grouped,
    models: nodes.Models,
    causes: dict[int, list[Judged]],
    effects: dict[int, tuple[str, ...]],
    depth: dict[int, int],
) -> PathGraph:
    known = nodes.spelled(found, groups.groups)
    drawn = enumerate(groups.groups)
    shown = [nodes.node_of(found, f"n{n}", group, causes, effects, depth, known) for n, group in drawn]
    edges = [
        GraphEdge(
            f"n{link.parent}",
            f"n{link.child}",
            Pin.CONSERVATIVE if link.conservative else Pin.EXACT,
            Influence.INDIRECT if link.indirect else Influence.DIRECT,
            link.count,
        )
        for link in groups.links
    ]
    place = {p: n for n, group in enumerate(groups.groups) for p in group.places}
    for m, model in enumerate(models.shown):
        nearest = min((depth[p] for p in model.places if p in place), default=0)
        shown.append(nodes.model_node(f"m{m}", model, nearest + 1))
        counted: dict[int, list[int]] = defaultdict(list)
        for p in model.places:
            if p in place:
                counted[place[p]].append(p)
        edges += [
            GraphEdge(f"m{m}", f"n{n}", Pin.EXACT, model.influence(places), len(places))
            for n, places in sorted(counted.items())
        ]
    total = len(depth)
    return PathGraph("n0", tuple(shown), tuple(edges), (*groups.left_out, *models.left_out), total)
