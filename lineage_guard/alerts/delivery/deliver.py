"""Hand alerts to sinks, whatever the sinks do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from lineage_guard.alerts.delivery.outbox import Outbox, Waiting, urgent
from lineage_guard.alerts.sinks.base import FollowingSink, LogSink, Sink, Undelivered
from lineage_guard.alerts.sinks.deadline import within

#: Seconds any sink may take for one alert. Ours hold themselves to less; this is for anybody's.
PATIENCE = 12.0
_log = logging.getLogger("lineage_guard.alerts")


@dataclass(frozen=True)
class Delivered:
    """What became of the alerts of one call.

    Attributes:
        arrived: those a sink took, with what it remembers of the incident now.
        failed: those that wait for another attempt, or are exhausted.
        paused: sinks that asked to be left alone, and for how many seconds.
    """

    arrived: tuple[tuple[Waiting, Mapping[str, str]], ...] = ()
    failed: tuple[Waiting, ...] = ()
    paused: tuple[tuple[str, float], ...] = ()

    def settled(self, box: Outbox, claimed: Iterable[Waiting], now: datetime) -> Outbox:
        """The outbox after it: what was claimed and not tried is as it was before.

        Args:
            box: as it is stored now.
            claimed: what this call had claimed, as it was before.
            now: timezone-aware UTC.
        """
        done = {w.place for w in (*(w for w, _ in self.arrived), *self.failed)}
        box = box.released(w for w in claimed if w.place not in done)
        for item, note in self.arrived:
            box = box.delivered(item)
            if note != box.note(item):
                box = box.noted(item, note)
        for tried in self.failed:
            box = box.put_off(tried)
        for sink, seconds in self.paused:
            box = box.paused(sink, now, seconds)
        return box


def deliver(
    due: Iterable[Waiting],
    box: Outbox,
    sinks: Mapping[str, Sink],
    now: datetime,
    budget: float,
    clock: Callable[[], float],
    record: Callable[[Delivered], object] = lambda done: None,
) -> Delivered:
    """Try each alert once, until the budget is used up. Raises nothing that a sink raises.

    A sink that is not well is left alone for the rest of the call, and behind an alert that
    failed the later ones of its incident and sink wait.

    Where a page follows the end of its incident's last episode, that end is recorded first: sent once more by whoever
    goes on for a process that dies here, it would end what the page began, and the page would begin it a second time.

    Args:
        due: what to try, in order.
        box: knows what sinks remember.
        sinks: by name.
        now: timezone-aware UTC.
        budget: seconds after which nothing further is begun.
        clock: monotonic seconds.
        record: called with what became of the alerts so far, before such a page.
    """
    arrived: list[tuple[Waiting, Mapping[str, str]]] = []
    failed: list[Waiting] = []
    paused: list[tuple[str, float]] = []
    notes: dict[tuple[str, str], Mapping[str, str]] = {}
    end = clock() + budget
    silent: set[str] = set()
    stuck: set[tuple[str, str]] = set()
    for item in _well_first(tuple(due), sinks):
        if clock() >= end:
            break
        place = (item.alert.incident, item.sink)
        if item.sink in silent or place in stuck:
            continue
        if item.alert.page and place in notes:
            record(Delivered(tuple(arrived), tuple(failed), tuple(paused)))
        try:
            note = handed(sinks.get(item.sink), item, notes.get(place) or box.note(item))
        except Undelivered as error:
            tried = item.failed(str(error), now, error.retry_after)
            failed.append(tried)
            stuck.add(place)
            if not error.only_this:
                silent.add(item.sink)
                if error.retry_after:
                    paused.append((item.sink, error.retry_after))
            level, what = (logging.ERROR, "was given up") if tried.exhausted else (logging.WARNING, "waits")
            said = "alert %s to %s %s after attempt %d: %s"
            _log.log(level, said, item.alert.id, item.sink, what, tried.attempts, tried.error)
        else:
            arrived.append((item, note))
            notes[place] = note
    return Delivered(tuple(arrived), tuple(failed), tuple(paused))


def _well_first(due: tuple[Waiting, ...], sinks: Mapping[str, Sink]) -> list[Waiting]:
    """The log first, then pages, then the rest; of each what failed before last.

    So dead sinks do not use up the time of the others, and what wakes nobody does not use up that of a page,
    whichever sinks they go to.
    """
    failing, early = {w.sink for w in due if w.attempts}, urgent(due)
    return sorted(
        due, key=lambda w: (not isinstance(sinks.get(w.sink), LogSink), w.place not in early, w.sink in failing)
    )


def handed(sink: Sink | None, item: Waiting, note: Mapping[str, str]) -> Mapping[str, str]:
    """Hand one alert to its sink, and say what the sink remembers of the incident now.

    Args:
        sink: ``None`` when it is not configured any more.
        item: what it gets.
        note: what it remembers so far.

    Raises:
        Undelivered: for whatever the sink raised.
    """
    if sink is None:
        why = "no sink of that name is configured any more"
        raise Undelivered(why, where=item.sink, fix="bring it back, or drop the alert", only_this=True)
    try:
        if isinstance(sink, FollowingSink):
            return within(PATIENCE, lambda: sink.follow(item.alert, note))
        if isinstance(sink, LogSink):
            sink.send(item.alert)
        else:
            within(PATIENCE, lambda: sink.send(item.alert))
    except Undelivered:
        raise
    except Exception as error:  # noqa: BLE001 - a sink may be anybody's code; nothing it does may stop the others
        # The text of a foreign error may hold a secret.
        raise Undelivered(type(error).__name__, where=item.sink, fix="see the code of this sink") from None
    return {}
