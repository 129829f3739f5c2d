"""Verdicts by rules on the group, tags, kinds and owners of what is trained; see also test_domain_assets."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lineage_guard.domain.facts import License, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.assets import AssetFacts, alike
from lineage_guard.domain.rules.policy import Match, Policy, Rule, Subject
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, USES, Effect, FixedTerms, Terms
from lineage_guard.domain.verdict.decide import Decision, decide

NOW = datetime(2026, 11, 22, tzinfo=UTC)
STUDENT = Version("d", "student")
FREE = Terms("free", "acme", "open_weights", "MIT", dict.fromkeys(USES, Effect.ALLOW), frozenset())
SHOP = AssetFacts("Shop", (("team", "speech"), ("reviewed", "")), ("pytorch", "guarded"), ("team:shop", "ann@acme.org"))


def rule(id, effect, on=Subject.MODEL, narrows=False, **when):
    return Rule(id, on, effect, "why", "fix", Match(**{k: (v,) for k, v in when.items()}), narrows=narrows)


def said(asset, *rules, licenses=(), target=STUDENT):
    policy = Policy("p", rules, FixedTerms({"acme-1": (FREE,)}))
    models = () if licenses else (ModelSource("acme", "acme-1"),)
    closure = close(Production((target,), models=models, licenses=tuple(map(License, licenses))), [])
    return decide(replace(closure, asset=asset), policy, (), TRAIN_COMPETING, NOW)


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        ({"asset_group": "shop"}, True),
        ({"asset_group": "s?op"}, True),
        ({"asset_group": "!shop"}, False),
        ({"asset_group": "lab"}, False),
        ({"asset_tag": "team=speech"}, True),
        ({"asset_tag": "team"}, True),
        ({"asset_tag": "TEAM=*"}, True),
        ({"asset_tag": "team=vision"}, False),
        ({"asset_tag": "speech"}, False),
        ({"asset_tag": "reviewed"}, True),
        ({"asset_tag": "!reviewed"}, False),
        ({"asset_kind": "pytorch"}, True),
        ({"asset_kind": "!guarded"}, False),
        ({"asset_owner": "*@acme.org"}, True),
        ({"asset_owner": "team:lab"}, False),
        ({"asset_owner": "!*"}, False),
        ({"asset": "student", "asset_group": "shop"}, True),
        ({"asset": "teacher", "asset_group": "shop"}, False),
        ({"asset_group": "shop", "asset_owner": "team:lab"}, False),
    ],
)
def test_all_that_a_rule_asks_of_an_asset_must_hold(when, holds):
    always = rule("always", Effect.ALLOW)
    verdict = said(SHOP, always, rule("ours", Effect.BLOCK, **when))
    assert [f.rule for f in verdict.findings] == (["ours"] if holds else [])
    assert verdict.asset == SHOP
    # What it would hold for, it may hold for as long as nobody knows, unless the name alone says no.
    unknown = said(None, always, rule("ours", Effect.BLOCK, **when))
    assert unknown.decision is (Decision.ALLOW if when.get("asset") == "teacher" else Decision.BLOCK)


def test_an_asset_that_has_none_of_something_is_no_asset_of_which_nobody_knows():
    bare = AssetFacts("default")
    always = rule("always", Effect.ALLOW)
    assert said(bare, always, rule("ours", Effect.BLOCK, asset_owner="!*")).decision is Decision.BLOCK
    for condition in ("asset_tag", "asset_kind", "asset_owner"):
        assert said(bare, always, rule("ours", Effect.BLOCK, **{condition: "*"})).decision is Decision.ALLOW
    assert said(bare, always, rule("ours", Effect.BLOCK, asset_group="default")).decision is Decision.BLOCK


@pytest.mark.parametrize(
    ("asset", "licenses", "decision"),
    [
        # Whether the private licence is had is known only where the rule certainly speaks of it.
        (SHOP, ["MIT OR LicenseRef-ours"], Decision.ALLOW),
        (SHOP, ["GPL-3.0-only OR LicenseRef-ours"], Decision.ALLOW),
        (None, ["GPL-3.0-only OR LicenseRef-ours"], Decision.BLOCK),
        (AssetFacts("lab"), ["GPL-3.0-only OR LicenseRef-ours"], Decision.BLOCK),
        # One that may be the only way out may be none.
        (SHOP, ["LicenseRef-nobodys OR LicenseRef-dear"], Decision.BLOCK),
        (None, ["LicenseRef-nobodys OR LicenseRef-dear"], Decision.BLOCK),
        (AssetFacts("lab"), ["LicenseRef-nobodys OR LicenseRef-dear"], Decision.ALLOW),
    ],
)
def test_a_licence_that_may_be_had_is_no_way_out(asset, licenses, decision):
    rules = (
        rule("ours", Effect.ALLOW, Subject.LICENSE, license="LicenseRef-ours", asset_group="shop"),
        rule("dear", Effect.BLOCK, Subject.LICENSE, license="LicenseRef-dear", asset_group="shop"),
        rule("gpl", Effect.BLOCK, Subject.LICENSE, license="GPL-*"),
    )
    assert said(asset, *rules, licenses=licenses).decision is decision


def test_facts_in_words():
    assert str(AssetFacts("lab")) == "group lab"
    assert str(SHOP) == (
        "group Shop; tags team=speech, reviewed; kinds pytorch, guarded; owners team:shop, ann@acme.org"
    )


def test_runs_whose_facts_differ_are_of_nobody_knows_what_together():
    assert alike([SHOP, SHOP]) == SHOP
    assert alike([SHOP, AssetFacts("lab")]) is None
    assert alike([SHOP, None]) is None
    assert alike([]) is None
