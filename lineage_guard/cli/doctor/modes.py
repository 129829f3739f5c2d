"""Training assets that run whatever the guard finds."""

from __future__ import annotations

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import Effect


def examine(patient: Patient) -> list[Result]:
    """By their mode, or because no rule of their policy stops anything."""
    if not patient.seen:
        return []
    from lineage_guard.dagster.modes import assigned
    from lineage_guard.dagster.settings import rulebook
    from lineage_guard.domain.verdict.modes import Mode

    by_mode: dict[Mode, list[str]] = {}
    toothless: list[str] = []
    for key, told, graph, training in patient.under_guard():
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
