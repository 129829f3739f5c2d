"""One deployment per storage, driven once for all cells."""

from __future__ import annotations

import os

import pytest
import sqlalchemy as sa
from live_deployment import PYTHON_VARIABLE, Deployment
from scenario import FULL, LOCATIONS, SHORT
from seen import Seen, see


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder = tmp_path_factory.mktemp("sqlite")
    return see(Deployment(folder, [*LOCATIONS, "shapes"]), FULL, shapes=True)


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory: pytest.TempPathFactory, postgres_url: str) -> Seen:
    url = sa.make_url(postgres_url)
    with sa.create_engine(url, isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(sa.text("CREATE DATABASE matrix"))
    own = url.set(database="matrix").render_as_string(hide_password=False)
    return see(
        Deployment(tmp_path_factory.mktemp("postgresql"), LOCATIONS, postgres=own, start_method="forkserver"),
        FULL,
        shapes=False,
    )


@pytest.fixture(scope="session")
def floor(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    if not os.environ.get(PYTHON_VARIABLE):
        pytest.fail(f"run this with `make test-floor`, which names the Python of the deployment in {PYTHON_VARIABLE}")
    return see(Deployment(tmp_path_factory.mktemp("floor"), [*LOCATIONS, "shapes"]), SHORT, shapes=True)
