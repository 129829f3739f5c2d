"""One verdict in full, from the event on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.decide import Finding, Verdict
from lineage_guard.domain.verdict.explain import headline, path_steps, terms_text
from lineage_guard.ledger.archive.written import event_at
from lineage_guard.ledger.asking.attempted import made as made
from lineage_guard.ledger.asking.attempted import newest
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.verdicts import verdict_of
from lineage_guard.web.answers import listing
from lineage_guard.web.contents import FindingView, VerdictView

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger
    from lineage_guard.ledger.asking.listed import ListedVerdict

#: Verdicts on the same asset that are shown beside one.
_HISTORY = 20


def verdict(ledger: Ledger, namespace: str, name: str, partition: str | None, run: str | None) -> VerdictView | None:
    """See ``questions.verdict``."""
    listed = newest(ledger, Version(namespace, name, partition, run))
    if listed is None:
        return None
    row = listing.row_of(listed)
    facet = facet_of(ledger, listed)
    found, problem = _read(facet)
    if problem is not None:
        row = replace(row, problem=problem)
    asset = (listed.target.namespace, listed.target.name)
    history = listing.verdicts(ledger, text="", decision=None, asset=asset, after=None, limit=_HISTORY)
    spoken = [f for f in found.findings if not f.restates] or list(found.findings) if found else []
    return VerdictView(
        row=row,
        verdict=found,
        headline=headline(found) if found else f"{listed.target}: {row.outcome}",
        findings=tuple(map(finding_view, spoken)),
        restated=found is not None and len(spoken) < len(found.findings),
        facet=facet,
        history=history,
    )


def facet_of(ledger: Ledger, listed: ListedVerdict) -> Mapping[str, Any]:
    """The very words of a verdict on record.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    event = event_at(ledger.archive, listed.ord, listed.run)
    return (decode(event).decision or {}) if event is not None else {}


def finding_view(finding: Finding) -> FindingView:
    """A finding with its parts in words."""
    terms = finding.terms
    url = terms.url if terms and terms.url and terms.url.startswith(("https://", "http://")) else None
    return FindingView(
        finding=finding,
        subject=str(finding.model or finding.subject),
        steps=path_steps(finding),
        terms=terms_text(terms) if terms else None,
        url=url,
    )


def _read(facet: Mapping[str, Any]) -> tuple[Verdict | None, str | None]:
    if not facet:
        return None, "the event that carries it is not where the index says"
    try:
        found = verdict_of(facet)
    except EventError as error:
        return None, str(error)
    if not all(f.path for f in found.findings):
        return None, "a finding of it has no path"
    return found, None
