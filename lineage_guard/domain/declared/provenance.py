"""Provenance: what an asset's author declares about its making, and what follows from that.

The rule of this module is "missing is never clean". An asset that says nothing and reads
nothing came from somewhere, so its record is INCOMPLETE until somebody says from where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, cast

from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    LicenseScope,
    ModelSource,
    Pin,
    Usage,
    Version,
)

#: Version of the JSON that ``Declaration.to_json`` writes.
FORMAT = 1
#: OpenLineage namespace of public datasets and models.
HUB = "huggingface"
_PARTIAL = "its author says that more may have taken part than is declared"


@dataclass(frozen=True, slots=True)
class Declaration:
    """What the author of an asset says about where its data comes from.

    Attributes:
        models: models that took part in making it.
        licenses: licences of the data itself.
        completeness: COMPLETE when the declared inputs and these models are all there were.
        artefact: public id of the dataset or model it is, e.g. ``"HuggingFaceTB/smoltalk"``.
        human: whether people made it and no model did.
        origin: where it comes from, in words or as a URL, for a source outside this deployment.
        indirect: names of inputs of which only a choice came through, not content (a ranker's
            scores, prompts); OpenLineage dataset names.
        column_lineage: COMPLETE when the column lineage recorded with a materialisation names every
            source of every column; see ``domain/declared/influence.py``.
        parents: Hugging Face ids of public datasets or models it was made from, which no asset of this
            deployment stands for; what the catalog does not know of them is unknown.
        note: one sentence for a reader.

    Example:
        >>> d = Declaration(models=(ModelSource("openai", "gpt-4o"),))
        >>> Declaration.from_json(d.to_json()) == d
        True
    """

    models: tuple[ModelSource, ...] = ()
    licenses: tuple[License, ...] = ()
    completeness: Completeness = Completeness.COMPLETE
    artefact: str | None = None
    human: bool = False
    origin: str | None = None
    indirect: tuple[str, ...] = ()
    note: str | None = None
    column_lineage: Completeness = Completeness.UNKNOWN
    parents: tuple[str, ...] = ()

    @property
    def names_an_origin(self) -> bool:
        """Whether it says where data without inputs comes from."""
        return bool(self.models or self.human or self.origin or self.artefact or self.parents)

    @property
    def inputs(self) -> tuple[Input, ...]:
        """The edges to ``parents``."""
        return tuple(Input(Version(HUB, id), pin=Pin.CONSERVATIVE) for id in self.parents)

    def to_json(self) -> dict[str, object]:
        """A JSON-able mapping; fields that say nothing are left out so that it reads well."""
        data: dict[str, object] = {"format": FORMAT}
        if self.models:
            data["models"] = [_plain(m) for m in self.models]
        if self.licenses:
            data["licenses"] = [_plain(x) for x in self.licenses]
        data["completeness"] = self.completeness.value
        for name in ("artefact", "human", "origin", "note"):
            if getattr(self, name):
                data[name] = getattr(self, name)
        if self.indirect:
            data["indirect"] = list(self.indirect)
        if self.column_lineage is not Completeness.UNKNOWN:
            data["column_lineage"] = self.column_lineage.value
        if self.parents:
            data["parents"] = list(self.parents)
        return data

    @classmethod
    def from_json(cls, data: object, where: str | None = None) -> Declaration:
        """Read what ``to_json`` wrote.

        Args:
            data: the mapping.
            where: the asset it was found on, for the error.

        Raises:
            DeclarationError: when it cannot be understood; it is never read as "nothing declared".
        """
        try:
            if not isinstance(data, Mapping):
                raise TypeError(f"expected a mapping, found {type(data).__name__}")
            values = dict(cast("Mapping[str, object]", data))
            if values.pop("format", None) != FORMAT:
                raise ValueError(f"only format {FORMAT} is understood")
            known = {f.name for f in fields(cls)}
            if strange := sorted(set(values) - known):
                raise ValueError(f"unknown field {strange[0]!r}")
            return cls(
                models=tuple(_model(m) for m in _list(values.get("models", []))),
                licenses=tuple(_license(x) for x in _list(values.get("licenses", []))),
                completeness=Completeness(str(values.get("completeness", "COMPLETE"))),
                artefact=_text(values.get("artefact")),
                human=values.get("human") is True,
                origin=_text(values.get("origin")),
                indirect=tuple(str(n) for n in _list(values.get("indirect", []))),
                note=_text(values.get("note")),
                column_lineage=Completeness(str(values.get("column_lineage", "UNKNOWN"))),
                parents=tuple(str(n) for n in _list(values.get("parents", []))),
            )
        except (TypeError, ValueError, KeyError) as error:
            raise DeclarationError(
                f"this is not a declaration: {error}",
                where=where,
                fix="build it with lineage_guard.declare(...) or lineage_guard.source(...)",
            ) from error


class ProductionFacts(NamedTuple):
    """The parts of a ``Production`` that follow from what was declared."""

    models: tuple[ModelSource, ...]
    licenses: tuple[License, ...]
    completeness: Completeness
    asserted_by: Assertion
    artefact: str | None
    note: str | None


def production_facts(declaration: Declaration | None, has_deps: bool, is_external: bool) -> ProductionFacts:
    """Say what is known of an asset's making. The one place that turns silence into a gap.

    ==============================  ================  ============================================
    asset                           completeness      why
    ==============================  ================  ============================================
    declared, with an origin        as declared       its author answers for it
    declared by public id alone     UNKNOWN           ``closure.extend`` completes it from the catalog
    no declaration, has inputs      COMPLETE          a transformation of inputs that are followed
    no declaration, no inputs       INCOMPLETE        it came from somewhere nobody named
    no declaration, external        INCOMPLETE        made where nobody here can look
    ==============================  ================  ============================================

    Args:
        declaration: what its author declared, or ``None``.
        has_deps: whether it has upstream assets in the asset graph.
        is_external: whether this deployment does not make it.

    Example:
        >>> production_facts(None, has_deps=False, is_external=False).completeness.value
        'INCOMPLETE'
    """
    if declaration is None or not declaration.names_an_origin:
        licenses = declaration.licenses if declaration else ()
        asserted_by = Assertion.DECLARED if declaration else Assertion.INFERRED
        if declaration and declaration.completeness is not Completeness.COMPLETE:
            return ProductionFacts(
                (), licenses, declaration.completeness, asserted_by, None, declaration.note or _PARTIAL
            )
        if has_deps and not is_external:
            note = declaration.note if declaration else None
            return ProductionFacts((), licenses, Completeness.COMPLETE, asserted_by, None, note)
        what = "no code here makes it" if is_external else "it has no upstream assets"
        note = f"{what} and no declaration says where it comes from; add lineage_guard.source(...) or declare(...)"
        if is_external:
            note += "; or, if another code location makes it, guard that one and materialise it"
        return ProductionFacts((), licenses, Completeness.INCOMPLETE, asserted_by, None, note)
    by_id_alone = declaration.artefact is not None and not (
        declaration.models or declaration.human or declaration.origin
    )
    completeness, note = declaration.completeness, declaration.note
    if by_id_alone and completeness is Completeness.COMPLETE:
        # Inputs do not change that: they may only be what the download waited for.
        completeness = Completeness.UNKNOWN
        note = note or f"it is declared to be {declaration.artefact}, and the catalog does not know how that was made"
    elif completeness is not Completeness.COMPLETE:
        note = note or _PARTIAL
    return ProductionFacts(
        declaration.models, declaration.licenses, completeness, Assertion.DECLARED, declaration.artefact, note
    )


def in_partitions(
    facts: ProductionFacts,
    partitions: Iterable[str | None],
    has_deps: bool,
    exists: Callable[[str], bool] = lambda key: True,
) -> ProductionFacts:
    """The facts as they hold for some partitions: models that wrote only others are left out.

    A model that names a partition which does not exist counts for all of them: nobody knows which one
    was meant. When no model is left at all and there are no inputs, nothing says where these partitions
    come from: one that is misspelt in a declaration must not pass for one no model made.

    Args:
        facts: of the asset as a whole.
        partitions: the partitions that were or would be written; ``[None]`` without partitions.
        has_deps: whether the asset has upstream assets.
        exists: whether a key, or one dimension of a key, is one of the asset's partitions.

    Example:
        >>> made = Declaration(models=(ModelSource("openai", "gpt-4o", partitions=("DE",)),))
        >>> in_partitions(production_facts(made, False, False), ["de"], False).completeness.value
        'INCOMPLETE'
    """
    written = list(partitions)
    strange = {m: key for m in facts.models for key in m.partitions if not exists(key)}
    models = tuple(m for m in facts.models if m in strange or any(m.wrote(p) for p in written))
    if strange:
        model, key = next(iter(strange.items()))
        meant = f"{model.model} is declared for partition {key!r}, which does not exist, so it counts for all"
        facts = facts._replace(note="; ".join(n for n in (facts.note, meant) if n))
    gaps = [p for p in written if not any(m.wrote(p) for m in models)]
    if has_deps or not facts.models or not gaps:
        return facts._replace(models=models)
    note = f"no declared model is said to have written partition {gaps[0]}"
    note = "; ".join(n for n in (facts.note, note) if n)
    return facts._replace(models=models, completeness=Completeness.INCOMPLETE, note=note)


def _plain(value: ModelSource | License) -> dict[str, object]:
    out: dict[str, object] = {}
    for f in fields(value):
        item: object = getattr(value, f.name)
        if item == f.default and f.name not in ("usage", "applies_to"):
            continue
        if isinstance(item, datetime):
            item = item.isoformat()
        elif isinstance(item, StrEnum):
            item = item.value
        elif isinstance(item, tuple):
            item = list(cast("tuple[str, ...]", item))
        out[f.name] = item
    return out


def _list(value: object) -> list[object]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"expected a list, found {type(value).__name__}")
    return list(cast("list[object]", value))


def _text(value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


def _fields_of(value: object, kind: type[ModelSource | License]) -> dict[str, object]:
    if not isinstance(value, Mapping):
        raise TypeError(f"expected a mapping, found {type(value).__name__}")
    data = dict(cast("Mapping[str, object]", value))
    known = {f.name for f in fields(kind)}
    if strange := sorted(set(data) - known):
        raise ValueError(f"{kind.__name__} has no field {strange[0]!r}")
    return {k: tuple(cast("list[str]", v)) if isinstance(v, list) else v for k, v in data.items()}


def _model(value: object) -> ModelSource:
    data = _fields_of(value, ModelSource)
    if "usage" in data:
        data["usage"] = Usage(cast("str", data["usage"]))
    if data.get("influence") is not None:
        data["influence"] = Influence(cast("str", data["influence"]))
    if "asserted_by" in data:
        data["asserted_by"] = Assertion(cast("str", data["asserted_by"]))
    if data.get("generated_at") is not None:
        data["generated_at"] = datetime.fromisoformat(cast("str", data["generated_at"]))
    return ModelSource(**data)  # type: ignore[arg-type]


def _license(value: object) -> License:
    data = _fields_of(value, License)
    if "acknowledgement" in data:
        data["acknowledgement"] = Acknowledgement(cast("str", data["acknowledgement"]))
    if "applies_to" in data:
        data["applies_to"] = LicenseScope(cast("str", data["applies_to"]))
    return License(**data)  # type: ignore[arg-type]
