"""Alerts: the right person hears, once, why training stopped and how to go on.

``send`` takes verdicts and does the rest; it is called from a sensor, never from a step.
"""

from lineage_guard.alerts.content.notices import Alert, Context, alert_of
from lineage_guard.alerts.routes.environment import destinations, sinks_from_env
from lineage_guard.alerts.routes.routing import Destinations, Route, Routes
from lineage_guard.alerts.send import Report, send
from lineage_guard.alerts.sinks.anything import AppriseSink
from lineage_guard.alerts.sinks.base import LogSink, Sink, Undelivered
from lineage_guard.alerts.sinks.mail import MailSink
from lineage_guard.alerts.sinks.pagerduty import PagerDutySink
from lineage_guard.alerts.sinks.slack import SlackSink
from lineage_guard.alerts.sinks.sns import SnsSink
from lineage_guard.alerts.sinks.webhook import WebhookSink
from lineage_guard.alerts.ways import Way

__all__ = [
    "Alert",
    "AppriseSink",
    "Context",
    "Destinations",
    "LogSink",
    "MailSink",
    "PagerDutySink",
    "Report",
    "Route",
    "Routes",
    "Sink",
    "SlackSink",
    "SnsSink",
    "Undelivered",
    "Way",
    "WebhookSink",
    "alert_of",
    "destinations",
    "send",
    "sinks_from_env",
]
