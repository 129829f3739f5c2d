"""Two code locations, one ledger: a gap that the other one closes stops training, and wakes nobody before its time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import dagster as dg
import pytest
from collect_world import now
from dagster._core.remote_origin import RegisteredCodeLocationOrigin
from guarding import Lane, curated_from, failure_of, written_by_people
from pager import Pager

from lineage_guard import guard, training
from lineage_guard.dagster.sensor.early import PATIENCE
from lineage_guard.dagster.sensor.sensor import Delivery, tick
from lineage_guard.dagster.settings import Settings


class Two:
    """``data`` makes ``human`` and ``mid``; ``models`` trains ``student`` on ``mid``, which it does not define."""

    def __init__(self, lane: Lane) -> None:
        text = written_by_people()
        self.lane = lane
        self.pager = Pager()
        self.at = now()
        self.cursors: dict[str, str | None] = {}

        @dg.asset(name="student", deps=["mid"], tags=training())
        def student() -> None:
            lane.mark("student")

        self.assets: dict[str, list[Any]] = {"data": [text, curated_from(text, name="mid")], "models": [student]}

    def tick(self, location: str, later: timedelta = timedelta(seconds=30)) -> Any:
        self.at += later
        settings = Settings(ledger=str(self.lane.ledger_folder))
        guarded = guard(list(self.assets[location]), ledger=self.lane.ledger_folder)
        context = dg.build_sensor_context(
            instance=self.lane.instance,
            definitions=dg.Definitions(assets=guarded),
            cursor=self.cursors.get(location),
        )
        context._code_location_origin = RegisteredCodeLocationOrigin(location)
        result = tick(context, settings, Delivery(sinks=[self.pager]), self.at)
        self.cursors[location] = context.cursor
        return result

    def make(self) -> None:
        assert dg.materialize(self.assets["data"], instance=self.lane.instance).success


@pytest.fixture
def two(lane: Lane) -> Two:
    return Two(lane)


def test_what_the_other_location_has_not_recorded_yet_stops_training_and_pages_only_when_it_stays(two: Two) -> None:
    two.make()
    refused = two.lane.run(two.assets["models"])
    assert "default:mid" in str(failure_of(refused, "student").description)
    assert two.lane.trained == []
    [shown] = two.tick("models").asset_events
    assert not shown.passed, "the check shows it at once"
    two.tick("data")
    two.tick("models")
    assert two.lane.run(two.assets["models"]).success
    assert two.lane.trained == ["student"]
    assert two.pager.alerts == []

    two.make()
    two.cursors["models"] = '{"waiting": {"student": "what no release of this wrote"}}'
    two.tick("models")
    two.tick("models", PATIENCE - timedelta(seconds=1))
    assert two.pager.alerts == []
    two.tick("models", timedelta(seconds=1))
    (page,) = two.pager.alerts
    assert page.page
    assert page.headline == "[BLOCKED] default:student would learn from default:mid, of unknown provenance"
    two.tick("data")
    two.tick("models")
    assert two.pager.told == ["OPEN", "RESOLVE"]


def test_what_was_never_made_wakes_nobody_before_a_training_step_asks(two: Two) -> None:
    for location in ("models", "data", "models"):
        two.tick(location, PATIENCE)
    assert two.pager.alerts == []
    assert not two.lane.run(two.assets["models"]).success
    two.tick("models")
    assert two.pager.told == ["OPEN"]
    assert two.pager.alerts[0].page
