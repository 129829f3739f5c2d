"""Delivery: over real transports, to a real endpoint, through its failures."""

import json
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from http_server import answering
from openlineage_examples import all_runs, blocked_run, synthetic_run

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.verdict.runs import RunState, asset_run_id
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.deliver import Drained, drain
from lineage_guard.openlineage.delivery.outgoing import outgoing
from lineage_guard.openlineage.encode import event_of

pytestmark = pytest.mark.usefixtures("no_configuration")


@dataclass
class Endpoint:
    """A lineage backend that records what it accepts, and answers as it is told."""

    url: str = ""
    accepted: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    answers: list[int] = field(default_factory=list)
    refuse: str = ""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    state = Endpoint()

    def answer(sent: bytes) -> int:
        body = json.loads(sent)
        state.requests += 1
        status = state.answers.pop(0) if state.answers else 201
        if state.refuse and body["run"]["runId"] == state.refuse:
            status = 422
        if status < 300:
            state.accepted.append(body)
        return status

    with answering(answer) as state.url:
        yield state


def http(endpoint: Endpoint) -> dict[str, Any]:
    return {"transport": {"type": "http", "url": endpoint.url}}


def many(count: int) -> list[dict[str, Any]]:
    """A START and a COMPLETE of each of so many runs."""
    events: list[dict[str, Any]] = []
    for n in range(count):
        run_id = asset_run_id(f"run {n}", "synthetic/de", None, datetime(2026, 11, 1, tzinfo=UTC))
        for state in (RunState.START, RunState.COMPLETE):
            events.append(event_of(replace(synthetic_run(state), run_id=run_id, source=("dagster:test", n), checks=())))
    return events


def archived(ledger: Ledger) -> list[Mapping[str, object]]:
    """Every archived event as it is sent."""
    return [each for _, event in ledger.events(None) for each in outgoing(event)]


def no_sleep(_: float) -> None:
    return None


def test_every_event_arrives_whole_and_in_order_and_once(ledger: Ledger, endpoint: Endpoint) -> None:
    ledger.append([event_of(run) for run in all_runs()])
    first = drain(ledger, http(endpoint))
    assert endpoint.accepted == archived(ledger)
    assert (first.delivered, first.failed, first.backlog, first.error) == (len(all_runs()), 0, 0, None)
    assert drain(ledger, http(endpoint)).delivered == 0
    ledger.append(many(1))
    assert drain(ledger, http(endpoint)).delivered == 2
    assert endpoint.accepted == archived(ledger)


def test_a_dead_endpoint_raises_nothing_and_loses_nothing(ledger: Ledger, endpoint: Endpoint) -> None:
    ledger.append(many(3))
    dead = {"transport": {"type": "http", "url": "http://127.0.0.1:9", "timeout": 1}}
    clock = datetime(2026, 11, 1, tzinfo=UTC)
    waits: list[float] = []
    report = drain(ledger, dead, now=lambda: clock, sleep=waits.append)
    assert (report.delivered, report.failed, report.backlog) == (0, 1, 6)
    assert "ConnectionError" in (report.error or "")
    assert waits == [0.5, 1.0]
    assert report.paused_until == clock + timedelta(seconds=15)

    waits.clear()
    paused = drain(ledger, dead, now=lambda: clock + timedelta(seconds=14), sleep=waits.append)
    assert (paused.failed, paused.backlog, paused.error, waits) == (0, 6, report.error, [])
    again = drain(ledger, dead, now=lambda: clock + timedelta(seconds=15), sleep=no_sleep)
    assert again.paused_until == clock + timedelta(seconds=15 + 30)

    assert drain(ledger, http(endpoint), force=True, now=lambda: clock).delivered == 6
    assert endpoint.accepted == archived(ledger)
    assert drain(ledger, http(endpoint), now=lambda: clock).error is None


def test_a_passing_failure_is_tried_again_in_place(ledger: Ledger, endpoint: Endpoint) -> None:
    ledger.append(many(2))
    endpoint.answers = [201, 503, 500, 201]
    report = drain(ledger, http(endpoint), sleep=no_sleep)
    assert (report.delivered, report.error, endpoint.requests) == (4, None, 6)
    assert endpoint.accepted == archived(ledger)


def test_sending_stops_at_the_first_failure_so_that_order_is_kept(ledger: Ledger, endpoint: Endpoint) -> None:
    ledger.append(many(2))
    endpoint.answers = [201, 503, 503, 503]
    report = drain(ledger, http(endpoint), sleep=no_sleep)
    assert (report.delivered, report.failed, report.backlog) == (1, 1, 3)
    assert drain(ledger, http(endpoint), force=True).delivered == 3
    assert endpoint.accepted == archived(ledger)


def test_an_event_that_is_never_taken_does_not_hold_up_the_rest(ledger: Ledger, endpoint: Endpoint) -> None:
    events = many(3)
    ledger.append(events)
    endpoint.refuse = events[2]["run"]["runId"]
    report = drain(ledger, http(endpoint), sleep=no_sleep)
    assert (report.delivered, len(report.refused), report.backlog, report.error) == (4, 2, 0, None)
    assert "422" in report.refused[0].error
    state = ledger.load("delivery-openlineage")
    assert state is not None
    assert len(state["refused"]) == 2  # type: ignore[arg-type]


def test_limits_are_kept_and_the_rest_comes_later(ledger: Ledger, endpoint: Endpoint) -> None:
    ledger.append(many(3))
    assert drain(ledger, http(endpoint), limit=4) == Drained(delivered=4, backlog=2, position="1:4")
    times = iter(datetime(2026, 11, 1, 0, 0, n, tzinfo=UTC) for n in range(60))
    assert drain(ledger, http(endpoint), seconds=2, now=lambda: next(times)).delivered == 1
    assert drain(ledger, http(endpoint)).delivered == 1
    assert endpoint.accepted == archived(ledger)


def test_a_crash_sends_again_and_loses_nothing(ledger: Ledger, endpoint: Endpoint, tmp_path: Path) -> None:
    """The process dies after sending and before the position is saved."""
    ledger.append(many(1))

    class Crash(RuntimeError):
        pass

    class Dying:
        events = ledger.events
        load = ledger.load

        def swap(self, name: str, old: Mapping[str, object] | None, new: Mapping[str, object]) -> bool:
            raise Crash

    with pytest.raises(Crash):
        drain(Dying(), http(endpoint))
    assert drain(open_ledger(str(tmp_path / "ledger")), http(endpoint)).delivered == 2
    assert endpoint.accepted == archived(ledger) * 2


def test_foreign_events_stay_unless_selected(ledger: Ledger, endpoint: Endpoint) -> None:
    foreign = event_of(synthetic_run(), producer="https://example.com/spark")
    ledger.append([foreign, event_of(blocked_run())])
    assert drain(ledger, http(endpoint)).delivered == 1
    ours = list(outgoing(event_of(blocked_run())))
    assert endpoint.accepted == ours
    assert drain(ledger, http(endpoint), name="everything", select=lambda _: True).delivered == 2
    assert endpoint.accepted[len(ours) :] == [foreign, *ours]


def test_the_file_transport(ledger: Ledger, tmp_path: Path) -> None:
    ledger.append([event_of(run) for run in all_runs()])
    path = tmp_path / "events.jsonl"
    config = {"transport": {"type": "file", "log_file_path": str(path), "append": True}}
    assert drain(ledger, config).delivered == len(all_runs())
    assert [json.loads(line) for line in path.read_text().splitlines()] == archived(ledger)
    assert config == {"transport": {"type": "file", "log_file_path": str(path), "append": True}}


def test_the_console_transport(ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    ledger.append(many(1))
    with caplog.at_level(logging.INFO, "openlineage.client.transport.console"):
        assert drain(ledger, {"transport": {"type": "console"}}).delivered == 2
    shown = [json.loads(r.message) for r in caplog.records if r.name == "openlineage.client.transport.console"]
    assert shown == archived(ledger)


def test_a_transport_that_sends_in_the_background(ledger: Ledger, endpoint: Endpoint) -> None:
    ledger.append(many(3))
    config = {"transport": {"type": "async_http", "url": endpoint.url}}
    report = drain(ledger, config)
    assert (report.delivered, report.backlog, report.error) == (6, 0, None)
    assert sorted(map(repr, endpoint.accepted)) == sorted(map(repr, archived(ledger)))


def test_what_a_background_transport_lost_is_sent_again(ledger: Ledger, endpoint: Endpoint) -> None:
    ledger.append(many(1))
    endpoint.answers = [400]
    config = {"transport": {"type": "async_http", "url": endpoint.url, "retry": {"total": 0}}}
    report = drain(ledger, config)
    assert (report.delivered, report.backlog) == (0, 2)
    assert "lost" in (report.error or "")
    assert drain(ledger, config, force=True).delivered == 2


def test_a_composite_transport(ledger: Ledger, endpoint: Endpoint, tmp_path: Path) -> None:
    ledger.append(many(1))
    path = tmp_path / "events.jsonl"
    config = {
        "transport": {
            "type": "composite",
            "transports": [
                {"type": "http", "url": endpoint.url},
                {"type": "file", "log_file_path": str(path), "append": True},
            ],
        }
    }
    assert drain(ledger, config).delivered == 2
    assert endpoint.accepted == archived(ledger) == [json.loads(line) for line in path.read_text().splitlines()]


def test_configuration_from_the_environment(
    ledger: Ledger, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(many(1))
    nowhere = drain(ledger)
    assert (nowhere.configured, nowhere.delivered, nowhere.backlog) == (False, 0, 2)
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "http")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", endpoint.url)
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert drain(ledger).configured is False
    monkeypatch.delenv("OPENLINEAGE_DISABLED")
    assert drain(ledger).delivered == 2
    assert endpoint.accepted == archived(ledger)


def test_a_url_that_changes_is_followed_in_the_same_process(
    ledger: Ledger, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.append(many(1))
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    before = dict(os.environ)
    assert drain(ledger, attempts=1).error
    assert dict(os.environ) == before
    monkeypatch.setenv("OPENLINEAGE_URL", endpoint.url)
    assert drain(ledger, force=True).delivered == 2


def test_configuration_from_a_file(ledger: Ledger, endpoint: Endpoint, tmp_path: Path) -> None:
    ledger.append(many(1))
    (tmp_path / "openlineage.yml").write_text(f"transport:\n  type: http\n  url: {endpoint.url}\n")
    assert drain(ledger).delivered == 2


@pytest.mark.parametrize("transport", [{"type": "http"}, {"type": "no.such.Transport"}, {"type": "http", "url": "x"}])
def test_a_wrong_configuration_says_so(ledger: Ledger, transport: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="transport cannot be made"):
        drain(ledger, {"transport": transport})


def test_jobs_that_the_configuration_filters_out_are_not_sent(ledger: Ledger, endpoint: Endpoint) -> None:
    ledger.append([event_of(run) for run in all_runs()])
    config = http(endpoint) | {"filters": [{"type": "exact", "match": "student"}]}
    report = drain(ledger, config)
    assert report.backlog == 0
    assert {e["job"]["name"] for e in endpoint.accepted} == {"synthetic/de", "synthetic/de.checks"}
    assert report.delivered == len([e for e in endpoint.accepted if e["job"]["name"] == "synthetic/de"])
