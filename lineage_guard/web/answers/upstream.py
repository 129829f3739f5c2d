"""The models and licences upstream of a version, all of them, whatever the rules make of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage_guard.domain.lineage.closure import Closure


@dataclass(frozen=True, slots=True)
class ModelUpstream:
    """A model that took part.

    Attributes:
        provider: who offers it.
        model: its id.
        name: with its channel, in words.
        usages: what it did.
        versions: how many versions it took part in.
    """

    provider: str
    model: str
    name: str
    usages: tuple[str, ...]
    versions: int


@dataclass(frozen=True, slots=True)
class LicenseUpstream:
    """A licence of something upstream.

    Attributes:
        expression: SPDX expression.
        scope: what it applies to.
        said: declared or concluded.
        versions: how many versions have it.
    """

    expression: str
    scope: str
    said: str
    versions: int


@dataclass(frozen=True, slots=True)
class Upstream:
    """What a version was made from, in sums; the most frequent first.

    Attributes:
        models: models.
        licenses: licences.
    """

    models: tuple[ModelUpstream, ...]
    licenses: tuple[LicenseUpstream, ...]


def upstream_of(closure: Closure) -> Upstream:
    """The models and licences of a closure.

    Args:
        closure: with public ancestry.
    """
    models: Counter[tuple[str, str, str]] = Counter()
    usages: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    licenses: Counter[tuple[str, str, str]] = Counter()
    for kind, indexes in closure.rows.kinds():
        for key in {(m.provider, m.model, str(m)) for m in kind.models}:
            models[key] += len(indexes)
        for model in kind.models:
            usages[model.provider, model.model, str(model)].add(model.usage.value.replace("_", " "))
        for key in {(x.expression, x.applies_to.value, x.acknowledgement.value) for x in kind.licenses}:
            licenses[key] += len(indexes)
    return Upstream(
        tuple(ModelUpstream(*key, tuple(sorted(usages[key])), n) for key, n in _often(models)),
        tuple(LicenseUpstream(*key, n) for key, n in _often(licenses)),
    )


def _often(counted: Counter[tuple[str, str, str]]) -> list[tuple[tuple[str, str, str], int]]:
    return sorted(counted.items(), key=lambda item: (-item[1], item[0]))
