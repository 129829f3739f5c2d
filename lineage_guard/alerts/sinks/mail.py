"""E-mail over SMTP: one thread per incident, to fixed addresses and, when told to, to the asset's owners."""

from __future__ import annotations

import contextlib
import logging
import re
import smtplib
import socket
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.pacing import Rate
from lineage_guard.alerts.sinks.base import Undelivered
from lineage_guard.alerts.sinks.deadline import within
from lineage_guard.alerts.sinks.exchange import TIMEOUT, unanswered
from lineage_guard.alerts.sinks.mail_text import mail_of, message_id
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.incidents.incidents import Event

_log = logging.getLogger("lineage_guard.alerts")
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")

_REFUSED: tuple[tuple[type[smtplib.SMTPResponseException], str], ...] = (
    (smtplib.SMTPAuthenticationError, "the login"),
    (smtplib.SMTPSenderRefused, "the sender"),
    (smtplib.SMTPDataError, "the mail"),
)


@dataclass(frozen=True)
class Server:
    """A mail server, as ``LINEAGE_GUARD_SMTP_URL`` names it.

    Attributes:
        host: its name.
        port: its port.
        tls: ``starttls``, ``implicit``, or ``off``.
        user: to log in with; no login when empty.
        password: the same; not shown.
    """

    host: str
    port: int
    tls: str
    user: str = ""
    password: str = ""

    def __repr__(self) -> str:
        return f"Server({self.host!r}, {self.port}, {self.tls!r})"


def server_of(url: str, where: str = "LINEAGE_GUARD_SMTP_URL") -> Server:
    """Read the URL of a mail server.

    ``smtp://`` upgrades the connection by STARTTLS or sends nothing; ``smtps://`` speaks TLS from the start;
    ``smtp://host:25?tls=off`` is for a relay on the same machine, without a login.

    Args:
        url: ``smtp[s]://[user:password@]host[:port]``, user and password percent-encoded.
        where: named in errors.

    Raises:
        ConfigError: it cannot be used; the URL is not shown.

    Example:
        >>> server_of("smtps://me:secret@mail.example.com")
        Server('mail.example.com', 465, 'implicit')
    """
    fix = "use the form smtp://user:password@mail.example.com:587, percent-encoded"
    try:
        parts = urlsplit(url)
        port, query = parts.port, parse_qs(parts.query)
    except ValueError:
        raise ConfigError("the URL of the mail server cannot be read", where=where, fix=fix) from None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or set(query) - {"tls"}:
        raise ConfigError("the URL of the mail server is not one", where=where, fix=fix)
    tls = "implicit" if parts.scheme == "smtps" else query.get("tls", ["starttls"])[-1]
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if tls not in ("starttls", "implicit", "off"):
        raise ConfigError("the mail server's tls can only be off", where=where, fix="take ?tls= away, or use ?tls=off")
    if tls == "off" and user:
        raise ConfigError("a password would be sent in the clear", where=where, fix="take ?tls=off away, or the login")
    return Server(parts.hostname, port or {"implicit": 465, "starttls": 587, "off": 25}[tls], tls, user, password)


class MailSink:
    """Sends each alert as a mail; what follows on an incident answers the mail that began it.

    Args:
        server: where to hand it in; ``server_of`` reads it from a URL.
        sender: address it comes from.
        to: addresses that get every alert of this sink.
        owners: patterns of e-mail addresses (``*@example.com``): owners of the training asset that match get it too.
        name: how it is named in reports.
        timeout: seconds for the whole exchange.

    Raises:
        ConfigError: an address is none, or there is none.

    Example:
        >>> MailSink(server_of("smtp://mail.example.com"), "guard@example.com", ["nlp@example.com"])
        MailSink('mail')
    """

    #: So that a storm does not get the sender blocked.
    rate = Rate(burst=30, per_second=0.5)

    def __init__(
        self,
        server: Server,
        sender: str,
        to: Sequence[str],
        owners: Sequence[str] = (),
        name: str = "mail",
        timeout: float = TIMEOUT,
    ) -> None:
        bad = [a for a in (sender, *to) if not is_address(a)]
        if bad or not to:
            raise ConfigError(
                f"{bad[0]!r} is no e-mail address" if bad else "there is nobody to mail to",
                where=name,
                fix="give plain addresses, e.g. guard@example.com",
            )
        self._server = server
        self._sender = sender
        self._to = tuple(to)
        self._owners = tuple(owners)
        self._name = name
        self._timeout = timeout

    @property
    def name(self) -> str:
        """Stable name of this sink."""
        return self._name

    def __repr__(self) -> str:
        return f"MailSink({self._name!r})"

    def send(self, alert: Alert) -> None:
        """Deliver one alert without knowing of earlier ones."""
        self.follow(alert, {})

    def follow(self, alert: Alert, note: Mapping[str, str]) -> Mapping[str, str]:
        """Send the mail, into the incident's thread and to whom its beginning went."""
        begins = alert.event == Event.OPEN or "thread" not in note
        before = self._to if begins else note["to"].split(",")
        # Whoever was told of it is told the rest; who owns what it stops now, too.
        more = () if alert.event == Event.RESOLVE and not begins else self._addressed(alert)
        to = tuple(dict.fromkeys((*before, *more)))
        message = mail_of(alert, self._sender, to, None if begins else note["thread"])
        open_: list[smtplib.SMTP] = []
        try:
            within(self._timeout, lambda: self._hand_in(message, to, open_), lambda: _close(open_))
        except smtplib.SMTPRecipientsRefused as error:
            codes = sorted({code for code, _ in error.recipients.values()})
            raise self._refused(f"every recipient ({codes[0]})", only_this=codes[0] >= 500) from None
        except smtplib.SMTPNotSupportedError:
            raise self._refused("STARTTLS or login; nothing was sent in the clear") from None
        except smtplib.SMTPResponseException as error:
            what = next((what for kind, what in _REFUSED if isinstance(error, kind)), "the connection")
            only_this = isinstance(error, smtplib.SMTPDataError) and error.smtp_code >= 500
            raise self._refused(f"{what} ({error.smtp_code})", only_this) from None
        except (smtplib.SMTPException, OSError) as error:
            raise unanswered(error, self._name) from None
        return {"thread": message_id(alert, self._sender) if begins else note["thread"], "to": ",".join(to)}

    def _addressed(self, alert: Alert) -> Iterable[str]:
        wanted = [p.lower() for p in self._owners]
        return (o for o in alert.owners if is_address(o) and any(fnmatchcase(o.lower(), p) for p in wanted))

    def _hand_in(self, message: EmailMessage, to: Sequence[str], open_: list[smtplib.SMTP]) -> None:
        at, name, timeout = self._server, socket.gethostname(), self._timeout
        context = ssl.create_default_context()
        if at.tls == "implicit":
            smtp: smtplib.SMTP = _TlsConnection(open_, at.host, at.port, name, timeout=timeout, context=context)
        else:
            smtp = _Connection(open_, at.host, at.port, name, timeout=timeout)
        try:
            if at.tls == "starttls":
                smtp.starttls(context=context)
            if at.user:
                smtp.login(at.user, at.password)
            refused = smtp.send_message(message, self._sender, to)
            if refused:
                said = "%s: the mail server refused %d of the recipients; the others got it"
                _log.error(said, self._name, len(refused))
            with contextlib.suppress(smtplib.SMTPException, OSError):
                smtp.quit()
        finally:
            smtp.close()

    def _refused(self, what: str, only_this: bool = False) -> Undelivered:
        fix = "check LINEAGE_GUARD_SMTP_URL, sender and recipients, and the mail server's log"
        return Undelivered(f"the mail server refused {what}", where=self._name, fix=fix, only_this=only_this)


class _Connection(smtplib.SMTP):
    """Known to whoever may have to close it before it connects, which it does when it is made."""

    def __init__(self, open_: list[smtplib.SMTP], *args: Any, **options: Any) -> None:
        open_.append(self)
        super().__init__(*args, **options)


class _TlsConnection(smtplib.SMTP_SSL):
    def __init__(self, open_: list[smtplib.SMTP], *args: Any, **options: Any) -> None:
        open_.append(self)
        super().__init__(*args, **options)


def is_address(text: str) -> bool:
    """Whether a text is a plain e-mail address.

    Example:
        >>> is_address("nlp@example.com"), is_address("team:nlp")
        (True, False)
    """
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def _close(open_: Iterable[smtplib.SMTP]) -> None:
    for smtp in open_:
        if smtp.sock is not None:  # pyright: ignore[reportUnnecessaryComparison]
            with contextlib.suppress(OSError):
                smtp.sock.close()
