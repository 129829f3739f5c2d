"""Writes in flight: upstream data that a step may have read before its materialisation was logged.

A step stores its data first and logs its materialisation afterwards. A reader that ends in
between has read data that no pointer and no window of the log shows. So a materialisation is
held against everything that was logged while its own step ran: a reader among that may have
read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagster import AssetKey

from lineage_guard.dagster.events import EventLog, Stored
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.resolve import Graph, reads_early


def overtaken(log: EventLog, history: History, graph: Graph, written: Sequence[Stored]) -> dict[Stored, list[Stored]]:
    """Readers that ended while something they read was being written and not yet logged.

    Args:
        log: the event log.
        history: what is known of it.
        graph: the full asset graph.
        written: materialisations.

    Returns:
        By the reader's materialisation: those of ``written`` that it may have read. Times of
        different hosts are compared, so hosts must agree on the time to better than a step takes.
    """
    log.runs(w.run_id for w in written)
    began = {w: run.started for w in written if (run := log.run(w.run_id)) is not None and run.started is not None}
    children = {key: _children(graph, key) for key in {w.key for w in began}}
    began = {w: started for w, started in began.items() if children[w.key]}
    if not began:
        return {}
    since = history.since(min(began.values()), before=max(w.storage_id for w in began))
    pairs = [
        (reader, w)
        for w, started in began.items()
        for reader in since
        if reader.storage_id < w.storage_id and reader.timestamp > started and reader.key in children[w.key]
    ]
    steps = _steps(log, {w for _, w in pairs})
    found: dict[Stored, list[Stored]] = {}
    for reader, w in pairs:
        started = None if reads_early(graph, w.key) else log.step_starts(w.run_id).get(steps.get(w, ""))
        if started is None or reader.timestamp > started:
            found.setdefault(reader, []).append(w)
    return found


def _children(graph: Graph, key: AssetKey) -> set[AssetKey]:
    """Who reads an asset, through views too; an asset's own next partition is no news."""
    found: set[AssetKey] = set()
    todo = [key]
    while todo:
        at = todo.pop()
        for child in graph.get(at).child_keys if graph.has(at) else ():
            if child != key and child not in found:
                found.add(child)
                if getattr(graph.get(child), "is_virtual", False):
                    todo.append(child)
    return found


def _steps(log: EventLog, written: Iterable[Stored]) -> dict[Stored, str]:
    by_id = {w.storage_id: w for w in written}
    records = log.records(list(by_id)) if by_id else []
    return {by_id[r.storage_id]: r.event_log_entry.step_key or "" for r in records}
