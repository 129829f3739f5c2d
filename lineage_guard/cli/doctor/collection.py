"""Whether what Dagster logged is in the ledger: how far behind the collection is, in ids and in time."""

from __future__ import annotations

from datetime import timedelta

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result

#: How old the oldest materialisation may be that was not collected, before the collection counts as stale.
STALE = timedelta(minutes=15)


def examine(patient: Patient) -> list[Result]:
    """Compare the collection's place with the end of the event log."""
    if patient.instance is None or patient.ledger is None:
        return []
    from lineage_guard.dagster.collect.place import place_of
    from lineage_guard.dagster.events import EventLog, utc

    log = EventLog(patient.instance)
    position, head = place_of(patient.ledger, log.source), log.head()
    behind = max(head - position, 0)
    waiting = log.summaries(after=position, limit=1) if behind else []
    fix = "see whether the sensor `lineage_guard` runs and fails; `lineage-guard sync` catches up"
    if not waiting:
        return [Result("collection", "ok", f"no materialisation waits ({behind} log entries behind)")]
    if position < 0:
        return [Result("collection", "warn", "nothing was collected from this event log yet", fix)]
    age = patient.now - utc(waiting[0].timestamp)
    if age <= STALE:
        return [Result("collection", "ok", f"{behind} log entries behind, by {_said(age)}")]
    found = (
        f"stale: the oldest materialisation that was not collected is {_said(age)} old ({behind} log entries behind)"
    )
    return [Result("collection", "fail", found, f"{fix}; the gate collects what it needs, alerts do not")]


def _said(age: timedelta) -> str:
    minutes = max(int(age.total_seconds() // 60), 0)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
