"""Incidents and outbox as one document in the ledger."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol, cast

from lineage_guard.alerts import outbox
from lineage_guard.alerts.outbox import Outbox
from lineage_guard.domain.incidents import Incident, IncidentKey, IncidentKind, Incidents, Place, Seen
from lineage_guard.domain.policy import ReasonCode

#: Name of the state in the ledger; each code location's sensor adds its own name.
STATE = "alerts"
_log = logging.getLogger("lineage_guard.alerts")


class States(Protocol):
    """The calls of the ledger that alerts need."""

    def load(self, name: str) -> dict[str, Any] | None:
        """A stored state, or ``None``."""
        ...

    def swap(self, name: str, old: dict[str, Any] | None, new: dict[str, Any]) -> bool:
        """Replace a state that is still as it was loaded; whether it was."""
        ...


def read_state(ledger: States, name: str = STATE) -> tuple[Incidents, Outbox, bool]:
    """Incidents and outbox, and whether what was stored could be understood.

    A state that cannot be understood is started afresh: every standing block pages again,
    which is better than one that never does.
    """
    return parse_state(ledger.load(name))


def parse_state(data: dict[str, Any] | None) -> tuple[Incidents, Outbox, bool]:
    """What ``read_state`` returns, from a state that was loaded."""
    if data is None:
        return Incidents(), Outbox(), True
    try:
        return incidents_from_dict(data["incidents"]), outbox.from_dict(data["outbox"]), True
    except (KeyError, ValueError, TypeError) as error:
        _log.error("the stored alert state cannot be read (%s); standing blocks will page again", type(error).__name__)
        return Incidents(), Outbox(), False


def state_name(location: str | None) -> str:
    """The name under which the sensor of a code location keeps its state.

    Example:
        >>> state_name("training")
        'alerts-training'
    """
    return f"{STATE}-{location}" if location else STATE


def dump_state(incidents: Incidents, box: Outbox) -> dict[str, Any]:
    """Both as one document."""
    return {"incidents": incidents_to_dict(incidents), "outbox": outbox.to_dict(box)}


def incidents_to_dict(state: Incidents) -> dict[str, Any]:
    """Incidents as plain JSON data.

    Example:
        >>> incidents_from_dict(incidents_to_dict(Incidents())) == Incidents()
        True
    """
    incidents = [
        {
            **asdict(i),
            "key": list(i.key),
            "since": i.since.isoformat(),
            "opened_at": i.opened_at.isoformat(),
            "holds": [list(p) for p in sorted(i.holds, key=lambda p: (p.target, p.partition or ""))],
            "scope": list(i.scope),
            "cleared_at": i.cleared_at.isoformat() if i.cleared_at else None,
        }
        for i in sorted(state.by_id.values(), key=lambda i: i.key)
    ]
    seen = [
        [p.target, p.partition, s.at.isoformat(), s.passed_at.isoformat() if s.passed_at else None, s.policy, s.closure]
        for p, s in state.seen.items()
    ]
    return {"incidents": incidents, "seen": seen, "told": {id_: dict(said) for id_, said in state.told.items()}}


def incidents_from_dict(data: Mapping[str, Any]) -> Incidents:
    """Read what ``incidents_to_dict`` wrote.

    Raises:
        KeyError, ValueError, TypeError: when it did not.
    """
    by_id: dict[str, Incident] = {}
    for item in cast(list[dict[str, Any]], data["incidents"]):
        incident = Incident(
            key=IncidentKey(*item["key"]),
            kind=IncidentKind(item["kind"]),
            reason=ReasonCode(item["reason"]),
            title=item["title"],
            since=datetime.fromisoformat(item["since"]),
            opened_at=datetime.fromisoformat(item["opened_at"]),
            holds=frozenset(Place(*p) for p in item["holds"]),
            scope=tuple(item["scope"]),
            widened=item["widened"],
            flaps=item["flaps"],
            cleared_at=datetime.fromisoformat(item["cleared_at"]) if item["cleared_at"] else None,
            resolved=item["resolved"],
        )
        by_id[incident.key.id] = incident
    seen: dict[Place, Seen] = {}
    for target, partition, at, passed_at, policy, closure in cast(list[list[Any]], data["seen"]):
        passed = datetime.fromisoformat(passed_at) if passed_at else None
        seen[Place(target, partition)] = Seen(datetime.fromisoformat(at), passed, policy, closure)
    return Incidents(by_id, seen, cast(dict[str, dict[str, object]], data.get("told", {})))
