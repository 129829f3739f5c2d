"""Where alerts go: the shape of a sink, and the log sink."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from lineage_guard.alerts.alert import Alert
from lineage_guard.domain.errors import ConfigError, LineageGuardError


class Sink(Protocol):
    """Takes one alert, or says why not."""

    @property
    def name(self) -> str:
        """Unique among the sinks in use and stable over restarts: undelivered alerts wait under it."""
        ...

    def send(self, alert: Alert) -> None:
        """Deliver, within seconds.

        Raises:
            Undelivered: it did not arrive. Any other exception is taken as the same.
        """
        ...


@runtime_checkable
class FollowingSink(Sink, Protocol):
    """A sink that tells one incident as one thing, so it remembers where it told the beginning.

    Any sink may also have an attribute ``rate`` (a ``pacing.Rate``): what does not fit waits.
    """

    def follow(self, alert: Alert, note: Mapping[str, str]) -> Mapping[str, str]:
        """Deliver, within seconds.

        Args:
            alert: what to tell.
            note: what this returned for the incident's last alert that arrived; empty at first.

        Returns:
            What to remember; it is stored in the ledger, so never a secret.

        Raises:
            Undelivered: it did not arrive. Any other exception is taken as the same.
        """
        ...


class Undelivered(LineageGuardError):
    """A sink did not take an alert; it stays in the outbox.

    Attributes:
        retry_after: seconds the receiver asked us to wait, when it did.
        only_this: whether the receiver refused this alert and may take others.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        fix: str,
        retry_after: float | None = None,
        only_this: bool = False,
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.retry_after = retry_after
        self.only_this = only_this


class LogSink:
    """One JSON object per alert on the logger ``lineage_guard.alerts``: pages at ERROR, the rest at WARNING.

    Example:
        >>> LogSink().name
        'log'
    """

    def __init__(self, name: str = "log", logger: logging.Logger | None = None) -> None:
        self._name = name
        self._logger = logger or logging.getLogger("lineage_guard.alerts")

    @property
    def name(self) -> str:
        """``"log"`` unless told otherwise."""
        return self._name

    def send(self, alert: Alert) -> None:
        """Write the line. The record also carries the alert as ``record.lineage_guard``."""
        data = alert.to_dict()
        line = json.dumps(data, ensure_ascii=False, sort_keys=True)
        self._logger.log(logging.ERROR if alert.page else logging.WARNING, "%s", line, extra={"lineage_guard": data})


class UnusableSink:
    """Stands for a sink that is asked for and cannot be made: what goes to it waits, and says why.

    Args:
        name: of the sink that it stands for.
        error: why it cannot be made.
    """

    def __init__(self, name: str, error: ConfigError) -> None:
        self._name = name
        self.error = error

    @property
    def name(self) -> str:
        """Name of the sink that it stands for."""
        return self._name

    def __repr__(self) -> str:
        return f"UnusableSink({self._name!r})"

    def send(self, alert: Alert) -> None:
        """Raise ``Undelivered``."""
        raise Undelivered(f"it is not set up: {self.error.what}", where=self._name, fix=self.error.fix)
