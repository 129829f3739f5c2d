"""Impact: everything downstream of some versions or of a model, each with a path that shows how."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import NamedTuple, cast, overload

import numpy as np

from lineage_guard.domain.facts import Influence, Pin, Production, Version
from lineage_guard.ledger.asking.columns import HELD, INFLUENCE, PIN, unsuperseded
from lineage_guard.ledger.index import recall
from lineage_guard.ledger.index.graph import Ints, Segment, Walked, reverse, walk
from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.joining import joined
from lineage_guard.ledger.index.nodes import Nodes
from lineage_guard.ledger.index.tail import Tail

_CHUNK = 1 << 16


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
    reached: Sequence[Affected]
    watermark: str = ""

    @property
    def downstream(self) -> Sequence[Affected]:
        """What was made from the starting versions, without them."""
        return self.reached[self.starts :]

    def path(self, index: int) -> tuple[Version, ...]:
        """The versions from a starting version to ``reached[index]``, both included."""
        if isinstance(self.reached, Columns):
            return self.reached.path(index)
        steps: list[Version] = []
        while index >= 0:
            steps.append(self.reached[index].version)
            index = self.reached[index].toward
        return tuple(reversed(steps))


class Columns(Sequence[Affected]):
    """Many affected versions, whose names are read from the index when somebody looks at them.

    Args:
        index: what is compacted.
        nodes: the ids of versions.
        walked: what was reached from a root of its own, which is left out.
    """

    def __init__(self, index: Index, nodes: Nodes, walked: Walked) -> None:
        self._source = index
        self._nodes = nodes
        self._walked = walked

    def __len__(self) -> int:
        return self._walked.node.size - 1

    @overload
    def __getitem__(self, index: int) -> Affected: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Affected, ...]: ...
    def __getitem__(self, index: int | slice) -> Affected | tuple[Affected, ...]:
        if isinstance(index, slice):
            with unsuperseded(self._source):
                return tuple(self.take(np.arange(*index.indices(len(self)))))
        with unsuperseded(self._source):
            return next(self.take(np.array([range(len(self))[index]])))

    def __iter__(self) -> Iterator[Affected]:
        for low in range(0, len(self), _CHUNK):
            yield from self[low : low + _CHUNK]

    def path(self, index: int) -> tuple[Version, ...]:
        """The versions from a starting version to one, both included."""
        steps: list[int] = []
        place = range(len(self))[index] + 1
        while place > 0:
            steps.append(int(self._walked.node[place]))
            place = int(self._walked.toward[place])
        with unsuperseded(self._source):
            known = self._names(np.array(steps, dtype=np.int64))
        return tuple(known[n] for n in reversed(steps))

    def take(self, chosen: Ints) -> Iterator[Affected]:
        """Some of them, in the order asked for.

        Raises:
            LedgerError: when the index cannot be read.
            PartGone: when a file is not there.
        """
        walked, at = self._walked, chosen + 1
        known = self._names(walked.node[at])
        make = Affected._make
        columns = zip(
            walked.node[at].tolist(),
            walked.indirect[at].tolist(),
            walked.depth[at].tolist(),
            walked.toward[at].tolist(),
            walked.conservative[at].tolist(),
            strict=True,
        )
        for n, indirect, depth, toward, conservative in cast("Iterable[tuple[int, int, int, int, int]]", columns):
            yield make((known[n], INFLUENCE[indirect], depth - 1, toward - 1, PIN[conservative]))

    def _names(self, node: Ints) -> Mapping[int, Version]:
        return recall.names(self._source, node[node < self._nodes.first_new]) | self._nodes.new


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
    starts, nodes, walked = search(versions, model, provider, index, tail)
    reached = Columns(index, nodes, walked)
    if len(reached) > HELD:
        return Impact(starts, reached, watermark)
    return Impact(starts, tuple(reached.take(np.arange(len(reached)))), watermark)


def search(
    versions: Iterable[Version], model: str | None, provider: str, index: Index, tail: Tail
) -> tuple[int, Nodes, Walked]:
    """The search itself: from a root of its own, which is walked first, to the starts and on.

    Args:
        versions: where to start.
        model: a shell pattern; versions made with a model of that id are starts too.
        provider: a shell pattern that the provider of that model must match.
        index: what is compacted.
        tail: what is not, yet.

    Returns:
        How many starts there are, the ids of versions, and what was reached.
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
    return len(ids), nodes, walk([*index.downstream(), reverse(fresh)], root + 1, root, first)


def made_with(recent: Mapping[Version, Sequence[Production]], model: str, provider: str) -> list[Version]:
    """Those versions whose records name a model that matches."""
    return [
        version
        for version, productions in recent.items()
        if any(matches(m.model, m.provider, m.base_models, model, provider) for p in productions for m in p.models)
    ]


def _indexed(index: Index, model: str, provider: str) -> Sequence[int]:
    # A lake holds few distinct models, so the pattern means here what it means in Python.
    known = index.rows("models_known")
    pairs = dict.fromkeys((p, m) for p, m, bases in known if matches(m, p, bases or (), model, provider))
    return [row[0] for p, m in pairs for row in index.rows("made_with", provider=p, model=m)]


def matches(model: str, provider: str, bases: Iterable[str], wanted_model: str, wanted_provider: str) -> bool:
    """Whether a model on record is one of those asked for, or was made from one; patterns know no upper case.

    Args:
        model: id on record; that of open weights, and that of a router, may have an organisation of its own.
        provider: who offered it.
        bases: what it is a fine-tune or a derivative of.
        wanted_model: shell pattern.
        wanted_provider: shell pattern.

    Example:
        >>> matches("openai/GPT-4o", "openrouter", (), "gpt-4o", "openai")
        True
        >>> matches("acme-chat", "acme", ("gpt-4o-mini",), "gpt-4o*", "openai")
        True
    """
    wanted_model, wanted_provider = wanted_model.lower(), wanted_provider.lower()
    whole = f"{wanted_provider}/{wanted_model}"
    # A base is often named without its provider, and a pattern that fits any id says nothing of it.
    named = wanted_provider == "*" or wanted_model.strip("*?") != ""
    model, bases = model.lower(), [base.lower() for base in bases]
    return (
        (fnmatchcase(model, wanted_model) and fnmatchcase(provider.lower(), wanted_provider))
        or any(fnmatchcase(each, whole) for each in (model, *bases))
        or (named and any(fnmatchcase(base, wanted_model) for base in bases if "/" not in base))
    )
