"""Declaration: what an asset's author says about its making, and as JSON in the asset's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import cast

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
                models=tuple(model_from(m) for m in _list(values.get("models", []))),
                licenses=tuple(license_from(x) for x in _list(values.get("licenses", []))),
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


def model_from(value: object) -> ModelSource:
    """A model as declarations and files of cases write it.

    Args:
        value: a mapping; its keys are the fields of ``ModelSource``.

    Raises:
        TypeError: it is no mapping, or says too little.
        ValueError: a key or a value is none that there is.

    Example:
        >>> model_from({"provider": "openai", "model": "gpt-4o", "usage": "FILTER"}).usage
        <Usage.FILTER: 'FILTER'>
    """
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


def license_from(value: object) -> License:
    """A licence, in the same way; its keys are the fields of ``License``.

    Args:
        value: a mapping.

    Raises:
        TypeError: it is no mapping, or says too little.
        ValueError: a key or a value is none that there is.
    """
    data = _fields_of(value, License)
    if "acknowledgement" in data:
        data["acknowledgement"] = Acknowledgement(cast("str", data["acknowledgement"]))
    if "applies_to" in data:
        data["applies_to"] = LicenseScope(cast("str", data["applies_to"]))
    return License(**data)  # type: ignore[arg-type]
