"""Audit reports, to be downloaded: as ``lineage-guard report`` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lineage_guard.domain.facts import Version
from lineage_guard.web.contents import Rules

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger


def report_bytes(ledger: Ledger, rules: Rules, version: Version, format_: str) -> bytes:
    """See ``questions.report_bytes``."""
    from lineage_guard.explaining.answering import upstream
    from lineage_guard.explaining.texts import texts_of
    from lineage_guard.ledger.past import as_of
    from lineage_guard.report.compiling import Rulebook, compile_report
    from lineage_guard.report.rendering import render

    texts = tuple(texts_of(rules.waivers)) if rules.waivers else ()
    book = Rulebook(rules.policy, rules.catalog.ancestry, rules.catalog.digest, texts)
    past = as_of(ledger.archive, None, version.name)
    return render(compile_report(past, version, book, cast("Any", upstream)), format_)
