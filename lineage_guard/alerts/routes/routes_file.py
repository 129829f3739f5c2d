"""The file of alert routes: sinks beside those of the environment, and who is told what."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from lineage_guard.alerts.routes.routing import LOG, VARIABLE, Route, Routes
from lineage_guard.alerts.sinks.anything import AppriseSink
from lineage_guard.alerts.sinks.base import Sink, UnusableSink
from lineage_guard.alerts.sinks.mail import MailSink, server_of
from lineage_guard.alerts.sinks.pagerduty import URL as PAGERDUTY
from lineage_guard.alerts.sinks.pagerduty import PagerDutySink
from lineage_guard.alerts.sinks.slack import URL as SLACK
from lineage_guard.alerts.sinks.slack import SlackSink
from lineage_guard.alerts.sinks.sns import SnsSink
from lineage_guard.alerts.sinks.webhook import WebhookSink
from lineage_guard.catalog.documents import Document, suggest
from lineage_guard.domain.errors import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
#: The keys of each kind of sink. Those that end in `_env` name a variable.
_KEYS: dict[str, tuple[str, ...]] = {
    "pagerduty": ("routing_key_env", "url"),
    "slack": ("token_env", "channel", "url"),
    "mail": ("url_env", "from", "to", "owners"),
    "sns": ("topic_arn",),
    "webhook": ("url_env", "secret_env"),
    "apprise": ("url_env",),
}
_Said = Mapping[str, Any]


def read_routes(path: Path, environ: Mapping[str, str], others: Sequence[str]) -> tuple[tuple[Sink, ...], Routes]:
    """Read a file of routes.

    A sink whose variable is not set, or holds nothing usable, is there all the same: what goes
    to it waits, and says why.

    Args:
        path: the file.
        environ: holds the secrets that it names.
        others: names of the sinks that are there without it.

    Returns:
        The sinks it defines, and the routes.

    Raises:
        ConfigError: it cannot be read or is wrong; names file, line and column.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(
            f"the file of alert routes cannot be read: {type(problem).__name__}",
            where=str(path),
            fix=f"check {VARIABLE}",
        ) from None
    return parse_routes(text, str(path), environ, others)


def parse_routes(
    text: str, name: str, environ: Mapping[str, str], others: Sequence[str]
) -> tuple[tuple[Sink, ...], Routes]:
    """Read routes from YAML text.

    Args:
        text: the YAML.
        name: shown in errors, normally the path.
        environ: holds the secrets that it names.
        others: names of the sinks that are there without it.

    Raises:
        ConfigError: the text is wrong.
    """
    document = Document(text, name, ConfigError)
    document.check("alert-routes")
    raw = cast("Mapping[str, Any]", document.value)
    said = cast("Mapping[str, _Said]", raw.get("sinks", {}))
    for sink, keys in said.items():
        _check(document, sink, keys, others)
    known = tuple(dict.fromkeys((LOG, *others, *said)))
    for place, names in _named(raw):
        for n, each in enumerate(names):
            if each not in known:
                raise document.fail(f"no sink is called {each!r}", (*place, n), suggest(each, known))
    routes = tuple(
        Route(tuple(r["sinks"]), tuple(r.get("owners", ())), tuple(r.get("assets", ())), tuple(r.get("kinds", ())))
        for r in cast("list[_Said]", raw["routes"])
    )
    sinks = tuple(_made(sink, keys, environ) for sink, keys in said.items())
    return sinks, Routes(routes, tuple(raw.get("default", others)))


def _named(raw: Mapping[str, Any]) -> list[tuple[tuple[str | int, ...], list[str]]]:
    named: list[tuple[tuple[str | int, ...], list[str]]] = [
        (("routes", n, "sinks"), r["sinks"]) for n, r in enumerate(raw["routes"])
    ]
    return [*named, (("default",), raw.get("default", []))]


def _check(document: Document, sink: str, keys: _Said, others: Sequence[str]) -> None:
    if sink in others or sink == LOG:
        raise document.fail(f"there is a sink {sink!r} already", ("sinks", sink), "give it another name")
    allowed = _KEYS[keys["kind"]]
    for key, value in keys.items():
        if key != "kind" and key not in allowed:
            raise document.fail(f"a {keys['kind']} sink has no {key!r}", ("sinks", sink, key), suggest(key, allowed))
        # Whoever wrote the secret itself here must not read it in an error.
        if key.endswith("_env") and not _NAME.fullmatch(value):
            what = f"{key} is not the name of an environment variable"
            raise document.fail(what, ("sinks", sink, key), "put the secret into a variable and its name here")


def _made(name: str, keys: _Said, environ: Mapping[str, str]) -> Sink:
    def secret(key: str) -> str:
        if value := environ.get(keys[key]):
            return value
        # Without an underscore it may be the secret itself.
        shown = keys[key] if "_" in keys[key] else f"that {key} names"
        raise ConfigError(f"the variable {shown} is not set", where=name, fix="set it where the sensor runs")

    def mail() -> Sink:
        server = server_of(secret("url_env"), keys["url_env"])
        return MailSink(server, keys["from"], keys["to"], keys.get("owners", ()), name)

    makers: dict[str, Callable[[], Sink]] = {
        "pagerduty": lambda: PagerDutySink(secret("routing_key_env"), name, keys.get("url", PAGERDUTY)),
        "slack": lambda: SlackSink(secret("token_env"), keys["channel"], name, keys.get("url", SLACK)),
        "mail": mail,
        "sns": lambda: SnsSink(keys["topic_arn"], name),
        "webhook": lambda: WebhookSink(secret("url_env"), secret("secret_env") if "secret_env" in keys else None, name),
        "apprise": lambda: AppriseSink(secret("url_env"), name),
    }
    try:
        return makers[keys["kind"]]()
    except ConfigError as error:
        return UnusableSink(name, error)
