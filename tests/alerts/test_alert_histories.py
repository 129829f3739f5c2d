"""Random histories of verdicts, told to PagerDuty through faults, restarts and changed routes: the sink's own view."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest
from alerting import CLAUDE, GPT, TextLedger, at, verdict
from hypothesis import given, settings
from hypothesis import strategies as st
from receivers import PAGERDUTY_KEY, PagerDuty

from lineage_guard.alerts import Context, Destinations, LogSink, PagerDutySink, Route, Routes, Undelivered, send
from lineage_guard.alerts.sinks import pagerduty
from lineage_guard.alerts.sinks.exchange import Answer

OWNERS = ("team:a", "team:b")
KEYS = {"team:a": PAGERDUTY_KEY, "team:b": "b" * 32}


class Wire:
    """Between sink and service: delivers, fails before, or loses the answer after."""

    def __init__(self) -> None:
        self.service = PagerDuty(keys=tuple(KEYS.values()))
        self.fault = "none"

    def post(self, url: str, body: bytes, headers: object, timeout: float, sink: str) -> Answer:
        lost = Undelivered("no answer", where=sink, fix="wait")
        if self.fault == "down":
            raise lost
        status, _, text = self.service.answer(url.removeprefix(pagerduty.URL), {}, body)
        if self.fault == "answer lost":
            raise lost
        return Answer(status, text)


@pytest.fixture(scope="module")
def wire_of() -> Iterator[list[Wire]]:
    holder: list[Wire] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pagerduty, "post", lambda *args: holder[-1].post(*args))
        yield holder


moments = st.lists(
    st.tuples(
        st.sampled_from(["none", "down", "answer lost"]),
        st.lists(
            st.tuples(
                st.sampled_from(["x", "y", "z"]),
                st.sampled_from([(GPT,), (), (CLAUDE,), (GPT, CLAUDE)]),
                st.booleans(),
            ),
            min_size=1,
            max_size=3,
        ),
        st.sampled_from([0.1, 0.2, 1, 7, 40]),
        st.lists(st.sampled_from(OWNERS), min_size=3, max_size=3),
    ),
    min_size=1,
    max_size=10,
)


@given(history=moments)
@settings(max_examples=40, deadline=None)
def test_nobody_is_woken_twice_and_every_alert_ends_where_it_began(wire_of, history):
    wire_of.append(wire := Wire())
    ledger, minute, pages = TextLedger(), 0.0, Counter[str]()
    sinks = (LogSink(), *(PagerDutySink(key, name=owner.replace(":", "-")) for owner, key in KEYS.items()))
    routes = Routes(tuple(Route((owner.replace(":", "-"),), owners=(owner,)) for owner in OWNERS))

    def tick(verdicts, owners) -> None:
        context = Context(owners={name: (owner,) for name, owner in zip("xyz", owners, strict=True)})
        report = send(verdicts, Destinations(sinks, routes), ledger, at(minute), context)
        assert report.dead == ()
        for alert, sink in report.delivered:
            pages[f"{alert} {sink}"] += 1

    for fault, seen, wait, owners in history:
        wire.fault = fault
        tick([verdict(minute, *models, target=name, blind=blind) for name, models, blind in seen], owners)
        minute += wait
    wire.fault = "none"
    for _ in range(8):
        tick([verdict(minute, target=name) for name in "xyz"], ("team:a",) * 3)
        minute += 45
    assert wire.service.open == {}, "an alert stays open for ever"
    assert max(pages.values(), default=1) == 1, "one message arrived twice"
    opened: Counter[tuple[str, str]] = Counter()
    for event in wire.service.events:
        opened[event["routing_key"], event["dedup_key"]] += 1
    ends = Counter((e["routing_key"], e["dedup_key"]) for e in wire.service.events if e["event_action"] == "resolve")
    begins = Counter((e["routing_key"], e["dedup_key"]) for e in wire.service.events if e["event_action"] == "trigger")
    assert begins.keys() == ends.keys(), "an end without its beginning, or a beginning without its end"
    assert json.loads(ledger.texts["alerts"])["outbox"]["waiting"] == [] if ledger.texts else True
