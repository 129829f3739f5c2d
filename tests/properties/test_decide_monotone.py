"""What was found stays found: nothing that joins a closure, and nothing that is forgotten, takes a finding away."""

from dataclasses import replace
from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import (
    MODELS,
    NOW,
    effects,
    inputs,
    licenses,
    models,
    productions,
    rules,
    targets,
    terms_of,
    uses,
    wide_policies,
)

from lineage_guard.domain.facts import Completeness, Input, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.policy import Match, Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.rules.terms import USES, FixedTerms
from lineage_guard.domain.verdict.decide import Decision, decide

ORDER = [Decision.ALLOW, Decision.WARN, Decision.UNKNOWN, Decision.BLOCK]


def impartial(policy):
    """The policy without conditions on influence: what is read directly may be judged otherwise than what is not."""
    rules = tuple(replace(r, match=replace(r.match, influence=())) for r in policy.rules)
    return replace(policy, rules=rules)


impartial_policies = wide_policies.map(impartial)


def found(verdict):
    """What is found, as far as a reader would call it the same thing, and in how many versions."""
    said = {}
    for f in verdict.findings:
        what = (f.model.provider, f.model.model, f.model.channel) if f.model else f.subject
        key = (f.rule, f.reason, f.effect, f.terms and f.terms.id, what)
        said[key] = said.get(key, 0) + f.versions
    return said


def holds_all(after, before):
    assert after.stops >= before.stops
    assert ORDER.index(after.decision) >= ORDER.index(before.decision)
    then, now = found(before), found(after)
    assert all(now.get(key, 0) >= versions for key, versions in then.items())
    assert set(before.obligations) <= set(after.obligations)


@settings(max_examples=30)
@given(targets, productions, impartial_policies, uses, inputs, models, licenses)
def test_what_joins_takes_nothing_away(target, known, policy, use, edge, model, licence):
    before = decide(close(target, known), policy, (), use, NOW)

    def more(p):
        yield replace(p, inputs=(*p.inputs, edge))
        yield replace(p, models=(*p.models, model))
        yield replace(p, licenses=(*p.licenses, licence))

    for step in more(target):
        holds_all(decide(close(step, known), policy, (), use, NOW), before)
    for n, p in enumerate(known):
        for grown in more(p):
            after = decide(close(target, [*known[:n], grown, *known[n + 1 :]]), policy, (), use, NOW)
            holds_all(after, before)


@settings(max_examples=30)
@given(targets, productions, impartial_policies, uses, st.sampled_from([Completeness.UNKNOWN, Completeness.INCOMPLETE]))
def test_what_is_forgotten_excuses_nothing(target, known, policy, use, completeness):
    """A record that is not complete, a day nobody remembers: what is not known may be anything that it may be."""
    whole = [replace(p, completeness=Completeness.COMPLETE, artefact=None) for p in known]
    before = decide(close(target, whole), policy, (), use, NOW)

    def unknown_days(p):
        return replace(p, models=tuple(replace(m, generated_at=None) for m in p.models))

    partial = [replace(p, completeness=completeness) for p in whole]
    holds_all(decide(close(target, partial), policy, (), use, NOW), before)
    undated = decide(close(unknown_days(target), [unknown_days(p) for p in whole]), policy, (), use, NOW)
    assert undated.stops >= before.stops
    assert ORDER.index(undated.decision) >= ORDER.index(before.decision)
    # A version that nobody remembers anything of is a gap, as far as the policy speaks of what is not on record.
    lost = decide(close(target, whole[1:]), policy, (), use, NOW)
    gone = {v for p in whole[:1] for v in p.outputs} - {v for p in whole[1:] for v in p.outputs}
    for v in gone & {r.version for r in close(target, whole[1:]).reached[1:]}:
        here = [f for f in lost.findings if f.subject == v]
        assert all(f.reason in (ReasonCode.NO_PROVENANCE, ReasonCode.NO_RULE) for f in here)


licence_rules = st.builds(
    lambda n, effect, match: Rule(f"l{n}", Subject.LICENSE, effect, "why", "fix", match),
    st.integers(0, 9),
    effects,
    st.builds(Match, license=st.sampled_from([(), ("MIT",), ("CC-*",), ("!CC-*",), ("GPL-*",)])),
)


@settings(max_examples=50)
@given(
    targets,
    st.lists(licenses, min_size=1, max_size=2).map(tuple),
    licenses,
    st.lists(licence_rules, min_size=1, max_size=3).map(tuple),
    uses,
)
def test_another_licence_takes_nothing_away(target, has, more, rules, use):
    policy = Policy("p", rules, FixedTerms())
    step = replace(target, licenses=has)
    before = decide(close(step, []), policy, (), use, NOW)
    for grown in ((*has, more), (more, *has)):
        holds_all(decide(close(replace(step, licenses=grown), []), policy, (), use, NOW), before)


dated_rules = st.builds(
    lambda n, effect, begins, ends: Rule(
        f"d{n}", Subject.MODEL, effect, "why", "fix", Match(generated_from=begins, generated_until=ends)
    ),
    st.integers(0, 9),
    st.none() | effects,
    st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 1)),
    st.none() | st.dates(date(2026, 1, 1), date(2026, 12, 1)),
)


answers = st.tuples(*[effects] * len(USES)).map(lambda row: dict(zip(USES, row, strict=True)))
all_known = st.tuples(*[answers] * len(MODELS)).map(
    lambda rows: FixedTerms({m: (terms_of(f"{m}-0", said),) for m, said in zip(MODELS, rows, strict=True)})
)


@settings(max_examples=50)
@given(
    all_known,
    st.lists(models, min_size=1, max_size=2).map(tuple),
    st.lists(dated_rules, min_size=1, max_size=2).map(tuple),
    uses,
)
def test_a_day_that_nobody_knows_is_no_better_than_any_day(terms, used, rules, use):
    policy = Policy("p", rules, terms, counts_indirect=True)
    undated = tuple(replace(m, generated_at=None) for m in used)
    step = Production((Version("d", "out"),), models=undated)
    unknown = decide(close(step, []), policy, (), use, NOW)
    for month in range(1, 13):
        dated = tuple(replace(m, generated_at=NOW.replace(month=month)) for m in used)
        known = decide(close(replace(step, models=dated), []), policy, (), use, NOW)
        assert unknown.stops >= known.stops
        assert ORDER.index(unknown.decision) >= ORDER.index(known.decision)


@settings(max_examples=50)
@given(all_known, st.lists(rules, max_size=1).map(tuple), rules, models, st.booleans(), uses)
def test_a_rule_that_narrows_takes_nothing_away(terms, has, added, model, recorded, use):
    """Not even where the policy it is added to is silent."""
    policy = Policy("p", has, terms, counts_indirect=True)
    table = Version("d", "n0")
    step = Production((Version("d", "out"),), inputs=(Input(table),), models=(model, replace(model, model="m9")))
    closure = close(step, [Production((table,))] if recorded else [])
    before = decide(closure, policy, (), use, NOW)
    narrower = replace(policy, rules=(*has, replace(added, id="team", narrows=True)))
    holds_all(decide(closure, narrower, (), use, NOW), before)
