"""Fixtures of the tests that run Dagster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import dagster as dg
import pytest
from collect_world import World, world
from guarding import Lane, lane_in
from losing import Deployment
from pager import Pager


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


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of an instance in which nothing ran; it takes a second to make them."""
    home = tmp_path_factory.mktemp("empty")
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        instance.daemon_cursor_storage.get_cursor_values({"any"})
    return home


@pytest.fixture
def held(tmp_path: Path, empty: Path) -> Iterator[Deployment]:
    """A deployment that has all that it needs."""
    with ExitStack() as open_:
        deployment = Deployment(tmp_path, empty, open_)
        deployment.tick("training", [Pager()])
        yield deployment
