"""Quarantines in a closure: which claims have passing evidence on their very version, and what that takes out.

A claim is only words. It counts when the evidence it must have is on file: that of the rows suite as
it stands now, on the rows that were written, fed with the models that the record of the version itself
names, and with the claim's own words. Evidence of another version, of another split or under another
declaration has another key, so it is not found.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from lineage_guard.domain.facts import ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.filtering import Cure, Filtered, Proven, cured
from lineage_guard.domain.rules.terms import TermsSource
from lineage_guard.domain.verdict.evidence import Evidence, evidence_key

if TYPE_CHECKING:
    from lineage_guard.ledger.archive.archive import Archive

#: The suite that permitted rows must pass.
SUITE = "rows"


class Records(Protocol):
    """The part of a ledger that is asked."""

    @property
    def archive(self) -> Archive:
        """Where claims are."""
        ...

    def productions(self, versions: Iterable[Version]) -> Mapping[Version, Production]:
        """What is on record of some versions."""
        ...

    def evidence(self, key: str) -> Evidence | None:
        """The result filed under an evidence key."""
        ...


def without_quarantined(
    closure: Closure, target: Production, ledger: Records, terms: TermsSource
) -> tuple[Closure, tuple[Cure, ...]]:
    """A closure of the ledger without the models whose rows were taken out, as far as evidence proves it.

    Args:
        closure: of the ledger, before public ancestry joins it.
        target: the step.
        ledger: holds claims and evidence.
        terms: of the policy.

    Raises:
        LedgerError: when the ledger cannot be read.
        SuiteError: when the rows suite cannot be loaded.
    """
    from lineage_guard.ledger.archive import claims

    filed = claims.filed(ledger.archive, closure.rows)
    if not filed:
        return closure, ()

    made = ledger.productions([c.version for c in filed])
    proven = [p for c in filed if c.version in made and (p := _proven(c, made[c.version].models, ledger)) is not None]
    return cured(closure, target, ledger.productions, proven, terms)


def split_parameters(claim: Filtered, models: Iterable[ModelSource]) -> dict[str, list[str]]:
    """What the rows suite is fed on the permitted part: the models that remain, and all that is claimed.

    Args:
        claim: the claim.
        models: those the record of the version names.
    """
    from lineage_guard.gx.rows import rows_parameters

    return {**rows_parameters(models), "quarantine": claim.statement()}


def _proven(claim: Filtered, models: Iterable[ModelSource], ledger: Records) -> Proven | None:
    from lineage_guard.gx.rows import parameters_digest
    from lineage_guard.gx.suites import load_suite

    fed = parameters_digest(split_parameters(claim, models))
    key = evidence_key(load_suite(SUITE).digest, claim.data_digest, fed)
    evidence = ledger.evidence(key)
    return Proven(claim, key) if evidence is not None and evidence.passes else None
