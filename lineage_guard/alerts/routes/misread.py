"""What an environment says of alerts and nobody would read: a misspelt name, a value that cannot be right."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lineage_guard.alerts.routes.routing import VARIABLE
from lineage_guard.domain.errors import ConfigError

#: Every variable that says where alerts go.
SINKS = (
    "LINEAGE_GUARD_ALERT_ROUTES",
    "LINEAGE_GUARD_APPRISE_URLS",
    "LINEAGE_GUARD_MAIL_FROM",
    "LINEAGE_GUARD_MAIL_OWNERS",
    "LINEAGE_GUARD_MAIL_TO",
    "LINEAGE_GUARD_PAGERDUTY_ROUTING_KEY",
    "LINEAGE_GUARD_PAGERDUTY_URL",
    "LINEAGE_GUARD_SLACK_CHANNEL",
    "LINEAGE_GUARD_SLACK_TOKEN",
    "LINEAGE_GUARD_SLACK_URL",
    "LINEAGE_GUARD_SMTP_URL",
    "LINEAGE_GUARD_SNS_TOPIC_ARN",
    "LINEAGE_GUARD_WEBHOOK_SECRET",
    "LINEAGE_GUARD_WEBHOOK_URL",
)
_PREFIXES = tuple(sorted({"_".join(name.split("_")[:3]) + "_" for name in SINKS}))
_LINKS = ("LINEAGE_GUARD_DAGSTER_URL", "LINEAGE_GUARD_SERVE_URL")
_LIMIT = "LINEAGE_GUARD_STORM_LIMIT"


def misread(environ: Mapping[str, str]) -> list[ConfigError]:
    """What is set and has no effect, so that nobody takes a pager for set up that is not. Shows no value.

    A variable that the file of routes names is read.

    Args:
        environ: usually ``os.environ``.

    Example:
        >>> [e.what for e in misread({"LINEAGE_GUARD_PAGERDUTY_KEY": "x"})]
        ['LINEAGE_GUARD_PAGERDUTY_KEY is set, and nothing reads it']
    """
    found: list[ConfigError] = []
    unread = sorted(name for name in environ if name.startswith(_PREFIXES) and name not in SINKS)
    if unread:
        named = _text(environ.get(VARIABLE))
        for name in unread:
            if name not in named:
                near = [known for known in SINKS if known.startswith(next(p for p in _PREFIXES if name.startswith(p)))]
                fix = f"write {' or '.join(near)}, or unset it"
                found.append(ConfigError(f"{name} is set, and nothing reads it", where="environment", fix=fix))
    if (limit := environ.get(_LIMIT)) and not limit.isdecimal():
        fix = "set it to a whole number, or unset it; ten are assumed"
        found.append(ConfigError(f"{_LIMIT} is not a number", where="environment", fix=fix))
    for name in _LINKS:
        if (url := environ.get(name)) and not url.startswith(("https://", "http://")):
            fix = "give the full URL, e.g. https://dagster.example.com; links in alerts lead nowhere until then"
            found.append(ConfigError(f"{name} is not an http or https URL", where="environment", fix=fix))
    return found


def _text(path: str | None) -> str:
    try:
        return Path(path).read_text("utf-8") if path else ""
    except (OSError, UnicodeDecodeError):
        return ""  # told by whoever reads the routes
