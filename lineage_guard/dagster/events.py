"""Dagster's event log as the guard reads it: in batches, by storage id, each query counted.

Dagster's own log is the durable record of what was materialised, so everything read here can
be read again. Facts about it that the code below rests on (dagster 1.13):

- Storage ids grow within one instance. Asset events and run status events share one sequence
  (the whole table on PostgreSQL, the ``index`` shard on SQLite); step events of SQLite live in
  a file per run and have ids of their own.
- PostgreSQL hands out an id before the transaction commits, so a lower id can become visible
  after a higher one.
- A query with an asset key hides what was wiped; a query by storage id does not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from dagster import (
    AssetKey,
    DagsterEventType,
    DagsterInstance,
    EventLogRecord,
    EventRecordsFilter,
    RunsFilter,
    RunStatusChangeRecordsFilter,
)

from lineage_guard.dagster import compat

if TYPE_CHECKING:
    from dagster import RunRecord

#: Rows per query: below SQLite's limit on bound variables (32,766 since 3.32, 999 before).
CHUNK = 900
#: Seconds between the starts of two runs above which they are looked up apart.
_APART = 3600.0
_PAGE = 1_000
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Stored:
    """One materialisation, as the log's index columns describe it.

    Attributes:
        storage_id: its position in the log.
        run_id: Dagster run that wrote it; empty for one reported from outside a run.
        key: the asset.
        partition: partition key, or ``None``.
        timestamp: seconds since the epoch.
    """

    storage_id: int
    run_id: str
    key: AssetKey
    partition: str | None
    timestamp: float


@dataclass(frozen=True, slots=True)
class Entry:
    """What Dagster keeps of one asset as a whole. Deleting a run takes its events, but not this.

    Attributes:
        last: the newest materialisation, which the log may no longer hold.
        wiped: when it was last wiped, seconds since the epoch; 0 for never. Queries by asset do
            not show what is older. An asset that has no entry left counts as wiped just now.
    """

    last: Stored | None
    wiped: float


@dataclass(frozen=True, slots=True)
class RunTimes:
    """When a Dagster run was created and started, and which job it ran.

    Attributes:
        created: when the run was created (timezone-aware UTC).
        started: when it started, seconds since the epoch; ``None`` when it has not.
        job_name: name of the job.
    """

    created: datetime
    started: float | None
    job_name: str


class Began(NamedTuple):
    """The start of a step.

    Attributes:
        storage_id: of its event; comparable to those of materialisations on ``one_sequence`` only.
        timestamp: seconds since the epoch, by the clock of the host it ran on.
    """

    storage_id: int
    timestamp: float


def name_of(key: AssetKey) -> str:
    """The OpenLineage dataset name of an asset: its path joined with ``/``.

    Example:
        >>> name_of(AssetKey(["curation", "instructions"]))
        'curation/instructions'
    """
    return "/".join(key.path)


class EventLog:
    """Reads one Dagster instance. Not thread-safe; make one per collection.

    Attributes:
        instance: the Dagster instance.
        queries: how many reads were made so far.
    """

    def __init__(self, instance: DagsterInstance) -> None:
        self.instance = instance
        self.queries = 0
        self._runs: dict[str, RunTimes | None] = {}
        self._starts: dict[str, dict[str, Began]] = {}
        self._start_ids: dict[str, int] = {}
        self._source: str | None = None

    @property
    def source(self) -> str:
        """Name of this log among all producers, ``"dagster:<id>"``; the same in every process."""
        if self._source is None:
            # Brings SQLAlchemy and Alembic, over a second, and a code location should load without them.
            from dagster._core.storage.runs.sql_run_storage import SqlRunStorage

            storage = self.instance.run_storage
            if isinstance(storage, SqlRunStorage):
                self.queries += 2
                # Two processes that come first may both insert an id; a second read sees the one that stays.
                storage.get_run_storage_id()
                self._source = f"dagster:{storage.get_run_storage_id()}"
            else:
                self._source = "dagster:default"
        return self._source

    def head(self) -> int:
        """The greatest storage id in the log; ``-1`` when it is empty."""
        self.queries += 1
        newest = compat.event_storage(self.instance).get_maximum_record_id()
        return -1 if newest is None else newest

    def summaries(
        self,
        *,
        key: AssetKey | None = None,
        after: int | None = None,
        before: int | None = None,
        limit: int = 0,
        ascending: bool = True,
    ) -> list[Stored]:
        """Materialisations with ``after < storage id < before``, without their payload."""
        self.queries += 1
        storage = compat.event_storage(self.instance)
        if not hasattr(storage, "get_asset_event_summary_records"):  # it is there since Dagster 1.13.26
            wanted = EventRecordsFilter(
                DagsterEventType.ASSET_MATERIALIZATION, key, after_cursor=after, before_cursor=before
            )
            return [stored_of(r) for r in storage.get_event_records(wanted, limit or None, ascending)]
        rows = storage.get_asset_event_summary_records(
            DagsterEventType.ASSET_MATERIALIZATION,
            asset_key=key,
            after_storage_id=after,
            before_storage_id=before,
            limit=limit or None,
            ascending=ascending,
        )
        return [Stored(r.storage_id, r.run_id or "", r.asset_key, _plain(r.partition), r.timestamp) for r in rows]

    def summaries_by_id(self, storage_ids: Collection[int]) -> dict[int, Stored]:
        """The materialisations with these storage ids, those that were wiped since included."""
        if not hasattr(compat.event_storage(self.instance), "get_asset_event_summary_records"):
            return {r.storage_id: stored_of(r) for r in self.records(storage_ids)}
        found: dict[int, Stored] = {}
        for chunk in _chunks(sorted(storage_ids)):
            self.queries += 1
            rows = compat.event_storage(self.instance).get_asset_event_summary_records(
                DagsterEventType.ASSET_MATERIALIZATION, storage_ids=chunk
            )
            for r in rows:
                found[r.storage_id] = Stored(
                    r.storage_id, r.run_id or "", r.asset_key, _plain(r.partition), r.timestamp
                )
        return found

    def records(self, storage_ids: Collection[int]) -> list[EventLogRecord]:
        """The materialisations with these storage ids, with their payload, ascending."""
        found: list[EventLogRecord] = []
        for chunk in _chunks(sorted(storage_ids)):
            self.queries += 1
            found.extend(
                compat.event_storage(self.instance).get_event_records(
                    EventRecordsFilter(DagsterEventType.ASSET_MATERIALIZATION, storage_ids=chunk), ascending=True
                )
            )
        return found

    def latest_ids(self, key: AssetKey, partitions: Collection[str] | None) -> dict[str, int]:
        """The newest storage id of each partition of an asset, now.

        Args:
            key: the asset.
            partitions: which ones; ``None`` for every partition that was ever materialised.
        """
        storage = compat.event_storage(self.instance)
        if partitions is None:
            self.queries += 1
            return dict(storage.get_latest_storage_id_by_partition(key, DagsterEventType.ASSET_MATERIALIZATION))
        found: dict[str, int] = {}
        for chunk in _chunks(sorted(partitions)):
            self.queries += 1
            found.update(
                storage.get_latest_storage_id_by_partition(
                    key, DagsterEventType.ASSET_MATERIALIZATION, partitions=set(chunk)
                )
            )
        return found

    def entries(self, keys: Collection[AssetKey]) -> dict[AssetKey, Entry]:
        """What Dagster keeps of each asset as a whole, whatever became of the events.

        Args:
            keys: the assets.
        """
        found = {key: Entry(None, inf) for key in keys}
        for chunk in _chunks(sorted(found)):
            self.queries += 1
            for record in self.instance.get_asset_records(chunk):
                entry, details = record.asset_entry, record.asset_entry.asset_details
                last = entry.last_materialization_record
                wiped = details.last_wipe_timestamp if details is not None else None
                found[entry.asset_key] = Entry(stored_of(last) if last is not None else None, wiped or 0.0)
        return found

    @property
    def one_sequence(self) -> bool:
        """Whether step events share their ids with materialisations; on SQLite they do not."""
        from dagster._core.storage.event_log import SqliteEventLogStorage

        return not isinstance(compat.event_storage(self.instance), SqliteEventLogStorage)

    def step_starts(self, run_id: str) -> dict[str, Began]:
        """When each step of a run first began, by step key. One query per run."""
        if run_id not in self._starts:
            self.queries += 1
            starts = self._starts[run_id] = {}
            for record in self.instance.get_records_for_run(run_id, of_type=DagsterEventType.STEP_START).records:
                if record.event_log_entry.step_key:
                    starts.setdefault(record.event_log_entry.step_key, Began(record.storage_id, record.timestamp))
        return self._starts[run_id]

    def start_ids(self, run_ids: Iterable[str]) -> dict[str, int]:
        """Where in the log runs started: an order that holds whatever the clocks of the hosts say.

        Args:
            run_ids: Dagster runs.

        Returns:
            Storage id of the start of each run; one that is not on record or has not started is not in it.
        """
        wanted = {r for r in run_ids if r}
        self.runs(wanted)
        starts = sorted(
            (t.started, r) for r in wanted - set(self._start_ids) if (t := self._runs.get(r)) and t.started is not None
        )
        while starts:
            near = [starts.pop(0)]
            while starts and starts[0][0] - near[-1][0] < _APART:
                near.append(starts.pop(0))
            self._find_starts({run for _, run in near}, near[0][0] - 1, near[-1][0] + 1)
        return {r: self._start_ids[r] for r in wanted if r in self._start_ids}

    def _find_starts(self, run_ids: set[str], after: float, before: float) -> None:
        cursor: str | None = None
        while True:
            self.queries += 1
            page = self.instance.fetch_run_status_changes(
                RunStatusChangeRecordsFilter(
                    DagsterEventType.RUN_START, after_timestamp=after, before_timestamp=before
                ),
                limit=_PAGE,
                cursor=cursor,
                ascending=True,
            )
            self._start_ids.update({r.run_id: r.storage_id for r in page.records if r.run_id in run_ids})
            if not page.has_more:
                return
            cursor = page.cursor

    def runs(self, run_ids: Iterable[str]) -> None:
        """Load what is known of these runs in one query; ``run`` then answers from memory."""
        wanted = sorted({r for r in run_ids if r and r not in self._runs})
        for chunk in _chunks(wanted):
            self.queries += 1
            self._runs.update(dict.fromkeys(chunk))
            for record in self.instance.get_run_records(RunsFilter(run_ids=chunk)):
                self._runs[record.dagster_run.run_id] = _times(record)

    def run(self, run_id: str) -> RunTimes | None:
        """What is known of one run; ``None`` when the instance no longer has it."""
        if run_id and run_id not in self._runs:
            self.runs([run_id])
        return self._runs.get(run_id)


def stored_of(record: EventLogRecord) -> Stored:
    """The index columns of a full record.

    Raises:
        ValueError: when the record is of no asset.
    """
    key = record.asset_key
    if key is None:
        raise ValueError(f"record {record.storage_id} is of no asset")
    return Stored(record.storage_id, record.run_id, key, _plain(record.partition_key), record.timestamp)


def _plain(partition: str | None) -> str | None:
    """A partition key as nothing but text: Dagster's key of several dimensions is a class of its own."""
    return str(partition) if partition else None


def utc(timestamp: float) -> datetime:
    """Seconds since the epoch as a timezone-aware UTC datetime."""
    return datetime.fromtimestamp(timestamp, UTC)


def _times(record: RunRecord) -> RunTimes:
    created = record.create_timestamp
    created = created.replace(tzinfo=UTC) if created.tzinfo is None else created.astimezone(UTC)
    return RunTimes(created, record.start_time, record.dagster_run.job_name)


def _chunks(items: Sequence[_T]) -> Iterable[list[_T]]:
    return (list(items[i : i + CHUNK]) for i in range(0, len(items), CHUNK))
