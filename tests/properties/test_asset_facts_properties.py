"""What nobody wrote down about the asset loosens nothing, whatever it was."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import NOW, ancestries, asset_facts, conditions, productions, targets, uses, wide_policies

from lineage_guard.domain.facts import Acknowledgement, License, Production, Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.rules.assets import alike
from lineage_guard.domain.rules.policy import Match, Policy, Rule, Subject
from lineage_guard.domain.rules.terms import Effect, FixedTerms
from lineage_guard.domain.verdict.decide import Decision, decide
from lineage_guard.domain.verdict.judging import judge

PLAIN = Production((Version("d", "target"),))
ORDER = [Decision.ALLOW, Decision.WARN, Decision.UNKNOWN, Decision.BLOCK]
about_assets = conditions.filter(lambda c: any(name.startswith("asset_") for name in c))
known_facts = asset_facts.filter(lambda facts: facts is not None)


@st.composite
def policies_about_assets(draw):
    """Any policy, of which some rules ask for a group, tags, kinds or owners, too."""
    policy = draw(wide_policies)
    rules = tuple(
        replace(rule, match=replace(rule.match, **draw(about_assets))) if draw(st.booleans()) else rule
        for rule in policy.rules
    )
    return replace(policy, rules=rules)


@settings(max_examples=25)
@given(targets, productions, policies_about_assets(), uses, ancestries, known_facts)
def test_unknown_facts_never_loosen_a_verdict(target, known, policy, use, ancestry, facts):
    closure = extend(close(target, known), ancestry)
    unknown, stated = (decide(replace(closure, asset=each), policy, (), use, NOW) for each in (None, facts))
    assert unknown.stops >= stated.stops
    assert ORDER.index(unknown.decision) >= ORDER.index(stated.decision)
    assert (unknown.asset, stated.asset) == (None, facts)


@settings(max_examples=20)
@given(targets, productions, policies_about_assets(), uses, known_facts)
def test_each_ruling_on_stated_facts_is_made_on_unknown_ones_too(target, known, policy, use, facts):
    """Rule by rule, and not only in the sum: silence aside, which stated facts may break."""
    policy = replace(policy, rules=tuple(r for r in policy.rules if r.on is not Subject.LICENSE))
    closure = close(target, known)

    def spoken(each):
        judged = judge(replace(closure, asset=each), policy, use)
        ids = {rule.id for rule in policy.rules}
        return {(j.index, j.ruling.rule.id, j.ruling.effect) for j in judged if j.ruling.rule.id in ids}

    assert spoken(facts) <= spoken(None)


texts = st.sampled_from(["LicenseRef-a", "LicenseRef-b", "MIT"])
terse = st.lists(st.tuples(texts, about_assets | st.just({}), st.sampled_from(list(Effect))), max_size=4)


@settings(max_examples=25)
@given(terse, st.lists(texts, min_size=2, max_size=3, unique=True), known_facts, st.booleans())
def test_a_licence_that_may_be_had_is_no_way_out_of_one_that_may_bind(said, chosen, facts, narrows):
    rules = tuple(
        Rule(f"r{n}", Subject.LICENSE, effect, "why", "fix", Match(license=(text,), **asked), narrows=narrows)
        for n, (text, asked, effect) in enumerate(said)
    )
    policy = Policy("p", rules, FixedTerms({}))
    license = License(" OR ".join(chosen), Acknowledgement.DECLARED)
    target = replace(PLAIN, licenses=(license,))
    unknown, stated = (
        decide(replace(close(target, []), asset=each), policy, (), "train_competing", NOW) for each in (None, facts)
    )
    assert ORDER.index(unknown.decision) >= ORDER.index(stated.decision)


@given(st.lists(asset_facts, min_size=1, max_size=3))
def test_several_runs_are_of_one_group_only_where_each_says_so(found):
    assert alike(found) == (found[0] if len(set(found)) == 1 else None)
