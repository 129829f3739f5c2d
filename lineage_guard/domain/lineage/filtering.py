"""Cure by filtering: a table split by the provenance of its rows, and what that takes out of a closure.

Row provenance says which model wrote a row. It says nothing of what that model was shown. So
the cut goes from the permitted part through its mixed input and on through whatever only moved
rows, up to the first versions that models made. There it takes out the models whose rows were
counted in the mixed table, and no others. What those versions were made from counts in full.

Whatever else leads to such a version without passing the cut keeps it whole. Nothing is taken
out for a claim that no evidence stands behind; see ``explaining.cure``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from lineage_guard.domain.declared.observed import differences
from lineage_guard.domain.facts import Completeness, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.overlay import Overlay
from lineage_guard.domain.lineage.reached import Reached, terms_day
from lineage_guard.domain.rules.terms import TermsSource


class RowSource(NamedTuple):
    """A model as its author declared it and as rows name it.

    Attributes:
        provider: as declared.
        model: as declared.
        channel: as declared; empty when it was not said.
        usage: what it did.
    """

    provider: str
    model: str
    channel: str
    usage: str


@dataclass(frozen=True, slots=True)
class Filtered:
    """The claim that one version holds only the permitted rows of a mixed table.

    Attributes:
        version: the permitted part.
        mixed: (namespace, name) of the table that was split.
        sources: every declared model that rows name which were taken out.
        data_digest: digest of the permitted rows as they were written.
    """

    version: Version
    mixed: tuple[str, str]
    sources: tuple[RowSource, ...]
    data_digest: str

    def statement(self) -> list[str]:
        """All that is claimed but the rows themselves, as text; evidence is filed under it."""
        sources = ["\x1f".join(s) for s in sorted(set(self.sources))]
        place = ["" if part is None else f"={part}" for part in self.version]
        return ["\x1f".join(place), "\x1f".join(self.mixed), *sources]


class Cure(NamedTuple):
    """Models that were taken out of one version of a closure.

    Attributes:
        version: where they made something.
        models: which.
        by: the permitted parts it is reached through.
        evidence: the evidence behind each of them.
    """

    version: Version
    models: tuple[ModelSource, ...]
    by: tuple[Version, ...]
    evidence: tuple[str, ...]

    def __str__(self) -> str:
        models = ", ".join(dict.fromkeys(str(m) for m in self.models))
        parts = ", ".join(str(v) for v in self.by)
        return f"{models} at {self.version}: cured by quarantine at {parts}, evidence {', '.join(self.evidence)}"


class Proven(NamedTuple):
    """A claim, and the key of the passing evidence that stands behind it."""

    claim: Filtered
    evidence: str


def source_of(model: ModelSource) -> RowSource:
    """How a claim names a model."""
    return RowSource(model.provider, model.model, model.channel or "", model.usage.value)


def cured(
    closure: Closure,
    target: Production,
    productions: Callable[[Iterable[Version]], Mapping[Version, Production]],
    proven: Iterable[Proven],
    terms: TermsSource,
) -> tuple[Closure, tuple[Cure, ...]]:
    """Take out of a closure what proven claims account for. Every version stays in it.

    Args:
        closure: of the ledger, before public ancestry joins it.
        target: the step.
        productions: what is on record of some versions.
        proven: claims with passing evidence, one for a version.
        terms: say whether what was observed contradicts what was declared; then nothing is taken out.

    Returns:
        The closure, and what was taken out of it.
    """
    claims = {p.claim.version: p for p in proven}
    if not claims:
        return closure, ()
    through, around = _cut(closure.target, target, productions, claims)
    rows = closure.rows
    index_of = rows.find({closure.target, *through, *around, *around.values()})
    overlay = Overlay(rows)
    overlay.load(index_of.values())
    _lead_around(overlay, around, index_of)
    cures: list[Cure] = []
    for version in sorted(through.keys() & index_of.keys(), key=lambda v: index_of[v]):
        reached = overlay[index_of[version]]
        parts = sorted(through[version], key=str)
        gone = _taken_out(reached, [claims[part].claim for part in parts], terms)
        if gone:
            left = tuple(m for m in reached.models if m not in gone)
            overlay.put(index_of[version], reached._replace(models=left))
            cures.append(Cure(version, gone, tuple(parts), tuple(claims[part].evidence for part in parts)))
    return replace(closure, reached=overlay), tuple(cures)


def _lead_around(overlay: Overlay, around: Mapping[Version, Version], index_of: Mapping[Version, int]) -> None:
    """Show what counts in full on the way by which it does, and not on the way through a quarantine."""
    ways = {v: w for v, w in around.items() if v in index_of and w in index_of}
    depth: dict[Version, int] = {}
    for version in ways:
        chain = [version]
        while chain[-1] in ways and chain[-1] not in depth:
            chain.append(ways[chain[-1]])
        for nearer, farther in zip(reversed(chain), list(reversed(chain))[1:], strict=False):
            depth[farther] = depth.get(nearer, 0) + 1
            at = index_of[farther]
            overlay.put(at, overlay[at]._replace(toward=index_of[nearer], depth=depth[farther]))


def _taken_out(reached: Reached, claims: list[Filtered], terms: TermsSource) -> tuple[ModelSource, ...]:
    if next(differences(reached.models, terms, terms_day(reached.produced_at)), None) is not None:
        return ()
    return tuple(m for m in reached.models if all(source_of(m) in claim.sources for claim in claims))


def _cut(
    root: Version,
    target: Production,
    productions: Callable[[Iterable[Version]], Mapping[Version, Production]],
    claims: Mapping[Version, Proven],
) -> tuple[dict[Version, set[Version]], dict[Version, Version]]:
    """Walk to everything, noting what is reached through cuts alone.

    Returns:
        The versions that are, with the parts that cut them off; and for each version that is reached
        both ways, and for those between it and the root, the next one on a way around the cuts.
    """
    whole: dict[Version, Version | None] = {}
    behind: dict[Version, Version | None] = {}
    cut: dict[Version, set[Version]] = {}
    known: dict[Version, Production | None] = {root: target}
    # A version, the part that cuts it off if any, and whence it was reached.
    level: list[tuple[Version, Version | None, Version | None]] = [(root, None, None)]
    while level:
        missing = list(dict.fromkeys(v for v, _, _ in level if v not in known))
        made = productions(missing)
        known.update({v: made.get(v) for v in missing})
        below: list[tuple[Version, Version | None, Version | None]] = []
        for version, by, whence in level:
            if by is None:
                if version in whole:
                    continue
                whole[version] = whence
            else:
                if by in cut.setdefault(version, set()):
                    continue
                cut[version].add(by)
                behind.setdefault(version, whence)
            production = known[version]
            if production is None:
                continue
            onward = by if _moves_rows(production) else None
            mixed = claims[version].claim.mixed if version in claims else None
            below += [(e.version, version if e.version[:2] == mixed else onward, version) for e in production.inputs]
        level = below
    around: dict[Version, Version] = {}
    for version in cut.keys() & whole.keys():
        way = {version: None}
        at = version
        # What counts in full may do so through a version that a cut leads to: it was made from it.
        while (nearer := whole[at] if at in whole else behind[at]) is not None and nearer not in way:
            way[nearer] = None
            at = nearer
        if at == root:
            around.update(itertools.pairwise(way))
    return {v: parts for v, parts in cut.items() if v not in whole}, around


def _moves_rows(production: Production) -> bool:
    """Whether rows pass through it as they are: no model took part, and all of its making is known."""
    complete = production.completeness is Completeness.COMPLETE
    return complete and not production.models and production.artefact is None
