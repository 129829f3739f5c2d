"""The sensor: collects, decides again what changed, shows it as an asset check, delivers what it must."""

import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from unittest.mock import Mock

import dagster as dg
import pytest
from collect_world import World, derived, human, now, openai
from http_server import answering
from pager import Pager

from lineage_guard import guard
from lineage_guard.alerts import LogSink
from lineage_guard.dagster.declare import declare, training
from lineage_guard.dagster.keys import CHECK_NAME
from lineage_guard.dagster.sensor.check import training_checks
from lineage_guard.dagster.sensor.sensor import Delivery, build_sensor, tick
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.facts import ModelSource

KEY = dg.AssetKey("student")


def student(w: World, *deps: str) -> dg.AssetsDefinition:
    return derived(w, "student", lambda c, p: frozenset(), deps=list(deps), tags=training())


class Ticks:
    """Ticks of one sensor over a world, with the cursor kept as the daemon keeps it."""

    def __init__(self, w: World, **delivery: Any) -> None:
        self.w = w
        self.settings = Settings(ledger=w.ledger.location)
        self.delivery = Delivery(**{"sinks": [LogSink()], **delivery})
        self.cursor: str | None = None
        self.guarded = True
        self.clock = timedelta()

    def __call__(self) -> dg.SensorResult | dg.SkipReason:
        if self.guarded:
            guard(list(self.w.assets), ledger=self.w.ledger.location)
        checks = training_checks([s for a in self.w.assets for s in a.specs], self.settings)
        defs = dg.Definitions(assets=self.w.assets, asset_checks=checks)
        context = dg.build_sensor_context(instance=self.w.instance, definitions=defs, cursor=self.cursor)
        result = tick(context, self.settings, self.delivery, now() + self.clock)
        self.cursor = context.cursor
        if isinstance(result, dg.SensorResult):
            for event in result.asset_events:
                self.w.instance.report_runless_asset_event(event)
        return result

    def check(self) -> Any:
        found = self.w.instance.event_log_storage.get_latest_asset_check_execution_by_key(
            [dg.AssetCheckKey(KEY, CHECK_NAME)]
        )
        return next(iter(found.values())).event.dagster_event.asset_check_evaluation_data if found else None


def test_blocked_training_shows_as_a_failed_check_and_pages_once(w: World) -> None:
    pager = Pager()
    w.assets = [openai("synth"), student(w, "synth")]
    w.run("synth")
    ticks = Ticks(w, sinks=[pager])
    ticks()
    shown = ticks.check()
    assert not shown.passed
    assert shown.severity is dg.AssetCheckSeverity.ERROR
    assert "BLOCKED" in shown.description
    assert "gpt-4o" in str(shown.metadata["lineage_guard/explanation"].value)
    assert len(pager.alerts) == 1
    again = ticks()
    assert isinstance(again, dg.SkipReason)
    assert len(pager.alerts) == 1


def test_clean_training_passes_and_changes_when_its_upstream_does(w: World) -> None:
    w.assets = [human("text"), student(w, "text")]
    w.run("text")
    ticks = Ticks(w)
    ticks()
    assert ticks.check().passed
    w.assets = [openai("text"), student(w, "text")]
    w.run("text")
    assert isinstance(ticks(), dg.SensorResult)
    assert not ticks.check().passed


def test_what_was_trained_stays_red_until_it_is_trained_again(w: World) -> None:
    w.assets = [openai("text"), student(w, "text")]
    w.run("text", "student")
    w.assets = [human("text"), student(w, "text")]
    w.run("text")
    ticks = Ticks(w)
    ticks()
    assert not ticks.check().passed
    assert ticks.check().description.startswith("What was trained last")
    w.run("student")
    ticks()
    assert ticks.check().passed


def test_training_on_missing_provenance_is_not_clean(w: World) -> None:
    @dg.asset
    def somewhere() -> None: ...

    w.assets = [somewhere, student(w, "somewhere")]
    w.run("somewhere")
    ticks = Ticks(w)
    ticks()
    assert not ticks.check().passed
    assert ticks.check().severity is dg.AssetCheckSeverity.ERROR


def test_what_the_gate_collected_is_judged_too(w: World) -> None:
    """The gate writes to the ledger from its own process; the sensor must not miss what it wrote."""
    from lineage_guard.dagster.collect.collect import collect_upstream
    from lineage_guard.dagster.events import EventLog
    from lineage_guard.dagster.pins.history import History
    from lineage_guard.dagster.pins.resolve import Pins

    w.assets = [human("text"), student(w, "text")]
    w.run("text")
    ticks = Ticks(w)
    ticks()
    assert ticks.check().passed
    w.assets = [openai("text"), student(w, "text")]
    w.run("text")
    log = EventLog(w.instance)
    reads = Pins(log, History(log), w.graph, "default").upcoming(KEY, [None], now(), log.head()).reads
    assert collect_upstream(w.instance, w.graph, w.ledger, reads, namespace="default", now=now()).appended == 1
    ticks()
    assert not ticks.check().passed


def test_dead_sink_and_dead_backend_raise_nothing_and_lose_nothing(w: World, tmp_path: Path) -> None:
    pager = Pager(dead=True)
    w.assets = [openai("synth"), student(w, "synth")]
    w.run("synth")
    ticks = Ticks(w, sinks=[pager], transport={"transport": {"type": "http", "url": "http://127.0.0.1:9"}})
    ticks()
    assert not ticks.check().passed
    state = w.ledger.load("delivery-openlineage")
    assert state is not None
    assert state["error"]


def test_with_every_sink_dead_no_tick_fails_and_verdict_and_gate_are_the_same(
    w: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    w.assets = [openai("synth"), student(w, "synth")]
    w.run("synth")
    well = Ticks(w, sinks=[Pager()])
    well()
    said = well.check()
    dead = {
        "LINEAGE_GUARD_WEBHOOK_URL": "http://127.0.0.1:9/x",
        "LINEAGE_GUARD_PAGERDUTY_ROUTING_KEY": "0" * 32,
        "LINEAGE_GUARD_PAGERDUTY_URL": "http://127.0.0.1:9",
        "LINEAGE_GUARD_SLACK_TOKEN": "xoxb-1",
        "LINEAGE_GUARD_SLACK_CHANNEL": "C1",
        "LINEAGE_GUARD_SLACK_URL": "http://127.0.0.1:9",
        "LINEAGE_GUARD_SMTP_URL": "smtp://127.0.0.1:9?tls=off",
        "LINEAGE_GUARD_MAIL_FROM": "guard@example.com",
        "LINEAGE_GUARD_MAIL_TO": "on-call@example.com",
        "LINEAGE_GUARD_APPRISE_URLS": "json://127.0.0.1:9/",
        "LINEAGE_GUARD_SNS_TOPIC_ARN": "not one",
        "LINEAGE_GUARD_ALERT_ROUTES": str(tmp_path / "none.yaml"),
    }
    for name, value in dead.items():
        monkeypatch.setenv(name, value)
    w.ledger.archive.put("state/alerts.json", b"{}")
    ticks = Ticks(w, sinks=None)
    ticks()
    assert ticks.check().description == said.description
    state = w.ledger.load("alerts")
    assert state is not None
    waiting = cast("dict[str, Any]", state["outbox"])["waiting"]
    assert {sink for _, sink, *_ in waiting} == {
        "webhook:127.0.0.1:9",
        "pagerduty",
        "slack",
        "mail",
        "apprise:json",
        "sns",
    }
    with pytest.raises(dg.Failure, match="gpt-4o"):
        w.run("student")


def test_events_are_delivered(w: World, tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    w.assets = [human("text"), student(w, "text")]
    w.run("text")
    transport = {"transport": {"type": "file", "log_file_path": str(out), "append": True}}
    Ticks(w, transport=transport)()
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert ("COMPLETE", "text") in {(e["eventType"], e["job"]["name"]) for e in lines}


def test_events_that_the_backend_refuses_are_said(w: World, capfd: pytest.CaptureFixture[str]) -> None:
    w.assets = [human("text"), student(w, "text")]
    w.run("text")
    with answering(lambda _: 422) as url:
        Ticks(w, transport={"transport": {"type": "http", "url": url}})()
    [said] = [line for line in capfd.readouterr().err.splitlines() if "events refused" in line]
    assert "2 OpenLineage events refused (lineage-guard sync --refused), START of default:text" in said
    assert "422" in said


def test_lost_cursor_shows_again_and_nothing_else(w: World) -> None:
    w.assets = [openai("synth"), student(w, "synth")]
    w.run("synth")
    pager = Pager()
    ticks = Ticks(w, sinks=[pager])
    ticks()
    events = len(list(w.ledger.events()))
    ticks.cursor = None
    ticks()
    assert len(list(w.ledger.events())) == events
    assert len(pager.alerts) == 1


def test_waiver_that_ends_is_noticed(w: World) -> None:
    from lineage_guard.catalog import load_catalog, load_policy
    from lineage_guard.dagster.sensor.sensor import _rules
    from lineage_guard.domain.rules.waivers import Waiver

    catalog = load_catalog()
    policy = load_policy("default", catalog)
    at = now()
    waiver = Waiver("w", "r", "*", "why", "a", "b", "T-1", expires=at + timedelta(seconds=5))
    settings = Settings(waivers=(waiver,))
    assert _rules(policy, catalog, settings, at) != _rules(policy, catalog, settings, at + timedelta(seconds=6))


def test_check_can_be_executed_by_hand(w: World) -> None:
    w.assets = [openai("synth"), student(w, "synth")]
    w.run("synth")
    settings = Settings(ledger=w.ledger.location)
    checks = training_checks([s for a in w.assets for s in a.specs], settings)
    result = dg.materialize([*w.assets, *checks], selection=dg.AssetSelection.checks(*checks), instance=w.instance)
    assert [e.passed for e in result.get_asset_check_evaluations()] == [False]


def test_sensor_runs_by_default() -> None:
    sensor = build_sensor(Settings(ledger="/nowhere"), minimum_interval=45)
    assert sensor.name == "lineage_guard"
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 45


def test_quiet_tick_imports_nothing_heavy(w: World) -> None:
    w.assets = [human("text"), student(w, "text")]
    w.run("text")
    ticks = Ticks(w)
    ticks()
    code = f"""
import sys
import dagster as dg
from datetime import datetime, UTC
from lineage_guard.dagster.declare import declare, source, training
from lineage_guard.dagster.sensor.sensor import Delivery, tick
from lineage_guard.dagster.settings import Settings
from lineage_guard import guard
from lineage_guard.alerts import LogSink

@dg.asset(metadata=source(human=True, license="CC0-1.0"))
def text(): ...

@dg.asset(deps=["text"], tags=training())
def student(): ...

with dg.DagsterInstance.local_temp({w.instance.root_directory!r}) as instance:
    defs = dg.Definitions(assets=guard([text, student], ledger={w.ledger.location!r}))
    context = dg.build_sensor_context(instance=instance, definitions=defs, cursor={ticks.cursor!r})
    result = tick(context, Settings(ledger={w.ledger.location!r}), Delivery(sinks=[LogSink()]), datetime.now(UTC))
    assert isinstance(result, dg.SkipReason), result
    print([m for m in ("great_expectations", "boto3", "openlineage.client", "pandas") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.strip().splitlines()[-1:] == ["[]"], done.stderr[-2000:]


def test_verdicts_that_could_not_be_handed_over_are_brought_again(w: World) -> None:
    w.assets = [openai("raw"), student(w, "raw")]
    w.run("raw")
    good = Pager()
    ticks = Ticks(w, sinks=[good, good])
    ticks()
    assert good.alerts == [], "two sinks of one name are refused"
    ticks.delivery = Delivery(sinks=[good])
    ticks()
    assert [a.event for a in good.alerts] == ["OPEN"], "the block was judged again, though nothing changed"


def test_alerts_name_the_owners_of_the_training_asset(w: World) -> None:
    owned = dg.map_asset_specs(lambda s: s.replace_attributes(owners=["team:nlp"]), [student(w, "raw")])
    w.assets = [openai("raw"), *owned]
    w.run("raw")
    pager = Pager()
    Ticks(w, sinks=[pager])()
    assert pager.alerts[0].owners == ("team:nlp",)


def test_a_training_asset_without_a_gate_is_an_incident_and_a_red_check(w: World) -> None:
    w.assets = [human("text"), student(w, "text")]
    w.run("text")
    pager = Pager()
    ticks = Ticks(w, sinks=[pager])
    ticks.guarded = False
    ticks()
    assert not ticks.check().passed
    assert "No gate stands before this asset" in str(ticks.check().metadata["lineage_guard/explanation"].value)
    assert [(a.event, a.kind) for a in pager.alerts] == [("OPEN", "BLIND")]
    ticks.guarded = True
    ticks()
    assert ticks.check().passed
    assert [a.event for a in pager.alerts] == ["OPEN", "RESOLVE"]


def test_a_clock_that_was_set_back_silences_no_alert(w: World) -> None:
    w.assets = [human("text"), student(w, "text")]
    w.run("text")
    pager = Pager()
    ticks = Ticks(w, sinks=[pager])
    ticks()
    assert pager.alerts == []
    w.assets = [openai("text"), student(w, "text")]
    w.run("text")
    ticks.clock = timedelta(hours=-2)
    ticks()
    assert [a.event for a in pager.alerts] == ["OPEN"]


def decisions(w: World) -> list[tuple[str, str, bool]]:
    filed = w.ledger.decisions("default", "student", limit=100)
    return [(str(d["runId"]), str(d["policy"]["name"]), bool(d["stops"])) for d in filed]


def test_a_stricter_policy_judges_everything_trained_again_once_and_opens_an_incident(w: World) -> None:
    pager = Pager()
    w.assets = [openai("text"), student(w, "text")]
    w.run("text", "student")
    w.run("student")
    ticks = Ticks(w, sinks=[pager])
    ticks.settings = Settings(ledger=w.ledger.location, policy="observe")
    ticks()
    assert pager.alerts == []
    assert not any(stops for _, _, stops in decisions(w))

    ticks.settings = Settings(ledger=w.ledger.location, policy="default")
    ticks()
    [alert] = pager.alerts
    assert "gpt-4o" in alert.headline
    # The version that is in use and the one before it: the newest alone is not all that was trained.
    marked = [run for run, policy, stops in decisions(w) if stops and policy == "default"]
    assert len(marked) == len(set(marked)) == 2
    before = len(list(w.ledger.events()))
    assert isinstance(ticks(), dg.SkipReason)
    assert len(list(w.ledger.events())) == before
    assert len(pager.alerts) == 1

    # History stays: what was decided first is still on record behind the new verdict, and can be let go again.
    ticks.settings = Settings(ledger=w.ledger.location, policy="observe")
    ticks()
    newest = {run: stops for run, _, stops in reversed(decisions(w))}
    assert sorted(newest.values()) == [False, False]


def test_new_terms_of_a_model_that_was_trained_on_open_an_incident(w: World, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"

    def terms(effect: str) -> None:
        uses = ("train_competing", "train_internal_generative", "train_internal_classifier", "evaluate")
        effects = ", ".join(f"{use}: {effect}" for use in (*uses, "rag_or_inference_context"))
        own.write_text(
            "format: 1\nterms:\n  - id: acme-terms\n    provider: Acme\n    kind: open_weights\n    providers: [acme]\n"
            "    models: [acme-chat-*]\n    channels: [self-hosted]\n    license: LicenseRef-acme\n"
            f"    effects: {{{effects}}}\n    summary: Ours ({effect}).\n    url: https://acme.example/models\n"
            "    source: legal/models.md\n    date_read: 2026-11-01\n    confidence: verified\n"
        )

    terms("allow")
    acme = declare(ModelSource("acme", "acme-chat-7b", channel="self-hosted"))

    @dg.asset(name="text", metadata=acme)
    def text(context: dg.AssetExecutionContext) -> None:
        context.add_output_metadata(acme)

    pager = Pager()
    w.assets = [text, student(w, "text")]
    w.run("text", "student")
    ticks = Ticks(w, sinks=[pager])
    ticks.settings = Settings(ledger=w.ledger.location, catalog=(own,))
    ticks()
    assert ticks.check().passed
    assert pager.alerts == []
    terms("block")
    ticks()
    assert not ticks.check().passed
    assert [a for a in pager.alerts if "acme-chat-7b" in a.headline]
    assert [stops for _, _, stops in decisions(w)] == [True]


def owed(ticks: Ticks) -> list[str]:
    return json.loads(ticks.cursor or "")["owed"]


def test_versions_that_one_tick_did_not_come_to_are_owed_to_the_next(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped and released again, a few a tick: each once, and nobody is told twice."""
    from lineage_guard.dagster.sensor import decide, redecide

    pager = Pager()
    w.assets = [openai("text"), student(w, "text")]
    w.run("text", "student")
    w.run("student")
    w.run("student")
    ticks = Ticks(w, sinks=[pager])
    ticks.settings = Settings(ledger=w.ledger.location, policy="observe")
    ticks()
    monkeypatch.setattr(redecide.redecide, "__defaults__", (2, None, False))
    filed = len(decisions(w))
    for policy, stops in (("default", True), ("observe", False)):
        ticks.settings = Settings(ledger=w.ledger.location, policy=policy)
        with monkeypatch.context() as broken:  # the tick that sees the change comes to nothing
            broken.setattr(decide, "redecide", Mock(side_effect=OSError("no disk")))
            ticks()
        assert len(decisions(w)) == filed
        ticks()
        assert 0 < len(decisions(w)) - filed < 3
        assert owed(ticks) == ["student"]
        more = 0
        while owed(ticks):  # also when nothing is left to file: those that stay stopped are more than one tick asks
            more += 1
            assert more < 12
            ticks()
        filed += 3
        assert len(decisions(w)) == filed
        assert set({run: said for run, _, said in reversed(decisions(w))}.values()) == {stops}
    assert [a.event for a in pager.alerts if "gpt-4o" in a.headline] == ["OPEN", "RESOLVE"]
