"""Incidents: what on-call is told, and when it is over. A pure state machine.

Verdicts are many (one per partition, run and re-decision); troubles are few. An incident is
keyed by deployment, rule, root cause and audience, never by run or partition and not by the
training asset either: one restricted model that stops fifty assets in a thousand partitions
pages each of those who are told apart once.

A verdict says where trouble is *now*: it opens or widens the incidents it names at its place
(target and partition) and clears every other incident at that place. An incident with no
place left is over. One that comes back within the flap window is told, but pages nobody; from
then on its end is told only after it stayed away for that window. Whom an incident was told
first stays with it until it is over, whatever becomes of owners meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from lineage_guard.domain.incidents.incident import (
    GUARD_STALE,
    Event,
    Incident,
    IncidentKey,
    IncidentKind,
    Incidents,
    Notice,
    Place,
    Seen,
    key_of,
    place_of,
    stopping,
)
from lineage_guard.domain.incidents.wording import changed, title
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Finding, Verdict
from lineage_guard.domain.verdict.modes import Mode

__all__ = [
    "FLAP_WINDOW",
    "GUARD_STALE",
    "Event",
    "Incident",
    "IncidentKey",
    "IncidentKind",
    "Incidents",
    "Notice",
    "Place",
    "Seen",
    "key_of",
    "place_of",
    "step",
    "stopping",
]

FLAP_WINDOW = timedelta(minutes=30)


def everybody(target: str) -> str:
    """The audience when all training assets are told to the same people: one."""
    return ""


def step(
    state: Incidents,
    verdicts: Iterable[Verdict],
    at: datetime,
    deployment: str = "default",
    window: timedelta = FLAP_WINDOW,
    audience: Callable[[str], str] = everybody,
) -> tuple[Incidents, tuple[Notice, ...]]:
    """Take new verdicts into account. Pure: the same arguments give the same notices.

    Verdicts may come in any order and more than once: one that is older than what is already
    known of its place is dropped, and of two taken at the same instant the stopping one
    counts.

    Args:
        state: what is known; ``Incidents()`` at first.
        verdicts: new verdicts; none is fine, time alone can end a held incident.
        at: now (timezone-aware UTC).
        deployment: name of the Dagster deployment.
        window: how long an ended incident is remembered, so that its return does not page.
        audience: who is told of what stops a target (``namespace:name``): targets of different
            audiences are different incidents, whatever their cause.

    Returns:
        The new state and what to tell, in order.
    """
    machine = _Machine(state, at, deployment, window, audience)
    for verdict in sorted(verdicts, key=lambda v: (v.at, v.stops)):
        machine.take(verdict)
    machine.settle()
    return replace(state, by_id=machine.incidents, seen=machine.seen), tuple(machine.notices)


class _Machine:
    """One ``step`` at work: private, mutable, gone when it returns."""

    def __init__(
        self, state: Incidents, at: datetime, deployment: str, window: timedelta, audience: Callable[[str], str]
    ) -> None:
        self.incidents = dict(state.by_id)
        self.seen = dict(state.seen)
        self.notices: list[Notice] = []
        self.at = at
        self.deployment = deployment
        self.window = window
        self.audience = audience
        self.known: dict[tuple[str, str], list[str]] = {}
        self.held: dict[Place, set[str]] = {}
        for id_, incident in self.incidents.items():
            self.known.setdefault(incident.key.trouble, []).append(id_)
            for place in incident.holds:
                self.held.setdefault(place, set()).add(id_)

    def take(self, verdict: Verdict) -> None:
        place = place_of(verdict)
        before = self.seen.get(place)
        if before is not None and (verdict.at < before.at or (verdict.at == before.at and not verdict.stops)):
            return
        found: dict[str, tuple[IncidentKey, Finding]] = {}
        for finding in stopping(verdict):
            key = self._key(finding, place, verdict)
            found.setdefault(key.id, (key, finding))
        # A guard that cannot see has not seen that anything is over.
        if not _is_blind(verdict) and (before is None or verdict.at > before.at):
            for id_ in sorted(self.held.get(place, set()) - found.keys()):
                self._clear(id_, place, verdict)
        for key, finding in found.values():
            self._raise(key, place, finding, verdict, before)
        self.seen[place] = _remember(verdict, before)

    def _key(self, finding: Finding, place: Place, verdict: Verdict) -> IncidentKey:
        """Of the incident that has this target already, or else of the one that its audience is told."""
        key = key_of(finding, verdict, self.deployment, self.audience(place.target))
        mine = [self.incidents[id_] for id_ in self.known.get(key.trouble, ())]
        mine = [i for i in mine if place.target in i.targets and not (i.resolved and self._forgotten(i))]
        return min(mine, key=lambda i: (i.resolved, i.key != key, i.key)).key if mine else key

    def _raise(self, key: IncidentKey, place: Place, finding: Finding, verdict: Verdict, before: Seen | None) -> None:
        known = self.incidents.get(key.id)
        blind = finding.reason is ReasonCode.GUARD_CANNOT_SEE
        found_in = place.target if blind else f"{finding.subject.namespace}:{finding.subject.name}"
        self.held.setdefault(place, set()).add(key.id)
        # What is back within the window is news of the assets that it stopped, and a new trouble of any other.
        back = known is not None and (blind or place.target in known.targets) and not self._forgotten(known)
        if known is None or (known.resolved and not back):
            incident = Incident(
                key=key,
                kind=IncidentKind.BLIND if blind else IncidentKind.BLOCKED,
                reason=finding.reason,
                title=title(finding, (place.target,), verdict),
                since=verdict.at if known is None else max(verdict.at, known.since + timedelta.resolution),
                opened_at=self.at,
                holds=frozenset((place,)),
                scope=(found_in,),
                targets=(place.target,),
                paged=verdict.mode is not Mode.OBSERVE,
            )
            self._tell(Event.OPEN, incident, verdict, finding, before)
            return
        more = place.target not in known.targets
        wider = more or found_in not in known.scope
        targets = (*known.targets, place.target) if more else known.targets
        incident = replace(
            known,
            title=title(finding, targets, verdict) if more else known.title,
            holds=known.holds | {place},
            scope=known.scope if found_in in known.scope else (*known.scope, found_in),
            targets=targets,
            left={t: since for t, since in known.left.items() if t != place.target},
            cleared_at=None,
        )
        if known.resolved:
            incident = replace(incident, resolved=False, opened_at=self.at, flaps=known.flaps + 1, storm=None)
            self._tell(Event.REOPEN, incident, verdict, finding, before)
        elif wider:
            self._tell(Event.WIDEN, replace(incident, widened=known.widened + 1), verdict, finding, before)
        else:
            self.incidents[key.id] = incident

    def _clear(self, id_: str, place: Place, verdict: Verdict) -> None:
        known = self.incidents[id_]
        self.held[place].discard(id_)
        incident = replace(known, holds=known.holds - {place})
        if all(place.target != other.target for other in incident.holds):
            incident = replace(incident, left={**known.left, place.target: self.at})
        if incident.holds:
            self.incidents[id_] = incident
            return
        incident = replace(incident, cleared_at=self.at)
        if incident.flaps:
            self.incidents[id_] = incident
        else:
            self._tell(Event.RESOLVE, replace(incident, resolved=True), verdict)

    def settle(self) -> None:
        """End what stayed away for the window, and forget what ended that long ago."""
        for id_, incident in list(self.incidents.items()):
            if incident.cleared_at is None:
                self._narrow(incident)
            elif self._forgotten(incident):
                if incident.resolved:
                    del self.incidents[id_]
                else:
                    self._tell(Event.RESOLVE, replace(incident, resolved=True))

    def _narrow(self, incident: Incident) -> None:
        """Take out the targets that stayed away for the window, while others are still stopped."""
        gone = {target for target, since in incident.left.items() if self.at - since >= self.window}
        if gone:
            narrower = replace(
                incident,
                targets=tuple(t for t in incident.targets if t not in gone),
                left={t: since for t, since in incident.left.items() if t not in gone},
                narrowed=incident.narrowed + 1,
            )
            self._tell(Event.NARROW, narrower)

    def _forgotten(self, incident: Incident) -> bool:
        return incident.cleared_at is not None and self.at - incident.cleared_at >= self.window

    def _tell(
        self,
        event: Event,
        incident: Incident,
        verdict: Verdict | None = None,
        finding: Finding | None = None,
        before: Seen | None = None,
    ) -> None:
        id_ = incident.key.id
        if id_ not in self.incidents:
            self.known.setdefault(incident.key.trouble, []).append(id_)
        self.incidents[id_] = incident
        page = event is Event.OPEN and incident.paged
        said = changed(verdict, before) if verdict is not None and finding is not None else ""
        passed = before.passed_at if before else None
        notice = Notice(event, incident, self.at, page, said, verdict, finding, passed)
        if event is Event.WIDEN:
            # One message per incident and step: widening joins what is about to be told anyway.
            for n in range(len(self.notices) - 1, -1, -1):
                if self.notices[n].incident.key.id == id_:
                    if self.notices[n].event is not Event.RESOLVE:
                        self.notices[n] = replace(self.notices[n], incident=incident)
                        return
                    break
        self.notices.append(notice)


def _is_blind(verdict: Verdict) -> bool:
    return verdict.stops and any(f.reason is ReasonCode.GUARD_CANNOT_SEE for f in verdict.findings)


def _remember(verdict: Verdict, before: Seen | None) -> Seen:
    if not verdict.stops:
        digests = (verdict.policy_digest, verdict.closure_digest)
        return Seen(verdict.at, verdict.at, *digests, verdict.policy, verdict.waivers, verdict.waivers)
    return replace(before or Seen(verdict.at), at=verdict.at, uses=verdict.waivers)
