"""Which versions are drawn as one node, until there are few enough."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lineage_guard.domain.facts import Version
from lineage_guard.ledger.index.graph import Between

Effects = Mapping[int, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Group:
    """Places that are drawn as one node, the nearest first.

    Attributes:
        places: them.
        chain: whether they are of several datasets, one after the other.
    """

    places: tuple[int, ...]
    chain: bool = False


@dataclass(frozen=True, slots=True)
class Link:
    """Edges from versions of one group to versions of another, as one.

    Attributes:
        child: place of the group that was made.
        parent: place of the group that was read.
        count: how many edges that is.
        indirect: whether all of them are INDIRECT.
        conservative: whether all of them are CONSERVATIVE.
    """

    child: int
    parent: int
    count: int
    indirect: bool
    conservative: bool


@dataclass(frozen=True, slots=True)
class Grouped:
    """What is drawn.

    Attributes:
        groups: the target alone first, then the nearest first.
        links: between them.
        left_out: what is not drawn, one sentence each.
    """

    groups: tuple[Group, ...]
    links: tuple[Link, ...]
    left_out: tuple[str, ...] = ()


def grouped(
    inside: Sequence[int],
    depth: Mapping[int, int],
    versions: Mapping[int, Version],
    effects: Effects,
    links: Between,
    most: int,
) -> Grouped:
    """Draw together what must be, so that there are few enough nodes.

    Args:
        inside: places to draw, the target first and the nearest first.
        depth: edges from the target to each.
        versions: their versions.
        effects: what rules make of those that they speak of.
        links: the edges between them.
        most: nodes at most.
    """

    def near(place: int) -> Hashable:
        return (versions[place][:2], depth[place], effects.get(place, ()))

    def named(place: int) -> Hashable:
        return (versions[place][:2], effects.get(place, ()))

    groups = _by(inside, near)
    if len(groups) > most:
        groups = _by(inside, named)
    found = _linked(groups, links)
    if len(groups) > most:
        groups = _chained(groups, found, effects)
        found = _linked(groups, links)
    if len(groups) <= most:
        return Grouped(tuple(groups), found)
    return _nearest(groups, found, effects, links, most)


def _by(inside: Iterable[int], key: Callable[[int], Hashable]) -> list[Group]:
    found: dict[Hashable, list[int]] = defaultdict(list)
    for place in inside:
        found[key(place) if place else None].append(place)
    return [Group(tuple(places)) for places in found.values()]


def _linked(groups: Sequence[Group], links: Between) -> tuple[Link, ...]:
    """The edges between groups; those within one are not drawn."""
    size = 1 + max((p for g in groups for p in g.places), default=0)
    if links.child.size:
        size = max(size, 1 + int(links.child.max()), 1 + int(links.parent.max()))
    of = np.full(size, -1, dtype=np.int64)
    for n, group in enumerate(groups):
        of[list(group.places)] = n
    child, parent = of[links.child], of[links.parent]
    kept = (child >= 0) & (parent >= 0) & (child != parent)
    pairs, place = np.unique(child[kept] * len(groups) + parent[kept], return_inverse=True)
    counts = np.bincount(place, minlength=pairs.size)
    direct = np.bincount(place, weights=~links.indirect[kept], minlength=pairs.size)
    exact = np.bincount(place, weights=~links.conservative[kept], minlength=pairs.size)
    return tuple(
        Link(int(pair) // len(groups), int(pair) % len(groups), int(count), not content, not sure)
        for pair, count, content, sure in zip(pairs, counts, direct > 0, exact > 0, strict=True)
    )


@dataclass(slots=True)
class _Around:
    """The groups next to one."""

    children: list[int] = field(default_factory=list[int])
    parents: list[int] = field(default_factory=list[int])


def _around(count: int, links: Iterable[Link]) -> list[_Around]:
    found = [_Around() for _ in range(count)]
    for link in links:
        found[link.child].parents.append(link.parent)
        found[link.parent].children.append(link.child)
    return found


def _chained(groups: Sequence[Group], links: Sequence[Link], effects: Effects) -> list[Group]:
    """Groups that only hand on what the one before handed to them become one."""
    around = _around(len(groups), links)

    def hands_on(n: int) -> bool:
        silent = not any(p in effects for p in groups[n].places)
        return n > 0 and silent and len(around[n].children) == 1 and len(around[n].parents) == 1

    chains: dict[int, list[int]] = {}
    for n in range(len(groups)):
        if hands_on(n) and not hands_on(around[n].children[0]):
            run = [n]
            while hands_on(farther := around[run[-1]].parents[0]):
                run.append(farther)
            if len(run) > 1:
                chains[n] = run
    inner = {n for run in chains.values() for n in run[1:]}
    return [
        _merged([groups[each] for each in chains[n]]) if n in chains else group
        for n, group in enumerate(groups)
        if n not in inner
    ]


def _merged(groups: Iterable[Group]) -> Group:
    return Group(tuple(p for g in groups for p in g.places), chain=True)


def _nearest(groups: Sequence[Group], links: Sequence[Link], effects: Effects, edges: Between, most: int) -> Grouped:
    """Whole ways to what was found, the worst and the nearest first, as long as there is room."""
    around = _around(len(groups), links)
    toward = {0: 0}
    order = [0]
    for n in order:
        for parent in around[n].parents:
            if parent not in toward:
                toward[parent] = n
                order.append(parent)
    speaking = [n for n in order if n and any(p in effects for p in groups[n].places)]
    kept: dict[int, None] = {0: None}
    short: list[Group] = []
    for n in speaking:
        way: list[int] = []
        at = n
        while at not in kept:
            way.append(at)
            at = toward[at]
        if len(kept) + len(way) <= most:
            kept.update(dict.fromkeys(reversed(way)))
        elif len(kept) == 1:
            # Not even one way fits: its middle is one node.
            ends = (most - 3) // 2
            way.reverse()
            short = [_merged(groups[each] for each in way[ends:-ends])]
            kept.update(dict.fromkeys((*way[:ends], *way[-ends:])))
    if not short:
        _widened(kept, order, around, most)
    drawn = [*(groups[n] for n in kept), *short]
    places = {p for g in drawn for p in g.places}
    gone = [p for g in groups for p in g.places if p not in places]
    causes = sum(p in effects for p in gone)
    spoken = f"; rules speak of {causes:,} of them, which the explanation names, the nearest first" if causes else ""
    told = (f"{len(gone):,} versions on a way are not drawn{spoken}.",)
    return Grouped(tuple(drawn), _linked(drawn, edges), told if gone else ())


def _widened(kept: dict[int, None], order: Sequence[int], around: Sequence[_Around], most: int) -> None:
    """Other ways between what is drawn, as long as there is room: nothing that leads nowhere."""
    grown = True
    while grown:
        grown = False
        for n in order:
            joins = any(c in kept for c in around[n].children) and any(p in kept for p in around[n].parents)
            if n not in kept and joins and len(kept) < most:
                kept[n] = None
                grown = True
