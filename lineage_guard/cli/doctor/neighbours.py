"""dagster-openlineage beside us."""

from __future__ import annotations

import os
from importlib import metadata

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result

NAME = "dagster-openlineage"


def examine(patient: Patient) -> list[Result]:
    """Whether it runs here, and under which names."""
    try:
        version = metadata.version(NAME)
    except metadata.PackageNotFoundError:
        return []
    running = [
        f"sensor {s.name!r} of {location.name}"
        for location in patient.seen
        for r in location.repositories
        for s in r.sensor_defs
        if _is_theirs(s)
    ]
    storage = type(patient.instance.event_log_storage).__module__ if patient.instance is not None else ""
    if storage.startswith("dagster_openlineage"):
        running.append("the event log storage in dagster.yaml")
    if not running:
        return [Result(NAME, "ok", f"{version} is installed and not used here")]
    from lineage_guard.dagster.settings import NAMESPACE_VARIABLE, Settings, lineage_namespace

    ours = lineage_namespace((patient.settings or Settings()).namespace)
    theirs = os.environ.get(NAMESPACE_VARIABLE)
    found = f"{version} runs beside us ({', '.join(running)}); its events carry no inputs, and its sensor can lose some"
    if ours != (theirs or "default"):
        fix = f"set {NAMESPACE_VARIABLE}={ours} where it runs: else backends draw every asset twice"
        return [Result(NAME, "warn", f"{found}; it calls our datasets by another namespace", fix)]
    fix = "rely on our events for lineage, and send them to the same backend: names agree, so they join there"
    return [Result(NAME, "hint", found, fix)]


def _is_theirs(sensor: object) -> bool:
    function = getattr(sensor, "_raw_fn", None)
    return str(getattr(function, "__module__", "")).startswith("dagster_openlineage")
