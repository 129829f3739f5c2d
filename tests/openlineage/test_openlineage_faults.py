"""Delivery: answers that look like success and are none, and events that a backend never gets over."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backends import Answer, Marquez
from http_server import answering
from openlineage_examples import AT

from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.verdict.runs import AssetRun, RunState, asset_run_id
from lineage_guard.ledger import Ledger
from lineage_guard.openlineage.deliver import Drained, drain, redeliver
from lineage_guard.openlineage.encode import event_of

pytestmark = pytest.mark.usefixtures("no_configuration")

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def run(n: int, name: str = "table") -> list[Any]:
    """START and COMPLETE of a run that wrote a table."""
    run_id = asset_run_id(f"run {n}", name, None, AT)
    made = Production((Version("default", name, None, run_id),))
    return [
        event_of(AssetRun(run_id, state, AT, "default", name, made, source=("t", n)))
        for state in (RunState.START, RunState.COMPLETE)
    ]


def to(url: str, **options: Any) -> dict[str, Any]:
    return {"transport": {"type": "http", "url": url, **options}}


def again(ledger: Ledger, config: Mapping[str, Any], calls: int = 1, **options: Any) -> Drained:
    reports = [drain(ledger, config, force=True, attempts=2, sleep=lambda _: None, **options) for _ in range(calls)]
    return reports[-1]


def gateway(status: int, headers: Mapping[str, str] | None = None, body: bytes = b"") -> AbstractContextManager[str]:
    """What stands before a backend and answers each event the same way; a page may be read from it."""
    return answering(lambda _: (status, headers or {}, body))


@pytest.fixture
def marquez() -> Iterator[Marquez]:
    backend = Marquez()
    with backend.running():
        yield backend


# Answers that look like success.


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (301, {"Location": "/elsewhere"}, b"", "a redirect to /elsewhere"),
        (302, {"Location": "/login"}, b"", "is that where events are to be sent?"),
        (303, {"Location": "/login"}, b"", "a redirect to /login"),
        (304, {}, b"", "304"),
        (307, {}, b"", "307"),
        (200, {"Content-Type": "text/html; charset=utf-8"}, b"\n<!DOCTYPE html><title>Sign in</title>", "a web page"),
    ],
)
def test_an_answer_that_says_nothing_of_the_event_delivers_nothing(
    ledger: Ledger, status: int, headers: dict[str, str], body: bytes, said: str
) -> None:
    ledger.append(run(0))
    with gateway(status, headers, body) as url:
        report = again(ledger, to(url))
        both = {"type": "composite", "continue_on_failure": False, "transports": [to(url)["transport"]]}
        inside = again(ledger, {"transport": both})
    assert (report.delivered, report.backlog, report.refused_in_all) == (0, 2, 0)
    assert said in (report.error or "")
    assert (inside.delivered, inside.backlog, inside.refused_in_all) == (0, 2, 0)
    assert said in (inside.error or "")


@pytest.mark.parametrize("status", [307, 308])
def test_a_redirect_that_keeps_the_event_is_followed(ledger: Ledger, marquez: Marquez, status: int) -> None:
    events = run(0)
    ledger.append(events)
    with gateway(status, {"Location": marquez.url + marquez.path}) as url:
        assert again(ledger, to(url)).delivered == 2
    assert marquez.accepted == events


def test_a_short_answer_that_calls_itself_html_is_one(ledger: Ledger) -> None:
    """Web frameworks call any answer of a few words so."""
    ledger.append(run(0))
    with gateway(200, {"Content-Type": "text/html"}, b"OK") as url:
        assert again(ledger, to(url)).delivered == 2


def test_a_token_that_cannot_be_had_says_nothing_of_the_event(ledger: Ledger, marquez: Marquez) -> None:
    """OAuth 2 answers a wrong or expired secret with 400, which of a backend would mean the event."""
    ledger.append(run(0))
    with gateway(400, {}, b'{"error": "invalid_client"}') as url:
        auth = {"type": "oauth2", "clientId": "guard", "clientSecret": "stale", "tokenEndpoint": f"{url}/token"}
        report = again(ledger, to(marquez.url, auth=auth), 6)
    assert (report.delivered, report.backlog, report.refused_in_all) == (0, 2, 0)
    assert "invalid_client" in (report.error or "")
    assert again(ledger, to(marquez.url)).delivered == 2


def test_what_logs_in_is_not_told(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append(run(0))
    marquez.refuse = lambda _: Answer(403)
    told = again(ledger, to(marquez.url.replace("://", "://guard:s3cret@"))).error or ""
    assert "403 Client Error" in told
    with gateway(302, {"Location": "https://idp.example/login?state=s3cret"}) as url:
        told += again(ledger, to(url)).error or ""
    assert "https://idp.example/login;" in told
    assert "s3cret" not in told + str(ledger.load("delivery-openlineage"))


def test_all_of_several_backends_have_it_unless_the_configuration_is_content_with_one(
    ledger: Ledger, marquez: Marquez
) -> None:
    events = run(0)
    ledger.append(events)
    with gateway(503) as url:
        both = {"type": "composite", "transports": [to(marquez.url)["transport"], to(url)["transport"]]}
        report = again(ledger, {"transport": both})
        assert (report.delivered, report.backlog, report.refused_in_all) == (0, 2, 0)
        assert "503" in (report.error or "")
        one = again(ledger, {"transport": both | {"continue_on_failure": True}})
    assert (one.delivered, one.backlog, one.error) == (2, 0, None)


# Events that a backend never gets over.


def by_name(name: str, answer: Callable[[], Answer | None]) -> Callable[[Mapping[str, Any]], Answer | None]:
    return lambda event: answer() if event["job"]["name"] == name else None


def hung_up() -> Answer:
    """Nothing: the connection ends without an answer, as of a proxy that takes no body of that size."""
    raise ConnectionResetError


@pytest.mark.parametrize(
    "answer",
    [lambda: Answer(500), lambda: Answer(502), lambda: Answer(504), hung_up],
    ids=["500", "502", "504", "reset"],
)
def test_all_events_of_a_run_may_break_a_backend(
    ledger: Ledger, marquez: Marquez, answer: Callable[[], Answer | None]
) -> None:
    ledger.append([*run(0), *run(1, "bad"), *run(2)])
    marquez.refuse = by_name("bad", answer)
    report = again(ledger, to(marquez.url), 4)
    assert (report.failed, report.backlog, report.refused_in_all) == (1, 4, 0)
    report = again(ledger, to(marquez.url))
    assert (report.delivered, report.error, report.refused_in_all, report.backlog) == (2, None, 2, 0)
    assert marquez.accepted == [*run(0), *run(2)]
    marquez.refuse = lambda _: None
    assert redeliver(ledger, to(marquez.url)).delivered == 2


def test_however_many_break_it_in_a_row(ledger: Ledger, marquez: Marquez) -> None:
    bad = [event for n in range(15) for event in run(n, "bad")]
    ledger.append([*bad, *run(0)])
    marquez.refuse = by_name("bad", lambda: Answer(500))
    assert again(ledger, to(marquez.url), 5).delivered == 0
    report = again(ledger, to(marquez.url))
    assert (report.delivered, report.error, report.refused_in_all) == (2, None, len(bad))


def test_a_backend_that_is_away_is_not_stormed(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append([event for n in range(20) for event in run(n)])
    marquez.refuse = lambda _: Answer(503)
    assert again(ledger, to(marquez.url), 6).refused_in_all == 0
    before = marquez.requests
    report = again(ledger, to(marquez.url))
    assert (report.failed, report.backlog, report.refused_in_all) == (1, 40, 0)
    assert marquez.requests - before <= 25
    marquez.refuse = lambda _: None
    assert again(ledger, to(marquez.url)).delivered == 40


@pytest.mark.parametrize("status", [401, 429])
def test_an_answer_to_whoever_sends_says_nothing_of_the_event(ledger: Ledger, marquez: Marquez, status: int) -> None:
    ledger.append([*run(0, "bad"), *run(1)])
    marquez.refuse = by_name("bad", lambda: Answer(status))
    before = marquez.requests
    report = again(ledger, to(marquez.url), 6)
    assert (report.delivered, report.backlog, report.refused_in_all) == (0, 4, 0)
    assert marquez.requests - before == 12


def test_a_file_that_cannot_be_written_is_waited_for(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append([*run(0), *run(1)])
    (tmp_path / "events").mkdir()
    config = {"transport": {"type": "file", "log_file_path": str(tmp_path / "events"), "append": True}}
    report = again(ledger, config, 6)
    assert (report.delivered, report.backlog, report.refused_in_all) == (0, 4, 0)
    (tmp_path / "events").rmdir()
    assert again(ledger, config).delivered == 4


def test_what_was_left_aside_is_no_poison_when_the_backend_came_back_meanwhile(
    ledger: Ledger, marquez: Marquez
) -> None:
    ledger.append([*run(0), *run(1)])
    marquez.refuse = lambda _: Answer(503)
    again(ledger, to(marquez.url), 4)
    away = [Answer(503), Answer(503)]
    marquez.refuse = lambda _: away.pop() if away else None
    report = again(ledger, to(marquez.url))
    assert (report.delivered, report.refused_in_all, report.backlog, report.error) == (4, 0, 0, None)


def test_an_event_that_is_filtered_out_shows_nothing_of_the_backend(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append([*run(0), *run(1, "private")])
    marquez.refuse = lambda _: Answer(500)
    config = to(marquez.url) | {"filters": [{"type": "exact", "match": "private"}]}
    assert again(ledger, config, 8).refused_in_all == 0
    marquez.refuse = lambda _: None
    report = again(ledger, config)
    assert (report.delivered, report.refused_in_all, report.backlog) == (2, 0, 0)


def test_a_backend_that_falls_silent_is_noted_as_stuck_at_that_event(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append(run(0))
    marquez.hang.set()
    report = again(ledger, to(marquez.url, timeout=0.05))
    marquez.hang.clear()
    assert "timed out" in (report.error or "")
    state = ledger.load("delivery-openlineage")
    assert state is not None
    assert state["stuck"] == {"position": "1:1", "times": 1}


def test_what_was_refused_is_not_sent_to_a_backend_that_is_away(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append([event for n in range(5) for event in run(n)])
    marquez.refuse = lambda _: Answer(400)
    assert again(ledger, to(marquez.url)).refused_in_all == 10
    before = marquez.requests
    marquez.refuse = lambda _: Answer(502)
    report = redeliver(ledger, to(marquez.url), attempts=1)
    assert (report.failed, report.refused_in_all, marquez.requests - before) == (1, 10, 3)
    marquez.refuse = lambda _: None
    assert redeliver(ledger, to(marquez.url)).delivered == 10


# Pauses.


def test_a_pause_until_a_date_is_kept_by_the_clock_of_the_answer(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append(run(0))
    dates = {"Date": "Sun, 01 Jan 2040 00:00:00 GMT", "Retry-After": "Sun, 01 Jan 2040 00:05:00 GMT"}
    with gateway(429, dates) as url:
        report = drain(ledger, to(url), now=lambda: NOW)
    assert report.paused_until == NOW + timedelta(minutes=5)


def test_a_backend_that_asked_for_a_pause_is_not_asked_again_at_once(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append(run(0))
    marquez.refuse = lambda _: Answer(429, headers={"Retry-After": "30"})
    drain(ledger, to(marquez.url), attempts=5)
    assert marquez.requests == 1


def test_a_pause_noted_by_a_clock_that_went_wrong_is_none(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append(run(0))
    marquez.refuse = lambda _: Answer(503)
    drain(ledger, to(marquez.url), attempts=1, now=lambda: NOW + timedelta(days=4000))
    marquez.refuse = lambda _: None
    assert drain(ledger, to(marquez.url), now=lambda: NOW).delivered == 2
