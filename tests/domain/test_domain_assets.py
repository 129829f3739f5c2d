"""Conditions on the asset that would be trained: what is left of them, and what is said where nobody knows."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lineage_guard.domain.facts import Input, License, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.assets import AssetFacts, alike
from lineage_guard.domain.rules.policy import Match, Policy, Rule, Subject
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect, FixedTerms, Terms
from lineage_guard.domain.verdict.decide import Decision, decide

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OUT, A = Version("d", "out"), Version("d", "a")
FACTS = AssetFacts("lab", (("reviewed", "no"), ("team", "speech")), ("pytorch", "spark"), ("ann@x.org", "team:lab"))
FREE = FixedTerms({"free": (Terms("free", "P", "", "MIT", {TRAIN_COMPETING: Effect.ALLOW}),)})
ASKS = {
    "asset_group": (["lab", "LA*", "!shop"], ["shop", "!lab"]),
    "asset_tag": (["team", "team=*", "reviewed=no", "!reviewed=yes"], ["speech", "team=shop", "!team"]),
    "asset_kind": (["spark", "py*", "!dbt"], ["dbt", "!spark"]),
    "asset_owner": (["team:lab", "*@x.org", "!team:shop"], ["lab", "!ann@*"]),
}


def rule(id, effect, on=Subject.MODEL, **when):
    return Rule(id, on, effect, "why", "fix", Match(**when))


def decided(*rules, asset=None, **made):
    read = Production((A,), **(made or {"models": (ModelSource("p", "free"),)}))
    closure = replace(close(Production((OUT,), inputs=(Input(A),)), [read]), asset=asset)
    return decide(closure, Policy("p", rules, FREE), (), TRAIN_COMPETING, NOW)


@pytest.mark.parametrize("name", list(ASKS))
def test_what_is_known_of_an_asset_answers_and_what_is_not_stays_asked(name):
    for pattern in ASKS[name][0]:
        asked = Match(use=("train_*",), asset=("out",), **{name: (pattern,)})
        assert asked.on_asset(OUT, FACTS) == Match(use=("train_*",))
        assert asked.on_asset(OUT, None) == replace(asked, asset=())
        assert asked.on_asset(A, FACTS) is asked.on_asset(A, None) is None
        assert asked.asks_of_asset == (name,)
    for pattern in ASKS[name][1]:
        assert Match(**{name: (pattern,)}).on_asset(OUT, FACTS) is None
        other = next(n for n in ASKS if n != name)
        assert Match(**{name: (pattern,), other: ("*",)}).on_asset(OUT, FACTS) is None


def test_conditions_that_are_not_on_the_asset_stay_as_they_are():
    asked = Match(use=("train_*",), dataset=("a",))
    assert asked.on_asset(OUT, FACTS) is asked.on_asset(OUT, None) is asked
    assert asked.asks_of_asset == ()
    policy = Policy("p", (Rule("r", Subject.MODEL, None, "why", "fix", asked),), FREE)
    assert policy.on(OUT, FACTS) is policy


def test_rules_that_do_not_speak_of_the_asset_are_left_out_and_the_others_asked_no_more():
    shop, lab = rule("shop", Effect.BLOCK, asset_group=("shop",)), rule("lab", Effect.WARN, asset_group=("lab",))
    named, every = rule("named", Effect.WARN, asset=("out",)), rule("every", Effect.ALLOW)
    policy = Policy("p", (shop, lab, named, every), FREE)
    assert policy.on(OUT, FACTS).rules == (replace(lab, match=Match()), replace(named, match=Match()), every)
    assert policy.on(OUT).rules == (shop, lab, replace(named, match=Match()), every)
    assert policy.on(A, FACTS).rules == (replace(lab, match=Match()), every)
    assert [Policy("p", rules, FREE).asks_of_assets for rules in ((), (every, named), (every, lab))] == [
        False,
        False,
        True,
    ]


def test_what_nobody_wrote_down_is_taken_to_hold_where_that_is_stricter_and_permits_nothing():
    every, shop = rule("every", Effect.ALLOW), rule("shop", Effect.BLOCK, asset_group=("shop",), asset_tag=("a",))
    assert decided(every, shop, asset=FACTS).findings == ()
    [found] = decided(every, shop).findings
    assert (found.rule, found.effect) == ("shop", Effect.BLOCK)
    assert found.message == (
        "d:a holds generation output of p/free, whose terms (free) fall under rule shop, which stops train_competing. "
        "shop asks for the group and tags of the asset, which nobody wrote down with this run: it is taken to hold "
        "where that is stricter, and permits nothing."
    )
    allowing = [rule("lab", Effect.ALLOW, asset_group=("lab",)), rule("spark", Effect.ALLOW, asset_kind=("spark",))]
    assert decided(*allowing, asset=FACTS).decision is Decision.ALLOW
    [silence] = decided(*allowing, rule("other", Effect.ALLOW, dataset=("b",))).findings
    assert (silence.rule, silence.effect) == ("no-rule", Effect.UNKNOWN)
    assert silence.message.endswith(
        " lab and spark ask for the group and kinds of the asset, which nobody wrote down with this run: "
        "it is taken to hold where that is stricter, and permits nothing."
    )
    assert "nobody wrote down" not in decided(rule("other", Effect.WARN)).findings[0].message


@pytest.mark.parametrize(("asset", "decision"), [(FACTS, Decision.ALLOW), (None, Decision.BLOCK)])
def test_gaps_and_licences_are_asked_the_same_way(asset, decision):
    licence = rule("nc", Effect.BLOCK, Subject.LICENSE, license=("CC-BY-NC-*",), asset_owner=("team:shop",))
    verdict = decided(licence, asset=asset, licenses=(License("CC-BY-NC-4.0"),))
    assert verdict.decision is decision
    assert verdict.asset == asset
    assert [f.message.count("nc asks for the owners of the asset, which") for f in verdict.findings] == (
        [1] if asset is None else []
    )


def test_facts_are_known_of_several_runs_where_each_states_the_same():
    assert alike([]) is alike([None]) is alike([FACTS, None]) is alike([FACTS, replace(FACTS, group="shop")]) is None
    assert alike([FACTS]) == alike([FACTS, replace(FACTS)]) == FACTS


def said_of_licence(expression, *rules):
    return {f.rule: f.message for f in decided(*rules, licenses=(License(expression),)).findings}


@pytest.mark.parametrize("first", ["a", "b"])
def test_of_licences_that_may_be_the_only_way_the_strictest_counts(first):
    rules = [
        rule(name, effect, Subject.LICENSE, license=(f"LicenseRef-{name}",), asset_group=("lab",))
        for name, effect in (("a", Effect.WARN), ("b", Effect.BLOCK))
    ]
    other = "b" if first == "a" else "a"
    assert list(said_of_licence(f"LicenseRef-{first} OR LicenseRef-{other}", *rules)) == ["b"]


@pytest.mark.parametrize("first", ["MIT", "GPL-3.0-only"])
def test_of_ways_that_are_all_closed_the_loosest_counts(first):
    rules = [
        rule(name.lower(), effect, Subject.LICENSE, license=(name,))
        for name, effect in (("MIT", Effect.WARN), ("GPL-3.0-only", Effect.BLOCK))
    ]
    other = "MIT" if first != "MIT" else "GPL-3.0-only"
    assert list(said_of_licence(f"(LicenseRef-a AND {first}) OR (LicenseRef-b AND {other})", *rules)) == ["mit"]


def test_which_licence_would_have_to_be_got_first_is_said_and_none_that_is_had():
    mit = rule("mit", Effect.WARN, Subject.LICENSE, license=("MIT",))
    [said] = said_of_licence("(LicenseRef-a AND LicenseRef-b) OR MIT", mit).values()
    assert said == (
        "d:a is under MIT in (LicenseRef-a AND LicenseRef-b) OR MIT, declared (that LicenseRef-a is yours is not on "
        "record), which rule mit warns of for train_competing."
    )
    had = rule("a", Effect.BLOCK, Subject.LICENSE, license=("LicenseRef-a",))
    [said] = said_of_licence("LicenseRef-a OR MIT", mit, had).values()
    assert said == "d:a is under MIT in LicenseRef-a OR MIT, declared, which rule mit warns of for train_competing."


def test_all_that_nobody_wrote_down_is_said():
    both = rule("r", Effect.BLOCK, asset_group=("lab",), channel=("api.example",))
    [found] = decided(rule("every", Effect.ALLOW), both).findings
    assert "permits nothing. r asks for the channel of the model, which nobody stated: it is" in found.message
