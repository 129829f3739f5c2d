"""Evidence: the stored result of one expectation suite, and what it means for a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from lineage_guard.domain.facts import Version
from lineage_guard.domain.grammar import plural
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Decision, Finding


@dataclass(frozen=True, slots=True)
class FailedExpectation:
    """One expectation that did not hold.

    Attributes:
        type: its registered type, e.g. ``expect_column_values_to_not_be_in_set``.
        column: the column it is about, when it is about one.
        unexpected_count: rows that broke it, when it counts rows.
        detail: a few values or an error message, never row text.
    """

    type: str
    column: str | None = None
    unexpected_count: int | None = None
    detail: str = ""

    def __str__(self) -> str:
        count = self.unexpected_count
        rows = f" {count} {plural('row', count)}" if count else ""
        return f"{self.type}({self.column or ''}){rows} {self.detail}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """The result of one suite on one subject under one set of parameters.

    Attributes:
        suite: name of the suite.
        suite_digest: ``sha256:`` of its JSON.
        subject_digest: digest of the data version or closure it ran over.
        parameters_digest: digest of the parameters the policy fed it.
        success: whether every expectation held and all of them were evaluated.
        evaluated: how many expectations were evaluated.
        expected: how many the suite holds.
        failures: those that did not hold.
        at: when it ran (timezone-aware UTC).
        error: why it could not be run; ``None`` when it ran.
    """

    suite: str
    suite_digest: str
    subject_digest: str
    parameters_digest: str
    success: bool
    evaluated: int
    expected: int
    at: datetime
    failures: tuple[FailedExpectation, ...] = ()
    error: str | None = None

    @property
    def key(self) -> str:
        """Where it is filed: same suite, subject and parameters, same key."""
        return evidence_key(self.suite_digest, self.subject_digest, self.parameters_digest)

    @property
    def passes(self) -> bool:
        """Whether it can be relied on: it ran, it evaluated everything, nothing failed."""
        return self.success and self.error is None and 0 < self.expected == self.evaluated and not self.failures

    @property
    def not_run(self) -> str | None:
        """Why it says nothing of its subject; ``None`` where it does, well or ill."""
        if self.passes or (self.error is None and self.failures):
            return None
        return self.error or f"only {self.evaluated} of {self.expected} expectations were evaluated"


def evidence_key(suite_digest: str, subject_digest: str, parameters_digest: str) -> str:
    """The key under which evidence is filed."""
    return "sha256:" + sha256("\n".join((suite_digest, subject_digest, parameters_digest)).encode()).hexdigest()


def findings_of(evidence: Evidence, target: Version, already: Decision = Decision.ALLOW) -> tuple[Finding, ...]:
    """What a suite's result adds to a verdict: nothing when it passes, else one finding that stops.

    Args:
        evidence: the result.
        target: the version that would be written.
        already: what was decided without the suite. A suite that fails where the lineage is
            UNKNOWN repeats that, and does not turn "not known to be clean" into "restricted".
    """
    if evidence.passes:
        return ()
    if evidence.not_run:
        return (_finding(evidence, target, ReasonCode.EXPECTATIONS_NOT_RUN, f"could not be run: {evidence.not_run}"),)
    broken = "; ".join(map(str, evidence.failures))
    effect = Effect.UNKNOWN if already is Decision.UNKNOWN else Effect.BLOCK
    return (_finding(evidence, target, ReasonCode.EXPECTATIONS_FAILED, f"failed: {broken}", effect),)


def _finding(
    evidence: Evidence, target: Version, reason: ReasonCode, what: str, effect: Effect = Effect.BLOCK
) -> Finding:
    fix = (
        f"Read the failing expectations of suite {evidence.suite!r} and mend the data or its declaration."
        if reason is ReasonCode.EXPECTATIONS_FAILED
        else f"Mend suite {evidence.suite!r} (a suite that cannot run blocks), then run the step again."
    )
    return Finding(
        rule=f"suite:{evidence.suite}",
        reason=reason,
        effect=effect,
        message=f"Expectation suite {evidence.suite!r} {what.strip()}",
        fix=fix,
        subject=target,
        path=(target,),
    )
