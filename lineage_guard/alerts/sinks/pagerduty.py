"""PagerDuty, Events API v2: what pages is an alert there, everything else a change event that wakes nobody."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.pacing import Rate
from lineage_guard.alerts.sinks.base import Undelivered
from lineage_guard.alerts.sinks.exchange import TIMEOUT, host_of, post
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.incidents.incidents import Event, IncidentKind

#: Where events go; the European service region has https://events.eu.pagerduty.com.
URL = "https://events.pagerduty.com"
#: Limits of the Events API v2, in characters.
SUMMARY, DEDUP_KEY = 1024, 255
_CLIENT = "Lineage Guard"


class PagerDutySink:
    """One incident of ours is one alert of PagerDuty's, with the incident's id as ``dedup_key``.

    ============================================  =====================================
    a page (``OPEN``)                             ``trigger``
    ``RESOLVE``                                   ``resolve``
    everything else: ``WIDEN``, ``REOPEN``, what  a change event: on the service's
    is only observed, and the end of that         timeline, and it notifies nobody
    ============================================  =====================================

    ``WIDEN`` is no second ``trigger`` of the same key: where a responder has closed the alert by
    hand, PagerDuty would open another and page again.

    Args:
        routing_key: integration key of a service or ruleset.
        name: how it is named in reports.
        url: of the service region.
        timeout: seconds for the whole exchange.

    Raises:
        ConfigError: the key or the URL cannot be right.

    Example:
        >>> PagerDutySink("0123456789abcdef0123456789abcdef")
        PagerDutySink('pagerduty')
    """

    #: PagerDuty takes about 120 events a minute for a key.
    rate = Rate(burst=60, per_second=1)

    def __init__(self, routing_key: str, name: str = "pagerduty", url: str = URL, timeout: float = TIMEOUT) -> None:
        if not routing_key.isalnum() or not routing_key.isascii():
            raise ConfigError(
                "the PagerDuty routing key is not one: letters and digits are expected",
                where=name,
                fix="copy the integration key of an Events API v2 integration",
            )
        host_of(url, "PagerDuty", where=name, fix=f"use {URL}, or none")
        self._key = routing_key
        self._name = name
        self._url = url.rstrip("/")
        self._timeout = timeout

    @property
    def name(self) -> str:
        """Stable name of this sink."""
        return self._name

    def __repr__(self) -> str:
        return f"PagerDutySink({self._name!r})"

    def send(self, alert: Alert) -> None:
        """Deliver one alert without knowing of earlier ones."""
        self.follow(alert, {})

    def follow(self, alert: Alert, note: Mapping[str, str]) -> Mapping[str, str]:
        """Trigger, resolve or remark; anything but 202 is ``Undelivered``.

        The note holds a digest of the key that the alert was triggered with: its end goes nowhere else.
        """
        key = sha256(self._key.encode()).hexdigest()[:12]
        if alert.page:
            self._post("/v2/enqueue", self._trigger(alert))
            return {"key": key}
        if alert.event == Event.RESOLVE and "quiet" not in note:
            if note.get("key", key) != key:
                raise Undelivered(
                    "the routing key is not the one that this incident was triggered with",
                    where=self._name,
                    fix="set the old key again until it is resolved, or resolve it in PagerDuty and drop this alert",
                    only_this=True,
                )
            self._post("/v2/enqueue", self._resolve(alert))
            return {"quiet": "resolved"}
        self._post("/v2/change/enqueue", self._change(alert))
        return note or {"quiet": "never paged"}

    def _post(self, path: str, event: Mapping[str, Any]) -> None:
        body = json.dumps(event, ensure_ascii=False).encode()
        answer = post(self._url + path, body, {"content-type": "application/json"}, self._timeout, self._name)
        if answer.status != 202:
            raise Undelivered(
                f"PagerDuty answered {answer.status}",
                where=self._name,
                fix="check the routing key; 429 and 5xx pass",
                retry_after=answer.retry_after,
                only_this=answer.status == 400,
            )

    def _trigger(self, alert: Alert) -> dict[str, Any]:
        event = {
            "routing_key": self._key,
            "event_action": "trigger",
            "dedup_key": alert.incident[:DEDUP_KEY],
            "client": _CLIENT,
            "links": _links(alert),
            "payload": {
                **_payload(alert),
                "severity": "critical" if alert.kind == IncidentKind.BLIND else "error",
                "component": alert.cause,
                "group": alert.deployment,
                "class": alert.reason,
            },
        }
        url = alert.links.get("Incident") or alert.links.get("Training asset")
        return {**event, "client_url": url} if url else event

    def _resolve(self, alert: Alert) -> dict[str, Any]:
        return {"routing_key": self._key, "event_action": "resolve", "dedup_key": alert.incident[:DEDUP_KEY]}

    def _change(self, alert: Alert) -> dict[str, Any]:
        return {"routing_key": self._key, "payload": _payload(alert), "links": _links(alert)}


def _payload(alert: Alert) -> dict[str, Any]:
    return {
        "summary": alert.headline[:SUMMARY],
        "source": alert.target or alert.deployment,
        "timestamp": alert.at,
        "custom_details": _details(alert),
    }


def _details(alert: Alert) -> dict[str, Any]:
    """What a responder reads below the summary, in the order of the page; what is empty is left out."""
    details: dict[str, Any] = {
        "message": alert.message,
        "causes": list(alert.causes),
        "path": list(alert.path),
        "what_changed": alert.changed,
        "stops": list(alert.targets),
        "downstream": alert.impact,
        "owners": list(alert.whose),
        "to_unblock": [" | ".join((way.title, *way.commands)) for way in alert.ways],
        "rule": f"{alert.rule} ({alert.reason})",
        "policy": alert.policy,
        "terms": alert.terms_url or alert.terms,
        "found_in": list(alert.scope),
        "partitions": alert.partitions,
        "runbook": alert.runbook,
        "event": alert.event,
        "incident": alert.incident,
        "alert": alert.id,
    }
    return {name: value for name, value in details.items() if value}


def _links(alert: Alert) -> list[dict[str, str]]:
    links = {**alert.links, "Runbook": alert.runbook}
    return [{"href": u, "text": name} for name, u in links.items() if u.startswith(("https://", "http://"))]
