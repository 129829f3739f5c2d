"""Provenance: what follows from what an asset's author declares, and from silence.

The rule of this module is "missing is never clean". An asset that says nothing and reads
nothing came from somewhere, so its record is INCOMPLETE until somebody says from where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.facts import Assertion, Completeness, License, ModelSource

_PARTIAL = "its author says that more may have taken part than is declared"


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
