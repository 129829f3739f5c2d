"""What an incident is, what names it, and what is told of it. The machine is ``incidents.step``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Finding, Verdict

#: Rule under which a silent sensor is told of; see ``heartbeat``. Each sensor is a trouble of its own.
GUARD_STALE = "guard-stale"
#: Rule under which a ledger is told of that a sensor cannot use; see ``reach``. Each ledger is a trouble of its own.
LEDGER_UNREACHABLE = "ledger-unreachable"
#: Rule under which rules are told of that a sensor cannot read; see ``reach``. Each file is a trouble of its own.
RULES_UNREADABLE = "rules-unreadable"
#: Rule under which a ledger is told of that does not hold any more what it held; see ``reach``.
HISTORY_LOST = "history-lost"
#: Rules on what a sensor needs; these incidents are not kept in the ledger.
OF_A_TICK = frozenset({HISTORY_LOST, LEDGER_UNREACHABLE, RULES_UNREADABLE})
#: Rules that speak of the guard itself, and of no asset.
OF_THE_GUARD = OF_A_TICK | {GUARD_STALE}


class IncidentKind(StrEnum):
    """BLOCKED: training may not run, for its owners. BLIND: the guard cannot see, for whoever runs it."""

    BLOCKED = "BLOCKED"
    BLIND = "BLIND"


class Event(StrEnum):
    """What happened. Per incident: OPEN or REOPEN, any WIDEN and NARROW, RESOLVE, and again."""

    OPEN = "OPEN"
    WIDEN = "WIDEN"
    NARROW = "NARROW"
    REOPEN = "REOPEN"
    RESOLVE = "RESOLVE"


class Place(NamedTuple):
    """Where a verdict was taken: a target dataset (``namespace:name``) and its partition."""

    target: str
    partition: str | None


class IncidentKey(NamedTuple):
    """What makes two findings the same trouble.

    Attributes:
        deployment: name of the Dagster deployment, with that of the code location where each keeps
            its own state: the end of the one's trouble is not the end of the other's.
        rule: id of the rule that speaks.
        cause: the model and its channel, the dataset with the gap, or the suite.
        audience: whom it is told, see ``incidents.step``; empty when everybody is told the same, and for
            BLIND. Incidents that were opened before there were groups hold their only target here.
    """

    deployment: str
    rule: str
    cause: str
    audience: str

    @property
    def id(self) -> str:
        """Short and stable; fits a PagerDuty ``dedup_key`` (at most 255 characters)."""
        return "lg-" + sha256("\x1f".join(self).encode()).hexdigest()[:32]

    @property
    def trouble(self) -> tuple[str, str]:
        """What is wrong, whoever is told and whatever the deployment is called."""
        return self.rule, self.cause


@dataclass(frozen=True)
class Incident:
    """One trouble that on-call knows of: one cause, and every training asset of one audience that it stops.

    Attributes:
        key: its identity.
        kind: whose trouble it is.
        reason: why, as a stable code.
        title: one line in plain words.
        since: time of the verdict that opened it; names the episode.
        opened_at: when it was opened.
        holds: the places where it is true now; empty when it is over or about to be.
        scope: what it was found in so far (BLIND: the targets it stops).
        targets: the training assets it stops and was told for, first found first.
        left: those of them where it holds no more, and since when; a flap window later they are taken out.
        widened: how often it widened in this episode.
        narrowed: how often it narrowed in this episode.
        flaps: how often it came back within the flap window.
        cleared_at: since when it holds nowhere.
        resolved: whether its end has been told.
        paged: whether its beginning paged.
        storm: id of the storm or group whose digest told it; ``None`` when it was told by itself.
    """

    key: IncidentKey
    kind: IncidentKind
    reason: ReasonCode
    title: str
    since: datetime
    opened_at: datetime
    holds: frozenset[Place]
    scope: tuple[str, ...]
    targets: tuple[str, ...] = ()
    left: Mapping[str, datetime] = field(default_factory=dict[str, datetime])
    widened: int = 0
    narrowed: int = 0
    flaps: int = 0
    cleared_at: datetime | None = None
    resolved: bool = False
    paged: bool = True
    storm: str | None = None

    @property
    def stopped(self) -> tuple[str, ...]:
        """The training assets that it holds on now, in the order they were told."""
        held = {place.target for place in self.holds}
        return tuple(t for t in self.targets if t in held)


@dataclass(frozen=True, slots=True)
class Seen:
    """The last verdict on a place, and the last that let it pass: says what changed since.

    Attributes:
        at: time of the last verdict.
        passed_at: time of the last verdict that did not stop it.
        policy: policy digest of that passing verdict.
        closure: closure digest of that passing verdict.
        policy_name: name of that policy; empty when it was not kept.
        waivers: ids of the waivers that the passing verdict used.
        uses: ids of the waivers that the last verdict used.
    """

    at: datetime
    passed_at: datetime | None = None
    policy: str = ""
    closure: str = ""
    policy_name: str = ""
    waivers: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()


@dataclass(frozen=True)
class Storm:
    """Incidents told as one digest: more than anybody can read one by one, or all that stops one training asset.

    Attributes:
        id: names it; also its dedup key.
        kind: whose trouble it is.
        audience: whom it is told.
        page: whether its incidents page; what is only observed, and what came back, does not.
        since: when it began.
        joined_at: when an incident joined it last.
        members: ids of the incidents that it told, in order.
        updates: how often its digest was told again.
        target: the one training asset (``namespace:name``) in which all of it was found at once; empty for
            a storm.
    """

    id: str
    kind: IncidentKind
    audience: str
    page: bool
    since: datetime
    joined_at: datetime
    members: tuple[str, ...]
    updates: int = 0
    target: str = ""


class Begun(NamedTuple):
    """How much began at once; the few causes that stop one training asset count as one.

    Attributes:
        kind: whose trouble they are.
        audience: whom they are told.
        page: whether they page.
        at: when.
        number: how many.
    """

    kind: IncidentKind
    audience: str
    page: bool
    at: datetime
    number: int


@dataclass(frozen=True)
class Ending:
    """A waiver in use whose end was announced.

    Attributes:
        id: of the waiver.
        expires: its end, as it was announced (timezone-aware UTC).
        told: days ahead of the last announcement; 0 once its end was told.
        targets: the training assets that pass by it, sorted.
    """

    id: str
    expires: datetime
    told: int
    targets: tuple[str, ...]


@dataclass(frozen=True)
class Incidents:
    """The state: every incident that is open or ended less than a flap window ago.

    Attributes:
        by_id: incidents by ``IncidentKey.id``.
        seen: the newest verdict taken into account, per place.
        told: what was told last of each open incident, as plain data; nothing is decided by it.
        storms: storms and groups of which an incident is open, by id.
        begun: what began so lately that it counts when a storm is looked for.
        endings: waivers whose end was announced, by id.
    """

    by_id: Mapping[str, Incident] = field(default_factory=dict[str, Incident])
    seen: Mapping[Place, Seen] = field(default_factory=dict[Place, Seen])
    told: Mapping[str, Mapping[str, object]] = field(default_factory=dict[str, Mapping[str, object]])
    storms: Mapping[str, Storm] = field(default_factory=dict[str, Storm])
    begun: tuple[Begun, ...] = ()
    endings: Mapping[str, Ending] = field(default_factory=dict[str, Ending])

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
        verdict: the verdict behind it; ``None`` when time alone brought it about.
        finding: the finding behind it; ``None`` for NARROW and RESOLVE.
        passed_at: when the place last passed, as far as it is known.
    """

    event: Event
    incident: Incident
    at: datetime
    page: bool
    changed: str = ""
    verdict: Verdict | None = None
    finding: Finding | None = None
    passed_at: datetime | None = None

    @property
    def id(self) -> str:
        """The same in every process that saw the same verdicts: receivers can drop duplicates by it."""
        i = self.incident
        nth = {Event.WIDEN: i.widened, Event.NARROW: i.narrowed}.get(self.event, 0)
        parts = (i.key.id, i.since.isoformat(), self.event, str(nth), str(i.flaps))
        return sha256("\x1f".join(parts).encode()).hexdigest()[:40]


def place_of(verdict: Verdict) -> Place:
    """The place a verdict speaks of."""
    return Place(f"{verdict.target.namespace}:{verdict.target.name}", verdict.target.partition)


def asset_of(target: str) -> tuple[str, str]:
    """Namespace and name of a place's target.

    Example:
        >>> asset_of("dagster://prod:nlp/student")
        ('dagster://prod', 'nlp/student')
    """
    namespace, _, name = target.rpartition(":")
    return namespace, name


def key_of(finding: Finding, verdict: Verdict, deployment: str, audience: str = "") -> IncidentKey:
    """The incident a finding belongs to.

    What is not enforced is an incident apart, so that the day it is enforced pages.

    Args:
        finding: a finding of ``verdict``.
        verdict: says whether it is enforced.
        deployment: name of the Dagster deployment.
        audience: who is told of what stops the verdict's target.
    """
    rule = finding.rule if verdict.blocks or not verdict.stops else f"{finding.rule} ({verdict.mode.value})"
    if finding.rule in OF_THE_GUARD:
        return IncidentKey(deployment, rule, place_of(verdict).target, "")
    if finding.reason is ReasonCode.GUARD_CANNOT_SEE:
        return IncidentKey(deployment, rule, "guard-cannot-see", "")
    if finding.model is not None:
        cause = str(finding.model).lower()
    elif finding.rule.startswith("suite:"):
        cause = finding.rule
    else:
        cause = f"{finding.subject.namespace}:{finding.subject.name}"
    return IncidentKey(deployment, rule, cause, audience)


def stopping(verdict: Verdict) -> tuple[Finding, ...]:
    """The findings that on-call hears of: unwaived, unknown or worse, of a verdict that stops.

    The lineage suite judges the same closure once more. Where it only repeats what a rule says
    it is no second trouble; where it alone objects, it is.
    """
    if not verdict.stops:
        return ()
    found = tuple(f for f in verdict.findings if not f.waived_by and f.effect >= Effect.UNKNOWN)
    return tuple(f for f in found if not f.restates) or found
