"""Which sinks an alert goes to: by the owners of its training asset, the asset itself, and its kind. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import overload

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.sinks.base import Sink
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.incidents.incident import IncidentKind, asset_of

#: The log hears of everything, whatever the routes say.
LOG = "log"
#: Names the file of routes.
VARIABLE = "LINEAGE_GUARD_ALERT_ROUTES"


@dataclass(frozen=True)
class Route:
    """What one route takes, and where to. What is empty takes anything.

    Attributes:
        sinks: names of sinks.
        owners: patterns of owners of the training asset; one match is enough.
        assets: patterns of names of training assets, with or without their namespace.
        kinds: kinds of incident.
    """

    sinks: tuple[str, ...]
    owners: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    def takes(self, kind: str, target: str, owners: Iterable[str]) -> bool:
        """Whether what is told of a target goes this way."""
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.owners or _any(self.owners, owners))
            and (not self.assets or _any(self.assets, (target, asset_of(target)[1])))
        )


@dataclass(frozen=True)
class Routes:
    """All routes. Nothing is unrouted: what no route takes goes by ``default``, and all of it to the log.

    Attributes:
        routes: an alert takes every one that matches it.
        default: names of sinks for what none matches.
    """

    routes: tuple[Route, ...]
    default: tuple[str, ...] = ()

    def sinks_for(self, kind: str, target: str, owners: Iterable[str]) -> tuple[str, ...]:
        """Names of the sinks for what is told of a target, each once.

        Args:
            kind: BLOCKED, BLIND or WAIVER.
            target: the training asset (``namespace:name``).
            owners: its owners.

        Example:
            >>> routes = Routes((Route(("pager",), owners=("team:*",)),), default=("mail",))
            >>> routes.sinks_for("BLOCKED", "default:student", ["team:nlp"])
            ('log', 'pager')
            >>> routes.sinks_for("BLIND", "default:student", [])
            ('log', 'mail')
        """
        whose = tuple(owners)
        taken = [name for route in self.routes if route.takes(kind, target, whose) for name in route.sinks]
        return tuple(dict.fromkeys((LOG, *(taken or self.default))))

    def audience(self, target: str, owners: Iterable[str]) -> str:
        """Who is told of what stops a target, as one text: targets of one audience may share an incident.

        Args:
            target: the training asset (``namespace:name``).
            owners: its owners.
        """
        return ",".join(sorted(self.sinks_for(IncidentKind.BLOCKED, target, owners)))

    def sinks_of(self, audience: str, alert: Alert) -> tuple[str, ...]:
        """Names of the sinks of an alert: those of its audience, or what the routes say where it has none.

        Args:
            audience: of the incident; empty for BLIND, and another text in states of older versions.
            alert: what to tell.
        """
        names = audience.split(",")
        if LOG in names:
            return tuple(names)
        return self.sinks_for(alert.kind, alert.target, alert.owners)


@dataclass(frozen=True)
class Destinations(Sequence[Sink]):
    """The sinks in use and the way to them; wherever sinks are asked for, this will do.

    Attributes:
        sinks: the sinks.
        routes: ``None`` when every alert goes to every sink.
        problems: what was asked for and cannot be had.
    """

    sinks: tuple[Sink, ...]
    routes: Routes | None = None
    problems: tuple[ConfigError, ...] = ()

    def audience(self, target: str, owners: Iterable[str]) -> str:
        """Who is told of what stops a target, as one text; empty when everybody is told everything."""
        return self.routes.audience(target, owners) if self.routes else ""

    def names_for(self, alert: Alert, audience: str = "") -> tuple[str, ...]:
        """Names of the sinks of an alert.

        Args:
            alert: what to tell.
            audience: of its incident or storm.
        """
        return self.routes.sinks_of(audience, alert) if self.routes else tuple(s.name for s in self.sinks)

    def __len__(self) -> int:
        return len(self.sinks)

    @overload
    def __getitem__(self, index: int) -> Sink: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Sink, ...]: ...
    def __getitem__(self, index: int | slice) -> Sink | tuple[Sink, ...]:
        return self.sinks[index]


def _any(patterns: Iterable[str], names: Iterable[str]) -> bool:
    lowered = [p.lower() for p in patterns]
    return any(fnmatchcase(name.lower(), p) for name in names for p in lowered)
