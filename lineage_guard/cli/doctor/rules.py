"""Catalog, policy and waivers: whether they load, what they do not enforce, and what ends soon."""

from __future__ import annotations

from datetime import timedelta

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed
from lineage_guard.domain.policy import Policy
from lineage_guard.domain.terms import Effect

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
        *_watching(patient),
    ]


def _waivers(patient: Patient) -> list[Result]:
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


def _watching(patient: Patient) -> list[Result]:
    """Training assets that run whatever the guard finds: by their mode, or because no rule of their policy stops."""
    from lineage_guard.dagster.installed import settings_of
    from lineage_guard.dagster.modes import assigned, training_keys
    from lineage_guard.dagster.pins.resolve import graph_of
    from lineage_guard.dagster.settings import rulebook
    from lineage_guard.domain.modes import Mode

    by_mode: dict[Mode, list[str]] = {}
    toothless: list[str] = []
    for location in patient.seen:
        for repository in location.repositories:
            graph = graph_of(repository.asset_graph)
            training = training_keys(graph)
            for key in training:
                told = settings_of(repository.assets_defs_by_key[key])
                if told is None:
                    continue
                by_mode.setdefault(assigned(told.mode, graph, training)[key], []).append(key.to_user_string())
                if _stops_nothing(rulebook(told)[1]):
                    toothless.append(key.to_user_string())
    fix = "right while you adopt the guard; then enforce"
    results = [
        Result("modes", "warn", f"{mode.value}: these run whatever is found: {listed(by_mode[mode])}", fix)
        for mode in (Mode.OBSERVE, Mode.WARN)
        if mode in by_mode
    ]
    if toothless:
        results.append(Result("modes", "warn", f"no rule of their policy stops anything: {listed(toothless)}", fix))
    return results


def _stops_nothing(policy: Policy) -> bool:
    """Whether a policy lets everything run that the guard can see."""
    return not policy.unknown_blocks and not any(
        r.at_most is Effect.BLOCK and r.effect in (None, Effect.BLOCK) for r in policy.rules
    )
