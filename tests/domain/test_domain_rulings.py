"""What rules make of one kind of row, ruling by ruling; see docs/mutation.md."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from lineage_guard.domain.facts import Assertion, Completeness, Influence, License, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.lineage.reached import Kind
from lineage_guard.domain.rules.policy import Match, Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect, FixedTerms, Resolution, Terms, Unresolved
from lineage_guard.domain.verdict.judging import judge, rulings_on

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BAD = Terms("bad", "P", "", "MIT", {TRAIN_COMPETING: Effect.BLOCK})
MILD = Terms("mild", "P", "", "MIT", {TRAIN_COMPETING: Effect.WARN})
KNOWN = FixedTerms({"bad": (BAD,), "mild": (MILD,)})
AS_TERMS = Rule("terms", Subject.MODEL, None, "Terms bind.", "Use another model.")
ALLOW = replace(AS_TERMS, id="r", effect=Effect.ALLOW)
UNREAD = Rule("unread", Subject.UNRESOLVED, Effect.UNKNOWN, "Nobody has read its terms.", "Name it.")
GAPS = Rule("gaps", Subject.GAP, Effect.UNKNOWN, "Silence is not clean.", "Declare it.")


def source(name, **more):
    return ModelSource("p", name, channel="c", **more)


def kind(*models, **more):
    given = {"completeness": Completeness.COMPLETE, "licenses": (), "day": None, "influence": Influence.DIRECT, **more}
    return Kind(
        given["influence"],
        given["completeness"],
        True,
        models,
        given["licenses"],
        None,
        given["day"],
        given.get("second_hand", False),
    )


def said(kind, *rules, terms=KNOWN, counts=True, use=TRAIN_COMPETING):
    policy = Policy("p", rules, terms, counts_indirect=counts)
    return [(r.rule.id, r.reason.name, r.effect.name, r.influence.name, r.model) for r in rulings_on(kind, policy, use)]


def test_what_was_observed_and_not_declared_is_ruled_on_besides():
    declared = source("mild")
    seen = replace(source("bad"), asserted_by=Assertion.OBSERVED, generated_at=NOW)
    differs = (ReasonCode.OBSERVED_OTHER_MODEL.name, "BLOCK")
    ruled = said(kind(declared, seen), ALLOW)
    assert ruled[:2] == [("r", "PERMITTED_MODEL", "ALLOW", "DIRECT", m) for m in (declared, seen)]
    assert ruled[2:] == [("observed-differs", *differs, "DIRECT", seen)]
    policy = Policy("p", (ALLOW,), KNOWN)
    last = rulings_on(kind(declared, seen), policy, TRAIN_COMPETING)[-1]
    assert last.terms is None
    assert "bad" in last.how
    # Seen with nothing declared beside it; a choice only; of a row that only lent a choice.
    filtering = replace(seen, influence=Influence.INDIRECT)
    assert said(kind(seen), ALLOW)[1:] == said(kind(seen), ALLOW, counts=False)[1:]
    lent = said(kind(declared, filtering), ALLOW)
    assert {x[3] for x in lent if x[4] == filtering} == {"INDIRECT"}
    behind = said(kind(declared, seen, influence=Influence.INDIRECT), ALLOW)
    assert {x[3] for x in behind} == {"INDIRECT"}
    assert said(kind(declared, seen, influence=Influence.INDIRECT), ALLOW, counts=False) == []
    assert not [x for x in said(kind(declared, filtering), ALLOW, counts=False) if x[4] == filtering]


@pytest.mark.parametrize(
    ("condition", "applies"),
    [
        ({"reason": ("OBSERVED_OTHER_MODEL",)}, True),
        ({"reason": ("NO_PROVENANCE",)}, False),
        ({"model": ("bad",)}, True),
        ({"model": ("mild",)}, False),
        ({"influence": ("direct",)}, True),
        ({"influence": ("indirect",)}, False),
        ({"generated_from": NOW.date()}, True),
        ({"generated_until": (NOW - timedelta(days=1)).date()}, False),
    ],
)
def test_a_rule_on_what_was_observed_is_held_against_all_of_it(condition, applies):
    about = replace(AS_TERMS, id="o", on=Subject.OBSERVATION, effect=Effect.WARN, match=Match(**condition))
    for at, day in ((NOW, None), (None, NOW.date())):
        seen = replace(source("bad"), asserted_by=Assertion.OBSERVED, generated_at=at)
        found = said(kind(source("mild"), seen, day=day), ALLOW, about)
        assert ("o" in {x[0] for x in found}) is applies
        assert ("observed-differs" in {x[0] for x in found}) is not applies


def test_a_gap_a_licence_and_a_model_of_one_row_are_each_ruled_on():
    licence = replace(ALLOW, on=Subject.LICENSE, effect=Effect.WARN)
    row = kind(completeness=Completeness.UNKNOWN, licenses=(License("MIT"),), influence=Influence.INDIRECT)
    assert said(row, GAPS, licence) == [
        ("gaps", "INCOMPLETE_PROVENANCE", "UNKNOWN", "INDIRECT", None),
        ("r", "RESTRICTED_LICENSE", "WARN", "INDIRECT", None),
    ]
    assert said(row, GAPS, licence, counts=False) == []
    direct_only = replace(GAPS, match=Match(influence=("direct",)))
    assert [x[0] for x in said(row, direct_only)] == ["no-rule"]


def test_terms_that_are_known_in_part_are_ruled_on_and_so_is_the_rest():
    class Half:
        digest = ""

        def resolve(self, model, on):
            layers = (BAD,) if model.model == "half" else ()
            return Resolution(layers, Unresolved.UNKNOWN_CHANNEL if layers else None)

    half, none = source("half"), source("none")
    rules = (AS_TERMS, UNREAD)
    assert said(kind(half), *rules, terms=Half()) == [
        ("terms", "RESTRICTED_MODEL", "BLOCK", "DIRECT", half),
        ("unread", "UNKNOWN_CHANNEL", "UNKNOWN", "DIRECT", half),
    ]
    assert said(kind(none), *rules, terms=Half()) == [("unread", "UNKNOWN_TERMS", "UNKNOWN", "DIRECT", none)]
    assert said(kind(half), *rules, terms=Half(), use="another")[0][2] == "UNKNOWN"


def test_what_no_rule_speaks_of_is_ruled_unknown_with_its_terms():
    [ruling] = rulings_on(kind(source("bad")), Policy("p", (), KNOWN), TRAIN_COMPETING)
    assert (ruling.rule.id, ruling.effect, ruling.model, ruling.terms) == (
        "no-rule",
        Effect.UNKNOWN,
        source("bad"),
        BAD,
    )


def test_rows_are_judged_for_their_use():
    rules = (replace(ALLOW, match=Match(use=("evaluate",))), replace(ALLOW, id="s", match=Match(use=("train_*",))))
    closure = close(Production((Version("d", "out"),), models=(source("bad"),)), [])
    for use, id in (("evaluate", "r"), (TRAIN_COMPETING, "s")):
        assert [j.ruling.rule.id for j in judge(closure, Policy("p", rules, KNOWN), use)] == [id]


def test_a_model_that_was_seen_and_stands_in_for_a_declaration_is_said_to():
    inferred = replace(source("bad"), asserted_by=Assertion.INFERRED)
    assert [x[:2] for x in said(kind(inferred), ALLOW)] == [
        ("r", "PERMITTED_MODEL"),
        ("observed-differs", "INFERRED_DECLARATION"),
    ]


def test_whether_two_services_differ_is_a_question_of_the_terms_and_of_the_day():
    class ByDay:
        digest = ""
        turns = (date(2026, 6, 1),)

        def resolve(self, model, on):
            return Resolution((BAD if on and on < self.turns[0] else replace(BAD, id=model.channel),))

    seen = source("bad", asserted_by=Assertion.OBSERVED)
    made = kind(replace(seen, channel="eu.example", asserted_by=Assertion.DECLARED), seen, day=date(2026, 5, 31))
    assert [s[0] for s in said(made, ALLOW, terms=ByDay())] == ["r", "r"]
    for day in (date(2026, 6, 1), None):
        [*_, last] = said(made._replace(day=day), ALLOW, terms=ByDay())
        assert last[:3] == ("observed-differs", "OBSERVED_OTHER_CHANNEL", "BLOCK")


def test_where_the_channel_was_not_stated_the_silence_says_so():
    through = replace(ALLOW, id="through", match=Match(channel=("api.example",)))
    [*_, stated] = rulings_on(kind(source("mild")), Policy("p", (through,), KNOWN), TRAIN_COMPETING)
    [*_, silent] = rulings_on(kind(ModelSource("p", "mild")), Policy("p", (through,), KNOWN), TRAIN_COMPETING)
    assert (stated.rule.id, stated.unsure) == ("no-rule", "")
    assert (silent.rule.id, silent.unsure) == (
        "no-rule",
        "through asks for the channel of the model, which nobody stated: it is taken to hold where that is stricter, "
        "and permits nothing.",
    )


def test_a_difference_that_no_rule_surely_speaks_of_says_what_nobody_wrote_down():
    shop = replace(ALLOW, id="shop", on=Subject.OBSERVATION, match=Match(asset_group=("shop",)))
    seen = kind(source("mild"), replace(source("bad"), asserted_by=Assertion.OBSERVED))
    last = rulings_on(seen, Policy("p", (ALLOW, shop), KNOWN), TRAIN_COMPETING)[-1]
    assert last.rule.id == "observed-differs"
    assert last.unsure.startswith("shop asks for the group of the asset, which nobody wrote down with this run: ")
    through = replace(shop, id="through", match=Match(channel=("api.example",)))
    seen = kind(source("mild"), ModelSource("p", "bad", asserted_by=Assertion.OBSERVED))
    last = rulings_on(seen, Policy("p", (ALLOW, through), KNOWN), TRAIN_COMPETING)[-1]
    assert last.rule.id == "observed-differs"
    assert last.unsure.startswith("through asks for the channel of the model, which nobody stated: ")
