"""What a page must say: the rule and the way out at once, what it left out, and that it broke off or cannot know."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from serve_ledger import ALLOWED, DAY, STUDENT, application, fill, finished, site, version
from starlette.testclient import TestClient

from lineage_guard.domain.facts import Input, License, ModelSource, Production
from lineage_guard.domain.verdict.decide import decide
from lineage_guard.explaining.answering import upstream
from lineage_guard.ledger import open_ledger
from lineage_guard.web import questions, views
from lineage_guard.web.graph.nodes import SPELLED
from lineage_guard.web.rendering import to_version

ODD = ModelSource("we[ird]", "model-*[v1]?")
SOURCE = version("raw/odd", 1)
TRAINED = version("models/odd", 2)
MODELS = (ODD, *(ModelSource("openai", f"gpt-4o-{n}") for n in range(SPELLED + 4)))
LICENSES = tuple(License(f"LicenseRef-{n}") for n in range(103))
SLOW = "is not done unasked"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    fill(folder)
    return folder


@pytest.fixture(scope="module")
def client(place: Path) -> TestClient:
    return TestClient(application(open_ledger(place / "ledger")), raise_server_exceptions=False)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    ledger = open_ledger(tmp_path_factory.mktemp("odd"))
    made = Production((SOURCE,), models=MODELS, licenses=LICENSES, produced_at=DAY)
    trained = Production((TRAINED,), inputs=(Input(SOURCE),), produced_at=DAY)
    ledger.append([finished(SOURCE, made=made)])
    for n in range(15):  # more than one list shows, of names that begin alike and of partitions
        later = DAY + timedelta(hours=n + 1)
        for which in (version("raw/odd_too", 100 + n), version("raw/parts", 200 + n, f"p-{n:02}")):
            ledger.append([finished(which, made=Production((which,), produced_at=later))])
    rules = site(ledger).rules
    closure, _ = upstream(trained, ledger, rules.policy.terms, rules.catalog.ancestry)
    ledger.append([finished(TRAINED, decide(closure, rules.policy, (), "train_competing", DAY), trained)])
    return TestClient(application(ledger), raise_server_exceptions=False)


def _nothing(*_: object, **__: object) -> object:
    return object()


def said(client: TestClient, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.text[-2000:]
    return " ".join(answer.text.split())


def test_the_head_of_the_page_names_what_rule_and_way_out(client: TestClient):
    with client.stream("GET", to_version(STUDENT)) as answer:
        head = "".join(answer.iter_text()).partition("</section>")[0]
    assert "BLOCKED" in head
    assert "by rule <strong><bdi>model-terms</bdi>" in head
    assert "openai/gpt-4o-2024-08-06" in head
    assert "openai-api" in head
    assert "Way out:</strong> <bdi>Make " in head
    assert 'href="#fix"' in head
    assert "Way out" not in said(client, to_version(ALLOWED)).partition("</section>")[0]


def test_ways_on_the_first_of_several_causes_say_so(odd: TestClient, client: TestClient):
    assert "This is about the first of" not in said(client, to_version(STUDENT))
    page = said(odd, to_version(TRAINED))
    why = page.partition('id="why"')[2].partition('id="now"')[0]
    stops = why.count("</span>Stops</span>") + why.count("</span>Not known</span>")
    assert stops == len(MODELS)
    assert f"This is about the first of {stops} causes, and each of them stops it" in page


def test_a_large_closure_is_explained_on_request_and_the_page_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    whole = said(client, to_version(STUDENT))
    assert "to unblock" in whole
    assert SLOW not in whole
    monkeypatch.setattr(questions, "SOUGHT", 2)
    page = said(client, to_version(STUDENT))
    assert SLOW in page
    assert "to unblock" not in page
    assert "BLOCKED" in page.partition("As judged now</h2>")[2].partition("History of verdicts")[0]
    asked = to_version(STUDENT, whole=1)
    assert f"{asked.replace('&', '&amp;')}#now" in page
    assert "to unblock" in said(client, asked)
    assert SLOW not in said(client, asked)
    # What stops nothing has no way out to look for, and programs get all of it.
    assert SLOW not in said(client, to_version(ALLOWED))
    told = client.get(to_version(STUDENT, "/api/v1/explanation")).json()
    assert told["changes"]
    assert told["unsought"] == 0


def test_what_is_not_spelled_out_is_counted(odd: TestClient):
    page = said(odd, to_version(TRAINED))
    assert "... and 3 more; the audit report lists all." in page
    graph = odd.get(to_version(TRAINED, "/api/v1/graph")).json()
    [source] = [n for n in graph["nodes"] if n["label"] == "default:raw/odd"]
    assert len(source["models"]) == SPELLED
    assert source["unspelled"]["models"] == len(MODELS) - SPELLED
    assert source["unspelled"]["licenses"] == len(LICENSES) - SPELLED
    assert f"and {len(MODELS) - 8} more" in page
    assert f"and {len(LICENSES) - SPELLED} more" in page


def test_the_link_to_what_a_model_made_means_that_model(odd: TestClient):
    page = odd.get(to_version(TRAINED)).text
    links = [part.partition('"')[0].replace("&amp;", "&") for part in page.split('href="')[1:]]
    [link] = [each for each in links if each.startswith("/impact?provider=we")]
    assert "2 versions" in said(odd, link)


def test_a_name_alone_finds_its_newest_version_whatever_is_called_alike(odd: TestClient):
    page = said(odd, "/v?name=raw/odd")
    assert to_version(SOURCE).replace("&", "&amp;") in page
    assert "odd_too" not in page
    assert "[p-14]" in said(odd, "/v?name=raw/parts").partition("</h1>")[0]


def test_a_partition_is_found_behind_newer_ones(odd: TestClient):
    assert "[p-00]" in said(odd, "/v?name=raw/parts&partition=p-00").partition("</h1>")[0]
    said(odd, "/v?name=raw/parts&partition=p-99", 404)


def test_a_report_is_offered_of_what_was_written(place: Path, tmp_path: Path):
    ledger = open_ledger(Path(shutil.copytree(place / "ledger", tmp_path / "ledger")))
    before = version(STUDENT.name, 777)
    ledger.append([finished(before, made=Production((before,), produced_at=DAY))])
    client = TestClient(application(ledger), raise_server_exceptions=False)
    assert "this one was not. Those that were are listed" in said(client, to_version(STUDENT))
    assert "/report?" not in said(client, to_version(STUDENT))
    assert "/report?" in said(client, to_version(before))
    assert client.get(to_version(before, "/report", format="json")).status_code == 200


@pytest.mark.parametrize("address", ["/?q=", "/search?q=", "/impact?model=", "/impact?model=x&provider="])
def test_a_text_that_is_too_long_is_refused_not_cut(client: TestClient, address: str):
    assert "has more than 500 characters" in said(client, address + "x" * 501, 400)
    said(client, address + "x" * 500)


def test_a_page_that_breaks_off_says_so(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(views, "upstream_of", _nothing)
    page = said(client, to_version(STUDENT))
    assert "How to fix it" in page
    assert "This page is not complete" in page
    assert page.endswith("</html>")
    assert "could not be made to its end" in caplog.text


def test_a_page_that_breaks_at_its_beginning_is_no_page(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(questions, "counts", _nothing)
    assert "unexpected" in said(client, "/", 500)


@pytest.mark.parametrize("other", [False, True])
def test_a_ledger_that_was_taken_away_is_not_remembered(place: Path, tmp_path: Path, other: bool):
    folder = Path(shutil.copytree(place / "ledger", tmp_path / "ledger"))
    client = TestClient(application(open_ledger(folder)), raise_server_exceptions=False)
    pages = ("/", to_version(STUDENT), "/search", "/incidents", "/impact?model=gpt*", "/api/v1/verdicts", "/readyz")
    for address in pages:
        said(client, address)
    shutil.rmtree(folder)
    if other:
        ledger = open_ledger(folder)
        for n in range(9):
            ledger.append([finished(version("raw/other", n), made=Production((version("raw/other", n),)))])
    for address in pages:
        assert "models/student" not in said(client, address, 503)
    [found] = [check for check in client.get("/health").json()["checks"] if check["check"] == "ledger"]
    assert found["ok"] is False
    assert 'lineage_guard_reading_failed{reading="ledger"} 1.0' in client.get("/metrics").text
