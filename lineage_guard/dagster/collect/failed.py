"""Failed runs: which assets they were to write and did not, as FAIL and ABORT states."""

from __future__ import annotations

from collections.abc import Iterator

from dagster import AssetKey, DagsterEventType, EventLogRecord, RunStatusChangeRecordsFilter

from lineage_guard.dagster.collect.run import AssetRuns
from lineage_guard.dagster.events import EventLog, Stored
from lineage_guard.domain.verdict.runs import AssetRun, RunState

_PAGE = 500
_ENDS = (DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)
_TOLD = {
    DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
    DagsterEventType.ASSET_MATERIALIZATION,
    DagsterEventType.STEP_FAILURE,
}


def mark(storage_id: int, run_id: str) -> str:
    """What one record of the log is known by when it was handled: SQLite uses ids of deleted runs again."""
    return f"{storage_id} {run_id}"


def failed_runs(
    log: EventLog, runs: AssetRuns, after: int, upto: int, seen: set[str]
) -> tuple[list[AssetRun], set[str]]:
    """The asset runs that failed or were given up in Dagster runs that ended badly.

    Args:
        log: the event log.
        runs: makes asset runs.
        after: storage id after which run ends are read.
        upto: last storage id.
        seen: marks of run ends that were handled before.

    Returns:
        Asset runs in state FAIL (its step failed) or ABORT (it was never reached, or the run
        was canceled), and the marks of the run ends.
    """
    found: list[AssetRun] = []
    handled: set[str] = set()
    ends = [
        (kind, r)
        for kind in _ENDS
        for r in _run_ends(log, kind, after, upto)
        if mark(r.storage_id, r.run_id) not in seen
    ]
    log.runs(r.run_id for _, r in ends)
    for kind, end in ends:
        handled.add(mark(end.storage_id, end.run_id))
        log.queries += 1
        told = log.instance.get_records_for_run(end.run_id, of_type=_TOLD).records
        errors = {r.event_log_entry.step_key: r for r in told if r.event_type is DagsterEventType.STEP_FAILURE}
        written = {
            (r.asset_key, r.partition_key) for r in told if r.event_type is DagsterEventType.ASSET_MATERIALIZATION
        }
        for record in told:
            if record.event_type is not DagsterEventType.ASSET_MATERIALIZATION_PLANNED or record.asset_key is None:
                continue
            failure = errors.get(record.event_log_entry.step_key)
            for partition in _partitions(record):
                if (record.asset_key, partition) in written:
                    continue
                state = RunState.FAIL if failure and kind is DagsterEventType.RUN_FAILURE else RunState.ABORT
                at = failure.timestamp if failure else end.timestamp
                stored = Stored(end.storage_id, end.run_id, _key(record), partition, at)
                found.append(runs.ended(stored, state, _message(failure)))
    return found, handled


def _run_ends(log: EventLog, kind: DagsterEventType, after: int, upto: int) -> Iterator[EventLogRecord]:
    cursor: str | None = None
    while True:
        log.queries += 1
        page = log.instance.fetch_run_status_changes(
            RunStatusChangeRecordsFilter(kind, after_storage_id=after, before_storage_id=upto + 1),  # type: ignore[arg-type]
            limit=_PAGE,
            cursor=cursor,
            ascending=True,
        )
        yield from page.records
        if not page.has_more:
            return
        cursor = page.cursor


def _key(record: EventLogRecord) -> AssetKey:
    assert record.asset_key is not None
    return record.asset_key


def _partitions(record: EventLogRecord) -> list[str | None]:
    event = record.event_log_entry.dagster_event
    data = event.asset_materialization_planned_data if event else None
    if data is not None and data.partitions_subset is not None:
        return [str(k) for k in data.partitions_subset.get_partition_keys()]
    return [record.partition_key or None]


def _message(failure: EventLogRecord | None) -> str | None:
    event = failure.event_log_entry.dagster_event if failure else None
    if event is None:
        return None
    error = event.step_failure_data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return f"{error.cls_name}: {error.message}".strip() if error else event.message
