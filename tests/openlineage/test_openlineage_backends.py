"""Delivery to Marquez, DataHub and OpenMetadata: what they answer and show, and what happens when they are unwell."""

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from backends import Answer, Backend, DataHub, Marquez, OpenMetadata, port_of
from openlineage_examples import AT, all_runs, blocked_run, synthetic_run, verdict

from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.domain.verdict.decide import Decision
from lineage_guard.domain.verdict.runs import AssetRun, CheckResult, RunState, asset_run_id
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.deliver import backlog, drain, redeliver
from lineage_guard.openlineage.delivery.outgoing import outgoing
from lineage_guard.openlineage.encode import event_of

pytestmark = pytest.mark.usefixtures("no_configuration")

NOW = datetime(2026, 11, 2, tzinfo=UTC)


@pytest.fixture
def marquez() -> Iterator[Marquez]:
    backend = Marquez()
    with backend.running():
        yield backend


def to(backend: Backend, **options: Any) -> dict[str, Any]:
    transport: dict[str, Any] = {"type": "http", "url": backend.url, "endpoint": backend.path.lstrip("/"), **options}
    if backend.token:
        transport["auth"] = {"type": "api_key", "apiKey": backend.token}
    return {"transport": transport}


def no_sleep(_: float) -> None:
    return None


def small(
    n: int, name: str = "table", namespace: str = "default", states: tuple[str, ...] = ("START", "COMPLETE")
) -> list[Any]:
    """START and COMPLETE of a run that wrote a table."""
    run_id = asset_run_id(f"run {n}", name, None, datetime(2026, 11, 1, tzinfo=UTC))
    made = Production((Version(namespace, name, None, run_id),))
    return [event_of(AssetRun(run_id, RunState(s), AT, namespace, name, made, source=("t", n))) for s in states]


def many(count: int) -> list[Any]:
    return [event for n in range(count) for event in small(n, f"table {n % 7}")]


def allowed(day: int) -> AssetRun:
    """A training run that may and did happen."""
    run_id = asset_run_id(f"training {day}", "student", None, AT)
    made = Version("default", "student", None, run_id)
    fine = replace(verdict(), decision=Decision.ALLOW, stops=False, findings=(), target=made)
    return replace(
        blocked_run(),
        run_id=run_id,
        state=RunState.COMPLETE,
        at=AT + timedelta(days=day),
        error=None,
        verdict=fine,
        production=replace(blocked_run().production, outputs=(made,)),
        columns=(("weight", "DOUBLE"),),
    )


def firsts(events: list[dict[str, Any]]) -> dict[str, list[str]]:
    """For each run, its states in the order in which each arrived first."""
    found: dict[str, list[str]] = {}
    for event in events:
        states = found.setdefault(event["run"]["runId"], [])
        if event["eventType"] not in states:
            states.append(event["eventType"])
    return found


# What each backend takes and shows.


def test_marquez_takes_every_event_as_the_standard_has_it(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append([event_of(run) for run in all_runs()])
    report = drain(ledger, to(marquez))
    assert (report.error, report.refused, marquez.problems) == (None, (), [])
    assert report.delivered == len(all_runs())
    assert len(marquez.connections) == 1


def test_marquez_shows_a_blocked_dataset_red(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append([event_of(synthetic_run()), event_of(blocked_run())])
    drain(ledger, to(marquez))
    assert marquez.colour("default", "student") == "red"
    assertions = marquez.shown("default", "student")["dataQualityAssertions"]["assertions"]
    assert [(a["assertion"], a["success"]) for a in assertions] == [
        ("lineage-guard/default", False),
        ("lineage-guard/restricted-commercial-model", False),
    ]
    assert assertions[0]["actual"] == "BLOCK"
    # Where the trouble came in is red too, and what was fine is not.
    assert (marquez.colour("default", "synthetic/de"), marquez.colour("default", "seeds")) == ("red", "primary")


def test_without_the_run_of_checks_marquez_would_show_nothing(marquez: Marquez) -> None:
    """The reason for it: a FAIL makes no version current, whatever facets its outputs carry."""
    event = event_of(blocked_run())
    event["outputs"][0]["facets"] = outgoing(event)[1]["inputs"][0]["inputFacets"]
    assert requests.post(marquez.url + marquez.path, json=event, timeout=30).status_code == 201
    assert marquez.colour("default", "student") is None


def test_the_colour_follows_the_latest_verdict_and_no_version_is_replaced(ledger: Ledger, marquez: Marquez) -> None:
    trained, later = allowed(0), allowed(2)
    ledger.append([event_of(trained)])
    drain(ledger, to(marquez))
    assert marquez.colour("default", "student") == "primary"
    version = marquez.current["default:student"]
    assert version.endswith(trained.run_id)

    ledger.append([event_of(replace(blocked_run(), at=AT + timedelta(days=1)))])
    drain(ledger, to(marquez))
    assert marquez.colour("default", "student") == "red"
    assert marquez.current["default:student"] == version
    assert "schema" in marquez.shown("default", "student")

    # What the gate files when it lets the step run, and what is collected when it has ended.
    ledger.append([event_of(replace(later, state=RunState.RUNNING, source=None))])
    drain(ledger, to(marquez))
    assert marquez.colour("default", "student") == "primary"
    assert marquez.current["default:student"] == version
    ledger.append([event_of(replace(later, verdict=None))])
    drain(ledger, to(marquez))
    assert marquez.current["default:student"].endswith(later.run_id)
    assert marquez.colour("default", "student") is None


def test_the_gates_verdict_counts_before_the_step_has_failed(ledger: Ledger, marquez: Marquez) -> None:
    """The gate files a RUNNING event with its verdict; the FAIL that is collected later has none."""
    asked = replace(blocked_run(), state=RunState.RUNNING, error=None, source=None)
    failed = replace(blocked_run(), verdict=None)
    ledger.append([event_of(asked), event_of(failed)])
    drain(ledger, to(marquez))
    assert marquez.colour("default", "student") == "red"
    assert [e["job"]["name"] for e in marquez.accepted] == ["student", "student.checks", "student"]


def test_a_verdict_filed_again_shows_and_makes_no_old_version_current(ledger: Ledger, marquez: Marquez) -> None:
    old, new = allowed(0), allowed(1)
    ledger.append([event_of(old), event_of(new)])
    stopped = replace(verdict(), at=AT + timedelta(days=3), target=old.production.outputs[0])
    ledger.append([event_of(replace(old, verdict=stopped, source=None, parent=None, code_version=None))])
    drain(ledger, to(marquez))
    assert marquez.current["default:student"].endswith(new.run_id)
    assert marquez.colour("default", "student") == "red"


def test_results_of_asset_checks_hang_on_what_was_checked(ledger: Ledger, marquez: Marquez) -> None:
    checks = (CheckResult("not_null", True, "response"), CheckResult("unique", False, "prompt"))
    ledger.append([event_of(replace(synthetic_run(), checks=checks))])
    drain(ledger, to(marquez))
    shown = marquez.shown("default", "synthetic/de")["dataQualityAssertions"]["assertions"]
    assert [(a["assertion"], a["success"], a["column"]) for a in shown] == [
        ("not_null", True, "response"),
        ("unique", False, "prompt"),
    ]
    assert marquez.colour("default", "synthetic/de") == "red"


def test_the_run_of_checks_is_the_same_each_time_and_makes_nothing() -> None:
    event = event_of(blocked_run())
    before = json.dumps(event)
    assert outgoing(event) == outgoing(json.loads(before))
    assert json.dumps(event) == before
    main, check = outgoing(event)
    assert main == event
    read = decode(check)
    assert (read.productions, read.decision, read.job) == ((), None, ("default", "student.checks"))
    assert check["run"]["facets"]["parent"] == event["run"]["facets"]["parent"]
    assert check["run"]["runId"] != event["run"]["runId"]


def test_a_waived_finding_is_no_failed_check() -> None:
    found = replace(verdict().findings[0], waived_by="w-1")
    waived = replace(verdict(), decision=Decision.WARN, stops=False, findings=(found,))
    run = replace(allowed(0), verdict=waived)
    [student] = outgoing(event_of(run))[1]["inputs"]
    [only] = student["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert (only["assertion"], only["success"], only["actual"]) == ("lineage-guard/default", True, "WARN")


def test_datahub_takes_it_with_a_token_and_shows_the_failed_assertion(ledger: Ledger) -> None:
    backend = DataHub(token="s3cret")
    with backend.running():
        ledger.append([event_of(run) for run in (synthetic_run(), blocked_run())])
        wrong = to(replace(backend, token="stale"))
        first = drain(ledger, wrong, attempts=1)
        assert (first.delivered, first.refused) == (0, ())
        assert "401" in (first.error or "")
        report = drain(ledger, to(backend), force=True)
    assert (report.error, report.refused, backend.problems) == (None, (), [])
    assert backend.assertions[backend.urn("default", "student")]["lineage-guard/default"] is False


def test_datahub_would_refuse_assertions_among_the_facets_of_an_output() -> None:
    backend = DataHub()
    with backend.running():
        answer = requests.post(backend.url + backend.path, json=event_of(synthetic_run()), timeout=30)
    assert answer.status_code == 400
    [error] = answer.json()["details"]["errors"]
    assert (error["rule"], error["path"]) == ("attachment", "$.outputs[0].facets.dataQualityAssertions")


def test_openmetadata_draws_what_it_knows_and_only_complete_runs(ledger: Ledger) -> None:
    backend = OpenMetadata(token="jwt", tables={"warehouse.shop.public.raw", "warehouse.shop.public.clean"})
    raw = Version("warehouse", "public.raw", None, asset_run_id("r", "public.raw", None, AT))
    run_id = asset_run_id("r", "public.clean", None, AT)
    clean = Production((Version("warehouse", "public.clean", None, run_id),), inputs=(Input(raw),))
    with backend.running():
        for state in (RunState.START, RunState.COMPLETE):
            ledger.append([event_of(AssetRun(run_id, state, AT, "warehouse", "public.clean", clean))])
            drain(ledger, to(backend))
            assert bool(backend.edges) is (state is RunState.COMPLETE)
        ledger.append([event_of(run) for run in all_runs()])
        report = drain(ledger, to(backend))
        assert (report.error, report.refused, backend.problems) == (None, (), [])
        assert backend.edges == {("warehouse.shop.public.raw", "warehouse.shop.public.clean")}
        backend.enabled = False
        ledger.append(small(1))
        assert "503" in (drain(ledger, to(backend), sleep=no_sleep).error or "")
        backend.enabled = True
        assert drain(ledger, to(backend), force=True).delivered == 2


# What they refuse, and what they break over.


def test_what_was_refused_waits_and_can_be_sent_again(ledger: Ledger, marquez: Marquez) -> None:
    marquez.refuse = lambda event: Answer(422, {"why": "no"}) if event["job"]["name"] == "table 3" else None
    ledger.append(many(40))
    report = drain(ledger, to(marquez))
    refused = len([n for n in range(40) if n % 7 == 3]) * 2
    assert (report.delivered, len(report.refused), report.refused_in_all) == (80 - refused, refused, refused)
    assert "422" in report.refused[0].error
    assert '"why": "no"' in report.refused[0].error

    marquez.refuse = lambda event: Answer(400) if event["eventType"] == "START" else None
    again = redeliver(ledger, to(marquez))
    assert (again.delivered, again.refused_in_all, again.error) == (refused // 2, refused // 2, None)
    assert {r.error[:20] for r in again.refused} != set()

    marquez.refuse = lambda _: None
    assert redeliver(ledger, to(marquez)).delivered == refused // 2
    assert redeliver(ledger, to(marquez)).delivered == 0
    assert len(marquez.accepted) == 80
    assert drain(ledger, to(marquez)).refused_in_all == 0


def test_refusals_wait_while_the_backend_is_away(ledger: Ledger, marquez: Marquez) -> None:
    marquez.refuse = lambda _: Answer(413)
    ledger.append(many(2))
    drain(ledger, to(marquez))
    marquez.refuse = lambda _: Answer(503)
    report = redeliver(ledger, to(marquez), sleep=no_sleep)
    assert (report.delivered, report.failed, report.refused_in_all) == (0, 1, 4)
    marquez.refuse = lambda _: None
    assert redeliver(ledger, to(marquez)).delivered == 4


@pytest.mark.parametrize(
    ("backend", "name", "namespace"),
    [
        (Marquez(), "n" * 3000, "default"),
        (Marquez(), "nul \0 in it", "default"),
        (DataHub(), "a (b), c", "default"),
        (DataHub(), "ü" * 200, "default"),
    ],
)
def test_an_event_that_breaks_the_backend_holds_up_the_rest_only_for_a_while(
    ledger: Ledger, backend: Backend, name: str, namespace: str
) -> None:
    ledger.append([*small(0), *small(1, name, namespace, ("COMPLETE",)), *small(2)])
    with backend.running():
        for _ in range(4):
            report = drain(ledger, to(backend), force=True, attempts=2, sleep=no_sleep)
            assert (report.failed, report.backlog, "500" in (report.error or "")) == (1, 3, True)
        report = drain(ledger, to(backend), force=True, attempts=2, sleep=no_sleep)
        assert (report.delivered, report.error, report.refused_in_all, report.backlog) == (2, None, 1, 0)
        assert len(backend.accepted) == 4
        # It still breaks, which is no reason to stop at it.
        again = redeliver(ledger, to(backend), attempts=1)
        assert (again.delivered, again.error, again.refused_in_all) == (0, None, 1)
        assert "500" in again.refused[0].error


def test_a_backend_that_breaks_over_everything_is_waited_for(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append(many(3))
    marquez.refuse = lambda _: Answer(500)
    for _ in range(8):
        report = drain(ledger, to(marquez), force=True, attempts=1)
        assert (report.delivered, report.backlog, report.refused_in_all, report.failed) == (0, 6, 0, 1)
    marquez.refuse = lambda _: None
    assert drain(ledger, to(marquez), force=True).delivered == 6


def test_a_name_that_marquez_has_no_room_for_is_refused_and_not_forgotten(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append([*small(0, namespace="blank in it"), *small(1)])
    report = drain(ledger, to(marquez))
    assert (report.delivered, report.refused_in_all) == (2, 2)


# Outages.


def test_down_and_up_again(ledger: Ledger) -> None:
    """The server goes away in the middle and comes back at the same address, several times."""
    backend = Marquez()
    events = many(60)
    ledger.append(events)
    with backend.running() as url:
        port = port_of(url)
        backend.refuse = lambda _: Answer(503) if len(backend.accepted) >= 30 else None
        assert drain(ledger, to(backend), sleep=no_sleep).failed == 1
    backend.refuse = lambda _: None
    down = drain(ledger, to(backend, timeout=1), force=True, attempts=2, sleep=no_sleep)
    assert (down.delivered, down.backlog) == (0, 90)
    with backend.running(port):
        report = drain(ledger, to(backend), force=True)
    assert (report.delivered, report.backlog, report.error) == (90, 0, None)
    assert backend.accepted == events


def test_too_many_requests_are_answered_with_the_pause_that_was_asked_for(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append(many(1))
    marquez.answers = [None, Answer(429, headers={"Retry-After": "120"})]
    report = drain(ledger, to(marquez), now=lambda: NOW, sleep=no_sleep)
    assert (report.delivered, report.backlog, report.paused_until) == (1, 1, NOW + timedelta(seconds=120))
    assert drain(ledger, to(marquez), now=lambda: NOW + timedelta(seconds=119)).delivered == 0
    assert drain(ledger, to(marquez), now=lambda: NOW + timedelta(seconds=121)).delivered == 1


def test_a_hanging_backend_costs_one_timeout_when_there_is_no_time_for_more(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append(many(2))
    marquez.hang.set()
    waits: list[float] = []
    report = drain(ledger, to(marquez, timeout=1.95), seconds=2.0, sleep=waits.append)
    assert (report.delivered, report.backlog, waits) == (0, 4, [])
    assert "timed out" in (report.error or "").lower()
    marquez.hang.clear()
    assert drain(ledger, to(marquez), force=True).delivered == 4


DRAINER = """
import sys
from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.deliver import drain
drain(open_ledger(sys.argv[1]), {"transport": {"type": "http", "url": sys.argv[2]}}, limit=None)
"""


def test_a_drainer_that_is_killed_loses_nothing(ledger: Ledger, marquez: Marquez, tmp_path: Path) -> None:
    events = many(300)
    ledger.append(events)
    process: list[subprocess.Popen[bytes]] = []
    reached = threading.Event()

    def before_the_end(_: Mapping[str, Any]) -> Answer | None:
        if len(marquez.accepted) == 550 and not reached.is_set():
            reached.wait(30)
        return None

    marquez.refuse = before_the_end
    process.append(subprocess.Popen([sys.executable, "-c", DRAINER, str(tmp_path / "ledger"), marquez.url]))
    while len(marquez.accepted) < 550 and process[0].poll() is None:
        reached.wait(0.01)
    process[0].send_signal(signal.SIGKILL)
    assert process[0].wait(30) == -signal.SIGKILL
    reached.set()
    # It had saved its place on the way, and not at the end.
    assert 0 < backlog(ledger) < len(events)
    report = drain(ledger, to(marquez), limit=None)
    assert (report.error, report.backlog) == (None, 0)
    seen = [json.dumps(e, sort_keys=True) for e in marquez.accepted]
    assert set(seen) == {json.dumps(e, sort_keys=True) for e in events}
    assert len(seen) <= len(events) + 501
    assert set(map(tuple, firsts(marquez.accepted).values())) == {("START", "COMPLETE")}


def test_the_same_events_twice_change_nothing_that_is_shown(ledger: Ledger, marquez: Marquez) -> None:
    ledger.append([event_of(run) for run in (*all_runs(), blocked_run())])
    drain(ledger, to(marquez))
    before = (dict(marquez.current), json.dumps(marquez.facets, sort_keys=True), dict(marquez.runs))
    drain(ledger, to(marquez), name="again")
    assert (dict(marquez.current), json.dumps(marquez.facets, sort_keys=True), dict(marquez.runs)) == before


# Two at once.


def test_a_slower_drainer_never_moves_the_position_back(ledger: Ledger, marquez: Marquez, tmp_path: Path) -> None:
    """The fast one passes the slow one in the middle of an event; the slow one goes on behind it."""
    ledger.append(many(10))
    other = open_ledger(str(tmp_path / "ledger"))
    held, go = threading.Event(), threading.Event()

    def slow(_: Mapping[str, Any]) -> Answer | None:
        if (
            threading.current_thread() is not threading.main_thread()
            and len(marquez.accepted) == 3
            and not held.is_set()
        ):
            held.set()
            go.wait(30)
        return None

    marquez.refuse = slow
    reports: list[Any] = []
    thread = threading.Thread(target=lambda: reports.append(drain(other, to(marquez))))
    thread.start()
    held.wait(30)
    fast = drain(ledger, to(marquez))
    assert (fast.delivered, fast.position) == (20, "1:20")
    ledger.append(many(12)[20:])
    assert drain(ledger, to(marquez)).position == "2:4"
    go.set()
    thread.join(30)
    state = ledger.load("delivery-openlineage")
    assert state is not None
    assert state["position"] == "2:4"
    assert reports[0].error is None
    assert drain(ledger, to(marquez)).delivered == 0


def test_drainers_at_once_deliver_everything_and_forget_no_refusal(
    ledger: Ledger, marquez: Marquez, tmp_path: Path
) -> None:
    events = many(60)
    ledger.append(events)
    marquez.refuse = lambda event: Answer(400) if event["job"]["name"] == "table 5" else None
    errors: list[str | None] = []

    def deliver(n: int) -> None:
        mine = open_ledger(str(tmp_path / "ledger"))
        while backlog(mine):
            errors.append(drain(mine, to(marquez), limit=9 + n).error)

    threads = [threading.Thread(target=deliver, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(errors) == {None}
    wanted = [e for e in events if e["job"]["name"] != "table 5"]
    assert {json.dumps(e, sort_keys=True) for e in marquez.accepted} == {json.dumps(e, sort_keys=True) for e in wanted}
    assert set(map(tuple, firsts(marquez.accepted).values())) == {("START", "COMPLETE")}
    marquez.refuse = lambda _: None
    assert redeliver(ledger, to(marquez)).delivered == len(events) - len(wanted)
    assert drain(ledger, to(marquez)).refused_in_all == 0


def test_progress_is_told_up_to_the_end(ledger: Ledger, marquez: Marquez) -> None:
    foreign = event_of(synthetic_run(), producer="https://example.com/spark")
    ledger.append([*many(10), foreign])
    told: list[int] = []
    seconds = iter(range(1000))
    clock = lambda: NOW + timedelta(seconds=next(seconds))  # noqa: E731
    drain(ledger, to(marquez), limit=None, seconds=float("inf"), now=clock, told=told.append)
    assert told == [*range(1, 22), 21]
