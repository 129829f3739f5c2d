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
    error, refused = state.get("error"), cast("list[Any]", state.get("refused") or [])
    if error:
        fix = "see whether the backend is well; `lineage-guard sync` tries again at once, and nothing is lost meanwhile"
        return [Result("OpenLineage events", "warn", f"delivery stopped: {error}", fix)]
    if refused:
        fix = "the ledger keeps them; see whether the backend is of a release that knows our facets"
        return [Result("OpenLineage events", "warn", f"the backend refused {len(refused)}", fix)]
    return [Result("OpenLineage events", "ok", "the last delivery ended well")]
