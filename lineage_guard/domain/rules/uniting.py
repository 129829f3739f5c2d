"""Several policies as one that is as strict as each of them.

A team may be under the policy of its company and under rules that a regulator wrote. All their rules have
their say, so the strictest wins as it does in one policy. What one of them says nothing of stays unsaid, though
another speaks of it: otherwise a permission of the one would open what the other never permitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product

from lineage_guard.domain.rules.matching import Match, ReasonCode, passes
from lineage_guard.domain.rules.narrowing import Loosening, no_looser
from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.terms import USES, Effect

_PURPOSES = (Purpose.RESEARCH, None, Purpose.COMMERCIAL)
_DISTRIBUTES = (False, None, True)


class Conflict(Exception):
    """Policies that cannot be had together.

    Attributes:
        what: why.
        at: which of them, counted from 0, is the one to look at.
        fix: what to do.
    """

    def __init__(self, what: str, at: int, fix: str) -> None:
        super().__init__(what)
        self.what, self.at, self.fix = what, at, fix


def united(parents: Sequence[Policy], templates: Sequence[bool]) -> Policy:
    """Policies as one that is at least as strict as each of them. Its digest is left empty.

    Args:
        parents: them; two at least.
        templates: which of them leave the facts about the organisation to others.

    Raises:
        Conflict: they are silent about different things, or one of them about everything.

    Example:
        >>> from lineage_guard.domain.rules.terms import FixedTerms
        >>> company, law = Policy("company", (), FixedTerms()), Policy("law", (), FixedTerms(), counts_indirect=True)
        >>> both = united([company, law], [False, False])
        >>> both.name, both.counts_indirect
        ('company and law', True)
    """
    base = _most_silent(parents)
    rules = [rule for rule in base.rules if rule.on is not Subject.LICENSE]
    for other in parents:
        for rule in other.rules:
            if rule.on is Subject.LICENSE:
                _join(rules, rule, rule.narrows or not all(p.lets_choose(rule) for p in parents if p is not other))
            elif other is not base:
                _join(rules, rule, True)
    facts = [p.organisation for p, template in zip(parents, templates, strict=True) if not template]
    return replace(
        base,
        name=" and ".join(p.name for p in parents),
        rules=tuple(rules),
        counts_indirect=any(p.counts_indirect for p in parents),
        unknown_blocks=any(p.unknown_blocks for p in parents),
        digest="",
        organisation=_strictest(facts),
        uses=tuple(dict.fromkeys(use for p in parents for use in p.uses)),
        imports=tuple(dict.fromkeys(name for p in parents for name in (p.name, *p.imports))),
    )


def _most_silent(parents: Sequence[Policy]) -> Policy:
    """The one that breaks no silence of any other; the rules of the others then leave it as it is."""
    for at, policy in enumerate(parents):
        if not _permits(policy) and any(map(_permits, parents)):
            raise Conflict(
                f"{policy.name} has no rule by which a model is permitted, so together nothing would be",
                at,
                f"let {policy.name} import default, and its rules are added to what that says",
            )
    for policy in parents:
        if all(_breaks_no_silence(policy, other) for other in parents if other is not policy):
            return policy
    first, second = parents[0].name, parents[1].name
    raise Conflict(
        f"{first} and {second} are silent about different things, so neither can be kept whole",
        1,
        f"let both import one policy, e.g. default; or let {second} import {first}",
    )


def _permits(policy: Policy) -> bool:
    rules = (r for r in policy.rules if r.on is Subject.MODEL and not r.narrows)
    return any(_least(r) < Effect.UNKNOWN for r in rules)


def _breaks_no_silence(policy: Policy, other: Policy) -> bool:
    """Whether wherever a policy breaks the silence, another does; use by use and reason by reason."""
    uses = (*dict.fromkeys((*USES, *policy.uses, *other.uses)), None)
    theirs = [r for r in other.rules if not r.narrows]
    for rule in policy.rules:
        if rule.narrows or _least(rule) >= _silence(rule.on):
            continue
        wider = [r for r in theirs if r.on is rule.on]
        for use, reason in product(uses, ReasonCode):
            match = _given(rule, use, reason)
            if match is None:
                continue
            rest = [m for r in wider if (m := _given(r, use, reason)) is not None]
            if not any(m.covers(match) for m in rest):
                return False
    return True


def _given(rule: Rule, use: str | None, reason: ReasonCode) -> Match | None:
    """What is left of a rule's conditions for a use and a reason; ``None`` when it does not speak of them.

    Args:
        rule: the rule.
        use: the use; ``None`` for all that have no name yet.
        reason: the reason.
    """
    match = rule.match
    if not passes(match.reason, [reason]):
        return None
    if use is not None:
        return replace(match, use=(), reason=()) if passes(match.use, [use]) else None
    wanted = [p for p in match.use if not p.startswith("!")]
    if wanted and all(p in USES for p in wanted):
        return None
    return replace(match, reason=())


def _silence(on: Subject) -> Effect:
    """What follows where no rule speaks: see ``judging``."""
    if on is Subject.LICENSE:
        return Effect.ALLOW
    return Effect.BLOCK if on is Subject.OBSERVATION else Effect.UNKNOWN


def _least(rule: Rule) -> Effect:
    return Effect.ALLOW if rule.effect is None else min(rule.effect, rule.at_most)


def _join(rules: list[Rule], rule: Rule, narrows: bool) -> None:
    """Add a rule; of two that have one id the weaker goes, and both stay where neither is the weaker."""
    if _only_breaks_silence(rule):
        # What it lets one choose stays.
        rules += [] if narrows else [rule]
        return
    same = [r for r in rules if r.id == rule.id and not _only_breaks_silence(r)]
    stronger = [r for r in same if _at_least(r, rule)]
    if stronger:
        rules += [] if narrows or not all(r.narrows for r in stronger) else [replace(rule, effect=Effect.ALLOW)]
        return
    for before in same:
        if _at_least(rule, before):
            place = rules.index(before)
            rules[place : place + 1] = [] if before.narrows else [replace(before, effect=Effect.ALLOW)]
    rules.append(replace(rule, narrows=narrows))


def _only_breaks_silence(rule: Rule) -> bool:
    return min(Effect.BLOCK if rule.effect is None else rule.effect, rule.at_most) is Effect.ALLOW


def _at_least(rule: Rule, other: Rule) -> bool:
    try:
        no_looser(0, rule, other, "")
    except Loosening:
        return False
    return True


def _strictest(facts: Sequence[Organisation]) -> Organisation:
    """Of what each says of the organisation the stricter; what one leaves out is strict already."""
    if not facts:
        return Organisation()
    rivals = [f.competes_with for f in facts]
    stated = [r for r in rivals if r is not None]
    everybody = len(stated) < len(rivals)
    return Organisation(
        competes_with=None if everybody else tuple(sorted({name for names in stated for name in names})),
        purpose=max((f.purpose for f in facts), key=_PURPOSES.index),
        distributes_models=max((f.distributes_models for f in facts), key=_DISTRIBUTES.index),
        monthly_users=_most([f.monthly_users for f in facts]),
        annual_revenue_usd=_most([f.annual_revenue_usd for f in facts]),
    )


def _most(numbers: Sequence[int | None]) -> int | None:
    return max((n for n in numbers if n is not None), default=None)
