"""The metrics on a real OpenTelemetry meter provider, as an in-memory reader collects them."""

from __future__ import annotations

from pathlib import Path

import pytest
from health_world import at, decided, empty, ticked
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from lineage_guard.health import METRICS
from lineage_guard.health.otel import instrument
from lineage_guard.ledger.asking.tally import BOUNDS


def collected(reader: InMemoryMetricReader) -> dict[str, object]:
    data = reader.get_metrics_data()
    assert data is not None
    return {m.name: m for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics}


def points(metric: object) -> dict[tuple[str, ...], float]:
    return {tuple(sorted(p.attributes.values())): p.value for p in metric.data.data_points}  # type: ignore[attr-defined]


@pytest.mark.filterwarnings("error")
def test_every_metric_is_collected_with_its_unit(tmp_path: Path) -> None:
    ledger = empty(tmp_path)
    ticked(ledger, lag=4)
    decided(ledger, 1, took=9.0)
    ledger.store("delivery-openlineage", {"position": None, "failures": 1, "error": "refused"})
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    instrument(ledger, provider, clock=lambda: at(60))
    first = collected(reader)
    assert "lineage_guard.gate.duration" not in first  # what steps waited before is not told again
    decided(ledger, 2, took=0.2)
    decided(ledger, 3, took=0.2)
    decided(ledger, 4, took=7.0)
    found = collected(reader)
    sinks = {f"lineage_guard.alerts.{each}" for each in ("waiting", "dead", "missed")}  # and none was ever told
    assert {m.name: m.unit for m in METRICS if m.name not in sinks} == {n: m.unit for n, m in found.items()}
    assert points(found["lineage_guard.collection.lag"]) == {("dagster:prod", "training"): 4}
    assert points(found["lineage_guard.decisions"]) == {("ALLOW", "default", "enforce", "train_competing"): 4}
    assert found["lineage_guard.decisions"].data.is_monotonic
    [gate] = found["lineage_guard.gate.duration"].data.data_points
    assert tuple(gate.explicit_bounds) == BOUNDS
    assert (gate.count, gate.sum) == (3, pytest.approx(7.4))
    assert gate.bucket_counts[BOUNDS.index(0.25)] == 2
    assert gate.bucket_counts[BOUNDS.index(10.0)] == 1
    [again] = collected(reader)["lineage_guard.gate.duration"].data.data_points
    assert again.count == 3
    provider.shutdown()


def test_readers_share_an_instrument_and_each_reads_anew(tmp_path: Path) -> None:
    ledger = empty(tmp_path)
    readers = [InMemoryMetricReader(), InMemoryMetricReader()]
    provider = MeterProvider(readers)
    instrument(ledger, provider, clock=lambda: at(60))
    for n in range(3):
        decided(ledger, n)
        for reader in readers:
            assert sum(points(collected(reader)["lineage_guard.decisions"]).values()) == n + 1
    provider.shutdown()
