from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from alerting import CLAUDE, GPT, TextLedger, at, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.alerts import (
    Alert,
    Context,
    LogSink,
    PagerDutySink,
    SnsSink,
    WebhookSink,
    alert_of,
    send,
    sinks_from_env,
)
from lineage_guard.alerts.content.notices import runbook_of, sample
from lineage_guard.alerts.sinks.mail_text import mail_of
from lineage_guard.alerts.sinks.slack_blocks import blocks_of
from lineage_guard.alerts.sinks.sns import MESSAGE_BYTES, _attributes, _message, subject
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import ModelSource, Version
from lineage_guard.domain.incidents.incidents import Incidents, step
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import GUARD_CANNOT_SEE

DOCS = Path(__file__).parents[2] / "docs"


def alerts(*verdicts, context=None):
    _, notices = step(Incidents(), verdicts, at(0))
    return [alert_of(n, context or Context()) for n in notices]


def test_an_alert_survives_being_stored():
    for alert in alerts(verdict(0, GPT, CLAUDE, gap=True, blind=True)):
        assert Alert.from_dict(json.loads(json.dumps(alert.to_dict()))) == alert


def test_the_text_reads_from_the_model_down_to_the_student():
    (alert,) = alerts(verdict(0, GPT), context=Context(owners={"student": ("a@example.com",)}))
    text = alert.text()
    assert text.index("openai/gpt-4o") < text.index("└─> default:synth") < text.index("└─> default:student")
    for part in ("To unblock:", "lineage-guard explain student", "waiver", "Owners: a@example.com", "Runbook:"):
        assert part in text


def test_where_nobody_owns_it_every_sink_says_so_and_its_end_does_not():
    opened, over = alerts(verdict(0, GPT), verdict(1))
    said = "none named (owners= of the asset)"
    mail = mail_of(opened, "guard@example.com", ["a@example.com"], None)
    details = PagerDutySink("k" * 32)._trigger(opened)["payload"]["custom_details"]
    assert said in opened.text()
    assert said in json.dumps(blocks_of(opened))
    assert all(said in part.get_content() for part in mail.iter_parts())
    assert details["owners"] == [said]
    assert said not in over.text()
    assert said not in sample(at(0), Context()).text()
    (blind,) = alerts(verdict(0, blind=True))
    assert "Owners" not in blind.text()


def test_blindness_goes_to_other_people_with_other_commands():
    context = Context(owners={"student": ("a@example.com",)})
    (alert,) = alerts(verdict(0, blind=True), context=context)
    assert alert.kind == "BLIND"
    assert alert.owners == ()
    assert [c for w in alert.ways for c in w.commands][:2] == ["lineage-guard doctor", "lineage-guard sync"]
    assert alert.rule == GUARD_CANNOT_SEE.id
    assert alert.runbook == "lineage-guard runbook guard-cannot-see"


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1), st.sampled_from([1, 10_000]))
def test_hostile_names_stay_within_every_limit_and_on_one_line(name, times):
    name = name * times
    v = verdict(0, ModelSource(name, "gpt-4o", channel=name), target=name, sources=(name + "x",))
    v = replace(v, findings=tuple(replace(f, path=f.path * 500, message=name * 9) for f in v.findings))
    (alert,) = alerts(v, context=Context(name, "https://d.example", owners={name: (name,) * 200}))
    attributes = "".join(k + v["DataType"] + v["StringValue"] for k, v in _attributes(alert).items())
    assert len((_message(alert) + attributes).encode()) < MESSAGE_BYTES
    assert "\n" not in alert.headline
    assert len(alert.headline) <= 1024
    line = subject(alert.headline)
    assert len(line) < 100
    assert line.isascii()
    assert line.isprintable()
    for value in _attributes(alert).values():
        assert value["StringValue"]


def test_names_are_quoted_for_the_shell():
    (alert,) = alerts(verdict(0, GPT, target="a; rm -rf /"))
    commands = [c for w in alert.ways for c in w.commands]
    assert "lineage-guard explain 'a; rm -rf /'" in commands


def test_links_quote_what_is_not_a_path():
    v = verdict(0, GPT, target="a/b c?", partition="2026-11-01|de")
    (alert,) = alerts(v, context=Context(dagster_url="https://d.example/"))
    url = "https://d.example/assets/a/b%20c%3F?view=partitions&partition=2026-11-01%7Cde"
    assert alert.links["Training asset"] == url


def test_no_field_can_hold_rows_or_secrets():
    names = set(Alert.__dataclass_fields__)
    assert not {n for n in names if re.search(r"row|sample|value|secret|token|env|metadata", n)}


@pytest.mark.parametrize("reason", [r for r in ReasonCode if r is not ReasonCode.PERMITTED_MODEL])
def test_every_reason_has_a_runbook(reason):
    text = (DOCS / "runbooks" / runbook_of(reason)).read_text()
    assert reason.value in text
    for heading in ("## What it means", "## What to do", "## When it is over"):
        assert heading in text


def test_sinks_from_the_environment():
    assert [s.name for s in sinks_from_env({})] == ["log"]
    sinks = sinks_from_env(
        {
            "LINEAGE_GUARD_WEBHOOK_URL": "https://hooks.example.com:8443/x",
            "LINEAGE_GUARD_WEBHOOK_SECRET": "s",
            "LINEAGE_GUARD_SNS_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:on-call",
        }
    )
    assert [type(s) for s in sinks] == [LogSink, WebhookSink, SnsSink]
    assert [s.name for s in sinks] == ["log", "webhook:hooks.example.com:8443", "sns:on-call"]


@pytest.mark.parametrize(
    "environ",
    [
        {"LINEAGE_GUARD_WEBHOOK_SECRET": "s"},
        {"LINEAGE_GUARD_WEBHOOK_URL": "nope"},
        {"LINEAGE_GUARD_WEBHOOK_URL": "https://x", "LINEAGE_GUARD_WEBHOOK_SECRET": "whsec_%%"},
        {"LINEAGE_GUARD_SNS_TOPIC_ARN": "on-call"},
    ],
)
def test_a_wrong_environment_is_refused_by_name(environ):
    with pytest.raises(ConfigError, match="LINEAGE_GUARD_"):
        sinks_from_env(environ)


def test_the_context_comes_from_the_environment():
    assert Context.from_env({}) == Context()
    environ = {
        "LINEAGE_GUARD_DEPLOYMENT": "prod",
        "LINEAGE_GUARD_DAGSTER_URL": "https://dagster.example",
        "LINEAGE_GUARD_RUNBOOKS": "https://wiki.example/runbooks",
        "LINEAGE_GUARD_SERVE_URL": "https://guard.example/",
    }
    context = Context.from_env(environ)
    assert (context.deployment, context.dagster_url, context.runbooks, context.serve_url) == tuple(environ.values())
    assert context.runbook("storm") == "https://wiki.example/runbooks/storm.md"
    assert Context(serve_url="https://guard.example/").runbook("storm") == "https://guard.example/runbooks/storm"
    assert Context.from_env({"LINEAGE_GUARD_STORM_LIMIT": "3"}).storm_limit == 3
    assert Context.from_env({"LINEAGE_GUARD_STORM_LIMIT": "few"}) == Context()


def test_a_sample_can_be_sent():
    alert = sample(at(0), Context("prod"))
    assert alert.deployment == "prod"
    assert not alert.page
    LogSink().send(alert)


def test_a_subject_elsewhere_is_named_by_its_version():
    (alert,) = alerts(verdict(0, GPT, sources=("s1", "s2")))
    assert alert.path[1] == str(Version("default", "s1", None, "run-s1"))
    assert send([], [], TextLedger(), at(0)).open == 0
