"""May a step learn from what it reads? Answered from the ledger and the catalog: steps (3) to (5) of the gate."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.lineage.closure import Ancestry, Closure, extend
from lineage_guard.domain.lineage.filtering import Cure
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import TermsSource
from lineage_guard.domain.rules.waivers import Waivers, spanning
from lineage_guard.domain.verdict.attested import Attestation, Demand, findings_on_rows
from lineage_guard.domain.verdict.decide import Finding, Verdict, decide
from lineage_guard.domain.verdict.evidence import Evidence, findings_of
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.explaining.cure import without_quarantined

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.ledger import Ledger


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
        asset: what its definition says of the asset; of what was trained, what was on record then. ``None`` when
            nobody knows.
    """

    target: Production
    use: str
    policy: Policy
    at: datetime
    waivers: Waivers = ()
    blind: tuple[str, ...] = ()
    mode: Mode = Mode.ENFORCE
    rows: RowsEvidence | None = None
    asset: AssetFacts | None = None


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
    request = replace(request, waivers=spanning(request.waivers, request.target.outputs))
    closure, cures = upstream(request.target, ledger, request.policy.terms, catalog.ancestry)
    closure = replace(closure, blind=(*closure.blind, *request.blind), asset=request.asset)
    evidence = _evidence(closure, request, ledger, catalog)
    verdict = decide(closure, request.policy, request.waivers, request.use, request.at)
    verdict = replace(verdict, mode=request.mode, cures=tuple(map(str, cures)))
    of_suite = findings_of(evidence, closure.target, verdict.decision)
    return Answer(verdict.joined((*of_suite, *of_rows(closure, request, ledger))), closure, evidence, request.target)


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
    return extended(ledger.closure(target), target, ledger, terms, ancestry)


def extended(
    closure: Closure, target: Production, ledger: Ledger, terms: TermsSource, ancestry: Ancestry
) -> tuple[Closure, tuple[Cure, ...]]:
    """The same, of a closure of the ledger that is there already; its rows keep their places.

    Args:
        closure: of the step, as ``Ledger.closure`` says.
        target: the step.
        ledger: the ledger.
        terms: of the policy.
        ancestry: what the catalog knows.

    Raises:
        LedgerError: when the ledger cannot be read.
        SuiteError: when there is a quarantine and the rows suite cannot be loaded.
    """
    # Before ancestry joins: what a model was made from is not upstream of rows that it did not write.
    closure, cures = without_quarantined(closure, target, ledger, terms)
    return extend(closure, ancestry), cures


class OnRecord:
    """What a ledger alone can say.

    Args:
        ledger: the ledger.
    """

    def __init__(self, ledger: Ledger) -> None:
        from lineage_guard.ledger.archive.attesting import Attestations

        self._attestations = Attestations(ledger.archive)

    def demands(self) -> tuple[Demand, ...]:
        """Every demand on record.

        Raises:
            LedgerError: when they cannot be read.
        """
        return self._attestations.demands()

    def attested(self, demand: Demand, version: Version) -> Attestation | None:
        """The attestation on record.

        Raises:
            LedgerError: when it cannot be read.
        """
        return self._attestations.find(version, demand.check)

    def waits(self, demand: Demand, version: Version) -> bool:
        """Never."""
        return False


class Reader:
    """The part of a ledger that ``check`` reads; new evidence is not kept, so a read-only ledger serves."""

    def __init__(self, ledger: Ledger) -> None:
        self.archive = ledger.archive
        self.closure = ledger.closure
        self.productions = ledger.productions
        self.evidence = ledger.evidence

    def put_evidence(self, evidence: Evidence) -> None:
        """Nothing: this asks, it does not record."""


def of_rows(closure: Closure, request: Request, ledger: Ledger) -> tuple[Finding, ...]:
    """What rows evidence adds to a verdict.

    Args:
        closure: what is decided on.
        request: the question.
        ledger: where attestations are, when the question does not say.

    Raises:
        LedgerError: when they cannot be read.
    """
    rows = request.rows
    if rows is None:
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
