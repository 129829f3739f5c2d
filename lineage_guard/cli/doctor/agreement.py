"""Whether gates, sensors, the run coordinator and code locations go by the same ledger, names and rules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed

if TYPE_CHECKING:
    from lineage_guard.dagster.installed import Footing
    from lineage_guard.dagster.settings import Settings

NAME = "agreement"


def examine(patient: Patient) -> list[Result]:
    """Compare what each would go by in this environment, and what each said it did when it last ran."""
    from lineage_guard.dagster.installed import differences

    every = [*_here(patient), *_said(patient)]
    if not every:
        return []
    first, mine = every[0]
    blind: dict[str, str] = {}
    other: dict[str, str] = {}
    for who, theirs in every[1:]:
        if said := differences(mine, theirs):
            apart = (mine.ledger, mine.namespace) != (theirs.ledger, theirs.namespace)
            (blind if apart else other)[who] = "; ".join(said)
    results: list[Result] = []
    for found, state, fix in (
        (
            blind,
            "fail",
            "give every process the same ledger and namespace: LINEAGE_GUARD_LEDGER, OPENLINEAGE_NAMESPACE",
        ),
        (other, "warn", "right if it is meant so; else the same policy and catalog files belong everywhere"),
    ):
        results += [Result(NAME, state, f"{first} and {who} differ: {said}", fix) for who, said in found.items()]
    said = f"{listed([who for who, _ in every])}: {mine.ledger}, policy {mine.policy}"
    return results or [Result(NAME, "ok", said)]


def _here(patient: Patient) -> Iterator[tuple[str, Footing]]:
    """What the code says, read in this environment."""
    from lineage_guard.dagster.coordinator.installed import installed
    from lineage_guard.dagster.installed import footing, settings_of
    from lineage_guard.dagster.sensor.sensor import settings_of_sensor
    from lineage_guard.dagster.settings import rulebook

    seen: list[tuple[str, Footing]] = []
    for location in patient.seen:
        told: list[tuple[Settings, str]] = []
        for definition in location.assets():
            settings = settings_of(definition)
            if settings is not None and settings not in [s for s, _ in told]:
                told.append((settings, f"guard() in {location.name}"))
        for sensor in (s for r in location.repositories for s in r.sensor_defs):
            settings = settings_of_sensor(sensor)
            if settings is not None and settings not in [s for s, _ in told]:
                told.append((settings, f"the sensor of {location.name}"))
        for settings, who in told:
            catalog, policy = rulebook(settings)
            seen.append((who, footing(settings, policy, catalog)))
    rules = installed(patient.instance).rules if patient.instance is not None else None
    if rules is not None:
        catalog, policy = rulebook(rules.settings)
        seen.append(("the run coordinator", footing(rules.settings, policy, catalog)))
    yield from seen


def _said(patient: Patient) -> Iterator[tuple[str, Footing]]:
    """What gates and sensors noted in the instance."""
    from lineage_guard.dagster.installed import noted

    if patient.instance is None:
        return
    for (role, location), theirs in noted(patient.instance, [each.name for each in patient.locations]).items():
        yield f"the {role} of {location} when it last ran", theirs
