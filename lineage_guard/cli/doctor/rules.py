"""Catalog, policy and waivers: whether they load, and what ends soon."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed
from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.rules.assets import ASKED_OF_ASSETS
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.waivers import NOTICE, Waiver
from lineage_guard.domain.verdict.judging import NO_RULE, OBSERVED_DIFFERS

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog


def examine(patient: Patient) -> list[Result]:
    """Load them as the gate does."""
    from lineage_guard.dagster.settings import Settings, rulebook

    catalog, policy = rulebook(patient.settings or Settings())
    above = f", on top of {', '.join(policy.imports)}" if policy.imports else ""
    known = f"{len(catalog.terms.entries)} terms, {len(catalog.ancestry.artefacts)} public artefacts"
    return [
        Result("catalog", "ok", known),
        Result("policy", "ok", f"{policy.name}: {len(policy.rules)} rules{above}"),
        *_misspelt(patient, catalog, policy),
        *_waivers(patient, policy),
    ]


def _misspelt(patient: Patient, catalog: Catalog, policy: Policy) -> list[Result]:
    """Names in rules that are nearly known ones: what such a rule is for goes by it."""
    from lineage_guard.catalog.policy_file import read_policy

    results: list[Result] = []
    source = patient.settings.policy if patient.settings else policy
    doubts = read_policy(source, catalog)[1] if isinstance(source, str | Path) else ()
    if near := [f"{d.where}: {d.what} ({d.near})" for d in doubts if d.near is not None]:
        fix = "correct the name, or write what you mean into a catalog file of your own; `lineage-guard policy lint`"
        results.append(Result("policy", "warn", listed(near), fix))
    here = {spec.key.to_user_string().lower() for _, _, spec in patient.assets()}
    named = {(r.id, p.removeprefix("!")) for r in policy.rules for p in (*r.match.asset, *r.match.dataset)}
    close = [
        f"{name} in rule {rule} ({meant[0]})"
        for rule, name in sorted(named)
        if (last := name.rpartition(":")[2].lower()) not in here
        and not any(c in last for c in "*?[")
        and (meant := get_close_matches(last, sorted(here), n=1, cutoff=0.8))
    ]
    if close:
        fix = "correct the name where the one in brackets is meant: a rule on an asset that is not there never holds"
        results.append(Result("policy", "hint", f"no asset here is called {listed(close)}", fix))
    return [*results, *_nobodys(patient, policy)]


def _nobodys(patient: Patient, policy: Policy) -> list[Result]:
    """Groups, tags, kinds and owners in rules that no asset has, though one has nearly that."""
    from lineage_guard.dagster.asset_facts import facts_in

    facts = [facts_in(spec) for _, _, spec in patient.assets()]
    close: list[str] = []
    for condition, what in ASKED_OF_ASSETS.items():
        here = {value.lower() for each in facts for value in each.values(condition)}
        asked = {(r.id, p.removeprefix("!")) for r in policy.rules for p in getattr(r.match, condition)}
        for rule, word in sorted(asked):
            if word.lower() in here or any(c in word for c in "*?["):
                continue
            if meant := get_close_matches(word.lower(), sorted(here), n=1, cutoff=0.8):
                close.append(f"{word} of the {what} in rule {rule} ({meant[0]})")
    fix = "correct it where the one in brackets is meant: a rule on what no asset has never holds"
    return [Result("policy", "hint", f"no asset here has {listed(close)}", fix)] if close else []


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
