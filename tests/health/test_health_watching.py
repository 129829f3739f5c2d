"""A silent sensor pages once, whoever misses it, and the incident ends by itself."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from health_world import INTERVAL, at, empty, sign, ticked
from hypothesis import given, settings
from hypothesis import strategies as st
from pager import Pager

from lineage_guard.alerts import Context
from lineage_guard.alerts.state import read_state
from lineage_guard.health import Watched, Watching, forget, heartbeats
from lineage_guard.health.watching import STATE
from lineage_guard.ledger import Ledger, open_ledger

CONTEXT = Context(deployment="prod")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return empty(tmp_path)


class Clock:
    """A watcher with a clock of its own, which may be wrong."""

    def __init__(self, ledger: Ledger, pager: Pager, ahead: float = 0, stays: bool = True) -> None:
        self.now = 0.0
        self.pager, self.ahead = pager, ahead
        self.watching = Watching(open_ledger(ledger.location), stays=stays, clock=lambda: self.now)

    def look(self, seconds: float) -> Watched:
        self.now = seconds
        return self.watching.look(at(seconds + self.ahead), [self.pager], CONTEXT)


def test_a_sensor_that_ticks_is_not_missed(ledger: Ledger) -> None:
    pager = Pager()
    watcher = Clock(ledger, pager)
    for n in range(0, 3000, 30):
        ticked(ledger, seconds=n)
        assert watcher.look(n + 10) == Watched()
    assert pager.alerts == []


def test_a_silent_sensor_pages_once_and_ends_by_itself(ledger: Ledger) -> None:
    pager = Pager()
    watcher = Clock(ledger, pager)
    ticked(ledger)
    for n in range(0, 3600, 30):
        watcher.look(n)
    [alert] = pager.alerts
    assert (alert.event, alert.kind, alert.page, alert.rule) == ("OPEN", "BLIND", True, "guard-stale")
    assert alert.cause == alert.target == "sensor:training"
    assert "silent" in alert.headline
    assert "guard-stale" in alert.runbook
    assert "waits" not in alert.headline
    assert "Gates still stop" in alert.message
    assert "may be silent for 5 min" in alert.message
    assert [way.commands for way in alert.ways] == [
        *(("lineage-guard doctor",), ("lineage-guard sync",), ("lineage-guard health --forget training",))
    ]
    ticked(ledger, seconds=3600)
    watcher.look(3610)
    assert pager.told == ["OPEN", "RESOLVE"]
    assert pager.alerts[0].incident == pager.alerts[1].incident


def test_it_pages_when_it_is_time_and_not_before(ledger: Ledger) -> None:
    pager = Pager()
    watcher = Clock(ledger, pager)
    ticked(ledger)
    paged = next(n for n in range(0, 3600, 10) if watcher.look(n).silent)
    assert 300 <= paged <= 310


@pytest.mark.parametrize("stays", [True, False])
def test_watchers_at_once_page_once_and_end_once(ledger: Ledger, stays: bool) -> None:
    ticked(ledger)
    pager = Pager()
    watchers = [Clock(ledger, pager, stays=stays) for _ in range(4)]
    for each in watchers:
        each.look(1)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda w: w.look(400), watchers))
        assert pager.told == ["OPEN"]
        ticked(ledger, seconds=401)
        list(pool.map(lambda w: w.look(402), watchers))
    assert pager.told == ["OPEN", "RESOLVE"]


def test_a_watcher_that_looks_once_goes_by_the_clocks(ledger: Ledger) -> None:
    pager = Pager()
    ticked(ledger)
    Clock(ledger, pager, stays=False).look(290)
    assert pager.alerts == []
    Clock(ledger, pager, stays=False).look(310)
    Clock(ledger, pager, stays=False).look(900)
    assert pager.told == ["OPEN"]


@pytest.mark.parametrize("ahead", [-3600, 3600])
def test_a_watcher_whose_clock_is_wrong_does_not_page_for_a_sensor_that_ticks(ledger: Ledger, ahead: float) -> None:
    pager = Pager()
    watcher = Clock(ledger, pager, ahead)
    for n in range(0, 3000, 30):
        ticked(ledger, seconds=n)
        assert watcher.look(n + 10).silent == ()
    assert pager.alerts == []
    paged = next(n for n in range(3000, 9000, 30) if watcher.look(n).silent)
    assert paged <= 3330  # and finds one that died as soon as any other does


def test_a_sign_from_the_future_is_no_sign_of_life(ledger: Ledger) -> None:
    pager = Pager()
    ticked(ledger, seconds=7200)
    Clock(ledger, pager, stays=False).look(0)
    [alert] = pager.alerts
    assert "120 min ahead" in alert.message
    assert "One of the two clocks is wrong" in alert.message


def test_each_sensor_is_a_trouble_of_its_own(ledger: Ledger) -> None:
    pager = Pager()
    watcher = Clock(ledger, pager)
    ticked(ledger, "training")
    ticked(ledger, "serving")
    for n in range(0, 1200, 30):
        ticked(ledger, "serving", n)
        watcher.look(n)
    assert [a.cause for a in pager.alerts] == ["sensor:training"]
    for n in range(1200, 2400, 30):
        watcher.look(n)
    assert sorted(a.cause for a in pager.alerts) == ["sensor:serving", "sensor:training"]


def test_a_daemon_that_died_does_not_page_once_for_each_location(ledger: Ledger) -> None:
    pager = Pager()
    for n in range(30):
        ticked(ledger, f"location{n:02d}")
    Clock(ledger, pager, stays=False).look(1000)
    assert 0 < sum(a.page for a in pager.alerts) < 30
    for n in range(30):
        ticked(ledger, f"location{n:02d}", 2000)
    for n in range(2000, 9000, 600):
        for m in range(30):
            ticked(ledger, f"location{m:02d}", n)
        Clock(ledger, pager, stays=False).look(n + 1)
    ends = {a.incident for a in pager.alerts if a.event == "RESOLVE"}
    assert ends == {a.incident for a in pager.alerts if a.event == "OPEN"}


def test_a_location_that_was_removed_can_be_forgotten(ledger: Ledger) -> None:
    pager = Pager()
    ticked(ledger, "training")
    Clock(ledger, pager, stays=False).look(1000)
    assert [b.location for b in forget(ledger, "training")] == ["training"]
    assert forget(ledger, "training") == ()
    Clock(ledger, pager, stays=False).look(1010)
    assert pager.told == ["OPEN", "RESOLVE"]
    Clock(ledger, pager, stays=False).look(9000)
    assert pager.told == ["OPEN", "RESOLVE"]


def test_what_cannot_be_read_ends_nothing(ledger: Ledger) -> None:
    pager = Pager()
    ticked(ledger)
    Clock(ledger, pager, stays=False).look(1000)
    ledger.store("heartbeat/dagster:prod/training", {"at": "yesterday"})
    watched = Clock(ledger, pager, stays=False).look(1030)
    assert "heartbeat/dagster:prod/training cannot be read" in watched.unreadable[0]
    assert pager.told == ["OPEN"]
    ticked(ledger, seconds=1060)
    Clock(ledger, pager, stays=False).look(1061)
    assert pager.told == ["OPEN", "RESOLVE"]


def test_a_dead_pager_hears_of_it_later(ledger: Ledger) -> None:
    pager = Pager(dead=True)
    watcher = Clock(ledger, pager)
    ticked(ledger)
    for n in range(0, 600, 30):
        watcher.look(n)
    pager.dead = False
    for n in range(600, 1200, 30):
        watcher.look(n)
    assert pager.told == ["OPEN"]


def test_without_sinks_a_look_changes_nothing(ledger: Ledger) -> None:
    ticked(ledger)
    watched = Watching(ledger, stays=False).look(at(1000))
    assert [b.location for b in watched.silent] == ["training"]
    assert read_state(ledger, STATE)[0].by_id == {}


def test_names_are_kept_apart_and_read_back(ledger: Ledger) -> None:
    names = ["a/b", "..", "ü \n", "sensor:x", "x" * 80]
    for name in names:
        ticked(ledger, name)
    assert sorted(b.location for b in heartbeats(ledger).beats) == sorted(names)
    assert heartbeats(open_ledger(ledger.location)).beats[0] == sign("..")


def test_the_threshold_is_never_less_than_two_intervals() -> None:
    beat = sign()
    assert beat.limit() == timedelta(minutes=5)
    assert beat.limit(timedelta(seconds=1)) == 2 * INTERVAL
    assert beat.limit(timedelta(hours=1)) == timedelta(hours=1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 400), st.booleans(), st.integers(0, 1)), max_size=12))
def test_any_history_ends_with_every_end_matching_a_beginning(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[int, bool, int]]
) -> None:
    ledger = empty(tmp_path_factory.mktemp("history"))
    pager = Pager()
    watchers = [Clock(ledger, pager), Clock(ledger, pager)]
    now = 0
    ticked(ledger)
    for passes, ticks, who in history:
        now += passes
        if ticks:
            ticked(ledger, seconds=now)
        watchers[who].look(now)
    for _ in range(2):  # it dies: the page comes, whatever was before
        now += 1000
        watchers[0].look(now)
    assert pager.told[-1] in {"OPEN", "REOPEN"}
    ticked(ledger, seconds=now)
    for n in range(4):  # and comes back: the end comes, at the latest after the flap window
        now += 1000
        ticked(ledger, seconds=now)
        watchers[n % 2].look(now)
    assert pager.told[-1] == "RESOLVE"
    begun = [e for e in pager.told if e != "WIDEN"]
    assert begun[0::2] == [e for e in begun if e != "RESOLVE"]
    assert set(begun[1::2]) <= {"RESOLVE"}
