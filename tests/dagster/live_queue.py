"""A live deployment with the guarded queue: webserver, daemon, and code servers; one never imports the plugin."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeVar

import dagster as dg
import httpx
from live_processes import end, free_port

T = TypeVar("T")
#: Seconds to wait for what takes seconds on an idle machine. A limit, not a measure.
PATIENCE = 600.0

DATA = """
    import dagster as dg
    from lineage_guard import ModelSource, declare, guard

    GPT = ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com")
    R1 = ModelSource("deepseek", "deepseek-r1", channel="self-hosted")

    @dg.asset(metadata=declare(GPT))
    def tainted(): ...

    @dg.asset(metadata=declare(R1))
    def clean(): ...

    @dg.asset(deps=[tainted])
    def curated(): ...

    days = dg.StaticPartitionsDefinition(["monday", "tuesday"])
    by_day = declare(
        ModelSource("deepseek", "deepseek-r1", channel="self-hosted", partitions=("monday",)),
        ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com", partitions=("tuesday",)),
    )

    @dg.asset(partitions_def=days, metadata=by_day)
    def daily(): ...

    defs = guard(dg.Definitions(assets=[tainted, clean, curated, daily]))
"""

RESEARCH = """
    import os
    from pathlib import Path

    import dagster as dg

    TRAINS = {"lineage_guard/use": "train_competing"}
    days = dg.StaticPartitionsDefinition(["monday", "tuesday"])

    def mark(name):
        with Path(os.environ["MARKERS"]).open("a") as file:
            file.write(name + "\\n")

    @dg.asset(deps=["curated"], tags=TRAINS, automation_condition=dg.AutomationCondition.eager())
    def rival():
        mark("rival")

    @dg.asset(deps=["clean"], tags=TRAINS, pool="gpu", automation_condition=dg.AutomationCondition.eager())
    def student():
        mark("student")

    @dg.asset(deps=["daily"], tags=TRAINS, partitions_def=days)
    def weekly(context):
        mark("weekly-" + context.partition_key)

    @dg.asset(deps=["curated"])
    def report():
        mark("report")

    both = dg.define_asset_job("both", ["rival", "student"])
    only_rival = dg.define_asset_job("only_rival", ["rival"])

    @dg.sensor(target=[rival, student], minimum_interval_seconds=5)
    def asks(context):
        yield dg.RunRequest(run_key="rival", asset_selection=[dg.AssetKey("rival")])
        yield dg.RunRequest(run_key="student", asset_selection=[dg.AssetKey("student")])

    defs = dg.Definitions(
        assets=[rival, student, weekly, report],
        jobs=[both, only_rival],
        schedules=[dg.ScheduleDefinition(name="every_minute", job=only_rival, cron_schedule="* * * * *")],
        sensors=[asks, dg.AutomationConditionSensorDefinition("automation", target="*", minimum_interval_seconds=5)],
    )
"""


def wait_for(what: str, look: Callable[[], T | None]) -> T:
    """What ``look`` finds, as soon as it finds something."""
    until = time.monotonic() + PATIENCE
    while (found := look()) is None:
        assert time.monotonic() < until, f"waited {PATIENCE:.0f} s for {what}"
        time.sleep(0.5)
    return found


@dataclass
class Live:
    """A running deployment.

    Attributes:
        folder: everything it writes.
        port: of the webserver.
    """

    folder: Path
    port: int = field(default_factory=free_port)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    @property
    def home(self) -> Path:
        """``DAGSTER_HOME``."""
        return self.folder / "home"

    @property
    def url(self) -> str:
        """Of the UI."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def trained(self) -> list[str]:
        """What the code of ``research`` itself wrote down: the ground truth."""
        marker = self.folder / "markers"
        return marker.read_text().split() if marker.exists() else []

    def start(self) -> None:
        """Start everything, and wait until both code locations are loaded."""
        self.home.mkdir()
        config = {
            "telemetry": {"enabled": False},
            "run_coordinator": {
                "module": "lineage_guard.dagster.coordinator",
                "class": "GuardedQueuedRunCoordinator",
                "config": {"dequeue_interval_seconds": 1, "max_concurrent_runs": 2},
            },
            "run_retries": {"enabled": True, "max_retries": 2},
        }
        (self.home / "dagster.yaml").write_text(json.dumps(config))
        # Processes that come first together may each create the tables of the storage.
        with dg.DagsterInstance.from_config(str(self.home)):
            pass
        servers: list[dict[str, Any]] = []
        for name, code in (("data", DATA), ("research", RESEARCH)):
            (self.folder / f"{name}.py").write_text(dedent(code))
            port = free_port()
            self._start(name, "-m", "dagster", "api", "grpc", "-f", f"{name}.py", "-p", str(port))
            servers.append({"grpc_server": {"host": "127.0.0.1", "port": port, "location_name": name}})
        (self.home / "workspace.yaml").write_text(json.dumps({"load_from": servers}))
        workspace = ["-w", str(self.home / "workspace.yaml")]
        self._start("webserver", "-m", "dagster_webserver", *workspace, "-h", "127.0.0.1", "-p", str(self.port))
        wait_for("the webserver", self._loaded)
        self._start("daemon", "-m", "dagster._daemon", "run", *workspace)

    def stop(self) -> None:
        """End every process that was started here."""
        end(self._processes)

    def _start(self, name: str, *arguments: str) -> None:
        ours = ("DAGSTER", "LINEAGE_GUARD", "OPENLINEAGE", "PYTEST")
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(ours)},
            "DAGSTER_HOME": str(self.home),
            "MARKERS": str(self.folder / "markers"),
        }
        with (self.folder / f"{name}.log").open("wb") as log:
            command = [sys.executable, *arguments]
            self._processes.append(
                subprocess.Popen(command, cwd=self.folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
            )

    def _loaded(self) -> bool | None:
        assert all(p.poll() is None for p in self._processes), self.logs()
        try:
            found = self.ask(
                "{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } } }"
            )["workspaceOrError"]["locationEntries"]
        except httpx.TransportError:
            return None
        kinds = [(e["locationOrLoadError"] or {}).get("__typename") for e in found]
        if "PythonError" in kinds:
            self.ask("mutation { reloadWorkspace { __typename } }")
        return True if kinds == ["RepositoryLocation"] * 2 else None

    def logs(self) -> str:
        """The end of what each process said."""
        return "\n".join(f"--- {p.name}\n{p.read_text(errors='replace')[-3000:]}" for p in self.folder.glob("*.log"))

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """A GraphQL request as the UI makes them; an HTTP error or a GraphQL error fails the test."""
        answer = httpx.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=120)
        content = answer.json()
        assert answer.status_code == 200, content
        assert not content.get("errors"), content
        return dict(content["data"])

    def launch(self, *assets: str, location: str, partition: str | None = None) -> dict[str, Any]:
        """Launch assets as the UI does; the run as the answer describes it."""
        params = {
            "selector": {
                "repositoryLocationName": location,
                "repositoryName": "__repository__",
                "pipelineName": "__ASSET_JOB",
                "assetSelection": [{"path": [a]} for a in assets],
            },
            "mode": "default",
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": partition}] if partition else []},
        }
        return self.launched(
            "mutation Launch($params: ExecutionParams!) { it: launchPipelineExecution(executionParams: $params) {"
            " __typename ... on LaunchRunSuccess { run { runId status } } ... on PythonError { message } } }",
            params=params,
        )

    def launched(self, mutation: str, **variables: Any) -> dict[str, Any]:
        """The run that a mutation named ``it`` launched."""
        answer = self.ask(mutation, **variables)["it"]
        assert answer["__typename"] == "LaunchRunSuccess", answer
        return dict(answer["run"])

    def ended(self, run_id: str) -> str:
        """How a run ended, once it has."""

        def look() -> str | None:
            status = self.run(run_id)["status"]
            return str(status) if status in ("SUCCESS", "FAILURE", "CANCELED") else None

        return wait_for(f"run {run_id} to end", look)

    def run(self, run_id: str) -> dict[str, Any]:
        """A run and its events, as its page in the UI asks for them."""
        return dict(
            self.ask(
                "query Run($id: ID!) { runOrError(runId: $id) { ... on Run { runId status tags { key value }"
                " eventConnection { events { __typename ... on MessageEvent { message eventType }"
                " ... on EngineEvent { metadataEntries { label __typename ... on TextMetadataEntry { text }"
                " ... on MarkdownMetadataEntry { mdStr } ... on TableMetadataEntry { table { records } } } } } } } } }",
                id=run_id,
            )["runOrError"]
        )

    def runs(self, **tags: str) -> list[dict[str, Any]]:
        """All runs with some tags, newest first."""
        return list(
            self.ask(
                "query Runs($filter: RunsFilter) { runsOrError(filter: $filter) { ... on Runs { results {"
                " runId status assetSelection { path } tags { key value } parentRunId } } } }",
                filter={"tags": [{"key": k.replace("__", "/"), "value": v} for k, v in tags.items()]},
            )["runsOrError"]["results"]
        )

    def command(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run ``python -m`` something as a user of ``research`` does."""
        environment: Mapping[str, str] = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER", "LINEAGE_GUARD", "PYTEST"))},
            "DAGSTER_HOME": str(self.home),
            "MARKERS": str(self.folder / "markers"),
        }
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=check,
        )


@contextmanager
def live(folder: Path) -> Iterator[Live]:
    """A running deployment, ended in any case."""
    deployment = Live(folder)
    try:
        deployment.start()
        yield deployment
    finally:
        deployment.stop()
