"""Conditions of rules one by one: what they hold for, and which certainly hold wherever others do; see mutation.md."""

from dataclasses import fields, replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lineage_guard.domain.facts import Acknowledgement, Influence, ModelSource, Usage, Version
from lineage_guard.domain.rules.matching import (
    Case,
    Match,
    ReasonCode,
    Sure,
    names_of,
    never,
    passes,
)
from lineage_guard.domain.rules.terms import Confidence, Restriction, Terms

NO, MAYBE, YES = Sure.NO, Sure.MAYBE, Sure.YES
USE = "train_competing"
TERMS = Terms(
    "acme-api",
    "Acme Inc",
    "hosted_service",
    "LicenseRef-acme",
    {},
    frozenset({Restriction.ANY_MODEL, Restriction.NAMING_DUTY}),
    confidence=Confidence.VERIFIED,
)
MODEL = ModelSource("acme", "m1", channel="api.acme.com", license="MIT")
DAY = date(2026, 5, 1)
CASE = Case(USE, ReasonCode.RESTRICTED_MODEL, Influence.DIRECT, MODEL, TERMS, day=DAY)


@pytest.mark.parametrize(
    ("name", "holds", "holds_not"),
    [
        ("use", ["train_competing", "TRAIN_*"], ["train", "evaluate"]),
        ("provider", ["acme", "Acme Inc", "ACME*"], ["openai", "inc"]),
        ("model", ["m1", "M?"], ["m2", "api.acme.com"]),
        ("channel", ["api.acme.com", "*.acme.com"], ["acme.com", "m1"]),
        ("terms", ["acme-api", "acme*"], ["acme"]),
        ("restriction", ["ANY_MODEL", "naming_duty"], ["COMPETING_MODELS"]),
        ("confidence", ["verified"], ["unverified", "reported"]),
        ("reason", ["RESTRICTED_MODEL", "restricted_*"], ["NO_PROVENANCE"]),
        ("influence", ["direct"], ["indirect"]),
        ("origin", ["first_party"], ["second_hand"]),
        ("acknowledgement", ["declared", "concluded"], ["inferred"]),
    ],
)
def test_a_condition_is_held_against_what_it_names(name, holds, holds_not):
    assert [Match(**{name: (p,)}).of(CASE) for p in holds] == [YES] * len(holds)
    assert [Match(**{name: (p,)}).of(CASE) for p in holds_not] == [NO] * len(holds_not)
    assert Match(**{name: (*holds_not, holds[0])}).of(CASE) is YES
    assert Match(**{name: (*holds, "!" + holds[0])}).of(CASE) is NO


@pytest.mark.parametrize("name", ["provider", "model", "channel", "terms", "restriction", "confidence", "license"])
def test_a_condition_on_what_is_not_there_does_not_hold(name):
    bare = Case(USE, ReasonCode.NO_PROVENANCE)
    assert Match(**{name: ("*",)}).of(bare) is NO
    assert Match(**{name: ("*",)}).of(CASE) is YES
    assert Match(provider=("Acme*",)).of(CASE._replace(model=None)) is YES
    assert Match(provider=("acme",)).of(CASE._replace(terms=None)) is YES


@pytest.mark.parametrize("patterns", [("chatgpt.com",), ("!chatgpt.com",), ("*",), ("c*", "!chatgpt.com")])
@pytest.mark.parametrize("channel", [None, "", " "])
def test_a_condition_on_a_channel_that_nobody_stated_may_hold(patterns, channel):
    assert Match(channel=patterns).of(CASE._replace(model=replace(MODEL, channel=channel))) is MAYBE


def test_an_empty_condition_holds_always_and_one_that_fails_decides():
    assert Match().of(Case("", ReasonCode.NO_RULE)) is YES
    assert Match(use=("evaluate",), model=("m1",)).of(CASE) is NO
    assert Match(use=(USE,), model=("m2",)).of(CASE) is NO
    assert Match(model=("acme-m*", "m1"), generated_from=DAY).of(CASE) is YES
    assert Match(dataset=("a",)).of(CASE) is Match(asset=("a",)).of(CASE) is MAYBE, "asked of places, not of cases"
    assert Match(dataset=("a",), model=("m1",)).of(CASE) is MAYBE
    assert Match(dataset=("a",), model=("m2",)).of(CASE) is NO
    assert Match(dataset=("a",), generated_from=DAY).of(CASE) is MAYBE
    assert Match(dataset=("a",), generated_until=date(2026, 4, 30)).of(CASE) is NO


def test_origin_is_of_whose_use_it_was():
    second = CASE._replace(second_hand=True)
    assert Match(origin=("second_hand",)).of(second) is YES
    assert Match(origin=("first_party",)).of(second) is NO


@pytest.mark.parametrize(
    ("begins", "ends", "day", "sure"),
    [
        (DAY, None, DAY, YES),
        (DAY, None, date(2026, 4, 30), NO),
        (DAY, None, None, MAYBE),
        (None, DAY, DAY, YES),
        (None, DAY, date(2026, 5, 2), NO),
        (None, DAY, None, MAYBE),
        (DAY, DAY, DAY, YES),
        (DAY, DAY, date(2026, 5, 2), NO),
        (None, None, None, YES),
    ],
)
def test_days_count_with_their_first_and_last(begins, ends, day, sure):
    assert Match(generated_from=begins, generated_until=ends).of(CASE._replace(day=day)) is sure


@pytest.mark.parametrize(
    ("wanted", "by", "sure"),
    [
        (("MIT",), (), MAYBE),
        (("MIT",), ("declared",), YES),
        (("MIT",), ("concluded",), NO),
        (("LicenseRef-*",), ("concluded",), YES),
        (("LicenseRef-*", "mit"), (), YES),
        (("!MIT",), (), MAYBE),
        (("!MIT",), ("declared",), NO),
        (("GPL-*",), (), NO),
    ],
)
def test_a_licence_holds_surely_where_all_do_and_maybe_where_one_does(wanted, by, sure):
    assert Match(license=wanted, acknowledgement=by).of(CASE) is sure


def test_the_licences_at_issue():
    concluded = Acknowledgement.CONCLUDED
    assert CASE.licenses() == [(Acknowledgement.DECLARED, "MIT"), (concluded, "LicenseRef-acme")]
    assert CASE._replace(license="CC0-1.0").licenses() == [(Acknowledgement.DECLARED, "CC0-1.0")]
    assert CASE._replace(license="CC0-1.0", acknowledgement=concluded).licenses() == [(concluded, "CC0-1.0")]
    assert CASE._replace(model=None).licenses() == [(concluded, "LicenseRef-acme")]
    assert CASE._replace(terms=None).licenses() == [(Acknowledgement.DECLARED, "MIT")]
    assert CASE._replace(model=replace(MODEL, license=None)).licenses() == [(concluded, "LicenseRef-acme")]


#: Of every condition one that holds for the terms by themselves, or ``None`` where terms cannot tell.
BY_TERMS = {
    "use": (USE,),
    "provider": ("Acme*",),
    "terms": ("acme-api",),
    "restriction": ("ANY_MODEL",),
    "confidence": ("verified",),
    "reason": ("RESTRICTED_MODEL",),
}
DAYS = ("generated_from", "generated_until")


@pytest.mark.parametrize("name", [f.name for f in fields(Match)])
def test_what_terms_alone_and_reasons_alone_can_answer(name):
    stated = Match(**{name: DAY if name in DAYS else BY_TERMS.get(name, ("?*",))})
    assert stated.holds_for_terms(USE, TERMS) is (name in BY_TERMS)
    assert stated.may_hold_for_terms(USE, TERMS), "of what terms cannot answer some model may be so"
    other = Match(**{name: DAY if name in DAYS else ("other",)})
    assert not other.holds_for_terms(USE, TERMS)
    assert other.may_hold_for_terms(USE, TERMS) is (name not in BY_TERMS or name == "provider")
    reason = stated.holds_for_reason(USE, ReasonCode.RESTRICTED_MODEL)
    if name in ("terms", "restriction", "confidence"):
        assert reason is NO, "a reason has no terms"
    else:
        assert reason is (YES if name in ("use", "reason") else MAYBE)
    not_it = NO if name in ("use", "reason", "terms", "restriction", "confidence") else MAYBE
    assert other.holds_for_reason(USE, ReasonCode.RESTRICTED_MODEL) is not_it


def test_a_provider_that_is_excluded_says_nothing_of_terms():
    assert not Match(provider=("!openai",)).holds_for_terms(USE, TERMS), "the model's own may be openai"
    assert Match(provider=("!openai",)).may_hold_for_terms(USE, TERMS)
    assert Match(use=("!evaluate",)).holds_for_terms(USE, TERMS)


NAMED = Version("d", "made/a", "2026-11-01", "r1")


@pytest.mark.parametrize(
    ("patterns", "held"),
    [((), True), (("made/*",), True), (("d:made/a",), True), (("D:*",), True), (("a",), False), (("!d:*",), False)],
)
def test_places_are_asked_for_by_name_or_with_the_namespace(patterns, held):
    assert names_of(NAMED) == ["made/a", "d:made/a"]
    assert Match(dataset=patterns).on_dataset(NAMED) is held
    assert Match(asset=patterns, dataset=("other",)).on_dataset(NAMED) is False


@pytest.mark.parametrize(
    ("patterns", "values", "held"),
    [
        ((), [], True),
        ((), ["a"], True),
        (("a",), [], False),
        (("!a",), [], True),
        (("A",), ["a"], True),
        (("a",), ["A"], True),
        (("a", "b"), ["b"], True),
        (("b", "a"), ["b"], True),
        (("a",), ["b", "a"], True),
        (("!A",), ["a"], False),
        (("!b", "a"), ["a", "b"], False),
        (("a", "!b"), ["a", "b"], False),
        (("a", "!b"), ["c"], False),
        (("!b",), ["c"], True),
        (("!b", "!c"), ["c"], False),
        (("a?",), ["ab"], True),
    ],
)
def test_one_plain_pattern_and_no_excluding_one(patterns, values, held):
    assert passes(patterns, values) is held


@pytest.mark.parametrize(
    ("patterns", "always", "none"),
    [
        ((), True, False),
        (("a",), True, False),
        (("!a",), True, False),
        (("!*",), True, True),
        (("!*",), False, False),
        (("!a", "!*"), True, True),
        (("a", "!*"), False, True),
        (("a", "!a"), True, True),
        (("A", "!a"), False, True),
        (("a", "!A"), False, True),
        (("a", "b", "!a"), True, False),
        (("a", "b", "!?"), True, True),
        (("ab*", "!a*"), True, True),
        (("a*", "!ab*"), True, False),
    ],
)
def test_what_nothing_can_satisfy(patterns, always, none):
    assert never(patterns, always=always) is none


@pytest.mark.parametrize(
    ("name", "patterns", "value", "held"),
    [
        ("model", ("gpt-4o",), "openai/gpt-4o", MAYBE),
        ("model", ("GPT-4o",), "openai/gpt-4o", MAYBE),
        ("model", ("gpt-4o", "!openai/*"), "openai/gpt-4o", NO),
        ("model", ("!openai/*",), "gpt-4o", YES),
        ("model", ("!openai/*",), "openai/gpt-4o", NO),
        ("model", ("!acme/*",), "gpt-4o", MAYBE),
        ("model", ("!gpt-4o",), "openai/gpt-4o", MAYBE),
        ("model", ("gpt-4o", "!gpt-4o"), "openai/gpt-4o", MAYBE),
        ("model", ("acme/gpt-4o",), "gpt-4o", MAYBE),
        ("model", ("acme/openai/gpt-4o",), "openai/gpt-4o", NO),
        ("channel", ("chatgpt.com",), "https://chatgpt.com/c/1", MAYBE),
        ("channel", ("!chatgpt.com",), "https://chatgpt.com/c/1", MAYBE),
        ("channel", ("gpt-4o",), "openai/gpt-4o", NO),
        ("channel", ("a channel",), "a channel", YES),
        ("provider", ("openai",), "https://openai", NO),
    ],
)
def test_another_spelling_is_of_models_and_channels_only(name, patterns, value, held):
    model = replace(ModelSource("acme", "m", channel="c"), **{name: value})
    assert Match(**{name: patterns}).of(CASE._replace(model=model, terms=None)) is held


@pytest.mark.parametrize(
    ("wider", "narrower", "covers"),
    [
        ((), (), True),
        ((), ("a",), True),
        ((), ("!a",), True),
        (("a",), (), False),
        (("a",), ("!b",), False),
        (("a",), ("A",), True),
        (("A",), ("a",), True),
        (("a", "b"), ("b",), True),
        (("a",), ("a", "b"), False),
        (("*",), ("a", "b*"), True),
        (("?",), ("a",), True),
        (("?",), ("?",), True),
        (("?",), ("*",), False),
        (("x*",), ("xai*",), True),
        (("xai*",), ("x*",), False),
        (("x*",), ("x?y",), True),
        (("x*",), ("x[ab]",), True),
        (("x*y",), ("xaay",), True),
        (("x*y",), ("xa*y",), False),
        (("*x*",), ("axb*",), False),
        (("!a",), (), False),
        (("!a",), ("b",), False),
        (("!a",), ("!a",), True),
        (("!a",), ("!A", "!b"), True),
        (("!A",), ("!a",), True),
        (("!a", "!b"), ("!a",), False),
        (("!ab",), ("!a*",), True),
        (("!a*",), ("!ab",), False),
        (("a*", "!ab"), ("ac", "!ab"), True),
        (("a*", "!ab"), ("ac",), False),
    ],
)
@pytest.mark.parametrize("name", ["use", "license", "asset"])
def test_conditions_that_certainly_hold_wherever_others_do(name, wider, narrower, covers):
    assert Match(**{name: wider}).covers(Match(**{name: narrower})) is covers


@pytest.mark.parametrize(
    ("name", "mine", "theirs", "covers"),
    [
        (name, mine, theirs, covers)
        for name, sooner, later in (
            ("generated_from", date(2026, 1, 1), date(2026, 2, 1)),
            ("generated_until", date(2026, 2, 1), date(2026, 1, 1)),
        )
        for mine, theirs, covers in (
            (None, None, True),
            (None, later, True),
            (later, None, False),
            (sooner, later, True),
            (later, later, True),
            (later, sooner, False),
        )
    ],
)
def test_days_that_hold_wherever_others_do(name, mine, theirs, covers):
    assert Match(**{name: mine}).covers(Match(**{name: theirs})) is covers
    assert not Match(use=("a",), **{name: mine}).covers(Match(**{name: theirs}))


patterns = st.lists(st.text("ab*?!", min_size=1, max_size=3), max_size=3).map(tuple)
values = st.text("ab", min_size=1, max_size=3)


@given(patterns, patterns, values)
def test_what_is_said_to_hold_wherever_another_does_does(wider, narrower, value):
    if Match(terms=wider).covers(Match(terms=narrower)) and passes(narrower, [value]):
        assert passes(wider, [value])
    assert not (never(narrower, always=True) and passes(narrower, [value]))


def test_a_model_that_only_chose_is_told_apart_by_the_case_not_by_the_model():
    chose = CASE._replace(model=replace(MODEL, usage=Usage.FILTER))
    assert Match(influence=("direct",)).of(chose) is YES
    assert Match(influence=("indirect",)).of(chose._replace(influence=Influence.INDIRECT)) is YES
