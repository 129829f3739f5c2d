"""The gate: may this step train? Asked inside the step, answered before its code runs.

In order: (1) the exact versions the step will read, (2) whatever of their upstream the ledger
lacks is collected from Dagster's event log, (3) the closure over ledger and catalog, (4) the
evidence of the lineage suite and of the rows suites upstream, (5) the verdict, (6) the decision is
written to the ledger, (7) pass or raise. Whatever goes wrong on the way is itself a reason to
block. Steps (3) to (5) are ``explaining.answering``, (6) is here; ``hold`` goes through all of them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from lineage_guard.domain.facts import Completeness, Production, Version
from lineage_guard.domain.lineage.closure import Closure, Reached
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import FixedTerms
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState
from lineage_guard.explaining.answering import Answer, Request, RowsEvidence, check, upstream

if TYPE_CHECKING:
    from lineage_guard.ledger import Appended, Ledger

__all__ = ["Answer", "Request", "RowsEvidence", "cannot_see", "check", "record", "upstream"]


def cannot_see(
    target: Version, use: str, policy: str, at: datetime, sentence: str, mode: Mode = Mode.ENFORCE
) -> Verdict:
    """The verdict where the guard could not see: it stops, and says what it could not see.

    Args:
        target: what the step would write.
        use: what it is for.
        policy: name of the policy.
        at: when, timezone-aware UTC.
        sentence: what went wrong, in one sentence.
        mode: whether the step is held to it.
    """
    itself = Reached(target, completeness=Completeness.COMPLETE, recorded=True)
    nothing = Policy(policy, rules=(), terms=FixedTerms())
    return replace(decide(Closure(target, (itself,), blind=(sentence,)), nothing, (), use, at), mode=mode)


def record(
    verdict: Verdict,
    production: Production,
    parent: ParentRun,
    at: datetime,
    ledger: Ledger,
    took: float | None = None,
) -> Appended:
    """Write a decision to the ledger as RUNNING events, one per version that would be written, in one batch.

    Args:
        verdict: the decision.
        production: what the step would write.
        parent: the Dagster run.
        at: the time (timezone-aware UTC).
        ledger: where it is written.
        took: how long the step waited for the verdict, in seconds.

    Raises:
        LedgerError: when the ledger cannot be written.
    """
    from lineage_guard.openlineage.encode import event_of

    runs = [
        AssetRun(
            run_id=version.run or parent.run_id,
            state=RunState.RUNNING,
            at=at,
            job_namespace=version.namespace,
            job_name=version.name,
            production=replace(production, outputs=(version,)),
            parent=parent,
            verdict=verdict,
            enforced=verdict.mode is Mode.ENFORCE,
            took=took,
        )
        for version in production.outputs
        if (version.namespace, version.name) == (verdict.target.namespace, verdict.target.name)
    ]
    return ledger.append([event_of(run) for run in runs])
