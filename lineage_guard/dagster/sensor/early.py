"""What is too early to be told: gaps that close by themselves, or that nobody has run into.

Verdicts are not changed by it: gates stop at such a gap, and the check shows it at once. It only wakes nobody yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from dagster import AssetKey

from lineage_guard.dagster.collect.strangers import stranger
from lineage_guard.dagster.pins.resolve import Graph
from lineage_guard.domain.facts import Assertion, Completeness, Production, Version
from lineage_guard.domain.incidents.heartbeat import LEAST
from lineage_guard.domain.incidents.incident import stopping
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Finding

if TYPE_CHECKING:
    from lineage_guard.dagster.sensor.decide import Judgement
    from lineage_guard.ledger import Ledger

#: How long the sensor of the code location that defines an asset may take to complete its record: as long as any
#: sensor may be silent.
PATIENCE = LEAST
_GAPS = {ReasonCode.NO_PROVENANCE, ReasonCode.INCOMPLETE_PROVENANCE}


@dataclass(frozen=True, slots=True)
class Due:
    """What is told in this tick.

    Attributes:
        judgements: what is told; without the gaps of which it is too early.
        waiting: training assets that are looked at again in the next tick, and since when they wait (ISO 8601).
    """

    judgements: tuple[Judgement, ...]
    waiting: Mapping[str, str]


def due(
    ledger: Ledger, graph: Graph, judgements: Sequence[Judgement], before: Mapping[str, object], now: datetime
) -> Due:
    """What is to be told of training assets, and of which gaps it is too early to wake anybody.

    Two kinds are. A record that the code location which defines the asset has not completed yet, as its sensor has not
    ticked since, is left for some minutes: nothing is told of whatever it stops alone. And an upstream that was never
    made, by anybody, is nothing to tell as long as no training step asked.

    Args:
        ledger: the ledger.
        graph: the full asset graph of this code location.
        judgements: of this tick.
        before: ``waiting`` of the last tick.
        now: the time (timezone-aware UTC).

    Raises:
        LedgerError: the ledger cannot be read.
    """
    gaps = [(j, [f.subject for f in found]) for j in judgements if (found := stopping(j.verdict)) and _only_gaps(found)]
    known = ledger.productions(list({v for _, versions in gaps for v in versions})) if gaps else {}
    told = {j.key: j for j in judgements}
    waiting: dict[str, str] = {}
    for judgement, versions in gaps:
        key, target = judgement.key, judgement.verdict.target
        made = [v for v in versions if not _unmade(v, known.get(v))]
        if any(not _uncollected(v, known.get(v), graph) for v in made):
            continue
        if len(made) < len(versions) and _asked(ledger, target):
            continue
        if not made:
            # What stopped it before, and does not any more, is over all the same.
            told[key] = replace(judgement, verdict=replace(judgement.verdict, findings=()))
            continue
        began = _moment(before.get(key.to_user_string()), now)
        if now - began < PATIENCE:
            del told[key]
            waiting[key.to_user_string()] = began.isoformat()
    return Due(tuple(told.values()), waiting)


def _asked(ledger: Ledger, target: Version) -> bool:
    """Whether training was ever tried, or done before there was a gate."""
    return bool(ledger.decisions(target.namespace, target.name, 1) or ledger.latest(target.namespace, target.name))


def _only_gaps(found: Iterable[Finding]) -> bool:
    return all(f.reason in _GAPS for f in found)


def _unmade(version: Version, known: Production | None) -> bool:
    """Whether no run made it, and nobody has said anything of it either."""
    if known is None:
        return version.run is None
    return known.produced_at is None and known.asserted_by is Assertion.INFERRED


def _uncollected(version: Version, known: Production | None, graph: Graph) -> bool:
    """Whether all that is known of it is that another code location has to complete its record."""
    ignorant = known is None or (known.completeness is Completeness.UNKNOWN and known.artefact is None)
    return ignorant and stranger(graph, AssetKey(version.name.split("/")))


def _moment(said: object, now: datetime) -> datetime:
    """Since when it waits: now, when nobody knows, or when that would be in the future as a clock was set back."""
    try:
        return min(datetime.fromisoformat(str(said)), now) if said else now
    except (TypeError, ValueError):
        return now
