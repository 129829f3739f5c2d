"""What is shown of what was measured: every metric by name, and its values. Pure; exporters only translate.

Names and units are those of OpenTelemetry's conventions. Labels are few and bounded: no asset, run or partition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from lineage_guard.domain.incidents.heartbeat import Heartbeat
from lineage_guard.health.measures import MEASURES, Measured
from lineage_guard.ledger.asking.tally import BOUNDS, Sort

#: Sorts of decisions that are told apart; more are counted together.
_SORTS = 200
_MANY = Sort("(other)", "(other)", "(other)", "(other)")


@dataclass(frozen=True, slots=True)
class Histogram:
    """How long something took, by bucket.

    Attributes:
        bounds: upper bounds in seconds; one more bucket has none.
        counts: how many, by bucket, not cumulated.
        sums: how long in all, by bucket, in seconds.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    sums: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: OpenTelemetry name.
        kind: ``gauge``, ``counter`` or ``histogram``.
        unit: UCUM unit, ``s`` or an annotation such as ``{event}``.
        description: what it says.
        labels: names of its labels.
    """

    name: str
    kind: str
    unit: str
    description: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a metric.

    Attributes:
        labels: values of its labels, in their order.
        value: the number, or the histogram.
    """

    labels: tuple[str, ...]
    value: float | Histogram


@dataclass(frozen=True)
class Readings:
    """All metrics at one moment.

    Attributes:
        values: by name of the metric; a metric that could not be measured is not among them.
        failed: why measures could not be had, by name of the measure.
    """

    values: Mapping[str, tuple[Value, ...]]
    failed: Mapping[str, str]


_SENSOR = ("location", "event_log")


def _sensors(of: Callable[[Heartbeat], float]) -> Callable[[Measured, timedelta | None], list[Value]]:
    return lambda m, _: [Value((b.location, b.source), of(b)) for b in m.beats.beats] if m.beats else []


def _ages(m: Measured, _: timedelta | None) -> list[Value]:
    beats = m.beats.beats if m.beats else ()
    return [Value((b.location, b.source), (m.at - b.at).total_seconds()) for b in beats]


def _stale(m: Measured, after: timedelta | None) -> list[Value]:
    beats = m.beats.beats if m.beats else ()
    return [Value((b.location, b.source), float(b.silent(m.at, after))) for b in beats]


def _decisions(m: Measured, _: timedelta | None) -> list[Value]:
    counts = dict(m.tally.decisions) if m.tally else {}
    most = sorted(counts, key=lambda sort: (-counts[sort], sort))
    kept = {sort: counts[sort] for sort in sorted(most[:_SORTS])}
    if rest := most[_SORTS:]:
        kept[_MANY] = sum(counts[sort] for sort in rest)
    return [Value(tuple(sort), n) for sort, n in kept.items()]


def _waits(m: Measured, _: timedelta | None) -> list[Value]:
    return [Value((), Histogram(BOUNDS, m.tally.waits.counts, m.tally.waits.seconds))] if m.tally else []


def _sinks(name: str) -> Callable[[Measured, timedelta | None], list[Value]]:
    def values(m: Measured, _: timedelta | None) -> list[Value]:
        counts: Mapping[str, int] = getattr(m.alerts, name) if m.alerts else {}
        return [Value((sink,), n) for sink, n in sorted(counts.items())]

    return values


def _incidents(m: Measured, _: timedelta | None) -> list[Value]:
    return [Value((kind,), m.alerts.open.get(kind, 0)) for kind in ("BLIND", "BLOCKED")] if m.alerts else []


def _backends(name: str) -> Callable[[Measured, timedelta | None], list[Value]]:
    return lambda m, _: [Value((d.destination,), getattr(d, name)) for d in m.deliveries or ()]


def _ledger(name: str) -> Callable[[Measured, timedelta | None], list[Value]]:
    return lambda m, _: [Value((), getattr(m.ledger, name))] if m.ledger else []


def _failed(m: Measured, _: timedelta | None) -> list[Value]:
    return [Value((name,), float(name in m.failed)) for name in MEASURES]


_HOW: dict[Metric, tuple[str, Callable[[Measured, timedelta | None], Sequence[Value]]]] = {
    Metric(
        "lineage_guard.sensor.tick.age", "gauge", "s", "Since the sensor last ticked, by the clocks of both.", _SENSOR
    ): ("beats", _ages),
    Metric(
        "lineage_guard.sensor.stale", "gauge", "1", "1 when the sensor was silent for longer than it may be.", _SENSOR
    ): ("beats", _stale),
    Metric(
        "lineage_guard.collection.lag",
        "gauge",
        "{id}",
        "Event-log ids that the sensor had not read when it last ticked.",
        _SENSOR,
    ): ("beats", _sensors(lambda b: b.lag)),
    Metric(
        "lineage_guard.collection.lag.time",
        "gauge",
        "s",
        "Age of the oldest materialisation that the sensor had not read when it last ticked.",
        _SENSOR,
    ): ("beats", _sensors(lambda b: b.behind.total_seconds())),
    Metric(
        "lineage_guard.decisions",
        "counter",
        "{decision}",
        "Verdicts in the ledger: the gate's, and those taken again by the sensor.",
        ("decision", "policy", "use", "mode"),
    ): ("tally", _decisions),
    Metric(
        "lineage_guard.gate.duration",
        "histogram",
        "s",
        "How long training steps waited for the gate's answer.",
    ): ("tally", _waits),
    Metric("lineage_guard.incidents.open", "gauge", "{incident}", "Open incidents.", ("kind",)): ("alerts", _incidents),
    Metric("lineage_guard.alerts.waiting", "gauge", "{alert}", "Alerts that wait for a sink.", ("sink",)): (
        "alerts",
        _sinks("waiting"),
    ),
    Metric(
        "lineage_guard.alerts.dead", "gauge", "{alert}", "Alerts that were given up and not sent again.", ("sink",)
    ): ("alerts", _sinks("dead")),
    Metric(
        "lineage_guard.alerts.missed", "gauge", "{alert}", "Pages that a sink has not taken for minutes.", ("sink",)
    ): ("alerts", _sinks("missed")),
    Metric(
        "lineage_guard.delivery.backlog",
        "gauge",
        "{event}",
        "OpenLineage events that wait for a lineage backend.",
        ("destination",),
    ): ("deliveries", _backends("backlog")),
    Metric(
        "lineage_guard.delivery.failures",
        "gauge",
        "{attempt}",
        "Deliveries that failed one after the other; 0 when the last one went well.",
        ("destination",),
    ): ("deliveries", _backends("failures")),
    Metric(
        "lineage_guard.delivery.refused",
        "gauge",
        "{event}",
        "OpenLineage events that the backend refused, and that nobody has sent again.",
        ("destination",),
    ): ("deliveries", _backends("refused")),
    Metric("lineage_guard.ledger.events", "gauge", "{event}", "Events in the ledger."): ("ledger", _ledger("events")),
    Metric("lineage_guard.ledger.tail", "gauge", "{event}", "Events that the ledger's index does not cover."): (
        "ledger",
        _ledger("tail"),
    ),
    Metric("lineage_guard.ledger.versions", "gauge", "{version}", "Dataset versions in the ledger's index."): (
        "ledger",
        _ledger("versions"),
    ),
    Metric("lineage_guard.ledger.parts", "gauge", "{part}", "Parts of the ledger's index."): (
        "ledger",
        _ledger("parts"),
    ),
    Metric(
        "lineage_guard.reading.failed",
        "gauge",
        "1",
        "1 when these metrics could not be measured; they are missing then.",
        ("reading",),
    ): ("", _failed),
}

#: Every metric there is, in the order of the documentation.
METRICS: tuple[Metric, ...] = tuple(_HOW)


def readings(measured: Measured, after: timedelta | None = None) -> Readings:
    """All metrics of what was measured.

    Args:
        measured: see ``Measuring``.
        after: how long a sensor may be silent; its own interval says when ``None``.

    Example:
        >>> from datetime import UTC, datetime
        >>> nothing = Measured(datetime.now(UTC), failed={"ledger": "no such bucket"})
        >>> [v.value for v in readings(nothing).values["lineage_guard.reading.failed"] if v.labels == ("ledger",)]
        [1.0]
    """
    values = {m.name: tuple(how(measured, after)) for m, (needs, how) in _HOW.items() if needs not in measured.failed}
    return Readings(values, measured.failed)


def to_dict(shown: Readings) -> dict[str, object]:
    """The readings as plain JSON data.

    Args:
        shown: from ``readings``.
    """
    metrics: list[dict[str, object]] = []
    for metric in METRICS:
        for value in shown.values.get(metric.name, ()):
            labels = dict(zip(metric.labels, value.labels, strict=True))
            said: object = value.value
            if isinstance(value.value, Histogram):
                h = value.value
                said = {"bounds": list(h.bounds), "counts": list(h.counts), "sum": sum(h.sums), "count": sum(h.counts)}
            metrics.append({"name": metric.name, "unit": metric.unit, "labels": labels, "value": said})
    return {"metrics": metrics, "failed": dict(shown.failed)}
