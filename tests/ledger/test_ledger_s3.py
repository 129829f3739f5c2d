"""A ledger on S3 over real HTTP: several processes at once, and a server that fails."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import boto3
import histories
import httpx
import ledger_workers as workers
import pytest

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.log import Log
from lineage_guard.ledger.verify import verify

TARGET = Production((Version("d", "s"),), inputs=(Input(workers.version_of(5)),))


class Proxy(ThreadingHTTPServer):
    """Passes requests on to S3; ``failing`` decides which of them are answered with 500 instead."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.failing = lambda method, count: False
        #: Fail after the request was carried out, so that the caller does not know that it was.
        self.afterwards = False
        self.count = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        proxy = self.server
        assert isinstance(proxy, Proxy)
        if self.headers.get("Expect", "").lower() == "100-continue":
            pass  # answered by the base class already
        body = self._body()
        proxy.count += 1
        fails = proxy.failing(self.command, proxy.count)
        status, headers, data = 500, {}, b"<Error><Code>InternalError</Code></Error>"
        if not fails or proxy.afterwards:
            skip = {"host", "connection", "transfer-encoding", "content-length", "expect"}
            sent = {k: v for k, v in self.headers.items() if k.lower() not in skip}
            if self.headers.get("Transfer-Encoding") == "chunked" or body:
                sent["Content-Length"] = str(len(body))
            answer = httpx.request(self.command, proxy.upstream + self.path, headers=sent, content=body, timeout=30)
            if not fails:
                status, headers, data = answer.status_code, dict(answer.headers), answer.content
        self.send_response(status)
        for k, v in headers.items():
            if k.lower() not in (
                "content-length",
                "connection",
                "transfer-encoding",
                "date",
                "server",
                "content-encoding",
            ):
                self.send_header(k, v)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            data = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                data += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return data
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST = _pass

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def place(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    bucket = f"ledger-{uuid4().hex[:8]}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return f"s3://{bucket}/team/lineage"


@pytest.fixture
def proxy(endpoint: str, place: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    server = Proxy(endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.url)
    yield server
    server.shutdown()
    server.server_close()


def numbers(place: str) -> list[int]:
    return [int(e["outputs"][0]["name"].removeprefix("table")) for _, e in open_ledger(place).events()]


def test_processes_on_one_bucket_lose_and_double_nothing(place: str, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    shares = [list(range(start, start + 20)) for start in (0, 10, 20)]
    jobs = [spawn.Process(daemon=True, target=workers.append_all, args=(place, share, 5)) for share in shares]
    jobs.append(spawn.Process(daemon=True, target=workers.compact_until, args=(place, 40)))
    jobs.append(spawn.Process(daemon=True, target=workers.read_until, args=(place, 40, str(tmp_path / "reader"))))
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(200)
        assert job.exitcode == 0
    assert (tmp_path / "reader").read_text() == "ok"
    assert sorted(numbers(place)) == list(range(40))
    assert verify(open_ledger(place).archive).findings == ()


def test_packs_and_retention_work_the_same_on_a_bucket(place: str) -> None:
    ledger = open_ledger(place, lambda: histories.START)
    for n in range(8):
        ledger.append([histories.simple(n)])
    ledger.compact()
    before = ledger.closure(TARGET)
    Log(ledger.archive).pack(7, at_least=1)
    assert Log(ledger.archive).loose() == [8]
    assert open_ledger(place).closure(TARGET) == before
    assert numbers(place) == list(range(8))
    ledger.prune(histories.START.replace(year=2030), dry_run=False)
    assert open_ledger(place).closure(TARGET).reached == before.reached
    assert verify(open_ledger(place).archive).findings == ()


@pytest.mark.parametrize("afterwards", [False, True])
def test_a_server_that_fails_now_and_then_is_asked_again(proxy: Proxy, place: str, afterwards: bool) -> None:
    """Every third request fails, before or after it was carried out: all is there, and once."""
    proxy.failing, proxy.afterwards = (lambda method, count: count % 3 == 0), afterwards
    ledger = open_ledger(place)
    for n in range(6):
        assert ledger.append([histories.simple(n)]).new == 1
    ledger.compact()
    assert len(open_ledger(place).closure(TARGET).reached) == 7
    assert numbers(place) == list(range(6))


def test_a_server_that_only_fails_is_an_error_and_nothing_is_acknowledged(proxy: Proxy, place: str) -> None:
    ledger = open_ledger(place)
    ledger.append([histories.simple(0)])
    proxy.failing = lambda method, count: True
    for ask in (
        lambda: ledger.append([histories.simple(1)]),
        lambda: ledger.closure(TARGET),
        lambda: open_ledger(place).watermark(),
        lambda: ledger.swap("x", None, {}),
        lambda: ledger.load("x"),
    ):
        with pytest.raises(LedgerError, match="s3://") as e:
            ask()
        assert e.value.fix
    proxy.failing = lambda method, count: False
    assert numbers(place) == [0]
    assert ledger.append([histories.simple(1)]).new == 1
