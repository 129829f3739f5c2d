"""The outbox: which alert still waits for which sink, and when it is tried next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast

from lineage_guard.alerts.content import Alert

#: Waits of 15 s, 30 s, 1 min … up to 1 h: twelve attempts last about five hours.
FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(hours=1)
#: How long one process may take to send what it claimed before another may think that it died.
LEASE = timedelta(minutes=1)
ATTEMPTS = 12


@dataclass(frozen=True)
class Waiting:
    """One alert on its way to one sink.

    Attributes:
        alert: the alert.
        sink: name of the sink.
        next_at: not to be tried before.
        attempts: tries so far, all failed.
        error: why the last one failed.
    """

    alert: Alert
    sink: str
    next_at: datetime
    attempts: int = 0
    error: str = ""

    @property
    def place(self) -> tuple[str, str]:
        """Which alert to which sink; an outbox holds each once."""
        return self.alert.id, self.sink

    @property
    def exhausted(self) -> bool:
        """Whether it has been tried often enough to give up."""
        return self.attempts >= ATTEMPTS

    def failed(self, error: str, now: datetime, retry_after: float | None = None) -> Waiting:
        """The same after one more failure: put off by twice as long as before, or as long as asked.

        Args:
            error: why it failed.
            now: timezone-aware UTC.
            retry_after: seconds the receiver asked for.
        """
        wait = min(FIRST_WAIT * 2 ** min(self.attempts, 20), LONGEST_WAIT)
        if retry_after is not None:
            wait = max(wait, timedelta(seconds=min(retry_after, LONGEST_WAIT.total_seconds())))
        return replace(self, attempts=self.attempts + 1, error=error[:500], next_at=now + wait)


@dataclass(frozen=True)
class Outbox:
    """Alerts that wait, oldest first, and those that were given up (``dead``)."""

    waiting: tuple[Waiting, ...] = ()
    dead: tuple[Waiting, ...] = ()

    def put(self, alerts: Iterable[Alert], sinks: Iterable[str], now: datetime) -> Outbox:
        """Queue each alert for each sink, unless that very alert waits there already."""
        held = {w.place for w in (*self.waiting, *self.dead)}
        names = tuple(sinks)
        new = [Waiting(a, s, now) for a in alerts for s in names if (a.id, s) not in held]
        return replace(self, waiting=(*self.waiting, *new))

    def due(self, now: datetime) -> tuple[Waiting, ...]:
        """What may be tried now. Behind an alert that waits, later ones of its incident and sink wait too."""
        held: set[tuple[str, str]] = set()
        ready: list[Waiting] = []
        for w in self.waiting:
            place = (w.alert.incident, w.sink)
            if w.next_at > now:
                held.add(place)
            elif place not in held:
                ready.append(w)
        return tuple(ready)

    def claimed(self, items: Iterable[Waiting], now: datetime) -> Outbox:
        """With ``items`` put off by ``LEASE``: nobody else sends them while their sender lives."""
        places = {w.place for w in items}
        until = now + LEASE
        return replace(self, waiting=tuple(replace(w, next_at=until) if w.place in places else w for w in self.waiting))

    def released(self, items: Iterable[Waiting]) -> Outbox:
        """With ``items`` as they are given, in the place of what was claimed and not tried."""
        before = {w.place: w for w in items}
        return replace(self, waiting=tuple(before.get(w.place, w) for w in self.waiting))

    def delivered(self, item: Waiting) -> Outbox:
        """Without it."""
        return replace(self, waiting=tuple(w for w in self.waiting if w.place != item.place))

    def put_off(self, tried: Waiting) -> Outbox:
        """With ``tried`` in the place of the same alert, or among the dead when it is exhausted."""
        if all(w.place != tried.place for w in self.waiting):
            return self
        if tried.exhausted:
            return replace(self.delivered(tried), dead=(*self.dead, tried))
        return replace(self, waiting=tuple(tried if w.place == tried.place else w for w in self.waiting))


def to_dict(outbox: Outbox) -> dict[str, Any]:
    """The outbox as plain JSON data. Each alert is written once, however many sinks it waits for."""
    everything = (*outbox.waiting, *outbox.dead)
    return {
        "alerts": {w.alert.id: w.alert.to_dict() for w in everything},
        "waiting": [_line(w) for w in outbox.waiting],
        "dead": [_line(w) for w in outbox.dead],
    }


def from_dict(data: Mapping[str, Any]) -> Outbox:
    """Read what ``to_dict`` wrote.

    Raises:
        KeyError, ValueError, TypeError: when it did not.
    """
    alerts = {k: Alert.from_dict(v) for k, v in cast(dict[str, dict[str, Any]], data["alerts"]).items()}

    def read(lines: list[list[Any]]) -> tuple[Waiting, ...]:
        return tuple(
            Waiting(alerts[id_], sink, datetime.fromisoformat(next_at), attempts, error)
            for id_, sink, next_at, attempts, error in lines
        )

    return Outbox(read(data["waiting"]), read(data["dead"]))


def _line(w: Waiting) -> list[Any]:
    return [w.alert.id, w.sink, w.next_at.isoformat(), w.attempts, w.error]
