"""Incidents and outbox as one document in the ledger."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Protocol, cast

from lineage_guard.alerts.delivery import outbox
from lineage_guard.alerts.delivery.outbox import Outbox
from lineage_guard.domain.incidents.incident import (
    Begun,
    Ending,
    Incident,
    IncidentKey,
    IncidentKind,
    Incidents,
    Place,
    Seen,
    Storm,
)
from lineage_guard.domain.rules.policy import ReasonCode

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
            **{f.name: getattr(i, f.name) for f in fields(i)},
            "key": list(i.key),
            "since": i.since.isoformat(),
            "opened_at": i.opened_at.isoformat(),
            "holds": [list(p) for p in sorted(i.holds, key=lambda p: (p.target, p.partition or ""))],
            "scope": list(i.scope),
            "targets": list(i.targets),
            "left": {target: since.isoformat() for target, since in sorted(i.left.items())},
            "cleared_at": i.cleared_at.isoformat() if i.cleared_at else None,
        }
        for i in sorted(state.by_id.values(), key=lambda i: i.key)
    ]
    seen: list[list[Any]] = []
    for p, s in state.seen.items():
        passed_at = s.passed_at.isoformat() if s.passed_at else None
        passed = (passed_at, s.policy, s.closure, s.policy_name, list(s.waivers))
        seen.append([p.target, p.partition, s.at.isoformat(), *passed, list(s.uses)])
    return {
        "incidents": incidents,
        "seen": seen,
        "told": {id_: dict(said) for id_, said in state.told.items()},
        "storms": [
            [s.id, s.kind, s.audience, s.page, s.since.isoformat(), s.joined_at.isoformat(), list(s.members), s.updates]
            for s in state.storms.values()
        ],
        # Apart from them: releases that know of storms only read groups as such.
        "together": {s.id: s.target for s in state.storms.values() if s.target},
        "begun": [[b.kind, b.audience, b.page, b.at.isoformat(), b.number] for b in state.begun],
        "endings": [[e.id, e.expires.isoformat(), e.told, list(e.targets)] for e in state.endings.values()],
    }


def incidents_from_dict(data: Mapping[str, Any]) -> Incidents:
    """Read what ``incidents_to_dict`` wrote, now or before there were groups and storms.

    Raises:
        KeyError, ValueError, TypeError: when it did not.
    """
    incidents = [_incident(item) for item in cast(list[dict[str, Any]], data["incidents"])]
    seen = [_seen(*line) for line in cast(list[list[Any]], data["seen"])]
    together = cast(dict[str, str], data.get("together", {}))
    storms = [
        Storm(
            id_,
            IncidentKind(kind),
            whom,
            page,
            _moment(since),
            _moment(joined),
            tuple(members),
            n,
            together.get(id_, ""),
        )
        for id_, kind, whom, page, since, joined, members, n in cast(list[list[Any]], data.get("storms", []))
    ]
    begun = [
        Begun(IncidentKind(kind), whom, page, datetime.fromisoformat(at), count)
        for kind, whom, page, at, count in cast(list[list[Any]], data.get("begun", []))
    ]
    endings = [
        Ending(id_, datetime.fromisoformat(expires), told, tuple(targets))
        for id_, expires, told, targets in cast(list[tuple[str, str, int, list[str]]], data.get("endings", []))
    ]
    return Incidents(
        by_id={i.key.id: i for i in incidents},
        seen=dict(seen),
        told=cast(dict[str, dict[str, object]], data.get("told", {})),
        storms={s.id: s for s in storms},
        begun=tuple(begun),
        endings={e.id: e for e in endings},
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _incident(item: Mapping[str, Any]) -> Incident:
    key, scope = IncidentKey(*item["key"]), tuple(item["scope"])
    # Before there were groups an incident had one target, or was of the whole deployment.
    targets = item.get("targets", [key.audience] if key.audience else scope)
    return Incident(
        key=key,
        kind=IncidentKind(item["kind"]),
        reason=ReasonCode(item["reason"]),
        title=item["title"],
        since=datetime.fromisoformat(item["since"]),
        opened_at=datetime.fromisoformat(item["opened_at"]),
        holds=frozenset(Place(*p) for p in item["holds"]),
        scope=scope,
        targets=tuple(targets),
        left={target: datetime.fromisoformat(since) for target, since in item.get("left", {}).items()},
        widened=item["widened"],
        narrowed=item.get("narrowed", 0),
        flaps=item["flaps"],
        cleared_at=datetime.fromisoformat(item["cleared_at"]) if item["cleared_at"] else None,
        resolved=item["resolved"],
        paged=item.get("paged", True),
        storm=item.get("storm"),
    )


def _seen(
    target: str,
    partition: str | None,
    at: str,
    passed_at: str | None,
    policy: str,
    closure: str,
    policy_name: str = "",
    waivers: Sequence[str] = (),
    uses: Sequence[str] = (),
) -> tuple[Place, Seen]:
    passed = datetime.fromisoformat(passed_at) if passed_at else None
    moment = datetime.fromisoformat(at)
    return Place(target, partition), Seen(moment, passed, policy, closure, policy_name, tuple(waivers), tuple(uses))
