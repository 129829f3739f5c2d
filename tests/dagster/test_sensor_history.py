"""A ledger that does not hold any more what it held pages once, until it does or is accepted; nothing else does."""

from __future__ import annotations

import json
import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest
from losing import Deployment
from pager import Pager

from lineage_guard import guard
from lineage_guard.alerts import Alert
from lineage_guard.dagster.declare import training
from lineage_guard.dagster.sensor.history import SURE
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive.log import Log

sys.path.insert(0, str(Path(__file__).parents[1] / "ledger"))
import histories


def grow(place: Path, first: int, last: int) -> None:
    ledger = open_ledger(place)
    for n in range(first, last):
        ledger.append([histories.simple(n)])


def about_history(pager: Pager) -> list[Alert]:
    return [a for a in pager.alerts if a.rule == "history-lost"]


def told(pager: Pager) -> list[str]:
    return [a.event for a in about_history(pager)]


def later(deployment: Deployment, pager: Pager, *locations: str) -> None:
    """Two ticks of each sensor, so far apart that what is there counts, and what is missing is surely gone."""
    for _ in range(2):
        for location in locations or ("training", "serving"):
            deployment.tick(location, [pager])
        deployment.at += SURE


@pytest.fixture
def known(held: Deployment) -> Deployment:
    """A deployment whose sensors know a ledger of five batches."""
    grow(held.place, 0, 5)
    later(held, Pager())
    return held


def test_a_ledger_that_was_deleted_pages_once_and_until_it_is_put_back(known: Deployment) -> None:
    pager = Pager()
    away = known.place.rename(known.place.with_name("away"))
    known.tick("training", [pager])
    assert about_history(pager) == [], "one look may show what was, or what is not yet"
    later(known, pager)
    known.restart()
    later(known, pager)
    (page,) = about_history(pager)
    assert (page.event, page.kind, page.page, page.cause) == ("OPEN", "BLIND", True, f"history:{known.place}")
    assert "it held batch 5 before, and holds no such batch since" in page.message
    assert "(it ends with batch 0)" in page.message
    assert page.ways[1].commands == ("dagster sensor cursor lineage_guard --delete",)
    assert page.runbook == "https://guard.example/runbooks/history-lost"
    assert page.links == {}
    shutil.rmtree(known.place)
    away.rename(known.place)
    known.tick("training", [pager])
    assert told(pager) == ["OPEN"], "serving has not looked yet"
    known.tick("serving", [pager])
    assert told(pager) == ["OPEN", "RESOLVE"]
    later(known, pager)
    assert told(pager) == ["OPEN", "RESOLVE"]


def test_an_older_copy_pages_however_far_it_went_on_and_until_it_is_accepted(known: Deployment, tmp_path: Path) -> None:
    pager = Pager()
    shutil.copytree(known.place, tmp_path / "copy")
    grow(known.place, 5, 7)
    later(known, pager)
    shutil.rmtree(known.place)
    shutil.copytree(tmp_path / "copy", known.place)
    grow(known.place, 10, 15)
    later(known, pager)
    (page,) = about_history(pager)
    assert "but another one of that number (it ends with batch 10)" in page.message
    known.cursors["training"] = None
    later(known, pager)
    assert told(pager) == ["OPEN"], "serving has not accepted it"
    known.cursors["serving"] = None
    later(known, pager)
    grow(known.place, 15, 17)
    later(known, pager)
    assert told(pager) == ["OPEN", "RESOLVE"]


def test_nothing_that_is_done_to_a_ledger_by_its_own_means_pages(known: Deployment) -> None:
    pager = Pager()
    grow(known.place, 5, 8)
    later(known, pager, "training")
    ledger = open_ledger(known.place)
    ledger.compact()
    Log(ledger.archive).pack(7, at_least=1)
    later(known, pager)  # serving was away meanwhile
    grow(known.place, 8, 10)
    ledger.prune(histories.START.replace(year=2030), dry_run=False)
    later(known, pager)
    shutil.rmtree(known.place / "index")
    grow(known.place, 10, 11)
    later(known, pager)
    assert pager.alerts == []


def test_another_place_another_spelling_and_another_cursor_page_nothing(
    known: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pager = Pager()
    monkeypatch.chdir(tmp_path)
    for place in (Path(os.path.relpath(known.place)), tmp_path / "another", known.place):
        for _ in range(2):
            known.tick("training", [pager], place)
            known.at += SURE
    ends = {json.loads(known.cursors["training"] or "")["history"]["place"]}
    assert ends == {str(known.place)}
    for cursor in ("half of a curs", "{}", json.dumps({"history": 5}), json.dumps({"end": "9:sha256:00"}), None):
        known.cursors["training"] = cursor
        later(known, pager, "training")
    later(known, pager, "new")
    assert pager.alerts == []


def test_what_is_missing_for_a_moment_only_pages_nothing(known: Deployment, tmp_path: Path) -> None:
    pager = Pager()
    for _ in range(3):
        known.place.rename(tmp_path / "away")
        known.tick("training", [pager])
        known.at += SURE - timedelta(minutes=1)
        known.tick("training", [pager])
        shutil.rmtree(known.place)
        (tmp_path / "away").rename(known.place)
        known.tick("training", [pager])
    assert pager.alerts == []


def test_a_batch_that_was_taken_back_at_once_pages_nothing(known: Deployment, tmp_path: Path) -> None:
    """Its writer's disk refused it after ticks had read it."""
    pager = Pager()
    shutil.copytree(known.place, tmp_path / "copy")
    grow(known.place, 5, 6)
    for _ in range(3):
        known.tick("training", [pager])
    shutil.rmtree(known.place)
    (tmp_path / "copy").rename(known.place)
    grow(known.place, 6, 8)
    later(known, pager)
    later(known, pager)
    assert pager.alerts == []


def test_what_was_judged_by_a_history_that_is_gone_is_judged_again_at_once(known: Deployment, tmp_path: Path) -> None:
    @dg.asset(tags=training())
    def student() -> None: ...

    known.assets = [student]
    guard(known.assets, ledger=str(known.place))
    shutil.copytree(known.place, tmp_path / "copy")
    grow(known.place, 5, 6)

    def judged() -> bool:
        return "training assets judged" in str(known.tick("training", [Pager()]))

    assert judged()
    assert not judged()
    shutil.rmtree(known.place)
    (tmp_path / "copy").rename(known.place)
    assert judged(), "by the lineage that the ledger still holds"
    assert not judged()
    grow(tmp_path / "another", 0, 8)
    known.place = tmp_path / "another"
    assert judged(), "by another ledger, however long"
