"""A ledger that is gone pages through the sinks themselves: once, whoever misses it, and until it is back."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from collect_world import now
from dagster._core.remote_origin import RegisteredCodeLocationOrigin
from pager import Pager
from test_sensor import human

from lineage_guard.alerts import Context, PagerDutySink, Sink
from lineage_guard.alerts.standing import standing
from lineage_guard.dagster.sensor.sensor import Delivery, tick
from lineage_guard.dagster.sensor.without_ledger import FORGOTTEN, PREFIX, Reach
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.errors import LedgerError, PolicyError
from lineage_guard.ledger import open_ledger

sys.path.insert(0, str(Path(__file__).parents[1] / "alerts"))
from receivers import PAGERDUTY_KEY, Http, PagerDuty, serving


class Deployment:
    """A Dagster instance on disk, and a ledger that can be taken away."""

    def __init__(self, folder: Path, empty: Path, open_: ExitStack) -> None:
        self.home = Path(shutil.copytree(empty, folder / "home"))
        self.place = folder / "ledger"
        self.at = now()
        self.open = open_
        self.restart()

    def restart(self) -> None:
        """What the daemon and the code servers held in memory is gone."""
        self.instance = self.open.enter_context(dg.DagsterInstance.local_temp(str(self.home)))

    def tick(self, location: str, sinks: Sequence[Sink], place: Path | None = None, **settings: Any) -> Any:
        self.at += timedelta(seconds=30)
        context = dg.build_sensor_context(instance=self.instance, definitions=dg.Definitions(assets=[human("text")]))
        context._code_location_origin = RegisteredCodeLocationOrigin(location)
        alerting = Context(serve_url="https://guard.example", dagster_url="https://dagster.example")
        told = Settings(ledger=str(place or self.place), **settings)
        return tick(context, told, Delivery(sinks=sinks, context=alerting), self.at)

    def fails(self, location: str, sinks: Sequence[Sink]) -> None:
        with pytest.raises(LedgerError):
            self.tick(location, sinks)

    def lose(self) -> None:
        self.place.rename(self.place.with_name("away"))
        self.place.write_text("not a ledger")

    def find(self) -> None:
        self.place.unlink()
        self.place.with_name("away").rename(self.place)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an instance in which nothing ran; it takes a second to make them."""
    home = tmp_path_factory.mktemp("empty")
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        instance.daemon_cursor_storage.get_cursor_values({"any"})
    return home


@pytest.fixture
def held(tmp_path: Path, empty: Path) -> Iterator[Deployment]:
    with ExitStack() as open_:
        deployment = Deployment(tmp_path, empty, open_)
        deployment.tick("training", [Pager()])
        yield deployment


@pytest.fixture
def lost(held: Deployment) -> Deployment:
    held.lose()
    return held


def about_ledgers(pager: Pager) -> list[str]:
    return [a.event for a in pager.alerts if a.rule == "ledger-unreachable"]


def test_it_pages_once_for_all_locations_and_ends_with_the_last(lost: Deployment) -> None:
    pager = Pager()
    for _ in range(3):
        lost.fails("training", [pager])
        lost.fails("serving", [pager])
        lost.restart()
    (page,) = pager.alerts
    assert (page.event, page.kind, page.page, page.cause) == ("OPEN", "BLIND", True, f"ledger:{lost.place}")
    assert f"training cannot use the ledger {lost.place}: not a folder." in page.message
    assert page.ways[0].title == "Mend it: give a folder, or remove the file in its place."
    assert page.runbook == "https://guard.example/runbooks/guard-cannot-see"
    assert page.links == {}, "there is no such asset, and the path view shows what is in the ledger"
    lost.find()
    lost.tick("training", [pager])
    assert pager.told == ["OPEN"], "serving has not said that it has it back"
    for _ in range(2):
        lost.tick("serving", [pager])
    assert [(a.event, a.incident) for a in pager.alerts] == [("OPEN", page.incident), ("RESOLVE", page.incident)]
    assert "Every sensor that missed the ledger has it back" in pager.alerts[-1].message
    assert standing(open_ledger(lost.place)) == ()


def test_pagerduty_holds_one_alert_which_is_resolved(lost: Deployment) -> None:
    pagerduty = PagerDuty()
    with serving(Http(pagerduty.answer)) as server:
        sinks = [PagerDutySink(PAGERDUTY_KEY, url=server.url)]
        for location in ("training", "serving", "training"):
            lost.fails(location, sinks)
        assert len(pagerduty.notified) == len(pagerduty.open) == 1
        [triggered] = pagerduty.events
        assert triggered["payload"]["severity"] == "critical"
        lost.find()
        lost.tick("serving", sinks)
        lost.tick("training", sinks)
        assert pagerduty.open == {}
        assert [e["event_action"] for e in pagerduty.events] == ["trigger", "resolve"]


def test_what_is_back_too_soon_and_goes_again_wakes_nobody_twice(lost: Deployment) -> None:
    pager = Pager()
    lost.fails("training", [pager])
    lost.find()
    lost.tick("training", [pager])
    lost.lose()
    lost.fails("training", [pager])
    lost.find()
    lost.tick("training", [pager])
    assert [(a.event, a.page) for a in pager.alerts] == [("OPEN", True), ("RESOLVE", False), ("REOPEN", False)]
    lost.at += timedelta(hours=1)
    lost.tick("training", [pager])
    assert pager.told[-1] == "RESOLVE"


def test_a_dead_pager_changes_no_tick_and_is_paged_when_it_is_well(lost: Deployment) -> None:
    dead, well = Pager(dead=True), Pager()
    lost.fails("training", [dead])
    lost.fails("training", [dead])
    assert dead.alerts == []
    lost.at += timedelta(minutes=1)
    lost.fails("training", [well])
    assert well.told == ["OPEN"]


def test_the_end_arrives_although_the_pager_was_dead_when_the_ledger_came_back(lost: Deployment) -> None:
    pager = Pager()
    lost.fails("training", [pager])
    lost.find()
    pager.dead = True
    assert isinstance(lost.tick("training", [pager]), dg.SkipReason)
    pager.dead = False
    lost.at += timedelta(minutes=1)
    lost.tick("training", [pager])
    assert pager.told == ["OPEN", "RESOLVE"]


def test_a_sensor_that_is_gone_or_uses_another_ledger_holds_nothing_open(lost: Deployment, tmp_path: Path) -> None:
    pager = Pager()
    lost.fails("training", [pager])
    lost.fails("removed", [pager])
    lost.tick("training", [pager], tmp_path / "another")
    assert about_ledgers(pager) == ["OPEN"], "the sensor that was removed may still come back"
    lost.at += FORGOTTEN
    lost.tick("training", [pager], tmp_path / "another")
    assert about_ledgers(pager) == ["OPEN", "RESOLVE"]


def test_a_document_that_cannot_be_understood_pages_again(lost: Deployment) -> None:
    pager = Pager()
    lost.fails("training", [pager])
    lost.instance.daemon_cursor_storage.set_cursor_values({f"{PREFIX}alerts": "{half of it"})
    lost.fails("training", [pager])
    assert pager.told == ["OPEN", "OPEN"]
    assert len({a.incident for a in pager.alerts}) == 1


def test_a_ledger_that_is_read_and_not_written_pages_though_the_tick_goes_on(held: Deployment) -> None:
    deployment, pager = held, Pager()
    [sign] = deployment.place.rglob("*heartbeat*")
    sign.unlink()
    sign.mkdir()  # nothing can take its place
    assert isinstance(deployment.tick("training", [pager]), dg.SkipReason)
    assert about_ledgers(pager) == ["OPEN"]
    sign.rmdir()
    deployment.tick("training", [pager])
    assert about_ledgers(pager) == ["OPEN", "RESOLVE"]


def test_a_disk_that_became_read_only_pages_and_so_does_its_end(tmp_path: Path, empty: Path) -> None:
    if os.geteuid():
        pytest.skip("only root can mount a disk")
    disk = tmp_path / "ledger"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", disk], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine does not let tests mount: {done.stderr.strip()}")
    pager = Pager()
    with ExitStack() as open_:
        open_.callback(subprocess.run, ["umount", "-l", str(disk)], check=True)
        deployment = Deployment(tmp_path, empty, open_)
        deployment.tick("training", [pager])
        done = subprocess.run(["mount", "-o", "remount,ro", disk], capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"the disk is in use: {done.stderr.strip()}")
        deployment.tick("training", [pager])
        deployment.tick("training", [pager])
        assert pager.told == ["OPEN"]
        subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
        deployment.tick("training", [pager])
        assert pager.told == ["OPEN", "RESOLVE"]


def test_what_else_fails_a_tick_says_nothing_of_the_ledger(held: Deployment) -> None:
    pager = Pager()
    reach = Reach()
    reach.missed(ValueError("no such thing"))
    assert reach.error is None
    with pytest.raises(PolicyError):
        held.tick("training", [pager], policy="no-such-policy.yaml")
    assert pager.alerts == []
