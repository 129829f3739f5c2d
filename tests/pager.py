"""A sink of alerts that remembers what it was told."""

from __future__ import annotations

from lineage_guard.alerts import Alert


class Pager:
    """A sink that remembers, or fails.

    Attributes:
        name: how it is named in reports.
        dead: whether it takes nothing.
        alerts: what it took, in order.
    """

    def __init__(self, name: str = "pager", dead: bool = False) -> None:
        self.name = name
        self.dead = dead
        self.alerts: list[Alert] = []

    def send(self, alert: Alert) -> None:
        if self.dead:
            raise ConnectionError("nobody there")
        self.alerts.append(alert)

    @property
    def told(self) -> list[str]:
        """The events, in order."""
        return [a.event for a in self.alerts]
