"""What an organisation says of itself, and what that decides where terms depend on it.

"Not to compete with us", "not commercially", "up to 700 million monthly users": terms like these
bind some and not others. What is not said is taken as the catalog proposes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from lineage_guard.domain.rules.terms import (
    TRAIN_COMPETING,
    TRAIN_INTERNAL_GENERATIVE,
    Above,
    Confidence,
    Effect,
    Restriction,
    Terms,
    is_training,
)


class Purpose(StrEnum):
    """What an organisation works for."""

    COMMERCIAL = "commercial"
    RESEARCH = "research"


class Applied(NamedTuple):
    """What terms mean for an organisation.

    Attributes:
        effect: what follows.
        note: which of its facts made it another than the terms propose; empty when none did.
    """

    effect: Effect
    note: str = ""


_DUTIES = frozenset({Restriction.NAMING_DUTY, Restriction.LICENSE_FLOWS_DOWN})
_WHATEVER_IT_IS_FOR = frozenset({Restriction.NON_COMMERCIAL_OUTPUT, Restriction.OTHER_MODEL_FAMILIES})


@dataclass(frozen=True)
class Organisation:
    """Facts about whoever trains, and about what is trained. ``None``: not said.

    Attributes:
        competes_with: providers it competes with, as the terms name them, lower case. Everybody when ``None``.
        purpose: commercial, or research that is not.
        distributes_models: whether trained models leave the house, as weights or as a service.
        monthly_users: monthly active users of all its products.
        annual_revenue_usd: annual revenue in US dollars.
        student: of each base model of what is trained the ids of the terms that bind it. No policy file says
            this; ``judging.rules_for`` takes it from the step that trains.

    Example:
        >>> Organisation(monthly_users=900_000_000).apply(Terms("llama", "Meta", "", "", {}), "evaluate").effect.name
        'UNKNOWN'
    """

    competes_with: tuple[str, ...] | None = None
    purpose: Purpose | None = None
    distributes_models: bool | None = None
    monthly_users: int | None = None
    annual_revenue_usd: int | None = None
    student: tuple[frozenset[str], ...] = ()

    def apply(self, terms: Terms, use: str) -> Applied:
        """What terms mean for a use.

        ========================  ==================================================================
        the terms                 and the organisation
        ========================  ==================================================================
        bar competing models      does not compete with this provider: what they say of an internal model, at
                                  least a warning
        bar other model families  trains a model whose base models are all of a family they leave open: a warning
        non-commercial output     does research: a warning; is commercial: training stops
        naming duty, licence      distributes no models: nothing, while that holds
        that flows down
        users, revenue            has more: stops, or a warning where only a duty follows
        ========================  ==================================================================

        A bar falls only when all the restrictions of the terms that bar something fall; where nobody has read the
        text, what it bars besides is not known, and what is left is UNKNOWN at least.

        Args:
            terms: of a model.
            use: what is to be done with its output.
        """
        loose = self._loosened(terms, use)
        return max((loose, *self._raised(terms, use)), key=lambda applied: applied.effect)

    def _loosened(self, terms: Terms, use: str) -> Applied:
        said = terms.effect_on(use)
        shapes = terms.restrictions
        if not is_training(use) or not shapes:
            return Applied(said)
        met = self._met(terms)
        why = "; ".join(text for shape, text in met.items() if shape in shapes)
        barring = shapes - _DUTIES
        # That nobody is competed with says nothing of an internal model; that nothing is sold, or that it is of
        # the family, does.
        touched = use == TRAIN_COMPETING or not _WHATEVER_IT_IS_FOR.isdisjoint(barring)
        if said is Effect.BLOCK and touched and barring and barring <= met.keys():
            competing = use == TRAIN_COMPETING
            rest = self._loosened(terms, TRAIN_INTERNAL_GENERATIVE).effect if competing else Effect.WARN
            least = Effect.UNKNOWN if terms.confidence is Confidence.MEMORY else Effect.WARN
            return Applied(max(rest, least), why) if rest < said else Applied(said)
        if said is Effect.WARN and not barring and shapes <= met.keys():
            return Applied(Effect.ALLOW, why)
        return Applied(said)

    def _met(self, terms: Terms) -> dict[Restriction, str]:
        """The restrictions that do not touch this organisation."""
        met: dict[Restriction, str] = {}
        if self.competes_with is not None and terms.provider.lower() not in self.competes_with:
            met[Restriction.COMPETING_MODELS] = f"this organisation does not compete with {terms.provider}"
        if self.student and all(not base.isdisjoint(terms.permitted_families) for base in self.student):
            met[Restriction.OTHER_MODEL_FAMILIES] = "what is trained begins from a model of a family they leave open"
        if self.purpose is Purpose.RESEARCH:
            met[Restriction.NON_COMMERCIAL_OUTPUT] = "this organisation does research, and the result must stay there"
        if self.distributes_models is False:
            met.update(dict.fromkeys(sorted(_DUTIES), "this organisation distributes no models"))
        return met

    def _raised(self, terms: Terms, use: str) -> list[Applied]:
        found: list[Applied] = []
        commercial = self.purpose is Purpose.COMMERCIAL and Restriction.NON_COMMERCIAL_OUTPUT in terms.restrictions
        if commercial and is_training(use) and terms.effect_on(use) is not Effect.ALLOW:
            found.append(Applied(Effect.BLOCK, "this organisation is commercial"))
        limits = terms.limits
        if limits is None:
            return found
        for has, most, what in (
            (self.monthly_users, limits.monthly_users, "monthly users"),
            (self.annual_revenue_usd, limits.annual_revenue_usd, "US dollars of annual revenue"),
        ):
            if has is not None and most is not None and has > most:
                effect = Effect.WARN if limits.above is Above.DUTY else Effect.BLOCK
                found.append(Applied(effect, f"this organisation has {has:,} {what}, and the terms end at {most:,}"))
        return found
