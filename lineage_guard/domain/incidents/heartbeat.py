"""The sensor's sign of life, and what follows when it stays away. Pure.

A dead sensor cannot say that it is dead, so others look: whoever sees a sign that is too old takes a verdict on the
sensor itself. It goes the way of every other verdict: one incident, which ends by itself when the sign is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incidents import GUARD_STALE
from lineage_guard.domain.incidents.itself import trouble_with, verdict_on_itself
from lineage_guard.domain.verdict.decide import Finding, Verdict

#: Ticks that may be missed, and how long a sensor may be silent however often it ticks.
MISSED = 10
LEAST = timedelta(minutes=5)
#: Namespace under which verdicts speak of sensors instead of data.
SENSOR = "sensor"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a sensor left behind when it last ticked.

    Attributes:
        location: name of its code location.
        source: name of the event log it collects, ``"dagster:<id>"``.
        at: when it ticked, by its own clock (timezone-aware UTC).
        interval: its minimum interval between ticks.
        lag: event-log ids that it had not read by then.
        behind: how old the oldest materialisation was that it had not read.
        policy: name of its policy.
        policy_digest: digest of rules and terms.
        version: of lineage-guard.
    """

    location: str
    source: str
    at: datetime
    interval: timedelta
    lag: int = 0
    behind: timedelta = timedelta(0)
    policy: str = ""
    policy_digest: str = ""
    version: str = ""

    def limit(self, after: timedelta | None = None) -> timedelta:
        """How long it may be silent.

        Args:
            after: what was asked for; never less than two intervals.

        Example:
            >>> from datetime import UTC, datetime
            >>> Heartbeat("a", "dagster:1", datetime.now(UTC), timedelta(seconds=30)).limit()
            datetime.timedelta(seconds=300)
        """
        return max(after if after is not None else max(MISSED * self.interval, LEAST), 2 * self.interval)

    def silent(self, now: datetime, after: timedelta | None = None) -> bool:
        """Whether its age says that it is silent.

        A sign from the future is as bad as one from the past: one of the two clocks is wrong by more than a sensor
        may be silent, and a sensor that died would not be missed for as long.
        """
        return abs(now - self.at) > self.limit(after)


def verdict_on(beat: Heartbeat, now: datetime, *, silent: bool, after: timedelta | None = None) -> Verdict:
    """The verdict on a sensor: one that opens an incident when it is silent, or ends it.

    Args:
        beat: its last sign of life.
        now: when it was looked at (timezone-aware UTC).
        silent: whether that was too long ago.
        after: see ``Heartbeat.limit``.
    """
    target = Version(SENSOR, beat.location, beat.source)
    trouble = _finding(beat, target, now, after) if silent else None
    return verdict_on_itself(target, now, trouble, beat.policy, beat.policy_digest)


def _finding(beat: Heartbeat, target: Version, now: datetime, after: timedelta | None) -> Finding:
    age = now - beat.at
    when = beat.at.isoformat(timespec="seconds")
    heard = (
        f"last ticked {spell(age)} ago ({when})" if age >= timedelta(0) else f"is dated {spell(-age)} ahead ({when})"
    )
    clocks = "" if age >= timedelta(0) else " One of the two clocks is wrong."
    message = (
        f"The sensor of code location {beat.location} {heard}; it may be silent for {spell(beat.limit(after))}."
        f"{clocks} Gates still stop what they must. Until it is back nobody is alerted of what they stop there, "
        "nothing that was trained is judged again, and checks in the UI show old answers."
    )
    fix = (
        "start the daemon, switch the sensor on, or mend what its last tick failed on: `lineage-guard doctor` "
        f"says which. A code location that was removed: `lineage-guard health --forget {beat.location}`"
    )
    return trouble_with(target, GUARD_STALE, message, fix)


def spell(age: timedelta) -> str:
    """A span of time in few words.

    Example:
        >>> spell(timedelta(seconds=95)), spell(timedelta(hours=3))
        ('95 s', '180 min')
    """
    seconds = int(age.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 6 * 3600 else f"{seconds // 3600} h"
