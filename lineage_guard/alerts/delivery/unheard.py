"""A pager that nobody can reach is told of through every other: it cannot say so itself. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from shlex import quote

from lineage_guard.alerts.alert import PAGE_NOT_DELIVERED, Alert
from lineage_guard.alerts.content.context import TEXT, Context, some
from lineage_guard.alerts.content.digests import fitting
from lineage_guard.alerts.delivery.outbox import Outbox, Unheard, Waiting
from lineage_guard.alerts.routes.routing import LOG
from lineage_guard.alerts.runbooks import PAGER
from lineage_guard.alerts.ways import NAME, Way, cut
from lineage_guard.domain.grammar import plural
from lineage_guard.domain.incidents.heartbeat import spell
from lineage_guard.domain.incidents.incident import Event, IncidentKind, Incidents

#: Failures after which others are told: with the waits between them, about eight minutes.
ATTEMPTS = 6
#: As long: for a page whose sink asked to be left alone beyond it, those failures may take hours to come.
PATIENCE = timedelta(minutes=8)
_Names = Callable[[Alert], Sequence[str]]


def standing(incidents: Incidents, box: Outbox) -> set[str]:
    """Ids of everything that was told to have begun and is not over: incidents, storms, sinks that are not reached.

    Args:
        incidents: what is known.
        box: the outbox beside it.
    """
    return {i.key.id for i in incidents.open} | set(incidents.storms) | {u.incident for u in box.unheard.values()}


def missed(box: Outbox, standing: Collection[str]) -> dict[str, tuple[Waiting, ...]]:
    """The pages that do not arrive, by sink: given up, failed for minutes, or kept back for as long on its own wish.

    Of what is over, nobody has to know.

    Args:
        box: what waits and what was given up.
        standing: ids of what stands.
    """
    found: dict[str, tuple[Waiting, ...]] = {}
    for w in (*box.dead, *box.waiting):
        known = box.unheard.get(w.sink)
        # What others were told of is missing until it arrives.
        late = w.attempts >= ATTEMPTS or _kept_back(box, w) or (known is not None and w.alert.id in known.pages)
        if w.alert.page and late and w.alert.incident in standing:
            found[w.sink] = (*found.get(w.sink, ()), w)
    return found


def _kept_back(box: Outbox, item: Waiting) -> bool:
    pace = box.paces.get(item.sink)
    due = datetime.fromisoformat(item.alert.at)
    return pace is not None and pace.until is not None and pace.until - due > PATIENCE


def _failure(items: Sequence[Waiting]) -> str:
    return next((w.error for w in reversed(items) if w.error), "it asked to be left alone")


def tell_others(
    box: Outbox, standing: Collection[str], sinks: Iterable[str], names_for: _Names, now: datetime, context: Context
) -> Outbox:
    """Queue, for the sinks that are well, that pages do not reach another; and once they do, that it is over.

    It is told once of each sink, until none of its pages is missing any more. Sinks that fail themselves are not told
    before one of its pages is given up: an outage of the sensor's own network would end with a page at each of them.

    Args:
        box: what waits and what was given up.
        standing: see ``standing``.
        sinks: names of all sinks that could take an alert.
        names_for: names of the sinks for an alert, as routes say.
        now: timezone-aware UTC.
        context: links and the deployment's name.

    Returns:
        The outbox with these alerts.
    """
    stuck = missed(box, standing)
    failing = {w.sink for w in box.waiting if w.attempts}
    every = tuple(sinks)
    told, unheard = list[tuple[Alert, tuple[str, ...]]](), dict(box.unheard)
    for sink in sorted({*stuck, *unheard}):
        items, known = stuck.get(sink, ()), unheard.get(sink)
        pages = tuple(dict.fromkeys(w.alert.id for w in items))
        if known is None:
            lost = any(w.exhausted for w in items)
            others = [s for s in every if s != sink and (lost or s not in failing)]
            incident = "lg-pager-" + sha256("\x1f".join((sink, now.isoformat(), *pages)).encode()).hexdigest()[:32]
            alert = _alert(Event.OPEN, sink, Unheard(incident, pages), items, now, context)
            routed = [s for s in names_for(alert) if s in others]
            to = tuple(routed) if set(routed) - {LOG} else tuple(others)
            if set(to) - {LOG} or (to and not set(every) - {sink, LOG}):
                unheard[sink] = Unheard(incident, pages)
                told.append((alert, to))
        elif not items:
            told.append((_alert(Event.RESOLVE, sink, known, (), now, context), ()))
            del unheard[sink]
        elif set(pages) - set(known.pages):
            more = Unheard(known.incident, tuple(dict.fromkeys((*known.pages, *pages))), known.updates + 1)
            unheard[sink] = more
            told.append((_alert(Event.WIDEN, sink, more, items, now, context), ()))
    to_whom = {alert.id: to for alert, to in told}
    return replace(box.put([alert for alert, _ in told], lambda a: to_whom[a.id], now), unheard=unheard)


def _alert(event: Event, sink: str, known: Unheard, items: Sequence[Waiting], now: datetime, context: Context) -> Alert:
    over = event is Event.RESOLVE
    name, word = cut(sink, NAME), {Event.OPEN: "BLIND", Event.WIDEN: "STILL BLIND, WIDER"}.get(event, "RESOLVED")
    oldest = min((datetime.fromisoformat(w.alert.at) for w in items), default=now)
    first = items[0].alert if items else None
    count = f"{len(items)} {plural('page', len(items))}"
    what = f"No page to {name} is missing any more" if over else f"{count} could not be delivered to {name}"
    said = (
        "Those that were named here arrived, were dropped, or what they told is over."
        if over
        else f"Whoever is on call there has not been told of what is listed; you are, instead. The oldest was due "
        f"{spell(now - oldest)} ago. The last failure: {_failure(items)}"
    )
    ways = (
        Way("See to what is listed; nobody behind that sink was woken by it.", ("lineage-guard incidents",)),
        Way("Mend the sink, and try it.", (f"lineage-guard alert test --sink {quote(name)}",)),
        Way("Send what was given up once more.", (f"lineage-guard alert resend --all --sink {quote(name)}",)),
    )
    parts = (known.incident, event.value, str(known.updates))
    return Alert(
        id=sha256("\x1f".join(parts).encode()).hexdigest()[:40],
        incident=known.incident,
        event=event.value,
        kind=IncidentKind.BLIND.value,
        page=event is Event.OPEN,
        at=now.isoformat(),
        deployment=cut(context.deployment, NAME),
        headline=cut(f"[{word}] {what}", 2 * NAME),
        message=cut(said, TEXT),
        reason=PAGE_NOT_DELIVERED,
        rule="pager",
        cause=cut(f"sink {sink}", NAME),
        target=first.target if first else "",
        scope=some(dict.fromkeys(w.alert.target for w in items)),
        ways=() if over else ways,
        links=dict(first.links) if first else {},
        runbook=context.runbook(PAGER),
        causes=fitting([w.alert.headline for w in items], None),
    )
