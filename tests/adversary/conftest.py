"""The adversary uses the worlds of the guard's own tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

sys.path.append(str(Path(__file__).parents[1] / "dagster"))

from guarding import Lane


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[Lane]:
    """A real, empty Dagster instance with a ledger beside it."""
    home = tmp_path / "dagster"
    home.mkdir()
    with dg.DagsterInstance.local_temp(str(home), {"telemetry": {"enabled": False}}) as instance:
        yield Lane(instance, tmp_path)
