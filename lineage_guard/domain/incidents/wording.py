"""The sentences that incidents are told in."""

from __future__ import annotations

from collections.abc import Sequence

from lineage_guard.domain.incidents.incident import (
    GUARD_STALE,
    HISTORY_LOST,
    LEDGER_UNREACHABLE,
    OF_A_TICK,
    RULES_UNREADABLE,
    Seen,
)
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict

_NAMED = 3


def title(finding: Finding, targets: Sequence[str], verdict: Verdict) -> str:
    """What is wrong, in one line.

    Args:
        finding: what was found.
        targets: the training assets that it stops.
        verdict: that it was found by.
    """
    if finding.rule == GUARD_STALE:
        return f"The guard's sensor of {finding.subject.name} is silent: gates still stop, but nobody is told"
    if finding.rule == LEDGER_UNREACHABLE:
        return f"The guard cannot use its ledger {finding.subject.name}: training that it gates is stopped"
    if finding.rule == RULES_UNREADABLE:
        return f"The guard cannot go by its rules ({finding.subject.name}): training that they gate is stopped"
    if finding.rule == HISTORY_LOST:
        return f"The guard's ledger {finding.subject.name} lost what it held: it was deleted or replaced"
    if finding.reason is ReasonCode.GUARD_CANNOT_SEE:
        return f"The guard cannot see all lineage; training {'waits' if verdict.blocks else 'goes on'}"
    who = several(targets)
    if finding.model is not None:
        return f"{who} would learn from {finding.model}"
    if finding.rule.startswith("suite:"):
        be = "are" if len(targets) > 1 else "is"
        return f"{who} {be if verdict.blocks else 'would be'} stopped by expectation {finding.rule}"
    where = f"{finding.subject.namespace}:{finding.subject.name}"
    if finding.reason is ReasonCode.RESTRICTED_LICENSE:
        return f"{who} would learn from {where}, whose licence rule {finding.rule} bars"
    if list(targets) == [where]:
        return f"{who} does not say all that it would learn from"
    return f"{who} would learn from {where}, of unknown provenance"


def several(names: Sequence[str]) -> str:
    """The first few names, and how many more there are.

    Example:
        >>> several(["a", "b", "c", "d", "e"])
        '5 assets (a, b, c and 2 more)'
        >>> several(["a", "b"])
        '2 assets (a and b)'
        >>> several(["a"])
        'a'
    """
    if len(names) <= 1:
        return "".join(names)
    shown, more = names[:_NAMED], len(names) - _NAMED
    said = ", ".join(shown) + f" and {more} more" if more > 0 else ", ".join(shown[:-1]) + f" and {shown[-1]}"
    return f"{len(names)} assets ({said})"


def changed(verdict: Verdict, before: Seen | None) -> str:
    """What changed since the place last passed, in one sentence or two.

    Args:
        verdict: that stops it now.
        before: what is remembered of the place.
    """
    if any(f.rule == GUARD_STALE for f in verdict.findings):
        return "It was heard of before, and is not any more."
    if any(f.rule in OF_A_TICK for f in verdict.findings):
        return ""
    if before is None or before.passed_at is None:
        return "No earlier verdict on it is known that let it pass."
    policy, lineage = verdict.policy_digest != before.policy, verdict.closure_digest != before.closure
    since = f"since it last passed ({before.passed_at.isoformat(timespec='seconds')})"
    rules = "The policy or its terms"
    if before.policy_name and before.policy_name != verdict.policy:
        rules = f"The policy (was {before.policy_name}, is {verdict.policy}) or its terms"
    ended = sorted(set(before.waivers) - set(verdict.waivers))
    also = f" It passed under waiver {', '.join(ended)}, which covers it no more." if ended else ""
    if policy and lineage:
        return f"{rules} and the lineage both changed {since}.{also}"
    if policy:
        return f"{rules} changed {since}; the lineage is the same.{also}"
    if lineage:
        return f"The lineage changed {since}; policy and terms are the same.{also}"
    same = f"Lineage, policy and terms are the same {since}"
    if ended:
        return f"{same}: waiver {', '.join(ended)} ended or was taken back."
    if verdict.decision is Decision.BLOCK and any(f.rule.startswith("suite:") for f in verdict.findings):
        return f"{same}; an expectation suite now fails."
    return f"{same}: a waiver ended or the guard sees less."
