"""When a rule applies: conditions on what was found, and how sure it is that they hold.

A condition on something that nobody knows (the day an answer was given, which of several licences
was chosen) may hold. Such a rule has its say, but it breaks no silence: of everything that may be
true the strictest counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from datetime import date
from enum import IntEnum, StrEnum
from fnmatch import fnmatchcase
from functools import cached_property
from typing import NamedTuple

from lineage_guard.domain.facts import Acknowledgement, Influence, ModelSource, Version
from lineage_guard.domain.names import channel_name, spellings_of
from lineage_guard.domain.rules.assets import ASKED_OF_ASSETS, AssetFacts
from lineage_guard.domain.rules.spdx import licenses_in, spellings
from lineage_guard.domain.rules.terms import Terms


class ReasonCode(StrEnum):
    """Why a finding exists. Stable: alerts, runbooks and dashboards key on it."""

    RESTRICTED_MODEL = "RESTRICTED_MODEL"
    PERMITTED_MODEL = "PERMITTED_MODEL"
    RESTRICTED_LICENSE = "RESTRICTED_LICENSE"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    UNKNOWN_CHANNEL = "UNKNOWN_CHANNEL"
    UNKNOWN_TERMS = "UNKNOWN_TERMS"
    NO_PROVENANCE = "NO_PROVENANCE"
    INCOMPLETE_PROVENANCE = "INCOMPLETE_PROVENANCE"
    OBSERVED_OTHER_MODEL = "OBSERVED_OTHER_MODEL"
    OBSERVED_OTHER_CHANNEL = "OBSERVED_OTHER_CHANNEL"
    OBSERVED_UNDECLARED_PROVIDER = "OBSERVED_UNDECLARED_PROVIDER"
    OBSERVED_DIGEST_UNKNOWN = "OBSERVED_DIGEST_UNKNOWN"
    INFERRED_DECLARATION = "INFERRED_DECLARATION"
    NO_RULE = "NO_RULE"
    GUARD_CANNOT_SEE = "GUARD_CANNOT_SEE"
    EXPECTATIONS_FAILED = "EXPECTATIONS_FAILED"
    EXPECTATIONS_NOT_RUN = "EXPECTATIONS_NOT_RUN"


class Origin(StrEnum):
    """Whose use of a model it was.

    Attributes:
        FIRST_PARTY: ours, or that of somebody whose events we collect: we, or they, accepted the terms.
        SECOND_HAND: that of somebody who published the data; the catalog knows of it, no run of ours did it.
    """

    FIRST_PARTY = "first_party"
    SECOND_HAND = "second_hand"


class Sure(IntEnum):
    """Whether conditions hold."""

    NO = 0
    MAYBE = 1
    YES = 2


class Case(NamedTuple):
    """What a rule is held against.

    Attributes:
        use: what the step is for.
        reason: why it is looked at.
        influence: whether content came through or only a choice.
        model: the model, if it is about one.
        terms: its terms, when they are known.
        license: SPDX expression of a licence of data, if it is about one.
        acknowledgement: who says that it is the licence.
        day: day of generation; ``None`` when nobody knows.
        second_hand: whether only the catalog knows of it.
    """

    use: str
    reason: ReasonCode
    influence: Influence = Influence.DIRECT
    model: ModelSource | None = None
    terms: Terms | None = None
    license: str | None = None
    acknowledgement: Acknowledgement | None = None
    day: date | None = None
    second_hand: bool = False

    def licenses(self) -> list[tuple[Acknowledgement, str]]:
        """The licences at issue: what is declared, and what the catalog concluded."""
        if self.license is not None:
            return [(self.acknowledgement or Acknowledgement.DECLARED, self.license)]
        declared = self.model.license if self.model else None
        concluded = self.terms.license if self.terms else None
        both = ((Acknowledgement.DECLARED, declared), (Acknowledgement.CONCLUDED, concluded))
        return [(who, text) for who, text in both if text]


@dataclass(frozen=True)
class Match:
    """Conditions that must all hold; an empty one holds always. Texts are shell patterns.

    A pattern that starts with ``!`` excludes: a value must match one of the plain patterns (if
    there are any) and no value may match an excluding one. Nothing is told apart by case.

    Attributes:
        use: uses, e.g. ``("train_*",)``.
        provider: providers as declared or as the terms name them.
        model: model ids.
        channel: channels.
        terms: catalog entry ids.
        restriction: restriction shapes.
        confidence: confidence of the catalog fact.
        reason: reason codes, for ``unresolved``, ``gap`` and ``observation`` rules.
        influence: ``direct`` or ``indirect``.
        origin: ``first_party`` or ``second_hand``.
        license: SPDX licence ids; of an expression all of them must match to be sure.
        acknowledgement: ``declared`` or ``concluded``: which licences ``license`` speaks of.
        dataset: where it was found: names, or ``namespace:name``.
        asset: what would be trained: names, or ``namespace:name``.
        asset_group: its group.
        asset_tag: its tags: a key alone, or ``key=value``.
        asset_kind: its kinds.
        asset_owner: its owners.
        generated_from: first day of generation; an unknown day may be any.
        generated_until: last day of generation.
    """

    use: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    restriction: tuple[str, ...] = ()
    confidence: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()
    influence: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()
    license: tuple[str, ...] = ()
    acknowledgement: tuple[str, ...] = ()
    dataset: tuple[str, ...] = ()
    asset: tuple[str, ...] = ()
    asset_group: tuple[str, ...] = ()
    asset_tag: tuple[str, ...] = ()
    asset_kind: tuple[str, ...] = ()
    asset_owner: tuple[str, ...] = ()
    generated_from: date | None = None
    generated_until: date | None = None

    def of(self, case: Case) -> Sure:
        """Whether every stated condition holds for one case, as far as anybody can tell."""
        sure = Sure.YES
        for name, patterns in self._stated:
            named = name == "license"
            found = _license(patterns, self.acknowledgement, case) if named else _plain(name, patterns, case)
            sure = min(sure, found)
            if sure is Sure.NO:
                return sure
        return min(sure, self._generated(case.day)) if self._dated else sure

    def holds_for_terms(self, use: str, terms: Terms) -> bool:
        """Whether it holds for terms whichever model they are applied to, wherever it is found."""
        # A provider is excluded by the model's own or by that of its terms; the terms show one of the two.
        beyond = self._beyond_terms or any(p.startswith("!") for p in self.provider)
        return not beyond and self.of(Case(use, ReasonCode.RESTRICTED_MODEL, terms=terms)) is Sure.YES

    def may_hold_for_terms(self, use: str, terms: Terms) -> bool:
        """Whether it holds for terms and some model, as far as the terms alone can tell."""
        about_terms = replace(self._without(_BEYOND_TERMS), provider=())
        return about_terms.of(Case(use, ReasonCode.RESTRICTED_MODEL, terms=terms)) is Sure.YES

    def holds_for_reason(self, use: str, reason: ReasonCode) -> Sure:
        """Whether it holds for a reason: YES whatever the model is, MAYBE for some."""
        about_reason = replace(self._without(_BEYOND_TERMS), provider=())
        if about_reason.of(Case(use, reason)) is not Sure.YES:
            return Sure.NO
        return Sure.YES if about_reason == self else Sure.MAYBE

    def on_dataset(self, version: Version) -> bool:
        """Whether the condition on where it was found holds."""
        return passes(self.dataset, names_of(version))

    def on_asset(self, version: Version, facts: AssetFacts | None) -> Match | None:
        """What is left to ask where this would be trained; ``None`` where the conditions on it do not hold.

        What is asked of the asset stays where nobody knows it: it may hold.

        Args:
            version: what would be trained.
            facts: what its definition says; ``None`` when that is not on record.
        """
        if not passes(self.asset, names_of(version)):
            return None
        asked = self.asks_of_asset
        if facts is None:
            return replace(self, asset=()) if self.asset else self
        if not all(passes(getattr(self, name), facts.values(name)) for name in asked):
            return None
        return replace(self, asset=(), **dict.fromkeys(asked, ())) if self.asset or asked else self

    @cached_property
    def asks_of_asset(self) -> tuple[str, ...]:
        """The conditions on the asset beside its name."""
        return tuple(name for name in ASKED_OF_ASSETS if getattr(self, name))

    def covers(self, other: Match) -> bool:
        """Whether it certainly holds wherever another does. May say no where it does."""
        if not all(_covers(getattr(self, f.name), getattr(other, f.name)) for f in fields(self) if f.name not in _DAYS):
            return False
        begins = self.generated_from is None or (
            other.generated_from is not None and self.generated_from <= other.generated_from
        )
        ends = self.generated_until is None or (
            other.generated_until is not None and self.generated_until >= other.generated_until
        )
        return begins and ends

    def _without(self, names: tuple[str, ...]) -> Match:
        return replace(self, generated_from=None, generated_until=None, **dict.fromkeys(names, ()))

    @cached_property
    def _stated(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        stated = ((f.name, getattr(self, f.name)) for f in fields(self) if f.name not in _DAYS)
        return tuple((name, tuple(p.lower() for p in patterns)) for name, patterns in stated if patterns)

    @property
    def _dated(self) -> bool:
        return self.generated_from is not None or self.generated_until is not None

    @cached_property
    def _beyond_terms(self) -> bool:
        return self._dated or any(getattr(self, name) for name in _BEYOND_TERMS)

    def _generated(self, day: date | None) -> Sure:
        if day is None:
            return Sure.MAYBE
        begun = self.generated_from is None or day >= self.generated_from
        over = self.generated_until is not None and day > self.generated_until
        return Sure.YES if begun and not over else Sure.NO


_DAYS = ("generated_from", "generated_until")
#: Conditions that ``Policy.on`` and ``Policy.at`` answer.
_ABOUT_PLACES = frozenset(("dataset", "asset", *ASKED_OF_ASSETS))
#: Conditions that terms alone cannot answer.
_BEYOND_TERMS = (
    "model",
    "channel",
    "influence",
    "origin",
    "license",
    "acknowledgement",
    "dataset",
    "asset",
    *ASKED_OF_ASSETS,
)


def passes(patterns: tuple[str, ...], values: list[str]) -> bool:
    """Whether values satisfy patterns: one plain one is matched, if there are any, and no excluding one.

    Args:
        patterns: shell patterns; ``!`` excludes.
        values: of one thing.

    Example:
        >>> passes(("train_*", "!train_voice"), ["train_text"])
        True
    """
    lowered = [v.lower() for v in values]
    wanted = False
    plain = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if any(fnmatchcase(v, pattern[1:].lower()) for v in lowered):
                return False
        else:
            plain = True
            wanted = wanted or any(fnmatchcase(v, pattern.lower()) for v in lowered)
    return wanted or not plain


def never(patterns: tuple[str, ...], always: bool) -> bool:
    """Whether nothing can satisfy patterns. May say no where nothing does.

    Args:
        patterns: shell patterns; ``!`` excludes.
        always: whether there is a value in every case.

    Example:
        >>> never(("gpt-4o", "!gpt-*"), always=True), never(("!*",), always=False)
        (True, False)
    """
    plain = [p.lower() for p in patterns if not p.startswith("!")]
    barred = [p[1:].lower() for p in patterns if p.startswith("!")]
    return all(_within(p, barred) for p in plain) if plain else always and "*" in barred


def names_of(version: Version) -> list[str]:
    """The names by which a condition may speak of a version."""
    return [version.name, f"{version.namespace}:{version.name}"]


def _plain(name: str, patterns: tuple[str, ...], case: Case) -> Sure:
    if name in _ABOUT_PLACES:
        # What those have not answered nobody knows.
        return Sure.MAYBE
    if name == "channel" and unstated(case.model):
        return Sure.MAYBE
    values, others = _values(name, case), _other_spellings(name, case)
    barred = tuple(p for p in patterns if p.startswith("!"))
    if passes(patterns, values):
        return Sure.YES if passes(barred, others) else Sure.MAYBE
    # One who names a model or a channel otherwise must not slip through; that it is the same is not certain.
    asked = (
        barred != patterns and passes(barred, values) and passes(tuple(p for p in patterns if p not in barred), others)
    )
    return Sure.MAYBE if asked else Sure.NO


def unstated(model: ModelSource | None) -> bool:
    """Whether nobody stated how a model was reached: it may have been through any channel."""
    return model is not None and not (model.channel or "").strip()


def _other_spellings(name: str, case: Case) -> list[str]:
    """What a stated model or channel may be called besides; nothing for other conditions."""
    model = case.model
    if model is None or name not in ("model", "channel"):
        return []
    if name == "channel":
        return [channel_name(model.channel) or ""]
    ids = spellings_of(model.model)
    owner = model.provider.strip()
    return [*ids, *(f"{owner}/{id}".lower() for id in ids if "/" not in model.model)]


def _values(name: str, case: Case) -> list[str]:
    model, terms = case.model, case.terms
    match name:
        case "use":
            return [case.use]
        case "provider":
            return [p for p in (model and model.provider, terms and terms.provider) if p]
        case "model":
            return [model.model] if model else []
        case "channel":
            return [model.channel] if model and model.channel else []
        case "terms":
            return [terms.id] if terms else []
        case "restriction":
            return list(terms.restrictions) if terms else []
        case "confidence":
            return [terms.confidence] if terms else []
        case "influence":
            return [case.influence]
        case "origin":
            return [Origin.SECOND_HAND if case.second_hand else Origin.FIRST_PARTY]
        case "acknowledgement":
            return [who for who, _ in case.licenses()]
        case _:
            return [case.reason]


def _license(patterns: tuple[str, ...], acknowledgement: tuple[str, ...], case: Case) -> Sure:
    stated = [text for who, text in case.licenses() if passes(acknowledgement, [who])]
    ids = [id for text in stated for id in licenses_in(text)]
    matching = [passes(patterns, list(spellings(id))) for id in ids]
    if not any(matching):
        return Sure.NO
    return Sure.YES if all(matching) else Sure.MAYBE


def _covers(wider: tuple[str, ...], narrower: tuple[str, ...]) -> bool:
    """Whether every value that passes the one passes the other."""
    plain, other = ([p.lower() for p in ps if not p.startswith("!")] for ps in (wider, narrower))
    barred, others = ([p[1:].lower() for p in ps if p.startswith("!")] for ps in (wider, narrower))
    if plain and (not other or not all(_within(p, plain) for p in other)):
        return False
    return all(_within(p, others) for p in barred)


def _within(pattern: str, patterns: list[str]) -> bool:
    """Whether whatever matches a pattern certainly matches one of others, e.g. ``xai*`` of ``x*``."""
    head = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
    if pattern in patterns or (head == pattern and any(fnmatchcase(pattern, p) for p in patterns)):
        return True
    return any(p.endswith("*") and p[:-1] == re.split(r"[*?\[]", p)[0] and head.startswith(p[:-1]) for p in patterns)
