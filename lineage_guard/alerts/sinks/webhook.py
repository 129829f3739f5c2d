"""Generic webhook: one JSON POST per alert, signed the way Standard Webhooks describes."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.sinks.base import Undelivered
from lineage_guard.alerts.sinks.exchange import TIMEOUT, host_of, post
from lineage_guard.domain.errors import ConfigError

#: Refusals that speak of this one message; anything else says the receiver is not well.
_ONLY_THIS = frozenset({400, 409, 413, 415, 422})


class WebhookSink:
    """Posts ``Alert.to_dict()`` as JSON.

    Headers follow https://www.standardwebhooks.com: ``webhook-id`` (the same on every retry),
    ``webhook-timestamp`` and, with a secret, ``webhook-signature``. Redirects are not followed:
    a signed page goes where it was addressed.

    Args:
        url: where to post; http or https. Its path may hold a token, so only the host is ever logged.
        secret: ``whsec_...`` or any text; ``None`` sends unsigned.
        name: how it is named in reports; ``webhook:<host>`` when ``None``.
        timeout: seconds for the whole exchange.
        headers: added to each request, e.g. an ``authorization`` header.

    Raises:
        ConfigError: the URL cannot be posted to.

    Example:
        >>> WebhookSink("https://hooks.example.com/token").name
        'webhook:hooks.example.com'
    """

    def __init__(
        self,
        url: str,
        secret: str | None = None,
        name: str | None = None,
        timeout: float = TIMEOUT,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._url = url
        self._host = host_of(
            url,
            "webhook",
            where="LINEAGE_GUARD_WEBHOOK_URL",
            fix="give the full URL, e.g. https://hooks.example.com/services/…",
        )
        self._secret = _key(secret) if secret else None
        self._name = name or f"webhook:{self._host}"
        self._timeout = timeout
        self._headers = dict(headers or {})

    @property
    def name(self) -> str:
        """Stable name of this sink."""
        return self._name

    def __repr__(self) -> str:
        return f"WebhookSink({self._host!r})"

    def send(self, alert: Alert) -> None:
        """Post it; anything but a 2xx is ``Undelivered``."""
        body = json.dumps(alert.to_dict(), ensure_ascii=False, sort_keys=True).encode()
        headers = {"content-type": "application/json", **self._headers}
        headers |= signed(alert.id, int(datetime.now(UTC).timestamp()), body, self._secret)
        answer = post(self._url, body, headers, self._timeout, self._name)
        if not answer.ok:
            raise Undelivered(
                f"it answered {answer.status}",
                where=self._name,
                fix="check the URL, its token and the receiver's log",
                retry_after=answer.retry_after,
                only_this=answer.status in _ONLY_THIS,
            )


def signed(message_id: str, timestamp: int, body: bytes, key: bytes | None) -> dict[str, str]:
    """The Standard Webhooks headers of one message.

    Args:
        message_id: id of the message.
        timestamp: seconds since the epoch.
        body: the exact bytes sent.
        key: the secret's bytes; no signature when ``None``.

    Example:
        >>> sorted(signed("m1", 1700000000, b"{}", b"k"))
        ['webhook-id', 'webhook-signature', 'webhook-timestamp']
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": str(timestamp)}
    if key is not None:
        content = f"{message_id}.{timestamp}.".encode() + body
        digest = base64.b64encode(hmac.new(key, content, sha256).digest()).decode()
        headers["webhook-signature"] = f"v1,{digest}"
    return headers


def _key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error:
        raise ConfigError(
            "the webhook secret starts with whsec_ but the rest is not base64",
            where="LINEAGE_GUARD_WEBHOOK_SECRET",
            fix="copy the secret again from the receiver",
        ) from None
