"""A pager that cannot be reached: the others hear of it once, whatever fails when, and it ends."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import replace
from datetime import timedelta

import pytest
from alerting import CLAUDE, GPT, TextLedger, at, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.alerts import Alert, Context, LogSink, Undelivered, send
from lineage_guard.alerts.delivery.outbox import ATTEMPTS
from lineage_guard.alerts.letters import drop, letters, resend
from lineage_guard.alerts.routes.routing import Destinations, Route, Routes
from lineage_guard.alerts.sinks.base import UnusableSink
from lineage_guard.alerts.state import read_state
from lineage_guard.domain.errors import ConfigError


class Switched:
    """A sink that can be reached or not, and knows what its receiver holds open."""

    def __init__(self, name: str, *, down: bool = False) -> None:
        self.name = name
        self.down = down
        self.got: list[Alert] = []
        self.open: dict[str, bool] = defaultdict(bool)

    def send(self, alert: Alert) -> None:
        if self.down:
            raise Undelivered("no answer in time", where=self.name, fix="see whether it is well")
        begins = alert.event in ("OPEN", "REOPEN")
        assert self.open[alert.incident] != begins, "it begins once, and nothing goes on that did not begin"
        self.open[alert.incident] = alert.event != "RESOLVE"
        self.got.append(alert)

    def heard(self) -> list[tuple[str, bool]]:
        return [(a.event, a.page) for a in self.got if a.reason == "PAGE_NOT_DELIVERED"]


class Named(TextLedger):
    def names(self, prefix: str = "") -> tuple[str, ...]:
        return tuple(sorted(name for name in self.texts if name.startswith(prefix)))


CONTEXT = Context("prod", serve_url="https://guard.example")


def tick(ledger: Named, sinks, minutes: float, *verdicts) -> None:
    send(verdicts, sinks, ledger, at(minutes), CONTEXT)


def test_a_page_that_fails_for_minutes_is_told_through_the_other_sinks_once_and_ends_when_it_arrives() -> None:
    ledger, pager, chat = Named(), Switched("pager", down=True), Switched("chat")
    sinks = [LogSink(), pager, chat]
    tick(ledger, sinks, 0, verdict(0, GPT))
    for minutes in range(1, 7):
        tick(ledger, sinks, minutes)
    assert chat.heard() == [], "an outage of a few minutes is none of theirs"
    for minutes in range(7, 20):
        tick(ledger, sinks, minutes)
    assert chat.heard() == [("OPEN", True)]
    told = chat.got[-1]
    assert (told.kind, told.headline) == ("BLIND", "[BLIND] 1 page could not be delivered to pager")
    assert "no answer in time" in told.message
    assert told.causes == (chat.got[0].headline,)
    assert told.links["Incident"] == chat.got[0].links["Incident"]
    assert told.runbook == "https://guard.example/runbooks/page-not-delivered"
    assert any("alert test --sink pager" in c for way in told.ways for c in way.commands)

    tick(ledger, sinks, 20, verdict(20, CLAUDE, target="other"))
    for minutes in range(21, 40):
        tick(ledger, sinks, minutes)
    assert chat.heard() == [("OPEN", True), ("WIDEN", False)]
    assert len(chat.got[-1].causes) == 2
    pager.down = False
    for minutes in range(40, 120):
        tick(ledger, sinks, minutes)
    assert chat.heard() == [("OPEN", True), ("WIDEN", False), ("RESOLVE", False)]
    assert pager.heard() == []
    assert read_state(ledger)[1].unheard == {}
    assert {a.incident for a in chat.got} >= set(read_state(ledger)[1].conversations), "what is over is forgotten"
    assert told.incident not in read_state(ledger)[1].conversations


def test_a_sink_that_asks_to_be_left_alone_for_an_hour_is_told_of_at_once_and_not_after_six_such_hours() -> None:
    class Busy(Switched):
        asks: float | None = 3600

        def send(self, alert: Alert) -> None:
            if self.down:
                raise Undelivered("it answered 429", where=self.name, fix="wait", retry_after=self.asks)
            super().send(alert)

    ledger, pager, chat = Named(), Busy("pager", down=True), Switched("chat")
    sinks = [LogSink(), pager, chat]
    tick(ledger, sinks, 0, verdict(0, GPT))
    tick(ledger, sinks, 1)
    assert chat.heard() == [("OPEN", True)]
    assert "it answered 429" in chat.got[-1].message
    tick(ledger, sinks, 2, verdict(2, CLAUDE, target="other"))
    tick(ledger, sinks, 3)
    assert chat.heard() == [("OPEN", True), ("WIDEN", False)], "a page that was not even tried waits as well"
    pager.asks = None
    tick(ledger, sinks, 61)
    tick(ledger, sinks, 62)
    assert chat.heard() == [("OPEN", True), ("WIDEN", False)], "it failed in another way, and is not over"
    pager.down = False
    for minutes in (70, 71, 72):
        tick(ledger, sinks, minutes)
    assert chat.heard() == [("OPEN", True), ("WIDEN", False), ("RESOLVE", False)]
    assert [a.page for a in pager.got] == [True, True]


def test_what_was_given_up_stays_told_until_it_is_sent_again_dropped_or_over() -> None:
    for end in (resend_all, drop_all, over):
        ledger, pager, chat = Named(), Switched("pager", down=True), Switched("chat")
        sinks = [LogSink(), pager, chat]
        tick(ledger, sinks, 0, verdict(0, GPT))
        for hours in range(1, 24):
            tick(ledger, sinks, 61 * hours)
        assert [letter.dead for letter in letters(ledger)] == [True]
        assert chat.heard() == [("OPEN", True)]
        end(ledger, sinks)
        assert chat.heard() == [("OPEN", True), ("RESOLVE", False)]


def resend_all(ledger: Named, sinks) -> None:
    sinks[1].down = False
    assert resend(ledger, letters(ledger), at(2000)) == 1
    tick(ledger, sinks, 2000)
    assert [a.page for a in sinks[1].got] == [True]
    tick(ledger, sinks, 2001)


def drop_all(ledger: Named, sinks) -> None:
    assert drop(ledger, letters(ledger)) == 1
    tick(ledger, sinks, 2000)


def over(ledger: Named, sinks) -> None:
    tick(ledger, sinks, 2000, verdict(2000))


def test_sinks_that_fail_together_do_not_page_each_other_when_they_are_back() -> None:
    ledger, pager, chat = Named(), Switched("pager", down=True), Switched("chat", down=True)
    sinks = [LogSink(), pager, chat]
    tick(ledger, sinks, 0, verdict(0, GPT))
    for minutes in range(1, 40):
        tick(ledger, sinks, minutes)
    pager.down = chat.down = False
    for minutes in range(40, 150):
        tick(ledger, sinks, minutes)
    assert [len(s.got) for s in (pager, chat)] == [1, 1]
    assert pager.heard() == chat.heard() == []


def test_when_a_page_is_given_up_others_that_fail_are_told_too_and_hear_it_once_they_can() -> None:
    ledger, pager, chat = Named(), Switched("pager", down=True), Switched("chat", down=True)
    sinks = [LogSink(), pager, chat]
    tick(ledger, sinks, 0, verdict(0, GPT))
    for hours in range(1, 14):
        tick(ledger, sinks, 61 * hours)
    chat.down = False
    for hours in range(14, 20):
        tick(ledger, sinks, 61 * hours)
    assert ("OPEN", True) in chat.heard()


def test_routes_say_who_hears_of_it_and_a_route_that_is_dead_itself_is_no_way() -> None:
    nlp, platform, mail = Switched("nlp", down=True), Switched("platform"), Switched("mail")
    routes = Routes((Route(("nlp",), kinds=("BLOCKED",)), Route(("platform",), kinds=("BLIND",))), ("mail",))
    ledger, to = Named(), Destinations((LogSink(), nlp, platform, mail), routes)
    tick(ledger, to, 0, verdict(0, GPT))
    for minutes in range(1, 20):
        tick(ledger, to, minutes)
    assert (platform.heard(), mail.heard()) == ([("OPEN", True)], [])

    ledger, platform = Named(), Switched("platform", down=True)
    to = Destinations((LogSink(), nlp, platform, mail), routes)
    tick(ledger, to, 0, verdict(0, GPT, blind=True))
    for minutes in range(1, 20):
        tick(ledger, to, minutes)
    assert mail.heard() == [("OPEN", True)] * 2, "of either, by whoever is left"


@pytest.mark.parametrize("other", [None, UnusableSink("slack", ConfigError("no token", fix="set it"))])
def test_where_no_other_sink_can_take_it_the_log_is_told_as_a_page(other, caplog) -> None:
    ledger, pager = Named(), Switched("pager", down=True)
    sinks = [LogSink(), pager, *([other] if other else [])]
    tick(ledger, sinks, 0, verdict(0, GPT))
    for minutes in range(1, 20):
        tick(ledger, sinks, minutes)
    said = [r for r in caplog.records if "PAGE_NOT_DELIVERED" in r.getMessage() and "to pager" in r.getMessage()]
    assert [r.levelname for r in said] == ["ERROR"]


def test_a_state_of_an_earlier_release_is_read() -> None:
    ledger, pager = Named(), Switched("pager", down=True)
    tick(ledger, [pager], 0, verdict(0, GPT))
    stored = json.loads(ledger.texts["alerts"])
    del stored["outbox"]["unheard"]
    ledger.texts["alerts"] = json.dumps(stored)
    assert read_state(ledger)[2]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([1, 5, 61]), st.booleans(), st.booleans(), st.sampled_from(["", "block", "pass"])),
        min_size=5,
        max_size=30,
    )
)
def test_whatever_fails_when_nobody_hears_an_end_without_a_beginning_and_all_of_it_ends(steps) -> None:
    ledger, pager, chat = Named(), Switched("pager"), Switched("chat")
    sinks, minutes = [LogSink(), pager, chat], 0
    for wait, pager.down, chat.down, what in steps:
        minutes += wait
        seen = {"block": [verdict(minutes, GPT)], "pass": [verdict(minutes)], "": []}[what]
        tick(ledger, sinks, minutes, *seen)
        for sink, told in read_state(ledger)[1].unheard.items():
            assert sink in ("pager", "chat")
            assert told.pages
    pager.down = chat.down = False
    minutes += 61
    tick(ledger, sinks, minutes, verdict(minutes))
    for _ in range(ATTEMPTS):
        minutes += 61
        resend(ledger, letters(ledger), at(minutes))
        tick(ledger, sinks, minutes)
    _, box, _ = read_state(ledger)
    assert box.unheard == {}
    assert box.waiting == box.dead == ()
    for sink in (pager, chat):
        assert not any(sink.open.values()), "all that began has ended"
        ids = [a.id for a in sink.got]
        assert len(ids) == len(set(ids)), "nothing twice"


def test_it_survives_a_restart_and_a_second_sensor_tells_nothing_twice() -> None:
    ledger, pager, chat = Named(), Switched("pager", down=True), Switched("chat")
    for minutes in range(20):
        for second in (0, 0.1):
            seen = [verdict(0, GPT)] if not minutes else []
            again = replace(CONTEXT)
            send(seen, [LogSink(), pager, chat], ledger, at(minutes) + timedelta(seconds=second), again)
    assert chat.heard() == [("OPEN", True)]
    assert [a.event for a in chat.got] == ["OPEN", "OPEN"]
