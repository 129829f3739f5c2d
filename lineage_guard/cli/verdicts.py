"""A verdict as JSON, the same of all commands that judge by rules and not for a gate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lineage_guard.domain.verdict.decide import Finding, Verdict


def verdict_json(verdict: Verdict, findings: Sequence[Finding]) -> dict[str, Any]:
    """A verdict with some of its findings: what ``lineage_guard/cli/schemas/impact.schema.json`` calls a verdict.

    Args:
        verdict: what was decided.
        findings: those to be told, in their order.
    """
    from lineage_guard.openlineage.codec import version_json

    return {
        "decision": verdict.decision.value,
        "stops": verdict.stops,
        "findings": [
            {
                "rule": f.rule,
                "reason": f.reason.value,
                "effect": f.effect.name,
                "model": str(f.model) if f.model else None,
                "terms": f.terms.id if f.terms else None,
                "message": f.message,
                "fix": f.fix,
                "path": [version_json(v) for v in f.path],
                "waivedBy": f.waived_by,
            }
            for f in findings
        ],
    }
