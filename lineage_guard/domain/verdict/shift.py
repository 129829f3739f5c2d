"""What a change of rules does to a verdict that was taken on the same closure."""

from __future__ import annotations

from enum import StrEnum

from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict

#: From loosest to strictest.
STRICTNESS = (Decision.ALLOW, Decision.WAIVED, Decision.WARN, Decision.UNKNOWN, Decision.BLOCK)


class Shift(StrEnum):
    """How a verdict changes.

    Attributes:
        STRICTER: what was allowed is stopped, or what was clean has warnings, and so on.
        LOOSER: the other way round.
        REASONS: the same decision, for other reasons.
        NONE: nothing changes.
    """

    STRICTER = "STRICTER"
    LOOSER = "LOOSER"
    REASONS = "REASONS"
    NONE = "NONE"


def shift(before: Verdict, after: Verdict) -> Shift:
    """How one verdict differs from another on the same version.

    Args:
        before: by the present rules.
        after: by the proposed ones.
    """
    was, now = _strictness(before), _strictness(after)
    if was != now:
        return Shift.STRICTER if now > was else Shift.LOOSER
    return Shift.NONE if _reasons(before) == _reasons(after) else Shift.REASONS


def news(before: Verdict, after: Verdict) -> tuple[Finding, ...]:
    """The findings that only the later verdict has, strictest first.

    Args:
        before: by the present rules.
        after: by the proposed ones.
    """
    known = _reasons(before)
    return tuple(f for f in after.findings if _reason(f) not in known)


def _strictness(verdict: Verdict) -> tuple[bool, int]:
    return verdict.stops, STRICTNESS.index(verdict.decision)


def _reasons(verdict: Verdict) -> frozenset[tuple[object, ...]]:
    return frozenset(map(_reason, verdict.findings))


def _reason(f: Finding) -> tuple[object, ...]:
    source = (f.model.provider, f.model.model, f.model.channel) if f.model else f.subject
    return (f.rule, f.reason, f.effect, f.terms.id if f.terms else None, source, f.waived_by)
