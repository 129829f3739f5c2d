"""One HTTP exchange with a receiver of alerts: no redirects, one deadline, errors without secrets."""

from __future__ import annotations

import json
import logging
import os
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any, cast
from urllib.parse import urlsplit

from lineage_guard.alerts.sinks.base import Undelivered
from lineage_guard.alerts.sinks.deadline import EXCHANGE, DeadlineExceeded, within
from lineage_guard.domain.errors import ConfigError

#: Seconds one exchange may take, from looking up the name to the last byte of the answer.
TIMEOUT = 5.0
#: Bytes of an answer that are read; none of these receivers sends more.
_ANSWER = 65_536
#: Variables that name other certificate authorities.
_AUTHORITIES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


class _WithoutUrls(logging.Filter):
    """Keeps the URLs of our exchanges out of the logs of HTTP clients: their paths may be tokens."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not EXCHANGE.get()


for _name in ("httpx", "urllib3.connectionpool"):
    logging.getLogger(_name).addFilter(_WithoutUrls())


@dataclass(frozen=True)
class Answer:
    """What a receiver answered.

    Attributes:
        status: HTTP status.
        body: at most 64 KiB of it.
        retry_after: seconds it asked us to wait, when it did.
    """

    status: int
    body: bytes
    retry_after: float | None = None

    @property
    def ok(self) -> bool:
        """Whether the status is 2xx."""
        return 200 <= self.status < 300

    def json(self) -> Mapping[str, Any]:
        """The body as a JSON object; empty when it is none."""
        try:
            value: object = json.loads(self.body)
        except ValueError:
            return {}
        return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def host_of(url: str, receiver: str, *, where: str, fix: str) -> str:
    """The host of a URL that alerts can be posted to, with its port when the URL names one.

    Args:
        url: http or https; may hold a token, so it is never part of an error.
        receiver: whose URL it is, for errors.
        where: named in errors.
        fix: what to do when it is not one.

    Raises:
        ConfigError: it cannot be posted to.

    Example:
        >>> host_of("https://hooks.example.com:8443/token", "webhook", where="sinks", fix="give the full URL")
        'hooks.example.com:8443'
    """
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in ("http", "https") or not host:
        raise ConfigError(f"the {receiver} URL is not an http or https URL", where=where, fix=fix)
    return f"{host}:{port}" if port else host


def post(url: str, body: bytes, headers: Mapping[str, str], timeout: float, sink: str) -> Answer:
    """POST and read the answer. Redirects are not followed: a page goes where it was addressed.

    Args:
        url: where to; may hold a token, so it is never part of an error.
        body: what to send.
        headers: of the request.
        timeout: seconds for the whole exchange.
        sink: name of the sink, for errors.

    Raises:
        Undelivered: no answer came, or not in time; it may have arrived all the same.
    """
    import httpx

    client = httpx.Client(timeout=timeout, follow_redirects=False, verify=_trusted(*map(os.environ.get, _AUTHORITIES)))

    def exchange() -> Answer:
        with client, client.stream("POST", url, content=body, headers=dict(headers)) as response:
            read = b""
            for part in response.iter_bytes():
                read += part
                if len(read) >= _ANSWER:
                    break
            after = _retry_after(response.headers.get("retry-after"), datetime.now(UTC))
            return Answer(response.status_code, read[:_ANSWER], after)

    try:
        return within(timeout, exchange, client.close)
    except (httpx.HTTPError, httpx.InvalidURL, DeadlineExceeded) as error:
        raise unanswered(error, sink) from None


@cache
def _trusted(file: str | None, folder: str | None) -> ssl.SSLContext:
    """The certificate authorities, read once: that takes longer than most exchanges."""
    import httpx

    return httpx.create_ssl_context()


def unanswered(error: BaseException, sink: str) -> Undelivered:
    """The error for an exchange that broke off; names the kind of ``error`` and never its text."""
    chain = list(_chain(error))
    # smtplib wraps the timeout of a read: it calls the connection closed.
    if any(isinstance(e, TimeoutError) or "Timeout" in type(e).__name__ for e in chain):
        return Undelivered(
            "no answer in time",
            where=sink,
            fix="see whether the receiver is well; it may have taken the alert, which is sent again",
        )
    tls = next((e for e in chain if isinstance(e, ssl.SSLError)), None)
    if tls is not None:
        return Undelivered(
            f"no answer: TLS failed ({type(tls).__name__})",
            where=sink,
            fix="check the receiver's certificate; for one of your own authority set SSL_CERT_FILE",
        )
    return Undelivered(
        f"no answer: {type(error).__name__}",
        where=sink,
        fix="check that the receiver runs and can be reached from here",
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and what it came from, outermost first."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds named by a Retry-After header: a number or a date (RFC 9110, 10.2.3)."""
    if not value:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now.timestamp())
