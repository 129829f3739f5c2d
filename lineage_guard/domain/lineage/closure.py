"""Closure: everything a training step would learn from, each with a path that shows how.

There is no depth limit, on purpose: a cap that is reached lets training run. The ledger
computes the same thing at scale; ``close`` here is the definition it is tested against.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import sha256
from typing import Protocol

from lineage_guard.domain.facts import (
    Completeness,
    Influence,
    Input,
    ModelSource,
    Pin,
    Production,
    Version,
    union,
)
from lineage_guard.domain.lineage.overlay import Overlay
from lineage_guard.domain.lineage.reached import Listed, Reached, Rows, merged
from lineage_guard.domain.rules.assets import AssetFacts

__all__ = ["Ancestry", "Closure", "Reached", "close", "extend", "public_inputs", "walk"]


@dataclass(frozen=True)
class Closure:
    """All versions upstream of a target.

    Attributes:
        target: the version the training step is about to write.
        reached: the target first, then every version upstream of it, each once. The ledger's are
            read from its index when they are looked at, which raises ``LedgerError`` if it has become
            unreadable; ask ``rows`` when there may be many.
        watermark: the state of the ledger that was read.
        blind: what the guard could not see, one sentence each; any makes the verdict block.
        asset: what the definition of the target's asset says of it, as far as the run that is asked about is on
            record; ``None`` when nobody knows, which loosens nothing.
    """

    target: Version
    reached: Sequence[Reached]
    watermark: str = ""
    blind: tuple[str, ...] = ()
    asset: AssetFacts | None = None

    @cached_property
    def rows(self) -> Rows:
        """``reached``, with questions that are answered without an object for each version."""
        return self.reached if isinstance(self.reached, Rows) else Listed(self.reached)

    def path(self, index: int) -> tuple[Version, ...]:
        """The versions from the target to ``reached[index]``, both included."""
        return self.rows.paths((index,))[0]

    @cached_property
    def digest(self) -> str:
        """``sha256:`` over everything reached that can change a verdict, except the target's own run.

        Two attempts to train on the same versions have the same digest, so evidence
        gathered for one serves the other. It is made of the versions' digests kind by kind, so
        whoever keeps those need not spell out a name.
        """
        h = sha256()
        head = self.reached[0]
        place = (self.target.namespace, self.target.name, self.target.partition)
        h.update(repr((place, head.models, head.completeness, self.blind)).encode())
        for text, keys in sorted(merged(self.rows.sealed(without=(0,))).items()):
            h.update(b"\n%d %d " % (len(text), len(keys)) + text.encode())
            h.update(keys)
        return "sha256:" + h.hexdigest()


def close(target: Production, productions: Iterable[Production], watermark: str = "") -> Closure:
    """Compute the closure of a step that is about to run. The reference implementation.

    Args:
        target: the step itself: its outputs (the first names the target), the exact
            versions it will read, and models it uses itself.
        productions: all known productions, in any order, duplicates allowed.
        watermark: name of the ledger state the productions were read from.

    Returns:
        The closure. A version with no production on record is in it, as not ``recorded``.

    Example:
        >>> raw, out = Version("d", "raw"), Version("d", "student")
        >>> c = close(Production((out,), inputs=(Input(raw),)), [])
        >>> [(r.version.name, r.recorded) for r in c.reached]
        [('student', True), ('raw', False)]
    """
    by_version: dict[Version, list[Production]] = {}
    for production in productions:
        for version in production.outputs:
            by_version.setdefault(version, []).append(production)
    root = target.outputs[0]
    return walk(root, lambda v: target if v == root else union(by_version[v]) if v in by_version else None, watermark)


def walk(root: Version, production_of: Callable[[Version], Production | None], watermark: str = "") -> Closure:
    """Breadth-first over ``production_of``, DIRECT edges to the end before INDIRECT ones.

    Going through the DIRECT edges first makes a version DIRECT whenever any all-DIRECT
    path leads to it, and keeps every ``toward`` pointer on a path of that influence.

    Args:
        root: where to start.
        production_of: the record of a version, or ``None``.
        watermark: name of the ledger state.
    """
    reached: list[Reached] = [_reach(root, production_of(root), Influence.DIRECT, 0, -1, Pin.EXACT)]
    index = {root: 0}
    later: list[tuple[int, Input]] = []
    queue = deque([0])
    influence = Influence.DIRECT
    while queue or later:
        if not queue:
            influence = Influence.INDIRECT
            for parent, edge in later:
                _visit(edge, parent, influence, reached, index, queue, production_of)
            later = []
            continue
        at = queue.popleft()
        production = production_of(reached[at].version)
        for edge in production.inputs if production else ():
            if influence is Influence.DIRECT and edge.influence is Influence.INDIRECT:
                later.append((at, edge))
            else:
                _visit(edge, at, influence, reached, index, queue, production_of)
    return Closure(target=root, reached=tuple(reached), watermark=watermark)


def _visit(
    edge: Input,
    at: int,
    influence: Influence,
    reached: list[Reached],
    index: dict[Version, int],
    queue: deque[int],
    production_of: Callable[[Version], Production | None],
) -> None:
    if edge.version in index:
        return
    pin = Pin.CONSERVATIVE if Pin.CONSERVATIVE in (edge.pin, reached[at].pin) else Pin.EXACT
    index[edge.version] = len(reached)
    queue.append(len(reached))
    reached.append(_reach(edge.version, production_of(edge.version), influence, reached[at].depth + 1, at, pin))


def _reach(
    version: Version, production: Production | None, influence: Influence, depth: int, toward: int, pin: Pin
) -> Reached:
    if production is None:
        return Reached(version, influence, depth, toward, pin)
    return Reached(
        version=version,
        influence=influence,
        depth=depth,
        toward=toward,
        pin=pin,
        completeness=production.completeness,
        recorded=True,
        models=tuple(dict.fromkeys(production.models)),
        licenses=tuple(dict.fromkeys(production.licenses)),
        artefact=production.artefact,
        asserted_by=production.asserted_by,
        produced_at=production.produced_at,
        note=production.note,
    )


class Ancestry(Protocol):
    """Known ancestry of public datasets and models. Implemented by the catalog."""

    @property
    def digest(self) -> str:
        """``sha256:`` over all facts that can change an answer."""
        ...

    def version_of(self, public_id: str) -> Version | None:
        """The node of a public dataset or model id, or ``None`` when it is not known."""
        ...

    def productions(self) -> Mapping[Version, Production]:
        """Every known public artefact and how it was made."""
        ...


def extend(closure: Closure, ancestry: Ancestry) -> Closure:
    """Add what is publicly known about the public artefacts and models in a closure.

    A dataset labelled Apache-2.0 may have GPT-4 among its ancestors; so may open weights
    that generated a table. History in the ledger is left as it is: a better catalog changes
    the answer, not the record. Nothing is ever taken away: versions, models and licences
    only join, and INDIRECT may become DIRECT but never the other way round.

    Args:
        closure: what the ledger knows.
        ancestry: what the catalog knows.
    """
    graph = _Extension(closure.rows, ancestry)
    if not graph.known_of:
        return closure
    graph.follow(Influence.DIRECT)
    graph.follow(Influence.INDIRECT)
    return replace(closure, reached=graph.rows)


def public_inputs(
    r: Reached, known: Mapping[Version, Production], version_of: Callable[[str], Version | None]
) -> Iterator[Input]:
    """The edges that what is publicly known adds to a version, once its models and its public id are known.

    Args:
        r: the version.
        known: ``Ancestry.productions()``.
        version_of: ``Ancestry.version_of``.
    """
    production = known.get(r.version)
    if production is not None:
        yield from production.inputs
    else:
        # A version that some run wrote under a public name is a copy of the public one.
        public = Version(r.version.namespace, r.version.name)
        if public in known:
            yield Input(public)
    node = version_of(r.artefact) if r.artefact else None
    if node is not None and node != r.version and node in known:
        yield Input(node)
    for model in r.models:
        made_from = _made_from(model, known, version_of)
        yield from (Input(v, model.effective_influence) for v in made_from if v != r.version)


def _made_from(
    model: ModelSource, known: Mapping[Version, Production], version_of: Callable[[str], Version | None]
) -> Iterator[Version]:
    """The public nodes of a model; one without ancestors adds nothing: its own terms are there already."""
    for name in (model.model, *model.base_models):
        public = version_of(name)
        if public is None or (made := known.get(public)) is None:
            continue
        if made.inputs or any(m.model != public.name for m in made.models):
            yield public


class _Extension:
    """The closure while public ancestry is being added: DIRECT edges to the end first.

    Attributes:
        known_of: rows of the closure of which the catalog has something to say.
        rows: the closure as it stands.
    """

    def __init__(self, rows: Rows, ancestry: Ancestry) -> None:
        self._known = ancestry.productions()
        self._version_of = ancestry.version_of
        self.known_of = self._speaks_of(rows)
        self.rows = Overlay(rows)
        self._later: list[tuple[int, Input]] = []
        self._queue: deque[int] = deque()
        self._index: dict[Version, int] = {}
        if self.known_of:
            self.rows.load(self.known_of)
            public = {*self._known, *(i.version for p in self._known.values() for i in p.inputs)}
            self._index = rows.find(public)

    def _speaks_of(self, rows: Rows) -> set[int]:
        found = set(rows.named({(v.namespace, v.name) for v in self._known}))
        for kind, indexes in rows.kinds():
            node = self._version_of(kind.artefact) if kind.artefact else None
            named = node is not None and node in self._known
            if named or any(True for m in kind.models for _ in _made_from(m, self._known, self._version_of)):
                found.update(indexes)
        return found

    def follow(self, phase: Influence) -> None:
        for at, edge in self._later:
            self._visit(at, edge, phase)
        self._later = []
        self._queue.extend(i for i, r in self.rows.loaded() if r.influence is phase)
        done: set[int] = set()
        while self._queue:
            at = self._queue.popleft()
            if at in done:
                continue
            done.add(at)
            self._join(at)
            for edge in public_inputs(self.rows[at], self._known, self._version_of):
                if phase is Influence.DIRECT and edge.influence is Influence.INDIRECT:
                    self._later.append((at, edge))
                else:
                    self._visit(at, edge, phase)

    def _join(self, at: int) -> None:
        """Add what the catalog knows of a version that is, or is declared to be, a public artefact."""
        r = self.rows[at]
        node = self._version_of(r.artefact) if r.artefact else None
        if r.recorded and r.completeness is Completeness.UNKNOWN and node is not None and node in self._known:
            # Its author said "it is this public artefact" and no more, and the catalog knows that one.
            r = r._replace(completeness=self._known[node].completeness, note=None)
            self.rows.put(at, r)
        production = self._known.get(r.version)
        if production is None:
            return
        if not r.recorded:
            known = _reach(r.version, production, r.influence, r.depth, r.toward, r.pin)
            self.rows.put(at, known._replace(second_hand=True))
            return
        joined = r._replace(
            models=tuple(dict.fromkeys((*r.models, *production.models))),
            licenses=tuple(dict.fromkeys((*r.licenses, *production.licenses))),
            artefact=r.artefact or production.artefact,
            # The ledger knows when the public artefact was seen, not when its models answered.
            produced_at=None if production.models else r.produced_at,
            # What is ours and what is not cannot be told apart where both are.
            second_hand=r.second_hand or not r.models,
        )
        self.rows.put(at, joined)

    def _visit(self, at: int, edge: Input, phase: Influence) -> None:
        parent = self.rows[at]
        pin = Pin.CONSERVATIVE if Pin.CONSERVATIVE in (edge.pin, parent.pin) else Pin.EXACT
        seen = self._index.get(edge.version)
        if seen is None:
            production = self._known.get(edge.version)
            row = _reach(edge.version, production, phase, parent.depth + 1, at, pin)
            seen = self.rows.append(row._replace(second_hand=True))
            self._index[edge.version] = seen
            self._queue.append(seen)
        elif self.rows[seen].influence is Influence.INDIRECT and phase is Influence.DIRECT:
            # ``at`` is DIRECT and so is its whole path, which an INDIRECT version is not on:
            # pointing back to it makes no circle.
            raised = self.rows[seen]._replace(influence=phase, depth=parent.depth + 1, toward=at, pin=pin)
            self.rows.put(seen, raised)
            self._queue.append(seen)
            self._raise_descendants(seen)

    def _raise_descendants(self, top: int) -> None:
        """What the ledger reached through a version is as DIRECT as the version now is.

        Only what was reached by DIRECT edges from it would have to be raised; which those are
        is not in a closure, so all of it is: the error is on the side that blocks.
        """
        raised: dict[int, int] = {top: -1}
        waiting = deque([top])
        while waiting:
            parent = waiting.popleft()
            for i in self.rows.below(parent):
                if i not in raised:
                    raised[i] = parent
                    waiting.append(i)
        del raised[top]
        self.rows.load(raised)
        for i, parent in raised.items():
            self._queue.append(i)
            nearer, row = self.rows[parent], self.rows[i]
            pin = Pin.CONSERVATIVE if Pin.CONSERVATIVE in (row.pin, nearer.pin) else Pin.EXACT
            self.rows.put(i, row._replace(influence=Influence.DIRECT, depth=nearer.depth + 1, pin=pin))
