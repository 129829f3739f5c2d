"""One real block: a guarded deployment, the run upstream, a tick of the sensor, and what each sink got."""

from __future__ import annotations

import email
import json
import re
from datetime import UTC, datetime
from email.policy import default
from pathlib import Path
from typing import Any

import dagster as dg
from receivers import PAGERDUTY_KEY, SLACK_CHANNEL, SLACK_TOKEN, Http, Mailbox, PagerDuty, Slack, serving, webhook

from lineage_guard import ModelSource, guard, synthetic_asset, training
from lineage_guard.alerts import Context, MailSink, PagerDutySink, SlackSink, WebhookSink
from lineage_guard.alerts.sinks.mail import server_of
from lineage_guard.dagster.sensor.sensor import Delivery, tick
from lineage_guard.dagster.settings import Settings

CONTEXT = Context("production", "https://dagster.example.com", serve_url="https://lineage.example.com")


@synthetic_asset(ModelSource(provider="openai", model="gpt-4o", channel="api.openai.com"))
def synthetic_answers() -> None: ...


@dg.asset(deps=[synthetic_answers])
def curated_answers() -> None: ...


@dg.asset(deps=[curated_answers], owners=["team:nlp", "ann@example.com"], tags=training(use="train_competing"))
def chat_model() -> None: ...


ASSETS = [synthetic_answers, curated_answers, chat_model]


class Deployment:
    """The assets above, guarded, on an instance and a ledger of their own."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.instance = instance
        self.settings = Settings(ledger=str(folder / "ledger"))
        self.defs = guard(dg.Definitions(assets=ASSETS), ledger=str(folder / "ledger"))

    def run(self, *assets: dg.AssetsDefinition) -> None:
        """Make some of it."""
        job = self.defs.resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=self.instance, asset_selection=[a.key for a in assets])

    def tick(self, delivery: Delivery) -> dg.SensorResult | dg.SkipReason:
        """One tick of the sensor."""
        with dg.build_sensor_context(instance=self.instance, definitions=self.defs) as context:
            return tick(context, self.settings, delivery, datetime.now(UTC))


def received(folder: Path, instance: dg.DagsterInstance) -> dict[str, str]:
    """What each sink got of one block, as text; ids and times are those of an example."""
    deployment = Deployment(folder, instance)
    deployment.run(synthetic_answers, curated_answers)
    pagerduty, slack, mailbox, hook = PagerDuty(), Slack(), Mailbox(), Http(webhook)
    with (
        serving(Http(pagerduty.answer)) as pd,
        serving(Http(slack.answer)) as sl,
        serving(hook),
        mailbox.serving() as at,
    ):
        sinks = [
            PagerDutySink(PAGERDUTY_KEY, url=pd.url),
            SlackSink(SLACK_TOKEN, SLACK_CHANNEL, url=sl.url),
            MailSink(
                server_of(f"smtp://{at}?tls=off"), "guard@example.com", ["on-call@example.com"], ["*@example.com"]
            ),
            WebhookSink(f"{hook.url}/hook", name="webhook"),
        ]
        deployment.tick(Delivery(sinks=sinks, context=CONTEXT))
    ((_, _, mail),) = mailbox.mails
    ((_, _, body),) = hook.requests
    ((_, message),) = slack.calls
    (event,) = pagerduty.events
    event["routing_key"] = "<routing key>"
    pages = {"pagerduty.json": _json(event), "slack.json": _json(message), "webhook.json": _json(json.loads(body))}
    return _example({**pages, "mail.txt": _mail(mail)})


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _mail(content: bytes) -> str:
    """Headers and text part as a person sees them."""
    mail = email.message_from_bytes(content, policy=default)
    shown = ("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Lineage-Guard-Incident")
    text = mail.get_body(("plain",))
    assert text is not None
    return "".join(f"{name}: {mail[name]}\n" for name in shown) + "\n" + text.get_content().replace("\r\n", "\n")


def _example(pages: dict[str, str]) -> dict[str, str]:
    """With ids and times that are the same at every run."""
    every = "".join(pages.values())
    runs = dict.fromkeys(re.findall(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", every))
    # A version is shown with the end of its run's id.
    ends = dict.fromkeys([*(run[-8:] for run in runs), *re.findall(r"@([0-9a-f]{8})\b", every)])
    named = {end: f"{n:08d}" for n, end in enumerate(ends, 1)}
    changes = {rf"\b[0-9a-f-]{{28}}{end}\b": f"0193f0c0-0000-7000-8000-0000{name}" for end, name in named.items()}
    changes |= {f"@{end}": f"@{name}" for end, name in named.items()}
    changes |= {
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00": "2026-11-22T09:30:00+00:00",
        r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d \+0000": "Sun, 22 Nov 2026 09:30:00 +0000",
        r"\b[0-9a-f]{40}\b": "3f786850e387550fdab836ed7e6dc881de23001b",
    }
    out = dict(pages)
    for pattern, example in changes.items():
        out = {name: re.sub(pattern, example, text) for name, text in out.items()}
    return out
