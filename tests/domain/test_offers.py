"""Where rows could be quarantined instead: the last mixed table, and only where something would be left of it."""

from datetime import UTC, datetime

import pytest

from lineage_guard.domain.facts import Completeness, Influence, Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.lineage.ways import Edge, ways_of
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, USES, Effect, FixedTerms, Terms
from lineage_guard.domain.verdict.causes import stops
from lineage_guard.domain.verdict.decide import decide
from lineage_guard.domain.verdict.offers import splits
from lineage_guard.domain.verdict.remedy import Action, remedy

AT = datetime(2026, 11, 22, tzinfo=UTC)


def v(name):
    return Version("d", name, None, f"run-{name}")


def made(name, *inputs, models=(), **said):
    return Production((v(name),), tuple(Input(v(i)) for i in inputs), models=tuple(models), **said)


def model(name, rows=None):
    return ModelSource("p", name, record_count=rows)


def terms(id, effect):
    return (Terms(id, "P", "hosted_service", "LicenseRef-x", dict.fromkeys(USES, effect)),)


POLICY = Policy(
    "p",
    (Rule("terms", Subject.MODEL, None, "why", "fix"), Rule("gap", Subject.GAP, Effect.BLOCK, "why", "fix")),
    FixedTerms(
        {"bad": terms("bad", Effect.BLOCK), "worse": terms("worse", Effect.BLOCK), "good": terms("good", Effect.ALLOW)}
    ),
)


def asked(*productions):
    target = made("student", "mixed")
    closure = close(target, productions)
    place = {r.version: n for n, r in enumerate(closure.reached)}
    by_version = {p.outputs[0]: p for p in (*productions, target)}
    edges = [
        Edge(n, place[i.version], i.influence is Influence.DIRECT)
        for version, n in place.items()
        if version in by_version
        for i in by_version[version].inputs
    ]
    ways = ways_of(closure, edges)
    found = stops(closure, POLICY, (), TRAIN_COMPETING, AT)
    verdict = decide(closure, POLICY, (), TRAIN_COMPETING, AT)
    return splits(found, closure, ways), remedy(verdict, found, closure, ways, POLICY, ())


def test_the_last_table_that_holds_the_rows_as_they_were():
    [split], _ = asked(
        made("bad", models=[model("bad", 7)]),
        made("worse", models=[model("worse", 5)]),
        made("letters"),
        made("copy", "bad"),
        made("mixed", "copy", "letters", "worse"),
    )
    assert split.mixed == v("mixed")
    assert [s.model for s in split.sources] == ["bad", "worse"]
    assert (split.rows, split.counted) == (12, True)


def test_what_a_model_rewrote_is_split_before_it_did():
    found, _ = asked(
        made("bad", models=[model("bad")]),
        made("letters"),
        made("both", "bad", "letters"),
        made("mixed", "both", models=[model("good")]),
    )
    assert [(s.mixed, s.rows, s.counted) for s in found] == [(v("both"), 0, False)]


@pytest.mark.parametrize(
    "world",
    [
        (made("bad", models=[model("bad")]), made("mixed", "bad")),
        (
            made("bad", models=[model("bad")]),
            made("gap", completeness=Completeness.INCOMPLETE),
            made("mixed", "bad", "gap"),
        ),
        (made("letters"), made("mixed", "letters")),
    ],
    ids=["nothing would be left", "what else there is stops too", "nothing stops"],
)
def test_nothing_is_offered(world):
    assert asked(*world)[0] == ()


def test_one_table_of_two_models_is_its_own_mixed_table():
    [split], proposed = asked(made("mixed", models=[model("good"), model("bad", 3)]))
    assert split.mixed == v("mixed")
    assert [s.model for s in split.sources] == ["bad"]
    [change] = proposed.changes
    assert (change.version, change.action, change.models) == (v("mixed"), Action.REBUILD, ("p/bad",))


def test_one_version_that_all_causes_go_through_says_how_many_they_are():
    _, proposed = asked(
        *(made(f"bad{n}", models=[model("bad")]) for n in range(3)), made("mixed", "bad0", "bad1", "bad2")
    )
    [change] = proposed.changes
    assert (change.version, change.causes, proposed.smallest, proposed.again) == (v("mixed"), 3, True, 0)
