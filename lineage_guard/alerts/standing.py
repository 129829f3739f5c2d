"""What stands now: every open incident of every code location, for pages and metrics. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.state import STATE, parse_state
from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.incidents.incident import Incident, Incidents


class Reading(Protocol):
    """The calls of the ledger that are needed to see what stands."""

    def load(self, name: str) -> dict[str, Any] | None:
        """A stored state, or ``None``."""
        ...

    def names(self, prefix: str = "") -> tuple[str, ...]:
        """The names of stored states that start with a prefix."""
        ...


@dataclass(frozen=True)
class Standing:
    """One open incident.

    Attributes:
        id: of the incident; what ``{serve}/incidents?id=`` and a pager's dedup key name.
        location: code location whose sensor keeps it; ``""`` for a sensor that knows of none.
        kind: BLOCKED or BLIND.
        reason: stable reason code.
        rule: id of the rule.
        cause: model and channel, dataset or suite.
        title: one line in plain words.
        since: time of the verdict that opened it (timezone-aware UTC).
        targets: training assets that it holds on now (``namespace:name``), sorted.
        places: how many of their partitions that is.
        scope: what it was found in so far.
        flaps: how often it came back within the flap window.
        ending: whether it holds nowhere any more and only waits for the flap window to end.
        alert: what was told of it last, or of its storm; ``None`` when that was not kept.
        storm: id of the storm whose digest told it; ``""`` when it was told by itself.
        audience: names of the sinks that are told, separated by commas; ``""`` when all are.
    """

    id: str
    location: str
    kind: str
    reason: str
    rule: str
    cause: str
    title: str
    since: datetime
    targets: tuple[str, ...]
    places: int
    scope: tuple[str, ...]
    flaps: int = 0
    ending: bool = False
    alert: Alert | None = None
    storm: str = ""
    audience: str = ""


def standing(ledger: Reading) -> tuple[Standing, ...]:
    """Every open incident of every code location, oldest first.

    Args:
        ledger: where the sensors keep their states.

    Raises:
        LedgerError: the ledger cannot be read, or what is stored cannot be understood: nobody may take
            that for "nothing stands".

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> standing(open_ledger(tempfile.mkdtemp()))
        ()
    """
    found = [each for location, incidents in states(ledger) for each in _of(location, incidents)]
    return tuple(sorted(found, key=lambda s: (s.since, s.location, s.id)))


def states(ledger: Reading) -> Iterator[tuple[str, Incidents]]:
    """What is known of each code location, by name.

    Raises:
        LedgerError: as ``standing``.
    """
    for name in ledger.names(STATE):
        if name != STATE and not name.startswith(f"{STATE}-"):
            continue
        incidents, _, readable = parse_state(ledger.load(name))
        if not readable:
            raise LedgerError(
                "the stored alert state cannot be read",
                where=name,
                fix="run the sensor: its next tick starts afresh, and standing blocks page again",
            )
        yield name.removeprefix(STATE).removeprefix("-"), incidents


def _of(location: str, incidents: Incidents) -> Iterator[Standing]:
    for incident in incidents.open:
        yield Standing(
            id=incident.key.id,
            location=location,
            kind=incident.kind.value,
            reason=incident.reason.value,
            rule=incident.key.rule,
            cause=incident.key.cause,
            title=incident.title,
            since=incident.since,
            targets=_targets(incident),
            places=len(incident.holds),
            scope=incident.scope,
            flaps=incident.flaps,
            ending=not incident.holds,
            alert=_alert(incidents.told.get(incident.key.id) or incidents.told.get(incident.storm or "")),
            storm=incident.storm or "",
            audience=incident.key.audience,
        )


def _targets(incident: Incident) -> tuple[str, ...]:
    return tuple(sorted({place.target for place in incident.holds}))


def _alert(said: Mapping[str, object] | None) -> Alert | None:
    """What was told last; it is for show, so one that an older version wrote otherwise is left out."""
    try:
        return None if said is None else Alert.from_dict(said)
    except (KeyError, TypeError):
        return None
