"""The OpenLineage endpoint: a real server on a free port, spoken to over HTTP."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from asgi_server import running
from openlineage.client.client import OpenLineageClient
from openlineage.client.transport.http import HttpConfig, HttpTransport

from lineage_guard.domain.errors import ConfigError
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive.quarantine import quarantined
from lineage_guard.ledger.ledger import Ledger
from lineage_guard.openlineage.delivery.rebuild import rebuild
from lineage_guard.web.receiver import receiver, require_safe

sys.path.insert(0, str(Path(__file__).parents[1] / "openlineage"))
from foreign_examples import data, event, ran

TOKEN = "spark-7f3a"
LIMIT = 20_000


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path / "ledger")


@pytest.fixture
def url(ledger: Ledger) -> Iterator[str]:
    with running(receiver(ledger, ("airflow-91c2", TOKEN), LIMIT)) as address:
        yield address


def post(url: str, body: Any, path: str = "/api/v1/lineage", **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"} | headers
    return httpx.post(url + path, content=content, headers=sent, timeout=30)


def held(ledger: Ledger) -> int:
    """Events that another process would find."""
    return open_ledger(ledger.location).check().events


def test_an_event_is_in_the_ledger_when_it_is_acknowledged(url: str, ledger: Ledger) -> None:
    one = event("START", "writer", 0, [data("raw")])
    answer = post(url, one)
    assert (answer.status_code, answer.json()["summary"]["successful"], held(ledger)) == (201, 1, 1)
    again = post(url, one)
    assert (again.status_code, again.json()["summary"]["duplicates"], held(ledger)) == (200, 1, 1)


@pytest.mark.parametrize("path", ["/api/v1/lineage", "/api/v1/lineage/batch"])
def test_a_batch_is_taken_whole(url: str, ledger: Ledger, path: str) -> None:
    answer = post(url, ran("writer", 0, 5, [data("raw")], [data("t")]), path)
    assert (answer.status_code, answer.json()["status"], held(ledger)) == (201, "success", 2)


def test_the_openlineage_client_can_send(url: str, ledger: Ledger) -> None:
    auth = {"type": "api_key", "apiKey": TOKEN}
    for compression in (None, "gzip"):
        transport = {"url": url, "auth": auth} | ({"compression": compression} if compression else {})
        client = OpenLineageClient(transport=HttpTransport(HttpConfig.from_dict(transport)))
        client.emit(rebuild(event("START", f"writer {compression}", 0, [data("raw")])))
    assert held(ledger) == 2


def test_what_cannot_be_understood_is_kept_with_its_reason_and_loses_nothing_else(url: str, ledger: Ledger) -> None:
    good = ran("writer", 0, 5, [data("raw")], [data("t")])
    broken = event("COMPLETE", "other", 5) | {"eventTime": "yesterday"}
    answer = post(url, [good[0], broken, "junk", good[1]])
    assert answer.status_code == 422
    content = answer.json()
    assert content["summary"] | {} == {
        "received": 4, "successful": 2, "failed": 2, "retriable": 0, "non_retriable": 2, "duplicates": 0,
    }  # fmt: skip
    failed = {f["index"]: f["reason"] for f in content["failed_events"]}
    assert failed == {
        1: "event.eventTime: expected an ISO 8601 time, found 'yesterday'",
        2: "it is JSON, but no object",
    }
    assert held(ledger) == 2
    aside = {q.where: q for q in quarantined(ledger.archive)}
    assert json.loads(aside["event.eventTime"].raw) == broken
    assert aside["event.eventTime"].source == "http:127.0.0.1[1]"


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 9000])
def test_what_is_no_json_is_refused_and_kept(url: str, ledger: Ledger, body: bytes) -> None:
    answer = post(url, body)
    assert (answer.status_code, held(ledger)) == (400, 0)
    assert [q.raw for q in quarantined(ledger.archive)] == [body]


def test_a_batch_must_be_an_array(url: str) -> None:
    assert post(url, event("START", "writer", 0), "/api/v1/lineage/batch").status_code == 400


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", TOKEN])
def test_without_a_valid_token_nothing_is_read(url: str, ledger: Ledger, given: str) -> None:
    answer = post(url, event("START", "writer", 0), Authorization=given)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert held(ledger) == 0
    assert not list(quarantined(ledger.archive))


def test_any_of_the_tokens_will_do(url: str) -> None:
    assert post(url, event("START", "writer", 0), Authorization="bearer airflow-91c2").status_code == 201


def test_a_large_body_is_refused_however_it_comes(url: str, ledger: Ledger) -> None:
    large = json.dumps(event("START", "x" * LIMIT, 0)).encode()
    assert post(url, large).status_code == 413
    packed = gzip.compress(large)
    assert len(packed) < LIMIT
    assert post(url, packed, **{"Content-Encoding": "gzip"}).status_code == 413

    def pieces() -> Iterator[bytes]:
        yield from (large[i : i + 1000] for i in range(0, len(large), 1000))

    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    assert httpx.post(url + "/api/v1/lineage", content=pieces(), headers=headers, timeout=30).status_code == 413
    assert held(ledger) == 0


def test_a_web_page_cannot_write_through_a_visitor(url: str, ledger: Ledger) -> None:
    """Without a preflight a page can only send the content types of a form."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        assert post(url, event("START", "writer", 0), **{"Content-Type": kind}).status_code == 415
    assert post(url, b"{}", **{"Content-Encoding": "br"}).status_code == 415
    assert held(ledger) == 0


def test_an_event_that_could_not_be_kept_is_not_acknowledged(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("where the ledger's folder should be")
    with running(receiver(open_ledger(blocked), (TOKEN,), LIMIT)) as url:
        answer = post(url, event("START", "writer", 0))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert str(tmp_path) not in answer.text


def test_many_senders_at_once_lose_nothing(url: str, ledger: Ledger) -> None:
    def send(n: int) -> int:
        return post(url, ran(f"writer {n}", 0, 5, [data("raw")], [data(f"t{n}")])).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(send, range(24))) == {201}
    assert held(ledger) == 48


def test_health_needs_no_token(url: str) -> None:
    assert httpx.get(url + "/healthz").json() == {"status": "ok"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "lineage.example.com"])
def test_it_does_not_listen_to_the_network_without_a_token(host: str) -> None:
    with pytest.raises(ConfigError, match="token"):
        require_safe(host, ())
    require_safe(host, ("secret",))


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_it_listens_to_this_machine_without_a_token(host: str) -> None:
    require_safe(host, ())
