"""Pins: the exact versions that a materialisation read, or every one it may have read.

Dagster notes on each materialisation, per upstream asset, the storage id that was newest when
the step began (tag ``dagster/input_event_pointer/<asset>``). For a partitioned upstream that
id belongs to *some* partition, so it is not what was read. It is an exact cut through the
upstream asset's history, though, the same in every process and free of clocks. So:

    versions at the cut (of the partitions that the partition mapping names)
    + whatever was materialised between the cut and the output itself

One candidate per partition is an exact pin. More than one means that the step may have read
any of them, and all are kept as CONSERVATIVE.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from dagster import AssetKey, EventLogRecord

from lineage_guard.dagster.declare import APPEND, declared_writes
from lineage_guard.dagster.events import Entry, EventLog, RunTimes, Stored, name_of, stored_of, utc
from lineage_guard.dagster.pins.facts import Cut as Cut
from lineage_guard.dagster.pins.facts import Found, Option, reads_early, unpointed, writes_of
from lineage_guard.dagster.pins.facts import Graph as Graph
from lineage_guard.dagster.pins.facts import Read as Read
from lineage_guard.dagster.pins.facts import Reading as Reading
from lineage_guard.dagster.pins.facts import graph_of as graph_of
from lineage_guard.dagster.pins.facts import pointers_of as pointers_of
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.mapping import ANYTHING, Mapped, mapped
from lineage_guard.dagster.pins.recorded import NothingRecorded, Recorded, declared_version
from lineage_guard.domain.facts import Pin, Version
from lineage_guard.domain.verdict.runs import asset_run_id, is_declared


class Pins:
    """Resolves what materialisations read.

    Args:
        log: the event log.
        history: what is known of it.
        graph: the *full* asset graph of the code location; a step's own graph is pruned to
            its selection and would lose inputs.
        namespace: OpenLineage namespace of this deployment's assets.
        recorded: what the ledger knows, for what the log has lost.
    """

    def __init__(
        self, log: EventLog, history: History, graph: Graph, namespace: str, recorded: Recorded | None = None
    ) -> None:
        self.log = log
        self.history = history
        self._graph = graph
        self._namespace = namespace
        self._recorded: Recorded = recorded or NothingRecorded()
        self._entries: dict[AssetKey, Entry] = {}

    def of_records(
        self, records: Sequence[EventLogRecord], late: Mapping[Stored, Sequence[Stored]] | None = None
    ) -> list[Reading]:
        """What each of these materialisations read, resolved together in few queries.

        Args:
            records: the materialisations.
            late: what each may have read though it was logged later; see ``pins_inflight``.
        """
        self.history.forget_newest()
        # By id: the log's index columns and its payload may round one time differently.
        overtook = {s.storage_id: rows for s, rows in (late or {}).items()}
        pointers = [pointers_of(r) for r in records]
        self.log.runs(r.run_id for r in records)
        self.log.start_ids(r.run_id for r, p in zip(records, pointers, strict=True) if self._starts_early(r, p))
        parents = {k for p in pointers for k in p or {}}
        parents |= {k for r, p in zip(records, pointers, strict=True) if p is None for k in self._parents_of(r)}
        self._entries = self.log.entries(
            {*parents, *(r.asset_key for r in records if self._appends(r) and r.asset_key)}
        )
        newest = [e.last.storage_id for e in self._entries.values() if e.last is not None]
        self.history.load([*newest, *(i for p in pointers if p for i in p.values() if i is not None)])
        self.history.load_windows(
            (key, cut, record.storage_id)
            for record, p in zip(records, pointers, strict=True)
            for key, cut in (p or {}).items()
            if cut is not None
        )
        readings = [
            self._of_record(r, p, overtook.get(r.storage_id, ())) for r, p in zip(records, pointers, strict=True)
        ]
        self.log.runs(i for r in readings for i in _run_ids(r[0]))
        return [
            Reading(self._named(options, stored_of(record)), bool(has_deps), tuple(notes))
            for record, (options, has_deps, notes) in zip(records, readings, strict=True)
        ]

    def upcoming(
        self,
        key: AssetKey,
        partitions: Sequence[str | None],
        now: datetime,
        head: int,
        loaded: Mapping[AssetKey, int] | None = None,
    ) -> Reading:
        """What a step that is about to run will read: the newest versions as of ``head``.

        Dagster loads the inputs of a step before its code runs, and the gate stands in that code. What was
        newest when they were loaded may be what was read, so it counts beside all that came since.

        Args:
            key: the asset that would be written.
            partitions: the partitions that would be written; ``[None]`` without partitions.
            now: the time (timezone-aware UTC).
            head: storage id up to which the log counts.
            loaded: storage id up to which each upstream asset's history went when the step's inputs were
                loaded; an asset that is not named counts up to ``head`` only.
        """
        self.history.forget_newest()
        parents = self.parents(key)
        appends = self._graph.has(key) and declared_writes(self._graph.get(key).metadata) == APPEND
        plain = [p for p in parents if not self._partitioned(p)]
        self._entries = self.log.entries([*plain, *([key] if appends else [])])
        latest = {k: e.last for k, e in self._entries.items() if e.last is not None and k in plain}
        self.history.add(latest.values())
        found: list[Option] = []
        for partition in partitions if appends else ():
            found.extend(self._own_past(key, partition, head + 1, now))
        for parent in parents:
            start = min((loaded or {}).get(parent, head), head)
            stored = latest.get(parent)
            if parent in plain and stored is not None and stored.partition is not None:
                # Partitioned where it is made; this code location knows it as a bare external asset.
                found.extend(self._partitions_at(parent, ANYTHING, Cut(start), head + 1, key, now))
                continue
            if parent in plain:
                rows = self._since(parent, stored, start, head)
                absent = bool(rows) and all(s.storage_id > start for s in rows)
                found.append(Option(parent, None, rows, True, absent=absent))
                continue
            for partition in partitions:
                rule = mapped(self._graph, key, partition, parent, now, self.log.instance, live=True)
                found.extend(self._partitions_at(parent, rule, Cut(start), head + 1, key, now))
        self.log.runs(_run_ids(found))
        return Reading(self._named(found, None), any(p != key for p in parents))

    def _since(self, parent: AssetKey, newest: Stored | None, start: int, head: int) -> list[Stored]:
        """The newest of an unpartitioned asset, and what was newest or came when inputs were loaded at ``start``."""
        if newest is None or newest.storage_id <= start:
            return [newest] if newest else []
        before = self.history.latest(parent, {None}, start).get(None) if start >= 0 else None
        return list(dict.fromkeys([*([before] if before else []), *self.history.window(parent, start, head + 1)]))

    def version(self, stored: Stored) -> Version:
        """The version that one materialisation wrote."""
        name = name_of(stored.key)
        run = self.log.run(stored.run_id)
        if stored.run_id and run is not None:
            made = asset_run_id(stored.run_id, name, stored.partition, run.created)
        elif stored.run_id and (known := self._survivor(stored)) is not None:
            made = known
        else:
            # Reported from outside a run, or a run since deleted: the record's own place in the log names it.
            parent = stored.run_id or f"{self.log.source}/{stored.storage_id}"
            made = asset_run_id(parent, name, stored.partition, utc(stored.timestamp))
        return Version(self._namespace, name, stored.partition, made)

    def declared(self, key: AssetKey) -> Version:
        """The version of an asset made outside this deployment, as it is declared today."""
        return declared_version(self._graph.get(key), self._namespace)

    def _of_record(
        self, record: EventLogRecord, pointers: dict[AssetKey, int | None] | None, late: Sequence[Stored]
    ) -> tuple[list[Option], bool, list[str]]:
        own = stored_of(record)
        run = self.log.run(own.run_id)
        parents = list(pointers) if pointers is not None else sorted(self.parents(own.key))
        notes: list[str] = []
        found: list[Option] = []
        if pointers is None and parents:
            notes.extend(unpointed(own, run))
        for parent in self._beyond_virtual(parents):
            pointer = pointers.get(parent) if pointers is not None else None
            pointed = self.history.get(pointer) if pointer is not None else None
            entry = self._entries.get(parent)
            if pointer is not None and pointed is None and not self._outside(parent):
                # The pointer of a source that was only ever observed points at an observation.
                if entry and entry.last and entry.last.storage_id == pointer and self._survivor(entry.last):
                    pointed = entry.last
                else:
                    notes.append(f"the event log no longer holds what was newest of {name_of(parent)} when it was read")
            elif entry is not None and entry.wiped > own.timestamp and (self._partitioned(parent) or pointers is None):
                notes.append(f"{name_of(parent)} was wiped after it was read, and its history with it")
            known = pointers is not None and parent in pointers
            cut = self._cut(own, pointer, pointed, run, known)
            found.extend(self._read(own, parent, cut, pointed))
            found.extend(self._overtaken(own, parent, late))
        if self._appends(record):
            past = self._own_past(own.key, own.partition, own.storage_id, utc(own.timestamp))
            entry = self._entries.get(own.key)
            if not past and entry is not None and 0 < entry.wiped < own.timestamp:
                notes.append("it was appended to what was there, and the history of that was wiped")
            found.extend(past)
        return found, any(p != own.key for p in parents), notes

    def _own_past(self, key: AssetKey, partition: str | None, before: int, until: datetime) -> list[Option]:
        """What an asset held that is appended to: its version before, which holds the one before that."""
        rows = list(self.history.latest(key, {partition}, before - 1).values())
        kept = self._kept(key, partition, rows, until)
        return [Option(key, partition, rows, True, kept)] if rows or kept else []

    def _appends(self, record: EventLogRecord) -> bool:
        return writes_of(record, self._graph) == APPEND

    def _overtaken(self, own: Stored, parent: AssetKey, late: Sequence[Stored]) -> list[Option]:
        rows = [s for s in late if s.key == parent]
        if not rows:
            return []
        keys = None
        if any(s.partition is not None for s in rows):
            keys = mapped(self._graph, own.key, own.partition, parent, utc(own.timestamp), self.log.instance).keys
        return [Option(parent, s.partition, [s], False) for s in rows if keys is None or s.partition in keys]

    def _survivor(self, stored: Stored) -> str | None:
        """The run of a version whose Dagster run is gone, when the ledger knows it."""
        known = self._recorded.newest(name_of(stored.key)).get(stored.partition)
        return known.version.run if known is not None and known.at == utc(stored.timestamp) else None

    def _kept(
        self, key: AssetKey, partition: str | None, rows: Sequence[Stored], until: datetime
    ) -> tuple[Version, ...]:
        """What the ledger knows to be newer than what the log shows: its run was deleted since."""
        known = self._recorded.newest(name_of(key)).get(partition)
        if known is None or known.at is None or known.at > until or is_declared(known.version.run):
            return ()
        return () if any(utc(s.timestamp) >= known.at for s in rows) else (known.version,)

    def _lost(self, key: AssetKey) -> bool:
        """Whether the newest materialisation of an asset is no longer in the log."""
        entry = self._entries.get(key)
        return entry is not None and entry.last is not None and self.history.get(entry.last.storage_id) is None

    def _cut(self, own: Stored, pointer: int | None, pointed: Stored | None, run: RunTimes | None, known: bool) -> Cut:
        early = reads_early(self._graph, own.key) and not (pointed and pointed.run_id == own.run_id)
        start = self.log.start_ids([own.run_id]).get(own.run_id) if early or not known else None
        if not known:
            if start is not None:
                return Cut(min(start, own.storage_id - 1), exact=False)
            started = run.started if run and run.started is not None else own.timestamp
            return Cut(own.storage_id - 1, older_than=started, exact=False)
        if pointer is None:
            return Cut(-1)
        if early:
            # Dagster notes the pointer when the graph's last op begins; an earlier op did the reading.
            if start is not None:
                return Cut(min(pointer, start))
            return Cut(pointer, older_than=run.started if run and run.started else own.timestamp)
        return Cut(pointer)

    def _read(self, own: Stored, parent: AssetKey, cut: Cut, pointed: Stored | None) -> list[Option]:
        if self._partitioned(parent) or (pointed is not None and pointed.partition is not None):
            rule = mapped(self._graph, own.key, own.partition, parent, utc(own.timestamp), self.log.instance)
            until = utc(own.timestamp)
            return self._partitions_at(parent, rule, cut, own.storage_id, own.key, until, pointed)
        found = Found()
        if cut.older_than is None and cut.exact and (pointed is None or pointed.storage_id <= cut.upto):
            low = pointed
        else:
            low = self.history.latest(parent, {None}, cut.upto, cut.older_than).get(None)
        found.add([low] if low else [], None)
        after = cut.upto if cut.older_than is None else low.storage_id if low else -1
        found.add(self.history.window(parent, after, own.storage_id), None)
        rows = [s for options in found.options.values() for s in options]
        kept = self._kept(parent, None, rows, utc(own.timestamp)) if self._lost(parent) else ()
        exact = cut.exact and len({s.partition for s in rows}) <= 1
        return [Option(parent, None, rows, exact, kept, absent=bool(rows) and low is None and not kept)]

    def _partitions_at(
        self,
        parent: AssetKey,
        rule: Mapped,
        cut: Cut,
        before: int,
        child: AssetKey,
        until: datetime,
        pointed: Stored | None = None,
    ) -> list[Option]:
        found = Found()
        if cut.upto >= 0:
            wanted = rule.keys if rule.keys is not None else None
            lows = self.history.latest(parent, wanted, cut.upto, cut.older_than)
            found.add(lows.values(), rule.keys)
            if pointed is not None:
                # Normally nothing new; when the asset was wiped since, all that is left of its history.
                found.add([pointed] if pointed.partition not in found.options else [], rule.keys)
        else:
            lows = {}
        after = cut.upto if cut.older_than is None else min((s.storage_id for s in lows.values()), default=-1)
        if rule.keys is not None and set(rule.keys) - set(lows):
            after = cut.upto if cut.older_than is None else -1
        found.add(self.history.window(parent, after, before), rule.keys)
        asked: set[str | None] = (
            set(rule.keys or ()) if rule.keys is not None else {*self._recorded.newest(name_of(parent))}
        )
        results: list[Option] = []
        for partition in (*found.options, *sorted(asked - set(found.options), key=str)):
            rows = found.options.get(partition, [])
            kept = self._kept(parent, partition, rows, until)
            # A partition that should have been read and was never materialised is a gap. Of an asset's own
            # earlier partitions it is the start of history.
            if rows or kept or (rule.keys is not None and parent != child):
                came = bool(rows) and all(s.storage_id > cut.upto for s in rows)
                absent = came and not kept and rule.keys is not None and parent != child
                exact = cut.exact and rule.exact and not came
                results.append(Option(parent, partition, rows, exact, kept, absent))
        return results or ([Option(parent, None, [], True)] if rule.keys is None else [])

    def _named(self, found: Iterable[Option], own: Stored | None) -> tuple[Read, ...]:
        target = self.version(own) if own else None
        reads: dict[Version, Read] = {}
        for key, partition, rows, exact, kept, absent in found:
            versions: dict[Version, Stored | None] = {self.version(s): s for s in rows}
            more = [v for v in kept if v not in versions]
            versions.update(dict.fromkeys(more))
            if target is not None:
                versions.pop(target, None)
            if not rows and not kept:
                if own is not None and key == own.key:
                    continue
                versions = dict.fromkeys(self._unmade(key, partition, past=own is not None))
            elif absent:
                versions.update(dict.fromkeys(self._unmade(key, partition, past=own is not None)))
            pin = Pin.EXACT if exact and not more and len(versions) == 1 else Pin.CONSERVATIVE
            for version, stored in versions.items():
                before = reads.get(version)
                if before is None or before.pin is Pin.CONSERVATIVE:
                    reads[version] = Read(version, pin, key, stored)
        return tuple(reads.values())

    def _unmade(self, key: AssetKey, partition: str | None, past: bool) -> list[Version]:
        """What was read of an asset that the log shows no materialisation of."""
        if not self._outside(key):
            return [Version(self._namespace, name_of(key), partition, None)]
        today = self.declared(key)
        known = self._recorded.newest(name_of(key)).get(None) if past else None
        # What is declared has changed since the last collection, before or after the reader ran.
        changed = known is not None and is_declared(known.version.run) and known.version != today
        return [known.version, today] if known is not None and changed else [today]

    def _starts_early(self, record: EventLogRecord, pointers: Mapping[AssetKey, int | None] | None) -> bool:
        """Whether what it read may have been read since its run began."""
        return pointers is None or (record.asset_key is not None and reads_early(self._graph, record.asset_key))

    def _parents_of(self, record: EventLogRecord) -> list[AssetKey]:
        return self.parents(record.asset_key) if record.asset_key else []

    def parents(self, key: AssetKey) -> list[AssetKey]:
        """The assets that an asset reads, and what lies behind those that are only views."""
        return self._beyond_virtual(self._graph.get(key).parent_keys) if self._graph.has(key) else []

    def _beyond_virtual(self, keys: Iterable[AssetKey]) -> list[AssetKey]:
        """The keys, and what lies behind those that are only views."""
        seen: dict[AssetKey, None] = {}
        todo = sorted(keys)
        while todo:
            key = todo.pop(0)
            if key in seen:
                continue
            node = self._graph.get(key) if self._graph.has(key) else None
            seen[key] = None
            if node is not None and getattr(node, "is_virtual", False):
                todo.extend(sorted(node.parent_keys))
        return list(seen)

    def _partitioned(self, key: AssetKey) -> bool:
        return self._graph.has(key) and self._graph.get(key).partitions_def is not None

    def _outside(self, key: AssetKey) -> bool:
        return self._graph.has(key) and not self._graph.get(key).is_materializable


def _run_ids(found: Iterable[Option]) -> Iterable[str]:
    return (s.run_id for f in found for s in f.rows)
