"""One policy on top of another, which it may narrow and cannot loosen.

A team imports the company's policy and adds to it. What is added has its say beside what was
there; where the company's policy is silent, or says nothing certain, that silence still blocks. So whatever
is found, the verdict is at least as strict. What would only seem to loosen is refused where it is
written, or its author would rely on it.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.terms import Effect

Part = tuple[str | int, ...]


class Loosening(Exception):
    """Something in a policy would loosen the one that it imports.

    Attributes:
        what: what it is.
        part: where it is in the policy, e.g. ``("rules", 2, "effect")``.
        fix: what to do.
    """

    def __init__(self, what: str, part: Part, fix: str) -> None:
        super().__init__(what)
        self.what, self.part, self.fix = what, part, fix


@dataclass(frozen=True)
class Additions:
    """What a policy says beside the one that it imports; ``None``: nothing.

    Attributes:
        name: of the new policy.
        rules: added, or in place of imported ones with the same id.
        organisation: facts.
        counts_indirect: see ``Policy``.
        unknown_blocks: see ``Policy``.
        uses: names of uses.
        version: label.
        description: one paragraph.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    organisation: Organisation = field(default_factory=Organisation)
    counts_indirect: bool | None = None
    unknown_blocks: bool | None = None
    uses: tuple[str, ...] = ()
    version: str = ""
    description: str = ""


def narrowed(imported: Policy, own: Additions, template: bool = False) -> Policy:
    """The imported policy with additions. Its digest is left empty.

    Args:
        imported: what is narrowed.
        own: what is added.
        template: whether the imported policy is nobody's, like the shipped ones: it leaves the facts about
            the organisation to whoever imports it, whatever follows from them.

    Raises:
        Loosening: something would loosen it.

    Example:
        >>> from lineage_guard.domain.rules.terms import FixedTerms
        >>> company = Policy("company", (), FixedTerms())
        >>> narrowed(company, Additions("team", unknown_blocks=False))
        Traceback (most recent call last):
        lineage_guard.domain.rules.narrowing.Loosening: unknown_blocks is false, and company says true
    """
    for name, stricter in (("counts_indirect", True), ("unknown_blocks", True)):
        mine, theirs = getattr(own, name), getattr(imported, name)
        if mine is not None and mine != theirs and mine != stricter:
            said = f"{name} is {str(mine).lower()}, and {imported.name} says {str(theirs).lower()}"
            raise Loosening(said, (name,), f"leave {name} out, or ask the owners of {imported.name}")
    return replace(
        imported,
        name=own.name,
        rules=_rules(imported, own.rules),
        counts_indirect=imported.counts_indirect or own.counts_indirect is True,
        unknown_blocks=imported.unknown_blocks or own.unknown_blocks is True,
        digest="",
        version=own.version,
        description=own.description,
        organisation=own.organisation if template else _organisation(imported, own.organisation),
        uses=tuple(dict.fromkeys((*imported.uses, *own.uses))),
        imports=(imported.name, *imported.imports),
    )


def _rules(imported: Policy, own: tuple[Rule, ...]) -> tuple[Rule, ...]:
    rules = list(imported.rules)
    for i, rule in enumerate(own):
        before = next((r for r in reversed(imported.rules) if r.id == rule.id), None)
        if before is None:
            if min(rule.effect if rule.effect is not None else Effect.BLOCK, rule.at_most) is Effect.ALLOW:
                raise Loosening(
                    f"rule {rule.id!r} allows, which a policy that imports another cannot: what {imported.name} says "
                    "stands, and so does its silence",
                    ("rules", i, "effect"),
                    f"take the rule out; ask the owners of {imported.name} to allow it, or ask for a waiver",
                )
        else:
            no_looser(i, rule, before, imported.name)
            at = rules.index(before)
            # The old one still breaks the silence where it did, and only there.
            rules[at : at + 1] = [] if before.narrows else [replace(before, effect=Effect.ALLOW)]
        chosen = rule.on is Subject.LICENSE and imported.lets_choose(rule)
        rules.append(replace(rule, narrows=not chosen))
    return tuple(rules)


def no_looser(i: int, rule: Rule, before: Rule, name: str) -> None:
    """Check that a rule holds wherever another does and is at least as strict there.

    Args:
        i: place of the rule in its policy.
        rule: the rule.
        before: the other one.
        name: of the policy that the other one is from.

    Raises:
        Loosening: it is not.
    """
    where: Part = ("rules", i)
    fix = "give the rule another id, and it is added to what is imported"
    if rule.on is not before.on:
        what = f"rule {rule.id!r} speaks of {rule.on.value}, and in {name} of {before.on.value}"
        raise Loosening(what, (*where, "on"), fix)
    if not rule.match.covers(before.match):
        what = f"rule {rule.id!r} does not hold wherever it holds in {name}"
        raise Loosening(what, (*where, "when"), f"leave its conditions as they are or wider; or {fix}")
    least = Effect.ALLOW if rule.effect is None else min(rule.effect, rule.at_most)
    most = before.at_most if before.effect is None else min(before.effect, before.at_most)
    same = rule.effect is None and before.effect is None and rule.at_most >= before.at_most
    if least < most and not same:
        what = f"rule {rule.id!r} says {_said(rule)}, and in {name} {_said(before)}"
        raise Loosening(what, (*where, "effect"), f"say what {name} says or something stricter; or {fix}")


def _said(rule: Rule) -> str:
    effect = "as_terms" if rule.effect is None else rule.effect.name.lower()
    return effect if rule.at_most is Effect.BLOCK else f"{effect}, at_most {rule.at_most.name.lower()}"


_PURPOSES = (Purpose.RESEARCH, None, Purpose.COMMERCIAL)
_DISTRIBUTES = (False, None, True)


def _organisation(imported: Policy, own: Organisation) -> Organisation:
    """Facts that are said by both: the stricter must be the nearer one."""
    theirs = imported.organisation
    if own.purpose is not None and _PURPOSES.index(own.purpose) < _PURPOSES.index(theirs.purpose):
        raise _looser("purpose", own.purpose.value, theirs.purpose and theirs.purpose.value, imported)
    distributes = own.distributes_models
    if distributes is not None and _DISTRIBUTES.index(distributes) < _DISTRIBUTES.index(theirs.distributes_models):
        raise _looser("distributes_models", distributes, theirs.distributes_models, imported)
    for name in ("monthly_users", "annual_revenue_usd"):
        mine, before = getattr(own, name), getattr(theirs, name)
        if mine is not None and before is not None and mine < before:
            raise _looser(name, mine, before, imported)
    rivals = own.competes_with
    if rivals is not None and (theirs.competes_with is None or not set(theirs.competes_with) <= set(rivals)):
        before = "everybody" if theirs.competes_with is None else ", ".join(theirs.competes_with) or "nobody"
        raise _looser("competes_with", ", ".join(rivals) or "nobody", before, imported)
    return Organisation(
        competes_with=theirs.competes_with if rivals is None else rivals,
        purpose=own.purpose or theirs.purpose,
        distributes_models=theirs.distributes_models if distributes is None else distributes,
        monthly_users=theirs.monthly_users if own.monthly_users is None else own.monthly_users,
        annual_revenue_usd=theirs.annual_revenue_usd if own.annual_revenue_usd is None else own.annual_revenue_usd,
    )


def _looser(name: str, mine: object, theirs: object, imported: Policy) -> Loosening:
    before = "does not say" if theirs is None else f"says {theirs}"
    return Loosening(
        f"{name} is {mine}, and {imported.name} {before}: less would be stopped",
        ("organisation", name),
        f"leave {name} out, or ask the owners of {imported.name} to say so",
    )
