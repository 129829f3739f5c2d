"""Whether the sensor runs: on, asked by a daemon that lives, and not failing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result

if TYPE_CHECKING:
    import dagster as dg

#: How long the daemon may be silent. It writes every 30 s.
SILENT = timedelta(minutes=5)
#: Ticks that may be missed.
MISSED = 10
_TELLS = "without it nobody is alerted and nothing is judged again"


def examine(patient: Patient) -> list[Result]:
    """Look at the state of each location's sensor, its last tick, and the daemon."""
    if patient.instance is None or not patient.seen:
        return []
    import dagster as dg
    from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType

    from lineage_guard.dagster.keys import SENSOR_NAME

    ours = [
        state
        for state in patient.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
        if state.instigator_name == SENSOR_NAME
    ]
    by_default = any(
        s.name == SENSOR_NAME and s.default_status is dg.DefaultSensorStatus.RUNNING
        for location in patient.seen
        for r in location.repositories
        for s in r.sensor_defs
    )
    beat = patient.instance.get_daemon_heartbeats().get("SENSOR")
    silent = timedelta(seconds=patient.now.timestamp() - beat.timestamp) if beat is not None else None
    if any(s.status is InstigatorStatus.STOPPED for s in ours):
        fix = f"start it in the Dagster UI under Automation; {_TELLS}"
        return [Result("sensor", "fail", "it was stopped", fix)]
    if not ours and not by_default:
        return [
            Result(
                "sensor",
                "warn",
                "no code location here has one",
                f"do not call guard(sensor=False), or add the sensor yourself; {_TELLS}",
            )
        ]
    if silent is not None and silent > SILENT:
        found = f"the daemon that asks it was last heard of {_said(silent)} ago"
        return [Result("sensor", "fail", found, f"start `dagster-daemon run`; {_TELLS}")]
    if not ours or silent is None:
        return [Result("sensor", "warn", "it is on and has never ticked", "start `dagster-daemon run`")]
    return [found for state in ours if (found := _ticks(patient, state))] or [Result("sensor", "ok", "running")]


def _ticks(patient: Patient, state: Any) -> Result | None:
    """What the last ticks of one sensor say."""
    from dagster._core.scheduler.instigation import TickStatus

    assert patient.instance is not None
    where = state.origin.repository_origin.code_location_origin.location_name
    ticks = patient.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
    if not ticks:
        return Result(
            "sensor", "warn", f"{where}: it is on and has never ticked", "see whether the daemon loads that code"
        )
    last = ticks[0]
    age = timedelta(seconds=patient.now.timestamp() - last.timestamp)
    if last.status is TickStatus.FAILURE:
        why = _reason(last)
        return Result("sensor", "fail", f"{where}: its last tick failed: {why}", f"mend what it names; {_TELLS}")
    every = timedelta(seconds=getattr(state.instigator_data, "min_interval", None) or 30)
    if age > max(every * MISSED, SILENT):
        return Result(
            "sensor", "fail", f"{where}: its last tick was {_said(age)} ago", "see whether the daemon loads that code"
        )
    return None


def _reason(tick: dg.InstigatorTick | Any) -> str:
    error = tick.error
    while error is not None and error.cause is not None:
        error = error.cause
    return " ".join(error.message.split())[:300] if error is not None else "no error is on record"


def _said(age: timedelta) -> str:
    return f"{int(age.total_seconds() // 60)} min"
