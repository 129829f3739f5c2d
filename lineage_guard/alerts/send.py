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

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.content.around import Around, Neighbourhood
from lineage_guard.alerts.content.digests import alert_of_expiry, alert_of_storm
from lineage_guard.alerts.content.notices import Context, alert_of
from lineage_guard.alerts.content.together import alert_of_group, first_of
from lineage_guard.alerts.delivery.deliver import Delivered, deliver
from lineage_guard.alerts.delivery.outbox import Outbox, Waiting
from lineage_guard.alerts.delivery.unheard import standing, tell_others
from lineage_guard.alerts.pacing import Rate
from lineage_guard.alerts.routes.routing import Destinations
from lineage_guard.alerts.sinks.base import LogSink, Sink, UnusableSink
from lineage_guard.alerts.state import STATE, States, dump_state, parse_state
from lineage_guard.domain.errors import ConfigError, LedgerError
from lineage_guard.domain.incidents.endings import Expiry
from lineage_guard.domain.incidents.incident import Event, Incidents, Notice
from lineage_guard.domain.incidents.storms import Digest
from lineage_guard.domain.incidents.telling import Manner, Telling, tell
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import Verdict

#: Seconds one call may spend on delivery; what is left waits for the next one.
BUDGET = 20.0
#: Incidents of a storm of which the page is kept that nobody was sent; the others have that of the storm.
_KEPT = 100
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

    notices: tuple[Telling, ...] = ()
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
    waivers: Iterable[Waiver] | None = None,
    neighbourhood: Neighbourhood | None = None,
) -> Report:
    """Tell on-call what changed, and try again what did not arrive.

    Call it at every sensor tick, with new verdicts or none.

    Args:
        verdicts: verdicts taken since the last call, of every training asset; any order.
        sinks: where to; each with its own name. With none, the log. ``Destinations`` hold routes, too: what
            follows on an incident goes where its beginning went, whatever they say by then.
        ledger: keeps incidents and outbox.
        now: timezone-aware UTC.
        context: deployment name, links and owners; what the environment says when ``None``.
        state: name of the stored state. Callers that share one share its incidents: what any of them
            opened pages once. Code locations have one each.
        budget: seconds after which no further delivery is begun.
        clock: monotonic seconds.
        waivers: all that are in force or have ended, so that the end of one in use is announced; ``None``
            when they cannot be read.
        neighbourhood: whom to ask what lies around an incident; nobody is asked when ``None``.

    Raises:
        ConfigError: two sinks share a name.
        LedgerError: the ledger cannot be read or written; nothing was sent.
    """
    context = context or Context.from_env(os.environ)
    to = sinks if isinstance(sinks, Destinations) else Destinations(tuple(sinks) or (LogSink(),))
    by_name = {s.name: s for s in to}
    if len(by_name) < len(to):
        raise ConfigError(
            f"two alert sinks share one name: {sorted(s.name for s in to)}", fix="give each its own `name=`"
        )
    rates = {name: rate for name, sink in by_name.items() if isinstance(rate := getattr(sink, "rate", None), Rate)}
    usable = [s.name for s in to if not isinstance(s, UnusableSink)]
    seen = list(verdicts)

    given = None if waivers is None else tuple(waivers)
    manner = Manner(
        # Sensors of several code locations keep apart what they know: the end of the one's trouble is not the other's.
        deployment=context.deployment + state.removeprefix(STATE).replace("-", "/", 1),
        audience=lambda target: to.audience(target, context.owners_of([target])),
        storm_limit=context.storm_limit,
    )
    known: dict[str, Around] = {}

    def take(before: Incidents, box: Outbox) -> tuple[Incidents, Outbox, _Taken]:
        after, tellings = tell(before, seen, now, manner, given)
        if neighbourhood is not None:
            told_by = [first_of(t) if isinstance(t, Digest) and t.storm.target else t for t in tellings]
            asked = [n for n in told_by if isinstance(n, Notice) and n.id not in known]
            known.update(neighbourhood.around(asked))
        alerts = [_alert_of(t, context, known, before.told) for t in tellings]
        members = [n for t in tellings if isinstance(t, Digest) for n in t.new[:_KEPT]]
        after = _noted(after, [*(alert_of(n, context) for n in members), *alerts])
        whom = {a.id: _audience(t) for a, t in zip(alerts, tellings, strict=True)}
        box = box.put(alerts, lambda a: to.names_for(a, whom[a.id]), now)
        box = tell_others(box, standing(after, box), usable, to.names_for, now, context)
        box = box.forgetting(_spoken_of(after, manner.deployment) | {u.incident for u in box.unheard.values()})
        due = box.due(now, rates)
        return after, box.claimed(due, now, rates), _Taken(tellings, due)

    after, box, taken = change(ledger, state, take)

    def settle(done: Delivered, claimed: Sequence[Waiting]) -> tuple[Incidents, Outbox]:
        return change(ledger, state, lambda incidents, box: (incidents, done.settled(box, claimed, now), None))[:2]

    def record(done: Delivered) -> None:
        try:
            settle(done, ())
        except LedgerError as error:
            # The page is not kept back by it.
            _log.warning("what was delivered could not be recorded yet: %s", error)

    done = deliver(taken.due, box, by_name, now, budget, clock, record)
    if taken.due:
        after, box = settle(done, taken.due)
    return Report(
        notices=taken.notices,
        delivered=tuple((w.alert.id, w.sink) for w, _ in done.arrived),
        failed=tuple((w.alert.id, w.sink, w.error) for w in done.failed),
        dead=tuple((w.alert.id, w.sink, w.error) for w in done.failed if w.exhausted),
        waiting=len(box.waiting),
        dead_letters=len(box.dead),
        open=len(after.open),
    )


def _alert_of(
    telling: Telling, context: Context, known: Mapping[str, Around], told: Mapping[str, Mapping[str, object]]
) -> Alert:
    if isinstance(telling, Digest) and telling.storm.target:
        first = first_of(telling)
        return alert_of_group(telling, context, known.get(first.id) if first else None, told.get(telling.storm.id))
    if isinstance(telling, Digest):
        return alert_of_storm(telling, context)
    if isinstance(telling, Expiry):
        return alert_of_expiry(telling, context)
    return alert_of(telling, context, known.get(telling.id))


def _audience(telling: Telling) -> str:
    if isinstance(telling, Digest):
        return telling.storm.audience
    return telling.incident.key.audience if isinstance(telling, Notice) else ""


def _noted(after: Incidents, alerts: Iterable[Alert]) -> Incidents:
    """With what was told last of each incident and storm that is open."""
    told = {**after.told, **{a.incident: a.to_dict() for a in alerts if a.event != Event.RESOLVE}}
    stands = {i.key.id for i in after.open} | set(after.storms)
    return replace(after, told={id_: said for id_, said in told.items() if id_ in stands})


def _spoken_of(after: Incidents, deployment: str) -> set[str]:
    """Ids of everything that may be told again."""
    endings = (Expiry(Event.OPEN, e, e.expires, "", None, deployment).incident for e in after.endings.values())
    return {*after.by_id, *after.storms, *endings}


@dataclass(frozen=True)
class _Taken:
    notices: tuple[Telling, ...]
    due: tuple[Waiting, ...]


def change(
    ledger: States, name: str, change: Callable[[Incidents, Outbox], tuple[Incidents, Outbox, _T]]
) -> tuple[Incidents, Outbox, _T]:
    """Change the stored state, again from what another process stored meanwhile if there was one.

    Args:
        ledger: keeps it.
        name: of the state.
        change: from what is stored to what should be, and whatever else the caller wants to know.

    Raises:
        LedgerError: it cannot be read or written.
    """
    for _ in range(_TRIES):
        stored = ledger.load(name)
        before, box, readable = parse_state(stored)
        after, changed, result = change(before, box)
        same = readable and (after, changed) == (before, box)
        if same or ledger.swap(name, stored, dump_state(after, changed)):
            return after, changed, result
    raise LedgerError("alert state keeps changing while it is read", where=name, fix="run fewer sensors on one state")
