"""What a submitted run would train, and what else it would make on the way there."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.coordinator.config import Training
from lineage_guard.dagster.gate.sign import sign_of
from lineage_guard.dagster.keys import use_of
from lineage_guard.dagster.marks import check_asset_marks, is_ours
from lineage_guard.dagster.pins.facts import Graph
from lineage_guard.domain.errors import ConfigError

Partitions = Sequence[str | None]


@dataclass(frozen=True)
class Trained:
    """One training asset of a run.

    Attributes:
        key: the asset.
        uses: what it trains for: its tag's word, and the operator's.
        sign: the gate's sign when every op of it that runs has a gate; ``None`` otherwise.
        partitions: what would be written.
    """

    key: dg.AssetKey
    uses: tuple[str, ...]
    sign: str | None
    partitions: Partitions


@dataclass(frozen=True)
class Scope:
    """A run before it starts.

    Attributes:
        trains: its training assets.
        makes: every asset it would write, with the partitions.
    """

    trains: tuple[Trained, ...] = ()
    makes: Mapping[dg.AssetKey, Partitions] = field(default_factory=dict[dg.AssetKey, Partitions])


class TrainingAssets:
    """The training assets of a workspace, worked out once for each asset graph.

    Args:
        configured: assets that train although no tag says so.
    """

    def __init__(self, configured: Sequence[Training] = ()) -> None:
        self._configured = tuple(configured)
        self._graph: weakref.ref[Any] | None = None
        self._found: dict[dg.AssetKey, tuple[str, ...]] = {}
        self.idle: tuple[str, ...] = ()

    def of(self, graph: Graph) -> dict[dg.AssetKey, tuple[str, ...]]:
        """Uses by asset. An asset with a mark that means nothing counts, with the mark as its use.

        Args:
            graph: the asset graph of the workspace.
        """
        if self._graph is not None and self._graph() is graph:
            return self._found
        found: dict[dg.AssetKey, dict[str, None]] = {}
        for node in graph.asset_nodes:
            for tags in [p.node.tags for p in compat.places_of(node)] or [node.tags]:
                for mark in (m for m in tags if is_ours(m)):
                    found.setdefault(node.key, {})[use_of(tags) or mark] = None
        idle: list[str] = []
        for training in self._configured:
            covered = cast("set[dg.AssetKey]", cast("Any", training.selection).resolve(graph, allow_missing=True))
            if not covered:
                idle.append(training.select)
            for key in covered:
                found.setdefault(key, {})[training.use] = None
        self._found = {key: tuple(uses) for key, uses in found.items()}
        self.idle = tuple(idle)
        self._graph = weakref.ref(graph)
        return self._found

    def touched(self, run: dg.DagsterRun, graph: Graph) -> dict[dg.AssetKey, tuple[str, ...]]:
        """The training assets that a run may hold, from what is at hand: no storage is read.

        Args:
            run: the run.
            graph: the asset graph of the workspace.

        Raises:
            ConfigError: the run selects an asset that no loaded code location defines.
        """
        training = self.of(graph)
        if run.asset_selection is not None:
            for key in run.asset_selection:
                if not graph.has(key):
                    raise ConfigError(
                        "no loaded code location defines this asset",
                        where=key.to_user_string(),
                        fix="reload the workspace, and launch the run again",
                    )
            return {key: training[key] for key in run.asset_selection if key in training}
        location, repository = compat.place_of_run(run)
        return {
            key: uses
            for key, uses in training.items()
            if any(
                run.job_name in place.jobs and (place.location, place.repository) == (location, repository)
                for place in compat.places_of(graph.get(key))
            )
        }


def scope_of(
    run: dg.DagsterRun, touched: Mapping[dg.AssetKey, tuple[str, ...]], graph: Graph, instance: dg.DagsterInstance
) -> Scope:
    """What a run would do, from its execution plan.

    Args:
        run: the run, not yet started.
        touched: the training assets that it may hold.
        graph: the asset graph of the workspace.
        instance: the Dagster instance.

    Raises:
        LookupError: its plan cannot be found.
        ConfigError: a mark of a training asset means nothing.
    """
    steps = compat.planned_steps(instance, run)
    makes: dict[dg.AssetKey, Partitions] = {}
    for step in steps:
        for key in step.assets if step.executed else ():
            # A step that only observes an asset makes no version of it: what was reported of it stands.
            if graph.has(key) and graph.get(key).is_materializable:
                makes[key] = _partitions(run, graph.get(key).partitions_def, instance)
    trains: list[Trained] = []
    for key in sorted(touched):
        tops = {_top(step.key) for step in steps if key in step.assets}
        mine = [step for step in steps if step.executed and _top(step.key) in tops]
        # A step that trains another output of a subset only, or a check, writes nothing of this asset.
        if not mine or (key not in makes and not any(_inner(step.key) for step in mine)):
            continue
        for place in compat.places_of(graph.get(key)):
            check_asset_marks(key.to_user_string(), place.node.tags, place.node.metadata)
        signs = {sign_of(step.tags) for step in mine}
        partitions = makes.get(key) or _partitions(run, graph.get(key).partitions_def, instance)
        trains.append(Trained(key, touched[key], signs.pop() if len(signs) == 1 else None, partitions))
    return Scope(tuple(trains), makes)


def _top(step_key: str) -> str:
    """The node at the top that a step belongs to: all ops of a graph-backed asset share it."""
    return step_key.split(".")[0].split("[")[0]


def _inner(step_key: str) -> bool:
    return "." in step_key


def _partitions(
    run: dg.DagsterRun, definition: dg.PartitionsDefinition[Any] | None, instance: dg.DagsterInstance
) -> Partitions:
    if definition is None:
        return (None,)
    if compat.PARTITION_NAME_TAG in run.tags:
        return (run.tags[compat.PARTITION_NAME_TAG],)
    first, last = (
        run.tags.get(tag) for tag in (compat.ASSET_PARTITION_RANGE_START_TAG, compat.ASSET_PARTITION_RANGE_END_TAG)
    )
    if first is None or last is None:
        return (None,)
    with compat.partition_loading_context(dynamic_partitions_store=instance):
        return tuple(str(key) for key in definition.get_partition_keys_in_range(dg.PartitionKeyRange(first, last)))
