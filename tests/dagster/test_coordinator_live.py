"""The guarded queue in Dagster's own processes, with a code location that never imports the plugin."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from live_queue import Live, live, wait_for

pytestmark = [pytest.mark.live, pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("queue")) as deployment:
        made = [deployment.launch("tainted", "clean", "curated", location="data")]
        made += [deployment.launch("daily", location="data", partition=p) for p in ("monday", "tuesday")]
        assert {deployment.ended(run["runId"]) for run in made} == {"SUCCESS"}, deployment.logs()
        yield deployment


def of_asset(world: Live, asset: str, tag: str) -> list[dict[str, object]]:
    """Runs of one asset that carry a tag, whatever its value."""
    return [
        r
        for r in world.runs()
        if r["assetSelection"] == [{"path": [asset]}] and any(t["key"] == tag for t in r["tags"])
    ]


def test_the_ui_gets_one_failed_run_and_no_error(world: Live) -> None:
    run = world.launch("rival", location="research")
    assert run["status"] == "FAILURE"
    shown = world.run(run["runId"])
    events = shown["eventConnection"]["events"]
    [refused] = [e for e in events if e["__typename"] == "EngineEvent" and "Lineage Guard" in e["message"]]
    entries = {e["label"]: e for e in refused["metadataEntries"]}
    assert entries["lineage_guard/path"]["text"].startswith("default:rival <- default:curated@")
    assert {"lineage_guard/rule", "lineage_guard/fix", "lineage_guard/findings"} <= entries.keys()
    [failure] = [e for e in events if e["__typename"] == "RunFailureEvent"]
    assert failure["message"].startswith("BLOCKED  default:rival (train_competing) by policy default")
    assert not {e["eventType"] for e in events} & {"RUN_ENQUEUED", "RUN_STARTING", "STEP_START"}
    clean = world.launch("student", location="research")
    assert world.ended(clean["runId"]) == "SUCCESS", world.logs()
    assert set(world.trained) == {"student"}


def test_it_is_refused_again_and_dagster_does_not_retry_it_by_itself(world: Live) -> None:
    first = world.launch("rival", location="research")
    again = world.launched(
        "mutation Again($params: ReexecutionParams!) { it: launchPipelineReexecution(reexecutionParams: $params) {"
        " __typename ... on LaunchRunSuccess { run { runId status } } ... on PythonError { message } } }",
        params={"parentRunId": first["runId"], "strategy": "ALL_STEPS"},
    )
    assert again["status"] == "FAILURE"
    # A run that ended later has been looked at by the daemon that retries; so have these.
    assert world.ended(world.launch("report", location="research")["runId"]) == "SUCCESS"
    children = [r for r in world.runs() if r["parentRunId"] in (first["runId"], again["runId"])]
    assert [r["runId"] for r in children] == [again["runId"]]


def test_of_a_backfill_only_the_tainted_partition_stops(world: Live) -> None:
    backfill = world.ask(
        "mutation Fill($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {"
        " __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }",
        params={"assetSelection": [{"path": ["weekly"]}], "partitionNames": ["monday", "tuesday"]},
    )["launchPartitionBackfill"]
    assert backfill["__typename"] == "LaunchBackfillSuccess", backfill

    def ended() -> str | None:
        found = world.ask(
            "query Fill($id: String!) { partitionBackfillOrError(backfillId: $id) {"
            " ... on PartitionBackfill { status error { message } } } }",
            id=backfill["backfillId"],
        )["partitionBackfillOrError"]
        return None if found["status"] == "REQUESTED" else f"{found['status']} {found['error']}"

    assert wait_for("the backfill to end", ended) == "COMPLETED_FAILED None"
    runs = world.runs(dagster__backfill=backfill["backfillId"])
    ends = {next(t["value"] for t in r["tags"] if t["key"] == "dagster/partition"): r["status"] for r in runs}
    said = [e["message"] for r in runs for e in world.run(r["runId"])["eventConnection"]["events"]]
    assert ends == {"monday": "SUCCESS", "tuesday": "FAILURE"}, "\n".join(said)
    assert [t for t in world.trained if t.startswith("weekly")] == ["weekly-monday"]


def looked_since(world: Live, selector: dict[str, str], since: float) -> bool:
    ticks = world.ask(
        "query Ticks($selector: InstigationSelector!) { instigationStateOrError(instigationSelector: $selector) {"
        " ... on InstigationState { ticks(limit: 3) { status timestamp } } } }",
        selector=selector,
    )["instigationStateOrError"]["ticks"]
    return any(t["timestamp"] > since and t["status"] in ("SUCCESS", "SKIPPED") for t in ticks)


def test_schedules_sensors_and_automation_go_on_past_a_refused_run(world: Live) -> None:
    selector = {"repositoryLocationName": "research", "repositoryName": "__repository__"}
    for name in ("asks", "automation"):
        world.ask(
            "mutation Start($selector: SensorSelector!) { startSensor(sensorSelector: $selector) { __typename } }",
            selector={**selector, "sensorName": name},
        )
    world.ask(
        "mutation Start($selector: ScheduleSelector!) { startSchedule(scheduleSelector: $selector) { __typename } }",
        selector={**selector, "scheduleName": "every_minute"},
    )
    by_sensor = {
        asset: wait_for(f"the sensor's run of {asset}", lambda a=asset: of_asset(world, a, "dagster/run_key") or None)
        for asset in ("rival", "student")
    }
    assert [world.ended(str(r["runId"])) for r in by_sensor["rival"]] == ["FAILURE"]
    assert world.ended(str(by_sensor["student"][0]["runId"])) == "SUCCESS"
    scheduled = wait_for("the schedule's run", lambda: world.runs(dagster__schedule_name="every_minute") or None)
    assert world.ended(scheduled[-1]["runId"]) == "FAILURE"
    # An asset that trained, and whose upstream was made, between the same two ticks is not due to Dagster.
    since = time.time()
    wait_for("automation to look again", lambda: looked_since(world, {**selector, "name": "automation"}, since) or None)
    # One after the other: Dagster asks for all that is due in one tick with one run, and a run is refused whole.
    tag = "dagster/from_automation_condition"
    for asset, upstream, end in (("rival", ("tainted", "curated"), "FAILURE"), ("student", ("clean",), "SUCCESS")):
        assert world.ended(world.launch(*upstream, location="data")["runId"]) == "SUCCESS"
        asked = wait_for(f"automation to ask for {asset}", lambda a=asset: of_asset(world, a, tag) or None)
        assert {world.ended(str(run["runId"])) for run in asked} == {end}
    ticks = world.ask(
        "query Ticks($selector: InstigationSelector!) { instigationStateOrError(instigationSelector: $selector) {"
        " ... on InstigationState { ticks(limit: 50) { status error { message } } } } }",
        selector={**selector, "name": "automation"},
    )["instigationStateOrError"]["ticks"]
    assert {t["status"] for t in ticks} <= {"SUCCESS", "SKIPPED", "STARTED"}, ticks
    assert "rival" not in world.trained


def test_what_is_not_submitted_does_not_pass_here(world: Live) -> None:
    """What the page on enforcement says is left open: this holds it to that, until it is closed."""
    done = world.command("-m", "dagster", "asset", "materialize", "--select", "rival", "-f", "research.py")
    assert done.returncode == 0, done.stderr
    assert "rival" in world.trained
