"""A policy that imports another is never looser, whatever is found."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import (
    NOW,
    ancestries,
    asset_facts,
    effects,
    organisations,
    productions,
    subjects,
    targets,
    uses,
    wide_matches,
    wide_policies,
    wide_rules,
)

from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.rules.narrowing import Additions, Loosening, narrowed
from lineage_guard.domain.rules.organisation import Purpose
from lineage_guard.domain.rules.policy import ReasonCode, Rule, Subject
from lineage_guard.domain.rules.terms import USES, Above, Effect, Limits, Restriction, Terms
from lineage_guard.domain.rules.uniting import Conflict, united
from lineage_guard.domain.verdict.decide import Decision, decide, judge

ORDER = [Decision.ALLOW, Decision.WARN, Decision.UNKNOWN, Decision.BLOCK]


@st.composite
def additions(draw, imported):
    """Rules of its own, and imported ones in another form: the accepted ones among them are what is tested."""
    own = draw(st.lists(wide_rules, max_size=2))
    for before in draw(st.lists(st.sampled_from(imported.rules), max_size=2)) if imported.rules else ():
        after = replace(
            before,
            effect=draw(st.just(before.effect) | st.none() | effects),
            at_most=draw(st.just(before.at_most) | effects),
            match=draw(st.just(before.match) | st.just(type(before.match)()) | wide_matches),
        )
        own.append(after)
    unique = {r.id: r for r in own}
    flags = st.none() | st.booleans()
    return Additions(
        "team", tuple(unique.values()), draw(organisations), counts_indirect=draw(flags), unknown_blocks=draw(flags)
    )


def accepted(imported, own):
    """The additions, less what is refused, part by part."""
    while True:
        try:
            return narrowed(imported, own)
        except Loosening as problem:
            match problem.part:
                case ("rules", int(i), *_):
                    own = replace(own, rules=own.rules[:i] + own.rules[i + 1 :])
                case ("organisation", name):
                    own = replace(own, organisation=replace(own.organisation, **{name: None}))
                case (name,):
                    own = replace(own, **{name: None})


def no_looser(after, before):
    assert after.stops >= before.stops
    assert ORDER.index(after.decision) >= ORDER.index(before.decision)


@settings(max_examples=25)
@given(st.data(), targets, productions, wide_policies, uses, ancestries)
def test_a_policy_that_imports_another_is_never_looser(data, target, known, policy, use, ancestry):
    unique = {r.id: r for r in policy.rules}
    policy = replace(policy, rules=tuple(unique.values()))
    team = accepted(policy, data.draw(additions(policy)))
    third = accepted(team, data.draw(additions(team)))
    closure = replace(extend(close(target, known), ancestry), asset=data.draw(asset_facts))
    before, after, last = (decide(closure, p, (), use, NOW) for p in (policy, team, third))
    no_looser(after, before)
    no_looser(last, after)


@settings(max_examples=40)
@given(st.data(), targets, productions, wide_policies, wide_policies, uses, ancestries)
def test_a_policy_that_imports_several_is_never_looser_than_any(data, target, known, policy, other, use, ancestry):
    """Siblings that narrow one policy mostly go together; of strangers those are looked at that do."""
    policy, other = (replace(p, rules=tuple({r.id: r for r in p.rules}.values())) for p in (policy, other))
    siblings = [accepted(policy, data.draw(additions(policy))) for _ in range(2)]
    parents = data.draw(st.permutations([*siblings, policy])) if data.draw(st.booleans()) else [siblings[0], other]
    parents = [replace(p, name=f"p{i}", terms=policy.terms) for i, p in enumerate(parents)]
    try:
        together = united(parents, [False] * len(parents))
    except Conflict:
        return
    team = accepted(together, data.draw(additions(together)))
    closure = replace(extend(close(target, known), ancestry), asset=data.draw(asset_facts))
    verdict, narrower = (decide(closure, p, (), use, NOW) for p in (together, team))
    for parent in parents:
        no_looser(verdict, decide(closure, parent, (), use, NOW))
    no_looser(narrower, verdict)


@settings(max_examples=25)
@given(targets, productions, wide_policies, uses, ancestries, asset_facts)
def test_what_the_suites_call_restricted_stops_whatever_rules_speak_of(target, known, policy, use, ancestry, facts):
    closure = replace(extend(close(target, known), ancestry), asset=facts)
    rules = policy.on(closure.target, facts)
    all_terms = tuple(t for layers in policy.terms.by_model.values() for t in layers)
    restricted = set(rules.restricted_terms(use, all_terms))
    worst, gaps = {}, {}
    judged = list(judge(closure, policy, use))
    for j in judged:
        if j.ruling.terms:
            worst[j.ruling.terms.id] = max(worst.get(j.ruling.terms.id, Effect.ALLOW), j.ruling.effect)
        elif j.ruling.model is None and j.ruling.reason is not ReasonCode.RESTRICTED_LICENSE:
            gaps[j.index] = max(gaps.get(j.index, Effect.ALLOW), j.ruling.effect)
    assert all(policy.stops(worst[id], use) for id in restricted & set(worst))
    for index, effect in gaps.items():
        recorded = closure.reached[index].recorded
        reason = ReasonCode.INCOMPLETE_PROVENANCE if recorded else ReasonCode.NO_PROVENANCE
        assert not rules.stops_reason(use, Subject.GAP, reason) or policy.stops(effect, use)
    verdict = decide(closure, policy, (), use, NOW)
    assert verdict.stops == any(policy.stops(j.ruling.effect, use) for j in judged)


@settings(max_examples=25)
@given(targets, productions, wide_policies, uses, st.integers(0, 3), st.booleans())
def test_more_facts_against_an_organisation_never_loosen(target, known, policy, use, users, more):
    """The order in which a team may change the company's facts is an order of verdicts."""
    closure = close(target, known)
    facts = policy.organisation
    stricter = replace(facts, competes_with=None, distributes_models=True)
    if facts.monthly_users is None or users > facts.monthly_users:
        stricter = replace(stricter, monthly_users=users)
    no_looser(
        decide(closure, replace(policy, organisation=stricter), (), use, NOW), decide(closure, policy, (), use, NOW)
    )


numbers = st.none() | st.integers(0, 3)
any_terms = st.builds(
    Terms,
    *map(st.just, ("t", "m0-0", "", "MIT")),
    st.tuples(*[effects] * len(USES)).map(lambda row: dict(zip(USES, row, strict=True))),
    st.frozensets(st.sampled_from(Restriction), max_size=2) | st.sampled_from([frozenset({r}) for r in Restriction]),
    limits=st.none() | st.builds(Limits, numbers, numbers, above=st.sampled_from(Above)),
)


@given(any_terms, organisations, numbers)
def test_each_fact_against_an_organisation_never_loosens_terms(terms, facts, revenue):
    facts = replace(facts, annual_revenue_usd=revenue)
    more = [{"competes_with": None}, {"distributes_models": True}, {"purpose": Purpose.COMMERCIAL}]
    more += [{"monthly_users": n} for n in range(4) if n >= (facts.monthly_users or 0)]
    more += [{"annual_revenue_usd": n} for n in range(4) if n >= (revenue or 0)]
    for use in USES:
        before = facts.apply(terms, use).effect
        assert all(replace(facts, **fact).apply(terms, use).effect >= before for fact in more)


@settings(max_examples=25)
@given(targets, productions, wide_policies, uses, subjects, wide_matches, asset_facts)
def test_a_rule_that_covers_another_holds_wherever_it_does(target, known, policy, use, on, match, facts):
    """What ``Match.covers`` says is true of every closure."""
    rules = [
        Rule(f"x{n}", on, Effect.BLOCK, "why", "fix", m)
        for n, m in enumerate([match, *(r.match for r in policy.rules)])
    ]
    closure = replace(close(target, known), asset=facts)
    for wide in rules:
        for narrow in rules:
            if wide is narrow or not wide.match.covers(narrow.match):
                continue
            found = [
                j.index for j in judge(closure, replace(policy, rules=(narrow,)), use) if j.ruling.rule.id == narrow.id
            ]
            wider = {
                j.index for j in judge(closure, replace(policy, rules=(wide,)), use) if j.ruling.rule.id == wide.id
            }
            assert set(found) <= wider
