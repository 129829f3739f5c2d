"""The sinks an environment asks for, and the routes to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from lineage_guard.alerts.routes.misread import misread
from lineage_guard.alerts.routes.routing import VARIABLE, Destinations, Routes
from lineage_guard.alerts.sinks.anything import apprise_sinks
from lineage_guard.alerts.sinks.base import LogSink, Sink, UnusableSink
from lineage_guard.alerts.sinks.mail import MailSink, server_of
from lineage_guard.alerts.sinks.pagerduty import URL as PAGERDUTY
from lineage_guard.alerts.sinks.pagerduty import PagerDutySink
from lineage_guard.alerts.sinks.slack import URL as SLACK
from lineage_guard.alerts.sinks.slack import SlackSink
from lineage_guard.alerts.sinks.sns import SnsSink
from lineage_guard.alerts.sinks.webhook import WebhookSink
from lineage_guard.domain.errors import ConfigError

_Environ = Mapping[str, str]


def destinations(environ: _Environ) -> Destinations:
    """The sinks and routes of an environment. What is wrong in it stops nothing that is right.

    With a file of routes that cannot be used, every alert goes to every sink of the environment.

    Args:
        environ: usually ``os.environ``; see ``docs/alerts.md`` for the variables. boto3 reads its
            own ones for credentials and endpoints.

    Example:
        >>> [s.name for s in destinations({"LINEAGE_GUARD_WEBHOOK_URL": "https://hooks.example.com/x"})]
        ['log', 'webhook:hooks.example.com']
    """
    sinks: list[Sink] = [LogSink()]
    problems: list[ConfigError] = []
    for name, make in _MAKERS.items():
        try:
            sinks += make(environ)
        except ConfigError as error:
            problems.append(error)
            sinks.append(UnusableSink(name, error))
        except Exception as error:  # noqa: BLE001 - Apprise and urllib meet values of anybody's
            wrong = ConfigError(f"its settings raise {type(error).__name__}", where=name, fix="check them one by one")
            problems.append(wrong)
            sinks.append(UnusableSink(name, wrong))
    routes: Routes | None = None
    if path := environ.get(VARIABLE):
        from lineage_guard.alerts.routes.routes_file import read_routes

        try:
            more, routes = read_routes(Path(path), environ, [s.name for s in sinks])
            sinks += more
            problems += [s.error for s in more if isinstance(s, UnusableSink)]
        except ConfigError as error:
            problems.append(error)
    return Destinations(tuple(sinks), routes, (*problems, *misread(environ)))


def sinks_from_env(environ: _Environ) -> Destinations:
    """The same sinks, or an error when anything is wrong; the log is always among them.

    Args:
        environ: usually ``os.environ``.

    Raises:
        ConfigError: a value cannot be right.

    Example:
        >>> [s.name for s in sinks_from_env({"LINEAGE_GUARD_WEBHOOK_URL": "https://hooks.example.com/x"})]
        ['log', 'webhook:hooks.example.com']
    """
    found = destinations(environ)
    if found.problems:
        raise found.problems[0]
    return found


def _webhook(environ: _Environ) -> Iterable[Sink]:
    url, secret = environ.get("LINEAGE_GUARD_WEBHOOK_URL"), environ.get("LINEAGE_GUARD_WEBHOOK_SECRET")
    if url:
        return (WebhookSink(url, secret=secret or None),)
    if secret:
        raise ConfigError(
            "LINEAGE_GUARD_WEBHOOK_SECRET is set but LINEAGE_GUARD_WEBHOOK_URL is not",
            fix="set the URL too, or unset the secret",
        )
    return ()


def _sns(environ: _Environ) -> Iterable[Sink]:
    arn = environ.get("LINEAGE_GUARD_SNS_TOPIC_ARN")
    return (SnsSink(arn),) if arn else ()


def _pagerduty(environ: _Environ) -> Iterable[Sink]:
    key = environ.get("LINEAGE_GUARD_PAGERDUTY_ROUTING_KEY")
    return (PagerDutySink(key, url=environ.get("LINEAGE_GUARD_PAGERDUTY_URL") or PAGERDUTY),) if key else ()


def _slack(environ: _Environ) -> Iterable[Sink]:
    token, channel = environ.get("LINEAGE_GUARD_SLACK_TOKEN"), environ.get("LINEAGE_GUARD_SLACK_CHANNEL")
    if token and channel:
        return (SlackSink(token, channel, url=environ.get("LINEAGE_GUARD_SLACK_URL") or SLACK),)
    if token or channel:
        raise ConfigError(
            "of LINEAGE_GUARD_SLACK_TOKEN and LINEAGE_GUARD_SLACK_CHANNEL only one is set",
            where="slack",
            fix="set both, or neither",
        )
    return ()


def _mail(environ: _Environ) -> Iterable[Sink]:
    url, sender = environ.get("LINEAGE_GUARD_SMTP_URL"), environ.get("LINEAGE_GUARD_MAIL_FROM")
    to = _list(environ.get("LINEAGE_GUARD_MAIL_TO"))
    if url and sender and to:
        return (MailSink(server_of(url), sender, to, _list(environ.get("LINEAGE_GUARD_MAIL_OWNERS"))),)
    if url or sender or to:
        raise ConfigError(
            "of LINEAGE_GUARD_SMTP_URL, LINEAGE_GUARD_MAIL_FROM and LINEAGE_GUARD_MAIL_TO some are not set",
            where="mail",
            fix="set all three, or none",
        )
    return ()


def _apprise(environ: _Environ) -> Iterable[Sink]:
    return apprise_sinks(environ.get("LINEAGE_GUARD_APPRISE_URLS") or "")


def _list(value: str | None) -> list[str]:
    return [part.strip() for part in (value or "").split(",") if part.strip()]


_MAKERS: dict[str, Callable[[_Environ], Iterable[Sink]]] = {
    "webhook": _webhook,
    "sns": _sns,
    "pagerduty": _pagerduty,
    "slack": _slack,
    "mail": _mail,
    "apprise": _apprise,
}
