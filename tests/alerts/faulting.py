"""Every fault at every sink, and what became of two alerts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

from alerting import CLAUDE, GPT, TextLedger, at, verdict
from receivers import (
    PAGERDUTY_KEY,
    SLACK_CHANNEL,
    SLACK_TOKEN,
    Answer,
    Http,
    Mailbox,
    PagerDuty,
    Slack,
    closed_port,
    serving,
    slow_server,
    webhook,
)

from lineage_guard.alerts import (
    AppriseSink,
    LogSink,
    MailSink,
    PagerDutySink,
    Sink,
    SlackSink,
    SnsSink,
    WebhookSink,
    send,
)
from lineage_guard.alerts.sinks.mail import server_of

#: Faults, and how long a sink may take when the receiver is slow: elsewhere nothing may depend on the machine's pace.
FAULTS = {
    "refused": "connection refused",
    "hang": "accepts and says nothing",
    "drip": "one byte at a time, for ever",
    "tls": "certificate nobody vouches for",
    429: "429, `Retry-After: 120` (SMTP 421)",
    500: "500 (SMTP 451)",
    401: "401 (SMTP 535)",
    403: "403 (SMTP 550, sender)",
    400: "400 (SMTP 554, content)",
    302: "redirect (SMTP 551)",
}
PATIENCE = 60.0
_SMTP = {
    429: ("mail", "421 4.7.0 slow down"),
    500: ("data", "451 4.3.0 try later"),
    401: ("auth", ""),
    403: ("mail", "550 5.7.1 not you"),
    400: ("data", "554 5.6.0 not this"),
    302: ("rcpt", "551 5.1.6 refused has moved"),
}
_XML = "http://sns.amazonaws.com/doc/2010-03-31/"
_SNS = (
    f'<PublishResponse xmlns="{_XML}"><PublishResult><MessageId>1</MessageId></PublishResult>'
    "<ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></PublishResponse>"
).encode()


@dataclass(frozen=True)
class Outcome:
    """What became of two alerts at a faulty sink.

    Attributes:
        tried: how many of them were tried in the tick.
        why: what was recorded.
        wait: seconds until the next attempt at the earliest.
        logged: how many of them the log got in the same tick.
        arrived: how many arrived once the receiver was well again.
    """

    tried: int
    why: str
    wait: int
    logged: int
    arrived: int

    def __str__(self) -> str:
        notes = ("¹" if self.tried > 1 else "") + ("²" if self.wait > 15 else "")
        return self.why + (f" {notes}" if notes else "")


Make = Callable[[str, float], Sink]


def _sns(path: str, headers: dict[str, str], body: bytes) -> Answer:
    return 200, {"content-type": "text/xml"}, _SNS


def _error(sink: str, fault: str | int) -> bytes:
    """The body of a refusal, where the protocol has one."""
    codes = {429: "Throttling", 500: "InternalError", 401: "UnrecognizedClientException", 403: "AuthorizationError"}
    code = codes.get(fault, "InvalidParameter") if isinstance(fault, int) else ""
    if sink != "SNS" or fault == 302:
        return b""
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>No.</Message></Error><RequestId>1</RequestId>"
    return f'<ErrorResponse xmlns="{_XML}">{error}</ErrorResponse>'.encode()


def _apprise(url: str, timeout: float) -> Sink:
    scheme, _, place = url.partition("://")
    return AppriseSink(f"json{'s' if scheme == 'https' else ''}://{place}/hook", "apprise", timeout)


#: What a receiver answers when it is well, and the sink for its URL.
HTTP: dict[str, tuple[Callable[..., Answer], Make]] = {
    "webhook": (webhook, lambda url, t: WebhookSink(url + "/hook", name="webhook", timeout=t)),
    "PagerDuty": (PagerDuty().answer, lambda url, t: PagerDutySink(PAGERDUTY_KEY, "pd", url, t)),
    "Slack": (Slack().answer, lambda url, t: SlackSink(SLACK_TOKEN, SLACK_CHANNEL, "slack", url, t)),
    "SNS": (_sns, lambda url, t: SnsSink("arn:aws:sns:eu-west-1:123456789012:on-call", "sns", url, t)),
    "Apprise": (lambda *_: (200, {}, b"{}"), _apprise),
}
SINKS = (*HTTP, "e-mail")


def _mail(place: str, timeout: float, login: bool = False) -> Sink:
    server = server_of(f"smtp://{place}") if login else server_of(f"smtp://{place}?tls=off")
    return MailSink(server, "guard@example.com", ["refused@example.com"], name="mail", timeout=timeout)


@contextmanager
def faulty(sink: str, fault: str | int) -> Iterator[tuple[Sink, Callable[[], Sink]]]:
    """A sink whose receiver has a fault, and the same sink when it is well again."""
    patience = 0.4 if fault in ("hang", "drip") else PATIENCE
    if sink == "e-mail":
        with Mailbox().serving() as well:

            def healthy() -> Sink:
                return _mail(well, PATIENCE)

            if fault == "refused":
                with closed_port() as place:
                    yield _mail(place, patience), healthy
            elif isinstance(fault, str) and fault != "tls":
                with slow_server(drip=fault == "drip") as place:
                    yield _mail(place, patience), healthy
            else:
                with Mailbox(_SMTP.get(fault), tls=fault == "tls").serving() as place:
                    yield (
                        _logged_in(place, patience) if fault == 401 else _mail(place, patience, fault == "tls"),
                        healthy,
                    )
        return
    answer, make = HTTP[sink]
    if fault == "refused":
        with closed_port() as place, serving(Http(answer)) as http:
            yield make(f"http://{place}", patience), lambda: make(http.url, PATIENCE)
        return
    with (
        serving(Http(answer, None if fault == "tls" else fault, _error(sink, fault)), tls=fault == "tls") as http,
        serving(Http(answer)) as ok,
    ):
        yield make(http.url, patience), lambda: make(ok.url, PATIENCE)


def _logged_in(place: str, timeout: float) -> Sink:
    """A login over a connection without TLS, which no URL can ask for: its refusal is what is tested."""
    from lineage_guard.alerts.sinks.mail import Server

    host, _, port = place.partition(":")
    server = Server(host, int(port), "off", "me", "wrong")
    return MailSink(server, "guard@example.com", ["on-call@example.com"], name="mail", timeout=timeout)


def outcome(sink: str, fault: str | int) -> Outcome:
    """Two alerts at a faulty sink and at the log; then, an hour and more later, at the sink when it is well."""
    ledger = TextLedger()
    with faulty(sink, fault) as (broken, healthy):
        report = send(
            [verdict(0, GPT), verdict(0, CLAUDE, target="other")], [broken, LogSink()], ledger, at(0), budget=100
        )
        logged = sum(name == "log" for _, name in report.delivered)
        tried = len(report.failed)
        wait = next(s for s in (15, 60, 120, 3600) if _due(ledger, broken, s))
        later = send([], [healthy(), LogSink()], ledger, at(61), budget=100)
    whys = {re.sub(r"^[^:]*: |\. To fix: .*$", "", why) for _, _, why in report.failed}
    return Outcome(tried, " / ".join(sorted(whys)), wait, logged, len(later.delivered))


def _due(ledger: TextLedger, sink: Sink, seconds: int) -> bool:
    """Whether anything may be tried that many seconds later."""
    from lineage_guard.alerts.state import read_state

    box = read_state(ledger)[1]
    return any(w.sink == sink.name for w in box.due(at(seconds / 60)))


@cache
def outcomes() -> dict[tuple[str, str | int], Outcome]:
    """Every fault at every sink."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        import os

        os.environ.setdefault(name, "testing")
    cells = [(sink, fault) for fault in FAULTS for sink in SINKS]
    with ThreadPoolExecutor(12) as pool:
        return dict(zip(cells, pool.map(lambda cell: outcome(*cell), cells), strict=True))


def table() -> str:
    """All outcomes in Markdown."""
    found = outcomes()
    lines = [["fault", *SINKS], ["---"] * (len(SINKS) + 1)]
    lines += [[words, *(str(found[sink, fault]) for sink in SINKS)] for fault, words in FAULTS.items()]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
