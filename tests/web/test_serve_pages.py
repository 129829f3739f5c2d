"""The pages without a browser: what they say, where they lead, and that hostile names stay names."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from pager import Pager
from serve_ledger import (
    ALLOWED,
    CURATED,
    EVIL,
    HOSTILE,
    MANY,
    NOW,
    ODD,
    ORPHAN,
    RTL,
    STUDENT,
    SYNTHETIC,
    TURNED,
    WAIVED,
    application,
    fill,
)
from starlette.testclient import TestClient

from lineage_guard.alerts import Context, send
from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger import open_ledger
from lineage_guard.web import questions
from lineage_guard.web.access import Access
from lineage_guard.web.rendering import to_version
from lineage_guard.web.site import ROWS


class Read(HTMLParser):
    """A page as a browser reads it: links, text, and every element."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        self.elements.append((tag, said))
        if tag == "a" and said.get("href"):
            self.links.append(said["href"] or "")

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serve")
    fill(folder)
    return folder


@pytest.fixture(scope="module")
def client(place: Path) -> TestClient:
    served = application(open_ledger(place / "ledger"), Access(), place / "waivers.yaml")
    return TestClient(served, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    return TestClient(application(open_ledger(tmp_path_factory.mktemp("empty") / "ledger")))


def read(client: TestClient, address: str, status: int = 200) -> Read:
    answer = client.get(address)
    assert answer.status_code == status, answer.text[-3000:]
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    page = Read(answer.text)
    assert "This part could not be made" not in page.text, page.text
    assert inert(page)
    return page


def inert(page: Read) -> bool:
    """Whether nothing in a page runs but files of ours, and nothing leads anywhere but over http."""
    for tag, said in page.elements:
        assert tag in ALLOWED_TAGS, tag
        assert not any(name.startswith("on") or name == "style" for name in said), said
        if tag == "script":
            assert (said["src"] or "").startswith("/static/")
        if tag == "img":
            assert (said["src"] or "").startswith("/static/")
        for address in (said.get("href"), said.get("action"), said.get("src")):
            assert address is None or address.startswith(("/", "#", "https://", "http://")), address
            assert address is None or not address.startswith("//")
    assert not re.search("[\u200b\u202e\u2066]", page.text)
    return True


ALLOWED_TAGS = set(
    re.findall(
        "[a-z0-9]+",
        "html head meta title link script body a header nav img form label input button main h1 h2 h3 p ul ol li div "
        "span b strong code pre table thead tbody tr th td time details summary section article bdi br q footer i em",
    )
)


def test_every_verdict_is_in_the_list_page_by_page(client: TestClient):
    address, seen, pages = "/", [], 0
    while address:
        page = read(client, address)
        found = [link for link in page.links if link.startswith("/v?")]
        assert len(found) <= ROWS
        seen += found
        pages += 1
        forth = [a for a in page.elements if a[0] == "a" and a[1].get("rel") == "next"]
        address = forth[0][1]["href"] if forth else None
    assert pages == 2
    assert len(seen) == len(set(seen)) == MANY + 5
    for version in (STUDENT, ALLOWED, WAIVED, ORPHAN, EVIL):
        assert to_version(version) in seen


def test_the_decision_filter_and_the_search_narrow_the_list(client: TestClient):
    blocked = read(client, "/?decision=BLOCK")
    assert to_version(STUDENT) in blocked.links
    assert to_version(ALLOWED) not in blocked.links
    assert to_version(WAIVED) in read(client, "/?decision=WAIVED").links
    assert to_version(ORPHAN) in read(client, "/?decision=UNKNOWN").links
    found = read(client, "/?q=models/waived").links
    assert to_version(WAIVED) in found
    assert to_version(STUDENT) not in found
    paged = read(client, "/?q=models/many&decision=ALLOW")
    [forth] = [a[1]["href"] for a in paged.elements if a[0] == "a" and a[1].get("rel") == "next"]
    asked = parse_qs(urlsplit(forth).query)
    assert (asked["q"], asked["decision"]) == (["models/many"], ["ALLOW"])
    assert len([link for link in read(client, forth).links if link.startswith("/v?")]) == MANY - ROWS
    assert "Nothing matches" in read(client, "/?q=%00%22nobody").text


def test_a_deep_link_of_an_alert_shows_the_verdict(client: TestClient):
    for address in (to_version(STUDENT), "/v?namespace=default&name=models/student", "/v?name=models/student"):
        page = read(client, address)
        said = " ".join(page.text.split())
        assert "BLOCKED" in said
        assert "openai/gpt-4o-2024-08-06 via api.openai.com" in said
        assert "How to fix it" in said
        assert "lineage-guard waive request models/student" in said
        assert "curated/mixed" in said
        assert f"https://dagster.example.com/assets/{STUDENT.name}" in page.links
        assert "https://dagster.example.com/runs/019b76da-a800-7503-85d6-56f4850000ff" in page.links


def test_a_partition_is_found_without_its_run(client: TestClient):
    assert "ALLOWED" in read(client, "/v?name=models/many&partition=day-07").text
    assert "day-59" in read(client, "/v?name=models/many").text  # the newest


def test_the_tree_spells_out_the_way_without_scripts(client: TestClient):
    partitioned = client.get(to_version(EVIL, "/api/v1/graph")).json()
    assert [n["kind"] for n in partitioned["nodes"]].count("model") == 1
    page = read(client, to_version(STUDENT))
    lines = [said for tag, said in page.elements if tag == "summary" and "data-node" in said]
    assert len(lines) >= 4
    asked = client.get(to_version(STUDENT, "/api/v1/graph")).json()
    assert {said["data-node"] for said in lines} == {node["id"] for node in asked["nodes"]}
    depth = most = 0
    for tag, _ in page.elements:
        most = max(most, depth)
        depth += tag == "ul"
    assert page.text.count("restricted") >= 1


@pytest.mark.parametrize(
    ("version", "word"), [(ALLOWED, "ALLOWED"), (WAIVED, "WAIVED"), (ORPHAN, "NOT KNOWN"), (EVIL, "BLOCKED")]
)
def test_every_decision_has_its_page(client: TestClient, version, word):
    assert word in read(client, to_version(version)).text


def test_a_version_without_a_verdict_has_a_page(client: TestClient):
    for version in (CURATED, SYNTHETIC, ODD, RTL):
        page = read(client, to_version(version))
        assert "No verdict" in page.text
        assert "What was made from it" in page.text


@pytest.mark.parametrize("address", ["/", "/?decision=BLOCK", "/search", "/search?q=raw/", to_version(EVIL)])
def test_hostile_names_are_text(client: TestClient, address):
    page = read(client, address)
    if "BLOCK" in address or address == to_version(EVIL):
        assert "<script>hacked=1</script>" in page.text


def test_what_turns_text_around_or_cannot_be_seen_is_shown(client: TestClient):
    page = read(client, to_version(RTL))
    assert "\\u202e" in page.text
    assert "\\u200b" in page.text
    assert TURNED not in page.text


def test_what_is_searched_for_is_text(client: TestClient):
    for path in ("/", "/search", "/impact"):
        page = read(
            client, client.build_request("GET", path, params={"q": HOSTILE, "model": HOSTILE}).url.raw_path.decode()
        )
        [field] = [s for t, s in page.elements if t == "input" and s.get("id") == "search"]
        assert field["value"] == HOSTILE


def test_search_finds_versions_and_verdicts(client: TestClient):
    page = read(client, "/search?q=models/student")
    assert to_version(STUDENT) in page.links
    assert to_version(SYNTHETIC) in read(client, "/search?q=synthetic/answers").links
    assert "Nothing matches" in read(client, "/search?q=nobody").text


def test_impact_leads_to_what_was_trained(client: TestClient):
    page = read(client, "/impact?model=gpt-4o*")
    assert to_version(WAIVED) in page.links
    assert to_version(CURATED) in page.links
    assert to_version(CURATED) in read(client, to_version(SYNTHETIC, "/impact")).links
    assert "lineage-guard impact --model 'gpt-4o*'" in page.text
    assert "Nothing is downstream" in read(client, "/impact?model=nobody").text
    assert "Name a model" in read(client, "/impact").text


def test_waivers_say_who_and_until_when(client: TestClient, empty: TestClient, place: Path, tmp_path: Path):
    said = read(client, "/waivers").text
    for word in ("w-waived", "in force", "ada@example.com", "grace@example.com", "2026-09-01", "<b>now</b>"):
        assert word in said
    assert "No file of waivers is named" in read(empty, "/waivers").text
    broken = tmp_path / "waivers.yaml"
    broken.write_text("waivers: [{id: 1}]", "utf-8")
    other = TestClient(application(open_ledger(place / "ledger"), waivers=broken))
    assert "nothing is waived" in read(other, "/waivers").text


def test_runbooks_are_there_and_link_each_other(client: TestClient):
    page = read(client, "/runbooks")
    books = [link for link in page.links if link.startswith("/runbooks/")]
    assert "/runbooks/restricted-model" in books
    for link in set(books):
        assert "What to do" in read(client, link).text
    assert read(client, "/runbooks/nobody", 404)
    assert client.get("/runbooks/..%2f..%2fREADME").status_code == 404


def test_an_empty_ledger_says_what_to_do(empty: TestClient):
    assert "lineage_guard.guard(defs)" in read(empty, "/").text
    assert "lineage-guard sync" in read(empty, "/search").text
    assert "Nothing is open" in read(empty, "/incidents").text
    assert "Nothing is on record" in read(empty, "/v?name=student", 404).text


def test_what_is_not_there_says_so(client: TestClient):
    assert "There is no such page" in read(client, "/nope", 404).text
    said = read(client, "/v?name=nobody", 404).text
    assert "Nothing is on record" in said
    assert "what stops it, if anything, is among the incidents" in said
    assert "Verdicts · Search · Incidents" in said
    assert "name=" in read(client, "/v", 400).text
    assert "one of" in read(client, "/?decision=PERHAPS", 400).text
    assert "cannot be shown" in read(client, "/?after=<script>", 400).text
    assert "one of" in read(client, to_version(WAIVED, "/report", format="exe"), 400).text
    assert client.get("/api/v1/graph?name=nobody").status_code == 404
    assert client.get("/api/v1/verdicts?decision=x").json()["fix"]


def test_a_ledger_that_cannot_be_read_says_what_where_and_how(client: TestClient, place: Path, monkeypatch):
    ledger = open_ledger(place / "ledger")

    def broken(*_: object, **__: object) -> None:
        raise LedgerError("the manifest <b>is torn</b>", where="/srv/ledger", fix="run lineage-guard doctor")

    for name in ("ask", "load", "names", "productions"):
        monkeypatch.setattr(ledger, name, broken)
    other = TestClient(application(ledger, Access()), raise_server_exceptions=False)
    for address in ("/", "/search", "/incidents", "/v?name=models/student", "/impact?model=x"):
        page = read(other, address, 503)
        for word in ("The ledger cannot be read", "<b>is torn</b>", "/srv/ledger", "run lineage-guard doctor"):
            assert word in page.text
    answer = other.get("/api/v1/verdicts")
    assert (answer.status_code, answer.json()["where"]) == (503, "/srv/ledger")


def test_a_part_that_cannot_be_made_says_so_and_hides_no_other(place: Path, tmp_path: Path):
    broken = tmp_path / "waivers.yaml"
    broken.write_text("waivers: [{id: 1}]", "utf-8")
    client = TestClient(application(open_ledger(place / "ledger"), waivers=broken))
    answer = client.get(to_version(STUDENT))
    assert answer.status_code == 200
    said = Read(answer.text).text
    assert "This part could not be made" in said
    assert str(broken) in said
    assert "How to fix it" in said
    assert "History of verdicts on it" in said


def test_an_error_nobody_foresaw_has_a_page_and_no_traceback(place: Path, monkeypatch):
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(questions, "counts", broken)
    client = TestClient(application(open_ledger(place / "ledger")), raise_server_exceptions=False)
    page = read(client, "/", 500)
    assert "RuntimeError" in page.text
    assert "secret" not in page.text


def test_the_report_is_a_file(client: TestClient):
    answer = client.get(to_version(WAIVED, "/report", format="html"))
    assert answer.status_code == 200
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+\.html"', answer.headers["content-disposition"])
    assert b"Audit report" in answer.content
    data = client.get(to_version(WAIVED, "/report", format="json")).json()
    assert data
    newest = client.get(f"/report?namespace={WAIVED.namespace}&name={WAIVED.name}&format=json")
    assert newest.json() == data
    assert client.get("/report?namespace=acme&name=nobody&format=json").status_code == 400


def test_the_same_as_json(client: TestClient):
    assert client.get("/api/v1/verdicts?decision=BLOCK").json()["total"] == 2
    assert client.get("/api/v1/versions?q=synthetic").json()["total"] == 2
    assert client.get(to_version(STUDENT, "/api/v1/verdict")).json()["record"]["decision"] == "BLOCK"
    assert client.get(to_version(STUDENT, "/api/v1/explanation")).json()["verdict"]["decision"] == "BLOCK"
    assert client.get("/api/v1/impact?model=gpt-4o*").json()["total"] >= 5
    assert client.get("/api/v1/waivers").json()["rows"][0]["id"] == "w-waived"
    assert client.get("/api/v1/incidents").json() == []
    graph = client.get(to_version(STUDENT, "/api/v1/graph")).json()
    ids = {node["id"] for node in graph["nodes"]}
    assert graph["target"] in ids
    assert all(edge["source"] in ids and edge["target"] in ids for edge in graph["edges"])
    assert not re.search("[\u200b\u202e\u2066]", "".join(node["shown"] for node in graph["nodes"]))


def test_the_links_of_alerts_lead_to_their_pages(client: TestClient):
    here = Context(serve_url="http://testserver/")
    for version in (STUDENT, EVIL, WAIVED, STUDENT._replace(run=None)):
        address = here.path(version)
        assert address is not None
        assert "Nothing is on record" not in read(client, address.removeprefix("http://testserver")).text
    assert "A restricted model is upstream" in read(client, here.runbook("restricted-model")).text
    assert "lg-nobody" in read(client, here.incident("lg-nobody") or "").text


def test_an_incident_says_what_on_call_was_told(place: Path, tmp_path: Path):
    ledger = open_ledger(Path(shutil.copytree(place / "ledger", tmp_path / "ledger")))
    pager = Pager()
    view = questions.verdict(ledger, *EVIL)
    assert view is not None
    assert view.verdict is not None
    send([view.verdict], [pager], ledger, NOW, Context(serve_url="http://testserver"))
    [alert] = pager.alerts
    client = TestClient(application(ledger), raise_server_exceptions=False)
    for address in ("/incidents", f"/incidents?id={alert.incident}"):
        page = read(client, address)
        assert "Blocked" in page.text
        assert "<script>hacked=1</script>" in page.text
        assert "gpt-4o" in page.text
        assert "/runbooks/restricted-model" in page.links
    assert "lineage-guard waive request" in page.text
    assert "is over" in read(client, "/incidents?id=lg-other").text
