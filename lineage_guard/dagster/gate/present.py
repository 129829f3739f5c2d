"""A verdict as Dagster shows it: metadata on steps and materialisations, and the asset check ``lineage_guard``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from lineage_guard.dagster.keys import CHECK_NAME, NAMESPACE
from lineage_guard.domain.lineage.sources import Source
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict
from lineage_guard.domain.verdict.explain import explain, headline, outcome, path_text, terms_text

_SOURCES = ("source", "what", "did", "terms", "influence", "found in", "versions")
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
    if verdict.cures:
        entries["cured"] = dg.MetadataValue.json(list(verdict.cures))
    if verdict.waivers:
        entries["waivers"] = dg.MetadataValue.json(list(verdict.waivers))
    return {f"{NAMESPACE}/{key}": value for key, value in entries.items()}


def metadata_of_sources(found: Sequence[Source]) -> dict[str, Any]:
    """Metadata ``lineage_guard/sources`` of what is trained: the models and the data behind it, with their terms.

    Args:
        found: see ``domain.lineage.sources``; nothing is shown of none.
    """
    if not found:
        return {}
    schema = dg.TableSchema(columns=[dg.TableColumn(name=c, type="string") for c in _SOURCES])
    rows = [
        dg.TableRecord(
            {
                "source": s.name,
                "what": s.kind.value.lower(),
                "did": s.usage.lower(),
                "terms": ", ".join(s.terms),
                "influence": s.influence.value.lower(),
                "found in": str(s.found_in),
                "versions": str(s.versions),
            }
        )
        for s in found
    ]
    return {f"{NAMESPACE}/sources": dg.MetadataValue.table(records=rows, schema=schema)}


def evaluation(key: dg.AssetKey, verdict: Verdict, *, trained: bool = False) -> dg.AssetCheckEvaluation:
    """The verdict as the result of the check ``lineage_guard`` on the training asset.

    Args:
        key: the training asset.
        verdict: what holds for it now.
        trained: whether the verdict is about what was trained already.
    """
    about = "What was trained last: " if trained else ""
    return dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=CHECK_NAME,
        passed=verdict.decision in (Decision.ALLOW, Decision.WAIVED),
        severity=dg.AssetCheckSeverity.ERROR if verdict.blocks else dg.AssetCheckSeverity.WARN,
        description=about + headline(verdict) + "".join(f"\n{path_text(f)}" for f in verdict.findings[:1]),
        metadata=metadata_of_verdict(verdict),
    )


def show(context: dg.OpExecutionContext, verdicts: Mapping[dg.AssetKey, Verdict]) -> None:
    """Show verdicts that stop on their checks, from within the step.

    A run of the asset plans its check, and the check's own step is skipped when the asset is
    stopped. Dagster then shows "Execution failed" in the place of the verdict; a result
    reported after the plan stands instead. Never raises: the gate stops the step either way.

    Args:
        context: of the step.
        verdicts: training assets of the step and their verdicts.
    """
    try:
        known = context.job_def.asset_layer.asset_graph.source_asset_graph.asset_check_keys
        for key, verdict in verdicts.items():
            if dg.AssetCheckKey(key, CHECK_NAME) in known:
                context.instance.report_runless_asset_event(evaluation(key, verdict))
    except Exception as error:  # noqa: BLE001  the step says the same; this is only where else it shows
        context.log.warning(f"lineage_guard could not show its verdict as an asset check: {error}")


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
