"""Impact a page at a time: trained versions first, then the nearest, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lineage_guard.domain.facts import Influence, Pin, Version
from lineage_guard.ledger.asking.columns import INFLUENCE, PIN
from lineage_guard.ledger.asking.impact import search
from lineage_guard.ledger.index import recall
from lineage_guard.ledger.index.graph import Bools, Ints
from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.nodes import Nodes
from lineage_guard.ledger.index.tables import key
from lineage_guard.ledger.index.tail import Tail

#: Versions of a long way that are named at each of its ends.
ENDS = 6
#: More than any depth: what is not trained comes after all that is.
_OTHERS = 1 << 40


class Hit(NamedTuple):
    """One version downstream.

    Attributes:
        version: the version.
        trained: whether it has the name of something that was judged.
        influence: DIRECT when content may have come through.
        pin: CONSERVATIVE when it may hold nothing of the start.
        depth: edges on the way from the start.
        way: the versions on it, from the start on; of a long one both ends.
        between: how many versions in its middle are not in ``way``.
        age: what it is sorted by, the least first.
        mark: tells versions of the same age apart.
    """

    version: Version
    trained: bool
    influence: Influence
    pin: Pin
    depth: int
    way: tuple[Version, ...]
    between: int
    age: int
    mark: tuple[int, int]


def affected(
    index: Index,
    tail: Tail,
    versions: Iterable[Version],
    model: str | None,
    provider: str,
    trained: Collection[tuple[str, str]],
    after: tuple[int, tuple[int, int]] | None,
    limit: int,
) -> tuple[list[Hit], int]:
    """A page of what is downstream, and how many versions that is on all pages.

    Args:
        index: what is compacted.
        tail: what is not, yet.
        versions: where to start; they are not downstream of themselves.
        model: a shell pattern; versions made with a model of that id are listed, too.
        provider: a shell pattern that the provider of that model must match.
        trained: (namespace, name) of everything that was judged.
        after: ``age`` and ``mark`` of the last row of the page before.
        limit: rows at most.
    """
    given = list(versions)
    _, nodes, walked = search(given, model, provider, index, tail)
    places = np.arange(1, walked.node.size)
    if model is None:
        places = places[~np.isin(walked.node[1:], [nodes.id[v] for v in given])]
    total = int(places.size)
    if not total:
        return [], 0
    ids = walked.node[places]
    judged = np.isin(ids, _named(index, nodes, trained))
    ages = walked.depth[places] - 1 + np.where(judged, 0, _OTHERS)
    high, low = _keys(index, nodes)
    high, low = high[ids], low[ids]
    if after is not None:
        rest = np.flatnonzero(_beyond(ages, high, low, after))
        places, ids, judged, ages, high, low = (c[rest] for c in (places, ids, judged, ages, high, low))
    page = np.lexsort((low, high, ages))[:limit]

    ways = [_way(walked.toward, int(place)) for place in places[page]]
    on_them = np.unique(walked.node[[p for way in ways for p in (*way[:ENDS], *way[-ENDS:])]])
    known = recall.names(index, on_them[on_them < nodes.first_new]) | nodes.new
    hits: list[Hit] = []
    for n, way in zip(page, ways, strict=True):
        place = places[n]
        between = max(0, len(way) - 2 * ENDS)
        shown = [*way[:ENDS], *way[-ENDS:]] if between else way
        hits.append(
            Hit(
                version=known[int(ids[n])],
                trained=bool(judged[n]),
                influence=INFLUENCE[int(walked.indirect[place])],
                pin=PIN[int(walked.conservative[place])],
                depth=int(walked.depth[place]) - 1,
                way=tuple(known[int(walked.node[p])] for p in shown),
                between=between,
                age=int(ages[n]),
                mark=(int(high[n]), int(low[n])),
            )
        )
    return hits, total


def _way(toward: Ints, place: int) -> list[int]:
    """The places from a start to one, both included; the root of the search is none of them."""
    steps: list[int] = []
    while place > 0:
        steps.append(place)
        place = int(toward[place])
    return steps[::-1]


def _named(index: Index, nodes: Nodes, names: Collection[tuple[str, str]]) -> Sequence[int]:
    """The ids of every version of some datasets."""
    found: list[int] = []
    if names and index.manifest.files("versions"):
        namespaces, datasets = [n for n, _ in names], [n for _, n in names]
        found += (row[0] for row in index.rows("named", namespaces=namespaces, names=datasets))
    return [*found, *(id_ for id_, version in nodes.new.items() if version[:2] in names)]


def _keys(index: Index, nodes: Nodes) -> tuple[Ints, Ints]:
    """The key of every version by its id: an order that no compaction changes."""
    halves: NDArray[np.int64] = np.zeros((2, nodes.count), dtype=np.int64)
    if nodes.first_new:
        keyed = index.keyed
        halves[0, keyed["id"]], halves[1, keyed["id"]] = keyed["hi"], keyed["lo"]
    for id_, version in nodes.new.items():
        halves[:, id_] = key(version)
    return halves[0], halves[1]


def _beyond(ages: Ints, high: Ints, low: Ints, after: tuple[int, tuple[int, int]]) -> Bools:
    """The rows that come after one, wherever that is by now."""
    age, (first, second) = after
    return (ages > age) | ((ages == age) & ((high > first) | ((high == first) & (low > second))))
