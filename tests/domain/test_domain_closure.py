"""What a closure says row by row, and what public knowledge adds to it; see docs/mutation.md."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lineage_guard.domain.facts import (
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.lineage.closure import Closure, close, extend, walk
from lineage_guard.domain.lineage.reached import Reached

DAY = datetime(2026, 3, 1, tzinfo=UTC)
OUT, A, B, C, D = (Version("d", n) for n in ("out", "a", "b", "c", "e"))
HUB, WEIGHTS, SEED = (Version("hub", n) for n in ("set", "weights", "seed"))
GPT, QWEN = ModelSource("openai", "gpt-4o"), ModelSource("alibaba", "qwen3")
MIT, CC0 = License("MIT"), License("CC0-1.0")


class Known:
    """A catalog's ancestry over two plain mappings."""

    digest = "sha256:known"

    def __init__(self, names, *made):
        self.names, self.made = names, {p.outputs[0]: p for p in made}

    def version_of(self, public_id):
        return self.names.get(public_id)

    def productions(self):
        return self.made


def reads(*inputs, **said):
    return Production((OUT,), inputs=tuple(i if isinstance(i, Input) else Input(i) for i in inputs), **said)


def made(version, *inputs, **said):
    return replace(reads(*inputs, **said), outputs=(version,))


def rows(closure):
    return {r.version: r for r in closure.reached}


def test_a_row_holds_all_that_its_record_says():
    record = Production(
        (A,), (), (GPT, GPT), DAY, Assertion.OBSERVED, Completeness.INCOMPLETE, (MIT, MIT), "org/set", "half of it"
    )
    [target, row] = close(reads(A), [record]).reached
    assert target == Reached(
        OUT, completeness=Completeness.COMPLETE, recorded=True, asserted_by=Assertion.DECLARED, toward=-1
    )
    assert row == Reached(
        A,
        Influence.DIRECT,
        1,
        0,
        Pin.EXACT,
        Completeness.INCOMPLETE,
        True,
        (GPT,),
        (MIT,),
        "org/set",
        Assertion.OBSERVED,
        DAY,
        "half of it",
    )
    [_, bare] = close(reads(Input(A, Influence.INDIRECT, Pin.CONSERVATIVE)), []).reached
    assert bare == Reached(A, Influence.INDIRECT, 1, 0, Pin.CONSERVATIVE)


def test_a_closure_names_the_state_it_was_read_from_or_none():
    assert close(reads(A), []).watermark == walk(OUT, lambda _: None).watermark == ""
    assert close(reads(A), [], "w-1").watermark == "w-1"
    public = Known({}, made(A, models=(GPT,)))
    assert extend(close(reads(A), [], "w-1"), public).watermark == "w-1"


def test_a_digest_is_of_the_place_and_of_all_that_can_change_a_verdict_but_not_of_the_run():
    closure = close(reads(A, models=(GPT,)), [made(A, B, models=(QWEN,))])
    assert closure.digest == "sha256:af53420104f101c4b556d01537bdf959fd6810a9bfa27b0d1972889d35ca1e30"
    other = [
        close(made(v, A, models=(GPT,)), [made(A, B, models=(QWEN,))])
        for v in (OUT._replace(name="o"), OUT._replace(namespace="o"), OUT._replace(partition="o"))
    ]
    other += [
        close(reads(A), [made(A, B, models=(QWEN,))]),
        close(reads(A, models=(GPT,), completeness=Completeness.UNKNOWN), [made(A, B, models=(QWEN,))]),
        close(reads(A, models=(GPT,)), [made(A, C, models=(QWEN,))]),
        close(reads(A, models=(GPT,)), [made(A, B)]),
        replace(closure, blind=("the ledger of team b",)),
    ]
    assert len({c.digest for c in (closure, *other)}) == 1 + len(other)
    again = close(made(OUT._replace(run="r-2"), A, models=(GPT,)), [made(A, B, models=(QWEN,))], "later")
    assert again.digest == closure.digest


def test_rows_that_answer_for_themselves_are_asked_themselves():
    extended = extend(close(reads(HUB), []), Known({}, made(HUB)))
    assert extended.rows is extended.reached
    assert Closure(OUT, (Reached(OUT),)).rows == (Reached(OUT),)


def test_what_a_catalog_only_names_adds_nothing():
    closure = close(reads(A), [made(A, artefact="org/set", models=(GPT,))])
    assert extend(closure, Known({"org/set": HUB, "gpt-4o": WEIGHTS})) is closure
    elsewhere = Known({"org/set": HUB, "gpt-4o": WEIGHTS}, made(SEED))
    assert extend(closure, elsewhere) is closure
    spoken = Known({"org/set": HUB, "gpt-4o": WEIGHTS}, made(A))
    assert [r.version for r in extend(closure, spoken).reached] == [OUT, A]
    at_home = Known({"org/set": A}, made(A))
    assert [r.version for r in extend(closure, at_home).reached] == [OUT, A]


@pytest.mark.parametrize("usage", list(Usage))
def test_the_ancestors_of_a_model_come_in_as_the_model_did(usage):
    model = replace(GPT, usage=usage)
    ancestry = Known({"gpt-4o": WEIGHTS}, made(WEIGHTS, SEED), made(SEED))
    for closure in (close(reads(models=(model,)), []), close(reads(A), [made(A, models=(model,))])):
        found = rows(extend(closure, ancestry))
        assert {found[v].influence for v in (WEIGHTS, SEED)} == {usage.default_influence}


def test_what_is_known_behind_a_choice_is_followed_to_its_end():
    chain = [Version("hub", f"v{n}") for n in range(5)]
    known = [made(v, above) for v, above in zip(chain, [*chain[1:], SEED], strict=True)]
    ancestry = Known({}, made(HUB, Input(chain[0], Influence.INDIRECT), Input(WEIGHTS, Influence.INDIRECT)), *known)
    found = rows(extend(close(reads(HUB, Input(A, Influence.INDIRECT)), []), ancestry))
    assert {v for v, r in found.items() if r.influence is Influence.INDIRECT} == {A, WEIGHTS, *chain, SEED}
    assert found[SEED].depth == 1 + len(chain) + 1


def test_the_catalog_answers_for_who_does_not_know_and_for_nobody_else():
    ancestry = Known({"org/set": HUB}, made(HUB, models=(GPT,)))

    def row(**said):
        return rows(extend(close(reads(A), [made(A, artefact="org/set", **said)]), ancestry))[A]

    asked = row(completeness=Completeness.UNKNOWN, note="a public data set")
    assert (asked.completeness, asked.note) == (Completeness.COMPLETE, None)
    for sure in (Completeness.COMPLETE, Completeness.INCOMPLETE):
        kept = row(completeness=sure, note="half of it")
        assert (kept.completeness, kept.note) == (sure, "half of it")
    unsure = Known({"org/set": HUB}, made(HUB, completeness=Completeness.INCOMPLETE))
    closure = close(reads(A), [made(A, artefact="org/set", completeness=Completeness.UNKNOWN)])
    assert rows(extend(closure, unsure))[A].completeness is Completeness.INCOMPLETE


def test_a_record_of_a_public_artefact_and_the_catalog_are_joined():
    def row(here, there):
        closure = close(reads(Input(HUB, pin=Pin.CONSERVATIVE)), [made(HUB, produced_at=DAY, **here)] if here else [])
        return rows(extend(closure, Known({}, made(HUB, **there))))[HUB]

    both = row({"models": (GPT,), "licenses": (MIT,)}, {"models": (QWEN, GPT), "licenses": (CC0, MIT)})
    assert (both.models, both.licenses, both.second_hand) == ((GPT, QWEN), (MIT, CC0), False)
    assert both.produced_at is None, "nobody knows when the models of the public one answered"
    bare = row({"licenses": (MIT,)}, {"artefact": "org/set"})
    assert (bare.artefact, bare.produced_at, bare.second_hand) == ("org/set", DAY, True)
    assert row({"artefact": "org/copy"}, {"artefact": "org/set"}).artefact == "org/copy"
    assert row({"artefact": "org/copy"}, {}).artefact == "org/copy"
    unseen = row({}, {"models": (GPT,), "produced_at": DAY})
    assert unseen == Reached(
        HUB,
        depth=1,
        toward=0,
        pin=Pin.CONSERVATIVE,
        completeness=Completeness.COMPLETE,
        recorded=True,
        models=(GPT,),
        asserted_by=Assertion.DECLARED,
        produced_at=DAY,
        second_hand=True,
    )


@pytest.mark.parametrize("pin", list(Pin))
def test_what_turns_out_to_be_read_is_read_as_surely_as_what_leads_to_it(pin):
    step = reads(Input(A, pin=pin), Input(HUB, Influence.INDIRECT))
    closure = close(step, [made(A, artefact="org/set"), made(HUB, B, C), made(B, D)])
    extended = extend(closure, Known({"org/set": WEIGHTS}, made(WEIGHTS, HUB), made(HUB)))
    found = {r.version: (r.depth, extended.path(i)[1:], r.influence, r.pin) for i, r in enumerate(extended.reached)}
    assert found == {
        OUT: (0, (), Influence.DIRECT, Pin.EXACT),
        A: (1, (A,), Influence.DIRECT, pin),
        WEIGHTS: (2, (A, WEIGHTS), Influence.DIRECT, pin),
        HUB: (3, (A, WEIGHTS, HUB), Influence.DIRECT, pin),
        B: (4, (A, WEIGHTS, HUB, B), Influence.DIRECT, pin),
        C: (4, (A, WEIGHTS, HUB, C), Influence.DIRECT, pin),
        D: (5, (A, WEIGHTS, HUB, B, D), Influence.DIRECT, pin),
    }
