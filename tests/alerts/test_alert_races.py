"""Two sensors on one state: what happened pages once, and neither loses what the other stored."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from alerting import CLAUDE, GPT, at, verdict

from lineage_guard.alerts.content.notices import Alert
from lineage_guard.alerts.delivery.outbox import LEASE
from lineage_guard.alerts.send import send
from lineage_guard.alerts.state import read_state
from lineage_guard.ledger import Ledger, open_ledger


class Pager:
    """A sink that keeps what it was sent; may do something while it sends."""

    name = "pager"

    def __init__(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        self.sent: list[str] = []
        self.meanwhile = meanwhile

    def send(self, alert: Alert) -> None:
        self.sent.append(alert.id)
        self.meanwhile()


def test_sensors_at_the_same_moment_page_once(tmp_path: Path) -> None:
    pager, start = Pager(), Barrier(4)

    def tick() -> None:
        ledger = open_ledger(tmp_path)
        start.wait()
        send([verdict(0, GPT)], [pager], ledger, at(0))

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(tick) for _ in range(4)]:
            done.result()
    assert len(pager.sent) == 1
    incidents, box, _ = read_state(open_ledger(tmp_path))
    assert len(incidents.open) == 1
    assert box.waiting == ()


def test_a_sensor_that_ticks_while_another_sends_does_not_send_it_too(tmp_path: Path) -> None:
    second = Pager()
    first = Pager(lambda: send([verdict(0, GPT)], [second], open_ledger(tmp_path), at(0)))
    report = send([verdict(0, GPT)], [first], open_ledger(tmp_path), at(0))
    assert len(first.sent) == 1
    assert second.sent == []
    assert report.waiting == 0


def test_what_another_sensor_opened_meanwhile_is_kept(tmp_path: Path) -> None:
    other = Pager()
    first = Pager(lambda: send([verdict(0, CLAUDE, target="other")], [other], open_ledger(tmp_path), at(0)))
    send([verdict(0, GPT)], [first], open_ledger(tmp_path), at(0))
    incidents, box, _ = read_state(open_ledger(tmp_path))
    assert len(incidents.open) == 2
    assert len(first.sent) == len(other.sent) == 1
    assert box.waiting == ()


def test_a_sensor_that_died_while_sending_leaves_it_to_the_next_after_a_while(tmp_path: Path) -> None:
    class Died(BaseException):
        pass

    def die() -> None:
        raise Died

    with pytest.raises(Died):
        send([verdict(0, GPT)], [Pager(die)], open_ledger(tmp_path), at(0))
    pager = Pager()
    send([], [pager], open_ledger(tmp_path), at(0))
    assert pager.sent == []
    send([], [pager], open_ledger(tmp_path), at(0) + LEASE)
    assert len(pager.sent) == 1


def test_an_end_that_was_sent_before_a_page_is_not_sent_again_after_it_when_the_sensor_died_in_between(
    tmp_path: Path,
) -> None:
    class Died(BaseException):
        pass

    class Mortal:
        name = "pager"

        def __init__(self) -> None:
            self.down = self.dying = False
            self.sent: list[tuple[str, str]] = []

        def send(self, alert: Alert) -> None:
            if self.down:
                raise ConnectionError
            self.sent.append((alert.event, alert.id))
            if self.dying and alert.page:
                raise Died

    pager, ledger = Mortal(), open_ledger(tmp_path)
    send([verdict(0, GPT)], [pager], ledger, at(0))
    pager.down = True
    send([verdict(1)], [pager], ledger, at(1))
    pager.down, pager.dying = False, True
    with pytest.raises(Died):
        send([verdict(60, GPT)], [pager], ledger, at(60))
    pager.dying = False
    send([], [pager], ledger, at(60) + LEASE)
    assert [event for event, _ in pager.sent] == ["OPEN", "RESOLVE", "OPEN", "OPEN"]
    assert pager.sent[-1] == pager.sent[-2], "receivers drop it by its id"
    assert read_state(ledger)[1].waiting == ()


def test_a_state_that_always_changes_is_an_error_and_sends_nothing(tmp_path: Path) -> None:
    class Busy(Ledger):
        def swap(self, *_: object) -> bool:
            return False

    pager = Pager()
    with pytest.raises(Exception, match="keeps changing"):
        send([verdict(0, GPT)], [pager], Busy(open_ledger(tmp_path).archive), at(0))
    assert pager.sent == []
