"""decide() is monotone, order-free, idempotent and total."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from lineage_worlds import (
    NODES,
    NOW,
    PUBLIC,
    ancestries,
    inputs,
    models,
    policies,
    productions,
    rules,
    targets,
    uses,
)

from lineage_guard.domain.facts import Assertion, Completeness, Input
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import Decision, decide, judge

ORDER = [Decision.ALLOW, Decision.WARN, Decision.UNKNOWN, Decision.BLOCK]


def strictness(verdict):
    return (verdict.stops, ORDER.index(verdict.decision))


def no_looser(after, before):
    assert after.stops >= before.stops
    assert ORDER.index(after.decision) >= ORDER.index(before.decision)


@given(targets, productions, policies, uses)
def test_total_and_idempotent(target, known, policy, use):
    closure = close(target, known)
    verdict = decide(closure, policy, (), use, NOW)
    assert verdict == decide(closure, policy, (), use, NOW)
    effects = [f.effect for f in verdict.findings]
    assert verdict.decision.name == max(effects, default=Effect.ALLOW).name
    assert effects == sorted(effects, reverse=True)
    assert all(f.path[0] == closure.target and f.path[-1] == f.subject and f.fix for f in verdict.findings)
    assert verdict.stops == any(policy.stops(e, use) for e in effects)


@given(targets, productions, policies, uses, inputs, models)
def test_more_ancestry_never_loosens(target, known, policy, use, edge, model):
    before = decide(close(target, known), policy, (), use, NOW)
    wider = replace(target, inputs=(*target.inputs, edge))
    no_looser(decide(close(wider, known), policy, (), use, NOW), before)
    no_looser(decide(close(replace(target, models=(*target.models, model)), known), policy, (), use, NOW), before)
    if known:
        grown = [replace(known[0], inputs=(*known[0].inputs, edge), models=(*known[0].models, model)), *known[1:]]
        no_looser(decide(close(target, grown), policy, (), use, NOW), before)


@given(targets, productions, policies, uses, models, st.sampled_from([Assertion.OBSERVED, Assertion.INFERRED]))
def test_what_is_observed_never_loosens(target, known, policy, use, model, by):
    """It is judged like what is declared, and every difference comes on top."""
    seen = replace(model, model="m9" if model.model == "m3" else model.model, asserted_by=by)
    before = decide(close(target, known), policy, (), use, NOW)
    no_looser(decide(close(replace(target, models=(*target.models, seen)), known), policy, (), use, NOW), before)
    if known:
        grown = [replace(known[0], models=(*known[0].models, seen)), *known[1:]]
        no_looser(decide(close(target, grown), policy, (), use, NOW), before)


@given(targets, productions, models, policies, uses, ancestries)
def test_public_ancestry_never_loosens_what_is_recorded(target, known, model, policy, use, ancestry):
    """Only two kinds of ignorance may end: "it is that artefact" and "nothing is on record"."""
    known = [replace(p, completeness=Completeness.COMPLETE) for p in known]
    known.append(type(target)((PUBLIC[0],), models=(model,)))
    known += [type(target)((v,)) for v in NODES + PUBLIC]
    target = replace(target, completeness=Completeness.COMPLETE, inputs=(*target.inputs, Input(PUBLIC[0])))
    closure = close(target, known)
    before, after = (decide(c, policy, (), use, NOW) for c in (closure, extend(closure, ancestry)))
    no_looser(after, before)
    then, now = ({(f.rule, f.effect, f.model.model) for f in v.findings if f.model} for v in (before, after))
    assert then <= now


@given(targets, productions, policies, uses, rules)
def test_an_added_rule_never_loosens_but_for_silence(target, known, policy, use, rule):
    """What no rule spoke of is UNKNOWN; a first rule that speaks may say less than that."""
    closure = close(target, known)
    before = decide(closure, policy, (), use, NOW)
    after = decide(closure, replace(policy, rules=(*policy.rules, rule)), (), use, NOW)
    if not any(f.reason is ReasonCode.NO_RULE for f in before.findings):
        no_looser(after, before)


@given(targets, productions, policies, uses, st.randoms())
def test_order_of_rules_and_records_means_nothing(target, known, policy, use, random):
    records, shuffled = list(known), list(policy.rules)
    random.shuffle(records)
    random.shuffle(shuffled)
    a = decide(close(target, known), policy, (), use, NOW)
    b = decide(close(target, records), replace(policy, rules=tuple(shuffled)), (), use, NOW)
    assert strictness(a) == strictness(b)
    key = lambda v: {(f.rule, f.reason, f.effect, f.model and f.model.model, f.versions) for f in v.findings}  # noqa: E731
    assert key(a) == key(b)


@given(targets, productions, policies, uses)
def test_counting_indirect_models_never_loosens(target, known, policy, use):
    closure = close(target, known)
    loose, strict = replace(policy, counts_indirect=False), replace(policy, counts_indirect=True)
    no_looser(decide(closure, strict, (), use, NOW), decide(closure, loose, (), use, NOW))


@given(targets, productions, policies, uses)
def test_what_the_guard_cannot_see_always_stops(target, known, policy, use):
    closure = replace(close(target, known), blind=("the ledger is behind",))
    verdict = decide(closure, policy, (), use, NOW)
    assert verdict.stops
    assert verdict.decision is Decision.BLOCK


@given(targets, productions, policies, uses)
def test_a_waived_verdict_is_never_allow(target, known, policy, use):
    waivers = tuple(
        Waiver(f"w{r}-{m}", r, "target", "why", "a", "b", "T-1", NOW.replace(year=2030), model=m)
        for r in {rule.id for rule in policy.rules} | {"no-rule"}
        for m in (None, "*")
    )
    closure = close(target, known)
    plain = decide(closure, policy, (), use, NOW)
    waived = decide(closure, policy, waivers, use, NOW)
    if plain.findings:
        assert waived.decision is Decision.WAIVED
        assert waived.waivers
        assert not waived.stops
    else:
        assert waived == plain
    late = decide(closure, policy, waivers, use, NOW.replace(year=2031))
    assert strictness(late) == strictness(plain)


@given(targets, productions, policies, uses)
def test_terms_the_suites_call_restricted_are_those_that_stop(target, known, policy, use):
    policy = replace(policy, rules=tuple(replace(r, match=replace(r.match, model=())) for r in policy.rules))
    all_terms = tuple(t for layers in policy.terms.by_model.values() for t in layers)
    restricted = set(policy.restricted_terms(use, all_terms))
    stopping = {}
    for j in judge(close(target, known), policy, use):
        if j.ruling.terms:
            id = j.ruling.terms.id
            stopping[id] = stopping.get(id, False) or policy.stops(j.ruling.effect, use)
    assert {id for id, stops in stopping.items() if stops} == restricted & set(stopping)
