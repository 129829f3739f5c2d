"""`lineage-guard alert`: what waits, what was given up, sending it again, and trying the sinks."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from http_server import answering
from pager import Pager

from lineage_guard.alerts import LogSink, send
from lineage_guard.alerts.delivery.outbox import ATTEMPTS, Waiting
from lineage_guard.alerts.send import change
from lineage_guard.cli import cli
from lineage_guard.ledger import open_ledger

NOW = datetime.now(UTC)


@pytest.fixture
def ledger(tmp_path):
    return open_ledger(tmp_path / "ledger")


@pytest.fixture
def run(ledger):
    def invoke(*args: str):
        place = () if args[0] in ("test", "route") else ("--ledger", ledger.location)
        return CliRunner().invoke(cli, ["alert", *args, *place])

    return invoke


def given_up(ledger, *ids: str, state: str = "alerts-training") -> None:
    """Put alerts among the dead, as twelve failures do."""
    from dataclasses import replace

    from lineage_guard.alerts import Context
    from lineage_guard.alerts.content.notices import sample

    one = replace(sample(NOW, Context()), page=True)
    dead = tuple(
        Waiting(replace(one, id=i, incident=f"lg-{i}"), "pager", NOW, ATTEMPTS, "ConnectionError") for i in ids
    )
    change(ledger, state, lambda incidents, box: (incidents, replace(box, dead=(*box.dead, *dead)), None))


def test_nothing_waits(run):
    result = run("list")
    said = "Nothing waits: no sensor has told anything on this ledger yet; check its place.\n"
    assert (result.exit_code, result.output) == (0, said)
    assert run("resend", "--all", "--sink", "pagr").output.startswith("Nothing waits for sink pagr; ")


def test_what_was_given_up_is_listed_over_all_code_locations(run, ledger):
    given_up(ledger, "aaa111")
    given_up(ledger, "bbb222", state="alerts-serving")
    result = run("list")
    assert result.exit_code == 1
    assert "DEAD     aaa111  pager" in result.output
    assert "12 attempts, over by now" in result.output
    assert "ConnectionError" in result.output
    said = json.loads(run("list", "--json").output)["alerts"]
    assert [(a["id"], a["state"], a["dead"]) for a in said] == [
        ("bbb222", "alerts-serving", True),
        ("aaa111", "alerts-training", True),
    ]
    assert run("list", "--sink", "other").exit_code == 0


def test_what_is_sent_again_arrives_at_the_next_tick_and_wakes_nobody_when_it_is_over(run, ledger):
    given_up(ledger, "aaa111", "bbb222")
    assert run("resend", "aaa").output == "1 will be sent at the next tick of the sensor.\n"
    pager = Pager()
    send([], [pager], ledger, datetime.now(UTC), state="alerts-training")
    assert [(a.id, a.event, a.page) for a in pager.alerts] == [("aaa111", "RESOLVE", False)]
    assert pager.alerts[0].headline.startswith("[OVER BY NOW] ")
    assert run("resend", "--all").exit_code == 0
    send([], [pager], ledger, datetime.now(UTC), state="alerts-training")
    assert [a.id for a in pager.alerts] == ["aaa111", "bbb222"]
    assert run("list").exit_code == 0


def test_a_standing_block_that_was_given_up_pages_when_it_is_sent_again(run, ledger, standing_block):
    report = send([standing_block], [Pager(dead=True)], ledger, NOW, state="alerts-training")
    assert report.waiting == len(report.notices)
    again = run("resend", "--all")
    assert again.exit_code == 0
    pager = Pager()
    send([], [pager, LogSink()], ledger, datetime.now(UTC), state="alerts-training")
    assert {(a.event, a.page) for a in pager.alerts} == {("OPEN", True)}


@pytest.fixture
def standing_block():
    from lineage_guard.domain.facts import Completeness, Input, ModelSource, Production, Version
    from lineage_guard.domain.lineage.closure import close
    from lineage_guard.domain.rules.policy import Match, Policy, Rule, Subject
    from lineage_guard.domain.rules.terms import TRAIN_COMPETING, Effect, FixedTerms
    from lineage_guard.domain.verdict.decide import decide

    rules = (Rule("no-gaps", Subject.GAP, Effect.UNKNOWN, "Missing is not clean.", "Declare it.", Match()),)
    made = Version("default", "synth", None, "r1")
    model = ModelSource("openai", "gpt-4o", channel="api.openai.com")
    step = Production((Version("default", "student", None, "r2"),), inputs=(Input(made),))
    closure = close(step, [Production((made,), models=(model,), completeness=Completeness.INCOMPLETE)])
    return decide(closure, Policy("test", rules=rules, terms=FixedTerms({}), digest="p"), (), TRAIN_COMPETING, NOW)


def test_what_is_dropped_is_gone(run, ledger):
    given_up(ledger, "aaa111", "bbb222")
    assert run("drop", "lg-aaa111").output == "1 dropped.\n"
    assert [a["id"] for a in json.loads(run("list", "--json").output)["alerts"]] == ["bbb222"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("resend",), "say which"),
        (("resend", "x", "--all"), "say which"),
        (("resend", "zzz"), "nothing of that id waits"),
        (("drop", "a"), "it is the beginning of several"),
    ],
)
def test_it_is_not_guessed_which_one_is_meant(run, ledger, args, said):
    given_up(ledger, "a1", "a2")
    result = run(*args)
    assert result.exit_code == 3
    assert said in result.output


def test_the_sample_goes_to_every_sink_of_the_environment(run, monkeypatch):
    got: list[dict] = []

    def keep(sent: bytes) -> int:
        got.append(json.loads(sent))
        return 200

    with answering(keep) as url:
        sink = f"webhook:{url.removeprefix('http://')}"
        monkeypatch.setenv("LINEAGE_GUARD_WEBHOOK_URL", f"{url}/s3cret")
        result = run("test")
        assert result.exit_code == 0
        assert "ok      log\n" in result.output
        assert f"ok      {sink}\n" in result.output
        assert [(a["headline"], a["page"]) for a in got] == [("[TEST] Lineage Guard can reach this sink", False)]
        assert run("test", "--page").exit_code == 0
        assert [(a["event"], a["page"]) for a in got[1:]] == [("OPEN", True), ("RESOLVE", False)]
    failed = run("test", "--json", "--sink", sink)
    assert failed.exit_code == 1
    assert "no answer: ConnectError" in failed.output
    assert "s3cret" not in failed.output
    assert run("test", "--sink", "nobody").exit_code == 3


def test_what_cannot_be_set_up_fails_the_test_and_is_named(run, monkeypatch, tmp_path):
    monkeypatch.setenv("LINEAGE_GUARD_SLACK_TOKEN", "xoxb-s3cret")
    monkeypatch.setenv("LINEAGE_GUARD_ALERT_ROUTES", str(tmp_path / "none.yaml"))
    result = run("test")
    assert result.exit_code == 1
    assert "FAILED  slack" in result.output
    assert "none.yaml: the file of alert routes cannot be read" in result.output
    assert "s3cret" not in result.output


def test_the_route_of_an_asset_is_told(run, monkeypatch, tmp_path):
    monkeypatch.setenv("LINEAGE_GUARD_SNS_TOPIC_ARN", "arn:aws:sns:eu-west-1:123456789012:on-call")
    file = tmp_path / "routes.yaml"
    file.write_text('format: 1\nroutes: [{owners: ["team:nlp"], sinks: ["sns:on-call"]}]\ndefault: [log]\n')
    monkeypatch.setenv("LINEAGE_GUARD_ALERT_ROUTES", str(file))
    assert run("route", "student", "--owner", "team:nlp").output == "log\nsns:on-call\n"
    assert run("route", "student").output == "log\n"
