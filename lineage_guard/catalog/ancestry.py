"""Known ancestry of public datasets and models: the catalog's answer to "made from what?"."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any, cast

from lineage_guard.catalog.documents import Document
from lineage_guard.catalog.patterns import Pattern
from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Influence,
    Input,
    License,
    LicenseScope,
    ModelSource,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.names import model_name, without_snapshot


class Relation(StrEnum):
    """How an artefact came from another."""

    CONTAINS = "contains"
    DERIVED_FROM = "derived_from"
    FINE_TUNED_FROM = "fine_tuned_from"
    TRAINED_ON = "trained_on"
    GENERATED_BY = "generated_by"
    JUDGED_BY = "judged_by"
    REWRITTEN_BY = "rewritten_by"
    TRANSLATED_BY = "translated_by"
    FILTERED_BY = "filtered_by"
    PROMPTS_FROM = "prompts_from"

    @property
    def influence(self) -> Influence:
        """INDIRECT when only a choice came through."""
        weak = self in (Relation.FILTERED_BY, Relation.PROMPTS_FROM)
        return Influence.INDIRECT if weak else Influence.DIRECT

    @property
    def usage(self) -> Usage | None:
        """What a model did under this relation; ``None`` when the relation reads an artefact."""
        return _USAGE.get(self)


_USAGE = {
    Relation.GENERATED_BY: Usage.GENERATION,
    # A judge writes scores and critiques into the data: annotation, not mere scoring of rows to drop.
    Relation.JUDGED_BY: Usage.ANNOTATION,
    Relation.REWRITTEN_BY: Usage.REWRITE,
    Relation.TRANSLATED_BY: Usage.TRANSLATION,
    Relation.FILTERED_BY: Usage.FILTER,
}
ALLEGED = "alleged"
MEMORY = "memory"
#: Namespace of whatever else an artefact may hold of which nobody has read how it was made.
UNREAD = "unread"


@dataclass(frozen=True, slots=True)
class Edge:
    """One step of ancestry.

    Attributes:
        source: id of the artefact it came from.
        relation: how.
        confidence: ``verified``, ``secondary``, ``memory`` or ``alleged``.
        terms: catalog entry under which the model's owner released this very output; else the model's own decide.
    """

    source: str
    relation: Relation
    confidence: str
    terms: str | None = None


@dataclass(frozen=True)
class PublicArtefact:
    """A public dataset or model, as somebody's card or paper describes it.

    Attributes:
        id: short id in the catalog, e.g. ``"smoltalk"``.
        type: ``dataset`` or ``model``.
        artefact: public id, e.g. ``"HuggingFaceTB/smoltalk"``.
        version: its node in lineage.
        declared_license: what the label says, as found.
        license: the label as an SPDX expression, where it can be written as one.
        declared_class: ``permissive``, ``nc``, ``restricted``, ``naming``, ``unknown`` or ``root``.
        terms: catalog entry that governs the model itself; ``None`` for data.
        root: whether ancestry stops here: a model that is judged by its own terms.
        edges: what it was made from, alleged edges included.
        aliases: other public ids, shell patterns allowed.
        sources: where the facts were read.
        date_read: when.
        confidence: how well the artefact as a whole was checked. What nobody has read has an ancestor of
            which nothing is known.
        note: what a reader should know.
    """

    id: str
    type: str
    artefact: str
    version: Version
    declared_license: str
    declared_class: str
    license: str | None = None
    terms: str | None = None
    root: bool = False
    edges: tuple[Edge, ...] = ()
    aliases: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    date_read: date | None = None
    confidence: str = "memory"
    note: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Its public id and its aliases that are no patterns, lower case."""
        return frozenset(name.lower() for name in (self.artefact, *self.aliases) if "*" not in name)


class CatalogAncestry:
    """Known public ancestry; a domain ``Ancestry``.

    Args:
        artefacts: in any order; edges name artefacts by id.
        named: ids of models whose terms the catalog finds by their public id, though the artefact names none.
        routes: id prefixes that name a service, longest first, e.g. ``openrouter/``.

    Example:
        >>> from lineage_guard.catalog import load_catalog
        >>> load_catalog().ancestry.version_of("HuggingFaceTB/smoltalk").name
        'HuggingFaceTB/smoltalk'
    """

    def __init__(
        self, artefacts: Iterable[PublicArtefact], named: Container[str] = (), routes: tuple[str, ...] = ()
    ) -> None:
        self.artefacts = tuple(artefacts)
        self._named = named
        self._by_id = {a.id: a for a in self.artefacts}
        self._exact: dict[str, PublicArtefact] = {}
        patterns: list[tuple[Pattern, PublicArtefact]] = []
        for a in self.artefacts:
            for name in (a.artefact, *a.aliases, a.id):
                if "*" in name:
                    patterns.append((Pattern(name.lower(), float(len(name.replace("*", "")))), a))
                else:
                    self._exact.setdefault(name.lower(), a)
        self._patterns = sorted(patterns, key=lambda p: -p[0].weight)
        self._routes = routes
        # One that says what it was made from before one that says nothing.
        models = sorted((a for a in self.artefacts if a.type == "model"), key=lambda a: not a.edges)
        self._short = {name.split("/")[-1]: a for a in reversed(models) for name in a.names}
        self._found = lru_cache(maxsize=4096)(self._find)

    @property
    def digest(self) -> str:
        """``sha256:`` over all facts that can change an answer."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        facts = sorted(
            repr(
                (
                    a.id,
                    a.artefact,
                    a.version,
                    a.terms,
                    a.root,
                    sorted(map(repr, a.edges)),
                    sorted(a.aliases),
                    a.confidence,
                    a.id in self._named,
                )
            )
            for a in self.artefacts
        )
        return "sha256:" + sha256("\n".join(facts).encode()).hexdigest()

    def get(self, public_id: str) -> PublicArtefact | None:
        """The artefact with a public id, alias or short id, whatever its case; a model under any of its spellings."""
        return self._found(public_id)

    def _find(self, public_id: str) -> PublicArtefact | None:
        at = public_id.strip().lower().rstrip("/")
        for prefix in _PREFIXES:
            at = at.removeprefix(prefix)
        return self._called(at) or self._spelt(public_id)

    def _called(self, at: str) -> PublicArtefact | None:
        return self._exact.get(at) or next((a for p, a in self._patterns if p.matches(at)), None)

    def _spelt(self, text: str) -> PublicArtefact | None:
        """A model that is named with a route, without its owner, or as a snapshot: terms know it by those, too."""
        for id in model_name(text, self._routes).ids:
            for at in (id, without_snapshot(id)):
                found = self._called(at) or (None if "/" in at else self._short.get(at))
                if found and found.type == "model":
                    return found
        return None

    def version_of(self, public_id: str) -> Version | None:
        """The node of a public dataset or model id, or ``None`` when it is not known."""
        found = self.get(public_id)
        return found.version if found else None

    def productions(self) -> Mapping[Version, Production]:
        """Every known public artefact and how it was made; alleged edges are left out."""
        return self._productions

    @cached_property
    def _productions(self) -> Mapping[Version, Production]:
        return {a.version: self._production(a) for a in self.artefacts}

    def training_of(self, a: PublicArtefact, student: Version) -> Production:
        """The step that learns from a public dataset or that trained a public model, to be judged like one's own.

        Of a dataset it is a student that reads it. Of a model it is its own training: what it was trained on and what
        it begins from, without the terms of its own output.

        Args:
            a: the dataset or model.
            student: what the step writes.
        """
        if a.type != "model":
            return Production((student,), inputs=(Input(a.version),))
        # Weights without terms of their own bind by their ancestors alone, which an edge brings.
        bases = [e for e in a.edges if e.relation is Relation.FINE_TUNED_FROM and self._by_id[e.source].terms]
        rest = tuple(e for e in a.edges if e not in bases)
        made = self._production(replace(a, edges=rest), itself=False)
        known = (self._by_id[e.source] for e in bases if e.confidence != ALLEGED)
        begins = tuple(self._model(base, Usage.BASE_MODEL, None) for base in known)
        return replace(made, outputs=(student,), models=(*begins, *made.models), artefact=None, licenses=())

    def _production(self, a: PublicArtefact, itself: bool = True) -> Production:
        inputs: dict[Input, None] = {}
        models: dict[ModelSource, None] = {}
        if a.confidence == MEMORY:
            # An edge joins whatever else is on record; that a record is incomplete, whoever registers the data
            # under its public id might overrule without having read any more.
            inputs[Input(Version(UNREAD, a.artefact))] = None
        known = _stated(a)
        # Weights that nobody gave terms bind by what they were made from; where that is nothing, nobody knows them.
        if itself and a.type == "model" and (a.terms or a.root or a.id in self._named or not known):
            models[self._model(a, Usage.GENERATION, None)] = None
        for edge in known:
            source = self._by_id[edge.source]
            usage = edge.relation.usage
            influence = edge.relation.influence
            if usage is not None and source.type == "model":
                models[self._model(source, usage, influence, edge.terms)] = None
            # A model that has ancestors of its own hands them on, whatever it was used for.
            if usage is None or source.type != "model" or source.confidence == MEMORY or _stated(source):
                inputs[Input(source.version, influence)] = None
        return Production(
            outputs=(a.version,),
            inputs=tuple(inputs),
            models=tuple(models),
            asserted_by=Assertion.DECLARED if a.confidence == "verified" else Assertion.INFERRED,
            licenses=_licenses(a),
            artefact=a.artefact,
            note=a.note
            if a.confidence != MEMORY
            else " ".join(filter(None, ("nobody has read how it was made", a.note))),
        )

    def _model(
        self, a: PublicArtefact, usage: Usage, influence: Influence | None, released: str | None = None
    ) -> ModelSource:
        hub = a.version.namespace == "huggingface"
        return ModelSource(
            provider="huggingface" if hub else a.version.namespace,
            model=a.artefact,
            channel=None,
            usage=usage,
            influence=influence,
            terms=released or a.terms,
        )


_PREFIXES = (
    "https://",
    "http://",
    "hf://",
    "huggingface.co/",
    "hf.co/",
    "huggingface:",
    "datasets/",
    "models/",
)


def _stated(a: PublicArtefact) -> list[Edge]:
    return [edge for edge in a.edges if edge.confidence != ALLEGED]


def _licenses(a: PublicArtefact) -> tuple[License, ...]:
    scope = LicenseScope.DATA if a.type == "dataset" else LicenseScope.MODEL
    return (License(a.license, Acknowledgement.DECLARED, scope),) if a.license else ()


def artefacts_of(document: Document) -> tuple[PublicArtefact, ...]:
    """The artefacts of one catalog file that has been checked against its schema."""
    rows = cast("list[Mapping[str, Any]]", document.value.get("artefacts", []))
    return tuple(_artefact(row) for row in rows)


def _artefact(row: Mapping[str, Any]) -> PublicArtefact:
    return PublicArtefact(
        id=row["id"],
        type=row["type"],
        artefact=row["artefact"],
        version=Version(row.get("namespace", "huggingface"), row["artefact"]),
        declared_license=row["declared_license"],
        declared_class=row["declared_class"],
        license=row.get("license"),
        terms=row.get("terms"),
        root=bool(row.get("root", False)),
        edges=tuple(
            Edge(e["from"], Relation(e["relation"]), e["confidence"], e.get("terms"))
            for e in cast("list[Mapping[str, str]]", row.get("upstream", ()))
        ),
        aliases=tuple(row.get("aliases", ())),
        sources=tuple(row.get("sources", ())),
        date_read=date.fromisoformat(row["date_read"]) if row.get("date_read") else None,
        confidence=row["confidence"],
        note=row.get("note"),
    )
