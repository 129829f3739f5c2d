"""A verdict as Dagster metadata: shown on the failed step, on materialisations and on checks."""

from __future__ import annotations

from typing import Any

import dagster as dg

from lineage_guard.dagster.declare import NAMESPACE
from lineage_guard.domain.decide import Finding, Verdict
from lineage_guard.domain.explain import explain, headline, outcome, path_text, terms_text

_COLUMNS = ("effect", "reason", "model", "terms", "rule", "path", "why", "fix")
#: Rows of the findings table; Dagster keeps metadata in its event log.
_MOST_ROWS = 100


def metadata_of_verdict(verdict: Verdict) -> dict[str, Any]:
    """Metadata under ``lineage_guard/``: decision, explanation, findings table and what was looked at.

    Args:
        verdict: the verdict.

    Returns:
        Keys ``decision``, ``explanation``, ``policy``, ``use`` and ``closure_size``; ``findings``,
        ``obligations`` and ``waivers`` when there are any.
    """
    entries: dict[str, Any] = {
        "decision": outcome(verdict),
        "explanation": dg.MetadataValue.md(f"**{headline(verdict)}**\n\n```text\n{explain(verdict, most=20)}\n```"),
        "policy": f"{verdict.policy} ({verdict.policy_digest[:19]})",
        "use": verdict.use,
        "closure_size": verdict.closure_size,
    }
    if verdict.findings:
        schema = dg.TableSchema(columns=[dg.TableColumn(name=c, type="string") for c in _COLUMNS])
        rows = [dg.TableRecord(_row(f)) for f in verdict.findings[:_MOST_ROWS]]
        entries["findings"] = dg.MetadataValue.table(records=rows, schema=schema)
    if verdict.obligations:
        entries["obligations"] = dg.MetadataValue.json(list(verdict.obligations))
    if verdict.waivers:
        entries["waivers"] = dg.MetadataValue.json(list(verdict.waivers))
    return {f"{NAMESPACE}/{key}": value for key, value in entries.items()}


def _row(finding: Finding) -> dict[str, str | int | float | bool | None]:
    return {
        "effect": "waived" if finding.waived_by else finding.effect.name.lower(),
        "reason": finding.reason.value,
        "model": str(finding.model) if finding.model else "",
        "terms": terms_text(finding.terms) if finding.terms else "",
        "rule": finding.rule,
        "path": path_text(finding),
        "why": finding.message,
        "fix": f"waived by {finding.waived_by}" if finding.waived_by else finding.fix,
    }
