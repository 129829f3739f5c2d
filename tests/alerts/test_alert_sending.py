"""Faults of a real receiver, and what becomes of the alert."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import threading
from hashlib import sha256

import pytest
from alerting import CLAUDE, GPT, TextLedger, at, verdict
from receivers import Http, certificate, closed_port, serving, webhook

from lineage_guard.alerts import Context, LogSink, Undelivered, WebhookSink, send
from lineage_guard.alerts.delivery.outbox import ATTEMPTS
from lineage_guard.alerts.state import read_state
from lineage_guard.domain.errors import ConfigError, LedgerError
from lineage_guard.domain.facts import Version


def sink_for(receiver, **kwargs):
    return WebhookSink(receiver.url, **kwargs)


def test_a_block_arrives_once_with_all_a_person_needs(receiver):
    ledger = TextLedger()
    context = Context("prod", "https://dagster.example", "https://runbooks.example", {"student": ("team:nlp",)})
    sink = sink_for(receiver)
    report = send([verdict(0, GPT)], [sink], ledger, at(0), context)
    assert len(report.delivered) == 1
    assert (report.waiting, report.open) == (0, 1)
    (alert,) = receiver.alerts
    assert alert["event"] == "OPEN"
    assert alert["page"] is True
    assert alert["headline"] == "[BLOCKED] default:student would learn from openai/gpt-4o via api.openai.com"
    assert alert["path"] == [
        "openai/gpt-4o via api.openai.com",
        str(Version("default", "synth", None, "run-synth")),
        "default:student@r0",
    ]
    assert alert["owners"] == ["team:nlp"]
    assert alert["terms"] == "openai-api"
    assert alert["terms_url"] == "https://openai.example/terms"
    assert alert["runbook"] == "https://runbooks.example/restricted-model.md"
    assert alert["links"] == {
        "Training asset": "https://dagster.example/assets/student",
        "Where it was found": "https://dagster.example/assets/synth",
    }
    assert len(alert["ways"]) == 3
    assert any("lineage-guard check student" in c for w in alert["ways"] for c in w["commands"])

    assert send([verdict(1, GPT)], [sink], ledger, at(1), context).notices == ()
    assert len(receiver.got) == 1


def test_the_end_is_told_under_the_same_incident(receiver):
    ledger = TextLedger()
    send([verdict(0, GPT)], [sink_for(receiver)], ledger, at(0))
    send([verdict(1)], [sink_for(receiver)], ledger, at(1))
    first, last = receiver.alerts
    assert (last["event"], last["page"], last["incident"]) == ("RESOLVE", False, first["incident"])
    assert last["id"] != first["id"]


@pytest.mark.parametrize("status", [429, 500, 503, 404, 401, 302])
def test_a_refusal_keeps_it_and_the_next_tick_after_the_wait_delivers_it(receiver, status):
    ledger = TextLedger()
    receiver.answers = [(status, {"location": "/elsewhere"} if status == 302 else {})]
    report = send([verdict(0, GPT)], [sink_for(receiver)], ledger, at(0))
    assert report.delivered == ()
    assert f"answered {status}" in report.failed[0][2]
    assert report.waiting == 1

    assert send([], [sink_for(receiver)], ledger, at(0.1)).delivered == (), "not before its time"
    assert len(receiver.got) == 1
    report = send([], [sink_for(receiver)], ledger, at(0.25))
    assert len(report.delivered) == 1
    assert receiver.alerts[0] == receiver.alerts[1], "a retry is the same message, id and all"
    assert send([], [sink_for(receiver)], ledger, at(60)).delivered == ()


@pytest.mark.parametrize("value", ["90", "Sun, 01 Nov 2126 12:00:00 GMT"])
def test_retry_after_is_honoured(receiver, value):
    ledger = TextLedger()
    receiver.answers = [(429, {"retry-after": value})]
    send([verdict(0, GPT)], [sink_for(receiver)], ledger, at(0))
    send([], [sink_for(receiver)], ledger, at(1))
    assert len(receiver.got) == 1
    send([], [sink_for(receiver)], ledger, at(1.5 if value == "90" else 60))
    assert len(receiver.got) == 2


def test_a_hung_receiver_times_out_once_per_tick_and_the_others_still_get_theirs(receiver, caplog):
    ledger = TextLedger()
    receiver.hanging = True
    caplog.set_level(logging.WARNING)
    sinks = [sink_for(receiver, timeout=0.2), LogSink()]
    report = send([verdict(0, GPT), verdict(0, CLAUDE, target="other")], sinks, ledger, at(0))
    [(_, _, why)] = report.failed
    assert len(receiver.got) <= 1, "a silent sink is left alone for the rest of the tick"
    assert "no answer in time" in why
    assert [s for _, s in report.delivered] == ["log", "log"]
    assert report.waiting == 2


def test_a_refused_connection_keeps_it(receiver):
    ledger = TextLedger()
    with closed_port() as place:
        report = send([verdict(0, GPT)], [WebhookSink(f"http://{place}/x")], ledger, at(0))
    assert "ConnectError" in report.failed[0][2]
    assert report.waiting == 1


def test_one_bad_alert_does_not_hold_up_the_others(receiver):
    ledger = TextLedger()
    receiver.answers = [(400, {}), (200, {})]
    report = send([verdict(0, GPT), verdict(0, CLAUDE, target="other")], [sink_for(receiver)], ledger, at(0))
    assert len(report.delivered) == 1
    assert report.waiting == 1


def test_an_end_never_overtakes_its_beginning(receiver):
    ledger = TextLedger()
    receiver.answers = [(500, {})]
    send([verdict(0, GPT)], [sink_for(receiver)], ledger, at(0))
    send([verdict(0.1)], [sink_for(receiver)], ledger, at(0.1))
    assert len(receiver.got) == 1
    send([], [sink_for(receiver)], ledger, at(5))
    assert [a["event"] for a in receiver.alerts] == ["OPEN", "OPEN", "RESOLVE"]


def test_after_many_attempts_it_is_given_up_and_that_is_on_record(receiver, caplog):
    ledger = TextLedger()
    receiver.answers = [(500, {})] * (ATTEMPTS + 5)
    minutes, report = 0.0, send([verdict(0, GPT)], [sink_for(receiver)], ledger, at(0))
    while report.waiting:
        minutes += 61
        report = send([], [sink_for(receiver)], ledger, at(minutes))
    assert len(receiver.got) == ATTEMPTS
    assert len(report.dead) == 1
    assert report.dead_letters == 1
    assert any("was given up" in r.message for r in caplog.records if r.levelno == logging.ERROR)
    _, box, _ = read_state(ledger)
    assert box.dead[0].alert.event == "OPEN"
    assert send([], [sink_for(receiver)], ledger, at(minutes + 600)).dead_letters == 1


def test_a_process_that_dies_while_sending_loses_nothing(receiver):
    class Crash(LogSink):
        def send(self, alert):
            raise KeyboardInterrupt

    ledger = TextLedger()
    with pytest.raises(KeyboardInterrupt):
        send([verdict(0, GPT)], [Crash("webhook:x")], ledger, at(0))
    again = WebhookSink(receiver.url, name="webhook:x")
    report = send([verdict(0.5, GPT)], [again], ledger, at(1))
    assert report.notices == (), "the incident is known already"
    assert len(report.delivered) == 1
    assert len(receiver.got) == 1


def test_a_sink_of_anybody_may_raise_anything():
    class Bad(LogSink):
        def send(self, alert):
            raise RuntimeError("secret-token-in-message")

    ledger = TextLedger()
    report = send([verdict(0, GPT)], [Bad("bad"), LogSink()], ledger, at(0))
    assert [s for _, s in report.delivered] == ["log"]
    assert "secret-token" not in str(report), "the text of a foreign error may hold a secret"


def test_a_sink_that_is_gone_keeps_its_alerts_until_it_is_back(receiver):
    ledger = TextLedger()
    receiver.answers = [(500, {})]
    send([verdict(0, GPT)], [sink_for(receiver)], ledger, at(0))
    report = send([], [LogSink()], ledger, at(5))
    assert "no sink of that name" in report.failed[0][2]
    report = send([], [LogSink(), sink_for(receiver)], ledger, at(60))
    assert len(report.delivered) == 1


def test_without_sinks_it_is_logged(caplog):
    report = send([verdict(0, GPT)], [], TextLedger(), at(0))
    assert [s for _, s in report.delivered] == ["log"]
    (record,) = [r for r in caplog.records if r.name == "lineage_guard.alerts"]
    assert record.levelno == logging.ERROR
    line = json.loads(record.getMessage())
    assert line["event"] == "OPEN"
    assert line["schema"] == "lineage-guard/alert/1"


def test_two_sinks_of_one_name_are_refused(receiver):
    with pytest.raises(ConfigError, match="share one name"):
        send([], [sink_for(receiver), sink_for(receiver)], TextLedger(), at(0))


def test_an_unreadable_ledger_sends_nothing_and_says_so(receiver):
    with pytest.raises(LedgerError):
        send([verdict(0, GPT)], [sink_for(receiver)], TextLedger(broken=True), at(0))
    assert receiver.got == []


def test_a_damaged_state_pages_again_rather_than_never(receiver):
    ledger = TextLedger()
    send([verdict(0, GPT)], [sink_for(receiver)], ledger, at(0))
    ledger.texts["alerts"] = '{"incidents": 3}'
    report = send([verdict(1, GPT)], [sink_for(receiver)], ledger, at(1))
    assert report.notices[0].page


def test_the_budget_ends_a_tick_and_the_rest_goes_next_time(receiver):
    ledger = TextLedger()
    ticking = iter(range(100))
    report = send(
        [verdict(0, GPT), verdict(0, CLAUDE, target="other")],
        [sink_for(receiver)],
        ledger,
        at(0),
        budget=2,
        clock=lambda: next(ticking),
    )
    assert len(report.delivered) == 1
    assert report.waiting == 1
    assert len(send([], [sink_for(receiver)], ledger, at(0)).delivered) == 1


def test_a_tick_with_nothing_to_do_writes_nothing():
    ledger = TextLedger()
    send([], [LogSink()], ledger, at(0))
    assert ledger.writes == 0


def test_the_signature_is_that_of_standard_webhooks(receiver):
    key = b"0123456789abcdef0123456789abcdef"
    secret = "whsec_" + base64.b64encode(key).decode()
    send([verdict(0, GPT)], [sink_for(receiver, secret=secret)], TextLedger(), at(0))
    headers, body = receiver.got[0]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["content-type"] == "application/json"


def test_no_report_no_log_and_no_name_holds_the_token(receiver, caplog):
    caplog.set_level(logging.DEBUG, logger="lineage_guard")
    receiver.answers = [(500, {})]
    sink = sink_for(receiver, secret="hush-hush")
    report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
    everything = f"{report} {sink!r} {sink.name} {[r.getMessage() for r in caplog.records if 'lineage' in r.name]}"
    assert "token-s3cret" not in everything
    assert "hush-hush" not in everything


@pytest.mark.parametrize(
    "url", ["ftp://x/y", "hooks.example.com", "https://", "https://[hooks.example", "https://x:hooks.example/"]
)
def test_a_url_that_cannot_be_posted_to_is_refused_without_showing_it(url):
    with pytest.raises(ConfigError) as caught:
        WebhookSink(url)
    assert "hooks.example" not in caught.value.what


def test_undelivered_says_what_where_and_how_to_fix():
    error = Undelivered("it answered 500", where="webhook:x", fix="look", retry_after=3)
    assert str(error) == "webhook:x: it answered 500. To fix: look"


def test_two_code_locations_keep_their_states_apart(receiver):
    """Sensors of two code locations tick at the same time: neither may lose what the other stored."""
    ledger = TextLedger()
    receiver.answers = [(500, {})]
    send([verdict(0, GPT)], [sink_for(receiver)], ledger, at(0), state="alerts-a")
    send([verdict(0, GPT, target="other")], [sink_for(receiver)], ledger, at(0), state="alerts-b")
    assert set(ledger.texts) == {"alerts-a", "alerts-b"}
    assert len(send([], [sink_for(receiver)], ledger, at(5), state="alerts-a").delivered) == 1
    assert {a["target"] for a in receiver.alerts} == {"default:student", "default:other"}


def test_an_authority_of_ones_own_is_trusted_where_it_is_named(monkeypatch):
    with serving(Http(webhook), tls=True) as hook:
        sink = WebhookSink(f"{hook.url}/x", name="webhook")
        report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
        assert "TLS failed (SSLCertVerificationError)" in report.failed[0][2]
        monkeypatch.setenv("SSL_CERT_FILE", certificate()[0])
        assert len(send([verdict(0, GPT)], [sink], TextLedger(), at(0)).delivered) == 1


def test_a_sink_that_never_comes_back_is_left_behind(monkeypatch):
    over = threading.Event()
    monkeypatch.setattr("lineage_guard.alerts.delivery.deliver.PATIENCE", 0.2)
    report = send([verdict(0, GPT)], [_Foreign("stuck", over), LogSink()], TextLedger(), at(0))
    over.set()
    assert "DeadlineExceeded" in report.failed[0][2]
    assert [s for _, s in report.delivered] == ["log"]


class _Foreign:
    """Somebody's own sink, which waits for something."""

    def __init__(self, name: str, over: threading.Event) -> None:
        self.name = name
        self.over = over

    def send(self, alert) -> None:
        self.over.wait(30)


def test_dead_sinks_do_not_use_up_the_time_of_the_others(receiver):
    ledger = TextLedger()
    receiver.answers = [(500, {})]
    at_once = threading.Event()
    at_once.set()
    dead, well = sink_for(receiver, name="a-dead"), _Foreign("z-well", at_once)
    send([verdict(0, GPT)], [dead, well], ledger, at(0))
    order: list[str] = []
    for sink in (dead, well):
        monkey = sink.send
        sink.send = lambda alert, name=sink.name, send=monkey: (order.append(name), send(alert))
    send([verdict(1, GPT, CLAUDE)], [dead, well], ledger, at(1))
    assert order[0] == "z-well"
