"""The gate: may this step train? Asked inside the step, answered before its code runs.

In order: (1) the exact versions the step will read, (2) whatever of their upstream the ledger
lacks is collected from Dagster's event log, (3) the closure over ledger and catalog, (4) the
evidence of the lineage suite and of the rows suites upstream, (5) the verdict, (6) the decision is
written to the ledger, (7) pass or raise. Whatever goes wrong on the way is itself a reason to
block. Steps (3) to (6) are here; ``hold`` goes through all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from lineage_guard.dagster.gate.cure import without_quarantined
from lineage_guard.domain.attested import Attestation, Demand, findings_on_rows
from lineage_guard.domain.closure import Ancestry, Closure, Reached, extend
from lineage_guard.domain.decide import Finding, Verdict, decide
from lineage_guard.domain.evidence import Evidence, findings_of
from lineage_guard.domain.facts import Completeness, Production, Version
from lineage_guard.domain.filtering import Cure
from lineage_guard.domain.modes import Mode
from lineage_guard.domain.policy import Policy
from lineage_guard.domain.runs import AssetRun, ParentRun, RunState
from lineage_guard.domain.terms import FixedTerms, TermsSource
from lineage_guard.domain.waivers import Waivers

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.ledger import Appended, Ledger


class RowsEvidence(Protocol):
    """Where the gate finds what was found out about rows; see ``dagster.rows.evidence``."""

    def demands(self) -> tuple[Demand, ...]:
        """The assets whose versions must have passed a rows suite."""
        ...

    def attested(self, demand: Demand, version: Version) -> Attestation | None:
        """What the suite said of a version, if it can be known."""
        ...

    def waits(self, demand: Demand, version: Version) -> bool:
        """Whether evidence that is missing can still come and is waited for; never in a step that trains."""
        ...


@dataclass(frozen=True)
class Request:
    """One question to the gate.

    Attributes:
        target: the step: what it would write (the first names it), the exact versions it would
            read, and models it uses itself.
        use: what it is for.
        policy: rules and terms.
        at: the time of the question (timezone-aware UTC).
        waivers: accepted risks.
        blind: what could not be seen on the way here, one sentence each; any blocks.
        mode: whether the step is held to the answer; it changes nothing about the answer itself.
        rows: finds rows evidence; ``None`` asks the ledger alone.
    """

    target: Production
    use: str
    policy: Policy
    at: datetime
    waivers: Waivers = ()
    blind: tuple[str, ...] = ()
    mode: Mode = Mode.ENFORCE
    rows: RowsEvidence | None = None


@dataclass(frozen=True)
class Answer:
    """The verdict on a step, and what it was reached from."""

    verdict: Verdict
    closure: Closure
    evidence: Evidence
    target: Production


def check(request: Request, ledger: Ledger, catalog: Catalog) -> Answer:
    """Answer a question from the ledger and the catalog: steps (3) to (5) of the gate.

    Used by the wrapped step, by the sensor's re-decision and by ``lineage-guard check``.

    Args:
        request: the question.
        ledger: holds the upstream of ``request.target``; evidence found missing is added to it.
        catalog: public ancestry and terms.

    Raises:
        LedgerError: when the ledger cannot be read or written.
        SuiteError: when the lineage suite cannot be loaded.
    """
    closure, cures = upstream(request.target, ledger, request.policy.terms, catalog.ancestry)
    closure = replace(closure, blind=(*closure.blind, *request.blind))
    evidence = _evidence(closure, request, ledger, catalog)
    verdict = decide(closure, request.policy, request.waivers, request.use, request.at)
    verdict = replace(verdict, mode=request.mode, cures=tuple(map(str, cures)))
    of_suite = findings_of(evidence, closure.target, verdict.decision)
    return Answer(verdict.joined((*of_suite, *_of_rows(closure, request, ledger))), closure, evidence, request.target)


def upstream(
    target: Production, ledger: Ledger, terms: TermsSource, ancestry: Ancestry
) -> tuple[Closure, tuple[Cure, ...]]:
    """What a step would learn from: the ledger, less what proven quarantines took out, and public ancestry.

    Args:
        target: the step.
        ledger: the ledger.
        terms: of the policy.
        ancestry: what the catalog knows.

    Raises:
        LedgerError: when the ledger cannot be read.
        SuiteError: when there is a quarantine and the rows suite cannot be loaded.
    """
    # Before ancestry joins: what a model was made from is not upstream of rows that it did not write.
    closure, cures = without_quarantined(ledger.closure(target), target, ledger, terms)
    return extend(closure, ancestry), cures


def _of_rows(closure: Closure, request: Request, ledger: Ledger) -> tuple[Finding, ...]:
    rows = request.rows
    if rows is None:
        from lineage_guard.dagster.rows.evidence import OnRecord

        rows = OnRecord(ledger)
    demands = rows.demands()
    return findings_on_rows(
        closure, request.policy, request.use, request.waivers, request.at, demands, rows.attested, rows.waits
    )


def _evidence(closure: Closure, request: Request, ledger: Ledger, catalog: Catalog) -> Evidence:
    from lineage_guard.gx.lineage import lineage_evidence_key, run_lineage_suite

    terms = catalog.terms.entries
    key = lineage_evidence_key(closure, request.policy, request.use, terms, request.at, waivers=request.waivers)
    filed = ledger.evidence(key)
    # What could not be run is tried again; what ran has the same result for the same key.
    if filed is not None and filed.error is None:
        return filed
    evidence = run_lineage_suite(closure, request.policy, request.use, terms, request.at, waivers=request.waivers)
    if evidence.error is None and evidence.key == key:
        ledger.put_evidence(evidence)
    return evidence


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
