"""Fixtures of the tests that run Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from collect_world import World, world
from guarding import Lane, lane_in


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    """A real, empty Dagster instance with a ledger beside it."""
    with lane_in(tmp_path) as made:
        yield made


@pytest.fixture
def w() -> Iterator[World]:
    """A real deployment whose assets know what they truly read."""
    with world() as made:
        yield made
