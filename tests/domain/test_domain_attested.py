"""Rows evidence, version by version: which attestation counts, what is said where none does, and what waives it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lineage_guard.domain.facts import Influence, Input, Pin, Production, Version
from lineage_guard.domain.lineage.closure import Closure, close
from lineage_guard.domain.lineage.reached import Listed
from lineage_guard.domain.rules.policy import Policy, ReasonCode
from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect, FixedTerms
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.attested import Attestation, Demand, findings_on_rows, wrong_with
from lineage_guard.domain.verdict.decide import Finding
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation

AT = datetime(2026, 11, 22, tzinfo=UTC)
TARGET, MIDDLE, ROWS = (Version("d", n, None, f"run-{n}") for n in ("student", "curated", "answers"))
CLOSURE = close(
    Production((TARGET,), inputs=(Input(MIDDLE),)),
    [Production((MIDDLE,), inputs=(Input(ROWS, pin=Pin.CONSERVATIVE),)), Production((ROWS,))],
)
DEMAND = Demand("d", "answers", "rows_provenance", "rows", "sha256:s")
GOOD = Evidence("rows", "sha256:s", "d", "p", success=True, evaluated=2, expected=2, at=AT)
BAD = replace(GOOD, success=False, failures=(FailedExpectation("expect_a", "model", 2), FailedExpectation("expect_b")))
BROKEN = replace(GOOD, success=False, evaluated=0, error="no such column")
NOT_RUN, FAILED = ReasonCode.EXPECTATIONS_NOT_RUN, ReasonCode.EXPECTATIONS_FAILED
WAIVER = Waiver("w", "rows:rows_provenance", "student", "r", "ann", "bob", "T-1", AT + timedelta(days=90))


def attestation(evidence: Evidence = GOOD) -> Attestation:
    return Attestation(ROWS, DEMAND.check, evidence)


def found(
    *demands: Demand,
    evidence: Evidence | None = None,
    closure: Closure = CLOSURE,
    waivers: tuple[Waiver, ...] = (),
    counts_indirect: bool = True,
    at: datetime = AT,
) -> tuple[Finding, ...]:
    def attested(demand: Demand, version: Version) -> Attestation | None:
        return Attestation(version, demand.check, evidence) if evidence else None

    policy = Policy("p", (), FixedTerms(), counts_indirect=counts_indirect)
    return findings_on_rows(closure, policy, TRAIN_COMPETING, waivers, at, demands or (DEMAND,), attested)


@pytest.mark.parametrize(
    ("has", "reason", "words"),
    [
        (None, NOT_RUN, f"has not been run on the rows of {ROWS}"),
        (replace(attestation(), version=MIDDLE), NOT_RUN, f"was run on {MIDDLE}, and {ROWS} is what would be read"),
        (replace(attestation(), check="other"), NOT_RUN, f"was run on {ROWS}, and {ROWS} is what would be read"),
        (
            attestation(replace(GOOD, suite_digest="sha256:t")),
            NOT_RUN,
            f"was run on {ROWS} before the suite was changed",
        ),
        (attestation(BROKEN), NOT_RUN, f"could not be run on the rows of {ROWS}: no such column"),
        (attestation(BAD), FAILED, f"failed on the rows of {ROWS}: expect_a(model) 2 rows ; expect_b()"),
    ],
    ids=["none", "other version", "other check", "other suite", "broken", "failed"],
)
def test_what_is_wrong_with_an_attestation(has: Attestation | None, reason: ReasonCode, words: str) -> None:
    assert wrong_with(DEMAND, ROWS, has) == (reason, words)


def test_one_that_passed_on_this_very_version_does() -> None:
    assert wrong_with(DEMAND, ROWS, attestation()) is None
    assert found(evidence=GOOD) == ()


def test_what_is_missing_is_found_where_it_is_missing() -> None:
    assert found() == (
        Finding(
            rule="rows:rows_provenance",
            reason=NOT_RUN,
            effect=Effect.BLOCK,
            message=f"Expectation suite 'rows' of asset answers has not been run on the rows of {ROWS}.",
            fix="Run check 'rows_provenance' on answers while its newest version is the one that is read. An older "
            "version is no longer there to be checked: materialize answers and what is built on it again.",
            subject=ROWS,
            path=(TARGET, MIDDLE, ROWS),
            influence=Influence.DIRECT,
            pin=Pin.CONSERVATIVE,
        ),
    )


def test_what_failed_says_how_it_is_mended() -> None:
    [finding] = found(evidence=BAD)
    assert (finding.reason, finding.effect) == (FAILED, Effect.BLOCK)
    assert finding.fix == (
        "Read the result of check 'rows_provenance' on answers; mend the rows or their declaration, or take "
        "the rows out with lineage_guard.quarantine(...), and make what was built on them again."
    )


def test_each_suite_of_an_asset_is_asked_for_once_and_of_no_other_asset() -> None:
    second = DEMAND._replace(check="second", suite="more")
    elsewhere = DEMAND._replace(namespace="e"), DEMAND._replace(name="else")
    assert [f.rule for f in found(second, DEMAND, second, *elsewhere)] == ["rows:rows_provenance", "rows:second"]
    assert found(*elsewhere) == ()


def test_the_target_is_about_to_be_written_and_its_own_check_comes_after_it() -> None:
    assert found(DEMAND._replace(name="student")) == ()
    assert len(found(DEMAND._replace(name="student"), DEMAND)) == 1


@pytest.mark.parametrize(("chose", "content"), [(ROWS, MIDDLE), (MIDDLE, ROWS)])
def test_rows_that_only_chose_count_where_the_policy_says_so(chose: Version, content: Version) -> None:
    closure = close(
        Production((TARGET,), inputs=(Input(chose, Influence.INDIRECT), Input(content))),
        [Production((ROWS,)), Production((MIDDLE,))],
    )
    both = DEMAND, DEMAND._replace(name="curated")
    counted = {f.subject: f.influence for f in found(*both, closure=closure)}
    assert counted == {chose: Influence.INDIRECT, content: Influence.DIRECT}
    assert [f.subject for f in found(*both, closure=closure, counts_indirect=False)] == [content]


def test_what_only_chose_hides_nothing_that_comes_after_it() -> None:
    """A closure lists content first; public ancestry may raise a version to content where it stands."""
    closure = close(
        Production((TARGET,), inputs=(Input(ROWS, Influence.INDIRECT), Input(MIDDLE))),
        [Production((ROWS,)), Production((MIDDLE,))],
    )
    target, content, chose = closure.reached
    turned = replace(closure, reached=Listed([target, chose, content]))
    both = DEMAND, DEMAND._replace(name="curated")
    assert [f.subject for f in found(*both, closure=turned, counts_indirect=False)] == [MIDDLE]


def test_one_suite_that_is_waited_for_hides_no_other_of_the_same_version() -> None:
    both = DEMAND, DEMAND._replace(check="second")
    told = findings_on_rows(
        CLOSURE, Policy("p", (), FixedTerms()), TRAIN_COMPETING, (), AT, both, lambda d, v: None,
        lambda d, v: d.check == "rows_provenance",
    )  # fmt: skip
    assert [f.rule for f in told] == ["rows:second"]


@pytest.mark.parametrize("evidence", [None, BAD, BROKEN], ids=["none", "failed", "broken"])
def test_only_what_has_not_been_run_is_waited_for(evidence: Evidence | None) -> None:
    asked: list[tuple[Demand, Version]] = []

    def waits(demand: Demand, version: Version) -> bool:
        asked.append((demand, version))
        return version == ROWS

    has = attestation(evidence) if evidence else None
    demands = DEMAND, DEMAND._replace(name="curated")
    policy = Policy("p", (), FixedTerms())
    told = findings_on_rows(
        CLOSURE, policy, TRAIN_COMPETING, (), AT, demands, lambda d, v: has if v == ROWS else None, waits
    )
    waited = evidence is not BAD
    assert {f.subject for f in told} == ({MIDDLE} if waited else {MIDDLE, ROWS}), "one that waits hides no other"
    assert ((DEMAND, ROWS) in asked) is waited


@pytest.mark.parametrize(
    ("change", "by"),
    [
        ({}, "w"),
        ({"dataset": "d:answers@run-answers"}, "w"),
        ({"dataset": "d:curated"}, None),
        ({"rule": "rows:other"}, None),
        ({"model": "gpt-4o"}, None),
        ({"asset": "teacher"}, None),
        ({"use": TRAIN_COMPETING}, "w"),
        ({"use": "evaluate"}, None),
        ({"expires": AT}, None),
    ],
)
def test_a_waiver_covers_the_version_it_names(change: dict[str, object], by: str | None) -> None:
    [finding] = found(waivers=(replace(WAIVER, id="not", rule="other"), replace(WAIVER, **change)))
    assert finding.waived_by == by
