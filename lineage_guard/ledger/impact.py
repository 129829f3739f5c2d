"""Impact: everything downstream of some versions or of a model, each with a path that shows how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple

import numpy as np

from lineage_guard.domain.facts import Influence, Pin, Production, Version
from lineage_guard.ledger import recall
from lineage_guard.ledger.collector import collector_paused
from lineage_guard.ledger.columns import INFLUENCE, PIN
from lineage_guard.ledger.graph import Ints, Segment, Walked, reverse, walk
from lineage_guard.ledger.index import Index
from lineage_guard.ledger.joining import joined
from lineage_guard.ledger.nodes import Nodes
from lineage_guard.ledger.tail import Tail


class Affected(NamedTuple):
    """One version downstream, and the next step back to where it comes from.

    Attributes:
        version: the version.
        influence: DIRECT when a path of DIRECT edges alone leads here.
        depth: edges on the path that ``toward`` follows; a starting version has 0.
        toward: index in ``Impact.reached`` of the version it was made from on that path; ``-1`` for
            a starting version.
        pin: CONSERVATIVE when an edge on that path is: it may not hold anything of the start.
    """

    version: Version
    influence: Influence = Influence.DIRECT
    depth: int = 0
    toward: int = -1
    pin: Pin = Pin.EXACT


@dataclass(frozen=True)
class Impact:
    """All versions downstream of some others.

    Attributes:
        starts: how many of ``reached`` are the starting versions.
        reached: the starting versions first, then every version downstream of any, each once.
        watermark: the state of the ledger that was read.
    """

    starts: int
    reached: tuple[Affected, ...]
    watermark: str = ""

    @property
    def downstream(self) -> tuple[Affected, ...]:
        """What was made from the starting versions, without them."""
        return self.reached[self.starts :]

    def path(self, index: int) -> tuple[Version, ...]:
        """The versions from a starting version to ``reached[index]``, both included."""
        steps: list[Version] = []
        while index >= 0:
            steps.append(self.reached[index].version)
            index = self.reached[index].toward
        return tuple(reversed(steps))


def impact_of(
    versions: Iterable[Version], model: str | None, provider: str, index: Index, tail: Tail, watermark: str
) -> Impact:
    """Everything downstream, from the index and the tail together.

    Args:
        versions: where to start.
        model: a shell pattern; versions made with a model of that id are starts too.
        provider: a shell pattern that the provider of that model must match.
        index: what is compacted.
        tail: what is not, yet.
        watermark: the state that both together are.
    """
    world = joined(index, tail)
    recent = world.by_version
    made = made_with(recent, model, provider) if model is not None else []
    given = list(dict.fromkeys((*versions, *made)))
    nodes = Nodes(index, recent, (*given, *world.mentioned()))
    ids = [nodes.id[v] for v in given]
    if model is not None:
        ids = list(dict.fromkeys((*ids, *_indexed(index, model, provider))))
    fresh = nodes.segment(world.fresh())
    # A node of its own, from which an edge leads to every start: the search has one root.
    root = nodes.count
    none = np.zeros(len(ids), dtype=np.bool_)
    first = Segment(np.full(len(ids), root, dtype=np.int32), np.array(ids, dtype=np.int32), none, none)
    walked = walk([*index.downstream(), reverse(fresh)], root + 1, root, first)

    node = walked.node[1:]
    compacted: Ints = node[node < nodes.first_new]
    with collector_paused():
        return Impact(len(ids), tuple(_affected(walked, recall.names(index, compacted) | nodes.new)), watermark)


def _affected(walked: Walked, known: Mapping[int, Version]) -> Iterator[Affected]:
    make = Affected._make
    columns: Iterable[tuple[int, int, int, int, int]] = zip(
        walked.node[1:].tolist(),
        walked.indirect[1:].tolist(),
        walked.depth[1:].tolist(),
        walked.toward[1:].tolist(),
        walked.conservative[1:].tolist(),
        strict=True,
    )
    for n, indirect, depth, toward, conservative in columns:
        yield make((known[n], INFLUENCE[indirect], depth - 1, toward - 1, PIN[conservative]))


def made_with(recent: Mapping[Version, Sequence[Production]], model: str, provider: str) -> list[Version]:
    """Those versions whose records name a model that matches."""
    return [
        version
        for version, productions in recent.items()
        if any(matches(m.model, m.provider, model, provider) for p in productions for m in p.models)
    ]


def _indexed(index: Index, model: str, provider: str) -> Sequence[int]:
    # A lake holds few distinct models, so the pattern means here what it means in Python.
    pairs = [(p, m) for p, m in index.rows("models_known") if matches(m, p, model, provider)]
    return [row[0] for p, m in pairs for row in index.rows("made_with", provider=p, model=m)]


def matches(model: str, provider: str, wanted_model: str, wanted_provider: str) -> bool:
    """Whether a model on record is one of those asked for, by shell patterns."""
    return fnmatchcase(model, wanted_model) and fnmatchcase(provider, wanted_provider)
