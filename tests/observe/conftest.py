import pytest
from model_api import ModelApi

from lineage_guard.observe import Recorder, install, recording


@pytest.fixture
def api():
    server = ModelApi()
    yield server
    server.close()


@pytest.fixture
def recorder():
    install()
    with recording(Recorder()) as open_recorder:
        yield open_recorder
