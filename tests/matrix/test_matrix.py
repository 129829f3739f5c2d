"""No way round: every way of launching, every shape of asset, on live processes.

What is true is what training code itself wrote down. A cell holds when the tainted lane was stopped before its
code ran, by the guard and for every run of it, and the clean lane ran. A guard that blocks too much is removed
by its users.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from scenario import COLORS, FULL, LOCATIONS, ROUTE_SHAPES
from seen import SHAPES, Seen
from table import BEGIN, END, rendered
from verdicts import Cell, Lane

pytestmark = [pytest.mark.live, pytest.mark.long, pytest.mark.timeout(3600)]
PAGE = Path(__file__).parents[2] / "docs" / "enforcement.md"
STORAGES = ("sqlite", "postgresql")
WHERE = [(storage, location) for storage in STORAGES for location in LOCATIONS]


def hold(cell: Cell) -> None:
    assert not cell.wrong, "\n".join(cell.wrong)


@pytest.mark.parametrize(("location", "route"), FULL)
@pytest.mark.parametrize("storage", STORAGES)
def test_every_way_of_launching(storage: str, location: str, route: str, request: pytest.FixtureRequest) -> None:
    seen: Seen = request.getfixturevalue(storage)
    assert seen.errors.get(f"{location} {route}") is None
    hold(seen.route(location, route))


@pytest.mark.parametrize("time", ["alone", "together"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape(shape: str, time: str, sqlite: Seen) -> None:
    assert sqlite.errors.get(f"shapes {time}") is None
    hold(sqlite.shape(time, shape))


@pytest.mark.parametrize(("storage", "location"), WHERE)
def test_the_steps_ran_where_the_executor_puts_them(
    storage: str, location: str, request: pytest.FixtureRequest
) -> None:
    seen: Seen = request.getfixturevalue(storage)
    processes = seen.processes([Lane((location, "graphql", "clean", shape)) for shape in ROUTE_SHAPES])
    assert len(set(processes)) == (1 if location == "in_process" else len(ROUTE_SHAPES)), processes


@pytest.mark.parametrize("storage", STORAGES)
def test_the_route_was_taken(storage: str, request: pytest.FixtureRequest) -> None:
    """A re-execution has a parent, a retried step was retried: else their cells say nothing."""
    seen: Seen = request.getfixturevalue(storage)
    for location in LOCATIONS:
        for route in ("reexecution", "step_selection"):
            for color in COLORS:
                lane = Lane((location, route, color, "plain"))
                runs = [run for run in seen.runs if lane.steps(run)]
                assert [run.parent is not None for run in runs] == [True, False], (lane, runs)
        clean = Lane((location, "retries", "clean", "plain"))
        assert [step.retried for run in seen.runs for step in clean.steps(run)] == [True]


def test_the_page_shows_what_was_seen(sqlite: Seen, postgresql: Seen) -> None:
    table = rendered(sqlite, postgresql)
    print(table)
    text = PAGE.read_text("utf-8")
    before, rest = text.split(BEGIN)
    on_page, after = rest.split(END)
    if os.environ.get("WRITE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")
    else:
        assert on_page.strip() == table.strip(), "run `make matrix` to write the page again"
