"""What the coordinator's tests share: a workspace of two code locations in this process, and the UI's mutation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

import dagster as dg
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster_graphql.test.utils import execute_dagster_graphql

#: A code location that does not import this package: what it says, it says in Dagster's own words.
SOURCES = """
    import dagster as dg

    def declared(**said):
        return {"lineage_guard/declaration": dg.MetadataValue.json({"format": 1, "completeness": "COMPLETE", **said})}

    def by(provider, model, channel):
        return declared(models=[{"provider": provider, "model": model, "channel": channel, "usage": "GENERATION"}])

    GPT = by("openai", "gpt-4o-2024-08-06", "api.openai.com")
    R1 = by("deepseek", "deepseek-r1", "self-hosted")
    TRAINS = {"lineage_guard/use": "train_competing"}
"""

LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId status } }
    ... on PythonError { message stack }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""


@dataclass
class Deployment:
    """An instance with the guarded queue, and a workspace.

    Attributes:
        instance: the Dagster instance.
        process: the workspace.
        folder: its own folder.
    """

    instance: dg.DagsterInstance
    process: Any
    folder: Path

    def launch(
        self, *assets: str, location: str = "research", job: str = "__ASSET_JOB", tags: Mapping[str, str] | None = None
    ) -> dg.DagsterRun:
        """Launch assets as the UI does; what it answers must be a run, whatever became of it."""
        params: dict[str, Any] = {
            "selector": {
                "repositoryLocationName": location,
                "repositoryName": "__repository__",
                "pipelineName": job,
                "assetSelection": [{"path": a.split("/")} for a in assets] or None,
            },
            "mode": "default",
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in (tags or {}).items()]},
        }
        request = self.process.create_request_context()
        answer = execute_dagster_graphql(request, LAUNCH, {"params": params})
        assert not answer.errors, answer.errors
        launched = answer.data["launchPipelineExecution"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        run = self.instance.get_run_by_id(launched["run"]["runId"])
        assert run is not None
        assert run.status.value == launched["run"]["status"]
        return run

    def materialised(self, *assets: str, location: str = "research", partition: str | None = None) -> None:
        """Make assets with the location's own code, in this process."""
        [code] = [o for o in self.process.create_request_context().code_locations if o.name == location]
        defs: dg.Definitions = code.repository_code_pointer_dict["__repository__"].load_target()
        keys = [dg.AssetKey.from_user_string(a) for a in assets]
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=self.instance, asset_selection=keys, partition_key=partition)
        assert result.success

    def told(self, run: dg.DagsterRun) -> list[dg.EventLogEntry]:
        """The events of a run, oldest first."""
        return [r.event_log_entry for r in self.instance.get_records_for_run(run.run_id).records]


@contextmanager
def deployed(
    folder: Path, locations: Mapping[str, str], config: Mapping[str, Any] | None = None, again: bool = False
) -> Iterator[Deployment]:
    """A deployment whose instance has the guarded queue.

    Args:
        folder: where everything goes.
        locations: code by the name of its code location.
        config: of the coordinator.
        again: whether the instance was there before.
    """
    home = folder / "dagster"
    home.mkdir(exist_ok=again)
    overrides: dict[str, Any] = {
        "telemetry": {"enabled": False},
        "run_coordinator": {
            "module": "lineage_guard.dagster.coordinator",
            "class": "GuardedQueuedRunCoordinator",
            "config": {"ledger": str(folder / "ledger"), **(config or {})},
        },
    }
    origins: Sequence[InProcessCodeLocationOrigin] = [_origin(folder, name, code) for name, code in locations.items()]
    with (
        dg.DagsterInstance.local_temp(str(home), overrides) as instance,
        WorkspaceProcessContext(instance, InProcessTestWorkspaceLoadTarget(origins)) as process,
    ):
        yield Deployment(instance, process, folder)


def _origin(folder: Path, name: str, code: str) -> InProcessCodeLocationOrigin:
    # Python keeps a module by its name, and the code of a second deployment may differ.
    file = folder / f"{name}_{len(list(folder.glob('*.py')))}.py"
    file.write_text(dedent(SOURCES) + dedent(code))
    target = LoadableTargetOrigin(python_file=str(file), attribute="defs", working_directory=str(folder))
    return InProcessCodeLocationOrigin(target, location_name=name)


def message_of(events: Sequence[dg.EventLogEntry], kind: dg.DagsterEventType) -> str:
    """The text of the one event of a kind."""
    [event] = [e for e in events if e.dagster_event_type is kind]
    return event.message
