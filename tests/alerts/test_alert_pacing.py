"""Paces: what a receiver takes is kept over ticks, pages go first, and nothing is lost or overtaken."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from alerting import T0, TextLedger, at, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.alerts import Alert, Context, LogSink, PagerDutySink, SlackSink, send
from lineage_guard.alerts.content.notices import sample
from lineage_guard.alerts.delivery.deliver import deliver
from lineage_guard.alerts.delivery.outbox import Outbox, Waiting, urgent
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


def ends(count: int) -> list[Alert]:
    one = sample(T0, Context())
    return [replace(one, id=f"end{n:03}", incident=f"i{n:03}", event="RESOLVE", page=False) for n in range(count)]


def test_the_ends_of_a_storm_drain_in_order_at_the_pace_of_the_pager_and_a_new_page_goes_before_them():
    rates, now = {"paced": PagerDutySink.rate}, T0
    box = Outbox().put(ends(300), lambda _: ("paced",), now)
    page = replace(sample(T0, Context()), id="page", incident="new", page=True)
    sent: list[str] = []
    for tick in range(20):
        if tick == 2:
            box = box.put([page], lambda _: ("paced",), now)
        due = box.due(now, rates)
        assert len(due) <= PagerDutySink.rate.burst, "what a receiver takes"
        box = box.claimed(due, now, rates)
        sent += [w.alert.id for w in due]
        if tick == 2:
            assert due[0].alert.id == "page", "though 180 ends wait before it"
        for w in due:
            box = box.delivered(w)
        now += timedelta(seconds=30)
    assert [id_ for id_ in sent if id_ != "page"] == [a.id for a in ends(300)], "all of them, in order, each once"
    assert box.waiting == ()


def test_a_page_takes_the_end_of_its_earlier_episode_with_it_past_all_others():
    every = [*ends(40), replace(sample(T0, Context()), id="again", incident="i039", page=True)]
    box = Outbox().put(every, lambda _: ("paced",), at(0))
    assert [w.alert.id for w in box.due(at(0), {"paced": RATE})] == ["end039", "again", "end000"]


def test_an_end_that_was_put_off_for_an_hour_does_not_put_off_the_page_behind_it():
    box = Outbox().put(ends(2), lambda _: ("paced",), at(0))
    for w in box.waiting:
        for _ in range(9):
            w = w.failed("PagerDuty answered 400", at(0))
        box = box.put_off(w)
    assert box.due(at(20)) == ()
    again = replace(sample(T0, Context()), id="again", incident="i001", page=True)
    box = box.put([again], lambda _: ("paced",), at(20))
    assert [w.alert.id for w in box.due(at(20))] == ["end001", "again"]
    box = box.claimed(box.due(at(20)), at(20))
    more = replace(again, id="and again")
    assert box.put([more], lambda _: ("paced",), at(20.5)).due(at(20.5)) == (), "what is on its way is not sent twice"


def test_a_page_to_a_sink_that_failed_goes_before_what_wakes_nobody_at_any_other():
    tried: list[str] = []

    class Slow(Paced):
        rate = None

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def send(self, alert: Alert) -> None:
            tried.append(f"{alert.id} to {self.name}")

    sinks = {name: Slow(name) for name in ("pager", "hook")}
    now = at(0)
    box = Outbox().put(ends(3), lambda _: ("hook",), now)
    box = box.put([replace(ends(1)[0], id="bad", incident="bad")], lambda _: ("pager",), now)
    box = box.put_off(box.waiting[-1].failed("PagerDuty answered 400", at(-10)))
    page = replace(sample(T0, Context()), id="page", incident="new", page=True)
    box = box.put([page], lambda _: ("pager", "hook"), now)
    ticking = iter(range(100))
    deliver(box.due(now), box, sinks, now, budget=3, clock=lambda: next(ticking))
    assert tried == ["page to hook", "page to pager"], "the budget is spent on pages first"


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["paced", "free"]), st.booleans(), st.booleans()), max_size=14
    )
)
@settings(max_examples=80, deadline=None)
def test_whatever_waits_no_thread_is_overtaken_and_no_page_is_left_out_for_what_wakes_nobody(lines):
    one = sample(T0, Context())
    waiting = tuple(
        Waiting(replace(one, id=f"a{n}", incident=f"i{i}", page=page), sink, at(5) if late else at(0))
        for n, (i, sink, page, late) in enumerate(lines)
    )
    due = Outbox(waiting).due(at(0), {"paced": RATE})
    free: list[Waiting] = []
    for n, w in enumerate(waiting):
        if all(other.next_at <= at(0) for other in waiting[: n + 1] if other.thread == w.thread):
            free.append(w)
    early = urgent(free)
    for thread in {w.thread for w in waiting}:
        whole = [w for w in waiting if w.thread == thread]
        sent = [w for w in due if w.thread == thread]
        assert sent == whole[: len(sent)], "in order, and nothing left out between"
        assert all(w.next_at <= at(0) for w in sent)
    for sink in ("paced", "free"):
        sent = [w for w in due if w.sink == sink]
        assert sink == "free" or len(sent) <= RATE.burst
        ready = [w for w in free if w.sink == sink]
        pages = [w for w in ready if w.place in early]
        assert sent[: len(pages)] == pages[: len(sent)], "pages first, with what stands before them"
        assert len(sent) == (len(ready) if sink == "free" else min(len(ready), RATE.burst)), "and nothing else waits"
