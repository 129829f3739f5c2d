"""What a proven quarantine takes out of a closure, where it stops, and how the rest is shown; see docs/mutation.md."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from lineage_guard.domain.facts import (
    Assertion,
    Completeness,
    Influence,
    Input,
    ModelSource,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.lineage.filtering import Cure, Filtered, Proven, RowSource, cured, source_of
from lineage_guard.domain.rules.terms import FixedTerms, Resolution, Terms

DAY = datetime(2026, 3, 1, tzinfo=UTC)
STUDENT, CLEAN, ALSO, MIXED, GEN, SEED = (Version("d", n) for n in ("student", "clean", "also", "mixed", "gen", "seed"))
GPT, QWEN = ModelSource("openai", "gpt-4o", channel="api.openai.com"), ModelSource("alibaba", "qwen3")


def made(version, *inputs, **said):
    return Production((version,), inputs=tuple(Input(v) for v in inputs), produced_at=DAY, **said)


STEP = made(STUDENT, CLEAN)
#: A part of a mixed table, of which one input was written by two models, out of a seed that a model wrote.
WORLD = [made(CLEAN, MIXED), made(MIXED, GEN), made(GEN, SEED, models=(GPT, QWEN)), made(SEED, models=(GPT,))]


def claim(part, *models, mixed=MIXED):
    return Proven(Filtered(part, mixed[:2], tuple(source_of(m) for m in models), "sha256:rows"), f"e-{part.name}")


def result(*claims, step=STEP, world=(), terms=None):
    known = {p.outputs[0]: p for p in [*WORLD, *world]}
    asked = []

    def productions(versions):
        asked.extend(versions)
        return {v: known[v] for v in asked if v in known}

    closure, cures = cured(close(step, known.values()), step, productions, claims, terms or FixedTerms())
    assert len(set(asked)) == len(asked), "each version is asked for once"
    return closure, cures


def models(closure):
    return {r.version: r.models for r in closure.reached if r.models}


def test_rows_that_were_taken_out_take_their_model_out_where_it_wrote_and_no_further():
    closure, cures = result(claim(CLEAN, GPT))
    assert models(closure) == {GEN: (QWEN,), SEED: (GPT,)}, "what the model of a row was shown stays in the rows"
    assert cures == (Cure(GEN, (GPT,), (CLEAN,), ("e-clean",)),)
    assert str(cures[0]) == (
        "openai/gpt-4o via api.openai.com at d:gen: cured by quarantine at d:clean, evidence e-clean"
    )
    assert str(Cure(GEN, (GPT, GPT, QWEN), (CLEAN, ALSO), ("e1", "e2"))) == (
        "openai/gpt-4o via api.openai.com, alibaba/qwen3 at d:gen: "
        "cured by quarantine at d:clean, d:also, evidence e1, e2"
    )
    assert models(result(claim(CLEAN, GPT, QWEN))[0]) == {SEED: (GPT,)}


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({}, {GEN: (QWEN,), SEED: (GPT,)}),
        ({"models": (GPT,)}, {GEN: (GPT, QWEN), SEED: (GPT,)}),
        ({"completeness": Completeness.UNKNOWN}, {GEN: (GPT, QWEN), SEED: (GPT,)}),
        ({"completeness": Completeness.INCOMPLETE}, {GEN: (GPT, QWEN), SEED: (GPT,)}),
        ({"artefact": "org/set"}, {GEN: (GPT, QWEN), SEED: (GPT,)}),
    ],
)
def test_a_cut_goes_on_through_what_only_moved_rows(change, left):
    closure, cures = result(claim(CLEAN, GPT), world=[made(MIXED, GEN, **change)])
    assert models(closure) == left
    assert [c.version for c in cures] == ([MIXED] if "models" in change else [GEN] if not change else [])


@pytest.mark.parametrize(
    "claimed",
    [
        (),
        (claim(CLEAN),),
        (claim(CLEAN, replace(GPT, usage=Usage.REWRITE)),),
        (claim(CLEAN, replace(GPT, channel=None)),),
        (claim(CLEAN, GPT, mixed=GEN),),
        (claim(CLEAN, GPT, mixed=Version("e", "mixed")),),
        (claim(ALSO, GPT),),
    ],
)
def test_what_is_not_claimed_of_this_part_and_this_table_takes_nothing_out(claimed):
    closure, cures = result(*claimed)
    assert (models(closure), cures) == ({GEN: (GPT, QWEN), SEED: (GPT,)}, ())


def test_nothing_is_asked_without_a_claim():
    whole = close(STEP, WORLD)
    assert cured(whole, STEP, lambda _: pytest.fail("asked"), (), FixedTerms()) == (whole, ())
    assert cured(whole, STEP, lambda _: pytest.fail("asked"), (), FixedTerms())[0] is whole


def test_several_parts_take_out_what_all_of_them_did():
    both = made(STUDENT, CLEAN, ALSO)
    world = [made(ALSO, MIXED)]
    closure, cures = result(claim(CLEAN, GPT, QWEN), claim(ALSO, QWEN), step=both, world=world)
    assert models(closure) == {GEN: (GPT,), SEED: (GPT,)}
    assert cures == (Cure(GEN, (QWEN,), (ALSO, CLEAN), ("e-also", "e-clean")),)
    assert result(claim(CLEAN, GPT), claim(ALSO, QWEN), step=both, world=world)[1] == ()
    assert result(claim(CLEAN, GPT), step=both, world=world)[1] == (), "the other part holds all rows"


def test_cures_are_told_in_the_order_of_the_closure():
    world = [made(MIXED, GEN, ALSO), made(ALSO, models=(GPT,))]
    cures = result(claim(CLEAN, GPT), world=world)[1]
    assert [c.version for c in cures] == [GEN, ALSO]


def test_what_was_observed_to_be_otherwise_takes_nothing_out():
    seen = replace(QWEN, model="qwen3-max", asserted_by=Assertion.OBSERVED)
    world = [made(GEN, SEED, models=(GPT, QWEN, seen))]
    assert result(claim(CLEAN, GPT), world=world)[1] == ()
    agreed = replace(GPT, asserted_by=Assertion.OBSERVED)
    assert result(claim(CLEAN, GPT), world=[made(GEN, SEED, models=(GPT, agreed))])[1] != ()


def test_what_counts_in_full_is_shown_on_the_way_by_which_it_does():
    near, far = Version("d", "near"), Version("d", "far")
    farther = Version("d", "farther")
    step = made(STUDENT, CLEAN, near)
    world = [made(near, far), made(far, farther), made(farther, GEN)]
    whole = close(step, [*WORLD, *world])
    assert [v.name for v in whole.path([r.version for r in whole.reached].index(GEN))][1:] == ["clean", "mixed", "gen"]
    closure, cures = result(claim(CLEAN, GPT), step=step, world=world)
    assert cures == ()
    shown = {r.version.name: (r.depth, [v.name for v in closure.path(i)]) for i, r in enumerate(closure.reached)}
    way = ["student", "near", "far", "farther", "gen"]
    assert {name: shown[name] for name in way} == {name: (n, way[: n + 1]) for n, name in enumerate(way)}
    assert shown["mixed"] == (2, ["student", "clean", "mixed"])


def test_evidence_is_filed_under_all_that_is_claimed():
    sources = (source_of(QWEN), source_of(GPT), source_of(QWEN))
    claimed = Filtered(Version("d", "clean", None, "r1"), ("d", "mixed"), sources, "sha256:rows")
    assert claimed.statement() == [
        "=d\x1f=clean\x1f\x1f=r1",
        "d\x1fmixed",
        "alibaba\x1fqwen3\x1f\x1fGENERATION",
        "openai\x1fgpt-4o\x1fapi.openai.com\x1fGENERATION",
    ]
    assert source_of(GPT) == RowSource("openai", "gpt-4o", "api.openai.com", "GENERATION")


T, W, X, Y, Z = (Version("d", n) for n in "twxyz")


@pytest.mark.parametrize(
    ("reads", "world"),
    [
        # Each time the way around comes after what ends a way: one walked already, one cut already, one unknown.
        ((CLEAN, X, Y), [made(X, Z), made(Y, Z, W), made(W, GEN)]),
        (
            (CLEAN, X),
            [made(MIXED, Y, Z), made(Y, W), made(Z, W), made(W, GEN), made(X, ALSO), made(ALSO, T), made(T, GEN)],
        ),
        ((CLEAN, Y, X), [made(X, GEN)]),
    ],
)
def test_no_way_around_a_quarantine_is_overlooked(reads, world):
    closure, cures = result(claim(CLEAN, GPT, QWEN), step=made(STUDENT, *reads), world=world)
    assert cures == ()
    assert models(closure)[GEN] == (GPT, QWEN)


def test_what_is_behind_the_cut_alone_is_shown_as_it_was():
    world = [
        Production((MIXED,), inputs=(Input(GEN, Influence.INDIRECT), Input(X)), produced_at=DAY),
        made(X, Y),
        made(Y, GEN),
    ]
    closure, _ = result(claim(CLEAN, GPT), world=world)
    [(at, depth)] = [(i, r.depth) for i, r in enumerate(closure.reached) if r.version == GEN]
    assert (depth, closure.path(at)) == (5, (STUDENT, CLEAN, MIXED, X, Y, GEN))


def test_parts_of_one_name_are_told_apart_by_partition_and_run():
    parts = [CLEAN._replace(partition="fr"), CLEAN, CLEAN._replace(partition="de", run="r1"), CLEAN._replace(run="r2")]
    world = [made(part, MIXED) for part in parts]
    _, cures = result(*(claim(part, GPT) for part in parts), step=made(STUDENT, *parts), world=world)
    assert [str(part) for part in cures[0].by] == ["d:clean", "d:clean@r2", "d:clean[de]@r1", "d:clean[fr]"]


class ByDay:
    """Until June one text binds a model wherever it answers; then each service has its own."""

    digest = ""
    turns = (date(2026, 6, 1),)

    def resolve(self, model, on):
        id = "one" if on and on < self.turns[0] else model.channel
        return Resolution((Terms(id, "P", "", "MIT", {}),))


@pytest.mark.parametrize("day", [DAY, DAY.replace(month=7), None])
def test_whether_two_services_differ_is_a_question_of_the_day(day):
    seen = replace(GPT, channel="eu.api.example", asserted_by=Assertion.OBSERVED)
    world = [replace(made(GEN, SEED, models=(GPT, seen)), produced_at=day)]
    _, cures = result(claim(CLEAN, GPT, seen), world=world, terms=ByDay())
    assert [c.models for c in cures] == ([(GPT, seen)] if day == DAY else [])
