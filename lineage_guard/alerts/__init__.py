"""Alerts: the right person hears, once, why training stopped and how to go on.

``send`` takes verdicts and does the rest; it is called from a sensor, never from a step.
"""

from lineage_guard.alerts.content import Alert, Context, alert_of
from lineage_guard.alerts.environment import sinks_from_env
from lineage_guard.alerts.send import Report, send
from lineage_guard.alerts.sinks.base import LogSink, Sink, Undelivered
from lineage_guard.alerts.sinks.sns import SnsSink
from lineage_guard.alerts.sinks.webhook import WebhookSink
from lineage_guard.alerts.ways import Way

__all__ = [
    "Alert",
    "Context",
    "LogSink",
    "Report",
    "Sink",
    "SnsSink",
    "Undelivered",
    "Way",
    "WebhookSink",
    "alert_of",
    "send",
    "sinks_from_env",
]
