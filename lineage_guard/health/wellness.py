"""Whether the guard is well: the answer of probes and of ``lineage-guard health``. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from lineage_guard.domain.incidents.heartbeat import spell
from lineage_guard.health.measures import Measured

#: Deliveries that may fail one after the other: about four minutes of an outage.
_FAILURES = 4


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: ``ledger``, ``sensors``, ``delivery`` or ``alerts``.
        ok: whether it is well.
        said: what was found.
        fix: how to mend it; empty when there is nothing to mend.
    """

    name: str
    ok: bool
    said: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the guard is well.

    Attributes:
        checks: everything that was looked at.
    """

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether all of it is well."""
        return all(c.ok for c in self.checks)

    def to_dict(self) -> Mapping[str, object]:
        """As plain JSON data."""
        checks = [{"check": c.name, "ok": c.ok, "found": c.said, "fix": c.fix} for c in self.checks]
        return {"status": "ok" if self.ok else "not well", "checks": checks}


def health(measured: Measured, after: timedelta | None = None) -> Health:
    """Whether the guard is well.

    Args:
        measured: see ``Measuring``.
        after: how long a sensor may be silent; its own interval says when ``None``.

    Example:
        >>> from datetime import UTC, datetime
        >>> health(Measured(datetime.now(UTC), failed={"ledger": "no such bucket"})).checks[0].said
        'no such bucket'
    """
    return Health((_ledger(measured), _sensors(measured, after), _delivery(measured), _alerts(measured)))


def _ledger(m: Measured) -> Check:
    why = m.failed.get("ledger") or m.failed.get("tally")
    if why or m.ledger is None:
        return Check("ledger", False, why or "it was not read", "`lineage-guard doctor --full` says what is damaged")
    return Check("ledger", True, f"{m.ledger.events} events, {m.ledger.tail} not indexed")


def _sensors(m: Measured, after: timedelta | None) -> Check:
    if m.beats is None:
        return Check("sensors", False, m.failed.get("beats", "they were not read"), "see the ledger")
    if m.beats.unreadable:
        return Check("sensors", False, "; ".join(m.beats.unreadable), "the sensor's next tick writes it anew")
    silent = [b for b in m.beats.beats if b.silent(m.at, after)]
    if silent:
        said = "; ".join(f"{b.location} last ticked {spell(m.at - b.at)} ago" for b in silent)
        fix = "`lineage-guard doctor` says why; was it removed: `lineage-guard health --forget LOCATION`"
        return Check("sensors", False, said, fix)
    if not m.beats.beats:
        return Check("sensors", False, "no sensor has ever ticked on this ledger", "start `dagster-daemon run`")
    return Check("sensors", True, f"{len(m.beats.beats)} tick")


def _delivery(m: Measured) -> Check:
    if m.deliveries is None:
        return Check("delivery", False, m.failed.get("deliveries", "it was not read"), "see the ledger")
    stuck = [d for d in m.deliveries if d.error and d.failures >= _FAILURES]
    if stuck:
        said = "; ".join(f"{d.destination}: {d.backlog} events wait: {d.error}" for d in stuck)
        return Check("delivery", False, said, "see whether the backend is well; nothing is lost meanwhile")
    backlog = sum(d.backlog for d in m.deliveries)
    return Check("delivery", True, f"{backlog} events wait" if m.deliveries else "nothing is delivered anywhere")


def _alerts(m: Measured) -> Check:
    if m.alerts is None:
        return Check("alerts", False, m.failed.get("alerts", "they were not read"), "see the ledger")
    dead = {sink: n for sink, n in sorted(m.alerts.dead.items()) if n}
    if dead:
        said = ", ".join(f"{n} for {sink}" for sink, n in dead.items())
        return Check("alerts", False, f"given up: {said}", "mend the sink, then see `lineage-guard alert`")
    missed = {sink: n for sink, n in sorted(m.alerts.missed.items()) if n}
    if missed:
        said = ", ".join(f"{n} to {sink}" for sink, n in missed.items())
        fix = "try it where the sensor runs: `lineage-guard alert test`; `lineage-guard alert list` says why"
        return Check("alerts", False, f"pages that have not arrived for minutes: {said}", fix)
    return Check("alerts", True, f"{sum(m.alerts.waiting.values())} wait, {sum(m.alerts.open.values())} incidents open")
