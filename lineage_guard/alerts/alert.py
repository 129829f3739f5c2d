"""The alert: one message, the same for every sink."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from lineage_guard.alerts.ways import Way

SCHEMA = "lineage-guard/alert/1"
#: Reasons of alerts that are not about one finding.
STORM, WAIVER_ENDS, PAGE_NOT_DELIVERED = "STORM", "WAIVER_ENDS", "PAGE_NOT_DELIVERED"
_LISTS = ("scope", "path", "owners", "targets", "causes")
#: Those that alerts of earlier versions have not.
_LATER = {"targets", "causes"}


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One message, the same for every sink. What is not about one finding leaves most of it out.

    Attributes:
        id: the same each time this message is sent: receivers drop duplicates by it.
        incident: id of the incident; equal from OPEN to RESOLVE.
        event: OPEN, WIDEN, NARROW, REOPEN or RESOLVE.
        kind: BLOCKED (its owners'), BLIND (whoever runs the guard) or WAIVER (its owners'; never pages).
        page: whether it should wake somebody.
        at: when it was noticed, ISO 8601.
        deployment: name of the Dagster deployment.
        headline: one line.
        message: the fact and the rule in plain words.
        reason: stable reason code; STORM for a digest, WAIVER_ENDS for a waiver, PAGE_NOT_DELIVERED where a sink cannot
            be reached.
        rule: id of the rule.
        cause: model and channel, dataset or suite.
        target: a training asset that it stops (``namespace:name``), the first one told.
        partitions: how many partitions it holds on now.
        scope: where it was found (BLIND: the targets that wait; STORM: its incidents).
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
        runbook: where the runbook is: a URL, or the command that prints it.
        targets: the training assets that it stops now, the first few.
        assets: how many that are.
        impact: how much is downstream of the cause, in one sentence; empty when it is not known.
        causes: the titles of all that stops the target, where several causes are told as one; reason, rule, path
            and ways are those of the first. Of PAGE_NOT_DELIVERED the headlines of the pages.
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
    partitions: int = 0
    scope: tuple[str, ...] = ()
    decision: str | None = None
    use: str | None = None
    policy: str | None = None
    terms: str | None = None
    terms_url: str | None = None
    path: tuple[str, ...] = ()
    changed: str = ""
    owners: tuple[str, ...] = ()
    ways: tuple[Way, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict[str, str])
    runbook: str
    targets: tuple[str, ...] = ()
    assets: int = 0
    impact: str = ""
    causes: tuple[str, ...] = ()
    schema: str = SCHEMA

    def to_dict(self) -> dict[str, Any]:
        """The alert as plain JSON data: the body of the webhook."""
        data = asdict(self)
        data["ways"] = [{"title": w.title, "commands": list(w.commands)} for w in self.ways]
        for name in _LISTS:
            data[name] = list(data[name])
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Alert:
        """Read what ``to_dict`` wrote, now or in another version: what is not known here is left out.

        Raises:
            KeyError, TypeError: when it did not.
        """
        known = {f.name for f in fields(cls)}
        said = {name: value for name, value in data.items() if name in known}
        said["ways"] = tuple(Way(w["title"], tuple(w["commands"])) for w in data["ways"])
        for name in _LISTS:
            said[name] = tuple(data.get(name, ()) if name in _LATER else data[name])
        return cls(**said)

    @property
    def listed(self) -> tuple[str, ...]:
        """The incidents that it speaks of, by their titles, where it speaks of several."""
        return self.scope if self.reason == STORM else self.causes

    @property
    def whose(self) -> tuple[str, ...]:
        """The owners, or that nobody is named as one: whoever reads it would look for them."""
        stops = self.kind == "BLOCKED" and self.targets and self.event != "RESOLVE"
        return self.owners or (("none named (owners= of the asset)",) if stops else ())

    def text(self) -> str:
        """The alert as plain text, for mail, chat and people."""
        lines = [self.headline, "", self.message]
        if self.listed:
            lines += ["", *(f"  - {title}" for title in self.listed)]
        if self.path:
            lines += ["", "Path:", *(f"  {'└─> ' if n else ''}{step}" for n, step in enumerate(self.path))]
        if self.changed:
            lines += ["", f"What changed: {self.changed}"]
        if self.impact:
            lines += ["", f"Downstream: {self.impact}"]
        if self.whose:
            lines += ["", "Owners: " + ", ".join(self.whose)]
        if self.ways:
            lines += ["", "To unblock:"]
            for n, way in enumerate(self.ways, 1):
                lines += [f"  {n}. {way.title}", *(f"       {command}" for command in way.commands)]
        lines += ["", f"Rule: {self.rule} ({self.reason}), policy: {self.policy or 'unknown'}"]
        lines += [f"Runbook: {self.runbook}"]
        lines += [f"{name}: {url}" for name, url in self.links.items()]
        lines += [f"Incident: {self.incident}"]
        return "\n".join(lines)
