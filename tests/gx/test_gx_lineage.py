"""The lineage suite is a second lock: it says no where ``decide`` says no, and for reasons of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from lineage_guard.domain.facts import (
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    ModelSource,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.lineage.closure import Closure, close
from lineage_guard.domain.rules.organisation import Organisation
from lineage_guard.domain.rules.policy import Match, Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.rules.terms import EVALUATE, TRAIN_COMPETING, Effect, FixedTerms, Resolution, Terms
from lineage_guard.domain.rules.waivers import Waiver, Waivers
from lineage_guard.domain.verdict.decide import Decision, decide
from lineage_guard.domain.verdict.evidence import Evidence, findings_of
from lineage_guard.domain.verdict.judging import Judged
from lineage_guard.gx import lineage
from lineage_guard.gx.lineage import LineageRow, lineage_evidence_key, lineage_rows, run_lineage_suite
from lineage_guard.gx.suites import load_suite, suites_folder

AT = datetime(2026, 11, 1, tzinfo=UTC)


def terms(id: str, effect: Effect) -> Terms:
    return Terms(id, id.title(), "hosted_service", "LicenseRef-x", {TRAIN_COMPETING: effect, EVALUATE: Effect.ALLOW})


OPENAI = terms("openai-api", Effect.BLOCK)
LLAMA = terms("llama-license", Effect.WARN)
QWEN = terms("apache", Effect.ALLOW)
RESELLER = terms("reseller", Effect.ALLOW)
ALL = (OPENAI, LLAMA, QWEN, RESELLER)
CATALOG = FixedTerms({"gpt-4o": (OPENAI,), "llama": (LLAMA,), "qwen": (QWEN,), "resold": (OPENAI, RESELLER)})

AS_THE_TERMS_SAY = Rule("models", Subject.MODEL, None, "r", "f")
UNRESOLVED = Rule("unresolved", Subject.UNRESOLVED, Effect.UNKNOWN, "r", "f")
GAPS = Rule("gaps", Subject.GAP, Effect.UNKNOWN, "r", "f")
POLICY = Policy("p", (AS_THE_TERMS_SAY, UNRESOLVED, GAPS), CATALOG, digest="sha256:p")

STUDENT, RAW, MADE = Version("d", "student"), Version("d", "raw"), Version("d", "made", "de", "r1")


def model(name: str, usage: Usage = Usage.GENERATION) -> ModelSource:
    return ModelSource("someone", name, channel="api", usage=usage)


def closure(
    *models: ModelSource,
    completeness: Completeness = Completeness.COMPLETE,
    known: bool = True,
    blind: tuple[str, ...] = (),
) -> Closure:
    productions = [Production((MADE,), inputs=(Input(RAW),), models=models, completeness=completeness)]
    productions += [Production((RAW,))] if known else []
    return replace(close(Production((STUDENT,), inputs=(Input(MADE),)), productions), blind=blind)


def run(c: Closure, policy: Policy = POLICY, waivers: Waivers = (), use: str = TRAIN_COMPETING) -> Evidence:
    evidence = run_lineage_suite(c, policy, use, ALL, AT, waivers=waivers)
    assert evidence.error is None
    assert evidence.evaluated == evidence.expected
    assert evidence.key == lineage_evidence_key(c, policy, use, ALL, AT, waivers=waivers)
    return evidence


def failed(evidence: Evidence) -> set[str | None]:
    return {f.column for f in evidence.failures}


def test_what_was_seen_and_is_not_declared_is_a_row_that_fails_the_suite() -> None:
    seen = replace(model("llama"), asserted_by=Assertion.OBSERVED)
    stranger = replace(model("nobody-knows"), asserted_by=Assertion.OBSERVED)
    c = closure(model("qwen"), seen, stranger)
    rows = [r for r in lineage_rows(c, POLICY, TRAIN_COMPETING, (), AT) if r.kind == "model"]
    assert [(r.model, r.unresolved, r.effect) for r in rows] == [
        ("qwen", None, "ALLOW"),
        ("llama", None, "WARN"),
        ("nobody-knows", "UNKNOWN_MODEL", "UNKNOWN"),
        ("llama", "OBSERVED_OTHER_MODEL", "BLOCK"),
        ("nobody-knows", "OBSERVED_OTHER_MODEL", "BLOCK"),
    ]
    assert "effect" in failed(run(closure(model("qwen"), seen)))
    lenient = replace(POLICY, rules=(*POLICY.rules, Rule("seen", Subject.OBSERVATION, Effect.WARN, "r", "f")))
    assert run(closure(model("qwen"), seen), lenient).passes


def test_clean_and_warned_closures_pass() -> None:
    assert run(closure(model("qwen"))).passes
    assert run(closure(model("llama"))).passes
    assert decide(closure(model("llama")), POLICY, (), TRAIN_COMPETING, AT).decision is Decision.WARN
    assert run(closure()).passes


def test_a_step_that_reads_nothing_still_has_a_row() -> None:
    alone = close(Production((STUDENT,)), [])
    assert [r.name for r in lineage_rows(alone, POLICY, TRAIN_COMPETING, (), AT)] == ["student"]
    assert run(alone).passes


@pytest.mark.parametrize(
    ("bad", "columns"),
    [
        (closure(model("gpt-4o")), {"terms", "effect"}),
        (closure(model("qwen"), model("resold")), {"terms", "effect"}),
        (closure(model("unheard-of")), {"unresolved", "effect"}),
        (closure(model("qwen"), completeness=Completeness.INCOMPLETE), {"provenance", "effect"}),
        (closure(model("qwen"), known=False), {"provenance", "effect"}),
        (closure(model("qwen"), blind=("the ledger lags",)), {"provenance", "effect", "kind"}),
    ],
    ids=["restricted", "resold", "unknown-model", "incomplete", "no-record", "blind"],
)
def test_what_must_not_be_learnt_from_fails_twice_over(bad: Closure, columns: set[str]) -> None:
    evidence = run(bad)
    assert failed(evidence) == columns
    assert not evidence.passes
    [finding] = findings_of(evidence, STUDENT)
    assert finding.reason is ReasonCode.EXPECTATIONS_FAILED
    assert finding.effect is Effect.BLOCK


def test_it_is_a_lock_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the policy's judgement broken so that all is allowed, the sets still say no."""
    judge = lineage.judge

    def allowing(*a: Any) -> Iterator[Judged]:
        return (replace(j, ruling=j.ruling._replace(effect=Effect.ALLOW)) for j in judge(*a))

    monkeypatch.setattr(lineage, "judge", allowing, raising=True)
    assert failed(run(closure(model("gpt-4o")))) == {"terms"}
    assert failed(run(closure(model("unheard-of")))) == {"unresolved"}
    assert failed(run(closure(model("qwen"), known=False))) == {"provenance"}
    assert failed(run(closure(model("qwen"), blind=("lag",)))) == {"provenance", "effect", "kind"}


def test_models_the_policy_forgot_to_judge_do_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "judge", lambda *a: iter(()))
    assert failed(run(closure(model("qwen")))) == {"effect"}


def test_judgements_without_a_row_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lineage, "_subjects", lambda *a: iter([(None, None, None)]))
    evidence = run_lineage_suite(closure(model("qwen")), POLICY, TRAIN_COMPETING, ALL, AT)
    assert "1 judgements of the policy have no row" in (evidence.error or "")
    assert findings_of(evidence, STUDENT)[0].reason is ReasonCode.EXPECTATIONS_NOT_RUN


def test_rows_that_go_missing_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = lineage.lineage_rows
    monkeypatch.setattr(lineage, "lineage_rows", lambda *a: [r for r in whole(*a) if r.name != "made"])
    evidence = run(closure(model("gpt-4o")))
    assert {f.type for f in evidence.failures} == {
        "expect_column_unique_value_count_to_be_between",
        "expect_table_row_count_to_be_between",
    }


def waiver(rule: str, **more: Any) -> Waiver:
    fields: dict[str, Any] = {"asset": "student", "expires": AT + timedelta(days=1), "model": "gpt-4o", **more}
    return Waiver("w1", rule, reason="r", requested_by="a", approved_by="b", ticket="t", **fields)


def test_waived_rows_pass_and_are_marked() -> None:
    waivers = (waiver("models"),)
    c = closure(model("gpt-4o"))
    assert run(c, waivers=waivers).passes
    marked = [r for r in lineage_rows(c, POLICY, TRAIN_COMPETING, waivers, AT) if r.waived_by]
    assert [(r.terms, r.effect, r.waived_by) for r in marked] == [("openai-api", "BLOCK", "w1")]


@pytest.mark.parametrize(
    "useless",
    [
        waiver("gaps"),
        waiver("models", expires=AT),
        waiver("models", model="llama"),
        waiver("models", asset="other"),
        waiver("models", use=EVALUATE),
    ],
    ids=["rule", "expired", "model", "asset", "use"],
)
def test_waivers_that_cover_something_else_change_nothing(useless: Waiver) -> None:
    assert failed(run(closure(model("gpt-4o")), waivers=(useless,))) == {"terms", "effect"}


def test_a_waived_gap_does_not_waive_the_model_beside_it() -> None:
    c = closure(model("gpt-4o"), completeness=Completeness.INCOMPLETE)
    assert failed(run(c, waivers=(waiver("gaps", model=None),))) == {"terms", "effect"}


def test_every_stopping_rule_must_be_waived() -> None:
    second = Rule("no-openai", Subject.MODEL, Effect.BLOCK, "r", "f", Match(terms=("openai-*",)))
    policy = replace(POLICY, rules=(*POLICY.rules, second))
    assert not run(closure(model("gpt-4o")), policy, (waiver("models"),)).passes
    assert run(closure(model("gpt-4o")), policy, (waiver("models"), replace(waiver("no-openai"), id="w2"))).passes


def test_the_policy_feeds_the_suite() -> None:
    lenient = replace(POLICY, unknown_blocks=False)
    assert run(closure(model("unheard-of"), known=False), lenient).passes
    assert run(closure(model("gpt-4o")), use=EVALUATE).passes
    indirect = closure(model("gpt-4o", Usage.FILTER))
    assert run(indirect).passes
    assert not run(indirect, replace(POLICY, counts_indirect=True)).passes
    warns = Policy("warns", (replace(AS_THE_TERMS_SAY, at_most=Effect.WARN), UNRESOLVED, GAPS), CATALOG)
    assert run(closure(model("gpt-4o")), warns).passes


def test_evidence_is_filed_under_everything_that_matters() -> None:
    c = closure(model("gpt-4o"))

    def key(closure: Closure = c, policy: Policy = POLICY, use: str = TRAIN_COMPETING, **more: Any) -> str:
        return lineage_evidence_key(closure, policy, use, more.pop("terms", ALL), more.pop("at", AT), **more)

    others = [
        key(closure(model("qwen"))),
        key(policy=replace(POLICY, unknown_blocks=False)),
        key(policy=replace(POLICY, rules=POLICY.rules[:-1])),
        key(use=EVALUATE),
        key(terms=ALL[1:]),
        key(waivers=(waiver("models"),)),
        key(suite="rows"),
    ]
    assert len({key(), *others}) == len(others) + 1
    assert key(at=AT + timedelta(days=9)) == key()
    assert key(waivers=(waiver("models"),), at=AT + timedelta(days=2)) == key()
    again = replace(c, target=STUDENT._replace(run="second"))
    assert key(again) == key()


@pytest.mark.parametrize("broken", ["missing", "emptied", "unknown type"])
def test_a_suite_that_cannot_run_blocks(broken: str, tmp_path: Path) -> None:
    document = json.loads((suites_folder() / "lineage.json").read_text())
    document["expectations"] = [] if broken == "emptied" else [*document["expectations"], {"type": "x", "kwargs": {}}]
    path = tmp_path / "lineage.json"
    if broken != "missing":
        path.write_text(json.dumps(document))
    evidence = run_lineage_suite(closure(model("qwen")), POLICY, TRAIN_COMPETING, ALL, AT, suite=path)
    assert not evidence.passes
    assert (evidence.error or "").startswith("SuiteError: ")
    [finding] = findings_of(evidence, STUDENT)
    assert finding.reason is ReasonCode.EXPECTATIONS_NOT_RUN


def test_the_suite_names_every_column_of_the_table() -> None:
    [columns] = [
        e["kwargs"]["column_set"]  # type: ignore[index]
        for e in load_suite("lineage").expectations
        if e["type"] == "expect_table_columns_to_match_set"
    ]
    assert columns == list(LineageRow._fields)


names = st.sampled_from(["gpt-4o", "llama", "qwen", "resold", "unheard-of"])
sources = st.builds(model, names, st.sampled_from([Usage.GENERATION, Usage.FILTER]))
rules = st.builds(
    Rule,
    id=st.sampled_from(["models", "unresolved", "gaps", "extra"]),
    on=st.sampled_from(Subject),
    effect=st.none() | st.sampled_from(Effect),
    reason=st.just("r"),
    fix=st.just("f"),
    match=st.builds(
        Match,
        model=st.sampled_from([(), ("gpt*",), ("!qwen",)]),
        terms=st.sampled_from([(), ("openai-*",), ("!apache",)]),
        provider=st.sampled_from([(), ("openai*",), ("!someone",), ("someone",)]),
        reason=st.sampled_from([(), ("NO_PROVENANCE",), ("UNKNOWN_MODEL",)]),
        influence=st.sampled_from([(), (), (), ("direct",)]),
        origin=st.sampled_from([(), (), (), ("second_hand",), ("!second_hand",)]),
        license=st.sampled_from([(), (), (), ("LicenseRef-*",), ("MIT",), ("!MIT",)]),
        dataset=st.sampled_from([(), (), (), ("v1",), ("d:v*",), ("!v0",)]),
        asset=st.sampled_from([(), (), (), ("student",), ("!student",)]),
        generated_from=st.sampled_from([None, None, None, date(2026, 3, 1)]),
    ),
    narrows=st.sampled_from([False, False, True]),
    at_most=st.sampled_from([Effect.BLOCK, Effect.BLOCK, Effect.WARN]),
)
policies = st.builds(
    Policy,
    name=st.just("p"),
    rules=st.lists(rules, max_size=5).map(tuple) | st.just(POLICY.rules),
    terms=st.just(CATALOG),
    counts_indirect=st.booleans(),
    unknown_blocks=st.booleans(),
    organisation=st.builds(
        Organisation,
        competes_with=st.sampled_from([None, (), ("openai",)]),
        distributes_models=st.sampled_from([None, False]),
        monthly_users=st.sampled_from([None, 10**9]),
    ),
)


@st.composite
def closures(draw: st.DrawFn) -> Closure:
    versions = [Version("d", f"v{i}") for i in range(draw(st.integers(1, 5)))]
    productions = [
        Production(
            (v,),
            inputs=tuple(Input(u, draw(st.sampled_from(Influence))) for u in versions[:i] if draw(st.booleans())),
            models=tuple(draw(st.lists(sources, max_size=2))),
            completeness=draw(st.sampled_from(Completeness)),
            licenses=tuple(map(License, draw(st.lists(st.sampled_from(["MIT", "MIT OR LicenseRef-x"]), max_size=1)))),
            produced_at=draw(st.sampled_from([None, AT, AT - timedelta(days=400)])),
        )
        for i, v in enumerate(versions)
        if draw(st.integers(0, 5))
    ]
    target = Production((STUDENT,), tuple(Input(v) for v in versions[-2:]), tuple(draw(st.lists(sources, max_size=1))))
    reached = close(target, productions)
    rows = (r._replace(second_hand=i > 0 and draw(st.booleans())) for i, r in enumerate(reached.reached))
    return replace(reached, reached=tuple(rows), blind=draw(st.sampled_from([(), (), ("lag",)])))


waivers = st.lists(
    st.builds(
        waiver,
        st.sampled_from(["models", "unresolved", "gaps", "extra", "no-rule", "guard-cannot-see"]),
        model=st.sampled_from([None, "*", "gpt-4o"]),
        dataset=st.sampled_from([None, None, "v1", "d:v0", "d:*"]),
        asset=st.sampled_from(["student", "student", "*"]),
        partition=st.sampled_from([None, None, "x"]),
    ),
    max_size=3,
).map(tuple)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
@given(closures(), policies, waivers, st.sampled_from([TRAIN_COMPETING, EVALUATE, "own_use"]))
def test_the_suite_agrees_with_decide(c: Closure, policy: Policy, waived: Waivers, use: str) -> None:
    verdict = decide(c, policy, waived, use, AT)
    evidence = run(c, policy, waived, use)
    assert evidence.passes is not verdict.stops, (verdict.findings, evidence.failures)


def holds(rows: list[LineageRow], fed: dict[str, Any]) -> bool:
    """The expectations on terms, gaps, unresolved models and effects, in plain Python: thousands per second."""
    counted = [r for r in rows if r.counts and r.waived_by is None]
    return (
        not any(r.terms in fed["restricted_terms"] for r in counted)
        and not any(r.provenance in fed["stopping_gaps"] for r in counted)
        and not any(r.unresolved in fed["stopping_unresolved"] for r in counted)
        and all(r.effect in fed["permitted_effects"] for r in rows if r.waived_by is None)
        and not any(r.kind == "blind" for r in rows)
        and len({r.node for r in rows}) == fed["versions"]
    )


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(closures(), policies, waivers, st.sampled_from([TRAIN_COMPETING, EVALUATE, "own_use"]))
def test_the_table_and_the_sets_agree_with_decide(c: Closure, policy: Policy, waived: Waivers, use: str) -> None:
    verdict = decide(c, policy, waived, use, AT)
    rows = lineage_rows(c, policy, use, waived, AT)
    assert holds(rows, lineage.lineage_parameters(c, policy, use, ALL)) is not verdict.stops, verdict.findings


def test_the_day_of_the_terms_does_not_depend_on_the_zone_it_is_written_in() -> None:
    """At half past midnight in Helsinki it is still the day before in UTC, and the terms of that day bind."""

    class NewTerms(FixedTerms):
        def resolve(self, model: ModelSource, on: date | None) -> Resolution:
            layers = (OPENAI,) if on is not None and on < date(2026, 1, 1) else (QWEN,)
            return Resolution(layers=layers, how="by day")

    late = datetime.fromisoformat("2026-01-01T00:30:00+02:00")
    policy = replace(POLICY, terms=NewTerms())
    for when, stops in ((late, True), (late.astimezone(UTC), True), (late + timedelta(hours=2), False)):
        made = closure(replace(model("gpt-4o"), generated_at=when))
        evidence = run_lineage_suite(made, policy, TRAIN_COMPETING, ALL, AT)
        assert evidence.passes is not stops, evidence
        assert evidence.error is None
        assert decide(made, policy, (), TRAIN_COMPETING, AT).stops is stops
