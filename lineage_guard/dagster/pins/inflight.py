"""Writes in flight: upstream data that a step may have read before its materialisation was logged.

A step stores its data first and logs its materialisation afterwards. A reader that ends in
between has read data that no pointer and no window of the log shows. So a materialisation is
held against everything that was logged while its own step ran: a reader among that may have
read it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dagster import AssetKey

from lineage_guard.dagster.events import Began, EventLog, Stored
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.resolve import Graph, reads_early

#: Seconds by which the time in an event may run against the order of the log without a clock having been set:
#: an event is stored some time after it is dated.
LATE = 5.0


def overtaken(log: EventLog, history: History, graph: Graph, written: Sequence[Stored]) -> dict[Stored, list[Stored]]:
    """Readers that ended while something they read was being written and not yet logged.

    Args:
        log: the event log.
        history: what is known of it.
        graph: the full asset graph.
        written: materialisations.

    Returns:
        By the reader's materialisation: those of ``written`` that it may have read.
    """
    written = [w for w in written if w.run_id]
    children = {key: _children(graph, key) for key in {w.key for w in written}}
    starts = log.start_ids(w.run_id for w in written if children[w.key])
    began = {w: starts[w.run_id] for w in written if w.run_id in starts and children[w.key]}
    if not began:
        return {}
    lowest = min(began.values())
    since = history.between(lowest, max(w.storage_id for w in began))
    read = [s for s in since if any(s.key in each for each in children.values())]
    pairs = [
        (reader, w)
        for w, started in began.items()
        for reader in read
        if started < reader.storage_id < w.storage_id and reader.key in children[w.key]
    ]
    steps = _steps(log, {w for _, w in pairs})
    found: dict[Stored, list[Stored]] = {}
    for reader, w in pairs:
        step = None if reads_early(graph, w.key) else log.step_starts(w.run_id).get(steps.get(w, ""))
        if step is None or _ended_after(reader, w, step, log, since):
            found.setdefault(reader, []).append(w)
    return found


def _ended_after(reader: Stored, w: Stored, step: Began, log: EventLog, since: Sequence[Stored]) -> bool:
    """Whether a reader ended after a step began; where that cannot be told, it did.

    One log for many hosts numbers their steps too, so no clock is asked. SQLite does not, and is for one
    host: its clock may have been set, which shows when times run against the order of the log.
    """
    if log.one_sequence:
        return reader.storage_id > step.storage_id
    if reader.timestamp > step.timestamp - LATE:
        return True
    run = log.run(w.run_id)
    latest = run.started if run is not None and run.started is not None else 0.0
    if w.timestamp < step.timestamp - LATE:
        return True
    for stored in since:
        if stored.timestamp < latest - LATE:
            return True
        latest = max(latest, stored.timestamp)
    return False


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
