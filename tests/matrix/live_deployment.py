"""A Dagster deployment as it runs in production: code servers, webserver, daemon, all processes of their own.

Everything is asked of it over GraphQL and read from the files that training code writes, so its processes may
run with another Python, and another Dagster, than the tests.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
from live_processes import end, free_port

CODE = Path(__file__).with_name("deployment")
#: Python of the deployment's processes.
PYTHON_VARIABLE = "LINEAGE_GUARD_MATRIX_PYTHON"
#: Seconds to wait for what takes seconds on an idle machine. A limit, not a measure.
PATIENCE = 1200.0
#: What SQLite says on a busy disk to who has waited 5 s for another.
_LOCKED = "database is locked"
T = TypeVar("T")


class _Locked(RuntimeError):
    """The webserver waited for another process in vain."""


def python() -> str:
    """The Python that the deployment runs with."""
    return os.environ.get(PYTHON_VARIABLE) or sys.executable


def wait_for(what: str, look: Callable[[], T | None], seconds: float = PATIENCE) -> T:
    """What ``look`` finds, as soon as it finds something.

    Raises:
        TimeoutError: it found nothing in time.
    """
    until = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() > until:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(2)


@dataclass
class Deployment:
    """A running deployment.

    Attributes:
        folder: everything it writes: the code, ``DAGSTER_HOME``, markers, logs.
        locations: its code locations, modules of ``shop``.
        postgres: URL of the PostgreSQL to keep its history in; ``None``: SQLite.
        start_method: how the multiprocess executor starts the processes of steps.
    """

    folder: Path
    locations: Sequence[str]
    postgres: str | None = None
    start_method: str = "spawn"
    port: int = field(default_factory=free_port)
    _processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    _one: threading.Lock = field(default_factory=threading.Lock)

    @property
    def code(self) -> Path:
        return self.folder / "code"

    @property
    def home(self) -> Path:
        return self.folder / "dagster_home"

    @property
    def markers(self) -> Path:
        """Where training code says that it ran."""
        return self.folder / "markers"

    @property
    def environment(self) -> dict[str, str]:
        """Of every process; nothing of the caller's own Dagster or Lineage Guard gets in."""
        ours = ("DAGSTER", "LINEAGE_GUARD", "OPENLINEAGE", "PYTEST", "DBT", "VIRTUAL_ENV", "PYTHONPATH")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        return {
            **kept,
            "DAGSTER_HOME": str(self.home),
            "DAGSTER_DISABLE_TELEMETRY": "1",
            # On a busy machine a code server takes its time to start a run; Dagster would call the run failed.
            "DAGSTER_GRPC_TIMEOUT_SECONDS": "600",
            "SHOP_MARKERS": str(self.markers),
            "SHOP_DATA": str(self.folder),
            "SHOP_START_METHOD": self.start_method,
            "SHOP_MANIFEST": str(self.folder / "dbt" / "manifest.json"),
            "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
            "PYTHONPATH": str(self.code),
            "PYTHONUNBUFFERED": "1",
            "PATH": os.pathsep.join([str(Path(python()).parent), kept.get("PATH", "")]),
        }

    def start(self) -> None:
        """Start all processes and wait until every code location is loaded."""
        for each in (self.home, self.markers):
            each.mkdir(parents=True)
        shutil.copytree(CODE, self.code, ignore=shutil.ignore_patterns("__pycache__", "target", "logs"))
        config: dict[str, Any] = {
            "telemetry": {"enabled": False},
            "run_coordinator": {
                "module": "dagster",
                "class": "QueuedRunCoordinator",
                "config": {"max_concurrent_runs": 3, "dequeue_interval_seconds": 1},
            },
        }
        if self.postgres:
            config["storage"] = {"postgres": {"postgres_url": self.postgres}}
        (self.home / "dagster.yaml").write_text(json.dumps(config))
        # Before any process does: two that create the tables of SQLite at once break them.
        self._do("dagster", "instance", "migrate")
        if "shapes" in self.locations:
            # What a deployment's build step does.
            place = ["--project-dir", "warehouse", "--profiles-dir", "warehouse"]
            self._do("dbt", "parse", *place, "--target-path", str(self.folder / "dbt"), "--log-path", str(self.folder))
        servers = []
        for location in self.locations:
            port = free_port()
            module = f"shop.{location}"
            self._start(location, "-m", "dagster", "api", "grpc", "-m", module, "-d", str(self.code), "-p", str(port))
            servers.append({"grpc_server": {"host": "127.0.0.1", "port": port, "location_name": location}})
        workspace = self.home / "workspace.yaml"
        workspace.write_text(json.dumps({"load_from": servers}))
        for server in servers:
            wait_for("the code servers", partial(self._listening, server["grpc_server"]["port"]))
        place = ["-w", str(workspace), "-h", "127.0.0.1", "-p", str(self.port)]
        self._start("webserver", "-m", "dagster_webserver", *place)
        wait_for("the webserver", partial(self._listening, self.port))
        loaded = self.ask("{ repositoriesOrError { ... on RepositoryConnection { nodes { location { name } } } } }")
        names = {node["location"]["name"] for node in loaded["repositoriesOrError"]["nodes"]}
        if names != set(self.locations):
            raise RuntimeError(f"only {names} could be loaded: {self.logs()}")
        self._start("daemon", "-m", "dagster._daemon", "run", "-w", str(workspace))

    def _do(self, program: str, *arguments: str) -> None:
        done = self.run(str(Path(python()).with_name(program)), *arguments)
        if done.returncode:
            raise RuntimeError(f"{program} {arguments}: {done.stdout} {done.stderr}")

    def stop(self) -> None:
        """End every process that was started here."""
        end(self._processes)

    def _start(self, name: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [python(), *arguments], cwd=self.code, env=self.environment, stdout=log, stderr=subprocess.STDOUT
            )
        self._processes.append(process)

    def _listening(self, port: int) -> bool | None:
        self._alive()
        with socket.socket() as probe:
            return True if probe.connect_ex(("127.0.0.1", port)) == 0 else None

    def _alive(self) -> None:
        for process in self._processes:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args} ended: {self.logs()}")

    def logs(self) -> str:
        """The end of what each process said."""
        return "\n".join(f"--- {p.name}\n{p.read_text(errors='replace')[-2000:]}" for p in self.folder.glob("*.log"))

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command as a user of this deployment does, in its environment; one at a time."""
        with self._one:
            return subprocess.run(
                command,
                cwd=self.code,
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """A GraphQL request, as the UI makes them. It may be made twice: the first time the answer may be late.

        Raises:
            RuntimeError: it was refused.
            TimeoutError: no answer came in time.
        """

        def answer() -> dict[str, Any] | None:
            try:
                return self._asked(query, variables, 120)
            except (httpx.TimeoutException, _Locked):
                return None

        return wait_for("an answer of the webserver", answer)

    def order(self, query: str, **variables: Any) -> dict[str, Any]:
        """A GraphQL request that launches something, which must not be launched twice.

        Raises:
            RuntimeError: it was refused.
        """
        return self._asked(query, variables, PATIENCE)

    def _asked(self, query: str, variables: dict[str, Any], seconds: float) -> dict[str, Any]:
        self._alive()
        body = {"query": query, "variables": variables}
        answer = httpx.post(f"http://127.0.0.1:{self.port}/graphql", json=body, timeout=seconds)
        content = answer.json()
        data: dict[str, Any] = content.get("data") or {}
        broken = any(isinstance(each, dict) and each.get("__typename") == "PythonError" for each in data.values())
        if answer.status_code != httpx.codes.OK or content.get("errors") or broken:
            kind = _Locked if _LOCKED in answer.text else RuntimeError
            raise kind(f"{answer.status_code} {json.dumps(content)[:2000]}")
        return data
