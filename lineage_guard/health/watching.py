"""Who misses a sensor: anybody but the sensor. What is found goes the way of every alert, once.

All watchers of a ledger share one state of incidents and one outbox, so a page that one of them sent is not sent by
another, and what any of them opened any of them ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lineage_guard.alerts import Context, Report, Sink, send
from lineage_guard.alerts.order import in_order
from lineage_guard.alerts.state import read_state, state_name
from lineage_guard.domain.incidents.heartbeat import SENSOR, Heartbeat, verdict_on
from lineage_guard.domain.incidents.incidents import Incidents, Place
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.health.heartbeats import heartbeats

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger

#: Where the watchers keep incidents and outbox; among those of code locations, so that all that lists them has it.
STATE = state_name("lineage_guard/watch")


@dataclass(frozen=True)
class Watched:
    """What one look found.

    Attributes:
        silent: sensors that are missed.
        unsure: sensors that look silent, watched too shortly to say that it is not the clocks.
        unreadable: signs of life that cannot be read.
        report: what was told; ``None`` when there was nothing to tell.
    """

    silent: tuple[Heartbeat, ...] = ()
    unsure: tuple[Heartbeat, ...] = ()
    unreadable: tuple[str, ...] = ()
    report: Report | None = None


class Watching:
    """Watches the sensors of one ledger. Not thread-safe.

    A watcher that stays goes by its own clock, which needs no agreement with the sensor's: a sign of life that
    changes is a sensor that lives. One that looks once has only the two clocks to compare.

    Args:
        ledger: where signs of life, incidents and outbox are.
        after: how long a sensor may be silent; its own interval says when ``None``.
        stays: whether this watcher looks again and again.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        after: timedelta | None = None,
        *,
        stays: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._after = after
        self._stays = stays
        self._clock = clock
        self._seen: dict[tuple[str, str], _Seen] = {}

    def look(self, now: datetime, sinks: Sequence[Sink] | None = None, context: Context | None = None) -> Watched:
        """Look once, and tell what changed.

        Args:
            now: the time (timezone-aware UTC).
            sinks: where to; nothing is told, and no incident changes, when ``None``.
            context: deployment name and links; what the environment says when ``None``.

        Raises:
            LedgerError: the ledger cannot be read or written.
        """
        known, box, _ = read_state(self._ledger, STATE)
        beats = heartbeats(self._ledger)
        judged = {b: self._silent(b, now) for b in beats.beats}
        silent = tuple(b for b, missed in judged.items() if missed)
        unsure = tuple(b for b, missed in judged.items() if missed is None)
        report = None
        if sinks is not None and (silent or known.by_id or box.waiting):
            verdicts = [verdict_on(b, now, silent=True, after=self._after) for b in silent]
            verdicts += _over(known, {*silent, *unsure}, beats.beats, now, blind=bool(beats.unreadable))
            report = send(in_order(verdicts, known), sinks, self._ledger, now, context, state=STATE)
        return Watched(silent, unsure, beats.unreadable, report)

    def _silent(self, beat: Heartbeat, now: datetime) -> bool | None:
        """Whether a sensor is silent; ``None`` when that cannot be told yet."""
        late = beat.silent(now, self._after)
        if not self._stays:
            return late
        key, at = (beat.source, beat.location), self._clock()
        seen = self._seen.get(key)
        if seen is None or seen.at != beat.at:
            seen = self._seen[key] = _Seen(beat.at, at, moved=seen is not None)
        unchanged = timedelta(seconds=at - seen.since)
        if unchanged > beat.limit(self._after):
            return True
        if seen.moved or not late:
            return False
        return True if unchanged >= 2 * beat.interval else None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A sign of life as this watcher first saw it, by its own clock; ``moved`` when it had seen one before."""

    at: datetime
    since: float
    moved: bool


def _over(
    known: Incidents, missed: set[Heartbeat], beats: Sequence[Heartbeat], now: datetime, *, blind: bool
) -> list[Verdict]:
    """Verdicts that end what is told of sensors that are back, or that were forgotten."""
    open_: set[Place] = {place for incident in known.by_id.values() for place in incident.holds}
    missing = {Place(f"{SENSOR}:{b.location}", b.source) for b in missed}
    signs = {Place(f"{SENSOR}:{b.location}", b.source): b for b in beats}
    found: list[Verdict] = []
    for place in sorted(open_ - missing, key=lambda p: (p.target, p.partition or "")):
        location = place.target.removeprefix(f"{SENSOR}:")
        sign = signs.get(place)
        if sign is None and blind:
            continue  # what cannot be read may be its sign of life
        gone = Heartbeat(location, place.partition or "", now, timedelta(0))
        found.append(verdict_on(sign or gone, now, silent=False))
    return found
