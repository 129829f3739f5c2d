"""The round: every examination in order, and none ends it.

An examination that breaks is a failure of its own. That is why each imports for itself what it looks at: a
Dagster release that moved a name must show up here, not as a traceback.
"""

from __future__ import annotations

from datetime import datetime
from importlib import import_module
from typing import cast

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result
from lineage_guard.dagster.target import Target
from lineage_guard.domain.errors import LineageGuardError

#: What is examined, and the module whose function ``examine`` does it. Later ones use what earlier ones found.
EXAMINATIONS = {
    "versions": "versions",
    "private names": "names",
    "Dagster's internals": "internals",
    "code locations": "locations",
    "training assets": "training",
    "upstream": "upstream",
    "Dagster instance": "instance",
    "other code locations": "others",
    "launch paths": "paths",
    "ledger": "ledger",
    "catalog and policy": "rules",
    "modes": "modes",
    "agreement": "agreement",
    "expectation suites": "suites",
    "collection": "collection",
    "sensor": "sensor",
    "signs of life": "heartbeats",
    "alerts": "alerts",
    "OpenLineage events": "delivery",
    "dagster-openlineage": "neighbours",
}


def examine(target: Target, ledger: str | None, full: bool, now: datetime) -> list[Result]:
    """Do every examination.

    Args:
        target: where definitions are.
        ledger: overrides the place of the ledger.
        full: also read and verify every file of the ledger.
        now: the time (timezone-aware UTC).
    """
    patient = Patient(target, ledger, full, now)
    results: list[Result] = []
    try:
        for name, module in EXAMINATIONS.items():
            results += _one(name, module, patient)
    finally:
        patient.close()
    return results


def _one(name: str, module: str, patient: Patient) -> list[Result]:
    try:
        examination = import_module(f"lineage_guard.cli.doctor.{module}").examine
        return cast("list[Result]", examination(patient))
    except LineageGuardError as error:
        place = f"{error.where}: " if error.where else ""
        return [Result(name, "fail", f"{place}{error.what}", error.fix)]
    except ImportError as error:
        fix = "install a lineage-guard and a dagster that fit each other; line `versions` shows what is here"
        return [Result(name, "fail", f"a name is missing: {error}", fix)]
    except Exception as error:  # noqa: BLE001 - an examination that breaks has found something
        found = f"the check itself failed: {type(error).__name__}: {error}"
        return [Result(name, "fail", found, "run again with LINEAGE_GUARD_DEBUG=1 and report it")]
