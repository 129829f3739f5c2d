"""Catalog, policy and waivers: whether they load, and what ends soon."""

from __future__ import annotations

from pathlib import Path

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed
from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.judging import NO_RULE, OBSERVED_DIFFERS
from lineage_guard.domain.policy import Policy
from lineage_guard.domain.waivers import NOTICE, Waiver


def examine(patient: Patient) -> list[Result]:
    """Load them as the gate does."""
    from lineage_guard.dagster.settings import Settings, rulebook

    catalog, policy = rulebook(patient.settings or Settings())
    above = f", on top of {', '.join(policy.imports)}" if policy.imports else ""
    known = f"{len(catalog.terms.entries)} terms, {len(catalog.ancestry.artefacts)} public artefacts"
    return [
        Result("catalog", "ok", known),
        Result("policy", "ok", f"{policy.name}: {len(policy.rules)} rules{above}"),
        *_waivers(patient, policy),
    ]


def _waivers(patient: Patient, policy: Policy) -> list[Result]:
    if not patient.seen:
        return []
    results: list[Result] = []
    waivers: dict[str, Waiver] = {}
    every = [told for _, _, told in patient.guarded if told is not None]
    for told in every:
        try:
            waivers |= {w.id: w for w in told.accepted()}
        except LineageGuardError as error:
            where = f"{error.where}: " if error.where else ""
            results.append(Result("waivers", "fail", f"{where}{error.what}; every training step is blocked", error.fix))
    results += [r for path in {told.waivers for told in every if isinstance(told.waivers, Path)} for r in _asked(path)]
    ended = [w.id for w in waivers.values() if w.expires <= patient.now]
    soon = [
        f"{w.id} on {w.expires:%Y-%m-%d}" for w in waivers.values() if patient.now < w.expires <= patient.now + NOTICE
    ]
    refused = [f"{w.id} ({w.refused})" for w in waivers.values() if w.refused]
    if refused:
        fix = "narrow them, or have somebody else approve them; they do nothing"
        results.append(Result("waivers", "warn", f"refused: {listed(refused)}", fix))
    rules = {r.id for r in policy.rules} | {NO_RULE.id, OBSERVED_DIFFERS.id}
    held = [w for w in waivers.values() if w.expires > patient.now and not w.rule.startswith("rows:")]
    astray = [f"{w.id} ({w.rule})" for w in held if w.rule not in rules]
    if astray:
        fix = f"name a rule of policy {policy.name}, or take them back"
        results.append(Result("waivers", "warn", f"for rules that policy {policy.name} has not: {listed(astray)}", fix))
    if ended:
        fix = "take them back (`lineage-guard waive revoke`); they do nothing any more"
        results.append(Result("waivers", "warn", f"expired: {listed(ended)}", fix))
    if soon:
        fix = "training they cover stops then: renew them with a new approval, or rebuild what they excuse"
        results.append(Result("waivers", "warn", f"about to expire: {listed(soon)}", fix))
    return results


def _asked(path: Path) -> list[Result]:
    """Waivers that wait for somebody to approve them."""
    from lineage_guard.catalog.waiver_file import read_waivers

    try:
        pending = [e.id for e in read_waivers(path).entries if e.waiver is None and e.revoked is None]
    except LineageGuardError:
        return []
    fix = "approve them in review, or take them back"
    return [Result("waivers", "hint", f"asked for and not approved: {listed(pending)}", fix)] if pending else []
