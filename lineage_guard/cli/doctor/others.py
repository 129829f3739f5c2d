"""Code locations that launch runs in this deployment and were not shown to doctor."""

from __future__ import annotations

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed

#: Runs and instigators that are looked at, newest first.
RECENT = 200


def examine(patient: Patient) -> list[Result]:
    """Compare the locations of recent runs and of schedules and sensors with those that were looked at."""
    if patient.instance is None or not patient.locations:
        return []
    from lineage_guard.dagster.compat import place_of_run

    used = {place_of_run(run)[0] for run in patient.instance.get_runs(limit=RECENT)}
    used |= {
        state.origin.repository_origin.code_location_origin.location_name
        for state in patient.instance.all_instigator_state()[:RECENT]
    }
    known = {each.name for each in patient.locations}
    # `dagster ... -f file.py` names the location after the file, so the same code may have two names.
    strange = {name for name in used - known if name}
    if not strange:
        return []
    fix = "give doctor the workspace of the deployment with -w, or run it where that code is"
    found = (
        f"runs, schedules or sensors of this instance belong to code that was not looked at: {listed(list(strange))}"
    )
    return [Result("other code locations", "hint", found, fix)]
