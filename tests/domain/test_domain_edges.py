"""Edges of rules, waivers and rows that a change of one word in the code would cross; see docs/mutation.md."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lineage_guard.domain.facts import Influence, Input, License, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.policy import Match, Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.rules.terms import USES, Above, Confidence, Effect, FixedTerms, Limits, Restriction, Terms
from lineage_guard.domain.rules.waivers import Waiver, too_broad
from lineage_guard.domain.verdict.decide import Decision, decide, judge

NOW = datetime(2026, 11, 22, tzinfo=UTC)
OUT, A, B = (Version("d", n) for n in ("out", "a", "b"))
BARRED = Terms("barred", "P", "", "MIT", dict.fromkeys(USES, Effect.BLOCK), frozenset({Restriction.ANY_MODEL}))
FREE = Terms("free", "P", "", "MIT", dict.fromkeys(USES, Effect.ALLOW))
TERMS = FixedTerms({"barred": (BARRED,), "free": (FREE,)})


def step(*names):
    made = [Production((v,), models=(ModelSource("p", m),)) for v, m in names]
    return close(Production((OUT,), inputs=tuple(Input(v) for v, _ in names)), made)


def rule(effect, on=Subject.MODEL, **match):
    return Rule("r", on, effect, "why", "fix", Match(**match))


def decision(closure, *rules, use=USES[0]):
    return decide(closure, Policy("p", rules, TERMS), (), use, NOW).decision


def test_a_rule_for_certain_data_or_a_certain_asset_breaks_the_silence_there_and_nowhere_else():
    there = rule(Effect.ALLOW, dataset=("a",))
    assert decision(step((A, "barred")), there) is Decision.ALLOW
    assert decision(step((B, "barred")), there) is Decision.UNKNOWN
    assert decision(step((A, "barred"), (B, "barred")), there) is Decision.UNKNOWN
    assert decision(step((A, "barred")), rule(Effect.ALLOW, asset=("out",))) is Decision.ALLOW
    assert decision(step((A, "barred")), rule(Effect.ALLOW, asset=("other",))) is Decision.UNKNOWN


@pytest.mark.parametrize("use", USES)
def test_terms_are_restricted_where_a_rule_that_speaks_of_them_stops_the_use(use):
    def restricted(*rules):
        return Policy("p", rules, TERMS).restricted_terms(use, (BARRED, FREE))

    assert restricted(rule(None)) == ("barred",)
    assert restricted(rule(Effect.ALLOW), rule(Effect.BLOCK, restriction=("ANY_MODEL",))) == ("barred",)
    assert restricted(rule(Effect.ALLOW), rule(Effect.BLOCK, terms=("free",))) == ("free",)
    silent = ("free",) if use.startswith("train_") else ()
    assert restricted(rule(Effect.ALLOW, restriction=("ANY_MODEL",))) == silent, "nobody speaks of the other"
    assert restricted(rule(Effect.ALLOW), replace(rule(Effect.BLOCK), on=Subject.GAP)) == ()


def test_every_ruling_comes_with_its_row_in_the_order_of_the_closure():
    closure = step((A, "barred"), (B, "free"), (Version("d", "c"), "barred"))
    judged = list(judge(closure, Policy("p", (rule(None), replace(rule(Effect.WARN), id="s")), TERMS), USES[0]))
    assert [(j.index, j.reached.version.name, j.ruling.rule.id) for j in judged] == [
        (n, name, id) for n, name in ((1, "a"), (2, "b"), (3, "c")) for id in ("r", "s")
    ]
    assert all(j.reached == closure.reached[j.index] for j in judged)


@pytest.mark.parametrize(
    ("change", "version", "partition", "covered"),
    [
        ({"partition": "?*"}, A, None, False),
        ({"partition": "*"}, A, None, True),
        ({"partition": ""}, A, None, True),
        ({"partition": "de"}, A, "de", True),
        ({"partition": "de"}, A, "fr", False),
        ({"dataset": "a@*"}, A, None, False),
        ({"dataset": "a@*"}, A._replace(run="r1"), None, True),
        ({"dataset": "d:a@r1"}, A._replace(run="r1"), None, True),
        ({"dataset": "d:a@r1"}, A._replace(run="r2"), None, False),
        ({"dataset": "a"}, A._replace(run="r2"), None, True),
        ({"dataset": "d:a"}, A, None, True),
    ],
)
def test_a_waiver_covers_the_partition_and_the_version_that_it_names(change, version, partition, covered):
    waiver = Waiver("w", "r", "out", "why", "ann", "bob", "T-1", NOW + timedelta(days=30), model="barred", **change)
    target = OUT._replace(partition=partition)
    made = [Production((version,), models=(ModelSource("p", "barred"),))]
    closure = close(Production((target,), inputs=(Input(version),)), made)
    verdict = decide(closure, Policy("p", (rule(None),), TERMS), (waiver,), USES[0], NOW)
    assert verdict.decision is (Decision.WAIVED if covered else Decision.BLOCK)


def test_joined_findings_stop_whatever_the_policy_says_of_unknowns():
    policy = Policy("p", (rule(None),), TERMS, unknown_blocks=False)
    clean = decide(step((A, "free")), policy, (), USES[0], NOW)
    [found] = decide(step((A, "barred")), policy, (), USES[0], NOW).findings
    for effect, stops in ((Effect.WARN, False), (Effect.UNKNOWN, True), (Effect.BLOCK, True)):
        joined = clean.joined([replace(found, effect=effect)])
        assert (joined.decision.name, joined.stops, len(joined.findings)) == (effect.name, stops, 1)
        waived = clean.joined([replace(found, effect=effect, waived_by="w")])
        assert (waived.decision, waived.stops) == (Decision.WAIVED, False)
    blocked = decide(step((A, "barred")), policy, (), USES[0], NOW)
    assert blocked.joined([replace(found, effect=Effect.WARN, rule="other")]).stops


def test_a_finding_about_a_licence_says_which_of_an_expression_and_how_it_came_in():
    closure = close(Production((OUT,), licenses=(License("MIT AND CC-BY-NC-4.0"), License("CC-BY-NC-4.0"))), [])
    barred = Rule("nc", Subject.LICENSE, Effect.BLOCK, "why", "fix", Match(license=("CC-*",)))
    found = decide(closure, Policy("p", (barred,), TERMS), (), USES[0], NOW).findings
    assert [f.message for f in found] == [
        f"d:out is under {named}, declared, which rule nc stops for {USES[0]}."
        for named in ("CC-BY-NC-4.0 in MIT AND CC-BY-NC-4.0", "CC-BY-NC-4.0")
    ]
    assert {(f.reason, f.influence) for f in found} == {(ReasonCode.RESTRICTED_LICENSE, Influence.DIRECT)}
    for reason, decided in (("RESTRICTED_LICENSE", Decision.BLOCK), ("NO_PROVENANCE", Decision.ALLOW)):
        about = replace(barred, match=Match(reason=(reason,)))
        assert decide(closure, Policy("p", (about,), TERMS), (), USES[0], NOW).decision is decided


@pytest.mark.parametrize("broad", [(None, None, None), ("*", "?*", ""), ("**", None, "?")])
def test_a_waiver_that_names_nothing_is_too_broad(broad):
    assert too_broad(*broad) == "it is too broad: it names no asset, and no model or dataset either"


@pytest.mark.parametrize("narrow", [("X", None, None), ("*", "XY*", None), (None, None, "x")])
def test_a_waiver_that_names_one_thing_is_not(narrow):
    assert too_broad(*narrow) is None


def terms_with(effect, *shapes, **more):
    read = {"confidence": Confidence.VERIFIED, **more}
    return Terms("t", "Prov", "", "MIT", dict.fromkeys(USES, effect), frozenset(shapes), **read)


DUTIES = (Restriction.NAMING_DUTY, Restriction.LICENSE_FLOWS_DOWN)
NC, FAMILIES, RIVALS = (
    Restriction.NON_COMMERCIAL_OUTPUT,
    Restriction.OTHER_MODEL_FAMILIES,
    Restriction.COMPETING_MODELS,
)
RESEARCH = "this organisation does research, and the result must stay there"
FAMILY = "what is trained begins from a model of a family they leave open"
NO_RIVAL = "this organisation does not compete with Prov"
AT_HOME = "this organisation distributes no models"
OF_T = (frozenset({"t", "u"}),)


@pytest.mark.parametrize(
    ("facts", "terms", "use", "said"),
    [
        ({"purpose": Purpose.RESEARCH}, terms_with(Effect.BLOCK, NC), USES[0], (Effect.WARN, RESEARCH)),
        ({"purpose": Purpose.RESEARCH}, terms_with(Effect.BLOCK, NC), "evaluate", (Effect.BLOCK, "")),
        ({"competes_with": ()}, terms_with(Effect.BLOCK, RIVALS), USES[0], (Effect.BLOCK, "")),
        (
            {"competes_with": (), "purpose": Purpose.RESEARCH},
            terms_with(Effect.BLOCK, RIVALS, NC),
            USES[1],
            (Effect.WARN, f"{NO_RIVAL}; {RESEARCH}"),
        ),
        (
            {"student": OF_T},
            terms_with(Effect.BLOCK, FAMILIES, permitted_families=("t",)),
            USES[1],
            (Effect.WARN, FAMILY),
        ),
        (
            {"student": OF_T},
            terms_with(Effect.BLOCK, FAMILIES, RIVALS, permitted_families=("t",)),
            USES[1],
            (Effect.BLOCK, ""),
        ),
        ({"student": OF_T}, terms_with(Effect.BLOCK, FAMILIES, permitted_families=("v",)), USES[1], (Effect.BLOCK, "")),
        ({"student": ()}, terms_with(Effect.BLOCK, FAMILIES, permitted_families=("t",)), USES[1], (Effect.BLOCK, "")),
        (
            {"student": OF_T},
            terms_with(Effect.BLOCK, FAMILIES, permitted_families=("t",), confidence=Confidence.MEMORY),
            USES[1],
            (Effect.UNKNOWN, FAMILY),
        ),
        (
            {"distributes_models": False},
            terms_with(Effect.WARN, *DUTIES),
            USES[0],
            (Effect.ALLOW, f"{AT_HOME}; {AT_HOME}"),
        ),
        ({"distributes_models": False}, terms_with(Effect.WARN, DUTIES[0]), USES[0], (Effect.ALLOW, AT_HOME)),
        ({"distributes_models": False}, terms_with(Effect.WARN, DUTIES[0], NC), USES[0], (Effect.WARN, "")),
        ({"distributes_models": True}, terms_with(Effect.WARN, DUTIES[0]), USES[0], (Effect.WARN, "")),
        (
            {"purpose": Purpose.COMMERCIAL},
            terms_with(Effect.WARN, NC),
            USES[1],
            (Effect.BLOCK, "this organisation is commercial"),
        ),
        ({"purpose": Purpose.COMMERCIAL}, terms_with(Effect.WARN, NC), "evaluate", (Effect.WARN, "")),
        ({"purpose": Purpose.COMMERCIAL}, terms_with(Effect.ALLOW, NC), USES[1], (Effect.ALLOW, "")),
        (
            {"monthly_users": 1001},
            terms_with(Effect.ALLOW, limits=Limits(1000)),
            USES[1],
            (Effect.BLOCK, "this organisation has 1,001 monthly users, and the terms end at 1,000"),
        ),
        (
            {"annual_revenue_usd": 2_000_000},
            terms_with(Effect.ALLOW, limits=Limits(None, 1_000_000, above=Above.DUTY)),
            USES[1],
            (
                Effect.WARN,
                "this organisation has 2,000,000 US dollars of annual revenue, and the terms end at 1,000,000",
            ),
        ),
        ({"monthly_users": 1000}, terms_with(Effect.ALLOW, limits=Limits(1000)), USES[1], (Effect.ALLOW, "")),
    ],
)
def test_what_facts_make_of_terms_and_which_of_them_did(facts, terms, use, said):
    assert Organisation(**facts).apply(terms, use) == said


@pytest.mark.parametrize(
    ("blocks", "use", "stops"), [(True, "evaluate", False), (True, USES[0], True), (False, USES[0], False)]
)
def test_what_is_unknown_stops_training_where_the_policy_says_so_and_nothing_else(blocks, use, stops):
    assert Policy("p", (), TERMS, unknown_blocks=blocks).stops(Effect.UNKNOWN, use) is stops
    assert Policy("p", (), TERMS, unknown_blocks=blocks).stops(Effect.BLOCK, use)


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=15), ""),
        (timedelta(days=2), " Waiver w ends in 2 days, on 2026-11-24: renew it or take the cause away."),
        (timedelta(days=1), " Waiver w ends in 1 day, on 2026-11-23: renew it or take the cause away."),
        (timedelta(hours=1), " Waiver w ends within a day, on 2026-11-22: renew it or take the cause away."),
        (timedelta(0), " Waiver w covered this until 2026-11-22."),
    ],
)
@pytest.mark.parametrize("change", [{}, {"dataset": "a"}, {"use": USES[0]}])
def test_a_finding_says_when_its_waiver_ends_and_when_it_has_ended(left, said, change):
    waiver = Waiver("w", "r", "out", "why", "ann", "bob", "T-1", NOW + left, model="barred", **change)
    policy = Policy("p", (rule(None),), TERMS)
    [plain] = decide(step((A, "barred")), policy, (), USES[0], NOW).findings
    [found] = decide(step((A, "barred")), policy, (waiver,), USES[0], NOW).findings
    assert found.message == plain.message + said
    [other] = decide(step((B, "barred")), policy, (replace(waiver, dataset="a"),), USES[0], NOW).findings
    assert "Waiver" not in other.message
    [elsewhere] = decide(step((A, "barred")), policy, (replace(waiver, use="other"),), USES[0], NOW).findings
    assert "Waiver" not in elsewhere.message
