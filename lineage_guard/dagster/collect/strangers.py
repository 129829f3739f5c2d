"""Strangers: records of assets that another code location defines, kept for when that one collects.

All code locations share one event log and one place in it. What one of them read and could
not judge, because it does not hold the definition, is left here for the one that does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, cast

from dagster import AssetKey

from lineage_guard.dagster.events import EventLog, Stored
from lineage_guard.dagster.pins.resolve import Graph
from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Completeness
from lineage_guard.domain.verdict.runs import AssetRun

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger


def stranger(graph: Graph, key: AssetKey) -> bool:
    """Whether no definition that makes an asset is loaded here."""
    return not graph.has(key) or not graph.get(key).is_materializable


def returned(ledger: Ledger, log: EventLog, graph: Graph) -> list[Stored]:
    """Materialisations that somebody else could not judge, of assets that are defined here.

    Args:
        ledger: where they were left.
        log: the event log.
        graph: the full asset graph of this code location.
    """
    found: list[Stored] = []
    for name, (first, last) in _load(ledger, log).items():
        key = AssetKey.from_user_string(name)
        if not stranger(graph, key):
            found.extend(log.summaries(key=key, after=first - 1, before=last + 1))
    return found


def remember(
    ledger: Ledger, log: EventLog, graph: Graph, runs: Iterable[AssetRun], judged: Collection[AssetKey]
) -> None:
    """Leave what could not be judged here, and take away what was judged.

    It is kept as a range of storage ids for each asset, so it grows with assets and not with history.

    Args:
        ledger: where it is left.
        log: the event log.
        graph: the full asset graph of this code location.
        runs: what was collected.
        judged: assets whose records were judged now.
    """
    left: dict[str, list[int]] = {}
    for run in runs:
        production = run.production
        if run.source is None or production.completeness is not Completeness.UNKNOWN or production.artefact:
            continue
        key = AssetKey(run.job_name.split("/"))
        if stranger(graph, key):
            left.setdefault(key.to_user_string(), []).append(run.source[1])
    done = {key.to_user_string() for key in judged if not stranger(graph, key)}
    if not (left or done):
        return
    known = {name: span for name, span in _load(ledger, log).items() if name not in done}
    for name, ids in left.items():
        before = known.get(name, (ids[0], ids[0]))
        known[name] = (min(before[0], *ids), max(before[1], *ids))
    ledger.store(_name(log), {name: list(span) for name, span in known.items()})


def _name(log: EventLog) -> str:
    return f"strangers-{log.source}"


def _load(ledger: Ledger, log: EventLog) -> dict[str, tuple[int, int]]:
    """What was left; nothing when that cannot be read. The gate then still asks for what it needs."""
    try:
        state = ledger.load(_name(log)) or {}
        spans = {name: cast("list[int]", span) for name, span in state.items()}
        return {name: (int(span[0]), int(span[1])) for name, span in spans.items()}
    except (LedgerError, TypeError, ValueError, IndexError):
        return {}
