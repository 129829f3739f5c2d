"""The metrics as Prometheus reads them. Needs the extra ``web``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import cast

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector, CollectorRegistry

from lineage_guard.health.readings import METRICS, Histogram, Metric, Readings


class Exported(Collector):
    """A collector for a registry of prometheus-client, e.g. one that an application has already.

    Args:
        read: gives the readings, at every scrape.
    """

    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read

    def describe(self) -> Iterator[Family]:
        """Nothing: registering it must not read the ledger."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        """Every metric that could be measured."""
        shown = self._read()
        for metric in METRICS:
            if metric.name in shown.values:
                yield _family(metric, shown)


def exposition(read: Callable[[], Readings], accept: str = "") -> tuple[bytes, str]:
    """All metrics as text, and its media type.

    Args:
        read: gives the readings.
        accept: the Accept header of whoever scrapes; decides between Prometheus' text and OpenMetrics.
    """
    registry = CollectorRegistry()
    registry.register(Exported(read))
    encode, media = choose_encoder(accept)
    return encode(cast("Collector", registry)), media


def name_of(metric: Metric) -> str:
    """The name under which Prometheus has a metric.

    Example:
        >>> [name_of(m) for m in METRICS if m.name.startswith(("lineage_guard.gate", "lineage_guard.decisions"))]
        ['lineage_guard_decisions_total', 'lineage_guard_gate_duration_seconds']
    """
    return _base(metric) + ("_total" if metric.kind == "counter" else "")


def _base(metric: Metric) -> str:
    return metric.name.replace(".", "_") + ("_seconds" if metric.unit == "s" else "")


def _family(metric: Metric, shown: Readings) -> Family:
    name, values = _base(metric), shown.values[metric.name]
    if metric.kind == "histogram":
        family = HistogramMetricFamily(name, metric.description, labels=metric.labels)
        for each in values:
            if isinstance(each.value, Histogram):
                bounds = [*map(str, each.value.bounds), "+Inf"]
                buckets = list(zip(bounds, accumulate(each.value.counts), strict=True))
                family.add_metric(each.labels, buckets, sum(each.value.sums))
        return family
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(name, metric.description, labels=metric.labels)
    for each in values:
        family.add_metric(each.labels, cast("float", each.value))
    return family
