"""From verdicts to pages: step the incidents, queue what they say, deliver what is due.

Incidents and outbox are one document in the ledger, replaced only as it was read: of two
processes that see the same verdict one opens the incident, and the other reads that it is open.
What is due is claimed before it is sent, so nobody sends it twice; a process that dies in between
leaves its claim to run out, and it is sent again then (receivers drop the duplicate by its
id). Nothing is lost. A dead sink costs one timeout per call and never raises.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from lineage_guard.alerts.content import Context, alert_of
from lineage_guard.alerts.outbox import Outbox, Waiting
from lineage_guard.alerts.sinks.base import LogSink, Sink, Undelivered
from lineage_guard.alerts.state import STATE, States, dump_state, parse_state
from lineage_guard.domain.decide import Verdict
from lineage_guard.domain.errors import ConfigError, LedgerError
from lineage_guard.domain.incidents import Event, Incidents, Notice, step

#: Seconds one call may spend on delivery; what is left waits for the next one.
BUDGET = 20.0
_TRIES = 100
_T = TypeVar("_T")
_log = logging.getLogger("lineage_guard.alerts")


@dataclass(frozen=True)
class Report:
    """What one call did.

    Attributes:
        notices: what the incidents told.
        delivered: (alert id, sink) that arrived.
        failed: (alert id, sink, why) that did not, and wait.
        dead: (alert id, sink, why) that were given up in this call.
        waiting: how many wait now.
        dead_letters: how many were given up and never resent, in all.
        open: how many incidents are open now.
    """

    notices: tuple[Notice, ...] = ()
    delivered: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str, str], ...] = ()
    dead: tuple[tuple[str, str, str], ...] = ()
    waiting: int = 0
    dead_letters: int = 0
    open: int = 0


def send(
    verdicts: Iterable[Verdict],
    sinks: Sequence[Sink],
    ledger: States,
    now: datetime,
    context: Context | None = None,
    state: str = STATE,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.monotonic,
) -> Report:
    """Tell on-call what changed, and try again what did not arrive.

    Call it at every sensor tick, with new verdicts or none.

    Args:
        verdicts: verdicts taken since the last call, of every training asset; any order.
        sinks: where to; each with its own name. With none, the log.
        ledger: keeps incidents and outbox.
        now: timezone-aware UTC.
        context: deployment name, links and owners; what the environment says when ``None``.
        state: name of the stored state. Callers that share one share its incidents: what any of them
            opened pages once. Code locations have one each.
        budget: seconds after which no further delivery is begun.
        clock: monotonic seconds.

    Raises:
        ConfigError: two sinks share a name.
        LedgerError: the ledger cannot be read or written; nothing was sent.
    """
    context = context or Context.from_env(os.environ)
    sinks = sinks or (LogSink(),)
    by_name = {s.name: s for s in sinks}
    if len(by_name) < len(sinks):
        raise ConfigError(
            f"two alert sinks share one name: {sorted(s.name for s in sinks)}", fix="give each its own `name=`"
        )
    seen = list(verdicts)

    def take(before: Incidents, box: Outbox) -> tuple[Incidents, Outbox, _Taken]:
        after, notices = step(before, seen, now, deployment=context.deployment)
        alerts = [alert_of(n, context) for n in notices]
        told = {a.incident: a.to_dict() for a in alerts if a.event != Event.RESOLVE}
        after = replace(after, told={**after.told, **told})
        box = box.put(alerts, by_name, now)
        due = box.due(now)
        return after, box.claimed(due, now), _Taken(notices, due)

    after, box, taken = _change(ledger, state, take)
    delivered, failed = _deliver(taken.due, by_name, now, budget, clock)

    def settle(incidents: Incidents, box: Outbox) -> tuple[Incidents, Outbox, None]:
        done = {w.place for w in (*delivered, *failed)}
        box = box.released(w for w in taken.due if w.place not in done)
        for item in delivered:
            box = box.delivered(item)
        for tried in failed:
            box = box.put_off(tried)
        return incidents, box, None

    if taken.due:
        after, box, _ = _change(ledger, state, settle)
    return Report(
        notices=taken.notices,
        delivered=tuple((w.alert.id, w.sink) for w in delivered),
        failed=tuple((w.alert.id, w.sink, w.error) for w in failed),
        dead=tuple((w.alert.id, w.sink, w.error) for w in failed if w.exhausted),
        waiting=len(box.waiting),
        dead_letters=len(box.dead),
        open=len(after.open),
    )


@dataclass(frozen=True)
class _Taken:
    notices: tuple[Notice, ...]
    due: tuple[Waiting, ...]


def _change(
    ledger: States, name: str, change: Callable[[Incidents, Outbox], tuple[Incidents, Outbox, _T]]
) -> tuple[Incidents, Outbox, _T]:
    """Change the stored state, again from what another process stored meanwhile if there was one."""
    for _ in range(_TRIES):
        stored = ledger.load(name)
        before, box, readable = parse_state(stored)
        after, changed, result = change(before, box)
        same = readable and (after, changed) == (before, box)
        if same or ledger.swap(name, stored, dump_state(after, changed)):
            return after, changed, result
    raise LedgerError("alert state keeps changing while it is read", where=name, fix="run fewer sensors on one state")


def _deliver(
    due: Iterable[Waiting], sinks: Mapping[str, Sink], now: datetime, budget: float, clock: Callable[[], float]
) -> tuple[list[Waiting], list[Waiting]]:
    delivered: list[Waiting] = []
    failed: list[Waiting] = []
    end = clock() + budget
    silent: set[str] = set()
    stuck: set[tuple[str, str]] = set()
    for item in due:
        if clock() >= end:
            break
        place = (item.alert.incident, item.sink)
        if item.sink in silent or place in stuck:
            continue
        why, retry_after, only_this = _try(sinks.get(item.sink), item)
        if why is None:
            delivered.append(item)
            continue
        tried = item.failed(why, now, retry_after)
        failed.append(tried)
        stuck.add(place)
        if not only_this:
            silent.add(item.sink)
        level, what = (logging.ERROR, "was given up") if tried.exhausted else (logging.WARNING, "waits")
        _log.log(level, "alert %s to %s %s after attempt %d: %s", item.alert.id, item.sink, what, tried.attempts, why)
    return delivered, failed


def _try(sink: Sink | None, item: Waiting) -> tuple[str | None, float | None, bool]:
    if sink is None:
        return "no sink of that name is configured any more", None, True
    try:
        sink.send(item.alert)
    except Undelivered as error:
        return str(error), error.retry_after, error.only_this
    except Exception as error:  # noqa: BLE001 - a sink may be anybody's code; nothing it does may stop the others
        return f"{type(error).__name__} in sink {item.sink}", None, False
    return None, None, False
