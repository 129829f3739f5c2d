"""Reads the ledger after the run: decisions, and every event checked against the schemas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg

from lineage_guard.dagster.collect.collect import collect
from lineage_guard.dagster.sensor.sensor import SENSOR_NAME
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.validate import validate
from lineage_guard.openlineage.verdicts import verdict_of

NAMESPACE = "default"


@dataclass(frozen=True)
class Checked:
    """All events in the ledger.

    Attributes:
        place: where the ledger is.
        total: number of events.
        by_state: number per OpenLineage run state.
        problems: one sentence per event that breaks a schema.
    """

    place: str
    total: int
    by_state: Mapping[str, int]
    problems: tuple[str, ...]


def bring_up_to_date(home: Path, module: str, log: Path) -> Ledger:
    """Let the guard's sensor tick once, as the Dagster daemon does every half minute.

    It collects what the run left in Dagster's event log and shows each verdict as an asset
    check. Definitions without the guard have no such sensor; their log is collected alone.

    Args:
        home: Dagster's home folder.
        module: module that holds the definitions.
        log: where the sensor's own lines go.
    """
    defs: dg.Definitions = import_module(module).defs
    ledger = open_ledger(home / "lineage_guard")
    repository = defs.get_repository_def()
    with dg.DagsterInstance.from_config(str(home)) as instance:
        if not repository.has_sensor_def(SENSOR_NAME):
            collect(instance, repository.asset_graph, ledger, namespace=NAMESPACE, now=datetime.now(UTC))
            return ledger
        context: Any = dg.build_sensor_context(instance, repository_def=repository, sensor_name=SENSOR_NAME)
        with log.open("a", encoding="utf-8") as out, redirect_stderr(out):
            for event in repository.get_sensor_def(SENSOR_NAME).evaluate_tick(context).asset_events:
                instance.report_runless_asset_event(event)
    return ledger


def steps_of_last_run(home: Path) -> tuple[int, int]:
    """How many steps of the latest run succeeded, and how many failed."""
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs(limit=1)
        stats: Any = instance.get_run_stats(runs[0].run_id) if runs else None
    return (stats.steps_succeeded, stats.steps_failed) if stats else (0, 0)


def verdicts_on(ledger: Ledger, assets: Iterable[str]) -> dict[str, Verdict]:
    """The latest decision on each asset that has one."""
    latest = {asset: ledger.decisions(NAMESPACE, asset, limit=1) for asset in assets}
    return {asset: verdict_of(found[0]) for asset, found in latest.items() if found}


def check_events(ledger: Ledger) -> Checked:
    """Validate every event in the ledger against the OpenLineage JSON Schemas and ours."""
    states: Counter[str] = Counter()
    problems: list[str] = []
    for position, event in ledger.events():
        states[str(event.get("eventType"))] += 1
        broken = validate(event, strict=True)
        if broken:
            problems.append(f"{position}: {broken[0]}")
    return Checked(ledger.location, states.total(), dict(states), tuple(problems))
