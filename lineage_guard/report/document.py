"""An audit report as JSON, the format that says all: ``schemas/report.schema.json`` describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.openlineage.codec import license_json, model_json, terms_json, version_json
from lineage_guard.openlineage.encode import canonical
from lineage_guard.openlineage.facets import Json, present
from lineage_guard.openlineage.reading import format_time
from lineage_guard.openlineage.verdicts import decision_facet
from lineage_guard.report.contents import Decided, Filed, Report, Source, Waived
from lineage_guard.report.gathering import passed

#: Of the JSON; a change that a reader could misunderstand raises it, a new field does not.
FORMAT = 1
SCHEMA = "https://lineage-guard.dev/schemas/report/1/report.schema.json"


def document(report: Report) -> Json:
    """The report as plain values.

    Args:
        report: the report.
    """
    basis = report.basis
    return {
        "$schema": SCHEMA,
        "format": FORMAT,
        "generator": {"name": basis.generator[0], "version": basis.generator[1]},
        "asOf": format_time(report.as_of),
        "subject": {**version_json(report.version), "use": basis.use, "useFrom": basis.use_from},
        "ledger": {
            "watermark": report.position.watermark,
            "batches": report.position.batches,
            "events": report.position.events,
            "dropped": report.position.dropped,
            "recorded": format_time(report.position.recorded),
        },
        "basis": present(
            {
                "policy": basis.policy,
                "policyVersion": basis.policy_version,
                "policyDigest": basis.policy_digest,
                "catalogDigest": basis.catalog_digest,
            }
        ),
        "decisions": [_decision(n, d) for n, d in enumerate(report.decisions, 1)],
        "redecision": {
            "id": "R",
            "same": not report.redecided.differs,
            "differs": list(report.redecided.differs),
            "because": list(report.redecided.because),
            "verdict": verdict_json(report.redecided.verdict),
        },
        "sources": [_source(s, report.path(s)) for s in report.sources],
        "terms": {key: terms_json(terms) for key, terms in sorted(report.terms.items())},
        "obligations": [
            present({**asdict(o), "sources": list(o.sources)}) | {"recorded": o.recorded, "sources": list(o.sources)}
            for o in report.obligations
        ],
        "waivers": [_waiver(w) for w in report.waivers],
        "evidence": [_evidence(f) for f in report.evidence],
        "quarantined": list(report.cures),
        "notes": list(report.notes),
    }


def as_json(report: Report) -> bytes:
    """The report as canonical JSON: sorted keys, no spaces, UTF-8, one line.

    Args:
        report: the report.
    """
    return canonical(document(report)) + b"\n"


def verdict_json(verdict: Verdict) -> Json:
    """A verdict in the fields of ``lineageGuard_decision``, without those that say who wrote the facet."""
    return plain(decision_facet(verdict, enforced=False)) | {"enforced": False}


def plain(facet: Mapping[str, Any]) -> Json:
    """A facet without the fields that begin with an underscore."""
    return {k: v for k, v in facet.items() if not k.startswith("_")}


def _decision(n: int, d: Decided) -> Json:
    return {
        "id": f"D{n}",
        "by": d.by,
        "enforced": d.enforced,
        "eventTime": format_time(d.at),
        "record": {
            "batch": d.record.batch,
            "line": d.record.line,
            "digest": d.record.digest,
            "recorded": format_time(d.record.recorded),
        },
        "verdict": dict(d.facet),
    }


def _source(source: Source, path: tuple[str, ...]) -> Json:
    r = source.reached
    return present(
        {
            "id": source.id,
            "influence": r.influence.value,
            "pin": r.pin.value,
            "toward": source.toward,
            "path": list(path) if path[0] == "S0" else None,
            "inputs": list(source.inputs),
            "completeness": r.completeness.value,
            "assertedBy": r.asserted_by.value if r.recorded else None,
            "producedAt": format_time(r.produced_at) if r.produced_at else None,
            "artefact": r.artefact,
            "note": r.note,
        }
    ) | {
        "version": version_json(r.version),
        "depth": r.depth,
        "record": source.record,
        "licences": [license_json(each) for each in r.licenses],
        "models": [
            present({"unresolved": used.unresolved, "how": used.how})
            | {"model": model_json(used.model), "terms": list(used.terms), "takenOut": used.taken_out}
            for used in source.models
        ],
        "rulings": [present(asdict(ruling)) for ruling in source.rulings],
    }


def _waiver(waived: Waived) -> Json:
    text = waived.text
    return present({"id": waived.id}) | {
        "verdicts": list(waived.verdicts),
        "covered": list(waived.covered),
        "inForce": waived.in_force,
        "text": None
        if text is None
        else present(
            {
                "rule": text.waiver.rule,
                "asset": text.waiver.asset,
                "model": text.waiver.model,
                "dataset": text.waiver.dataset,
                "partition": text.waiver.partition,
                "use": text.waiver.use,
                "code": text.waiver.code.value if text.waiver.code else None,
                "reason": text.waiver.reason,
                "requestedBy": text.waiver.requested_by,
                "approvedBy": text.waiver.approved_by,
                "approvedOn": text.approved_on.isoformat() if text.approved_on else None,
                "ticket": text.waiver.ticket,
                "expires": format_time(text.waiver.expires),
                "revokedOn": text.revoked_on.isoformat() if text.revoked_on else None,
                "revokedBy": text.revoked_by,
                "revokedBecause": text.revoked_because,
            }
        ),
    }


def _evidence(filed: Filed) -> Json:
    e = filed.evidence
    return present({"check": filed.check, "error": e.error}) | {
        "about": list(filed.about),
        "suite": e.suite,
        "outcome": passed(e),
        "evaluated": e.evaluated,
        "expected": e.expected,
        "at": format_time(e.at),
        "failures": [present(asdict(f)) for f in e.failures],
        "key": e.key,
        "suiteDigest": e.suite_digest,
        "subjectDigest": e.subject_digest,
        "parametersDigest": e.parameters_digest,
        "document": filed.document,
    }
