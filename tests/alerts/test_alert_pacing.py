"""Paces: what a receiver takes is kept over ticks, pages go first, and nothing is lost or overtaken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerting import T0, TextLedger, at, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.alerts import Alert, Context, LogSink, PagerDutySink, SlackSink, send
from lineage_guard.alerts.content import sample
from lineage_guard.alerts.outbox import Outbox
from lineage_guard.alerts.pacing import Pace, Rate, allowance, from_dict, spent, to_dict
from lineage_guard.domain.facts import ModelSource

RATE = Rate(burst=3, per_second=0.1)


class Paced:
    name = "paced"
    rate = RATE

    def __init__(self) -> None:
        self.got: list[Alert] = []

    def send(self, alert: Alert) -> None:
        self.got.append(alert)


def alerts(*pages: bool) -> list[Alert]:
    one = sample(T0, Context())
    return [replace(one, id=f"a{n}", incident=f"i{n}", page=page) for n, page in enumerate(pages)]


def test_what_does_not_fit_waits_for_later_ticks():
    sink, ledger = Paced(), TextLedger()
    box = Outbox().put(alerts(*[True] * 7), lambda _: ("paced",), at(0))
    assert len(box.due(at(0), {"paced": RATE})) == 3
    box = box.claimed(box.due(at(0), {"paced": RATE}), at(0), {"paced": RATE})
    assert box.due(at(0), {"paced": RATE}) == ()
    assert len(box.due(at(0.5), {"paced": RATE})) == 3, "half a minute earns three"
    many = [verdict(0, *[ModelSource("openai", "gpt-4o", channel=f"c{n}") for n in range(3)], target="t")]
    report = send(many, [sink, LogSink()], ledger, at(0))
    assert report.waiting + len(sink.got) == len(report.notices)


def test_several_ticks_keep_the_pace_of_one():
    ledger, sink = TextLedger(), Paced()
    for n in range(8):
        send([verdict(n / 100, _gpt(), target=f"t{n}")], [sink], ledger, at(n / 100), deployment(n))
    assert len(sink.got) == 3
    for n in range(1, 100):
        send([], [sink], ledger, at(n))
    assert len(sink.got) == 8


def deployment(n: int) -> Context:
    """Of its own, so that each is an incident of its own."""
    return Context(deployment=f"d{n}")


def _gpt() -> ModelSource:
    return ModelSource("openai", "gpt-4o", channel="api.openai.com")


def test_pages_go_before_what_wakes_nobody():
    box = Outbox().put(alerts(False, False, True, True), lambda _: ("paced",), at(0))
    assert [w.alert.id for w in box.due(at(0), {"paced": RATE})] == ["a2", "a3", "a0"]


def test_a_page_never_overtakes_what_came_before_it_on_its_incident():
    one = sample(T0, Context())
    first = replace(one, id="end", event="RESOLVE", page=False)
    then = replace(one, id="again", page=True)
    box = Outbox().put([first, then], lambda _: ("paced",), at(0))
    assert [w.alert.id for w in box.due(at(0))] == ["end", "again"]


def test_the_paces_of_pagerduty_and_slack():
    assert PagerDutySink.rate.burst + 60 * PagerDutySink.rate.per_second <= 120
    assert SlackSink.rate.per_second <= 1


@given(
    burst=st.integers(1, 20),
    per_second=st.floats(0.05, 5),
    steps=st.lists(st.tuples(st.floats(-5, 30), st.integers(0, 30)), max_size=30),
)
@settings(max_examples=60, deadline=None)
def test_no_minute_ever_sees_more_than_burst_and_a_minute_of_pace(burst, per_second, steps):
    rate, now, pace = Rate(burst, per_second), T0, None
    sent: list[tuple[float, int]] = []
    for wait, wish in steps:
        now += timedelta(seconds=max(wait, 0))
        count = min(wish, int(allowance(pace, rate, now)))
        pace = spent(pace, rate, now, count)
        assert from_dict(to_dict({"s": pace})) == {"s": pace}
        sent.append(((now - T0).total_seconds(), count))
    for begin, _ in sent:
        assert sum(n for t, n in sent if begin <= t < begin + 60) <= burst + 60 * per_second + 1e-6


def test_a_clock_that_was_set_back_earns_nothing():
    assert allowance(Pace(1, at(10)), RATE, at(0)) == 1
