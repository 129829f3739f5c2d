"""The matrix, shorter, on the oldest supported Dagster and the oldest of everything else that is asked for.

`make test-floor` installs the lower bounds of pyproject.toml in an environment of their own; the deployment's
processes run there.
"""

from __future__ import annotations

import pytest
from scenario import SHORT
from seen import SHAPES, Seen
from test_matrix import hold

pytestmark = [pytest.mark.floor, pytest.mark.live, pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.mark.parametrize(("location", "route"), SHORT)
def test_every_way_of_launching_on_the_floor(location: str, route: str, floor: Seen) -> None:
    assert floor.errors.get(f"{location} {route}") is None
    hold(floor.route(location, route))


@pytest.mark.parametrize("time", ["alone", "together"])
@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_on_the_floor(shape: str, time: str, floor: Seen) -> None:
    assert floor.errors.get(f"shapes {time}") is None
    hold(floor.shape(time, shape))
