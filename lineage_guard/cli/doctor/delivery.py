"""OpenLineage events that wait to be delivered, or never will be."""

from __future__ import annotations

from typing import Any, cast

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result

#: What ``openlineage.deliver.drain`` keeps its place under.
STATE = "delivery-openlineage"


def examine(patient: Patient) -> list[Result]:
    """Look at what the last delivery left behind; nothing when nothing was ever to be delivered."""
    if patient.ledger is None:
        return []
    state = cast("dict[str, Any] | None", patient.ledger.load(STATE))
    if not state:
        return []
    error = state.get("error")
    refused = sum(int(count) for _, _, count in cast("list[tuple[Any, Any, int]]", state.get("refusedSpans") or []))
    if error:
        fix = "see whether the backend is well; `lineage-guard sync` tries again at once, and nothing is lost meanwhile"
        before = f"; before that the backend refused {refused}" if refused else ""
        return [Result("OpenLineage events", "warn", f"delivery stopped: {error}{before}", fix)]
    if refused:
        fix = "the ledger keeps them; `lineage-guard sync --refused` sends them again and says what the backend answers"
        return [Result("OpenLineage events", "warn", f"the backend refused {refused}", fix)]
    return [Result("OpenLineage events", "ok", "the last delivery ended well")]
