"""Verdicts on the guard itself: on a sensor that is silent, on a ledger that is gone. Pure.

They speak of no data and rest on no policy; they are verdicts so that one machine tells them, and their ends.
"""

from __future__ import annotations

from datetime import datetime

from lineage_guard.domain.facts import Version
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict


def verdict_on_itself(
    target: Version, now: datetime, trouble: Finding | None, policy: str = "", policy_digest: str = ""
) -> Verdict:
    """The verdict on a part of the guard: one that opens an incident, or ends it.

    Args:
        target: the part.
        now: when it was looked at (timezone-aware UTC).
        trouble: what is wrong with it; ``None`` when it is well.
        policy: name of the policy that it goes by, where that is known.
        policy_digest: digest of that policy.
    """
    return Verdict(
        decision=Decision.UNKNOWN if trouble else Decision.ALLOW,
        stops=trouble is not None,
        target=target,
        use="watch",
        at=now,
        findings=(trouble,) if trouble else (),
        obligations=(),
        policy=policy,
        policy_digest=policy_digest,
        closure_digest="",
        closure_size=0,
        watermark="",
    )


def trouble_with(target: Version, rule: str, message: str, fix: str) -> Finding:
    """What is wrong with a part of the guard: as long as it lasts, the guard does not see everything.

    Args:
        target: the part.
        rule: under which it is told.
        message: what is wrong and what follows, in sentences.
        fix: what to do.
    """
    return Finding(
        rule=rule,
        reason=ReasonCode.GUARD_CANNOT_SEE,
        effect=Effect.UNKNOWN,
        message=message,
        fix=fix,
        subject=target,
        path=(target,),
    )
