"""Audit reports, to be downloaded: as ``lineage-guard report`` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Version
from lineage_guard.web.contents import Rules

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger
    from lineage_guard.ledger.asking.past import Past


def report_bytes(ledger: Ledger, rules: Rules, version: Version, format_: str) -> bytes:
    """See ``questions.report_bytes``."""
    from lineage_guard.explaining.answering import upstream
    from lineage_guard.explaining.texts import texts_of
    from lineage_guard.ledger.asking.past import as_of
    from lineage_guard.report.compiling import Rulebook, compile_report
    from lineage_guard.report.rendering import render

    texts = tuple(texts_of(rules.waivers)) if rules.waivers else ()
    book = Rulebook(rules.policy, rules.catalog.ancestry, rules.catalog.digest, texts)
    past = as_of(ledger.archive, None, version.name)
    if version.run is None:
        version = _newest(past, version)
    return render(compile_report(past, version, book, cast("Any", upstream)), format_)


def _newest(past: Past, named: Version) -> Version:
    """The newest version of that name and partition; what is named itself when there is none, to be refused."""
    fitting = [v for v in past.latest(named.namespace, named.name) if named.partition in (None, v.partition)]
    if len(fitting) > 1:
        raise ConfigError(
            "several partitions of it were made", where=f"{named.namespace}:{named.name}", fix="name one as &partition="
        )
    return fitting[0] if fitting else named
