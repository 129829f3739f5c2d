"""What rules can speak of, facts about the organisation, and policies on top of policies."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType

import pytest

from lineage_guard.domain.facts import (
    Acknowledgement,
    Influence,
    Input,
    License,
    ModelSource,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.rules.matching import Match, ReasonCode
from lineage_guard.domain.rules.narrowing import Additions, Loosening, narrowed
from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.spdx import choices, licenses_in
from lineage_guard.domain.rules.terms import (
    EVALUATE,
    TRAIN_COMPETING,
    TRAIN_INTERNAL_GENERATIVE,
    USES,
    Above,
    Confidence,
    Effect,
    FixedTerms,
    Limits,
    Restriction,
    Terms,
)
from lineage_guard.domain.verdict.decide import Decision, decide

AT = datetime(2026, 11, 22, tzinfo=UTC)
MAY = datetime(2026, 5, 1, tzinfo=UTC)
BLOCK, WARN, ALLOW, UNKNOWN = Effect.BLOCK, Effect.WARN, Effect.ALLOW, Effect.UNKNOWN


def terms_of(*shapes, said=BLOCK, internal=WARN, license="LicenseRef-acme", limits=None, provider="Acme"):
    effects = {TRAIN_COMPETING: said, TRAIN_INTERNAL_GENERATIVE: internal, EVALUATE: ALLOW}
    read = Confidence.VERIFIED
    return Terms(
        "acme", provider, "hosted_service", license, effects, frozenset(shapes), limits=limits, confidence=read
    )


OPEN = terms_of(said=ALLOW, internal=ALLOW)
DATA = Version("default", "made/synthetic", None, "r1")
TARGET = Version("default", "team/student")
MODEL = ModelSource("acme", "m1", channel="api.acme.com", generated_at=MAY, license="MIT")


def rule(id, effect, on=Subject.MODEL, at_most=BLOCK, **when):
    return Rule(id, on, effect, "why", "fix", Match(**when), at_most)


ALL = rule("all", ALLOW)


def asked(*rules, model=MODEL, terms=OPEN, use=TRAIN_COMPETING, organisation=None, data=None, target=TARGET, **more):
    policy = Policy("p", rules, FixedTerms({"m1": (terms,)}), organisation=organisation or Organisation(), **more)
    made = data or Production((DATA,), models=(model,), produced_at=AT)
    return decide(close(Production((target,), inputs=(Input(made.outputs[0]),)), [made]), policy, (), use, AT)


@pytest.mark.parametrize(
    ("when", "decision"),
    [
        ({"influence": ("direct",)}, "BLOCK"),
        ({"influence": ("indirect",)}, "ALLOW"),
        ({"origin": ("first_party",)}, "BLOCK"),
        ({"origin": ("second_hand",)}, "ALLOW"),
        ({"license": ("LicenseRef-*", "MIT")}, "BLOCK"),
        ({"license": ("mit",), "acknowledgement": ("declared",)}, "BLOCK"),
        ({"license": ("mit",), "acknowledgement": ("concluded",)}, "ALLOW"),
        ({"license": ("licenseref-acme",), "acknowledgement": ("concluded",)}, "BLOCK"),
        ({"license": ("MIT",)}, "BLOCK"),
        ({"license": ("Apache-2.0",)}, "ALLOW"),
        ({"dataset": ("made/*",)}, "BLOCK"),
        ({"dataset": ("default:made/synthetic",)}, "BLOCK"),
        ({"dataset": ("other/*",)}, "ALLOW"),
        ({"dataset": ("!made/*",)}, "ALLOW"),
        ({"asset": ("team/*",)}, "BLOCK"),
        ({"asset": ("!team/*",)}, "ALLOW"),
        ({"generated_from": date(2026, 5, 1)}, "BLOCK"),
        ({"generated_from": date(2026, 5, 2)}, "ALLOW"),
        ({"generated_until": date(2026, 5, 1)}, "BLOCK"),
        ({"generated_until": date(2026, 4, 30)}, "ALLOW"),
    ],
)
def test_a_rule_applies_where_its_conditions_hold(when, decision):
    verdict = asked(ALL, rule("r", BLOCK, **when))
    assert verdict.decision.value == decision
    assert {f.rule for f in verdict.findings} == ({"r"} if decision == "BLOCK" else set())


def test_what_nobody_knows_may_be_so():
    undated = replace(MODEL, generated_at=None)
    made = Production((DATA,), models=(undated,))
    old, new = (
        rule("old", WARN, generated_until=date(2025, 12, 31)),
        rule("new", BLOCK, generated_from=date(2026, 1, 1)),
    )
    verdict = asked(old, new, data=made)
    assert {f.rule for f in verdict.findings} == {"old", "new", "no-rule"}, "of all days that may be, the strictest"
    allowing = asked(rule("new", ALLOW, generated_from=date(2026, 1, 1)), data=made)
    assert allowing.decision is Decision.UNKNOWN, "a permission that may not apply is none"
    part = asked(rule("l", ALLOW, license=("MIT",)), terms=replace(OPEN, license="MIT AND CC-BY-NC-4.0"))
    assert part.decision is Decision.UNKNOWN, "one of two licences that bind was allowed"
    assert asked(rule("l", ALLOW, license=("MIT",)), terms=replace(OPEN, license="MIT")).decision is Decision.ALLOW


def test_second_hand_is_what_only_the_catalog_knows():
    class Public:
        digest = "sha256:x"

        def version_of(self, public_id):
            return hub if public_id == "org/data" else None

        def productions(self):
            return MappingProxyType({hub: Production((hub,), models=(MODEL,), artefact="org/data")})

    hub, copy = Version("huggingface", "org/data"), Version("default", "raw/copy", None, "r2")
    policy = Policy("p", (ALL, rule("ours", BLOCK, origin=("first_party",))), FixedTerms({"m1": (OPEN,)}))

    def of(*records, reads):
        closure = close(Production((TARGET,), inputs=tuple(Input(v) for v in reads)), records)
        return decide(extend(closure, Public()), policy, (), TRAIN_COMPETING, AT).decision.value

    assert of(reads=[hub]) == "ALLOW"
    assert of(Production((hub,), artefact="org/data"), reads=[hub]) == "ALLOW"
    assert of(Production((copy,), artefact="org/data"), reads=[copy]) == "ALLOW"
    assert of(Production((copy,), artefact="org/data", models=(MODEL,)), reads=[copy]) == "BLOCK"
    assert of(Production((hub,), models=(MODEL,)), reads=[hub]) == "BLOCK", "both are there and cannot be told apart"
    assert of(Production((DATA,), models=(MODEL,)), reads=[hub, DATA]) == "BLOCK"


def licensed(*texts, by=Acknowledgement.DECLARED):
    return Production((DATA,), licenses=tuple(License(t, by) for t in texts), produced_at=AT)


@pytest.mark.parametrize(
    ("texts", "decision"),
    [
        (["CC-BY-NC-4.0"], "BLOCK"),
        (["MIT"], "ALLOW"),
        ([], "ALLOW"),
        (["MIT OR CC-BY-NC-4.0"], "ALLOW"),
        (["MIT AND CC-BY-NC-4.0"], "BLOCK"),
        (["MIT", "CC-BY-NC-4.0"], "BLOCK"),
        (["GPL-3.0-only OR CC-BY-NC-4.0"], "WARN"),
        (["(MIT OR GPL-3.0-only) AND CC-BY-4.0"], "ALLOW"),
        (["CC-BY-NC-4.0 AND ("], "BLOCK"),
        (["MIT AND ("], "ALLOW"),
    ],
)
def test_licences_of_data(texts, decision):
    """Of what may be chosen the loosest, of what binds together the strictest; a name nobody can read is a name."""
    rules = [
        rule("nc", BLOCK, Subject.LICENSE, license=("CC-BY-NC-*",)),
        rule("gpl", WARN, Subject.LICENSE, license=("GPL-*",)),
    ]
    verdict = asked(ALL, *rules, data=licensed(*texts))
    assert verdict.decision.value == decision
    for finding in verdict.findings:
        assert finding.reason is ReasonCode.RESTRICTED_LICENSE
        assert finding.subject == DATA
        assert "is under" in finding.message


def test_who_says_that_it_is_the_licence():
    concluded = rule("nc", BLOCK, Subject.LICENSE, license=("CC-BY-NC-*",), acknowledgement=("concluded",))
    assert asked(concluded, data=licensed("CC-BY-NC-4.0")).decision is Decision.ALLOW
    by_reader = licensed("CC-BY-NC-4.0", by=Acknowledgement.CONCLUDED)
    assert asked(concluded, data=by_reader).findings[0].message == (
        f"{DATA} is under CC-BY-NC-4.0, concluded, which rule nc stops for train_competing."
    )


def test_choices_of_an_expression():
    assert choices("MIT AND (A OR B)") == (("MIT", "A"), ("MIT", "B"))
    many = " AND ".join(f"(A{i} OR B{i})" for i in range(40))
    assert len(choices(many)) == 1, "too many to count: all of them bind"
    assert len(licenses_in(many)) == 80
    assert licenses_in("GPL-2.0-only WITH Classpath-exception-2.0") == ("GPL-2.0-only WITH Classpath-exception-2.0",)
    assert choices("") == (("",),)


def test_an_indirect_model_counts_where_the_policy_says_so():
    scored = replace(MODEL, usage=Usage.SCORING)
    rules = (ALL, rule("r", WARN, influence=("indirect",)))
    assert asked(*rules, model=scored).decision is Decision.ALLOW
    verdict = asked(*rules, model=scored, counts_indirect=True)
    assert verdict.decision is Decision.WARN
    assert verdict.findings[0].influence is Influence.INDIRECT


NC, RIVALS = Restriction.NON_COMMERCIAL_OUTPUT, Restriction.COMPETING_MODELS
NAMING, FLOWS = Restriction.NAMING_DUTY, Restriction.LICENSE_FLOWS_DOWN
LLAMA = terms_of(NAMING, said=WARN, internal=ALLOW, limits=Limits(700_000_000))


@pytest.mark.parametrize(
    ("organisation", "terms", "use", "effect"),
    [
        ({}, terms_of(RIVALS), TRAIN_COMPETING, BLOCK),
        ({"competes_with": ("acme",)}, terms_of(RIVALS), TRAIN_COMPETING, BLOCK),
        ({"competes_with": ()}, terms_of(RIVALS), TRAIN_COMPETING, WARN),
        ({"competes_with": ("other",)}, terms_of(RIVALS, internal=ALLOW), TRAIN_COMPETING, WARN),
        ({"competes_with": ()}, terms_of(RIVALS, internal=BLOCK), TRAIN_COMPETING, BLOCK),
        ({"competes_with": ()}, terms_of(RIVALS, Restriction.ANY_MODEL), TRAIN_COMPETING, BLOCK),
        ({"competes_with": ()}, terms_of(RIVALS, NC), TRAIN_COMPETING, BLOCK),
        ({"competes_with": (), "purpose": Purpose.RESEARCH}, terms_of(RIVALS, NC), TRAIN_COMPETING, WARN),
        ({"competes_with": ()}, terms_of(RIVALS, NAMING), TRAIN_COMPETING, WARN),
        ({"purpose": Purpose.RESEARCH}, terms_of(NC), TRAIN_COMPETING, WARN),
        ({"purpose": Purpose.RESEARCH}, terms_of(RIVALS), TRAIN_COMPETING, BLOCK),
        ({"purpose": Purpose.COMMERCIAL}, terms_of(NC, internal=WARN), TRAIN_INTERNAL_GENERATIVE, BLOCK),
        ({"purpose": Purpose.COMMERCIAL}, terms_of(NC), EVALUATE, ALLOW),
        ({"distributes_models": False}, LLAMA, TRAIN_COMPETING, ALLOW),
        ({"distributes_models": True}, LLAMA, TRAIN_COMPETING, WARN),
        ({"distributes_models": False}, terms_of(FLOWS, said=WARN), TRAIN_COMPETING, ALLOW),
        ({"distributes_models": False}, terms_of(said=WARN), TRAIN_COMPETING, WARN),
        ({"monthly_users": 700_000_000}, LLAMA, TRAIN_INTERNAL_GENERATIVE, ALLOW),
        ({"monthly_users": 700_000_001}, LLAMA, TRAIN_INTERNAL_GENERATIVE, BLOCK),
        ({"monthly_users": 700_000_001}, LLAMA, EVALUATE, BLOCK),
        ({"monthly_users": 2}, replace(OPEN, limits=Limits(1, above=Above.DUTY)), TRAIN_COMPETING, WARN),
        ({"annual_revenue_usd": 2}, replace(OPEN, limits=Limits(None, 1)), TRAIN_COMPETING, BLOCK),
    ],
)  # fmt: skip
def test_facts_about_the_organisation_decide_conditional_terms(organisation, terms, use, effect):
    applied = Organisation(**organisation).apply(terms, use)
    assert applied.effect is effect
    assert bool(applied.note) == (effect is not terms.effect_on(use))
    as_terms = rule("terms", None)
    verdict = asked(as_terms, terms=terms, use=use, organisation=Organisation(**organisation))
    assert verdict.decision.name == effect.name
    if applied.note and effect is not ALLOW:
        assert applied.note in verdict.findings[0].message


def test_the_suites_go_by_the_same_facts():
    policy = Policy("p", (rule("terms", None),), FixedTerms({}), organisation=Organisation(competes_with=()))
    assert policy.restricted_terms(TRAIN_COMPETING, (terms_of(RIVALS),)) == ()
    assert replace(policy, organisation=Organisation()).restricted_terms(TRAIN_COMPETING, (terms_of(RIVALS),)) == (
        "acme",
    )


COMPANY = Policy(
    "company",
    (rule("terms", None), rule("no-m1", BLOCK, model=("m1",), use=("train_*",)), rule("old", WARN, at_most=WARN)),
    FixedTerms({"m1": (OPEN,)}),
    organisation=Organisation(competes_with=("acme",), monthly_users=10),
)


@pytest.mark.parametrize(
    ("added", "part", "what"),
    [
        ({"rules": (rule("mine", ALLOW),)}, ("rules", 0, "effect"), "rule 'mine' allows"),
        ({"rules": (rule("mine", None, at_most=ALLOW),)}, ("rules", 0, "effect"), "allows"),
        ({"rules": (rule("no-m1", WARN, model=("m1",)),)}, ("rules", 0, "effect"), "says warn, and in company block"),
        ({"rules": (rule("no-m1", None, model=("m1",)),)}, ("rules", 0, "effect"), "says as_terms, and in company"),
        ({"rules": (rule("no-m1", BLOCK, model=("m2",)),)}, ("rules", 0, "when"), "does not hold wherever"),
        ({"rules": (rule("no-m1", BLOCK, use=(EVALUATE,)),)}, ("rules", 0, "when"), "does not hold wherever"),
        ({"rules": (rule("no-m1", BLOCK, dataset=("x",)),)}, ("rules", 0, "when"), "does not hold wherever"),
        ({"rules": (rule("no-m1", BLOCK, generated_from=date(2026, 1, 1)),)}, ("rules", 0, "when"), "does not hold"),
        ({"rules": (rule("no-m1", BLOCK, Subject.UNRESOLVED),)}, ("rules", 0, "on"), "speaks of unresolved"),
        ({"rules": (rule("terms", None, at_most=WARN),)}, ("rules", 0, "effect"), "as_terms, at_most warn"),
        ({"rules": (rule("terms", WARN),)}, ("rules", 0, "effect"), "says warn, and in company as_terms"),
        ({"unknown_blocks": False}, ("unknown_blocks",), "unknown_blocks is false, and company says true"),
        ({"organisation": Organisation(competes_with=())}, ("organisation", "competes_with"), "is nobody, and company"),
        ({"organisation": Organisation(monthly_users=9)}, ("organisation", "monthly_users"), "is 9"),
        ({"organisation": Organisation(purpose=Purpose.RESEARCH)}, ("organisation", "purpose"), "does not say"),
        ({"organisation": Organisation(distributes_models=False)}, ("organisation", "distributes_models"), "is False"),
    ],
)  # fmt: skip
def test_what_would_loosen_is_refused(added, part, what):
    with pytest.raises(Loosening) as raised:
        narrowed(COMPANY, Additions("team", **added))
    assert raised.value.part == part
    assert what in raised.value.what
    assert raised.value.fix


def test_what_narrows_is_taken():
    team = narrowed(
        COMPANY,
        Additions(
            "team",
            rules=(rule("no-m1", BLOCK), rule("mine", WARN, Subject.GAP), rule("old", BLOCK)),
            organisation=Organisation(competes_with=("acme", "b"), purpose=Purpose.COMMERCIAL, monthly_users=11),
            counts_indirect=True,
        ),
    )
    assert team.imports == ("company",)
    assert team.organisation == Organisation(("acme", "b"), Purpose.COMMERCIAL, None, 11)
    assert team.counts_indirect
    third = narrowed(team, Additions("third", rules=(rule("mine", BLOCK, Subject.GAP),)))
    assert [r.effect for r in third.rules if r.id == "mine"] == [BLOCK], "what only narrowed is replaced"
    assert third.imports == ("team", "company")


def test_where_the_imported_policy_is_silent_the_silence_remains():
    company = Policy("company", (rule("m", ALLOW, model=("m9",)),), FixedTerms({"m1": (OPEN,)}))
    team = narrowed(company, Additions("team", rules=(rule("all", WARN), rule("m", BLOCK))))
    step = Production((TARGET,), models=(MODEL,))
    verdict = decide(close(step, []), team, (), TRAIN_COMPETING, AT)
    assert {f.rule for f in verdict.findings} == {"no-rule", "all", "m"}
    assert {t for u in USES for t in team.restricted_terms(u, (OPEN,))} == {"acme"}
