"""Any of the services that Apprise knows, by its URLs (extra ``apprise``)."""

from __future__ import annotations

import logging
import re
from collections import Counter
from typing import Any, cast

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.sinks.base import Undelivered
from lineage_guard.alerts.sinks.deadline import DeadlineExceeded, within
from lineage_guard.alerts.sinks.exchange import TIMEOUT, unanswered
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.incidents.incidents import Event


class _WithoutUrls(logging.Filter):
    """Apprise writes whole URLs, secrets and all, at DEBUG."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno > logging.DEBUG


logging.getLogger("apprise").addFilter(_WithoutUrls())


class AppriseSink:
    """One Apprise URL, e.g. ``msteams://…`` or ``opsgenie://…``; headline as title, the page as text.

    Apprise says no more than whether it worked: why not is in the log of the logger ``apprise`` (not at DEBUG,
    where it writes URLs).

    Args:
        url: its secrets are never shown.
        name: how it is named in reports; ``apprise:<schema>`` when ``None``.
        timeout: seconds for the whole exchange.

    Raises:
        ConfigError: Apprise is not installed, or does not take the URL.
    """

    def __init__(self, url: str, name: str | None = None, timeout: float = TIMEOUT) -> None:
        schema = re.match(r"([a-z0-9+]{1,30})://", url.lower())
        self._name = name or f"apprise:{schema[1] if schema else 'unknown'}"
        self._timeout = timeout
        try:
            import apprise
        except ImportError:
            raise ConfigError(
                "Apprise is not installed", where=self._name, fix="pip install 'lineage-guard[apprise]'"
            ) from None
        package = cast("Any", apprise)
        self._kinds = package.NotifyType
        self._apprise = package.Apprise(asset=package.AppriseAsset(app_id="Lineage Guard"))
        if not self._apprise.add(url):
            raise ConfigError(
                "Apprise does not take this URL", where=self._name, fix="see the service's page in Apprise's wiki"
            )

    @property
    def name(self) -> str:
        """Stable name of this sink."""
        return self._name

    def __repr__(self) -> str:
        return f"AppriseSink({self._name!r})"

    def send(self, alert: Alert) -> None:
        """Notify; what Apprise calls a failure is ``Undelivered``."""
        kind = self._kinds.SUCCESS if alert.event == Event.RESOLVE else self._kinds.INFO
        kind = self._kinds.FAILURE if alert.page else kind
        text = alert.text().encode("utf-8", "replace").decode("utf-8")

        def notify() -> bool:
            return bool(self._apprise.notify(body=text, title=alert.headline, notify_type=kind, body_format="text"))

        try:
            done = within(self._timeout, notify)
        except DeadlineExceeded as error:
            raise unanswered(error, self._name) from None
        if not done:
            raise Undelivered(
                "Apprise could not deliver it", where=self._name, fix="see the log of the logger `apprise`"
            )


def apprise_sinks(urls: str) -> tuple[AppriseSink, ...]:
    """One sink for each URL in a text, parted by white space.

    Args:
        urls: the value of ``LINEAGE_GUARD_APPRISE_URLS``.

    Raises:
        ConfigError: Apprise is not installed, or does not take one of them.
    """
    seen = Counter[str]()
    sinks: list[AppriseSink] = []
    for url in urls.split():
        schema = url.partition("://")[0].lower()
        seen[schema] += 1
        sinks.append(AppriseSink(url, None if seen[schema] == 1 else f"apprise:{schema}-{seen[schema]}"))
    return tuple(sinks)
