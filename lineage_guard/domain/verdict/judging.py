"""What a policy makes of what is in a closure: one ruling for each rule that speaks, for every kind of row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from lineage_guard.domain.facts import Acknowledgement, Assertion, Completeness, Influence, ModelSource, Usage
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.reached import Kind, Reached, terms_day
from lineage_guard.domain.rules.assets import ASKED_OF_ASSETS
from lineage_guard.domain.rules.matching import Case, Sure, unstated
from lineage_guard.domain.rules.policy import Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.rules.spdx import choices, is_listed
from lineage_guard.domain.rules.terms import Effect, Resolution, Terms, TermsSource


class Ruling(NamedTuple):
    """What one rule makes of a model or a gap, in whatever row it is found.

    ``unsure`` says what was not on record of the asset or of the model, where the ruling rests on that.
    """

    influence: Influence
    model: ModelSource | None
    terms: Terms | None
    rule: Rule
    reason: ReasonCode
    effect: Effect
    how: str = ""
    unsure: str = ""

    def about(self, model: ModelSource | None) -> Ruling:
        """The same of another model that no rule can tell apart from this one."""
        return self if model is self.model else self._replace(model=model)


#: A model, or nothing for a gap or a licence, and what rules make of it.
Said = tuple[ModelSource | None, list[Ruling]]


@dataclass(frozen=True, slots=True)
class Judged:
    """One subject in a closure and what a policy makes of it, before findings are grouped.

    Attributes:
        index: place of the row in the closure.
        reached: the row.
        ruling: what is made of it.
    """

    index: int
    reached: Reached
    ruling: Ruling


NO_RULE = Rule(
    id="no-rule",
    on=Subject.MODEL,
    effect=Effect.UNKNOWN,
    reason="The policy has no rule for this, and silence is not permission.",
    fix="Add a rule to the policy that speaks of it, or remove the source from the lineage.",
)
GUARD_CANNOT_SEE = Rule(
    id="guard-cannot-see",
    on=Subject.GAP,
    effect=Effect.BLOCK,
    reason="The guard could not see all of the lineage, so it cannot say that it is clean.",
    fix="Run `lineage-guard doctor`, mend what it names, then run the step again.",
)
#: What follows from a difference that a policy does not speak of.
OBSERVED_DIFFERS = Rule(
    id="observed-differs",
    on=Subject.OBSERVATION,
    effect=Effect.BLOCK,
    reason="What was seen is not what is declared, so the declaration does not say what the data holds.",
    fix="Declare what was really used, or use what is declared; then make the data again.",
)

#: What a policy makes of so many kinds and models is remembered; then it begins anew.
_REMEMBERED = 4096


def judge(closure: Closure, policy: Policy, use: str) -> Iterator[Judged]:
    """Say what a policy makes of every model and every gap in a closure, one row each.

    The lineage suite of Great Expectations runs over these same rows, so that a rule lives
    in one place.

    Args:
        closure: what was reached.
        policy: rules and terms.
        use: what the target is for.
    """
    spoken: list[tuple[int, list[Ruling]]] = []
    for kind, indexes, rules in kinds_under(closure, policy):
        if rulings := rulings_on(kind, rules, use):
            spoken.extend((i, rulings) for i in indexes)
    spoken.sort(key=lambda s: s[0])
    for (index, rulings), r in zip(spoken, closure.rows.take([i for i, _ in spoken]), strict=True):
        yield from (Judged(index, r, ruling) for ruling in rulings)


def rules_for(closure: Closure, policy: Policy) -> Policy:
    """The rules that speak of what would be trained, and what its base models decide.

    A licence that bars other model families leaves its own open: which family it is follows from the base models
    that the training step states (``Usage.BASE_MODEL``), and from nothing else. One of which the day is not known
    opens what it would open on every day.

    Args:
        closure: what was reached.
        policy: rules and terms.
    """
    rules = policy.on(closure.target, closure.asset)
    step = closure.reached[0]
    made = terms_day(step.produced_at)
    bases = (m for m in step.models if m.usage is Usage.BASE_MODEL)
    student = tuple(dict.fromkeys(ids for m in bases for ids in _may_bind(m, _day(m, made), policy.terms)))
    return replace(rules, organisation=replace(rules.organisation, student=student)) if student else rules


def _may_bind(base: ModelSource, day: date | None, terms: TermsSource) -> Iterator[frozenset[str]]:
    """The ids of a base model's terms, for each day that it may be; none where nobody can tell, or it only chose."""
    found = terms.resolve(base, day)
    # A single text is the one of every day.
    everyday = [found] if day or len(found.layers) < 2 else [terms.resolve(base, on) for on in (date.min, *terms.turns)]
    for each in everyday:
        if each.unresolved or not base.direct:
            yield frozenset()
        elif each.bases:
            # A fine-tune is of the family of what it was made from: of all of it, in whichever version that was taken.
            yield from (frozenset((t.id,)) for _, said in each.bases for t in said.layers)
        else:
            yield frozenset(t.id for t in each.layers)


def kinds_under(closure: Closure, policy: Policy) -> Iterator[tuple[Kind, Sequence[int], Policy]]:
    """Say which rows a policy thinks the same of, and the rules that speak of them.

    Names are looked at only for rules that have a condition on them.

    Args:
        closure: what was reached.
        policy: rules and terms.
    """
    rules = rules_for(closure, policy)
    if not rules.asks_where:
        yield from ((kind, indexes, rules) for kind, indexes in closure.rows.kinds())
        return
    named: dict[tuple[str, str], Policy] = {}
    same: dict[tuple[Rule, ...], Policy] = {}
    for kind, indexes in closure.rows.kinds():
        parts: dict[int, tuple[Policy, list[int]]] = {}
        for index, version in zip(indexes, closure.rows.versions(indexes), strict=True):
            there = named.get(version[:2])
            if there is None:
                there = rules.at(version)
                there = named[version[:2]] = same.setdefault(there.rules, there)
            parts.setdefault(id(there), (there, []))[1].append(index)
        yield from ((kind, at, there) for there, at in parts.values())


def rulings_on(kind: Kind, policy: Policy, use: str) -> list[Ruling]:
    """Say what a policy makes of every row of a kind.

    Args:
        kind: what the rows have in common.
        policy: rules and terms.
        use: what the target is for.
    """
    return [ruling.about(model) for model, rulings in said_of(kind, policy, use) for ruling in rulings]


def said_of(kind: Kind, policy: Policy, use: str) -> list[Said]:
    """The same, for each model, gap and licence in turn.

    It is worked out once for a kind, and once for all models that no rule can tell apart: those share their rulings,
    which are about one of them (``Ruling.about``). What is remembered of a kind is remembered of that very object:
    two that are equal may still read differently, e.g. with times in other zones.
    """
    known = policy.met.get((id(kind), use))
    if known is None:
        if len(policy.met) >= _REMEMBERED:
            policy.met.clear()
        known = policy.met[id(kind), use] = (kind, _said(kind, policy, use))
    return known[1]


def _said(kind: Kind, policy: Policy, use: str) -> list[Said]:
    indirect = kind.influence is Influence.INDIRECT
    if indirect and not policy.counts_indirect:
        return []
    found: list[Said] = []
    here = Case(use, ReasonCode.NO_PROVENANCE, kind.influence, second_hand=kind.second_hand)
    if kind.completeness is not Completeness.COMPLETE:
        reason = ReasonCode.INCOMPLETE_PROVENANCE if kind.recorded else ReasonCode.NO_PROVENANCE
        found.append((None, list(_rules(policy, Subject.GAP, here._replace(reason=reason)))))
    if kind.licenses and policy.about(Subject.LICENSE):
        licenses = dict.fromkeys((each.expression, each.acknowledgement) for each in kind.licenses)
        found += ((None, list(_licensed(policy, here, *license))) for license in licenses)
    observed = False
    for model in kind.models:
        observed = observed or model.asserted_by is not Assertion.DECLARED
        influence = Influence.INDIRECT if indirect or not model.direct else Influence.DIRECT
        if influence is Influence.DIRECT or policy.counts_indirect:
            found.append((model, _used(policy, here, influence, model, _day(model, kind.day))))
    if not observed:
        return found
    # Most processes that decide meet nothing that was observed, and need not load what compares it.
    from lineage_guard.domain.declared.observed import differences

    for reason, model, how in differences(kind.models, policy.terms, kind.day):
        influence = Influence.INDIRECT if indirect or not model.direct else Influence.DIRECT
        if influence is Influence.DIRECT or policy.counts_indirect:
            day = _day(model, kind.day)
            seen = here._replace(reason=reason, influence=influence, model=model, day=day)
            found.append((model, list(_rules(policy, Subject.OBSERVATION, seen, how))))
    return found


def _used(policy: Policy, here: Case, influence: Influence, model: ModelSource, day: date | None) -> list[Ruling]:
    """What a policy makes of the use of a model: rulings about it, or about one that no rule tells apart from it."""
    resolution = policy.terms.resolve(model, day)
    # All that conditions ask of a model (``matching``), and its terms: each the very object, since two that are
    # equal may differ in what a reader is shown.
    key = (
        here.use,
        here.second_hand,
        influence,
        model.provider,
        model.model,
        model.channel,
        model.license,
        model.base_models,
        day if policy.asks_when else None,
        resolution.unresolved,
        resolution.how,
        *map(id, resolution.layers),
    )
    known = policy.used.get(key)
    if known is None:
        if len(policy.used) >= _REMEMBERED:
            policy.used.clear()
        known = policy.used[key] = (resolution, _found(policy, here, influence, model, day, resolution))
    return known[1]


def _found(
    policy: Policy, here: Case, influence: Influence, model: ModelSource, day: date | None, resolution: Resolution
) -> list[Ruling]:
    used = here._replace(reason=ReasonCode.RESTRICTED_MODEL, influence=influence, model=model, day=day)
    found = list(_bound(policy, used, resolution.own or resolution))
    for name, said in resolution.bases:
        # A rule speaks of what weights were made from by that one's name, and nobody knows how and when it was taken.
        base = ModelSource(said.layers[0].provider if said.layers else model.provider, name)
        found += _bound(policy, used._replace(model=base, day=None), said)
    return found


def _bound(policy: Policy, used: Case, resolution: Resolution) -> Iterator[Ruling]:
    for terms in resolution.layers:
        yield from _rules(policy, Subject.MODEL, used._replace(terms=terms))
    if resolution.unresolved or not resolution.layers:
        code = ReasonCode(resolution.unresolved or ReasonCode.UNKNOWN_TERMS)
        yield from _rules(policy, Subject.UNRESOLVED, used._replace(reason=code), resolution.how)


def _day(model: ModelSource, made: date | None) -> date | None:
    """The day whose terms bind a model: when it answered, else when the data was made."""
    return terms_day(model.generated_at) if model.generated_at else made


def _rules(policy: Policy, on: Subject, case: Case, how: str = "") -> Iterator[Ruling]:
    spoken = False
    silent: list[Rule] = []
    influence, model, terms, reason = case.influence, case.model, case.terms, case.reason
    for rule in policy.about(on):
        sure = rule.match.of(case)
        if sure is Sure.NO:
            continue
        if rule.match.asks_of_asset or (rule.match.channel and unstated(model)):
            silent.append(rule)
        # A rule that only may apply, or that narrows an imported policy, does not make silence into permission.
        spoken = spoken or (sure is Sure.YES and not rule.narrows)
        applied = rule.applied(terms, case.use, policy.organisation)
        code = ReasonCode.PERMITTED_MODEL if on is Subject.MODEL and applied.effect is Effect.ALLOW else reason
        yield Ruling(influence, model, terms, rule, code, applied.effect, how or applied.note, _unsure([rule], model))
    if not spoken and on is Subject.OBSERVATION:
        # A policy that is silent here was written before anything was observed; it has accepted no contradiction.
        yield Ruling(influence, model, terms, OBSERVED_DIFFERS, reason, Effect.BLOCK, how, _unsure(silent, model))
    elif not spoken:
        yield Ruling(influence, model, terms, NO_RULE, ReasonCode.NO_RULE, Effect.UNKNOWN, how, _unsure(silent, model))


def _unsure(rules: Sequence[Rule], model: ModelSource | None) -> str:
    """What rules ask for that nobody wrote down, in sentences; empty where there is nothing."""
    asked = dict.fromkeys(ASKED_OF_ASSETS[name] for rule in rules for name in rule.match.asks_of_asset)
    of_asset = [rule.id for rule in rules if rule.match.asks_of_asset]
    reached = [rule.id for rule in rules if rule.match.channel and unstated(model)]
    said = [
        f"{' and '.join(dict.fromkeys(ids))} {'ask' if len(set(ids)) > 1 else 'asks'} for the {what}: "
        "it is taken to hold where that is stricter, and permits nothing."
        for ids, what in (
            (of_asset, f"{' and '.join(asked)} of the asset, which nobody wrote down with this run"),
            (reached, "channel of the model, which nobody stated"),
        )
        if ids
    ]
    return " ".join(said)


def _licensed(policy: Policy, case: Case, expression: str, by: Acknowledgement) -> Iterator[Ruling]:
    """What rules make of a licence of data: of what may be chosen the loosest, of what binds together the strictest.

    Where no rule speaks nothing follows: most policies say nothing of licences of data. But nobody chooses a licence
    that has to be got first: one that is not on the SPDX list is no way out of another unless a rule speaks of it.
    One of which a rule only may speak may be the only way, or none; so may one of which only an addition to an
    imported policy speaks, by which that one never let anybody choose.
    """
    ways: dict[Sure, list[list[Ruling]]] = {Sure.YES: [], Sure.MAYBE: [], Sure.NO: []}
    got_first: list[str] = []
    among = choices(expression)
    for choice in among:
        found: list[Ruling] = []
        had = Sure.YES
        for license in choice:
            one = case._replace(reason=ReasonCode.RESTRICTED_LICENSE, license=license, acknowledgement=by)
            said = [(rule, sure) for rule in policy.about(Subject.LICENSE) if (sure := rule.match.of(one))]
            if len(among) > 1 and not is_listed(license):
                had = min(had, max((Sure.MAYBE if rule.narrows else sure for rule, sure in said), default=Sure.NO))
                got_first += [license] if had is not Sure.YES else []
            named = license if license == expression else f"{license} in {expression}"
            how = f"{named}, {by.value.lower()}"
            for rule, _ in said:
                effect, reason = rule.effect_of(None, case.use), ReasonCode.RESTRICTED_LICENSE
                found.append(Ruling(case.influence, None, None, rule, reason, effect, how, _unsure([rule], None)))
        ways[had].append(found)
    note = f" (that {got_first[0]} is yours is not on record)" if got_first and ways[Sure.YES] else ""
    if ways[Sure.YES]:
        left = min(ways[Sure.YES], key=_strictest)
    else:
        left = max(ways[Sure.MAYBE], key=_strictest) if ways[Sure.MAYBE] else min(ways[Sure.NO], key=_strictest)
    yield from (ruling._replace(how=ruling.how + note) for ruling in left)


def _strictest(rulings: Sequence[Ruling]) -> Effect:
    return max((ruling.effect for ruling in rulings), default=Effect.ALLOW)
