"""Policy: what an organisation makes of terms, unknowns and gaps, as rules that add up.

Every rule that matches has its say and the strictest wins, so adding a rule can only make a
policy narrower and the order of rules means nothing. What no rule speaks of is UNKNOWN, not
allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase

from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.terms import Effect, Terms, TermsSource, is_training


class Subject(StrEnum):
    """What a rule speaks of."""

    MODEL = "model"
    UNRESOLVED = "unresolved"
    GAP = "gap"
    OBSERVATION = "observation"


class ReasonCode(StrEnum):
    """Why a finding exists. Stable: alerts, runbooks and dashboards key on it."""

    RESTRICTED_MODEL = "RESTRICTED_MODEL"
    PERMITTED_MODEL = "PERMITTED_MODEL"
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


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions that must all hold; an empty one holds always. Texts are shell patterns.

    A pattern that starts with ``!`` excludes: a value must match one of the plain patterns (if
    there are any) and no value may match an excluding one.

    Attributes:
        use: uses, e.g. ``("train_*",)``.
        provider: providers as declared or as the terms name them, compared without case.
        model: model ids, compared without case.
        channel: channels, compared without case.
        terms: catalog entry ids.
        restriction: restriction shapes.
        confidence: confidence of the catalog fact.
        reason: reason codes, for ``unresolved``, ``gap`` and ``observation`` rules.
    """

    use: tuple[str, ...] = ()
    provider: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    channel: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    restriction: tuple[str, ...] = ()
    confidence: tuple[str, ...] = ()
    reason: tuple[str, ...] = ()

    def holds(self, use: str, model: ModelSource | None, terms: Terms | None, reason: ReasonCode) -> bool:
        """Whether every stated condition holds for one subject."""
        providers = [p for p in (model and model.provider, terms and terms.provider) if p]
        return (
            _any(self.use, [use])
            and _any(self.provider, providers)
            and _any(self.model, [model.model] if model else [])
            and _any(self.channel, [model.channel] if model and model.channel else [])
            and _any(self.terms, [terms.id] if terms else [])
            and _any(self.restriction, list(terms.restrictions) if terms else [])
            and _any(self.confidence, [terms.confidence] if terms else [])
            and _any(self.reason, [reason])
        )

    def holds_for_terms(self, use: str, terms: Terms) -> bool:
        """Whether it holds for terms whichever model they are applied to."""
        # A provider is excluded by the model's own or by that of its terms; the terms show one of the two.
        about_models = self.model or self.channel or any(p.startswith("!") for p in self.provider)
        return not about_models and self.holds(use, None, terms, ReasonCode.RESTRICTED_MODEL)

    def may_hold_for_terms(self, use: str, terms: Terms) -> bool:
        """Whether it holds for terms and some model, as far as the terms alone can tell."""
        about_terms = replace(self, model=(), channel=(), provider=())
        return about_terms.holds(use, None, terms, ReasonCode.RESTRICTED_MODEL)


def _any(patterns: tuple[str, ...], values: list[str]) -> bool:
    wanted = [p.lower() for p in patterns if not p.startswith("!")]
    unwanted = [p[1:].lower() for p in patterns if p.startswith("!")]
    lowered = [v.lower() for v in values]
    if any(fnmatchcase(v, p) for v in lowered for p in unwanted):
        return False
    return not wanted or any(fnmatchcase(v, p) for v in lowered for p in wanted)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, which describes itself.

    Attributes:
        id: stable name, shown in every finding and used by waivers and runbooks.
        on: what it speaks of.
        effect: what follows; ``None`` means "as the terms say for this use".
        reason: why the organisation wants this, in one sentence.
        fix: what a blocked person can do, in one or two sentences. Required.
        match: when it applies.
        at_most: ceiling of the effect, for a rule that follows the terms but only warns.
    """

    id: str
    on: Subject
    effect: Effect | None
    reason: str
    fix: str
    match: Match = field(default_factory=Match)
    at_most: Effect = Effect.BLOCK

    def effect_of(self, terms: Terms | None, use: str) -> Effect:
        """What follows from this rule for a use, given the terms where there are any."""
        if self.effect is not None:
            return min(self.effect, self.at_most)
        return min(terms.effect_on(use) if terms else Effect.UNKNOWN, self.at_most)


@dataclass(frozen=True)
class Policy:
    """A named set of rules over a terms source.

    Attributes:
        name: shown in verdicts.
        rules: in any order.
        terms: where the facts about models come from.
        counts_indirect: whether models that only filtered, scored or prompted count too.
        unknown_blocks: whether UNKNOWN stops training.
        digest: ``sha256:`` over rules and terms.
        version: label of the policy file.
        description: one paragraph.
    """

    name: str
    rules: tuple[Rule, ...]
    terms: TermsSource
    counts_indirect: bool = False
    unknown_blocks: bool = True
    digest: str = ""
    version: str = ""
    description: str = ""

    def stops(self, effect: Effect, use: str) -> bool:
        """Whether an effect keeps a step with this use from running."""
        if effect is Effect.UNKNOWN:
            return self.unknown_blocks and is_training(use)
        return effect is Effect.BLOCK

    def restricted_terms(self, use: str, all_terms: tuple[Terms, ...]) -> tuple[str, ...]:
        """Ids of the terms that would stop a use under this policy: the suites' parameter.

        A rule that speaks of some models or channels only says nothing about terms as such and
        is not counted; ``decide`` counts it. Terms no rule speaks of at all are UNKNOWN there,
        and so they are here.
        """
        return tuple(t.id for t in all_terms if self._stops_terms(use, t))

    def _stops_terms(self, use: str, terms: Terms) -> bool:
        rules = [r for r in self.rules if r.on is Subject.MODEL]
        effects = [r.effect_of(terms, use) for r in rules if r.match.holds_for_terms(use, terms)]
        if not any(r.match.may_hold_for_terms(use, terms) for r in rules):
            effects.append(Effect.UNKNOWN)
        return any(self.stops(e, use) for e in effects)
