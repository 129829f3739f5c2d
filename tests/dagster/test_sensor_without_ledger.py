"""A ledger that is gone pages through the sinks themselves: once, whoever misses it, and until it is back."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from losing import Deployment
from pager import Pager

from lineage_guard.alerts import PagerDutySink
from lineage_guard.alerts.standing import standing
from lineage_guard.dagster.sensor.trouble import FORGOTTEN, PREFIX, Trouble
from lineage_guard.domain.errors import PolicyError
from lineage_guard.ledger import open_ledger

sys.path.insert(0, str(Path(__file__).parents[1] / "alerts"))
from receivers import PAGERDUTY_KEY, Http, PagerDuty, serving


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
    trouble = Trouble("training")
    trouble.missed(ValueError("no such thing"))
    assert trouble.found == {}
    with pytest.raises(PolicyError):
        held.tick("training", [pager], policy="no-such-policy.yaml")
    assert about_ledgers(pager) == []
