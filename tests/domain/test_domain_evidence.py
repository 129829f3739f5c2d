"""The result of a suite: when it can be relied on, and what it adds to a verdict when it cannot."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from lineage_guard.domain.facts import Version
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Decision, Finding
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation, findings_of

AT = datetime(2026, 11, 22, tzinfo=UTC)
GOOD = Evidence("lineage", "sha256:s", "sha256:d", "sha256:p", success=True, evaluated=2, expected=2, at=AT)
FAILURE = FailedExpectation("expect_a", "model", 2, "gpt-4o")
BAD = replace(GOOD, success=False, failures=(FAILURE, FailedExpectation("expect_b")))
TARGET = Version("d", "student", None, "r")
ONLY = "only {} of {} expectations were evaluated"


@pytest.mark.parametrize(
    ("change", "passes", "not_run"),
    [
        ({}, True, None),
        ({"success": False}, False, ONLY.format(2, 2)),
        ({"evaluated": 1}, False, ONLY.format(1, 2)),
        ({"evaluated": 3}, False, ONLY.format(3, 2)),
        ({"evaluated": 0, "expected": 0}, False, ONLY.format(0, 0)),
        ({"evaluated": 1, "expected": 1}, True, None),
        ({"error": "no engine"}, False, "no engine"),
        ({"error": ""}, False, ONLY.format(2, 2)),
        ({"failures": (FAILURE,)}, False, None),
        ({"success": False, "failures": (FAILURE,)}, False, None),
        ({"success": False, "failures": (FAILURE,), "error": "it broke off"}, False, "it broke off"),
    ],
)
def test_when_a_result_can_be_relied_on(change: dict[str, object], passes: bool, not_run: str | None) -> None:
    found = replace(GOOD, **change)
    assert (found.passes, found.not_run) == (passes, not_run)
    assert bool(findings_of(found, TARGET)) is not passes


def test_what_failed_stops_and_says_what() -> None:
    assert findings_of(BAD, TARGET) == (
        Finding(
            rule="suite:lineage",
            reason=ReasonCode.EXPECTATIONS_FAILED,
            effect=Effect.BLOCK,
            message="Expectation suite 'lineage' failed: expect_a(model) 2 rows gpt-4o; expect_b()",
            fix="Read the failing expectations of suite 'lineage' and mend the data or its declaration.",
            subject=TARGET,
            path=(TARGET,),
        ),
    )


@pytest.mark.parametrize("already", list(Decision))
def test_what_could_not_run_stops_whatever_was_decided(already: Decision) -> None:
    assert findings_of(replace(GOOD, error="no engine"), TARGET, already) == (
        Finding(
            rule="suite:lineage",
            reason=ReasonCode.EXPECTATIONS_NOT_RUN,
            effect=Effect.BLOCK,
            message="Expectation suite 'lineage' could not be run: no engine",
            fix="Mend suite 'lineage' (a suite that cannot run blocks), then run the step again.",
            subject=TARGET,
            path=(TARGET,),
        ),
    )


@pytest.mark.parametrize("already", list(Decision))
def test_what_is_unknown_is_not_restricted_because_a_suite_says_so_too(already: Decision) -> None:
    [finding] = findings_of(BAD, TARGET, already)
    assert finding.effect is (Effect.UNKNOWN if already is Decision.UNKNOWN else Effect.BLOCK)


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (FailedExpectation("e"), "e() "),
        (FailedExpectation("e", "c", 1), "e(c) 1 row "),
        (FailedExpectation("e", None, 0, "why"), "e() why"),
    ],
)
def test_one_that_failed_in_a_few_words(failure: FailedExpectation, said: str) -> None:
    assert str(failure) == said


def test_it_is_filed_under_what_it_is_about() -> None:
    filed = sha256(b"sha256:s\nsha256:d\nsha256:p").hexdigest()
    assert GOOD.key == f"sha256:{filed}"
