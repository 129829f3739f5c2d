"""The outbox: which alert still waits for which sink, and when it is tried next. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, cast

from lineage_guard.alerts import pacing
from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.delivery import conversation
from lineage_guard.alerts.delivery.conversation import Conversation
from lineage_guard.alerts.pacing import Pace, Rate, allowance, paused, spent
from lineage_guard.domain.incidents.incidents import Event

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
    def thread(self) -> tuple[str, str]:
        """Which incident through which sink; within one, order is kept."""
        return self.alert.incident, self.sink

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


@dataclass(frozen=True, slots=True)
class Unheard:
    """That pages do not reach a sink, as others were told of it; see ``unheard``.

    Attributes:
        incident: names it.
        pages: ids of the alerts that it was told for.
        updates: how often it was told again.
    """

    incident: str
    pages: tuple[str, ...]
    updates: int = 0


def urgent(items: Sequence[Waiting]) -> set[tuple[str, str]]:
    """Places of the pages among ``items``, and of what has to reach the same incident and sink before them.

    Args:
        items: in the order in which each incident is told.
    """
    found: set[tuple[str, str]] = set()
    paged: set[tuple[str, str]] = set()
    for w in reversed(items):
        if w.alert.page:
            paged.add(w.thread)
        if w.thread in paged:
            found.add(w.place)
    return found


@dataclass(frozen=True)
class Outbox:
    """Alerts that wait, oldest first, and those that were given up.

    Attributes:
        waiting: what waits.
        dead: what was given up.
        conversations: through which sinks each incident is told, by incident.
        paces: how much each sink may be sent, by its name.
        unheard: sinks that pages do not reach, by name, once others were told of it.
    """

    waiting: tuple[Waiting, ...] = ()
    dead: tuple[Waiting, ...] = ()
    conversations: Mapping[str, Conversation] = field(default_factory=dict[str, Conversation])
    paces: Mapping[str, Pace] = field(default_factory=dict[str, Pace])
    unheard: Mapping[str, Unheard] = field(default_factory=dict[str, Unheard])

    def put(self, alerts: Iterable[Alert], route: Callable[[Alert], Iterable[str]], now: datetime) -> Outbox:
        """Queue each alert for its sinks, unless that very alert waits there already.

        What a page has to wait for starts again with it: the end of an earlier episode that was put off for an
        hour would put off the page for as long.

        Args:
            alerts: what to tell.
            route: names of the sinks for an alert that begins an incident, or whose beginning nobody
                knows of; every later alert goes where the beginning went.
            now: timezone-aware UTC.
        """
        held = {w.place for w in (*self.waiting, *self.dead)}
        talks = dict(self.conversations)
        new: list[Waiting] = []
        for alert in alerts:
            if alert.event == Event.OPEN or alert.incident not in talks:
                talks[alert.incident] = Conversation(tuple(route(alert)))
            new += [Waiting(alert, s, now) for s in talks[alert.incident].sinks if (alert.id, s) not in held]
        paged = {w.thread for w in new if w.alert.page}
        # What is put off for less may be on its way just now.
        late = {w.place for w in self.waiting if w.thread in paged and w.next_at > now + LEASE}
        before = tuple(replace(w, next_at=now, attempts=0) if w.place in late else w for w in self.waiting)
        return replace(self, waiting=(*before, *new), conversations=talks) if new else self

    def due(self, now: datetime, rates: Mapping[str, Rate] | None = None) -> tuple[Waiting, ...]:
        """What may be tried now, pages first, and of each sink no more than it takes.

        Behind an alert that waits, later ones of its incident and sink wait too; what stands before a page goes
        as early as the page.

        Args:
            now: timezone-aware UTC.
            rates: what sinks take, by name; those not named take any number.
        """
        held: set[tuple[str, str]] = set()
        free: list[Waiting] = []
        for w in self.waiting:
            if w.next_at > now:
                held.add(w.thread)
            elif w.thread not in held:
                free.append(w)
        left = {s: allowance(self.paces.get(s), (rates or {}).get(s), now) for s in {w.sink for w in free}}
        early = urgent(free)
        ready: list[Waiting] = []
        for w in sorted(free, key=lambda w: w.place not in early):
            left[w.sink] -= 1
            if left[w.sink] >= 0:
                ready.append(w)
        return tuple(ready)

    def claimed(self, items: Collection[Waiting], now: datetime, rates: Mapping[str, Rate] | None = None) -> Outbox:
        """With ``items`` put off by ``LEASE``, and counted: nobody else sends them while their sender lives."""
        places = {w.place for w in items}
        until = now + LEASE
        counts = Counter(w.sink for w in items)
        paces = {s: spent(self.paces.get(s), rate, now, counts[s]) for s, rate in (rates or {}).items() if counts[s]}
        waiting = tuple(replace(w, next_at=until) if w.place in places else w for w in self.waiting)
        return replace(self, waiting=waiting, paces={**self.paces, **paces})

    def paused(self, sink: str, now: datetime, seconds: float) -> Outbox:
        """With a whole sink left alone for as long as its receiver asked, an hour at most."""
        pace = paused(self.paces.get(sink), now, min(timedelta(seconds=seconds), LONGEST_WAIT))
        return replace(self, paces={**self.paces, sink: pace})

    def noted(self, item: Waiting, note: Mapping[str, str]) -> Outbox:
        """With what a sink remembers of the incident it has just told of."""
        talk = self.conversations.get(item.alert.incident) or Conversation((item.sink,))
        return replace(self, conversations={**self.conversations, item.alert.incident: talk.noted(item.sink, note)})

    def note(self, item: Waiting) -> Mapping[str, str]:
        """What the sink of an alert remembers of its incident."""
        talk = self.conversations.get(item.alert.incident)
        return talk.notes.get(item.sink, {}) if talk else {}

    def forgetting(self, known: Collection[str]) -> Outbox:
        """Without conversations on incidents that are neither known nor spoken of by anything kept here."""
        spoken = {w.alert.incident for w in (*self.waiting, *self.dead)}
        kept = {i: c for i, c in self.conversations.items() if i in known or i in spoken}
        return replace(self, conversations=kept)

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
        "conversations": conversation.to_dict(outbox.conversations),
        "paces": pacing.to_dict(outbox.paces),
        "unheard": {sink: [u.incident, list(u.pages), u.updates] for sink, u in outbox.unheard.items()},
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

    return Outbox(
        read(data["waiting"]),
        read(data["dead"]),
        # States that were stored before these existed hold none of them.
        conversation.from_dict(data.get("conversations", {})),
        pacing.from_dict(data.get("paces", {})),
        {
            sink: Unheard(incident, tuple(pages), updates)
            for sink, (incident, pages, updates) in cast(
                "Mapping[str, tuple[str, list[str], int]]", data.get("unheard", {})
            ).items()
        },
    )


def _line(w: Waiting) -> list[Any]:
    return [w.alert.id, w.sink, w.next_at.isoformat(), w.attempts, w.error]
