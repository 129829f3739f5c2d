"""Waivers in use that end: announced ahead, so that nobody learns it from a step that stops. Pure.

What follows the end needs no announcement: the next verdict is not excused any more, and its
incident pages by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from lineage_guard.domain.incidents.incident import Ending, Event, Incidents
from lineage_guard.domain.rules.waivers import Waiver

#: Days before its end that a waiver in use is announced.
DAYS = (7, 1)


@dataclass(frozen=True)
class Expiry:
    """One thing to tell of a waiver. It pages nobody.

    Attributes:
        event: OPEN when its end is announced, WIDEN when it is announced again, RESOLVE when it ended or
            will not matter.
        ending: what was announced.
        at: when it was noticed.
        said: why, in one sentence.
        waiver: the waiver; ``None`` when it is not there any more.
        deployment: name of the Dagster deployment.
    """

    event: Event
    ending: Ending
    at: datetime
    said: str
    waiver: Waiver | None
    deployment: str = "default"

    @property
    def incident(self) -> str:
        """Names what is announced, from OPEN to RESOLVE; as ``IncidentKey.id``."""
        named = "\x1f".join((self.deployment, self.ending.id, self.ending.expires.isoformat()))
        return "lg-waiver-" + sha256(named.encode()).hexdigest()[:32]

    @property
    def id(self) -> str:
        """As ``Notice.id``."""
        parts = (self.incident, self.event, str(self.ending.told))
        return sha256("\x1f".join(parts).encode()).hexdigest()[:40]


def announce(
    state: Incidents, waivers: Iterable[Waiver] | None, at: datetime, deployment: str = "default"
) -> tuple[Incidents, tuple[Expiry, ...]]:
    """Say which waivers in use end soon, or ended: once a week ahead, once a day ahead and once at the end.

    A waiver is in use while the last verdict on some place used it.

    Args:
        state: what is known, before the verdicts that may do without a waiver that ended.
        waivers: all that were approved and not taken back; ``None`` when they cannot be read, and then
            nothing is said of them.
        at: now (timezone-aware UTC).
        deployment: name of the Dagster deployment.

    Returns:
        The new state, and what to tell.
    """
    if waivers is None:
        return state, ()
    known = {w.id: w for w in waivers}
    used = _used(state)
    endings = dict(state.endings)
    told: list[Expiry] = []

    def tell(event: Event, ending: Ending, said: str) -> None:
        told.append(Expiry(event, ending, at, said, known.get(ending.id), deployment))

    for id_, ending in sorted(state.endings.items()):
        said = _void(ending, known.get(id_), id_ in used, at)
        if said:
            del endings[id_]
            if ending.told:
                tell(Event.RESOLVE, ending, said)
    for id_, targets in sorted(used.items()):
        waiver, before = known.get(id_), endings.get(id_)
        days = _days(waiver, at)
        if waiver is None or days is None or (before is not None and before.told <= days):
            continue
        union = tuple(sorted({*targets, *(before.targets if before else ())}))
        ending = Ending(id_, waiver.expires, days, union)
        endings[id_] = ending
        if days:
            left = "within a day" if days == 1 else f"within {days} days"
            said = f"Waiver {id_} ends {left}, on {waiver.expires:%Y-%m-%d %H:%M} UTC."
            tell(Event.OPEN if before is None else Event.WIDEN, ending, said)
        else:
            said = _ended(ending)
            tell(Event.RESOLVE if before is not None else Event.OPEN, ending, said)
            if before is None:
                # Nobody had been told: its end is its announcement, and over with it.
                tell(Event.RESOLVE, ending, said)
    return replace(state, endings=endings), tuple(told)


def _used(state: Incidents) -> Mapping[str, set[str]]:
    used: dict[str, set[str]] = {}
    for place, seen in state.seen.items():
        for id_ in seen.uses:
            used.setdefault(id_, set()).add(place.target)
    return used


def _void(ending: Ending, waiver: Waiver | None, used: bool, at: datetime) -> str:
    """Why nothing more is to be said of what was announced, or ``""``."""
    if waiver is None:
        return f"Waiver {ending.id} was taken back or is not there any more; what it covered stops again."
    if waiver.expires != ending.expires:
        return f"Waiver {ending.id} was given another end: {waiver.expires:%Y-%m-%d %H:%M} UTC."
    if used:
        return ""
    return _ended(ending) if at >= ending.expires else f"Nothing passes by waiver {ending.id} any more."


def _ended(ending: Ending) -> str:
    return f"Waiver {ending.id} ended on {ending.expires:%Y-%m-%d %H:%M} UTC; what it covered stops again."


def _days(waiver: Waiver | None, at: datetime) -> int | None:
    """How many days ahead is to be announced now: 7, 1, or 0 at its end."""
    if waiver is None:
        return None
    if at >= waiver.expires:
        return 0
    return min((d for d in DAYS if waiver.expires - at <= timedelta(days=d)), default=None)
