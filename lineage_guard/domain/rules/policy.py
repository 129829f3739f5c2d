"""Policy: what an organisation makes of terms, unknowns and gaps, as rules that add up.

Every rule that matches has its say and the strictest wins, so adding a rule can only make a
policy narrower and the order of rules means nothing. What no rule speaks of is UNKNOWN, not
allowed.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import Any

from lineage_guard.domain.facts import Version
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.matching import Case, Match, ReasonCode, Sure
from lineage_guard.domain.rules.organisation import Applied, Organisation
from lineage_guard.domain.rules.terms import Effect, Terms, TermsSource, is_training

__all__ = ["Case", "Match", "Policy", "ReasonCode", "Rule", "Subject", "Sure"]


class Subject(StrEnum):
    """What a rule speaks of."""

    MODEL = "model"
    UNRESOLVED = "unresolved"
    GAP = "gap"
    OBSERVATION = "observation"
    LICENSE = "license"


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
        narrows: whether it was added to an imported policy: it has its say, but where the imported one is
            silent the silence remains, and a licence that is to be got first is not had by it.
    """

    id: str
    on: Subject
    effect: Effect | None
    reason: str
    fix: str
    match: Match = field(default_factory=Match)
    at_most: Effect = Effect.BLOCK
    narrows: bool = False

    def effect_of(self, terms: Terms | None, use: str, organisation: Organisation | None = None) -> Effect:
        """What follows from this rule for a use, given the terms where there are any."""
        return self.applied(terms, use, organisation).effect

    def applied(self, terms: Terms | None, use: str, organisation: Organisation | None = None) -> Applied:
        """The same, with the facts about the organisation that made it so."""
        if self.effect is not None:
            return Applied(min(self.effect, self.at_most))
        if terms is None:
            return Applied(min(Effect.UNKNOWN, self.at_most))
        said = organisation.apply(terms, use) if organisation else Applied(terms.effect_on(use))
        return said._replace(effect=min(said.effect, self.at_most))


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
        organisation: what decides terms that bind some and not others.
        uses: names of uses of its own.
        imports: names of the policies it narrows, nearest first.
    """

    name: str
    rules: tuple[Rule, ...]
    terms: TermsSource
    counts_indirect: bool = False
    unknown_blocks: bool = True
    digest: str = ""
    version: str = ""
    description: str = ""
    organisation: Organisation = field(default_factory=Organisation)
    uses: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()

    def lets_choose(self, rule: Rule) -> bool:
        """Whether what a further rule on licences speaks of may be had by it, though it is to be got first.

        A policy that has rules on licences lets nobody choose what none of them speaks of. One that has none leaves
        it to whoever adds some.
        """
        mine = self.about(Subject.LICENSE)
        return not mine or any(r.match.covers(rule.match) for r in mine if not r.narrows)

    def stops(self, effect: Effect, use: str) -> bool:
        """Whether an effect keeps a step with this use from running."""
        if effect is Effect.UNKNOWN:
            return self.unknown_blocks and is_training(use)
        return effect is Effect.BLOCK

    def on(self, target: Version, facts: AssetFacts | None = None) -> Policy:
        """The rules that speak of a target, with their conditions on it met, or left where nobody knows.

        Args:
            target: what would be trained.
            facts: what the definition of the asset says of it; ``None`` when that is not on record.
        """
        if not (self._names_assets or self.asks_of_assets):
            return self
        about = ((r, r.match.on_asset(target, facts)) for r in self.rules)
        return replace(self, rules=tuple(replace(r, match=left) for r, left in about if left is not None))

    def about(self, on: Subject) -> tuple[Rule, ...]:
        """The rules on a subject."""
        return self._by_subject.get(on, ())

    @cached_property
    def _by_subject(self) -> dict[Subject, tuple[Rule, ...]]:
        return {on: tuple(r for r in self.rules if r.on is on) for on in Subject}

    @cached_property
    def met(self) -> dict[tuple[int, str], tuple[object, Any]]:
        """What ``judging`` has worked out about kinds of rows under these rules. It changes no answer."""
        return {}

    @cached_property
    def used(self) -> dict[tuple[object, ...], tuple[object, Any]]:
        """The same about models."""
        return {}

    @cached_property
    def asks_when(self) -> bool:
        """Whether any rule has a condition on the day of generation."""
        return any(r.match.generated_from or r.match.generated_until for r in self.rules)

    @cached_property
    def _names_assets(self) -> bool:
        return any(r.match.asset for r in self.rules)

    @cached_property
    def asks_of_assets(self) -> bool:
        """Whether any rule has a condition on the asset beside its name."""
        return any(r.match.asks_of_asset for r in self.rules)

    @cached_property
    def asks_where(self) -> bool:
        """Whether any rule has a condition on the dataset where something was found."""
        return any(r.match.dataset for r in self.rules)

    def at(self, version: Version) -> Policy:
        """The rules that speak of what is found in a version, with their conditions on it met."""
        about = (r for r in self.rules if r.match.on_dataset(version))
        return replace(self, rules=tuple(replace(r, match=replace(r.match, dataset=())) for r in about))

    def restricted_terms(self, use: str, all_terms: tuple[Terms, ...]) -> tuple[str, ...]:
        """Ids of the terms that would stop a use under this policy: the suites' parameter.

        A rule that speaks of some models, channels or datasets only says nothing about terms as
        such and is not counted; ``decide`` counts it. Terms no rule speaks of at all are UNKNOWN
        there, and so they are here.
        """
        return tuple(t.id for t in all_terms if self._stops_terms(use, t))

    def stops_reason(self, use: str, on: Subject, reason: ReasonCode) -> bool:
        """Whether a reason stops the use whatever the model is, and wherever it is found."""
        held = [(r, r.match.holds_for_reason(use, reason)) for r in self.rules if r.on is on]
        effects = [r.effect_of(None, use) for r, sure in held if sure is Sure.YES]
        if all(sure is Sure.NO for r, sure in held if not r.narrows):
            effects.append(Effect.UNKNOWN)
        return any(self.stops(e, use) for e in effects)

    def _stops_terms(self, use: str, terms: Terms) -> bool:
        rules = [r for r in self.rules if r.on is Subject.MODEL]
        said = (r.effect_of(terms, use, self.organisation) for r in rules if r.match.holds_for_terms(use, terms))
        effects = list(said)
        if not any(r.match.may_hold_for_terms(use, terms) for r in rules if not r.narrows):
            effects.append(Effect.UNKNOWN)
        return any(self.stops(e, use) for e in effects)
