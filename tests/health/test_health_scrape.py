"""What machines ask of a real server, over HTTP, and parse with the scraper's own parser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from asgi_server import running
from health_world import at, decided, empty, ticked
from pager import Pager
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus
from starlette.applications import Starlette

from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.health import METRICS
from lineage_guard.health.prometheus import name_of
from lineage_guard.ledger import Ledger
from lineage_guard.web.monitoring import monitoring, watching


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return empty(tmp_path)


@pytest.fixture
def url(ledger: Ledger) -> Iterator[str]:
    with running(Starlette(routes=list(monitoring(ledger, clock=lambda: at(60))))) as address:
        yield address


def test_a_scrape_is_what_prometheus_parses(ledger: Ledger, url: str) -> None:
    ticked(ledger, 'a "quoted"\\ näme\n', lag=3)
    decided(ledger, 1, Decision.BLOCK, 0.2)
    decided(ledger, 2, Decision.ALLOW, 7.0)
    answer = httpx.get(f"{url}/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    samples = {(s.name, tuple(sorted(s.labels.items()))): s.value for f in prometheus(answer.text) for s in f.samples}
    names = {name for name, _ in samples}
    assert {"lineage_guard_decisions_total", "lineage_guard_gate_duration_seconds_bucket"} <= names
    labels = (("event_log", "dagster:prod"), ("location", 'a "quoted"\\ näme\n'))
    assert samples[("lineage_guard_collection_lag", labels)] == 3
    assert samples[("lineage_guard_sensor_tick_age_seconds", labels)] == 60
    gate = "lineage_guard_gate_duration_seconds"
    assert samples[(f"{gate}_count", ())] == 2
    assert samples[(f"{gate}_sum", ())] == pytest.approx(7.2)
    assert [samples[(f"{gate}_bucket", (("le", le),))] for le in ("0.1", "0.25", "5.0", "10.0", "+Inf")] == [
        *(0, 1, 1, 2, 2)
    ]


def test_every_metric_is_offered_in_openmetrics_too(ledger: Ledger, url: str) -> None:
    decided(ledger, 1)
    accept = "application/openmetrics-text; version=1.0.0"
    answer = httpx.get(f"{url}/metrics", headers={"Accept": accept}, timeout=30)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    offered = {f.name for f in openmetrics(answer.text)}
    assert offered == {name_of(m).removesuffix("_total") for m in METRICS}


def test_a_broken_ledger_does_not_break_the_scrape(ledger: Ledger, url: str) -> None:
    Path(ledger.location).write_text("a file, not a folder")
    answer = httpx.get(f"{url}/metrics", timeout=30)
    assert answer.status_code == 200
    [failed] = prometheus(answer.text)
    assert {s.labels["reading"]: s.value for s in failed.samples}["ledger"] == 1
    assert httpx.get(f"{url}/healthz").status_code == 200
    ready = httpx.get(f"{url}/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
    assert ledger.location not in ready.text


def test_health_is_200_or_503_with_reasons(ledger: Ledger, url: str) -> None:
    assert httpx.get(f"{url}/health").status_code == 503
    ticked(ledger, seconds=50)
    well = httpx.get(f"{url}/health")
    assert (well.status_code, well.json()["status"]) == (200, "ok")
    assert httpx.get(f"{url}/readyz").json() == {"status": "ok"}
    ticked(ledger, seconds=-600)
    missed = httpx.get(f"{url}/health")
    assert missed.status_code == 503
    wrong = {c["check"]: c for c in missed.json()["checks"] if not c["ok"]}
    assert list(wrong) == ["sensors"]
    assert "training last ticked" in wrong["sensors"]["found"]
    assert "--forget" in wrong["sensors"]["fix"]


def test_a_server_watches_in_the_background_and_stops_when_told(ledger: Ledger) -> None:
    pager, times = Pager(), [at(0), at(400), at(800)]
    told = threading.Event()

    class Waited(Pager):
        def send(self, alert: object) -> None:
            pager.send(alert)  # type: ignore[arg-type]
            told.set()

    ticked(ledger)
    ledger.store("heartbeat/dagster:prod/odd", {"broken": True})
    seen = iter(times)
    # The watcher goes by its own seconds; a limit of two intervals of nearly nothing is soon over.
    from dataclasses import replace
    from datetime import timedelta

    from health_world import sign

    from lineage_guard.health import beat

    beat(ledger, replace(sign(), interval=timedelta(milliseconds=1)))
    clock = lambda: next(seen, at(1200))  # noqa: E731
    with watching(ledger, [Waited()], after=timedelta(milliseconds=1), every=0.01, clock=clock) as thread:
        assert told.wait(30)
    assert not thread.is_alive()
    assert pager.told == ["OPEN"]
