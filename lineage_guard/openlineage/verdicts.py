"""A verdict as the run facet ``lineageGuard_decision``, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import Influence, Pin
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.openlineage.codec import (
    effect_from,
    model_from,
    model_json,
    terms_from,
    terms_json,
    version_from,
    version_json,
)
from lineage_guard.openlineage.facets import DECISION, Json, default_producer, facet, present
from lineage_guard.openlineage.reading import Fields, format_time


def decision_facet(verdict: Verdict, *, enforced: bool, producer: str | None = None, took: float | None = None) -> Json:
    """The verdict as a run facet. Nothing of it is left out.

    Args:
        verdict: what was decided.
        enforced: whether it could stop the run.
        producer: producer URI; this release's when ``None``.
        took: how long a step waited for it, in seconds; ``None`` when none did.
    """
    return facet(
        DECISION,
        producer or default_producer(),
        {
            "decision": verdict.decision.value,
            "stops": verdict.stops,
            "enforced": enforced,
            "mode": None if verdict.mode is Mode.ENFORCE else verdict.mode.value,
            "target": version_json(verdict.target),
            "use": verdict.use,
            "policy": {"name": verdict.policy, "digest": verdict.policy_digest},
            "evaluatedAt": format_time(verdict.at),
            "durationMs": None if took is None else round(took * 1000, 1),
            "watermark": verdict.watermark,
            "closureSize": verdict.closure_size,
            "closureDigest": verdict.closure_digest,
            "findings": [_finding_json(f) for f in verdict.findings],
            "obligations": list(verdict.obligations),
            "waivers": list(verdict.waivers),
            "cures": list(verdict.cures),
            "asset": None if verdict.asset is None else _asset_json(verdict.asset),
        },
    )


def verdict_of(decision: Mapping[str, Any]) -> Verdict:
    """Read a verdict back from its facet.

    Args:
        decision: the facet, e.g. ``Decoded.decision`` or an item of ``Ledger.decisions``.

    Raises:
        EventError: when it is not such a facet.
    """
    fields = Fields(decision, DECISION)
    policy = fields.fields("policy")
    return Verdict(
        decision=fields.one_of("decision", Decision),
        stops=fields.flag("stops"),
        target=version_from(fields.fields("target")),
        use=fields.text("use"),
        at=fields.time("evaluatedAt"),
        findings=tuple(_finding_from(f) for f in fields.items("findings")),
        obligations=fields.texts("obligations"),
        policy=policy.text("name"),
        policy_digest=policy.text("digest"),
        closure_digest=fields.text("closureDigest"),
        closure_size=fields.integer("closureSize"),
        watermark=fields.text("watermark"),
        waivers=fields.texts("waivers"),
        mode=fields.maybe_one_of("mode", Mode) or Mode.ENFORCE,
        cures=fields.texts("cures"),
        asset=asset_of(decision.get("asset")),
    )


def asset_of(said: object) -> AssetFacts | None:
    """What a verdict says of the asset, from the field ``asset`` of its facet.

    Args:
        said: the field.

    Returns:
        The facts; ``None`` when they are not stated, as in verdicts of older releases, or make no sense. What is
        not known loosens nothing.

    Example:
        >>> asset_of({"group": "lab", "tags": {"team": "speech"}})
        AssetFacts(group='lab', tags=(('team', 'speech'),), kinds=(), owners=())
        >>> asset_of({"tags": {"team": "speech"}}) is None
        True
    """
    try:
        fields = Fields(said, f"{DECISION}.asset")
        tags = fields.maybe_fields("tags")
        known = {key: tags.text(key) for key in tags.raw} if tags else {}
        return AssetFacts(
            fields.text("group"), tuple(sorted(known.items())), fields.texts("kinds"), fields.texts("owners")
        )
    except EventError:
        return None


def _asset_json(facts: AssetFacts) -> Json:
    said = {"group": facts.group, "kinds": list(facts.kinds), "owners": list(facts.owners)}
    return present({**said, "tags": dict(facts.tags) or None})


def _finding_json(finding: Finding) -> Json:
    return present(
        {
            "rule": finding.rule,
            "reason": finding.reason.value,
            "effect": finding.effect.name,
            "message": finding.message,
            "fix": finding.fix,
            "subject": version_json(finding.subject),
            "path": [version_json(v) for v in finding.path],
            "influence": finding.influence.value,
            "pin": finding.pin.value,
            "model": model_json(finding.model) if finding.model else None,
            "terms": terms_json(finding.terms) if finding.terms else None,
            "versions": finding.versions,
            "waivedBy": finding.waived_by,
        }
    )


def _finding_from(fields: Fields) -> Finding:
    model = fields.maybe_fields("model")
    terms = fields.maybe_fields("terms")
    return Finding(
        rule=fields.text("rule"),
        reason=fields.one_of("reason", ReasonCode),
        effect=effect_from(fields, "effect"),
        message=fields.text("message"),
        fix=fields.text("fix"),
        subject=version_from(fields.fields("subject")),
        path=tuple(version_from(v) for v in fields.items("path")),
        influence=fields.maybe_one_of("influence", Influence) or Influence.DIRECT,
        pin=fields.maybe_one_of("pin", Pin) or Pin.EXACT,
        model=model_from(model) if model else None,
        terms=terms_from(terms) if terms else None,
        versions=fields.integer("versions"),
        waived_by=fields.maybe_text("waivedBy"),
    )
