"""What the sensor knows beyond verdicts, for alerts: waivers, training assets, and what would have to be made again."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from lineage_guard.domain.errors import LineageGuardError

if TYPE_CHECKING:
    from lineage_guard.alerts.content.around import Neighbourhood
    from lineage_guard.catalog import Catalog
    from lineage_guard.dagster.sensor.decide import Judgement
    from lineage_guard.dagster.settings import Settings
    from lineage_guard.domain.facts import Version
    from lineage_guard.domain.rules.waivers import Waivers
    from lineage_guard.domain.verdict.decide import Verdict
    from lineage_guard.explaining.answering import Answer, Request
    from lineage_guard.ledger import Ledger

#: Versions upstream above which a page does not wait for the smallest set; `lineage-guard explain` says it.
LARGEST = 20_000


def neighbourhood(
    ledger: Ledger, judgements: Sequence[Judgement], catalog: Catalog, training: Collection[str]
) -> Neighbourhood:
    """Whom an alert may ask what lies around its incident.

    Args:
        ledger: the ledger.
        judgements: of this tick.
        catalog: public ancestry.
        training: OpenLineage names of the training assets.
    """
    from lineage_guard.alerts.content.around import Neighbourhood

    asked = {j.verdict.target[:2]: j.asked for j in judgements if j.asked is not None}

    def rebuild(verdict: Verdict) -> tuple[Version, ...]:
        return _smallest(asked, verdict, ledger, catalog)

    return Neighbourhood(ledger, frozenset(training), rebuild)


def waivers_of(settings: Settings) -> Waivers | None:
    """The waivers that were approved; ``None`` when they cannot be read, which the verdicts say."""
    try:
        return settings.accepted()
    except LineageGuardError:
        return None


def _smallest(
    asked: Mapping[tuple[str, str], tuple[Request, Answer]], verdict: Verdict, ledger: Ledger, catalog: Catalog
) -> tuple[Version, ...]:
    from lineage_guard.domain.verdict.remedy import Action
    from lineage_guard.explaining.explanation import explanation_of

    found = asked.get(verdict.target[:2])
    if found is None or verdict.closure_size > LARGEST:
        return ()
    request, answer = found
    remedy = explanation_of(answer, request, ledger, catalog, 1).remedy
    # What is not surely enough, and the least, is not promised.
    mended = remedy.smallest and not remedy.left and all(c.action is Action.REBUILD for c in remedy.changes)
    return tuple(c.version for c in remedy.changes) if mended else ()
