"""The coordinator's configuration: wrong is said aloud, where it stands, and nothing of it costs a run process."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from lineage_guard.dagster.coordinator import GuardedQueuedRunCoordinator
from lineage_guard.dagster.coordinator.config import WAIVER_FIELDS
from lineage_guard.dagster.coordinator.installed import installed, mappings_unseen
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.modes import Mode

WAIVER = dict.fromkeys(WAIVER_FIELDS[:8], "x") | {"expires": "2999-01-01"}


@contextmanager
def configured(folder: Path, **config: Any) -> Iterator[dg.DagsterInstance]:
    queue = {
        "module": "lineage_guard.dagster.coordinator",
        "class": "GuardedQueuedRunCoordinator",
        "config": {"ledger": str(folder / "ledger"), **config},
    }
    overrides = {"telemetry": {"enabled": False}, "run_coordinator": queue}
    home = folder / "home"
    home.mkdir(exist_ok=True)
    with dg.DagsterInstance.local_temp(str(home), overrides) as instance:
        yield instance


def test_it_is_a_queue_to_dagster_and_takes_the_keys_of_one(tmp_path: Path) -> None:
    with configured(tmp_path, max_concurrent_runs=3, dequeue_interval_seconds=1, mode="warn") as instance:
        coordinator = instance.run_coordinator
        # The daemon asks for this type before it dequeues anything.
        assert isinstance(coordinator, dg.QueuedRunCoordinator)
        assert isinstance(coordinator, GuardedQueuedRunCoordinator)
        assert coordinator.get_run_queue_config().max_concurrent_runs == 3
        assert coordinator.dequeue_interval_seconds == 1
        assert coordinator.rules.mode is Mode.WARN


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"policy": "nowhere.yaml"}, r"policy: there is no file 'nowhere.yaml'"),
        ({"catalog": ["nowhere.yaml"]}, r"catalog: there is no file 'nowhere.yaml'"),
        ({"training": [{"select": 'key:"a" and'}]}, r"training: .* is no asset selection"),
        ({"waivers": "nowhere.yaml"}, r"nowhere.yaml: the waivers cannot be read"),
    ],
)
def test_the_daemon_does_not_start_on_what_is_not_there(tmp_path: Path, config: Any, message: str) -> None:
    with configured(tmp_path, **config) as instance:
        with pytest.raises(ConfigError, match=message):
            _ = instance.run_coordinator.dequeue_interval_seconds  # pyright: ignore[reportAttributeAccessIssue]
        assert not installed(instance).guards
        assert "To fix" in (installed(instance).problem or "")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"ledgr": "x"}, "ledgr"),
        ({"mode": "loud"}, "loud"),
        ({"training": [{"select": "a", "use": "not a use"}]}, "cannot be the name of a use"),
        ({"waivers": [{**WAIVER, "expires": "soon"}]}, "'soon', which is no date"),
        ({"waivers": [{"id": "x"}]}, "rule"),
        ({"waivers": [{**WAIVER, "code": "BECAUSE"}]}, "a waiver has the code 'BECAUSE'"),
    ],
)
def test_no_process_goes_on_with_what_makes_no_sense(tmp_path: Path, config: Any, message: str) -> None:
    with configured(tmp_path, **config) as instance:
        with pytest.raises(Exception, match=message):
            _ = instance.run_coordinator
        found = installed(instance)
        assert not found.guards
        assert message in (found.problem or "")


def test_what_is_installed_is_told_apart(tmp_path: Path) -> None:
    with configured(tmp_path) as instance:
        assert installed(instance).guards
    with configured(tmp_path, mode="observe") as instance:
        assert not installed(instance).guards
    with dg.DagsterInstance.ephemeral() as instance:
        found = installed(instance)
        assert (found.guards, found.rules, found.problem) == (False, None, None)
        assert found.found == type(instance.run_coordinator).__name__


def test_a_waiver_can_be_given_in_full() -> None:
    assert [f.name for f in fields(Waiver)] == list(WAIVER_FIELDS)


def test_run_processes_build_it_without_importing_what_judges() -> None:
    code = (
        "import sys, lineage_guard.dagster.coordinator as c; c.GuardedQueuedRunCoordinator.config_type();"
        "print(*sorted(m for m in sys.modules if m.startswith(('duckdb', 'pyarrow', 'yaml', 'lineage_guard.'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {
        "duckdb",
        "pyarrow",
        "lineage_guard.domain.verdict.decide",
        "lineage_guard.ledger",
        "lineage_guard.catalog",
    }
    assert loaded.isdisjoint(heavy)


def test_mappings_of_ones_own_are_named_as_dagster_does_not_tell_the_host_of_them() -> None:
    days = dg.StaticPartitionsDefinition(["a", "b"])

    class Shifted(dg.IdentityPartitionMapping):
        """Reads another partition than its own."""

    @dg.asset(partitions_def=days)
    def table() -> None: ...

    told = dg.AssetDep(table, partition_mapping=dg.SpecificPartitionsPartitionMapping(["a"]))

    @dg.asset(partitions_def=days, deps=[told])
    def shipped() -> None: ...

    @dg.asset(partitions_def=days, deps=[dg.AssetDep(table, partition_mapping=Shifted())])
    def own() -> None: ...

    graph = dg.Definitions(assets=[table, shipped, own]).resolve_asset_graph()
    assert mappings_unseen(graph) == [(dg.AssetKey("own"), dg.AssetKey("table"), "Shifted")]
