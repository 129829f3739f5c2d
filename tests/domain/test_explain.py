"""A verdict in words: everything a blocked person needs, in an order they can read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from lineage_guard.domain.facts import Completeness, Input, ModelSource, Pin, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Confidence, Effect, FixedTerms, Terms
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import Decision, Verdict, decide
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation, findings_of
from lineage_guard.domain.verdict.explain import explain, headline, outcome

AT = datetime(2026, 11, 22, 6, 30, tzinfo=UTC)
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
TERMS = Terms(
    id="openai-api",
    provider="OpenAI",
    kind="hosted_service",
    license="LicenseRef-OpenAI",
    effects={TRAIN_COMPETING: Effect.BLOCK},
    obligations=("name the model",),
    summary="Not to compete.",
    url="https://openai.com/terms",
    effective_from=date(2026, 1, 1),
    confidence=Confidence.VERIFIED,
)
POLICY = Policy(
    "default",
    rules=(
        Rule("model-terms", Subject.MODEL, None, "terms bind", "Use another model."),
        Rule("gaps", Subject.GAP, Effect.UNKNOWN, "missing is not clean", "Declare it."),
    ),
    terms=FixedTerms({"gpt-4o": (TERMS,)}),
)
STUDENT = Version("default", "student", None, "019b76da-a800-7503-85d6-56f485aac304")
CURATED = Version("default", "curated", "de", "019b76da-a800-7503-85d6-aaaaaaaaaaaa")
SYNTHETIC = Version("default", "synthetic", "de", "019b76da-a800-7503-85d6-bbbbbbbbbbbb")


def verdict_of(*records: Production, policy: Policy = POLICY, waivers: tuple[Waiver, ...] = (), pin: Pin = Pin.EXACT):
    step = Production((STUDENT,), inputs=(Input(CURATED, pin=pin),))
    return decide(close(step, records), policy, waivers, TRAIN_COMPETING, AT)


def tainted(**arguments) -> Verdict:
    return verdict_of(
        Production((CURATED,), inputs=(Input(SYNTHETIC),)), Production((SYNTHETIC,), models=(GPT,)), **arguments
    )


def test_a_blocked_verdict_holds_path_fact_rule_and_way_out() -> None:
    assert explain(tainted()) == (
        "BLOCKED  default:student (train_competing) by policy default\n"
        "  BLOCK openai/gpt-4o via api.openai.com: terms openai-api (LicenseRef-OpenAI, from 2026-01-01, verified)\n"
        "    Path: default:student <- default:curated[de]@aaaaaaaa <- default:synthetic[de]@bbbbbbbb"
        " <- openai/gpt-4o via api.openai.com\n"
        "    Why: default:synthetic[de]@bbbbbbbb holds generation output of openai/gpt-4o via api.openai.com,"
        " whose terms (openai-api) do not permit train_competing. Not to compete.\n"
        "    Rule: model-terms (RESTRICTED_MODEL)\n"
        "    Terms: https://openai.com/terms\n"
        "    Fix: Use another model.\n"
        "  Looked at 2 upstream versions at 2026-11-22 06:30:00 UTC."
    )


def test_a_gap_is_told_from_a_model() -> None:
    text = explain(verdict_of())
    assert text.startswith("BLOCKED, NOT KNOWN TO BE CLEAN  default:student")
    assert "UNKNOWN default:curated[de]@aaaaaaaa: NO_PROVENANCE" in text
    assert "Fix: Declare it." in text


def test_a_failed_suite_that_repeats_the_rules_is_one_line() -> None:
    failed = Evidence(
        "lineage", "s", "c", "p", False, 3, 3, AT, (FailedExpectation("expect_x", "terms", 1, "openai-api"),)
    )
    text = explain(tainted().joined(findings_of(failed, STUDENT)))
    assert "The expectation suite 'lineage' ran over the same versions and fails too." in text
    assert "expect_x" not in text


def test_a_suite_that_fails_alone_is_spelled_out() -> None:
    failed = Evidence("lineage", "s", "c", "p", False, 3, 3, AT, (FailedExpectation("expect_x", "terms", 1, "more"),))
    alone = replace(tainted(), findings=()).joined(findings_of(failed, STUDENT))
    assert "expect_x" in explain(alone)


def test_uncertain_pins_and_repeats_are_said() -> None:
    text = explain(tainted(pin=Pin.CONSERVATIVE))
    assert "every version that may have been read counts" in text


def test_the_rest_is_counted_and_not_dropped_silently() -> None:
    gaps = [Version("default", f"gap{i}") for i in range(4)]
    step = Production((STUDENT,), inputs=tuple(Input(v) for v in gaps))
    text = explain(decide(close(step, []), POLICY, (), TRAIN_COMPETING, AT), most=1)
    assert "... and 3 more findings" in text


def test_an_allowed_verdict_lists_its_duties() -> None:
    allowing = FixedTerms({"gpt-4o": (Terms(**{**vars(TERMS), "effects": {TRAIN_COMPETING: Effect.ALLOW}}),)})
    verdict = tainted(policy=Policy("default", POLICY.rules, allowing))
    assert verdict.decision is Decision.ALLOW
    text = explain(verdict)
    assert text.startswith("ALLOWED  default:student")
    assert "Duty: OpenAI: name the model" in text


def test_a_waiver_is_named() -> None:
    waiver = Waiver(
        "w-1", "model-terms", "student", "r", "a", "b", "T-1", datetime(2027, 1, 1, tzinfo=UTC), model="gpt-4o"
    )
    verdict = tainted(waivers=(waiver,))
    assert headline(verdict).startswith("WAIVED  default:student")
    assert "Waived by: w-1" in explain(verdict)


def test_outcomes_never_call_a_stopped_step_allowed() -> None:
    observing = Policy("observe", POLICY.rules, POLICY.terms, unknown_blocks=False)
    assert outcome(verdict_of(policy=observing)) == "ALLOWED, NOT KNOWN TO BE CLEAN"
    partial = Production((CURATED,), completeness=Completeness.INCOMPLETE)
    assert outcome(verdict_of(partial)).startswith("BLOCKED")


def test_what_was_waived_never_reads_allowed_whatever_else_warns() -> None:
    other = Rule("mind", Subject.MODEL, Effect.WARN, "we look at it", "Look.")
    end = datetime(2027, 1, 1, tzinfo=UTC)
    waiver = Waiver("w-1", "model-terms", "student", "r", "a", "b", "T-1", end, model="gpt-4o")
    policy = replace(POLICY, rules=(*POLICY.rules, other))
    verdict = tainted(policy=policy, waivers=(waiver,))
    assert (verdict.decision, verdict.stops, verdict.waivers) == (Decision.WARN, False, ("w-1",))
    assert outcome(verdict) == "WAIVED, WITH WARNINGS"
    assert outcome(tainted(policy=replace(POLICY, rules=(other,)))) == "ALLOWED, WITH WARNINGS"


def test_a_name_begins_no_line_and_steers_no_terminal() -> None:
    evil = SYNTHETIC._replace(name="raw\x1b[1A\nALLOWED  default:student\u2028\u202e")
    verdict = verdict_of(Production((CURATED,), inputs=(Input(evil),)), Production((evil,), models=(GPT,)))
    named = replace(verdict, target=STUDENT._replace(name="student\x07"))
    for text in (explain(named), headline(named)):
        assert all(c.isprintable() or c == "\n" for c in text)
        assert not any(line.startswith("ALLOWED") for line in text.splitlines())
    assert r"raw\x1b[1A ALLOWED  default:student \u202e[de]" in explain(named)
