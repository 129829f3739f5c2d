"""Whether the expectation suites can be relied on."""

from __future__ import annotations

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result


def examine(patient: Patient) -> list[Result]:
    """Load them, fail-closed."""
    from lineage_guard.gx.suites import load_suite

    return [Result("expectation suites", "ok", ", ".join(load_suite(name).name for name in ("lineage", "rows")))]
