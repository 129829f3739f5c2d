"""The sinks an environment asks for."""

from __future__ import annotations

from collections.abc import Mapping

from lineage_guard.alerts.sinks.base import LogSink, Sink
from lineage_guard.alerts.sinks.sns import SnsSink
from lineage_guard.alerts.sinks.webhook import WebhookSink
from lineage_guard.domain.errors import ConfigError


def sinks_from_env(environ: Mapping[str, str]) -> tuple[Sink, ...]:
    """The sinks an environment names; the log sink is always among them.

    Args:
        environ: usually ``os.environ``. Read are ``LINEAGE_GUARD_WEBHOOK_URL``,
            ``LINEAGE_GUARD_WEBHOOK_SECRET`` and ``LINEAGE_GUARD_SNS_TOPIC_ARN``; boto3 reads
            its own variables for credentials and endpoints.

    Raises:
        ConfigError: a value cannot be right.

    Example:
        >>> [s.name for s in sinks_from_env({"LINEAGE_GUARD_WEBHOOK_URL": "https://hooks.example.com/x"})]
        ['log', 'webhook:hooks.example.com']
    """
    sinks: list[Sink] = [LogSink()]
    url, secret = environ.get("LINEAGE_GUARD_WEBHOOK_URL"), environ.get("LINEAGE_GUARD_WEBHOOK_SECRET")
    if url:
        sinks.append(WebhookSink(url, secret=secret or None))
    elif secret:
        raise ConfigError(
            "LINEAGE_GUARD_WEBHOOK_SECRET is set but LINEAGE_GUARD_WEBHOOK_URL is not",
            fix="set the URL too, or unset the secret",
        )
    arn = environ.get("LINEAGE_GUARD_SNS_TOPIC_ARN")
    if arn:
        sinks.append(SnsSink(arn))
    return tuple(sinks)
