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

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import cast

from dagster import AssetKey, EventLogRecord, GraphDefinition

from lineage_guard.dagster.compat import (
    INPUT_EVENT_POINTER_TAG_PREFIX,
    NULL_EVENT_POINTER,
    AssetNode,
    BaseAssetGraph,
    BaseAssetNode,
)
from lineage_guard.dagster.events import EventLog, RunTimes, Stored, name_of, stored_of, utc
from lineage_guard.dagster.pins_history import History
from lineage_guard.dagster.pins_mapping import ANYTHING, Mapped, mapped
from lineage_guard.domain.facts import Pin, Version
from lineage_guard.domain.runs import asset_run_id

Graph = BaseAssetGraph[BaseAssetNode]


@dataclass(frozen=True, slots=True)
class Read:
    """One version that was or may have been read.

    Attributes:
        version: the version.
        pin: whether it is known to be the one.
        key: the asset.
        stored: its record in the event log; ``None`` when there is none (an external asset,
            or one that was never materialised).
    """

    version: Version
    pin: Pin
    key: AssetKey
    stored: Stored | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """The point of the log at which a step began to read one upstream asset.

    Attributes:
        upto: greatest storage id that was visible.
        older_than: only what happened before this time counts (seconds since the epoch);
            ``None`` when ``upto`` alone is exact.
        exact: whether the cut is the step's own.
    """

    upto: int
    older_than: float | None = None
    exact: bool = True


@dataclass(frozen=True)
class Reading:
    """All that one materialisation read.

    Attributes:
        reads: the versions, each once.
        has_deps: whether it has upstream assets at all.
        notes: what could not be known, one sentence each; any makes the record INCOMPLETE.
    """

    reads: tuple[Read, ...]
    has_deps: bool
    notes: tuple[str, ...] = ()


@dataclass
class _Found:
    """Candidates for one upstream asset while they are gathered."""

    options: dict[str | None, list[Stored]] = field(default_factory=dict[str | None, list[Stored]])

    def add(self, rows: Iterable[Stored], wanted: frozenset[str] | None) -> None:
        for row in rows:
            if wanted is None or row.partition in wanted:
                known = self.options.setdefault(row.partition, [])
                if row not in known:
                    known.append(row)


class Pins:
    """Resolves what materialisations read.

    Args:
        log: the event log.
        history: what is known of it.
        graph: the *full* asset graph of the code location; a step's own graph is pruned to
            its selection and would lose inputs.
        namespace: OpenLineage namespace of this deployment's assets.
    """

    def __init__(self, log: EventLog, history: History, graph: Graph, namespace: str) -> None:
        self._log = log
        self._history = history
        self._graph = graph
        self._namespace = namespace
        self._wiped: dict[AssetKey, float] = {}

    def of_records(self, records: Sequence[EventLogRecord]) -> list[Reading]:
        """What each of these materialisations read, resolved together in few queries."""
        self._history.forget_newest()
        pointers = [pointers_of(r) for r in records]
        self._log.runs(r.run_id for r in records)
        self._history.load(i for p in pointers if p for i in p.values() if i is not None)
        self._history.load_windows(
            (key, cut, record.storage_id)
            for record, p in zip(records, pointers, strict=True)
            for key, cut in (p or {}).items()
            if cut is not None
        )
        parents = {k for p in pointers for k in p or {} if self._partitioned(k)}
        parents |= {k for r, p in zip(records, pointers, strict=True) if p is None for k in self._parents_of(r)}
        wiped = self._log.wiped(parents) if parents else {}
        for key in wiped:
            self._wiped[key] = wiped[key]
        readings = [self._of_record(r, p) for r, p in zip(records, pointers, strict=True)]
        self._log.runs(s.run_id for r in readings for s in _stored(r[0]))
        return [
            Reading(self._named(options, stored_of(record)), bool(has_deps), tuple(notes))
            for record, (options, has_deps, notes) in zip(records, readings, strict=True)
        ]

    def upcoming(self, key: AssetKey, partitions: Sequence[str | None], now: datetime, head: int) -> Reading:
        """What a step that is about to run will read: the newest versions as of ``head``.

        Args:
            key: the asset that would be written.
            partitions: the partitions that would be written; ``[None]`` without partitions.
            now: the time (timezone-aware UTC).
            head: storage id up to which the log counts.
        """
        self._history.forget_newest()
        parents = self._parents(key)
        plain = [p for p in parents if not self._partitioned(p)]
        latest = self._log.latest(plain) if plain else {}
        self._history.add(latest.values())
        found: list[tuple[AssetKey, str | None, list[Stored], bool]] = []
        for parent in parents:
            stored = latest.get(parent)
            if parent in plain and stored is not None and stored.partition is not None:
                # Partitioned where it is made; this code location knows it as a bare external asset.
                found.extend(self._partitions_at(parent, ANYTHING, Cut(head), head + 1, key))
                continue
            if parent in plain:
                found.append((parent, None, [stored] if stored else [], True))
                continue
            for partition in partitions:
                rule = mapped(self._graph, key, partition, parent, now, self._log.instance, live=True)
                found.extend(self._partitions_at(parent, rule, Cut(head), head + 1, key))
        self._log.runs(s.run_id for f in found for s in f[2])
        return Reading(self._named(found, None), bool(parents))

    def version(self, stored: Stored) -> Version:
        """The version that one materialisation wrote."""
        name = name_of(stored.key)
        run = self._log.run(stored.run_id)
        if stored.run_id and run is not None:
            made = asset_run_id(stored.run_id, name, stored.partition, run.created)
        else:
            # Reported from outside a run, or a run since deleted: the record's own place in the log names it.
            parent = stored.run_id or f"{self._log.source}/{stored.storage_id}"
            made = asset_run_id(parent, name, stored.partition, utc(stored.timestamp))
        return Version(self._namespace, name, stored.partition, made)

    def _of_record(
        self, record: EventLogRecord, pointers: dict[AssetKey, int | None] | None
    ) -> tuple[list[tuple[AssetKey, str | None, list[Stored], bool]], bool, list[str]]:
        own = stored_of(record)
        run = self._log.run(own.run_id)
        parents = list(pointers) if pointers is not None else sorted(self._parents(own.key))
        notes: list[str] = []
        found: list[tuple[AssetKey, str | None, list[Stored], bool]] = []
        if pointers is None and parents:
            notes.extend(_unpointed(own, run))
        for parent in self._beyond_virtual(parents):
            pointer = pointers.get(parent) if pointers is not None else None
            pointed = self._history.get(pointer) if pointer is not None else None
            if pointer is not None and pointed is None and not self._observed_only(parent):
                notes.append(f"the event log no longer holds what was newest of {name_of(parent)} when it was read")
            elif self._wiped.get(parent, 0.0) > own.timestamp:
                notes.append(f"{name_of(parent)} was wiped after it was read, and its history with it")
            known = pointers is not None and parent in pointers
            cut = self._cut(own, pointer, pointed, run, known)
            found.extend(self._read(own, parent, cut, pointed))
        return found, bool(parents), notes

    def _cut(self, own: Stored, pointer: int | None, pointed: Stored | None, run: RunTimes | None, known: bool) -> Cut:
        if not known:
            started = run.started if run and run.started is not None else own.timestamp
            return Cut(own.storage_id - 1, older_than=started, exact=False)
        if pointer is None:
            return Cut(-1)
        if self._reads_early(own.key) and run and run.started and not (pointed and pointed.run_id == own.run_id):
            # Dagster notes the pointer when the graph's last op begins; an earlier op did the reading.
            return Cut(pointer, older_than=run.started)
        return Cut(pointer)

    def _read(
        self, own: Stored, parent: AssetKey, cut: Cut, pointed: Stored | None
    ) -> list[tuple[AssetKey, str | None, list[Stored], bool]]:
        if self._partitioned(parent) or (pointed is not None and pointed.partition is not None):
            rule = mapped(self._graph, own.key, own.partition, parent, utc(own.timestamp), self._log.instance)
            return self._partitions_at(parent, rule, cut, own.storage_id, own.key, pointed)
        found = _Found()
        if cut.older_than is None:
            low = pointed
        else:
            low = self._history.latest(parent, {None}, cut.upto, cut.older_than).get(None)
        found.add([low] if low else [], None)
        after = low.storage_id if low and cut.older_than is not None else cut.upto if cut.older_than is None else -1
        found.add(self._history.window(parent, after, own.storage_id), None)
        rows = [s for options in found.options.values() for s in options]
        return [(parent, None, rows, cut.exact and len({s.partition for s in rows}) <= 1)]

    def _partitions_at(
        self, parent: AssetKey, rule: Mapped, cut: Cut, before: int, child: AssetKey, pointed: Stored | None = None
    ) -> list[tuple[AssetKey, str | None, list[Stored], bool]]:
        found = _Found()
        if cut.upto >= 0:
            wanted = rule.keys if rule.keys is not None else None
            lows = self._history.latest(parent, wanted, cut.upto, cut.older_than)
            found.add(lows.values(), rule.keys)
            if pointed is not None:
                # Normally nothing new; when the asset was wiped since, all that is left of its history.
                found.add([pointed] if pointed.partition not in found.options else [], rule.keys)
        else:
            lows = {}
        after = cut.upto if cut.older_than is None else min((s.storage_id for s in lows.values()), default=-1)
        if rule.keys is not None and set(rule.keys) - set(lows):
            after = cut.upto if cut.older_than is None else -1
        found.add(self._history.window(parent, after, before), rule.keys)
        results: list[tuple[AssetKey, str | None, list[Stored], bool]] = [
            (parent, partition, rows, cut.exact and rule.exact) for partition, rows in found.options.items()
        ]
        if rule.keys is None:
            return results or [(parent, None, [], True)]
        if parent != child:
            # A partition that should have been read and was never materialised is a gap. Of an asset's own
            # earlier partitions it is the start of history.
            results.extend((parent, p, [], True) for p in sorted(rule.keys - set(found.options)))
        return results

    def _named(
        self, found: Iterable[tuple[AssetKey, str | None, list[Stored], bool]], own: Stored | None
    ) -> tuple[Read, ...]:
        target = self.version(own) if own else None
        reads: dict[Version, Read] = {}
        for key, partition, rows, exact in found:
            versions = {self.version(s): s for s in rows}
            if target is not None:
                versions.pop(target, None)
            if not rows:
                if own is not None and key == own.key:
                    continue
                outside = self._outside(key)
                gap = Version(self._namespace, name_of(key), None if outside else partition, None)
                reads.setdefault(gap, Read(gap, Pin.EXACT, key))
                continue
            pin = Pin.EXACT if exact and len(versions) == 1 else Pin.CONSERVATIVE
            for version, stored in versions.items():
                before = reads.get(version)
                if before is None or before.pin is Pin.CONSERVATIVE:
                    reads[version] = Read(version, pin, key, stored)
        return tuple(reads.values())

    def _parents_of(self, record: EventLogRecord) -> list[AssetKey]:
        return self._parents(record.asset_key) if record.asset_key else []

    def _parents(self, key: AssetKey) -> list[AssetKey]:
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

    def _observed_only(self, key: AssetKey) -> bool:
        # The pointer of a source that was only ever observed points at an observation.
        return self._outside(key)

    def _reads_early(self, key: AssetKey) -> bool:
        if not self._graph.has(key):
            return False
        node = self._graph.get(key)
        if not isinstance(node, AssetNode):
            return True
        computation = node.assets_def.computation
        return computation is not None and isinstance(computation.full_node_def, GraphDefinition)


def pointers_of(record: EventLogRecord) -> dict[AssetKey, int | None] | None:
    """Dagster's input pointers of a materialisation, by upstream asset.

    Returns:
        ``None`` when the record carries no provenance: it was not written by an asset's step.
    """
    materialization = record.asset_materialization
    tags = (materialization.tags if materialization else None) or {}
    prefix = INPUT_EVENT_POINTER_TAG_PREFIX + "/"
    found = {
        AssetKey.from_user_string(tag[len(prefix) :]): None if value == NULL_EVENT_POINTER else int(value)
        for tag, value in tags.items()
        if tag.startswith(prefix)
    }
    return found if found or "dagster/code_version" in tags else None


def _unpointed(own: Stored, run: RunTimes | None) -> list[str]:
    if not own.run_id:
        return ["it was reported from outside a run, so which versions it read is not known"]
    if run is None or run.started is None:
        return ["its run is no longer on record, so which versions it read is not known"]
    return []


def _stored(found: Iterable[tuple[AssetKey, str | None, list[Stored], bool]]) -> Iterable[Stored]:
    return (s for f in found for s in f[2])


def graph_of(graph: object) -> Graph:
    """The full graph behind a graph that may be pruned to one job or step."""
    return cast("Graph", getattr(graph, "source_asset_graph", graph))
