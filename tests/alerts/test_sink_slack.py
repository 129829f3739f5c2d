"""Slack against a server that speaks the Web API: one message per incident, and text that stays text."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from alerting import CLAUDE, GPT, TextLedger, at, verdict
from receivers import SLACK_CHANNEL, SLACK_TOKEN, Http, Slack, serving

from lineage_guard.alerts import Context, SlackSink, send
from lineage_guard.alerts.content.notices import sample
from lineage_guard.alerts.letters import letters, resend
from lineage_guard.alerts.sinks.slack_blocks import BLOCKS, SECTION, blocks_of, escaped
from lineage_guard.alerts.ways import Way
from lineage_guard.domain.errors import ConfigError

CONTEXT = Context("prod", "https://dagster.example", "https://runbooks.example", {"student": ("team:nlp",)})


class NamedLedger(TextLedger):
    def names(self, prefix: str = "") -> tuple[str, ...]:
        return tuple(sorted(name for name in self.texts if name.startswith(prefix)))


@pytest.fixture
def slack():
    service = Slack()
    with serving(Http(service.answer)) as http:
        yield service, SlackSink(SLACK_TOKEN, SLACK_CHANNEL, url=http.url)


def test_an_incident_is_one_message_that_is_updated_until_it_is_over(slack):
    service, sink = slack
    ledger = TextLedger()
    send([verdict(0, GPT)], [sink], ledger, at(0), CONTEXT)
    send([verdict(1, GPT, sources=("synth", "more"))], [sink], ledger, at(1), CONTEXT)
    send([verdict(2)], [sink], ledger, at(2), CONTEXT)
    assert [method for method, _ in service.calls] == ["chat.postMessage", "chat.update", "chat.update"]
    (message,) = service.messages.values()
    assert message["text"].startswith("[RESOLVED]")
    send([verdict(60, GPT)], [sink], ledger, at(60), CONTEXT)
    assert len(service.messages) == 2, "what comes back after its end was forgotten is a message of its own"
    assert SLACK_TOKEN not in str(ledger.texts)


def test_the_message_survives_a_restart(slack):
    service, sink = slack
    ledger = TextLedger()
    send([verdict(0, GPT)], [sink], ledger, at(0))
    again = TextLedger(dict(ledger.texts))
    send([verdict(1)], [SlackSink(SLACK_TOKEN, SLACK_CHANNEL, url=sink._url)], again, at(1))
    assert len(service.messages) == 1


def test_what_was_given_up_and_is_sent_again_after_its_end_does_not_stand_as_blocked(slack):
    service, sink = slack
    ledger = NamedLedger()
    service.error = "channel_not_found"
    send([verdict(0, GPT)], [sink], ledger, at(0))
    for hours in range(1, 13):
        send([], [sink], ledger, at(61 * hours))
    service.error = None
    send([verdict(800)], [sink], ledger, at(800))
    (given_up,) = letters(ledger)
    assert (given_up.dead, given_up.over) == (True, True)
    resend(ledger, [given_up], at(801))
    send([], [sink], ledger, at(801))
    (message,) = service.messages.values()
    assert message["text"].startswith("[OVER BY NOW] default:student ")
    assert letters(ledger) == ()


@pytest.mark.parametrize("error", ["message_not_found", "cant_update_message", "edit_window_closed"])
def test_a_message_that_can_no_longer_be_updated_is_posted_anew(slack, error):
    service, sink = slack
    ledger = TextLedger()
    send([verdict(0, GPT)], [sink], ledger, at(0))
    service.error, service.only = error, "chat.update"
    report = send([verdict(1)], [sink], ledger, at(1))
    assert len(report.delivered) == 1
    assert len(service.messages) == 2


@pytest.mark.parametrize(
    ("error", "tried"),
    [
        ("ratelimited", 1),
        ("invalid_auth", 1),
        ("channel_not_found", 1),
        ("fatal_error", 1),
        ("invalid_blocks", 2),
        ("msg_too_long", 2),
    ],
)
def test_what_slack_says_decides_whether_other_alerts_are_tried(slack, error, tried):
    service, sink = slack
    service.error = error
    report = send([verdict(0, GPT), verdict(0, CLAUDE, target="other")], [sink], TextLedger(), at(0))
    assert len(service.calls) == tried
    assert f"Slack answered {error}" in report.failed[0][2]
    assert report.waiting == 2


def test_after_a_rate_limit_the_whole_sink_waits_as_long_as_slack_asks(slack):
    service, sink = slack
    ledger = TextLedger()
    service.error = "ratelimited"
    send([verdict(0, GPT), verdict(0, CLAUDE, target="other")], [sink], ledger, at(0))
    service.error = None
    assert send([], [sink], ledger, at(0.4)).delivered == ()
    assert len(send([], [sink], ledger, at(0.6)).delivered) == 2


def test_an_answer_that_is_not_slacks_is_not_shown(slack):
    service, sink = slack
    service.error = "<b>s3cret</b>"
    report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
    assert "no known error" in report.failed[0][2]
    assert "s3cret" not in str(report)


def test_hostile_names_mention_nobody_and_leave_no_block():
    hostile = "<!channel> <@U1> ```*x*``` & <https://evil.example|click>"
    one = sample(at(0), CONTEXT)
    blocks = blocks_of(
        replace(one, message=hostile, path=(hostile,), owners=(hostile,), ways=(Way(hostile, (hostile,)),))
    )
    for block in blocks:
        for text in [block["text"]] if "text" in block else block["elements"]:
            if text["type"] == "mrkdwn":
                assert "<!" not in text["text"]
                assert "<@" not in text["text"]
                assert "<https://evil" not in text["text"]
                assert text["text"].count("```") in (0, 2)
                assert text["verbatim"] is True


def test_the_longest_alert_fits():
    one = sample(at(0), CONTEXT)
    names = tuple(f"{n}" + "&" * 300 for n in range(24))
    ways = tuple(Way("<" * 600, ("&" * 700,) * 3) for _ in range(3))
    blocks = blocks_of(replace(one, message="<" * 2000, headline="x" * 600, path=names, scope=names, ways=ways))
    assert len(blocks) <= BLOCKS
    assert all(len(b["text"]["text"]) <= SECTION for b in blocks if b["type"] == "section")
    service = Slack()
    assert all(map(service._fits, blocks))


def test_links_that_do_not_fit_are_left_out_whole():
    long = {f"Link {n}": f"https://lineage.example/{'a' * 880}{n}" for n in range(3)}
    one = replace(sample(at(0), CONTEXT), links=long, runbook="https://lineage.example/runbooks/storm")
    said = blocks_of(one)[-1]["elements"][0]["text"]
    assert [part.partition("|")[2] for part in said.split("  ")] == ["Link 0>", "Link 1>", "Runbook>"]


def test_escaping_never_cuts_an_entity():
    for limit in range(1, 30):
        text = escaped("a<b>&" * 5, limit)
        assert len(text) <= limit
        bare = text.replace("&lt;", "").replace("&gt;", "").replace("&amp;", "")
        assert "&" not in bare


@pytest.mark.parametrize(
    ("token", "channel"), [("https://hooks.slack.com/services/T0/B0/s3cret", "C1"), ("xoxb-s3cret", "C1\r\nx: y")]
)
def test_what_cannot_be_used_is_refused_without_showing_it(token, channel):
    with pytest.raises(ConfigError) as caught:
        SlackSink(token, channel)
    assert "s3cret" not in str(caught.value)


def test_no_report_no_log_and_no_name_holds_the_token(slack, caplog):
    service, sink = slack
    caplog.set_level(logging.DEBUG, logger="lineage_guard")
    service.error = "invalid_auth"
    report = send([verdict(0, GPT)], [sink], TextLedger(), at(0))
    shown = f"{report} {sink!r} {sink.name} {[r.getMessage() for r in caplog.records if r.name.startswith('lineage')]}"
    assert "s3cret" not in shown
