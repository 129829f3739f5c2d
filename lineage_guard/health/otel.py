"""The metrics as OpenTelemetry instruments. Needs the extra ``otel``.

The gate runs in steps' processes that are gone when somebody looks, so the process that watches speaks for all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from opentelemetry import metrics

from lineage_guard.health.measures import Measuring
from lineage_guard.health.readings import METRICS, Histogram, Metric, Readings, readings
from lineage_guard.ledger.asking.tally import BOUNDS
from lineage_guard.ledger.ledger import utc_now

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger

_KINDS = {"gauge": "create_observable_gauge", "counter": "create_observable_counter"}


def instrument(
    ledger: Ledger,
    provider: metrics.MeterProvider | None = None,
    after: timedelta | None = None,
    clock: Callable[[], datetime] = utc_now,
) -> None:
    """Put every metric of a ledger on a meter provider. Call it once, in one process that stays.

    What steps waited before this call is not told again; every other metric is the ledger's whole.

    Args:
        ledger: what is measured.
        provider: the application's; the global one when ``None``.
        after: how long a sensor may be silent; its own interval says when ``None``.
        clock: the time.

    Example:
        >>> import tempfile
        >>> from opentelemetry.sdk.metrics import MeterProvider
        >>> from lineage_guard.ledger import open_ledger
        >>> instrument(open_ledger(tempfile.mkdtemp()), MeterProvider())
    """
    meter = metrics.get_meter("lineage_guard", meter_provider=provider)
    measuring = Measuring(ledger)
    reading = _Reading(lambda: readings(measuring.measure(clock()), after))
    # Collected first of all: what it records is then in the same collection.
    for metric in METRICS:
        if metric.kind == "histogram":
            recorder = meter.create_histogram(
                metric.name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=list(BOUNDS)
            )
            reading.recorded(metric, recorder)
    for metric in METRICS:
        if metric.kind != "histogram":
            create = getattr(meter, _KINDS[metric.kind])
            create(metric.name, [reading.observing(metric)], metric.unit, metric.description)


class _Reading:
    """The readings of one collection, shared by the callbacks of all instruments."""

    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._shown = Readings({}, {})
        self._served: set[str] = set()
        self._recorders: list[tuple[Metric, metrics.Histogram]] = []
        self._told: dict[str, Histogram] = {}
        first = self._read()
        for name, values in first.values.items():
            for value in values:
                if isinstance(value.value, Histogram):
                    self._told[name] = value.value

    def recorded(self, metric: Metric, recorder: metrics.Histogram) -> None:
        """Record what is new of a histogram at each collection; an observable histogram does not exist."""
        self._recorders.append((metric, recorder))

    def observing(self, metric: Metric) -> Callable[[metrics.CallbackOptions], Iterator[metrics.Observation]]:
        """What an instrument asks at each collection."""

        def observe(_: metrics.CallbackOptions) -> Iterator[metrics.Observation]:
            for value in self._of(metric.name).values.get(metric.name, ()):
                yield metrics.Observation(
                    cast("float", value.value), dict(zip(metric.labels, value.labels, strict=True))
                )

        return observe

    def _of(self, name: str) -> Readings:
        """The readings of this collection: read anew when an instrument asks for the second time."""
        with self._lock:
            if name in self._served or not self._served:
                self._shown = self._read()
                self._served.clear()
                self._record()
            self._served.add(name)
            return self._shown

    def _record(self) -> None:
        for metric, recorder in self._recorders:
            for value in self._shown.values.get(metric.name, ()):
                if isinstance(value.value, Histogram):
                    _record(recorder, value.value, self._told.get(metric.name))
                    self._told[metric.name] = value.value


def _record(recorder: metrics.Histogram, now: Histogram, before: Histogram | None) -> None:
    """Record what came to each bucket since, as its mean: counts and sum are exact, and nothing else is shown."""
    counts = before.counts if before else (0,) * len(now.counts)
    sums = before.sums if before else (0.0,) * len(now.sums)
    for n, n0, total, total0 in zip(now.counts, counts, now.sums, sums, strict=True):
        for _ in range(n - n0):
            recorder.record(max(total - total0, 0.0) / (n - n0))
