"""A real tick leaves a sign of life and misses other sensors; the commands say how the guard is."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from click.testing import CliRunner
from health_world import decided, ticked
from pager import Pager
from prometheus_client.parser import text_string_to_metric_families

from lineage_guard.cli import cli
from lineage_guard.dagster.sensor import heartbeat
from lineage_guard.dagster.sensor.sensor import Delivery, tick
from lineage_guard.dagster.settings import Settings
from lineage_guard.health import heartbeats

sys.path.insert(0, str(Path(__file__).parents[1] / "dagster"))
from collect_world import World, now, openai, world


@pytest.fixture
def w(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(heartbeat, "_WATCHING", {})
    with world() as made:
        yield made


def ticks(w: World, pager: Pager) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(instance=w.instance, definitions=dg.Definitions(assets=w.assets))
    return tick(context, Settings(ledger=w.ledger.location), Delivery(sinks=[pager]), now())


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli, list(args))
    return result.exit_code, result.output


def test_a_tick_leaves_a_sign(w: World) -> None:
    w.assets = [openai("synth")]
    w.run("synth")
    decided(w.ledger, 1)
    ticks(w, Pager())
    [beat] = heartbeats(w.ledger).beats
    assert (beat.lag, beat.policy, beat.behind.total_seconds()) == (0, "default", 0)
    assert beat.source.startswith("dagster:")
    assert beat.policy_digest.startswith("sha256:") or beat.policy_digest
    code, text = run("metrics", "--ledger", w.ledger.location)
    assert code == 0
    samples = {s.name: s.value for f in text_string_to_metric_families(text) for s in f.samples}
    assert samples["lineage_guard_gate_duration_seconds_count"] == 1
    assert samples["lineage_guard_sensor_stale"] == 0
    code, text = run("metrics", "--json", "--ledger", w.ledger.location)
    told = {m["name"]: m["value"] for m in json.loads(text)["metrics"]}
    assert told["lineage_guard.gate.duration"]["count"] == 1
    assert run("health", "--ledger", w.ledger.location)[0] == 0


def test_a_tick_misses_the_sensor_of_another_location(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    w.assets = [openai("synth")]
    pager = Pager()
    ticked(w.ledger, "serving")  # months ago, by the clock of this machine or behind it
    monkeypatch.setattr(heartbeat, "LOOK_EVERY", -1.0)
    ticks(w, pager)
    assert not [a for a in pager.alerts if a.rule == "guard-stale"]  # not before it is sure that it is not the clocks
    watching, looked = heartbeat._WATCHING[w.ledger.location]
    watching._clock = lambda: looked + 1000
    ticks(w, pager)
    [alert] = [a for a in pager.alerts if a.rule == "guard-stale"]
    assert alert.cause == "sensor:serving"


def test_cron_pages_forgets_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import UTC, datetime, timedelta

    from health_world import empty, sign

    from lineage_guard.health import beat

    ledger = empty(tmp_path)
    place = ("--ledger", ledger.location)
    assert run("health", *place)[0] == 1
    from dataclasses import replace

    beat(ledger, replace(sign(), at=datetime.now(UTC) - timedelta(hours=1)))
    code, text = run("health", "--page", *place)
    assert code == 1
    assert "FAIL  sensors: training last ticked 60 min ago" in text
    assert "Told: OPEN The guard's sensor of training is silent" in text
    assert "Told" not in run("health", "--page", *place)[1]
    assert run("health", "--stale-after", "7200", *place)[0] == 0
    monkeypatch.setenv("LINEAGE_GUARD_STALE_AFTER", "soon")
    assert run("health", *place)[0] == 3
    monkeypatch.delenv("LINEAGE_GUARD_STALE_AFTER")
    assert "known are: training" in run("health", "--forget", "other", *place)[1]
    assert "Told: RESOLVE" in run("health", "--forget", "training", *place)[1]
    assert heartbeats(ledger).beats == ()


def test_an_unreadable_ledger_is_exit_4(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file, not a folder")
    code, text = run("health", "--ledger", str(tmp_path / "ledger"))
    assert code == 4
    assert "FAIL  ledger" in text
    code, text = run("metrics", "--ledger", str(tmp_path / "ledger"))
    assert code == 0
    assert 'lineage_guard_reading_failed{reading="ledger"} 1.0' in text
