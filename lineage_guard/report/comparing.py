"""What two verdicts on one version differ in, and why."""

from __future__ import annotations

from lineage_guard.domain.verdict.decide import Finding, Verdict


def compared(recorded: Verdict, now: Verdict) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What a re-decision says otherwise than the record, and what the two were reached from differs in.

    The gate's own second lock, the lineage suite, restates findings and is left out of the comparison.

    Args:
        recorded: the verdict on record.
        now: the re-decision.

    Returns:
        Differences, and their causes; one sentence each. Causes are given only with differences.
    """
    differs: list[str] = []
    if recorded.decision is not now.decision:
        differs.append(f"decision: {recorded.decision.value} on record, {now.decision.value} now")
    if recorded.stops is not now.stops:
        differs.append(f"{_stops(recorded)} on record, {_stops(now)} now")
    before, after = _findings(recorded), _findings(now)
    differs += [f"only on record: {before[key]}" for key in sorted(before.keys() - after.keys())]
    differs += [f"only now: {after[key]}" for key in sorted(after.keys() - before.keys())]
    duties = set(recorded.obligations), set(now.obligations)
    differs += [f"duty only on record: {duty}" for duty in sorted(duties[0] - duties[1])]
    differs += [f"duty only now: {duty}" for duty in sorted(duties[1] - duties[0])]
    if not differs:
        return (), ()
    causes = [
        (recorded.policy != now.policy, f"policy {recorded.policy} then, {now.policy} now"),
        (recorded.policy_digest != now.policy_digest, "rules or terms were changed"),
        (recorded.closure_digest != now.closure_digest, "what is known of its making was changed"),
        (recorded.use != now.use, f"use {recorded.use} then, {now.use} now"),
        (recorded.waivers != now.waivers, "other waivers cover it"),
    ]
    return tuple(differs), tuple(text for holds, text in causes if holds)


def _stops(verdict: Verdict) -> str:
    return "it may not train" if verdict.stops else "it may train"


def _findings(verdict: Verdict) -> dict[tuple[str, ...], str]:
    spoken = [f for f in verdict.findings if not f.restates]
    return {_key(f): f"{'WAIVED' if f.waived_by else f.effect.name} by rule {f.rule}: {f.message}" for f in spoken}


def _key(f: Finding) -> tuple[str, ...]:
    terms = f.terms.id if f.terms else ""
    return (f.rule, f.reason.value, f.effect.name, str(f.model or f.subject), terms, f.waived_by or "")
