"""What an alert says: why training stopped, how it got there, and the ways on.

Never row data, never a secret: an alert is made of names, terms and rules only. Every text is
cut to a length that fits the tightest sink, so a hostile name cannot keep a page from going out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any
from urllib.parse import quote

from lineage_guard.alerts.ways import NAME, Way, cut, ways_to_unblock
from lineage_guard.domain.decide import Finding, Verdict
from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents import Event, IncidentKind, Notice
from lineage_guard.domain.policy import ReasonCode

SCHEMA = "lineage-guard/alert/1"
_TEXT, _STEPS = 2000, 24


@dataclass(frozen=True, slots=True)
class Context:
    """What an alert may say beyond its verdict.

    Attributes:
        deployment: name of the Dagster deployment.
        dagster_url: base URL of the Dagster UI; no links when ``None``.
        runbooks: URL or folder that holds the runbooks of ``docs/runbooks/``.
        owners: owners by OpenLineage asset name.
    """

    deployment: str = "default"
    dagster_url: str | None = None
    runbooks: str = "docs/runbooks"
    owners: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Context:
        """What an environment says.

        Args:
            environ: usually ``os.environ``. Read are ``LINEAGE_GUARD_DEPLOYMENT``,
                ``LINEAGE_GUARD_DAGSTER_URL`` and ``LINEAGE_GUARD_RUNBOOKS``.

        Example:
            >>> Context.from_env({"LINEAGE_GUARD_DEPLOYMENT": "prod"}).deployment
            'prod'
        """
        return cls(
            deployment=environ.get("LINEAGE_GUARD_DEPLOYMENT") or "default",
            dagster_url=environ.get("LINEAGE_GUARD_DAGSTER_URL") or None,
            runbooks=environ.get("LINEAGE_GUARD_RUNBOOKS") or "docs/runbooks",
        )


@dataclass(frozen=True)
class Alert:
    """One message, the same for every sink.

    Attributes:
        id: the same each time this message is sent: receivers drop duplicates by it.
        incident: id of the incident; equal from OPEN to RESOLVE.
        event: OPEN, WIDEN, REOPEN or RESOLVE.
        kind: BLOCKED (its owners') or BLIND (whoever runs the guard).
        page: whether it should wake somebody.
        at: when it was noticed, ISO 8601.
        deployment: name of the Dagster deployment.
        headline: one line.
        message: the fact and the rule in plain words.
        reason: stable reason code.
        rule: id of the rule.
        cause: model and channel, dataset or suite.
        target: the training asset (``namespace:name``); for BLIND the first one that waits.
        partitions: how many partitions it holds on now.
        scope: where it was found (BLIND: the targets that wait).
        decision: the verdict's decision.
        use: what the target is for.
        policy: name of the policy.
        terms: id of the terms applied.
        terms_url: where they are published.
        path: from the source to the target, one name per step.
        changed: what changed since it last passed.
        owners: whom it concerns.
        ways: ways to unblock.
        links: name to URL.
        runbook: where the runbook is.
        schema: version of this shape.
    """

    id: str
    incident: str
    event: str
    kind: str
    page: bool
    at: str
    deployment: str
    headline: str
    message: str
    reason: str
    rule: str
    cause: str
    target: str
    partitions: int
    scope: tuple[str, ...]
    decision: str | None
    use: str | None
    policy: str | None
    terms: str | None
    terms_url: str | None
    path: tuple[str, ...]
    changed: str
    owners: tuple[str, ...]
    ways: tuple[Way, ...]
    links: Mapping[str, str]
    runbook: str
    schema: str = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """The alert as plain JSON data: the body of the webhook."""
        data = asdict(self)
        data["ways"] = [{"title": w.title, "commands": list(w.commands)} for w in self.ways]
        for name in ("scope", "path", "owners"):
            data[name] = list(data[name])
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Alert:
        """Read what ``to_dict`` wrote.

        Raises:
            KeyError, TypeError: when it did not.
        """
        fields = dict(data)
        fields["ways"] = tuple(Way(w["title"], tuple(w["commands"])) for w in data["ways"])
        for name in ("scope", "path", "owners"):
            fields[name] = tuple(data[name])
        return cls(**fields)

    def text(self) -> str:
        """The alert as plain text, for mail, chat and people."""
        lines = [self.headline, "", self.message]
        if self.path:
            lines += ["", "Path:", *(f"  {'└─> ' if n else ''}{step}" for n, step in enumerate(self.path))]
        if self.changed:
            lines += ["", f"What changed: {self.changed}"]
        if self.owners:
            lines += ["", "Owners: " + ", ".join(self.owners)]
        if self.ways:
            lines += ["", "To unblock:"]
            for n, way in enumerate(self.ways, 1):
                lines += [f"  {n}. {way.title}", *(f"       {command}" for command in way.commands)]
        lines += ["", f"Rule: {self.rule} ({self.reason}), policy: {self.policy or 'unknown'}"]
        lines += [f"Runbook: {self.runbook}"]
        lines += [f"{name}: {url}" for name, url in self.links.items()]
        lines += [f"Incident: {self.incident}"]
        return "\n".join(lines)


def alert_of(notice: Notice, context: Context) -> Alert:
    """Put a notice into words.

    Args:
        notice: from ``incidents.step``.
        context: links, owners and the deployment's name.
    """
    incident, verdict, finding = notice.incident, notice.verdict, notice.finding
    waiting = sorted({p.target for p in incident.holds})
    target = waiting[0] if waiting else "".join(incident.targets[:1])
    model, terms = (finding.model, finding.terms) if finding else (None, None)
    over = notice.event is Event.RESOLVE
    return Alert(
        id=notice.id,
        incident=incident.key.id,
        event=notice.event.value,
        kind=incident.kind.value,
        page=notice.page,
        at=notice.at.isoformat(),
        deployment=cut(context.deployment, NAME),
        headline=cut(_headline(notice), 2 * NAME),
        message=cut(finding.message if finding else _over(notice), _TEXT),
        reason=incident.reason.value,
        rule=cut(incident.key.rule, NAME),
        cause=cut(incident.key.cause, NAME),
        target=cut(target, NAME),
        partitions=len(incident.holds),
        scope=_some(incident.scope),
        decision=verdict.decision.value if verdict else None,
        use=cut(verdict.use, NAME) if verdict else None,
        policy=cut(verdict.policy, NAME) if verdict else None,
        terms=cut(terms.id, NAME) if terms else None,
        terms_url=cut(terms.url, _TEXT) if terms and terms.url else None,
        path=_path(finding, str(model) if model else None),
        changed=notice.changed,
        owners=() if incident.kind is IncidentKind.BLIND else _owners(target, context),
        ways=() if over or finding is None or verdict is None else ways_to_unblock(finding, verdict),
        links=_links(verdict, finding, context),
        runbook=f"{context.runbooks.rstrip('/')}/{runbook_of(incident.reason)}",
    )


def runbook_of(reason: ReasonCode) -> str:
    """File name of the runbook of a reason, e.g. ``"restricted-model.md"``."""
    return reason.value.lower().replace("_", "-") + ".md"


def sample(now: datetime, context: Context) -> Alert:
    """An alert that says it is a test, to try a sink with."""
    return replace(
        _SAMPLE, id=f"sample-{now.timestamp():.0f}", at=now.isoformat(), deployment=cut(context.deployment, NAME)
    )


def _headline(notice: Notice) -> str:
    incident, verdict = notice.incident, notice.verdict
    if verdict is not None and verdict.stops and not verdict.blocks and notice.event is not Event.RESOLVE:
        word = "WOULD BLOCK" if incident.kind is IncidentKind.BLOCKED else "BLIND"
        wider = {Event.WIDEN: ", WIDER", Event.REOPEN: ", AGAIN"}.get(notice.event, "")
        return f"[{word}{wider} ({verdict.mode.value}: nothing was stopped)] {incident.title}"
    word = {
        Event.OPEN: "BLOCKED" if incident.kind is IncidentKind.BLOCKED else "BLIND",
        Event.WIDEN: "STILL BLOCKED, WIDER" if incident.kind is IncidentKind.BLOCKED else "STILL BLIND, WIDER",
        Event.REOPEN: "BLOCKED AGAIN" if incident.kind is IncidentKind.BLOCKED else "BLIND AGAIN",
        Event.RESOLVE: "RESOLVED",
    }[notice.event]
    return f"[{word}] {incident.title}"


def _over(notice: Notice) -> str:
    verdict = notice.verdict
    if verdict is None:
        return "It has stayed away for the whole flap window."
    waived = f" under waiver {', '.join(verdict.waivers)}" if verdict.waivers else ""
    return f"The newest verdict on {verdict.target} no longer finds it: {verdict.decision.value}{waived}."


def _path(finding: Finding | None, model: str | None) -> tuple[str, ...]:
    if finding is None:
        return ()
    steps = tuple(str(v) for v in reversed(finding.path))
    return _some((model, *steps) if model else steps)


def _some(names: tuple[str, ...]) -> tuple[str, ...]:
    half = _STEPS // 2
    if len(names) > _STEPS:
        names = (*names[:half], f"… {len(names) - 2 * half} more …", *names[-half:])
    return tuple(cut(n, NAME) for n in names)


def _owners(target: str, context: Context) -> tuple[str, ...]:
    name = target.partition(":")[2]
    return _some(context.owners.get(name, context.owners.get(target, ())))


def _links(verdict: Verdict | None, finding: Finding | None, context: Context) -> dict[str, str]:
    if not context.dagster_url or verdict is None:
        return {}
    base = context.dagster_url.rstrip("/")
    links = {"Training asset": _asset_url(base, verdict.target)}
    if finding is not None and finding.subject.name != verdict.target.name:
        links["Where it was found"] = _asset_url(base, finding.subject)
    return {name: url for name, url in links.items() if len(url) <= _TEXT}


def _asset_url(base: str, version: Version) -> str:
    partition = f"?view=partitions&partition={quote(version.partition, safe='')}" if version.partition else ""
    return f"{base}/assets/{quote(version.name, safe='/')}{partition}"


_SAMPLE = Alert(
    id="sample",
    incident="lg-sample",
    event=Event.OPEN.value,
    kind=IncidentKind.BLOCKED.value,
    page=False,
    at="",
    deployment="",
    headline="[TEST] Lineage Guard can reach this sink",
    message="This is a test. Nothing is blocked.",
    reason=ReasonCode.RESTRICTED_MODEL.value,
    rule="test",
    cause="test",
    target="test",
    partitions=0,
    scope=(),
    decision=None,
    use=None,
    policy=None,
    terms=None,
    terms_url=None,
    path=(),
    changed="",
    owners=(),
    ways=(),
    links={},
    runbook="docs/runbooks/README.md",
)
