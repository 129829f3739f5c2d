"""What a step learns from at the root: the models that answered and the data that has a licence, with their terms."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from lineage_guard.domain.facts import Influence, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.reached import terms_day
from lineage_guard.domain.rules.terms import TermsSource

#: Versions that share a licence, of which names are looked at.
_LOOKED_AT = 500


class SourceKind(StrEnum):
    """MODEL: a model that took part. PUBLIC: a known public dataset or model. DATA: other data with its own licence."""

    MODEL = "MODEL"
    PUBLIC = "PUBLIC"
    DATA = "DATA"


@dataclass(frozen=True, slots=True)
class Source:
    """One source.

    Attributes:
        kind: what it is.
        name: the model and its channel, or the data.
        usage: what the model did; empty for data.
        terms: ids of catalog entries and SPDX expressions that bind; empty when none is known.
        influence: whether content or only a choice came through.
        found_in: one version of it, or that was made with it.
        versions: how many versions show the same.
    """

    kind: SourceKind
    name: str
    usage: str
    terms: tuple[str, ...]
    influence: Influence
    found_in: Version
    versions: int


def sources(closure: Closure, terms: TermsSource, most: int = 50) -> tuple[Source, ...]:
    """The sources of a step, models first, nearest first.

    Nothing is decided by it: the verdict speaks of the same closure, and this says what it was reached from.

    Args:
        closure: everything upstream of the step, and its own models.
        terms: of the policy.
        most: how many to name; what binds most is not sorted to the front.

    Raises:
        LedgerError: when the closure's index has become unreadable.

    Example:
        >>> from lineage_guard.domain.lineage.closure import close
        >>> from lineage_guard.domain.facts import Input, License, ModelSource, Production
        >>> from lineage_guard.domain.rules.terms import FixedTerms
        >>> llama, mit = ModelSource("meta", "llama"), License("MIT")
        >>> text = Production((Version("d", "text"),), models=(llama,), licenses=(mit,))
        >>> step = Production((Version("d", "student"),), inputs=(Input(Version("d", "text")),))
        >>> [(s.kind.value, s.name, s.terms) for s in sources(close(step, [text]), FixedTerms({}))]
        [('MODEL', 'meta/llama', ()), ('DATA', 'd:text', ('MIT',))]
    """
    models: dict[tuple[object, ...], Source] = {}
    data: dict[tuple[object, ...], Source] = {}
    for kind, indexes in closure.rows.kinds():
        for model in kind.models:
            day = terms_day(model.generated_at) or kind.day
            bound = tuple(dict.fromkeys(layer.id for layer in terms.resolve(model, day).layers))
            influence = kind.influence if model.direct else Influence.INDIRECT
            key = (str(model), model.usage, influence, bound)
            if key in models or len(models) < most:
                first = models[key].found_in if key in models else closure.rows.versions(indexes[:1])[0]
                found = Source(SourceKind.MODEL, str(model), model.usage.value, bound, influence, first, len(indexes))
                models[key] = _more(models.get(key), found)
        if kind.licenses or kind.artefact:
            licences = tuple(dict.fromkeys(x.expression for x in kind.licenses))
            for version in closure.rows.versions(indexes[:_LOOKED_AT]):
                name = kind.artefact or f"{version.namespace}:{version.name}"
                key = (name, kind.influence, licences)
                if key in data or len(data) < most:
                    what = SourceKind.PUBLIC if kind.artefact else SourceKind.DATA
                    found = Source(what, name, "", licences, kind.influence, version, 1)
                    data[key] = _more(data.get(key), found)
    return (*models.values(), *data.values())[:most]


def _more(known: Source | None, found: Source) -> Source:
    return found if known is None else replace(known, versions=known.versions + found.versions)
