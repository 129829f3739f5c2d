"""Sensors that others miss: the signs of life in the ledger, of every deployment that shares it."""

from __future__ import annotations

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed


def examine(patient: Patient) -> list[Result]:
    """Look at the age of every sign of life; nothing when no sensor ever ticked on this ledger."""
    if patient.ledger is None:
        return []
    from lineage_guard.domain.incidents.heartbeat import spell
    from lineage_guard.health import heartbeats
    from lineage_guard.health.heartbeats import stale_after

    found = heartbeats(patient.ledger)
    if found.unreadable:
        return [Result("signs of life", "fail", "; ".join(found.unreadable), "the sensor's next tick writes it anew")]
    after = stale_after()
    late = [b for b in found.beats if b.silent(patient.now, after)]
    if late:
        said = listed([f"{b.location} ({b.source}) last ticked {spell(patient.now - b.at)} ago" for b in late])
        fix = "see line `sensor`; if the code location was removed: `lineage-guard health --forget LOCATION`"
        return [Result("signs of life", "warn", said, fix)]
    if not found.beats:
        return []
    return [Result("signs of life", "ok", f"{listed([b.location for b in found.beats])}: ticked lately")]
