"""Quarantines as the run coordinator sees them: before the run that may split again has begun."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lineage_guard.dagster.events import name_of
from lineage_guard.dagster.keys import SPLITS_KEY
from lineage_guard.dagster.pins.resolve import Graph
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.verdict.evidence import Evidence

if TYPE_CHECKING:
    from lineage_guard.dagster.coordinator.overlay import LedgerOverlay
    from lineage_guard.ledger import Ledger


class Planned:
    """What is on record, and what a run will make.

    Args:
        ledger: holds claims and evidence.
        overlay: holds what was collected in memory.
        planned: what the run makes.
    """

    def __init__(self, ledger: Ledger, overlay: LedgerOverlay, planned: Mapping[Version, Production]) -> None:
        self.archive = ledger.archive
        self._ledger = ledger
        self._overlay = overlay
        self._planned = planned

    def evidence(self, key: str) -> Evidence | None:
        """The result filed under an evidence key."""
        return self._ledger.evidence(key)

    def productions(self, versions: Iterable[Version]) -> Mapping[Version, Production]:
        """What is known of some versions; what the run makes is as it is planned."""
        wanted = list(versions)
        return {**self._overlay.productions(wanted), **{v: self._planned[v] for v in wanted if v in self._planned}}


def splits(graph: Graph, planned: Iterable[Version]) -> bool:
    """Whether a run will split a table.

    Args:
        graph: the asset graph of the workspace.
        planned: what the run makes.
    """
    names = {v.name for v in planned}
    return any(SPLITS_KEY in node.metadata and name_of(node.key) in names for node in graph.asset_nodes)
