"""Collection: Dagster's event log becomes OpenLineage events in the ledger.

One way for the sensor, ``lineage-guard sync`` and the gate. Running it twice, or in two
processes at once, changes nothing: the same record gives the same event, and the ledger keeps
an event once.

How far ``collect`` has read is a small state in the ledger. It is not ``ledger.position``:
the gate collects what *it* needs, far ahead of the rest, so the greatest position held says
nothing of what lies below it. Losing the state costs reading again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dagster import AssetKey, DagsterInstance, EventLogRecord

from lineage_guard.dagster.collect.failed import failed_runs, mark
from lineage_guard.dagster.collect.place import state_name, state_of
from lineage_guard.dagster.collect.run import AssetRuns, begun
from lineage_guard.dagster.collect.strangers import remember, returned, stranger
from lineage_guard.dagster.events import EventLog, Stored, name_of, stored_of
from lineage_guard.dagster.pins.history import WIDE, History
from lineage_guard.dagster.pins.inflight import overtaken
from lineage_guard.dagster.pins.recorded import LedgerRecords
from lineage_guard.dagster.pins.resolve import Graph, Pins, Read, Reading, graph_of
from lineage_guard.domain.errors import EventError, LineageGuardError
from lineage_guard.domain.facts import Completeness, Production, Version, union
from lineage_guard.domain.verdict.runs import AssetRun
from lineage_guard.openlineage.encode import event_of

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger

#: Materialisations read, resolved and appended at once.
BATCH = 500
#: Storage ids that are looked at again each time, because PostgreSQL may show a lower id after
#: a higher one. Ids are handed out per event of any kind.
OVERLAP = 5_000

#: By a reader's materialisation, what it may have read though it was logged later.
Late = Mapping[Stored, Sequence[Stored]]


@dataclass(frozen=True, slots=True)
class Collected:
    """What a collection did.

    Attributes:
        source: name of the event log, ``"dagster:<id>"``.
        position: greatest storage id that was read.
        lag: storage ids between there and the end of the log.
        records: materialisations that were read.
        appended: events the ledger did not have before.
        incomplete: productions that were not recorded as COMPLETE.
        queries: reads of the Dagster instance.
        blind: what could not be seen, one sentence each; at the gate any of them blocks.
    """

    source: str
    position: int
    lag: int = 0
    records: int = 0
    appended: int = 0
    incomplete: int = 0
    queries: int = 0
    blind: tuple[str, ...] = ()


class Collector:
    """The parts of a collection, put together once.

    Args:
        instance: the Dagster instance.
        asset_graph: the asset graph; the full one is used when it is pruned to a job.
        ledger: where events go.
        namespace: OpenLineage namespace of this deployment's assets.
        now: the time (timezone-aware UTC).
    """

    def __init__(
        self, instance: DagsterInstance, asset_graph: object, ledger: Ledger, namespace: str, now: datetime
    ) -> None:
        self.log = EventLog(instance)
        self.history = History(self.log)
        self.graph: Graph = graph_of(asset_graph)
        self.pins = Pins(self.log, self.history, self.graph, namespace, LedgerRecords(ledger, namespace))
        self.runs = AssetRuns(self.log, self.pins, self.graph, namespace)
        self.ledger = ledger
        self.namespace = namespace
        self.now = now
        self._steps: dict[str, tuple[str, str]] = {}

    def overtaken(self, written: Sequence[Stored]) -> Late:
        """Readers that may have read some of these materialisations before they were logged."""
        return overtaken(self.log, self.history, self.graph, written)

    def completed(self, wanted: Sequence[Stored], late: Late | None = None) -> tuple[list[AssetRun], list[Read]]:
        """The asset runs behind these materialisations, and everything they read.

        A record that cannot be read becomes an UNKNOWN production; no record stops the rest.

        Args:
            wanted: the materialisations.
            late: what they may have read though it was logged later.
        """
        records = {r.storage_id: r for r in self.log.records([s.storage_id for s in wanted])}
        readable = [records[s.storage_id] for s in wanted if s.storage_id in records]
        runs = [self.runs.unreadable(s, "no such record") for s in wanted if s.storage_id not in records]
        reads: list[Read] = []
        for record, reading in zip(readable, self._readings(readable, late), strict=True):
            try:
                if isinstance(reading, Exception):
                    raise reading
                run = self.runs.completed(record, reading)
                if record.run_id and record.event_log_entry.step_key:
                    self._steps[run.run_id] = (record.run_id, record.event_log_entry.step_key)
                runs.append(run)
                reads.extend(reading.reads)
            except Exception as error:  # noqa: BLE001  one odd record must not hide the others; it counts as a gap
                runs.append(self.runs.unreadable(stored_of(record), f"{type(error).__name__}: {error}"))
        return runs, reads

    def outside(self, keys: Iterable[AssetKey]) -> tuple[list[AssetRun], list[Read]]:
        """What is declared of assets that this deployment does not make."""
        runs: list[AssetRun] = []
        reads: list[Read] = []
        for key in sorted(keys):
            node = self.graph.get(key)
            reading = Reading((), has_deps=bool(node.parent_keys))
            # Whoever reads a view has what lies behind it among its own pins, as it was then.
            if node.parent_keys and not getattr(node, "is_virtual", False):
                reading = self.pins.upcoming(key, [None], self.now, self.log.head())
            runs.append(self.runs.outside(key, reading, self.now))
            reads.extend(reading.reads)
        return runs, reads

    def is_outside(self, read: Read) -> bool:
        """Whether a version was made by nothing in the log, and a definition says what it is."""
        return read.stored is None and self.graph.has(read.key) and not self.graph.get(read.key).is_materializable

    def wants(self, read: Read, known: Production | None) -> bool:
        """Whether a materialisation is worth reading: nothing is on record, or only that somebody did not know."""
        if known is None:
            return True
        ignorant = known.completeness is Completeness.UNKNOWN and known.artefact is None
        return ignorant and not stranger(self.graph, read.key)

    def uncollected(self) -> Late:
        """Readers that may have read something which ``collect`` has not seen yet."""
        head = self.log.head()
        after = max(state_of(self.ledger, self.log.source)[0], head - WIDE)
        rows = self.log.summaries(after=after, before=head + 1)
        self.history.cover(after, head + 1, rows)
        return self.overtaken(rows)

    def started(self, runs: Iterable[AssetRun]) -> list[AssetRun]:
        """The START states of asset runs that this collector completed."""
        found: list[AssetRun] = []
        for run in runs:
            dagster_run, step = self._steps.get(run.run_id, ("", ""))
            at = self.log.step_starts(dagster_run).get(step) if dagster_run else None
            if at is not None:
                found.append(begun(run, at.timestamp))
        return found

    def append(self, runs: Sequence[AssetRun], starts: Sequence[AssetRun] = ()) -> int:
        """Append what says more than the ledger already knows; how many events were new."""
        known = self.ledger.productions([v for r in runs for v in r.production.outputs])
        fresh = [r for r in runs if not _says_no_more(known.get(r.production.outputs[0]), r.production)]
        # Of a run whose end a gate has collected already, no beginning follows: to whom these events are delivered
        # the run would go on for ever.
        ended = {r.run_id for r in fresh}
        said = [*(s for s in starts if s.run_id in ended), *fresh]
        refused: dict[int, EventError] = {}
        new = self.ledger.append([_event(r) for r in said], refused).new if said else 0
        if not refused:
            return new
        # One record that cannot be written down must not keep the others out: what it says is left out, and it
        # says so. Missing provenance is not clean, so whatever is made from it is not either.
        bare = [event_of(_unsayable(said[n], error)) for n, error in refused.items()]
        return new + self.ledger.append(bare).new

    def _readings(self, records: Sequence[EventLogRecord], late: Late | None) -> Sequence[Reading | Exception]:
        try:
            return self.pins.of_records(records, late)
        except Exception:  # noqa: BLE001  find the odd one by resolving one at a time
            readings: list[Reading | Exception] = []
            for record in records:
                try:
                    readings.extend(self.pins.of_records([record], late))
                except Exception as error:  # noqa: BLE001
                    readings.append(error)
            return readings


def collect(
    instance: DagsterInstance,
    asset_graph: object,
    ledger: Ledger,
    *,
    namespace: str,
    now: datetime,
    limit: int | None = None,
) -> Collected:
    """Bring everything new in Dagster's event log into the ledger.

    Args:
        instance: the Dagster instance.
        asset_graph: the asset graph of the code location.
        ledger: where events go.
        namespace: OpenLineage namespace of this deployment's assets.
        now: the time (timezone-aware UTC).
        limit: most materialisations to read; ``None`` for all there are.

    Returns:
        What was done. ``lag`` is above 0 when ``limit`` ended it early.

    Raises:
        LedgerError: when the ledger cannot be read or written. What was appended before stays.

    Example:
        >>> collect(instance, defs.resolve_asset_graph(), ledger, namespace="default",
        ...         now=datetime.now(UTC)).lag                      # doctest: +SKIP
        0
    """
    collector = Collector(instance, asset_graph, ledger, namespace, now)
    log, history = collector.log, collector.history
    position, seen = state_of(ledger, log.source)
    head = log.head()
    # SQLite hands an id out again when the newest run was deleted.
    position = min(position, head)
    since = max(-1, position - OVERLAP)
    total = Collected(log.source, position)
    late = log.summaries(after=since, before=position + 1) if position >= 0 else []
    history.cover(since, position + 1, late)
    todo = [s for s in late if mark(s.storage_id, s.run_id) not in seen]
    todo += [s for s in returned(ledger, log, collector.graph) if s not in todo]
    while True:
        room = BATCH if limit is None else min(BATCH, limit - total.records)
        if room <= 0:
            break
        page = log.summaries(after=position, before=head + 1, limit=room)
        upto = page[-1].storage_id if len(page) == room else head
        history.cover(position, upto + 1, page)
        batch = [*todo, *(s for s in page if s not in todo)]
        ids = {s.storage_id for s in batch}
        overtook = collector.overtaken(batch)
        again = [s for s in overtook if s.storage_id not in ids]
        runs, reads = collector.completed([*batch, *again], overtook)
        new_runs = [r for r in runs if r.source and r.source[1] in ids]
        outside = {r.key for r in reads if collector.is_outside(r)}
        failures, failed_ids = failed_runs(log, collector.runs, since, upto, seen)
        new = collector.append([*collector.outside(outside)[0], *runs, *failures], collector.started(new_runs))
        seen |= {mark(s.storage_id, s.run_id) for s in batch} | failed_ids
        total = replace(
            total,
            position=upto,
            records=total.records + len(batch),
            appended=total.appended + new,
            incomplete=total.incomplete + sum(r.production.completeness is not Completeness.COMPLETE for r in runs),
        )
        if upto > position or batch or failed_ids:
            position = upto
            held = ledger.position(log.source)
            seen = {i for i in seen if int(i.partition(" ")[0]) > position - OVERLAP}
            remember(ledger, log, collector.graph, runs, {s.key for s in todo})
            ledger.store(state_name(log.source), {"position": position, "held": held, "seen": sorted(seen)})
        todo = []
        since = position
        if len(page) < room:
            break
    return replace(total, lag=max(0, head - position), queries=log.queries)


def collect_upstream(
    instance: DagsterInstance,
    asset_graph: object,
    ledger: Ledger,
    inputs: Iterable[Read],
    *,
    namespace: str,
    now: datetime,
) -> Collected:
    """Bring what the ledger lacks of some versions' upstream into it, whatever the sensor is doing.

    Breadth first: each level is read from the event log in one go, and everything is appended
    at the end in one piece, so a version in the ledger always has its upstream there too.

    Args:
        instance: the Dagster instance.
        asset_graph: the asset graph; the full one is used when it is pruned to a job.
        ledger: where events go.
        inputs: the versions, as ``step_inputs`` gave them.
        namespace: OpenLineage namespace of this deployment's assets.
        now: the time (timezone-aware UTC).

    Returns:
        What was done; ``blind`` names what could not be seen.

    Raises:
        LedgerError: when the ledger cannot be read or written.
    """
    collector = Collector(instance, asset_graph, ledger, namespace, now)
    overtook: Late = {}
    runs: list[AssetRun] = []
    blind: list[str] = []
    visited: set[Version] = set()
    records = 0
    level = list(inputs)
    try:
        overtook = collector.uncollected()
        more, reads = collector.completed(list(overtook), overtook)
        runs = list(more)
        level.extend(reads)
    except LineageGuardError:
        raise
    except Exception as error:  # noqa: BLE001  the same
        blind.append(f"Dagster's event log could not be searched for writes in flight: {type(error).__name__}: {error}")
    while level:
        fresh = {r.version: r for r in level if r.version not in visited}
        visited.update(fresh)
        known = ledger.productions([v for v, r in fresh.items() if r.stored is not None])
        wanted = [r.stored for v, r in fresh.items() if r.stored is not None and collector.wants(r, known.get(v))]
        outside = {r.key for r in fresh.values() if collector.is_outside(r)}
        level = []
        try:
            more, reads = collector.completed(wanted, overtook) if wanted else ([], [])
            declared, behind = collector.outside(outside)
        except LineageGuardError:
            raise
        except Exception as error:  # noqa: BLE001  whatever keeps the log from being read is a finding, not a crash
            names = ", ".join(sorted({name_of(r.key) for r in fresh.values()}))
            blind.append(f"Dagster's event log could not be read for {names}: {type(error).__name__}: {error}")
            break
        runs = [*more, *declared, *runs]
        records += len(more)
        level = [*reads, *behind]
    new = collector.append(runs) if runs else 0
    return Collected(
        source=collector.log.source,
        position=max((r.source[1] for r in runs if r.source), default=-1),
        records=records,
        appended=new,
        incomplete=sum(r.production.completeness is not Completeness.COMPLETE for r in runs),
        queries=collector.log.queries,
        blind=tuple(blind),
    )


def _event(run: AssetRun) -> dict[str, Any]:
    try:
        return event_of(run)
    except EventError as error:
        return event_of(_unsayable(run, error))


def _unsayable(run: AssetRun, error: EventError) -> AssetRun:
    """The same run without what could not be written down."""
    note = f"what its record declares cannot be written down ({error.what})"
    production = Production(
        run.production.outputs, run.production.inputs, completeness=Completeness.INCOMPLETE, note=note
    )
    return AssetRun(
        run.run_id, run.state, run.at, run.job_namespace, run.job_name, production, run.parent, source=run.source
    )


def _says_no_more(known: Production | None, new: Production) -> bool:
    if known is None:
        return False
    both = union([known, new])
    return (
        set(both.inputs) == set(known.inputs)
        and set(both.models) == set(known.models)
        and set(both.licenses) == set(known.licenses)
        and (both.completeness, both.produced_at, both.artefact)
        == (known.completeness, known.produced_at, known.artefact)
    )
