"""decide(), waivers and extend(): the corners that properties do not name."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType

import pytest

from lineage_guard.domain.facts import (
    Assertion,
    Completeness,
    Influence,
    Input,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
    union,
)
from lineage_guard.domain.lineage.closure import close, extend, walk
from lineage_guard.domain.rules.policy import Case, Match, Policy, ReasonCode, Rule, Subject, Sure
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect, FixedTerms, Resolution, Terms
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import Decision, Finding, decide

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BAD = Terms(
    "bad", "Bad Inc", "hosted_service", "LicenseRef-bad", {TRAIN_COMPETING: Effect.BLOCK}, obligations=("Say so.",)
)
GOOD = Terms("good", "Good Inc", "open_weights", "MIT", {TRAIN_COMPETING: Effect.ALLOW}, obligations=("Thank us.",))
RULES = (
    Rule("terms", Subject.MODEL, None, "Terms bind.", "Use another model."),
    Rule("unknown", Subject.UNRESOLVED, Effect.UNKNOWN, "Unread terms.", "Name the model."),
    Rule("gaps", Subject.GAP, Effect.UNKNOWN, "Silence is not clean.", "Declare it."),
)
POLICY = Policy("p", RULES, FixedTerms({"bad": (BAD,), "good": (GOOD,)}))
OUT, A, B, C = (Version("d", n) for n in ("out", "a", "b", "c"))


def uses(*names, usage=Usage.GENERATION):
    return tuple(ModelSource("p", n, usage=usage) for n in names)


def judged(closure, policy=POLICY, waivers=(), use=TRAIN_COMPETING, at=NOW):
    return decide(closure, policy, waivers, use, at)


def step(*inputs, models=()):
    return Production((OUT,), inputs=tuple(i if isinstance(i, Input) else Input(i) for i in inputs), models=models)


def test_an_unrecorded_target_is_a_gap_too():
    verdict = judged(walk(OUT, lambda v: None))
    assert verdict.decision is Decision.UNKNOWN
    assert verdict.stops


def test_duties_of_permitted_models_are_listed():
    verdict = judged(close(step(A), [Production((A,), models=uses("good"))]))
    assert verdict.decision is Decision.ALLOW
    assert verdict.obligations == ("Good Inc: Thank us.",)
    assert verdict.findings == ()


def test_the_nearest_certain_witness_is_shown_and_the_others_counted():
    made = [Production((A,), inputs=(Input(B),), models=uses("bad")), Production((B,), models=uses("bad"))]
    sure = judged(close(step(A), made))
    assert [v.name for v in sure.findings[0].path] == ["out", "a"]
    assert sure.findings[0].versions == 2
    maybe = judged(close(step(Input(A, pin=Pin.CONSERVATIVE), Input(B)), made))
    assert [v.name for v in maybe.findings[0].path] == ["out", "b"], "a sure witness before a nearer doubtful one"


def test_a_doubtful_pin_is_said_to_be_one():
    verdict = judged(close(step(Input(A, pin=Pin.CONSERVATIVE)), [Production((A,), models=uses("bad"))]))
    assert verdict.decision is Decision.BLOCK
    assert "may hold" in verdict.findings[0].message


@pytest.mark.parametrize("usage", [Usage.FILTER, Usage.SCORING])
def test_a_choice_is_not_content(usage):
    closure = close(step(A), [Production((A,), models=uses("bad", usage=usage))])
    assert judged(closure).decision is Decision.ALLOW
    assert judged(closure, replace(POLICY, counts_indirect=True)).decision is Decision.BLOCK


def test_a_stated_influence_outweighs_the_usage():
    model = ModelSource("p", "bad", usage=Usage.SCORING, influence=Influence.DIRECT)
    assert judged(close(step(A), [Production((A,), models=(model,))])).decision is Decision.BLOCK


def test_the_day_of_generation_is_taken_in_utc():
    asked = []

    class Recording(FixedTerms):
        def resolve(self, model, on):
            asked.append(on)
            return Resolution((GOOD,), None, "x")

    late = datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=9)))
    model = ModelSource("p", "good", generated_at=late)
    judged(close(step(A), [Production((A,), models=(model,), produced_at=NOW)]), replace(POLICY, terms=Recording({})))
    judged(
        close(step(A), [Production((A,), models=uses("good"), produced_at=NOW)]), replace(POLICY, terms=Recording({}))
    )
    assert [d.isoformat() for d in asked] == ["2025-12-31", "2026-11-22"]


def test_what_no_rule_speaks_of_is_unknown():
    verdict = judged(close(step(A), [Production((A,), models=uses("good"))]), replace(POLICY, rules=()))
    assert verdict.findings[0].reason is ReasonCode.NO_RULE
    assert verdict.stops


def test_findings_from_outside_always_stop():
    loose = replace(POLICY, unknown_blocks=False)
    verdict = judged(close(step(A), [Production((A,), models=uses("good"))]), loose)
    added = Finding(
        "suite", ReasonCode.EXPECTATIONS_NOT_RUN, Effect.UNKNOWN, "It did not run.", "Mend it.", OUT, (OUT,)
    )
    assert verdict.joined([added]).stops
    assert verdict.joined([]) is verdict


def waiver(**change):
    base = Waiver("w", "terms", "out", "why", "ann", "bob", "T-1", NOW + timedelta(days=1), model="bad", use=None)
    return replace(base, **change)


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        ({}, True),
        ({"expires": NOW}, False),
        ({"approved_by": "ann"}, False),
        ({"rule": "gaps"}, False),
        ({"asset": "other"}, False),
        ({"asset": "o*"}, True),
        ({"model": None}, False),
        ({"model": "good"}, False),
        ({"use": TRAIN_COMPETING}, True),
        ({"use": "evaluate"}, False),
    ],
)
def test_a_waiver_covers_only_what_it_names(change, covered):
    verdict = judged(close(step(A), [Production((A,), models=uses("bad"))]), waivers=(waiver(**change),))
    assert verdict.decision is (Decision.WAIVED if covered else Decision.BLOCK)
    assert verdict.stops is not covered
    assert verdict.waivers == (("w",) if covered else ())


def test_union_keeps_every_ancestor_and_the_weakest_claim():
    a = Production((A,), inputs=(Input(B),), models=uses("good"), asserted_by=Assertion.OBSERVED)
    b = Production((A,), inputs=(Input(C),), models=uses("bad"), completeness=Completeness.INCOMPLETE, note="part")
    joined = union([a, b])
    assert {i.version for i in joined.inputs} == {B, C}
    assert {m.model for m in joined.models} == {"good", "bad"}
    assert joined.completeness is Completeness.INCOMPLETE
    assert joined.asserted_by is Assertion.DECLARED
    with pytest.raises(ValueError, match="at least one"):
        union([])


@pytest.mark.parametrize(
    ("patterns", "values", "holds"),
    [
        ((), ["x"], True),
        (("train_*",), ["train_x"], True),
        (("train_*",), ["evaluate"], False),
        (("!evaluate",), ["train_x"], True),
        (("!evaluate",), ["evaluate"], False),
        (("train_*", "!train_x"), ["train_x"], False),
        (("train_*", "!train_x"), ["train_y"], True),
    ],
)
def test_patterns_select_and_exclude(patterns, values, holds):
    assert Match(use=patterns).of(Case(values[0], ReasonCode.NO_RULE)) is (Sure.YES if holds else Sure.NO)


class Public:
    digest = "sha256:x"

    def __init__(self, names, made):
        self.names, self.made = names, MappingProxyType({p.outputs[0]: p for p in made})

    def version_of(self, public_id):
        return self.names.get(public_id)

    def productions(self):
        return self.made


HUB, MIX = Version("huggingface", "org/data"), Version("huggingface", "org/mix")
KNOWN = Public(
    {"org/data": HUB, "org/mix": MIX},
    [Production((HUB,), models=uses("bad")), Production((MIX,), inputs=(Input(HUB),))],
)


def test_a_node_the_ledger_already_holds_still_learns_what_the_catalog_knows():
    recorded = close(step(HUB), [Production((HUB,), artefact="org/data")])
    assert judged(extend(recorded, KNOWN)).decision is Decision.BLOCK
    silent = close(step(HUB), [])
    assert judged(extend(silent, KNOWN)).decision is Decision.BLOCK


def test_what_the_ledger_reached_indirectly_becomes_direct_with_all_behind_it():
    closure = close(
        step(Input(HUB, Influence.INDIRECT), Input(MIX)),
        [Production((HUB,), inputs=(Input(B),)), Production((B,), models=uses("bad"))],
    )
    assert judged(closure).decision is Decision.UNKNOWN, "org/mix is not on record"
    extended = extend(closure, KNOWN)
    assert {r.version: r.influence for r in extended.reached}[B] is Influence.DIRECT
    assert len({r.version for r in extended.reached}) == len(extended.reached)
    paths = [[v.name for v in extended.path(i)] for i in range(len(extended.reached))]
    assert ["out", "org/mix", "org/data", "b"] in paths


def test_a_run_that_wrote_under_a_public_name_holds_the_public_data():
    copy = Version("huggingface", "org/data", None, "run-1")
    assert judged(extend(close(step(copy), [Production((copy,))]), KNOWN)).decision is Decision.BLOCK


def test_an_artefact_declared_by_id_alone_is_completed_and_a_stranger_is_not():
    def read(artefact):
        return close(step(A), [Production((A,), artefact=artefact, completeness=Completeness.UNKNOWN)])

    harmless = Public({"org/data": HUB}, [Production((HUB,), models=uses("good"))])
    assert judged(extend(read("org/data"), harmless)).decision is Decision.ALLOW
    assert judged(extend(read("org/other"), harmless)).decision is Decision.UNKNOWN


def test_the_ancestors_of_base_models_come_along():
    known = Public(
        {"org/base": MIX}, [Production((HUB,), models=uses("bad")), Production((MIX,), inputs=(Input(HUB),))]
    )
    tuned = ModelSource("p", "good", base_models=("org/base",))
    assert judged(extend(close(step(A), [Production((A,), models=(tuned,))]), known)).decision is Decision.BLOCK


def test_digest_forgets_the_run_and_nothing_else():
    made = [Production((A,), models=uses("bad"))]
    closure = close(step(A), made)
    retry = close(Production((OUT._replace(run="r2"),), inputs=(Input(A),)), made)
    assert retry.digest == closure.digest
    assert close(step(A), [Production((A,), models=uses("good"))]).digest != closure.digest
    assert replace(closure, blind=("x",)).digest != closure.digest
    assert close(step(Input(A, Influence.INDIRECT)), made).digest != closure.digest
