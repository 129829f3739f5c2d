"""Declarations: what an author says about an asset, carried by Dagster's own metadata and tags.

Everything here returns plain metadata or tags, so it works on any asset kind: ``@asset``,
``@multi_asset`` specs, ``@graph_asset``, ``AssetSpec`` and external assets.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Optional, TypeVar, cast

from dagster import JsonMetadataValue, MetadataValue, TextMetadataValue

from lineage_guard.dagster.compat import NamespacedMetadataSet
from lineage_guard.dagster.keys import DECLARATION_KEY, NAMESPACE, USE_TAG, WRITES_KEY, is_use
from lineage_guard.dagster.keys import use_of as use_of
from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Assertion, Completeness, Influence, License, ModelSource, Usage
from lineage_guard.domain.rules.terms import TRAIN_COMPETING

APPEND = "append"
OVERWRITE = "overwrite"
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9_][\w.-]*)?")
_E = TypeVar("_E", Completeness, Usage, Influence)


class DeclarationMetadata(NamespacedMetadataSet):
    """Dagster metadata under ``lineage_guard/``.

    Attributes:
        declaration: the declaration as JSON, readable in the Dagster UI.
        writes: ``"append"`` or ``"overwrite"``.
    """

    # Dagster before 1.12 does not read ``X | None`` here.
    declaration: Optional[JsonMetadataValue] = None  # noqa: UP045
    writes: Optional[str] = None  # noqa: UP045

    @classmethod
    def namespace(cls) -> str:
        """The prefix of the keys."""
        return NAMESPACE


def declare(
    *sources: ModelSource,
    licenses: Sequence[License | str] = (),
    completeness: Completeness = Completeness.COMPLETE,
    artefact: str | None = None,
    indirect: Sequence[str] = (),
    writes: str | None = None,
    note: str | None = None,
    asset: str | None = None,
    column_lineage: Completeness = Completeness.UNKNOWN,
    parents: Sequence[str] = (),
) -> dict[str, Any]:
    """Say which models made an asset's data. Returns asset metadata.

    Args:
        sources: every model that took part, whatever it did; see ``ModelSource``.
        licenses: licences of the data itself, as ``License`` or SPDX expressions.
        completeness: INCOMPLETE when other models or inputs may have taken part.
        artefact: public id, when the asset is a known public dataset or model.
        indirect: names of upstream assets that only chose among rows (a ranker's scores,
            prompts): their models then count as INDIRECT here.
        writes: ``"append"`` when a run adds to what is there: all earlier runs then stay
            among its ancestors, until one says ``"overwrite"``. On an asset with nothing
            else to declare, set the metadata ``lineage_guard/writes`` instead.
        note: one sentence for a reader.
        asset: name of the asset, for error messages.
        column_lineage: COMPLETE when the ``TableColumnLineage`` that its materialisations record names
            every source of every column. Upstream assets that no column is made from then count as
            INDIRECT; what is recorded must agree, or all count as content. See docs/influence.md.
        parents: Hugging Face ids of public datasets or models it was made from, when no asset stands for
            them. They are followed like upstream assets; see also ``public_assets``.

    Raises:
        DeclarationError: for an empty declaration, an unnamed model, a licence that is no
            SPDX expression or a way to write that is none.

    Example:
        >>> gpt = ModelSource(provider="openai", model="gpt-4o", channel="api.openai.com")
        >>> metadata = {"team": "data", **declare(gpt, licenses=["LicenseRef-internal"])}
        >>> sorted(metadata)
        ['lineage_guard/declaration', 'team']
    """
    where = asset or _caller()
    declaration = Declaration(
        models=tuple(checked_source(s, where) for s in sources),
        licenses=_checked_licenses(licenses, where),
        completeness=_enum(Completeness, completeness, where),
        artefact=artefact,
        indirect=tuple(indirect),
        note=note,
        column_lineage=_enum(Completeness, column_lineage, where),
        parents=_checked_parents(parents, where),
    )
    if declaration == Declaration():
        raise DeclarationError(
            "the declaration says nothing",
            where=where,
            fix="name a ModelSource; for data that no model made, use lineage_guard.source(human=True) or (origin=...)",
        )
    metadata = metadata_of(declaration)
    if writes is not None:
        metadata[WRITES_KEY] = _checked_writes(writes, where)
    return metadata


def source(
    *,
    human: bool = False,
    origin: str | None = None,
    artefact: str | None = None,
    license: str | License | Sequence[str | License] = (),
    note: str | None = None,
    asset: str | None = None,
) -> dict[str, Any]:
    """Register where data comes from that no model of this deployment made. Returns asset metadata.

    An asset without inputs and without a declaration has unknown provenance, which blocks
    training. This is how to say where it comes from.

    Args:
        human: people made it and no model did.
        origin: where it comes from, in words or as a URL. It is a statement that no model
            other than a known ancestor of ``artefact`` took part.
        artefact: public id, e.g. ``"HuggingFaceTB/smoltalk"``. Alone, it means "whatever is
            known of it": what the catalog does not know stays unknown.
        license: licence or licences of the data, as SPDX expressions.
        note: one sentence for a reader.
        asset: name of the asset, for error messages.

    Raises:
        DeclarationError: when none of ``human``, ``origin`` and ``artefact`` is given, or a
            licence is no SPDX expression.

    Example:
        >>> declaration_of(source(human=True, license="CC0-1.0")).human
        True
    """
    where = asset or _caller()
    if not (human or origin or artefact):
        raise DeclarationError(
            "source() does not say where the data comes from",
            where=where,
            fix='give human=True, origin="..." or artefact="org/name"',
        )
    licenses = (license,) if isinstance(license, str | License) else license
    return metadata_of(
        Declaration(
            licenses=_checked_licenses(licenses, where), artefact=artefact, human=human, origin=origin, note=note
        )
    )


def metadata_of(declaration: Declaration) -> dict[str, Any]:
    """The Dagster metadata that carries a declaration."""
    return dict(DeclarationMetadata(declaration=MetadataValue.json(declaration.to_json())))


def declaration_of(metadata: Mapping[str, Any], asset: str | None = None) -> Declaration | None:
    """Read the declaration from the metadata of an asset or of a materialisation.

    Args:
        metadata: Dagster metadata, raw or as ``MetadataValue``.
        asset: name of the asset, for the error.

    Returns:
        The declaration, or ``None`` when there is none.

    Raises:
        DeclarationError: when there is one that cannot be read; it never counts as absent.
    """
    value: object = metadata.get(DECLARATION_KEY)
    if value is None:
        return None
    return Declaration.from_json(value.data if isinstance(value, JsonMetadataValue) else value, where=asset)


def declared_writes(metadata: Mapping[str, Any]) -> str | None:
    """How an asset is declared to write, ``"append"`` or ``"overwrite"``; ``None`` when nothing is said.

    Args:
        metadata: Dagster metadata, raw or as ``MetadataValue``.

    Raises:
        DeclarationError: for any other word; it is never read as "overwrites".
    """
    value: object = metadata.get(WRITES_KEY)
    if value is None:
        return None
    return _checked_writes(value.value if isinstance(value, TextMetadataValue) else value, WRITES_KEY)


def training(use: str = TRAIN_COMPETING) -> dict[str, str]:
    """Mark an asset as a training step for a use. Returns asset tags.

    Args:
        use: one of ``lineage_guard.domain.rules.terms.USES`` or a name of your own that your policy
            knows: letters, digits, ``_``, ``-`` and ``.``, at most 63.

    Raises:
        DeclarationError: when the name cannot be a Dagster tag value.

    Example:
        >>> training(use="train_internal_classifier")
        {'lineage_guard/use': 'train_internal_classifier'}
    """
    if not is_use(use):
        raise DeclarationError(
            f"{use!r} cannot be the name of a use",
            where=_caller(),
            fix="use letters, digits, '_', '-' and '.', at most 63 of them",
        )
    return {USE_TAG: use}


def checked_source(value: ModelSource, where: str) -> ModelSource:
    """A model as its author may declare it.

    Args:
        value: what was given.
        where: place, for the error.

    Raises:
        DeclarationError: when it is no ModelSource, or names no provider or model.
    """
    given = cast("object", value)
    if not isinstance(given, ModelSource):
        raise DeclarationError(
            f"{given!r} is not a ModelSource",
            where=where,
            fix='write ModelSource(provider="openai", model="gpt-4o", channel="api.openai.com")',
        )
    for name in ("provider", "model"):
        if not str(getattr(value, name) or "").strip():
            raise DeclarationError(f"a ModelSource has no {name}", where=where, fix=f"name its {name}")
    if value.license is not None:
        _checked_licenses([value.license], where)
    try:
        "".join(str(getattr(value, f.name)) for f in fields(value)).encode()
    except UnicodeEncodeError as error:
        raise DeclarationError(
            f"a ModelSource holds what is no text: {error.reason}", where=where, fix="spell it in Unicode characters"
        ) from None
    if value.generated_at is not None and value.generated_at.tzinfo is None:
        raise DeclarationError(
            f"generated_at {value.generated_at} has no time zone", where=where, fix="use datetime(..., tzinfo=UTC)"
        )
    influence = value.influence and _enum(Influence, value.influence, where)
    return replace(value, usage=_enum(Usage, value.usage, where), influence=influence, asserted_by=Assertion.DECLARED)


def _checked_parents(values: Sequence[str], where: str) -> tuple[str, ...]:
    given = (values,) if isinstance(values, str) else tuple(values)
    for each in given:
        if not _HUB_ID.fullmatch(str(each)):
            raise DeclarationError(
                f"{each!r} is no Hugging Face id", where=where, fix='write "org/name", as at the top of its page'
            )
    return given


def _checked_writes(value: object, where: str) -> str:
    if value not in (APPEND, OVERWRITE):
        raise DeclarationError(
            f"{value!r} is no way to write", where=where, fix=f'use "{APPEND}" or "{OVERWRITE}", in lower case'
        )
    return str(value)


def _checked_licenses(values: Sequence[License | str], where: str) -> tuple[License, ...]:
    from lineage_guard.domain.rules.spdx import expression_error

    if isinstance(values, str):
        values = (values,)
    out = tuple(License(v) if isinstance(v, str) else v for v in values)
    for item in out:
        if error := expression_error(item.expression):
            raise DeclarationError(
                f"licence: {error}",
                where=where,
                fix='use an SPDX expression, or "LicenseRef-<name>" for a text outside the SPDX list',
            )
    return out


def _enum(kind: type[_E], value: object, where: str) -> _E:
    try:
        return kind(str(value))
    except ValueError:
        choices = ", ".join(kind)
        raise DeclarationError(
            f"{value!r} is not a {kind.__name__}", where=where, fix=f"use one of {choices}"
        ) from None


def _caller() -> str:
    """File and line of the first caller outside this package, where the mistake is."""
    frame = inspect.currentframe()
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("lineage_guard."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "a declaration"
