"""How Hypothesis runs here: nothing is timed in a test, and CI tries the same examples every time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import postgres_server
import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from faulty_s3 import Proxy

settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


class _InAnyOrder:
    """Stands for a context variable whose values may be let go of in any order: what is newest holds."""

    def __init__(self) -> None:
        self._held: ContextVar[tuple[tuple[object, object], ...]] = ContextVar("held", default=())

    def get(self) -> object:
        return self._held.get()[-1][1] if self._held.get() else None

    def set(self, value: object) -> object:
        token = object()
        self._held.set((*self._held.get(), (token, value)))
        return token

    def reset(self, token: object) -> None:
        self._held.set(tuple(held for held in self._held.get() if held[0] is not token))


@pytest.fixture(scope="session", autouse=True)
def instances_left_in_any_order() -> Iterator[None]:
    """Dagster keeps the state storage of the instance in use in a context variable.

    An instance that is left by the garbage collector (``build_asset_context()`` without ``with``) puts back
    what was there when it began, in the middle of whatever test then runs: that may be the storage of a test long
    gone, and loading any definitions then fails.
    """
    from dagster._core.storage.defs_state import base

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base, "_current_storage", _InAnyOrder())
        yield


@pytest.fixture(autouse=True)
def no_instance_of_another_test(instances_left_in_any_order: None) -> Iterator[None]:
    """A test begins with no instance in use, whatever those before it left open."""
    from dagster._core.storage.defs_state.base import set_defs_state_storage

    with set_defs_state_storage(None):
        yield


@pytest.fixture(autouse=True)
def no_transport_of_another_test() -> Iterator[None]:
    """A client of OpenLineage writes ``OPENLINEAGE_URL`` into other variables, where later tests would find it."""
    before = {k: v for k, v in os.environ.items() if k.startswith("OPENLINEAGE")}
    yield
    for name in [k for k in os.environ if k.startswith("OPENLINEAGE") and k not in before]:
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The S3 API over real HTTP (moto) on a free local port."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A place in a new bucket, as an ``s3://`` URL."""
    import boto3

    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3_endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bucket = f"ledger-{uuid4().hex[:8]}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/team/lineage"


@pytest.fixture
def s3_proxy(s3_endpoint: str, s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy before it that fails when it is told to; clients made from now on go through it."""
    from faulty_s3 import Proxy

    server = Proxy(s3_endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    yield server
    server.closing.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL of our own; its database is shared by the whole session."""
    if not postgres_server.installed():
        pytest.skip("PostgreSQL is not installed")
    with postgres_server.server() as url:
        yield url
