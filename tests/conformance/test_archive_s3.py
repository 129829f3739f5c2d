"""The S3 backend against moto's server: the S3 API over real HTTP on a free local port."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest

from lineage_guard.ledger.archive import Archive, open_archive
from lineage_guard.ledger.testing import ArchiveConformance


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bucket = f"ledger-{uuid4().hex[:8]}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/team/lineage"


class TestS3Archive(ArchiveConformance):
    @pytest.fixture(autouse=True)
    def _place(self, s3: str) -> None:
        self.place = s3

    def reopen(self) -> Archive:
        return open_archive(self.place)
