"""What did not arrive: look at it, send it again, drop it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.content.context import TEXT
from lineage_guard.alerts.delivery.outbox import Outbox, Waiting
from lineage_guard.alerts.delivery.unheard import standing as stands
from lineage_guard.alerts.send import change
from lineage_guard.alerts.standing import Reading
from lineage_guard.alerts.state import STATE, States, parse_state
from lineage_guard.alerts.ways import NAME, cut
from lineage_guard.domain.incidents.incidents import Event, Incidents


class Stored(Reading, States, Protocol):
    """The calls of the ledger that are needed to see and to change what waits."""


@dataclass(frozen=True)
class Letter:
    """One alert that one sink has not taken yet.

    Attributes:
        state: name of the stored state that keeps it.
        item: the alert, its sink, its attempts and the last error.
        dead: whether it was given up.
        over: whether its incident is over by now.
    """

    state: str
    item: Waiting
    dead: bool
    over: bool

    @property
    def place(self) -> tuple[str, str, str]:
        """Which alert to which sink, in which state."""
        return (self.state, *self.item.place)


def letters(ledger: Stored) -> tuple[Letter, ...]:
    """Everything that waits or was given up, of every code location, oldest first.

    Args:
        ledger: where the sensors keep their states.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found: list[Letter] = []
    for name in ledger.names(STATE):
        incidents, box, _ = parse_state(ledger.load(name))
        standing = stands(incidents, box)
        for dead, items in ((False, box.waiting), (True, box.dead)):
            found += [Letter(name, w, dead, w.alert.incident not in standing) for w in items]
    return tuple(sorted(found, key=lambda letter: (letter.item.alert.at, letter.state)))


def resend(ledger: Stored, wanted: Collection[Letter], now: datetime) -> int:
    """Let the next tick try these again, as if they were new. How many there were.

    One whose incident is over by now pages nobody any more, and says so: its end may have arrived already, and a
    beginning after it would stand there for ever.

    Args:
        ledger: where the sensors keep their states.
        wanted: of ``letters``.
        now: timezone-aware UTC.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """

    def revived(box: Outbox, items: Iterable[Waiting], incidents: Incidents) -> Outbox:
        standing = stands(incidents, box)
        again = [replace(w, next_at=now, attempts=0, error="") for w in items]
        again = [w if w.alert.incident in standing else replace(w, alert=_over(w.alert)) for w in again]
        places = {w.place for w in again}
        waiting = {w.place: w for w in box.waiting}
        # What was given up is older than what waits, and an end must not overtake its beginning.
        front = [w for w in again if w.place not in waiting]
        kept = [next((a for a in again if a.place == w.place), w) for w in box.waiting]
        return replace(box, waiting=(*front, *kept), dead=tuple(w for w in box.dead if w.place not in places))

    return _changed(ledger, wanted, revived)


def _over(alert: Alert) -> Alert:
    """What is told of an alert that arrives after all is over."""
    if alert.event == Event.RESOLVE:
        return alert
    headline = "[OVER BY NOW] " + (alert.headline.partition("] ")[2] or alert.headline)
    message = f"It could not be delivered when it began, and is over by now. It said: {alert.message}"
    said = {"headline": cut(headline, 2 * NAME), "message": cut(message, TEXT)}
    return replace(alert, event=Event.RESOLVE.value, page=False, ways=(), **said)


def drop(ledger: Stored, wanted: Collection[Letter]) -> int:
    """Forget these: their sinks are never told. How many there were.

    Args:
        ledger: where the sensors keep their states.
        wanted: of ``letters``.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """

    def dropped(box: Outbox, items: Iterable[Waiting], incidents: Incidents) -> Outbox:
        places = {w.place for w in items}
        waiting = tuple(w for w in box.waiting if w.place not in places)
        return replace(box, waiting=waiting, dead=tuple(w for w in box.dead if w.place not in places))

    return _changed(ledger, wanted, dropped)


def _changed(
    ledger: Stored, wanted: Collection[Letter], to: Callable[[Outbox, Iterable[Waiting], Incidents], Outbox]
) -> int:
    count = 0
    for name in sorted({letter.state for letter in wanted}):
        places = {letter.item.place for letter in wanted if letter.state == name}

        def step(
            incidents: Incidents, box: Outbox, places: Collection[tuple[str, str]] = places
        ) -> tuple[Incidents, Outbox, int]:
            # What was sent since it was listed is not there any more.
            items = [w for w in (*box.waiting, *box.dead) if w.place in places]
            return incidents, to(box, items, incidents) if items else box, len(items)

        count += change(ledger, name, step)[2]
    return count
