"""When a sensor counts as silent, and what is said of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.heartbeat import LEAST, MISSED, SENSOR, Heartbeat, spell, verdict_on
from lineage_guard.domain.incidents.incident import GUARD_STALE
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Decision

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def beat(ago: float = 0, interval: float = 30) -> Heartbeat:
    at = NOW - timedelta(seconds=ago)
    return Heartbeat("nlp", "dagster:1", at, timedelta(seconds=interval), policy="house", policy_digest="sha256:p")


@pytest.mark.parametrize(
    ("interval", "after", "limit"),
    [
        (1, None, 300),
        (30, None, 300),
        (31, None, 310),
        (600, None, 6000),
        (30, 100, 100),
        (30, 60, 60),
        (30, 59, 60),
        (30, 0, 60),
        (600, 900, 1200),
    ],
)
def test_how_long_a_sensor_may_be_silent(interval: float, after: float | None, limit: float) -> None:
    assert (MISSED, timedelta(minutes=5)) == (10, LEAST)
    asked = None if after is None else timedelta(seconds=after)
    assert beat(interval=interval).limit(asked) == timedelta(seconds=limit)


@pytest.mark.parametrize("ago", [300, -300])
def test_a_sign_that_is_too_old_or_too_far_ahead_is_none(ago: int) -> None:
    further = ago + (1 if ago > 0 else -1)
    assert not beat(ago).silent(NOW)
    assert beat(further).silent(NOW)
    assert beat(ago).silent(NOW, timedelta(seconds=299))


AFTER = (
    "Gates still stop what they must. Until it is back nobody is alerted of what they stop there, "
    "nothing that was trained is judged again, and checks in the UI show old answers."
)


@pytest.mark.parametrize(
    ("ago", "heard", "clocks"),
    [
        (400, "last ticked 6 min ago (2026-11-22T11:53:20+00:00)", ""),
        (0, "last ticked 0 s ago (2026-11-22T12:00:00+00:00)", ""),
        (-400, "is dated 6 min ahead (2026-11-22T12:06:40+00:00)", " One of the two clocks is wrong."),
    ],
)
def test_what_is_said_of_one_that_is_silent(ago: int, heard: str, clocks: str) -> None:
    found = verdict_on(beat(ago), NOW, silent=True)
    target = Version(SENSOR, "nlp", "dagster:1")
    assert (found.decision, found.stops, found.target, found.at) == (Decision.UNKNOWN, True, target, NOW)
    assert (found.policy, found.policy_digest) == ("house", "sha256:p")
    [finding] = found.findings
    assert (finding.rule, finding.reason, finding.effect) == (
        GUARD_STALE,
        ReasonCode.GUARD_CANNOT_SEE,
        Effect.UNKNOWN,
    )
    assert (finding.subject, finding.path) == (target, (target,))
    assert finding.message == (f"The sensor of code location nlp {heard}; it may be silent for 5 min.{clocks} {AFTER}")
    assert finding.fix == (
        "start the daemon, switch the sensor on, or mend what its last tick failed on: `lineage-guard doctor` says "
        "which. A code location that was removed: `lineage-guard health --forget nlp`"
    )
    [other] = verdict_on(beat(ago), NOW, silent=True, after=timedelta(seconds=90)).findings
    assert "it may be silent for 90 s." in other.message


def test_one_that_is_heard_again_passes() -> None:
    found = verdict_on(beat(), NOW, silent=False)
    assert (found.decision, found.stops, found.findings) == (Decision.ALLOW, False, ())
    assert found.target == Version(SENSOR, "nlp", "dagster:1")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (6 * 3600 - 1, "359 min"),
        (6 * 3600, "6 h"),
        (2 * 86400 + 3599, "48 h"),
    ],
)
def test_spans_of_time_in_few_words(seconds: int, said: str) -> None:
    assert spell(timedelta(seconds=seconds)) == said
