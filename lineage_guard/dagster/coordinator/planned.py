"""What a run will make before it trains: decided on declarations, as nothing of it exists yet.

The coordinator is asked before the first step. An upstream asset of the same run has no
materialisation that could be read, so its place is taken by what its definition declares and
by the versions it would itself read now.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import dagster as dg

from lineage_guard.dagster.coordinator.scope import Partitions
from lineage_guard.dagster.declare import declaration_of
from lineage_guard.dagster.events import Entry, EventLog, name_of
from lineage_guard.dagster.pins.facts import Graph, Read
from lineage_guard.dagster.pins.mapping import mapped
from lineage_guard.dagster.pins.resolve import Pins
from lineage_guard.dagster.pins.step import StepInputs, upcoming
from lineage_guard.domain.facts import Influence, Input, Pin, Production, Version
from lineage_guard.domain.verdict.runs import ParentRun, asset_run_id


@dataclass(frozen=True)
class Plan:
    """A training asset of a run, and what the run makes on the way to it.

    Attributes:
        target: what would be trained.
        planned: by version, how the run will make it.
        reads: what exists already and would be read, by any of them.
        blind: what could not be seen, one sentence each.
    """

    target: Production
    planned: Mapping[Version, Production]
    reads: tuple[Read, ...]
    blind: tuple[str, ...]


class AskedOnce(EventLog):
    """The event log as of one submission: what Dagster keeps of an asset is read once, for all of them together."""

    def __init__(self, instance: dg.DagsterInstance) -> None:
        super().__init__(instance)
        self._known: dict[dg.AssetKey, Entry] = {}

    def entries(self, keys: Collection[dg.AssetKey]) -> dict[dg.AssetKey, Entry]:
        """See ``EventLog``."""
        missing = [key for key in keys if key not in self._known]
        if missing:
            self._known.update(super().entries(missing))
        return {key: self._known[key] for key in keys}


class Planner:
    """Plans the assets of one run.

    Args:
        log: the event log.
        pins: resolves versions.
        graph: the asset graph of the workspace.
        parent: the run.
        created: when it was created.
        makes: what it writes.
        now: the time (timezone-aware UTC).
    """

    def __init__(
        self,
        log: EventLog,
        pins: Pins,
        graph: Graph,
        parent: ParentRun,
        created: datetime,
        makes: Mapping[dg.AssetKey, Partitions],
        now: datetime,
    ) -> None:
        self._log = log
        self._pins = pins
        self._graph = graph
        self._parent = parent
        self._created = created
        self._makes = makes
        self._now = now
        self._head = log.head()
        parents = {k for each in makes for k in graph.get(each).parent_keys}
        log.entries([k for k in sorted(parents) if graph.has(k) and graph.get(k).partitions_def is None])

    def plan(self, key: dg.AssetKey, partitions: Partitions) -> Plan:
        """What would be trained, and from what.

        Args:
            key: the training asset.
            partitions: what would be written of it.
        """
        target, existing, blind, waits = self._step(key, partitions)
        planned: dict[Version, Production] = {}
        done = {key}
        todo = list(waits)
        while todo:
            each = todo.pop()
            if each in done:
                continue
            done.add(each)
            made, reads, more, waits = self._step(each, self._makes[each])
            planned.update(dict.fromkeys(made.outputs, made))
            existing += reads
            blind += more
            todo += waits
        reads = tuple({r.version: r for r in existing}.values())
        return Plan(target, planned, reads, tuple(dict.fromkeys(blind)))

    def versions(self, key: dg.AssetKey, partitions: Partitions) -> tuple[Version, ...]:
        """The versions that the run would write."""
        name, run, namespace = name_of(key), self._parent.run_id, self._parent.job_namespace
        return tuple(Version(namespace, name, p, asset_run_id(run, name, p, self._created)) for p in partitions)

    def _step(
        self, key: dg.AssetKey, partitions: Partitions
    ) -> tuple[Production, list[Read], list[str], list[dg.AssetKey]]:
        outputs = self.versions(key, partitions)
        step = upcoming(key, outputs, self._pins, self._graph, self._now, self._head, self._parent)
        influences = {i.version: i.influence for i in step.target.inputs}
        read_too = {r.version for r in step.reads}
        inputs: dict[Version, Input] = {i.version: i for i in step.target.inputs if i.version not in read_too}
        existing: list[Read] = []
        waits: dict[dg.AssetKey, None] = {}
        for read in step.reads:
            mine = read.key != key and self._will_make(read)
            if mine:
                waits[read.key] = None
            elif not (read.version.run is None and self._makes_any(key, read, partitions)):
                existing.append(read)
                inputs[read.version] = Input(read.version, influences[read.version], read.pin)
        for parent in {r.key: None for r in step.reads if r.key != key and r.key in self._makes}:
            for version in self._replacing(key, partitions, parent, step):
                waits[parent] = None
                inputs[version] = Input(version, self._influence(key, parent), Pin.EXACT)
        made = replace(step.target, inputs=tuple(inputs.values()))
        return made, existing, list(step.blind), list(waits)

    def _will_make(self, read: Read) -> bool:
        return read.version.partition in self._makes.get(read.key, ())

    def _makes_any(self, key: dg.AssetKey, read: Read, partitions: Partitions) -> bool:
        """Whether a placeholder for something never made stands for what this run makes."""
        return read.key != key and read.key in self._makes and self._all_partitions(key, partitions, read.key)

    def _replacing(
        self, key: dg.AssetKey, partitions: Partitions, parent: dg.AssetKey, step: StepInputs
    ) -> tuple[Version, ...]:
        """The versions of a parent that the run makes and this asset then reads."""
        made = self.versions(parent, self._makes[parent])
        if self._all_partitions(key, partitions, parent):
            return made
        wanted = {r.version.partition for r in step.reads if r.key == parent}
        return tuple(v for v in made if v.partition in wanted)

    def _all_partitions(self, key: dg.AssetKey, partitions: Partitions, parent: dg.AssetKey) -> bool:
        if self._graph.get(parent).partitions_def is None:
            return False
        instance = self._log.instance
        return any(mapped(self._graph, key, p, parent, self._now, instance, live=True).keys is None for p in partitions)

    def _influence(self, key: dg.AssetKey, parent: dg.AssetKey) -> Influence:
        declaration = declaration_of(self._graph.get(key).metadata, name_of(key))
        indirect = declaration.indirect if declaration else ()
        return Influence.INDIRECT if name_of(parent) in indirect else Influence.DIRECT


def read_for_certain(graph: Graph, name: str) -> bool:
    """Whether the host process knows which partitions an asset's runs read.

    Dagster tells it of the partition mappings it ships. One of the user's own looks like none, and
    none means the default.

    Args:
        graph: the asset graph of the workspace.
        name: OpenLineage name of the asset.
    """
    key = dg.AssetKey(name.split("/"))
    if not graph.has(key):
        return False
    node = graph.get(key)
    partitioned = {k for k in node.parent_keys if graph.has(k) and graph.get(k).partitions_def is not None}
    return all(isinstance(node.partition_mappings.get(k), _TOLD) for k in partitioned)


#: A ``MultiPartitionMapping`` is not among them: what maps its dimensions may be anybody's.
_TOLD = (
    dg.AllPartitionMapping,
    dg.IdentityPartitionMapping,
    dg.LastPartitionMapping,
    dg.MultiToSingleDimensionPartitionMapping,
    dg.SpecificPartitionsPartitionMapping,
    dg.StaticPartitionMapping,
    dg.TimeWindowPartitionMapping,
)
