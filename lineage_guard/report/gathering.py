"""Gathers what a report lists beside its sources: recorded verdicts, duties, waivers and results of suites."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, cast

from lineage_guard.domain.facts import Version
from lineage_guard.domain.lineage.filtering import Cure
from lineage_guard.domain.lineage.reached import Rows
from lineage_guard.domain.rules.terms import Terms
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.evidence import Evidence, evidence_key
from lineage_guard.ledger.archive import evidence as filing
from lineage_guard.ledger.archive.attesting import Attestations
from lineage_guard.ledger.asking.past import Past
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.verdicts import verdict_of
from lineage_guard.report.contents import Decided, Filed, Obligation, Source, Waived, WaiverText


def decided(past: Past, version: Version) -> tuple[Decided, ...]:
    """The recorded verdicts on a version, in the order of the log.

    Args:
        past: the ledger as it stood, asked for the verdicts on the version's name.
        version: the version.

    Raises:
        EventError: when a verdict on record cannot be understood.
    """
    found: list[Decided] = []
    for record in past.decisions:
        decoded = decode(record.event)
        if decoded.decision is None or decoded.run_id != version.run:
            continue
        outputs = cast("list[Mapping[str, Any]]", record.event.get("outputs") or [])
        names = {decoded.job, *((o.get("namespace"), o.get("name")) for o in outputs)}
        if version[:2] not in names:
            continue
        facet = decoded.decision
        found.append(
            Decided(
                verdict=verdict_of(facet),
                facet=facet,
                record=record,
                by="sensor" if decoded.state == "COMPLETE" else "gate",
                at=decoded.at,
                enforced=bool(facet.get("enforced")),
            )
        )
    return tuple(found)


def obligations(
    sources: Sequence[Source], terms: Mapping[str, Terms], decisions: Sequence[Decided], now: Verdict
) -> tuple[Obligation, ...]:
    """Every duty that a recorded verdict or the re-decision lists, or that a licence of a source holds.

    Args:
        sources: of the report.
        terms: by key.
        decisions: recorded verdicts.
        now: the re-decision.
    """
    recorded = {duty for d in decisions for duty in d.verdict.obligations}
    travelling = recorded | set(now.obligations)
    found: dict[tuple[str, str, str | None], dict[str, None]] = {}
    spelled: set[str] = set()
    for source in sources:
        for key in dict.fromkeys(r.terms for r in source.rulings if r.terms):
            for duty in terms[key].obligations:
                text = f"{terms[key].provider}: {duty}"
                if text in travelling:
                    spelled.add(text)
                    found.setdefault((terms[key].provider, duty, key), {})[source.id] = None
        for license_ in source.reached.licenses:
            for duty in license_.obligations:
                spelled.add(f"{license_.expression}: {duty}")
                found.setdefault((license_.expression, duty, license_.expression), {})[source.id] = None
    listed = [
        Obligation(duty, owner, origin, f"{owner}: {duty}" in recorded, tuple(ids))
        for (owner, duty, origin), ids in found.items()
    ]
    for text in travelling - spelled:
        owner, _, duty = text.partition(": ")
        listed.append(Obligation(duty or owner, owner if duty else "", None, text in recorded, ()))
    return tuple(sorted(listed, key=lambda o: (o.owner, o.duty, o.origin or "", not o.recorded)))


def waived(decisions: Sequence[Decided], now: Verdict, texts: Sequence[WaiverText], at: datetime) -> tuple[Waived, ...]:
    """Every waiver that a recorded verdict or the re-decision relied on, by id.

    Args:
        decisions: recorded verdicts.
        now: the re-decision.
        texts: what is known of waivers.
        at: the date of the report.
    """
    known = {t.waiver.id: t for t in texts}
    covered: dict[str, tuple[dict[str, None], dict[str, None]]] = {}
    verdicts = [(f"D{n}", d.verdict) for n, d in enumerate(decisions, 1)]
    for name, verdict in [*verdicts, ("R", now)]:
        for finding in verdict.findings:
            if finding.waived_by:
                by, what = covered.setdefault(finding.waived_by, ({}, {}))
                by[name] = what[f"{finding.rule}: {finding.message}"] = None
    found: list[Waived] = []
    for id_, (by, what) in sorted(covered.items()):
        text = known.get(id_)
        found.append(Waived(id_, text, text.in_force(at) if text else None, tuple(by), tuple(what)))
    return tuple(found)


def filed(
    past: Past,
    decisions: Sequence[Decided],
    now: Verdict,
    cures: Sequence[Cure],
    rows: Rows,
    ids: Mapping[Version, str],
) -> tuple[Filed, ...]:
    """The results of suites over what the verdicts looked at, over rows of the sources, and behind quarantines.

    Args:
        past: the ledger as it stood.
        decisions: recorded verdicts.
        now: the re-decision.
        cures: what quarantines took out.
        rows: the sources.
        ids: of the sources.

    Raises:
        LedgerError: when a result cannot be read.
    """
    about: dict[str, list[str]] = {}
    for n, d in enumerate(decisions, 1):
        about.setdefault(d.verdict.closure_digest, []).append(f"D{n}")
    about.setdefault(now.closure_digest, []).append("R")
    found = [*_of_closures(past, about), *_of_rows(past, rows, ids), *_of_cures(past, cures, ids)]
    return tuple(sorted(found, key=lambda f: (f.evidence.suite, f.about, f.check or "", f.evidence.at, f.document)))


def _of_closures(past: Past, about: Mapping[str, Sequence[str]]) -> Iterable[Filed]:
    # Kept under a digest that holds the policy of the time, which nobody has any more: so all are looked at.
    for key in past.archive.list("evidence/"):
        if "/" in key.removeprefix("evidence/"):
            continue
        data = past.archive.get(key)
        if data is None or not any(digest.encode() in data for digest in about):
            continue
        evidence = filing.parse(data, _key_in(data, key), past.archive.describe(key))
        if evidence.subject_digest in about and evidence.at <= past.at:
            yield Filed(evidence, tuple(about[evidence.subject_digest]), None, _digest(data))


def _of_rows(past: Past, rows: Rows, ids: Mapping[Version, str]) -> Iterable[Filed]:
    attestations = Attestations(past.archive)
    checks: dict[tuple[str, str], set[str]] = {}
    for demand in attestations.demands(past.at):
        checks.setdefault((demand.namespace, demand.name), set()).add(demand.check)
    for version in rows.versions(rows.named(checks)) if checks else []:
        for check in sorted(checks[version[:2]]):
            attestation = attestations.find(version, check, past.at)
            if attestation is not None:
                evidence = attestation.evidence
                yield Filed(evidence, (ids[version],), check, _digest(filing.dump(evidence)))


def _of_cures(past: Past, cures: Sequence[Cure], ids: Mapping[Version, str]) -> Iterable[Filed]:
    parts = dict.fromkeys((key, part) for cure in cures for key, part in zip(cure.evidence, cure.by, strict=True))
    for key, part in parts:
        data = past.archive.get(filing.key_of(key))
        if data is not None:
            evidence = filing.parse(data, key, past.archive.describe(filing.key_of(key)))
            yield Filed(evidence, (ids[part],), None, _digest(data))


def _key_in(data: bytes, key: str) -> str:
    """The evidence key that the digests in a document make; a document filed under another is refused."""
    try:
        raw = cast("dict[str, str]", json.loads(data))
        made = evidence_key(raw["suite_digest"], raw["subject_digest"], raw["parameters_digest"])
    except (ValueError, KeyError, TypeError):
        made = ""
    return made if filing.key_of(made) == key else ""


def _digest(data: bytes) -> str:
    return f"sha256:{sha256(data).hexdigest()}"


def passed(evidence: Evidence) -> str:
    """The outcome of a suite in one word: ``passed``, ``failed`` or ``not run``."""
    if evidence.passes:
        return "passed"
    return "not run" if evidence.error is not None or not evidence.failures else "failed"
