"""PagerDuty against a server that speaks the Events API v2: who is woken, and which alert ends."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from alerting import GPT, TextLedger, at, verdict
from receivers import PAGERDUTY_KEY, Http, PagerDuty, serving

from lineage_guard.alerts import Alert, Context, PagerDutySink, Undelivered, send
from lineage_guard.alerts.content.notices import sample
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.verdict.modes import Mode

CONTEXT = Context("prod", "https://dagster.example", "https://runbooks.example", {"student": ("team:nlp",)})


@pytest.fixture
def pagerduty():
    service = PagerDuty(keys=(PAGERDUTY_KEY, "newkey"))
    with serving(Http(service.answer)) as http:
        yield service, http


def sink_of(http, key=PAGERDUTY_KEY):
    return PagerDutySink(key, url=http.url)


def alert(**changes) -> Alert:
    return replace(sample(at(0), CONTEXT), **changes)


def test_one_incident_is_one_alert_from_trigger_to_resolve(pagerduty):
    service, http = pagerduty
    ledger = TextLedger()
    send([verdict(0, GPT)], [sink_of(http)], ledger, at(0), CONTEXT)
    (event,) = service.events
    payload = event["payload"]
    assert event["event_action"] == "trigger"
    assert event["dedup_key"].startswith("lg-")
    assert (payload["severity"], payload["group"], payload["class"]) == ("error", "prod", "RESTRICTED_MODEL")
    assert "gpt-4o" in payload["component"]
    assert payload["custom_details"]["path"][0] == "openai/gpt-4o via api.openai.com"
    assert len(payload["custom_details"]["to_unblock"]) == 3
    assert event["client_url"] == "https://dagster.example/assets/student"
    assert {"href": "https://runbooks.example/restricted-model.md", "text": "Runbook"} in event["links"]
    assert len(service.notified) == 1
    send([verdict(1)], [sink_of(http)], ledger, at(1), CONTEXT)
    assert service.events[-1]["event_action"] == "resolve"
    assert service.events[-1]["dedup_key"] == event["dedup_key"]
    assert service.open == {}
    assert len(service.notified) == 1


def test_widening_wakes_nobody_even_where_a_responder_closed_the_alert_by_hand(pagerduty):
    service, http = pagerduty
    ledger = TextLedger()
    send([verdict(0, GPT)], [sink_of(http)], ledger, at(0))
    service.open.clear()
    send([verdict(1, GPT, sources=("synth", "more"))], [sink_of(http)], ledger, at(1))
    assert len(service.changes) == 1
    assert len(service.notified) == 1
    assert PAGERDUTY_KEY not in str(ledger.texts)


def test_what_is_only_observed_wakes_nobody_from_beginning_to_end(pagerduty):
    service, http = pagerduty
    ledger = TextLedger()
    send([replace(verdict(0, GPT), mode=Mode.OBSERVE)], [sink_of(http)], ledger, at(0))
    send([replace(verdict(1), mode=Mode.OBSERVE)], [sink_of(http)], ledger, at(1))
    assert len(service.changes) == 2
    assert service.events == []


def test_an_end_goes_to_the_key_that_the_beginning_went_to_or_nowhere(pagerduty):
    service, http = pagerduty
    ledger = TextLedger()
    send([verdict(0, GPT)], [sink_of(http)], ledger, at(0))
    report = send([verdict(1)], [sink_of(http, "newkey")], ledger, at(1))
    assert "not the one that this incident was triggered with" in report.failed[0][2]
    assert len(service.open) == 1
    report = send([], [sink_of(http)], ledger, at(10))
    assert len(report.delivered) == 1
    assert service.open == {}


def test_an_end_whose_beginning_may_have_arrived_is_told_as_one(pagerduty):
    """The answer to the trigger was lost, and it was given up: the alert must not stay open for ever."""
    service, http = pagerduty
    sink = sink_of(http)
    sink.follow(alert(page=True), {})
    sink.follow(alert(event="RESOLVE"), {})
    assert service.open == {}


def test_a_blind_guard_is_critical(pagerduty):
    service, http = pagerduty
    send([verdict(0, GPT, blind=True)], [sink_of(http)], TextLedger(), at(0))
    severities = {e["payload"]["class"]: e["payload"]["severity"] for e in service.events}
    assert severities["GUARD_CANNOT_SEE"] == "critical"


def test_the_longest_names_are_taken(pagerduty):
    service, http = pagerduty
    long = "é" * 10_000
    sink_of(http).follow(alert(page=True, headline=long, incident=long, target=long, links={"x": "javascript:1"}), {})
    (event,) = service.events
    assert len(event["payload"]["summary"]) == 1024
    assert len(event["dedup_key"]) == 255
    assert event["links"] == []


def test_a_wrong_key_is_said_without_showing_it(pagerduty, caplog):
    _, http = pagerduty
    caplog.set_level(logging.DEBUG, logger="lineage_guard")
    sink = sink_of(http, "wrongkeys3cret")
    report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
    assert "PagerDuty answered 400" in report.failed[0][2]
    shown = f"{report} {sink!r} {[r.getMessage() for r in caplog.records if r.name.startswith('lineage')]}"
    assert "s3cret" not in shown
    with pytest.raises(ConfigError) as caught:
        PagerDutySink("no key s3cret")
    assert "s3cret" not in str(caught.value)


def test_a_200_is_not_pagerduty():
    with serving(Http(lambda *_: (200, {}, b"<html>"))) as http, pytest.raises(Undelivered, match="answered 200"):
        sink_of(http).send(alert(page=True))
