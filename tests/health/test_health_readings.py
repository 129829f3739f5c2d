"""What is measured of a guard, from a real ledger; and that one measure that fails costs no other."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from health_world import at, decided, empty, sign, ticked
from pager import Pager

from lineage_guard.alerts import send
from lineage_guard.domain.incidents.heartbeat import verdict_on
from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.health import METRICS, Histogram, Measuring, health, readings
from lineage_guard.health.readings import to_dict
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.deliver import drain


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return empty(tmp_path)


def shown(ledger: Ledger, seconds: float = 60, measuring: Measuring | None = None) -> dict[str, Mapping[tuple, object]]:
    found = readings((measuring or Measuring(ledger)).measure(at(seconds)))
    return {name: {v.labels: v.value for v in values} for name, values in found.values.items()}


def histogram(ledger: Ledger, measuring: Measuring) -> Histogram:
    [value] = shown(ledger, measuring=measuring)["lineage_guard.gate.duration"].values()
    assert isinstance(value, Histogram)
    return value


def test_a_sensor_is_shown_as_it_ticked_last(ledger: Ledger) -> None:
    from datetime import timedelta

    ticked(ledger, "training", 0, lag=7, behind=timedelta(seconds=90))
    ticked(ledger, "serving", 50)
    found = shown(ledger, 400)
    mine, other = ("training", "dagster:prod"), ("serving", "dagster:prod")
    assert found["lineage_guard.sensor.tick.age"] == {mine: 400.0, other: 350.0}
    assert found["lineage_guard.sensor.stale"] == {mine: 1.0, other: 1.0}
    assert found["lineage_guard.collection.lag"] == {mine: 7, other: 0}
    assert found["lineage_guard.collection.lag.time"] == {mine: 90.0, other: 0.0}
    assert shown(ledger, 299)["lineage_guard.sensor.stale"] == {mine: 0.0, other: 0.0}


@pytest.mark.parametrize("compacted", [False, True])
def test_a_verdict_counts_once_however_many_versions_it_is_filed_under(ledger: Ledger, compacted: bool) -> None:
    decided(ledger, 1, Decision.BLOCK, 0.05)
    decided(ledger, 2, Decision.ALLOW, 3.0, partitions=("a", "b", "c"))
    decided(ledger, 3, Decision.ALLOW, None)  # taken again: no step waited
    if compacted:
        ledger.compact()
    measuring = Measuring(ledger)
    found = shown(ledger, measuring=measuring)["lineage_guard.decisions"]
    assert found == {
        ("BLOCK", "default", "train_competing", "enforce"): 1,
        ("ALLOW", "default", "train_competing", "enforce"): 2,
    }
    waits = histogram(ledger, measuring)
    assert sum(waits.counts) == 2
    assert waits.counts[waits.bounds.index(0.05)] == 1  # a bound belongs to its bucket
    assert waits.counts[waits.bounds.index(5.0)] == 1
    assert sum(waits.sums) == pytest.approx(3.05)


def test_counting_goes_on_over_appends_and_compactions(ledger: Ledger) -> None:
    measuring = Measuring(ledger)
    for n in range(12):
        decided(ledger, n)
        if n % 4 == 3:
            open_ledger(ledger.location).compact()  # by another process
        assert sum(histogram(ledger, measuring).counts) == n + 1


def test_what_the_index_covers_is_not_counted_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    from lineage_guard.ledger.index.index import Index

    for n in range(3):
        decided(ledger, n)
    ledger.compact()
    asked: list[str] = []
    rows = Index.rows
    monkeypatch.setattr(Index, "rows", lambda self, query, *a, **k: asked.append(query) or rows(self, query, *a, **k))
    measuring = Measuring(ledger)
    for n in range(3, 6):
        decided(ledger, n)
        assert sum(histogram(ledger, measuring).counts) == n + 1
    assert asked.count("tallied") == 1


def test_labels_stay_few_whatever_policies_are_called(ledger: Ledger) -> None:
    for n in range(230):
        decided(ledger, n, policy=f"p{n:03d}")
    found = shown(ledger)["lineage_guard.decisions"]
    assert len(found) == 201
    assert found[("(other)",) * 4] == 30
    assert sum(found.values()) == 230  # type: ignore[call-overload]


def test_what_waits_for_a_backend_is_counted_as_it_is_delivered(ledger: Ledger, tmp_path: Path) -> None:
    to_file = {"transport": {"type": "file", "log_file_path": str(tmp_path / "out.jsonl"), "append": True}}
    measuring = Measuring(ledger)
    for n in range(5):
        decided(ledger, n)
    assert shown(ledger, measuring=measuring)["lineage_guard.delivery.backlog"] == {}  # nothing was ever sent anywhere
    assert drain(ledger, to_file, limit=2).delivered == 2
    backlog = lambda m: shown(ledger, measuring=m)["lineage_guard.delivery.backlog"]  # noqa: E731
    assert backlog(measuring) == backlog(Measuring(ledger)) == {("openlineage",): 3}
    decided(ledger, 6)
    assert backlog(measuring) == {("openlineage",): 4}
    assert drain(ledger, to_file).delivered == 4
    assert backlog(measuring) == backlog(Measuring(ledger)) == {("openlineage",): 0}


def test_a_long_backlog_is_counted_piece_by_piece(ledger: Ledger, tmp_path: Path) -> None:
    to_file = {"transport": {"type": "file", "log_file_path": str(tmp_path / "out.jsonl"), "append": True}}
    for n in range(9):
        decided(ledger, n)
    drain(ledger, to_file, limit=1)
    measuring = Measuring(ledger, at_once=3)
    seen = [shown(ledger, measuring=measuring)["lineage_guard.delivery.backlog"][("openlineage",)] for _ in range(4)]
    assert seen == [3, 6, 8, 8]


def test_alerts_are_shown_by_sink_and_incidents_by_kind(ledger: Ledger) -> None:
    pager, dead = Pager(), Pager("mail", dead=True)
    send([verdict_on(sign(), at(0), silent=True)], [pager, dead], ledger, at(0))
    found = shown(ledger)
    assert found["lineage_guard.alerts.waiting"] == {("mail",): 1, ("pager",): 0}
    assert found["lineage_guard.alerts.dead"] == {("mail",): 0, ("pager",): 0}
    assert found["lineage_guard.incidents.open"] == {("BLIND",): 1, ("BLOCKED",): 0}


def test_a_measure_that_fails_is_a_metric_and_costs_no_other(ledger: Ledger) -> None:
    decided(ledger, 1)
    ticked(ledger)
    ledger.store("alerts-training", {"incidents": "what is this"})
    measured = Measuring(ledger).measure(at(10))
    assert list(measured.failed) == ["alerts"]
    found = readings(measured)
    failed = {v.labels[0]: v.value for v in found.values["lineage_guard.reading.failed"]}
    assert failed == {"ledger": 0.0, "beats": 0.0, "deliveries": 0.0, "alerts": 1.0, "tally": 0.0}
    missing = {m.name for m in METRICS} - set(found.values)
    of_alerts = {f"lineage_guard.alerts.{each}" for each in ("waiting", "dead", "missed")}
    assert missing == {*of_alerts, "lineage_guard.incidents.open"}
    [alerts] = [c for c in health(measured).checks if c.name == "alerts"]
    assert not alerts.ok
    assert "cannot be read" in alerts.said


def test_a_ledger_that_cannot_be_read_is_not_well(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("a file, not a folder")
    found = health(Measuring(empty(tmp_path)).measure(at(0)))
    assert not found.ok
    assert [c.name for c in found.checks if not c.ok] == ["ledger", "sensors", "delivery", "alerts"]


def test_health_names_what_is_wrong(ledger: Ledger) -> None:
    assert "no sensor has ever ticked" in health(Measuring(ledger).measure(at(0))).checks[1].said
    ticked(ledger)
    assert health(Measuring(ledger).measure(at(10))).ok
    late = health(Measuring(ledger).measure(at(301)))
    assert not late.ok
    assert late.checks[1].said == "training last ticked 5 min ago"
    ledger.store("delivery-openlineage", {"position": None, "failures": 4, "error": "refused"})
    stuck = health(Measuring(ledger).measure(at(10)))
    assert [c.name for c in stuck.checks if not c.ok] == ["delivery"]


def test_readings_are_json(ledger: Ledger) -> None:
    decided(ledger, 1, took=0.2)
    told = json.loads(json.dumps(to_dict(readings(Measuring(ledger).measure(at(0))))))
    [gate] = [m for m in told["metrics"] if m["name"] == "lineage_guard.gate.duration"]
    assert (gate["unit"], gate["value"]["count"], gate["value"]["sum"]) == ("s", 1, 0.2)
    assert told["failed"] == {}
