"""Which versions are here."""

from __future__ import annotations

from importlib import metadata

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result

_NAMES = ("lineage-guard", "dagster", "openlineage-python", "duckdb", "pyarrow", "great-expectations")


def examine(patient: Patient) -> list[Result]:
    """The versions of what the guard stands on."""
    return [Result("versions", "ok", ", ".join(f"{n} {metadata.version(n)}" for n in _NAMES))]
