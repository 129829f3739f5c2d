"""Whether the Dagster instance can be reached."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result

if TYPE_CHECKING:
    import dagster as dg


def examine(patient: Patient) -> list[Result]:
    """Open it, and keep it for what comes later."""
    from lineage_guard.cli.asking import instance_of_here

    instance = cast("dg.DagsterInstance", instance_of_here().__enter__())
    patient.instance = instance
    runs = instance.get_runs_count()
    if instance.is_ephemeral:
        return [Result("Dagster instance", "fail", "it is ephemeral, so it has no history", "set DAGSTER_HOME")]
    return [Result("Dagster instance", "ok", f"{os.environ['DAGSTER_HOME']}: reachable, {runs} runs")]
