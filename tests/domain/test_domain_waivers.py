"""What a waiver covers, version by version, and what is said before and after it ends."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lineage_guard.domain.facts import Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.terms import EVALUATE, TRAIN_COMPETING, USES, Effect, FixedTerms, Terms
from lineage_guard.domain.rules.waivers import NOTICE, Waiver, notice, places, spanning, too_broad
from lineage_guard.domain.verdict.decide import Decision, decide
from lineage_guard.gx.lineage import lineage_rows

AT = datetime(2026, 11, 22, tzinfo=UTC)
BARRED = Terms("acme", "Acme", "hosted_service", "LicenseRef-a", dict.fromkeys(USES, Effect.BLOCK))
POLICY = Policy(
    "p",
    (Rule("terms", Subject.MODEL, None, "why", "fix"), Rule("gaps", Subject.GAP, Effect.BLOCK, "why", "fix")),
    FixedTerms({"m1": (BARRED,)}),
)
A, B = Version("d", "a", None, "run-a"), Version("d", "b", "de", "run-b")
GAP = Version("d", "gap", None, "run-g")
TARGET = Version("d", "team/student", "2026-11")
M1 = ModelSource("acme", "m1")
CLOSURE = close(
    Production((TARGET,), inputs=(Input(A), Input(B))), [Production((v,), models=(M1,)) for v in (A, B)]
)  # fmt: skip
GAPS = close(Production((TARGET,), inputs=(Input(GAP),)), [])
WAIVER = Waiver("w", "terms", "team/student", "why", "ann", "bob", "T-1", AT + timedelta(days=90), model="m1")


def verdict(*waivers, closure=CLOSURE, at=AT):
    return decide(closure, POLICY, waivers, TRAIN_COMPETING, at)


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        ({}, 2),
        ({"dataset": "a"}, 1),
        ({"dataset": "d:*"}, 2),
        ({"dataset": "d:b"}, 1),
        ({"dataset": "d:a@run-a"}, 1),
        ({"dataset": "d:a@run-z"}, 0),
        ({"dataset": "c"}, 0),
        ({"partition": "2026-11"}, 2),
        ({"partition": "2026-*"}, 2),
        ({"partition": "2026-12"}, 0),
        ({"asset": "*"}, 2),
        ({"asset": "*", "model": "*"}, 0),
        ({"asset": "*", "model": "*", "dataset": "a"}, 1),
        ({"model": None, "dataset": "a"}, 0),
        ({"approved_by": " ANN "}, 0),
        ({"approved_by": ""}, 0),
        ({"requested_by": " "}, 0),
        ({"expires": AT}, 0),
    ],
)
def test_a_waiver_covers_what_it_names_and_no_more(change, covered):
    waiver = replace(WAIVER, **change)
    found = verdict(waiver)
    by = {f.waived_by: f.versions for f in found.findings}
    assert by == {k: n for k, n in (("w", covered), (None, 2 - covered)) if n}
    assert found.decision is (Decision.WAIVED if covered == 2 else Decision.BLOCK)
    rows = lineage_rows(CLOSURE, POLICY, TRAIN_COMPETING, (waiver,), AT)
    assert sum(r.waived_by == "w" for r in rows if r.model) == covered, "the suite says the same"


def test_two_waivers_for_a_version_each_cover_both():
    both = [replace(WAIVER, id=f"w-{name}", dataset=name) for name in "ab"]
    found = verdict(*both)
    assert found.decision is Decision.WAIVED
    assert {(f.waived_by, f.subject.name) for f in found.findings} == {("w-a", "a"), ("w-b", "b")}
    assert set(found.waivers) == {"w-a", "w-b"}


def test_a_gap_is_waived_for_one_version():
    waiver = replace(WAIVER, rule="gaps", model=None, dataset="d:gap@run-g")
    assert verdict(waiver, closure=GAPS).decision is Decision.WAIVED
    assert verdict(replace(waiver, dataset="d:gap@run-h"), closure=GAPS).decision is Decision.BLOCK


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (15, ""),
        (14, "ends in 14 days, on"),
        (2, "ends in 2 days, on"),
        (1, "ends in 1 day, on"),
        (0.5, "ends within a day, on"),
    ],
)
def test_its_end_is_announced(days, said):
    found = verdict(replace(WAIVER, expires=AT + timedelta(days=days)))
    assert found.decision is Decision.WAIVED
    assert timedelta(days=14) == NOTICE
    assert ("Waiver w ends" in found.findings[0].message) == bool(said)
    assert said in found.findings[0].message


def test_what_has_ended_is_remembered():
    older = replace(WAIVER, id="older", expires=AT - timedelta(days=9))
    found = verdict(older, replace(older, id="last", expires=AT - timedelta(days=2)))
    assert found.decision is Decision.BLOCK
    assert found.findings[0].message.endswith("Waiver last covered this until 2026-11-20.")
    other = verdict(replace(older, rule="gaps"))
    assert "covered" not in other.findings[0].message


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        ({"expires": AT}, True),
        ({"use": TRAIN_COMPETING}, True),
        ({"use": EVALUATE}, False),
        ({"dataset": "d:a"}, True),
        ({"dataset": "d:b"}, False),
    ],
)
def test_what_has_ended_is_remembered_where_it_covered_something(change, covered):
    ended = replace(WAIVER, **{"expires": AT - timedelta(days=1), **change})
    said = notice(None, (ended,), "terms", TARGET, M1, TRAIN_COMPETING, AT, A)
    assert said == (f" Waiver w covered this until {ended.expires:%Y-%m-%d}." if covered else "")


def test_of_one_that_holds_for_long_nothing_is_said():
    assert notice(WAIVER, (WAIVER,), "terms", TARGET, M1, TRAIN_COMPETING, AT, A) == ""


def test_why_it_is_refused():
    assert WAIVER.refused is None
    assert replace(WAIVER, approved_by="Ann").refused == "Ann approved their own request"
    assert "names no asset" in replace(WAIVER, asset="**", model=None).refused
    assert too_broad("*", None, "d:raw") is None
    assert too_broad(None, "?*", "*")
    assert too_broad(None, None, "*@7") is None, "a run is named, whatever the data"
    assert too_broad("[*]*", None, None), "a star that is meant names nothing either"
    assert too_broad("*", None, "*@?@b"), "what comes after the first @ is one pattern of runs"
    assert too_broad("*", None, None) == "it is too broad: it names no asset, and no model or dataset either"


def test_a_version_that_no_run_made_has_no_name_with_a_run():
    assert places(A) == ["a", "d:a", "a@run-a", "d:a@run-a"]
    assert places(A._replace(run=None)) == ["a", "d:a"]


@pytest.mark.parametrize(
    ("partition", "spans"),
    [(None, True), ("2026-*", True), ("*", True), ("2026-11", False), ("2026-1[12]", True), ("", False)],
)
def test_a_waiver_for_some_partitions_is_none_for_a_step_that_writes_others_too(partition, spans):
    waiver = replace(WAIVER, partition=partition)
    written = (TARGET, TARGET._replace(partition="2026-12"))
    assert spanning((WAIVER, waiver), written) == ((WAIVER, waiver) if spans else (WAIVER,))
    assert waiver.spans(()), "a step that writes nothing"
    assert waiver.spans((TARGET._replace(partition=None),)) is (partition in (None, "*", ""))


@pytest.mark.parametrize(
    ("asset", "model", "dataset"),
    [
        ("[a-z]*", "*", None),
        ("[!_]*", None, None),
        ("*e*", "??*", None),
        ("**", None, "*:*"),
        ("*", None, "default:*"),
        ("*", None, "*:*@*"),
        ("s*", None, None),
        (" ", None, None),
    ],
)
def test_a_pattern_that_only_looks_like_a_name_is_too_broad(asset, model, dataset):
    assert "too broad" in (replace(WAIVER, asset=asset, model=model, dataset=dataset).refused or "")


@pytest.mark.parametrize(
    ("asset", "model", "dataset"),
    [
        ("m", None, None),
        ("a b", None, None),
        ("team/*", None, None),
        ("x[[]1]", None, None),
        ("数据*", None, None),
        ("*", "t5*", None),
        ("*", None, "default:raw"),
        ("*", None, "*:raw*"),
        ("*", None, "*@run-1"),
    ],
)
def test_a_pattern_that_names_something_is_not(asset, model, dataset):
    assert replace(WAIVER, asset=asset, model=model, dataset=dataset).refused is None


@pytest.mark.parametrize("decided", ["Ann <ANN@example.com>", "ann@example.com (on leave)", " ann@EXAMPLE.com"])
def test_one_person_under_two_names_is_one(decided):
    asked = replace(WAIVER, requested_by="ann@example.com", approved_by=decided)
    assert "approved their own request" in (asked.refused or "")
    assert replace(asked, approved_by="joann@example.com").refused is None


@pytest.mark.parametrize("nobody", ["TBD", "tbd.", "-", "?", "N/A", "to do", "None"])
def test_a_place_held_open_is_nobody(nobody):
    assert replace(WAIVER, approved_by=nobody).refused == "nobody approved it"
    assert replace(WAIVER, requested_by=nobody).refused == "nobody requested it"
