"""How Hypothesis runs here: nothing is timed in a test, and CI tries the same examples every time."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def no_instance_of_another_test() -> Iterator[None]:
    """Dagster keeps the state storage of the instance in use in a context variable.

    An instance that is left by the garbage collector (``build_asset_context()`` without ``with``) puts back
    what was there when it began, which may be that of a test long gone; loading any definitions then fails.
    """
    from dagster._core.storage.defs_state.base import set_defs_state_storage

    with set_defs_state_storage(None):
        yield
