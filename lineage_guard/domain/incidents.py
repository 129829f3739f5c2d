"""Incidents: what on-call is told, and when it is over. A pure state machine.

Verdicts are many (one per partition, run and re-decision); troubles are few. An incident is
keyed by deployment, rule, root cause and target, never by run or partition, so one
restricted model that blocks a thousand partitions pages once.

A verdict says where trouble is *now*: it opens or widens the incidents it names at its place
(target and partition) and clears every other incident at that place. An incident with no
place left is over. One that comes back within the flap window is told, but pages nobody; from
then on its end is told only after it stayed away for that window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from lineage_guard.domain.decide import Decision, Finding, Verdict
from lineage_guard.domain.modes import Mode
from lineage_guard.domain.policy import ReasonCode
from lineage_guard.domain.terms import Effect

FLAP_WINDOW = timedelta(minutes=30)
#: Rule under which a silent sensor is told of; see ``heartbeat``. Each sensor is a trouble of its own.
GUARD_STALE = "guard-stale"


class IncidentKind(StrEnum):
    """BLOCKED: training may not run, for its owners. BLIND: the guard cannot see, for whoever runs it."""

    BLOCKED = "BLOCKED"
    BLIND = "BLIND"


class Event(StrEnum):
    """What happened to an incident. Per incident: OPEN or REOPEN, any WIDEN, RESOLVE, and again."""

    OPEN = "OPEN"
    WIDEN = "WIDEN"
    REOPEN = "REOPEN"
    RESOLVE = "RESOLVE"


class Place(NamedTuple):
    """Where a verdict was taken: a target dataset (``namespace:name``) and its partition."""

    target: str
    partition: str | None


class IncidentKey(NamedTuple):
    """What makes two findings the same trouble.

    Attributes:
        deployment: name of the Dagster deployment.
        rule: id of the rule that speaks.
        cause: the model and its channel, the dataset with the gap, or the suite.
        target: the training asset (``namespace:name``); empty for BLIND, which is one
            trouble however many assets wait for it.
    """

    deployment: str
    rule: str
    cause: str
    target: str

    @property
    def id(self) -> str:
        """Short and stable; fits a PagerDuty ``dedup_key`` (at most 255 characters)."""
        return "lg-" + sha256("\x1f".join(self).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Incident:
    """One trouble that on-call knows of.

    Attributes:
        key: its identity.
        kind: whose trouble it is.
        reason: why, as a stable code.
        title: one line in plain words.
        since: time of the verdict that opened it; names the episode.
        opened_at: when it was opened.
        holds: the places where it is true now; empty when it is over or about to be.
        scope: what it was found in so far (BLIND: the targets it stops).
        widened: how often it widened in this episode.
        flaps: how often it came back within the flap window.
        cleared_at: since when it holds nowhere.
        resolved: whether its end has been told.
    """

    key: IncidentKey
    kind: IncidentKind
    reason: ReasonCode
    title: str
    since: datetime
    opened_at: datetime
    holds: frozenset[Place]
    scope: tuple[str, ...]
    widened: int = 0
    flaps: int = 0
    cleared_at: datetime | None = None
    resolved: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """The last verdict on a place, and the last that let it pass: says what changed since.

    Attributes:
        at: time of the last verdict.
        passed_at: time of the last verdict that did not stop it.
        policy: policy digest of that passing verdict.
        closure: closure digest of that passing verdict.
    """

    at: datetime
    passed_at: datetime | None = None
    policy: str = ""
    closure: str = ""


@dataclass(frozen=True)
class Incidents:
    """The state: every incident that is open or ended less than a flap window ago.

    Attributes:
        by_id: incidents by ``IncidentKey.id``.
        seen: the newest verdict taken into account, per place.
        told: what was told last of each open incident, as plain data; nothing is decided by it.
    """

    by_id: Mapping[str, Incident] = field(default_factory=dict[str, Incident])
    seen: Mapping[Place, Seen] = field(default_factory=dict[Place, Seen])
    told: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])

    @property
    def open(self) -> tuple[Incident, ...]:
        """Incidents whose end has not been told, oldest first."""
        return tuple(sorted((i for i in self.by_id.values() if not i.resolved), key=lambda i: (i.opened_at, i.key)))


@dataclass(frozen=True)
class Notice:
    """One thing to tell.

    Attributes:
        event: what happened.
        incident: the incident after it.
        at: when it was noticed.
        page: whether to wake somebody; true for OPEN only, and never of what is merely observed.
        changed: what changed since the place last passed, in one sentence.
        verdict: the verdict behind it; ``None`` when time alone ended the incident.
        finding: the finding behind it; ``None`` for RESOLVE.
    """

    event: Event
    incident: Incident
    at: datetime
    page: bool
    changed: str = ""
    verdict: Verdict | None = None
    finding: Finding | None = None

    @property
    def id(self) -> str:
        """The same in every process that saw the same verdicts: receivers can drop duplicates by it."""
        i = self.incident
        nth = i.widened if self.event is Event.WIDEN else 0
        parts = (i.key.id, i.since.isoformat(), self.event, str(nth), str(i.flaps))
        return sha256("\x1f".join(parts).encode()).hexdigest()[:40]


def place_of(verdict: Verdict) -> Place:
    """The place a verdict speaks of."""
    return Place(f"{verdict.target.namespace}:{verdict.target.name}", verdict.target.partition)


def key_of(finding: Finding, verdict: Verdict, deployment: str) -> IncidentKey:
    """The incident a finding belongs to.

    What is not enforced is an incident apart, so that the day it is enforced pages.

    Args:
        finding: a finding of ``verdict``.
        verdict: gives the target.
        deployment: name of the Dagster deployment.
    """
    rule = finding.rule if verdict.blocks or not verdict.stops else f"{finding.rule} ({verdict.mode.value})"
    if finding.rule == GUARD_STALE:
        return IncidentKey(deployment, rule, place_of(verdict).target, "")
    if finding.reason is ReasonCode.GUARD_CANNOT_SEE:
        return IncidentKey(deployment, rule, "guard-cannot-see", "")
    if finding.model is not None:
        cause = str(finding.model).lower()
    elif finding.rule.startswith("suite:"):
        cause = finding.rule
    else:
        cause = f"{finding.subject.namespace}:{finding.subject.name}"
    return IncidentKey(deployment, rule, cause, place_of(verdict).target)


def stopping(verdict: Verdict) -> tuple[Finding, ...]:
    """The findings that on-call hears of: unwaived, unknown or worse, of a verdict that stops.

    The lineage suite judges the same closure once more. Where it only repeats what a rule says
    it is no second trouble; where it alone objects, it is.
    """
    if not verdict.stops:
        return ()
    found = tuple(f for f in verdict.findings if not f.waived_by and f.effect >= Effect.UNKNOWN)
    return tuple(f for f in found if not f.restates) or found


def step(
    state: Incidents,
    verdicts: Iterable[Verdict],
    at: datetime,
    deployment: str = "default",
    window: timedelta = FLAP_WINDOW,
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

    Returns:
        The new state and what to tell, in order.
    """
    machine = _Machine(state, at, deployment, window)
    for verdict in sorted(verdicts, key=lambda v: (v.at, v.stops)):
        machine.take(verdict)
    machine.settle()
    told = {id_: said for id_, said in state.told.items() if not machine.over(id_)}
    return Incidents(machine.incidents, machine.seen, told), tuple(machine.notices)


class _Machine:
    """One ``step`` at work: private, mutable, gone when it returns."""

    def __init__(self, state: Incidents, at: datetime, deployment: str, window: timedelta) -> None:
        self.incidents = dict(state.by_id)
        self.seen = dict(state.seen)
        self.notices: list[Notice] = []
        self.at = at
        self.deployment = deployment
        self.window = window

    def take(self, verdict: Verdict) -> None:
        place = place_of(verdict)
        before = self.seen.get(place)
        if before is not None and (verdict.at < before.at or (verdict.at == before.at and not verdict.stops)):
            return
        found: dict[str, Finding] = {}
        for finding in stopping(verdict):
            found.setdefault(key_of(finding, verdict, self.deployment).id, finding)
        if before is None or verdict.at > before.at:
            for id_ in [i for i, x in self.incidents.items() if place in x.holds and i not in found]:
                self._clear(id_, place, verdict)
        for id_, finding in found.items():
            self._raise(id_, place, finding, verdict, _changed(verdict, before))
        self.seen[place] = _remember(verdict, before)

    def _raise(self, id_: str, place: Place, finding: Finding, verdict: Verdict, changed: str) -> None:
        known = self.incidents.get(id_)
        blind = finding.reason is ReasonCode.GUARD_CANNOT_SEE
        found_in = place.target if blind else f"{finding.subject.namespace}:{finding.subject.name}"
        if known is None or (known.resolved and self._forgotten(known)):
            incident = Incident(
                key=key_of(finding, verdict, self.deployment),
                kind=IncidentKind.BLIND if blind else IncidentKind.BLOCKED,
                reason=finding.reason,
                title=_title(finding, place, verdict),
                since=verdict.at,
                opened_at=self.at,
                holds=frozenset((place,)),
                scope=(found_in,),
            )
            self._tell(Event.OPEN, incident, verdict, finding, changed)
            return
        wider = found_in not in known.scope
        incident = replace(
            known,
            holds=known.holds | {place},
            scope=(*known.scope, found_in) if wider else known.scope,
            cleared_at=None,
        )
        if known.resolved:
            incident = replace(incident, resolved=False, opened_at=self.at, flaps=known.flaps + 1)
            self._tell(Event.REOPEN, incident, verdict, finding, changed)
        elif wider:
            self._tell(Event.WIDEN, replace(incident, widened=known.widened + 1), verdict, finding, changed)
        else:
            self.incidents[id_] = incident

    def _clear(self, id_: str, place: Place, verdict: Verdict) -> None:
        known = self.incidents[id_]
        incident = replace(known, holds=known.holds - {place})
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
            if incident.cleared_at is None or not self._forgotten(incident):
                continue
            if incident.resolved:
                del self.incidents[id_]
            else:
                self._tell(Event.RESOLVE, replace(incident, resolved=True))

    def over(self, id_: str) -> bool:
        """Whether nothing of that id is open."""
        return id_ not in self.incidents or self.incidents[id_].resolved

    def _forgotten(self, incident: Incident) -> bool:
        return incident.cleared_at is not None and self.at - incident.cleared_at >= self.window

    def _tell(
        self,
        event: Event,
        incident: Incident,
        verdict: Verdict | None = None,
        finding: Finding | None = None,
        changed: str = "",
    ) -> None:
        id_ = incident.key.id
        self.incidents[id_] = incident
        page = event is Event.OPEN and (verdict is None or verdict.mode is not Mode.OBSERVE)
        notice = Notice(event, incident, self.at, page, changed, verdict, finding)
        if event is Event.WIDEN:
            # One message per incident and step: widening joins what is about to be told anyway.
            for n in range(len(self.notices) - 1, -1, -1):
                if self.notices[n].incident.key.id == id_:
                    if self.notices[n].event is not Event.RESOLVE:
                        self.notices[n] = replace(self.notices[n], incident=incident)
                        return
                    break
        self.notices.append(notice)


def _title(finding: Finding, place: Place, verdict: Verdict) -> str:
    if finding.rule == GUARD_STALE:
        return f"The guard's sensor of {finding.subject.name} is silent: gates still stop, but nobody is told"
    if finding.reason is ReasonCode.GUARD_CANNOT_SEE:
        return f"The guard cannot see all lineage; training {'waits' if verdict.blocks else 'goes on'}"
    if finding.model is not None:
        return f"{place.target} would learn from {finding.model}"
    if finding.rule.startswith("suite:"):
        return f"{place.target} {'is' if verdict.blocks else 'would be'} stopped by expectation {finding.rule}"
    return f"{place.target} would learn from {finding.subject.namespace}:{finding.subject.name}, of unknown provenance"


def _remember(verdict: Verdict, before: Seen | None) -> Seen:
    if not verdict.stops:
        return Seen(verdict.at, verdict.at, verdict.policy_digest, verdict.closure_digest)
    return replace(before, at=verdict.at) if before else Seen(verdict.at)


def _changed(verdict: Verdict, before: Seen | None) -> str:
    if any(f.rule == GUARD_STALE for f in verdict.findings):
        return "It was heard of before, and is not any more."
    if before is None or before.passed_at is None:
        return "No earlier verdict on it is known that let it pass."
    policy, lineage = verdict.policy_digest != before.policy, verdict.closure_digest != before.closure
    since = f"since it last passed ({before.passed_at.isoformat(timespec='seconds')})"
    if policy and lineage:
        return f"The policy or its terms and the lineage both changed {since}."
    if policy:
        return f"The policy or its terms changed {since}; the lineage is the same."
    if lineage:
        return f"The lineage changed {since}; policy and terms are the same."
    if verdict.decision is Decision.BLOCK and any(f.rule.startswith("suite:") for f in verdict.findings):
        return f"Lineage, policy and terms are the same {since}; an expectation suite now fails."
    return f"Lineage, policy and terms are the same {since}: a waiver ended or the guard sees less."
