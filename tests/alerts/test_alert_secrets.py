"""No log of anybody, at any level, holds a secret of a sink: neither ours nor that of the clients it uses."""

from __future__ import annotations

import logging

import pytest
from alerting import GPT, TextLedger, at, verdict
from receivers import SLACK_CHANNEL, Http, Mailbox, PagerDuty, Slack, closed_port, serving, webhook

from lineage_guard.alerts import destinations, send


@pytest.mark.parametrize("fault", [None, 500, "refused"])
def test_no_log_at_any_level_holds_a_secret(caplog, fault):
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore", "urllib3", "apprise"):
        caplog.set_level(logging.DEBUG, logger=name)
    key, token = "5ecre7" + "0" * 26, "xoxb-1-5ecre7"
    with (
        serving(Http(PagerDuty((key,)).answer, fault)) as pd,
        serving(Http(Slack(token=token).answer, fault)) as slack,
        serving(Http(webhook, fault)) as hook,
        Mailbox().serving() as mail,
        closed_port() as closed,
    ):
        down = f"http://{closed}" if fault == "refused" else ""
        environ = {
            "LINEAGE_GUARD_PAGERDUTY_ROUTING_KEY": key,
            "LINEAGE_GUARD_PAGERDUTY_URL": down or pd.url,
            "LINEAGE_GUARD_SLACK_TOKEN": token,
            "LINEAGE_GUARD_SLACK_CHANNEL": SLACK_CHANNEL,
            "LINEAGE_GUARD_SLACK_URL": down or slack.url,
            "LINEAGE_GUARD_WEBHOOK_URL": f"{down or hook.url}/5ecre7",
            "LINEAGE_GUARD_WEBHOOK_SECRET": "5ecre7",
            "LINEAGE_GUARD_SMTP_URL": f"smtp://me:5ecre7@{mail}",
            "LINEAGE_GUARD_MAIL_FROM": "guard@example.com",
            "LINEAGE_GUARD_MAIL_TO": "on-call@example.com",
            "LINEAGE_GUARD_APPRISE_URLS": (down or hook.url).replace("http", "json") + "/5ecre7",
        }
        ledger = TextLedger()
        report = send([verdict(0, GPT)], destinations(environ), ledger, at(0))
    assert len(report.delivered) == (1 if fault else 5)
    assert "5ecre7" not in f"{report} {ledger.texts} {destinations(environ)!r}"
    told = [f"{r.name}: {r.getMessage()}" for r in caplog.records]
    assert [line for line in told if "5ecre7" in line] == []


def test_the_log_of_others_is_left_alone(caplog):
    import httpx

    caplog.set_level(logging.INFO, logger="httpx")
    with serving(Http(webhook)) as hook:
        httpx.post(f"{hook.url}/mine", content=b"x")
    assert any("/mine" in r.getMessage() for r in caplog.records)
