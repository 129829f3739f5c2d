"""Which code locations there are, and whether each calls ``guard()``."""

from __future__ import annotations

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result


def examine(patient: Patient) -> list[Result]:
    """Load every code location; note what the first ``guard()`` was told."""
    from lineage_guard.dagster.installed import settings_of
    from lineage_guard.dagster.keys import DECLARATION_KEY, SENSOR_NAME
    from lineage_guard.dagster.locations import load_locations

    patient.locations = load_locations(patient.target)
    if not patient.locations:
        fix = "name the code with -m, -f or -w to have gates and declarations checked"
        return [Result("code locations", "warn", "none is named or found here", fix)]
    results: list[Result] = []
    for location in patient.locations:
        name = f"code location {location.name}"
        if location.unseen:
            results.append(Result(name, "warn", location.unseen, "run doctor there too"))
            continue
        told = [s for d in location.assets() if (s := settings_of(d)) is not None]
        sensor = any(s.name == SENSOR_NAME for r in location.repositories for s in r.sensor_defs)
        patient.settings = patient.settings or next(iter(told), None)
        if told or sensor:
            results.append(Result(name, "ok", f"calls guard(); {len(told)} assets are wrapped"))
            continue
        declares = any(DECLARATION_KEY in s.metadata for d in location.assets() for s in d.specs)
        why = ", though it declares models" if declares else ""
        fix = "end its definitions with `defs = guard(defs)`"
        results.append(Result(name, "fail", f"does not call guard(){why}", fix))
    return results
