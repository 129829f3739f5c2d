"""Whether the ledger can be read and written, and what was put aside."""

from __future__ import annotations

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result


def examine(patient: Patient) -> list[Result]:
    """Open it, check it, write to it and read back."""
    from lineage_guard.dagster.settings import ledger_location
    from lineage_guard.ledger import open_ledger

    place = ledger_location(patient.ledger_place or (patient.settings.ledger if patient.settings else None))
    ledger = open_ledger(place)
    checked = ledger.check(full=patient.full)
    ledger.store("doctor", {"at": patient.now.isoformat()})
    if ledger.load("doctor") != {"at": patient.now.isoformat()}:
        fix = "check that this process and the ledger's storage agree (caches, replicas)"
        return [Result("ledger", "fail", f"{place}: what was written did not come back", fix)]
    patient.ledger = ledger
    said = f"{place}: readable and writable, {checked.events} events, {checked.versions} versions"
    return [Result("ledger", "ok", said)]
