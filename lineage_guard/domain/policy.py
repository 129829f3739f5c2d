"""Policy: what an organisation makes of terms, unknowns and gaps, as rules that add up.

Every rule that matches has its say and the strictest wins, so adding a rule can only make a
policy narrower and the order of rules means nothing. What no rule speaks of is UNKNOWN, not
allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.terms import Effect, Terms, TermsSource, is_training


class Subject(StrEnum):
    """What a rule speaks of."""

    MODEL = "model"
    UNRESOLVED = "unresolved"
    GAP = "gap"


class ReasonCode(StrEnum):
    """Why a finding exists. Stable: alerts, runbooks and dashboards key on it."""

    RESTRICTED_MODEL = "RESTRICTED_MODEL"
    PERMITTED_MODEL = "PERMITTED_MODEL"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    UNKNOWN_CHANNEL = "UNKNOWN_CHANNEL"
    UNKNOWN_TERMS = "UNKNOWN_TERMS"
    NO_PROVENANCE = "NO_PROVENANCE"
    INCOMPLETE_PROVENANCE = "INCOMPLETE_PROVENANCE"
    NO_RULE = "NO_RULE"
    GUARD_CANNOT_SEE = "GUARD_CANNOT_SEE"
    EXPECTATIONS_FAILED = "EXPECTATIONS_FAILED"
    EXPECTATIONS_NOT_RUN = "EXPECTATIONS_NOT_RUN"


@dataclass(frozen=True, slots=True)
class Match:
    """Conditions that must all hold; an empty one holds always. Texts are shell patterns.

    Attributes:
        use: uses, e.g. ``("train_*",)``.
        provider: providers as declared or as the terms name them, compared without case.
        model: model ids, compared without case.
        channel: channels, compared without case.
        terms: catalog entry ids.
        restriction: restriction shapes.
        confidence: confidence of the catalog fact.
        reason: reason codes, for ``unresolved`` and ``gap`` rules.
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


def _any(patterns: tuple[str, ...], values: list[str]) -> bool:
    if not patterns:
        return True
    return any(fnmatchcase(v.lower(), p.lower()) for v in values for p in patterns)


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
    """

    id: str
    on: Subject
    effect: Effect | None
    reason: str
    fix: str
    match: Match = field(default_factory=Match)


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
        """Ids of the terms that would stop a use under this policy: the suites' parameter."""
        return tuple(
            t.id
            for t in all_terms
            if any(
                rule.on is Subject.MODEL
                and rule.match.holds(use, None, t, ReasonCode.RESTRICTED_MODEL)
                and self.stops(t.effect_on(use) if rule.effect is None else rule.effect, use)
                for rule in self.rules
            )
        )
