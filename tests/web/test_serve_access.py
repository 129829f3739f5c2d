"""Who may read, who may write, and the headers of every answer."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from serve_ledger import CLEAN, application, finished
from starlette.testclient import TestClient

from lineage_guard.domain.errors import ConfigError
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.web.access import HEADERS, Access, access_for

HERE = access_for("127.0.0.1", (), ())


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return open_ledger(tmp_path_factory.mktemp("empty") / "ledger")


@pytest.fixture
def client(ledger: Ledger) -> TestClient:
    return TestClient(application(ledger, HERE), "http://127.0.0.1:4180", raise_server_exceptions=False)


@pytest.mark.parametrize("path", ["/", "/nope", "/static/site.css", "/api/v1/verdicts", "/healthz", "/v", "/api/v1/v"])
def test_every_answer_has_the_headers(client: TestClient, path: str):
    answer = client.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "set-cookie" not in answer.headers


def test_pages_are_not_kept_and_files_are(client: TestClient):
    assert client.get("/").headers["cache-control"] == "no-store"
    assert "immutable" in client.get("/static/site.css").headers["cache-control"]
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/%2e%2e/app.py").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/", "/v", "/waivers", "/api/v1/graph", "/report"])
def test_nothing_can_be_changed(client: TestClient, method: str, path: str):
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert answer.headers["allow"]
    assert answer.headers["content-security-policy"]


def test_head_is_answered(client: TestClient):
    assert client.head("/").status_code == 200


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1.evil.example.com", "", "localhost.evil.example:4180"])
def test_a_name_of_somebody_else_that_leads_here_is_refused(client: TestClient, host: str):
    answer = client.get("/", headers={"Host": host})
    assert answer.status_code == 421
    assert "--allow-host" in answer.text


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:4180", "127.0.0.1:1", "[::1]:4180"])
def test_this_machine_is_known_by_its_names(client: TestClient, host: str):
    assert client.get("/", headers={"Host": host}).status_code == 200


def test_a_further_name_is_known_once_it_is_said(ledger: Ledger):
    said = access_for("127.0.0.1", ("Lineage.Example.com",), ())
    client = TestClient(application(ledger, said), "http://lineage.example.com")
    assert client.get("/").status_code == 200


def test_others_read_with_a_token_or_when_that_is_meant():
    with pytest.raises(ConfigError, match="LINEAGE_GUARD_READ_TOKENS") as error:
        access_for("0.0.0.0", (), ())
    assert "--unguarded" in str(error.value)
    assert access_for("0.0.0.0", (), (), unguarded=True) == Access((), None)
    assert access_for("0.0.0.0", (), ("t",)) == Access(("t",), None)
    assert "lineage" in (access_for("0.0.0.0", ("lineage",), ("t",)).hosts or ())
    assert "10.0.0.7" in (access_for("10.0.0.7", (), ("t",)).hosts or ())


def basic(password: str) -> str:
    return "Basic " + base64.b64encode(f"anybody:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ("Bearer legal-20c1", 200),
        ("bearer oncall:77", 200),
        (basic("oncall:77"), 200),
        (basic("legal-20c1"), 200),
        ("", 401),
        ("Bearer", 401),
        ("Bearer legal-20c", 401),
        (basic("wrong"), 401),
        ("Basic !!!", 401),
        ("Basic " + base64.b64encode(b"legal-20c1").decode(), 401),
        ("Digest legal-20c1", 401),
        ("Bearer \u00fc", 401),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/verdicts", "/metrics", "/static/site.css", "/nope"])
def test_with_read_tokens_every_page_needs_one(ledger: Ledger, path: str, given: str, status: int):
    client = TestClient(application(ledger, Access(("legal-20c1", "oncall:77"))))
    answer = client.get(path, headers={"Authorization": given.encode()})
    assert (answer.status_code == 401) == (status == 401)
    if status == 401:
        assert answer.headers["www-authenticate"].startswith("Basic")
        assert answer.headers["content-security-policy"]


def test_a_probe_needs_no_token(ledger: Ledger):
    client = TestClient(application(ledger, Access(("t",))))
    assert client.get("/healthz").json() == {"status": "ok"}


def test_without_a_token_for_it_nothing_is_taken_in(client: TestClient):
    answer = client.post("/api/v1/lineage", json=[])
    assert answer.status_code == 403
    assert "LINEAGE_GUARD_TOKENS" in answer.json()["error"]


def test_who_may_read_may_not_write(tmp_path: Path):
    book = open_ledger(tmp_path / "ledger")
    client = TestClient(application(book, Access(("reader",)), tokens=("writer",)))
    event = finished(CLEAN)
    for token in ("reader", "", "nobody"):
        answer = client.post("/api/v1/lineage", json=event, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401
    assert book.check().events == 0
    answer = client.post("/api/v1/lineage", json=event, headers={"Authorization": "Bearer writer"})
    assert answer.status_code == 201
    assert answer.headers["content-security-policy"]
    assert client.get("/", headers={"Authorization": "Bearer writer"}).status_code == 401
    assert "synthetic/clean" in client.get("/search", headers={"Authorization": "Bearer reader"}).text
