"""The ways of launching a run, each as its user does it, and what became of the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from live_deployment import Deployment, wait_for

REPOSITORY = "__repository__"
ASSET_JOB = "__ASSET_JOB"
DONE = {"SUCCESS", "FAILURE", "CANCELED"}

RUNS = """
query Runs($filter: RunsFilter, $cursor: String) { runsOrError(filter: $filter, cursor: $cursor, limit: 50) {
  __typename
  ... on PythonError { message }
  ... on Runs { results {
    runId status assetSelection { path }
  } } } }
"""
STEPS = RUNS.replace("assetSelection { path }", "parentRunId tags { key value } stepStats { stepKey status }")
FAILURES = """
query Failures($run: ID!, $after: String) { logsForRun(runId: $run, afterCursor: $after) {
  __typename
  ... on EventConnection { cursor hasMore events {
    __typename
    ... on ExecutionStepFailureEvent {
      stepKey error { message cause { message } } failureMetadata { label description } errorSource }
    ... on ExecutionStepUpForRetryEvent { stepKey }
    ... on RunFailureEvent { message }
  } } } }
"""


@dataclass(frozen=True)
class Step:
    """What became of one step.

    Attributes:
        run: id of its run.
        key: its step key.
        status: SUCCESS, FAILURE or SKIPPED.
        said: description of its failure.
        retried: whether Dagster tried it again.
    """

    run: str
    key: str
    status: str
    said: str = ""
    retried: bool = False


@dataclass(frozen=True)
class Run:
    """What became of one run."""

    id: str
    parent: str | None
    tags: dict[str, str]
    steps: tuple[Step, ...]


def asset_keys(deployment: Deployment, location: str, group: str) -> list[list[str]]:
    """Keys of the assets of a group."""
    answer = deployment.ask(
        "query Assets($group: AssetGroupSelector!) { assetNodes(group: $group) { assetKey { path } } }",
        group={"groupName": group, "repositoryName": REPOSITORY, "repositoryLocationName": location},
    )
    return [node["assetKey"]["path"] for node in answer["assetNodes"]]


def launch(
    deployment: Deployment,
    location: str,
    keys: Iterable[Sequence[str]],
    *,
    tags: dict[str, str] | None = None,
    checks: bool = True,
    parent: str | None = None,
    steps: Sequence[str] = (),
) -> str:
    """Launch a run of assets as the UI's button does. Returns its id.

    With a parent it is a re-execution of these steps. Without checks only the assets are launched.
    """
    again = {"parentRunId": parent, "rootRunId": parent} if parent else {}
    params: dict[str, Any] = {
        "selector": {
            "pipelineName": ASSET_JOB,
            "repositoryName": REPOSITORY,
            "repositoryLocationName": location,
            "assetSelection": [{"path": list(key)} for key in keys],
            **({} if checks else {"assetCheckSelection": []}),
        },
        "runConfigData": {},
        "mode": "default",
        "executionMetadata": {
            "tags": [{"key": key, "value": value} for key, value in (tags or {}).items()],
            **again,
        },
        # An empty list means no step at all.
        "stepKeys": list(steps) or None,
    }
    name = "launchPipelineReexecution" if parent else "launchPipelineExecution"
    return _launched(
        deployment,
        f"mutation Launch($params: ExecutionParams!) {{ {name}(executionParams: $params) {_OUTCOME} }}",
        params=params,
    )


def reexecute(deployment: Deployment, run: str) -> str:
    """Re-execute a run from failure, as the UI does. Returns the new run's id."""
    return _launched(
        deployment,
        f"mutation Again($params: ReexecutionParams!) {{ launchPipelineReexecution(reexecutionParams: $params) "
        f"{_OUTCOME} }}",
        params={"parentRunId": run, "strategy": "FROM_FAILURE"},
    )


_OUTCOME = """{ __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on PythonError { message }
  ... on RunConfigValidationInvalid { errors { message } }
  ... on InvalidSubsetError { message }
  ... on PresetNotFoundError { message }
  ... on PipelineNotFoundError { message } }"""


def _launched(deployment: Deployment, mutation: str, **variables: Any) -> str:
    [outcome] = deployment.order(mutation, **variables).values()
    if outcome["__typename"] != "LaunchRunSuccess":
        raise RuntimeError(str(outcome))
    return str(outcome["run"]["runId"])


def backfill(deployment: Deployment, keys: Iterable[Sequence[str]], partitions: Sequence[str]) -> None:
    """Launch a partition backfill as the UI does, and wait until its runs are over."""
    answer = deployment.order(
        "mutation Backfill($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) { "
        "__typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }",
        params={"assetSelection": [{"path": list(key)} for key in keys], "partitionNames": list(partitions)},
    )["launchPartitionBackfill"]
    if answer["__typename"] != "LaunchBackfillSuccess":
        raise RuntimeError(str(answer))
    tags = {"dagster/backfill": str(answer["backfillId"])}
    for partition in partitions:
        covered(deployment, keys, {**tags, "dagster/partition": partition})


def switch(deployment: Deployment, kind: str, location: str, name: str, *, on: bool) -> None:
    """Turn a schedule or a sensor on, as the UI's switch does, or back to what the code says: off."""
    selector = {"repositoryName": REPOSITORY, "repositoryLocationName": location, f"{kind}Name": name}
    mutation = f"{'start' if on else 'reset'}{kind.title()}"
    outcome = deployment.ask(
        f"mutation Switch($selector: {kind.title()}Selector!) "
        f"{{ {mutation}({kind}Selector: $selector) {{ __typename }} }}",
        selector=selector,
    )[mutation]
    if outcome["__typename"] not in ("Sensor", "ScheduleStateResult"):
        raise RuntimeError(str(outcome))


def is_off(deployment: Deployment, kind: str, location: str, name: str) -> bool:
    """Whether a schedule or a sensor is off; one that is not is turned off once more.

    A daemon that was in the middle of a look when the switch was turned writes back that it is on.
    """
    selector = {"repositoryName": REPOSITORY, "repositoryLocationName": location, "name": name}
    state = deployment.ask(
        "query State($selector: InstigationSelector!) { instigationStateOrError(instigationSelector: $selector) { "
        "__typename ... on InstigationState { status } } }",
        selector=selector,
    )["instigationStateOrError"]
    if state["status"] != "RUNNING":
        return True
    switch(deployment, kind, location, name, on=False)
    return False


def ticked(deployment: Deployment, location: str, name: str) -> None:
    """Wait until a sensor has looked once."""
    selector = {"repositoryName": REPOSITORY, "repositoryLocationName": location, "name": name}

    def looked() -> bool | None:
        state = deployment.ask(
            "query Ticks($selector: InstigationSelector!) { instigationStateOrError(instigationSelector: $selector) { "
            "... on InstigationState { ticks(limit: 10) { status error { message } } } } }",
            selector=selector,
        )["instigationStateOrError"]
        done = [tick for tick in state["ticks"] if tick["status"] != "STARTED"]
        if failed := [tick for tick in done if tick["status"] == "FAILURE"]:
            raise RuntimeError(f"{name}: {failed}")
        return True if done else None

    wait_for(f"a look of {name}", looked)


def finish(deployment: Deployment, *run_ids: str) -> None:
    """Wait until these runs are over."""

    def over() -> bool | None:
        found = _runs(deployment, runIds=list(run_ids))
        return True if len(found) == len(run_ids) and all(r["status"] in DONE for r in found) else None

    wait_for(f"the runs {run_ids}", over)


def covered(
    deployment: Deployment,
    keys: Iterable[Sequence[str]],
    tags: dict[str, str],
    *,
    over: bool = True,
    off: Callable[[], bool] = lambda: True,
) -> None:
    """Wait until runs with these tags were launched for all of these assets, and are over if that is asked.

    Args:
        deployment: where.
        keys: the assets.
        tags: what Dagster puts on runs that were launched in this way.
        over: whether the runs must have ended.
        off: whether what launches them is off, so that these are all.
    """
    wanted = {tuple(key) for key in keys}
    filters = [{"key": key, "value": value} for key, value in tags.items()]

    def seen() -> bool | None:
        if not off():
            return None
        found = _runs(deployment, tags=filters)
        # A run of a whole job names no assets.
        whole = any(run["assetSelection"] is None for run in found)
        launched = wanted if whole else {tuple(key["path"]) for run in found for key in run["assetSelection"]}
        ended = all(r["status"] in DONE for r in found)
        return True if wanted <= launched and (ended or not over) else None

    wait_for(f"runs of {sorted(wanted)} with {tags}", seen)


def all_runs(deployment: Deployment) -> list[Run]:
    """Every run there was, with what became of its steps, when all are over."""
    wait_for("the end of every run", lambda: all(run["status"] in DONE for run in _runs(deployment)) or None)
    return [_run(deployment, run) for run in _runs(deployment, STEPS)]


def _runs(deployment: Deployment, query: str = RUNS, **wanted: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        cursor = found[-1]["runId"] if found else None
        answer = deployment.ask(query, filter=wanted or None, cursor=cursor)["runsOrError"]
        if answer["__typename"] != "Runs":
            raise RuntimeError(str(answer))
        found += answer["results"]
        if len(answer["results"]) < 50:
            return found


def _run(deployment: Deployment, run: dict[str, Any]) -> Run:
    said: dict[str, str] = {}
    retried: set[str] = set()
    after = None
    while True:
        page = deployment.ask(FAILURES, run=run["runId"], after=after)["logsForRun"]
        for event in page["events"]:
            if event["__typename"] == "ExecutionStepFailureEvent":
                metadata = event["failureMetadata"] or {}
                said[event["stepKey"]] = metadata.get("description") or str(event["error"])
            elif event["__typename"] == "ExecutionStepUpForRetryEvent":
                retried.add(event["stepKey"])
        after = page["cursor"]
        if not page["hasMore"]:
            break
    steps = tuple(
        Step(run["runId"], s["stepKey"], s["status"], said.get(s["stepKey"], ""), s["stepKey"] in retried)
        for s in run["stepStats"]
    )
    return Run(
        run["runId"],
        run["parentRunId"],
        {tag["key"]: tag["value"] for tag in run["tags"]},
        steps,
    )
