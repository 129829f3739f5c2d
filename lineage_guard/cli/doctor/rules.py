"""Catalog, policy and waivers: whether they load, and what ends soon."""

from __future__ import annotations

from datetime import timedelta

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed

#: How long before its end a waiver is named.
SOON = timedelta(days=14)


def examine(patient: Patient) -> list[Result]:
    """Load them as the gate does."""
    from lineage_guard.dagster.settings import Settings, rulebook

    catalog, policy = rulebook(patient.settings or Settings())
    known = f"{len(catalog.terms.entries)} terms, {len(catalog.ancestry.artefacts)} public artefacts"
    return [
        Result("catalog", "ok", known),
        Result("policy", "ok", f"{policy.name}: {len(policy.rules)} rules"),
        *_waivers(patient),
    ]


def _waivers(patient: Patient) -> list[Result]:
    if not patient.seen:
        return []
    waivers = {w.id: w for _, _, told in patient.guarded if told is not None for w in told.waivers}
    ended = [w.id for w in waivers.values() if w.expires <= patient.now]
    soon = [
        f"{w.id} on {w.expires:%Y-%m-%d}" for w in waivers.values() if patient.now < w.expires <= patient.now + SOON
    ]
    results: list[Result] = []
    if ended:
        results.append(Result("waivers", "warn", f"expired: {listed(ended)}", "remove them; they do nothing any more"))
    if soon:
        fix = "training they cover stops then: renew them with a new approval, or rebuild what they excuse"
        results.append(Result("waivers", "warn", f"about to expire: {listed(soon)}", fix))
    return results
