"""The adversary uses the worlds of the guard's own tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "dagster"))

from guarding import Lane, lane_in


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    """A real, empty Dagster instance with a ledger beside it."""
    with lane_in(tmp_path) as made:
        yield made
