"""What a step that is about to run will read: the first question of the gate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.declare import declaration_of
from lineage_guard.dagster.events import EventLog, name_of
from lineage_guard.dagster.pins.facts import reads_early
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.mapping import existing
from lineage_guard.dagster.pins.recorded import Recorded
from lineage_guard.dagster.pins.resolve import Graph, Pins, Read, graph_of
from lineage_guard.domain.declared.provenance import in_partitions, production_facts
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Completeness, Influence, Input, Production, Version
from lineage_guard.domain.verdict.runs import ParentRun, asset_run_id


@dataclass(frozen=True, slots=True)
class StepInputs:
    """One asset that a step is about to write, and what it would be made from.

    Attributes:
        key: the asset.
        target: outputs (one version per partition), pinned inputs and the asset's own models.
        reads: the inputs with their places in the event log, for ``collect_upstream``.
        parent: the Dagster run.
        blind: what could not be seen, one sentence each; any of them must block.
    """

    key: dg.AssetKey
    target: Production
    reads: tuple[Read, ...]
    parent: ParentRun
    blind: tuple[str, ...] = ()

    @property
    def asset_run_id(self) -> str:
        """Run id of the first partition that would be written."""
        return cast("str", self.target.outputs[0].run)


def step_inputs(
    context: dg.OpExecutionContext | dg.AssetExecutionContext,
    namespace: str,
    now: datetime,
    keys: Iterable[dg.AssetKey] | None = None,
    recorded: Recorded | None = None,
) -> list[StepInputs]:
    """Resolve the exact versions that a step will read, for each asset it will write.

    To be called before any of the step's own code: the newest versions in the event log are
    then the ones it reads. Upstream assets written by the same step do not exist yet; what
    they are made from counts as read.

    Args:
        context: of the step.
        namespace: OpenLineage namespace of this deployment's assets.
        now: the time (timezone-aware UTC).
        keys: which of its assets; all that are selected when ``None``.
        recorded: what the ledger knows, for what the event log has lost.

    Raises:
        ConfigError: when the step writes no asset, or Dagster does not know its run.
    """
    if not context.has_assets_def:
        raise ConfigError("this step writes no asset", where=context.op.name, fix="call step_inputs in an asset's step")
    log = EventLog(context.instance)
    run = log.run(context.run_id)
    if run is None:
        raise ConfigError(
            f"Dagster's storage does not know run {context.run_id}",
            where=context.op.name,
            fix="give the step's process the instance that launched it (DAGSTER_HOME)",
        )
    selected = set(context.selected_asset_keys)
    graph = graph_of(context.job_def.asset_layer.asset_graph)
    partitions = partitions_of(context)
    parent = ParentRun(context.run_id, namespace, run.job_name)
    pins = Pins(log, History(log), graph, namespace, recorded)
    head = log.head()
    found: list[StepInputs] = []
    for key in sorted(selected if keys is None else selected & set(keys)):
        loaded = _loaded(context, key, pins, graph, head)
        own = partitions if graph.has(key) and graph.get(key).partitions_def is not None else [None]
        name = name_of(key)
        outputs = tuple(Version(namespace, name, p, asset_run_id(context.run_id, name, p, run.created)) for p in own)
        found.append(upcoming(key, outputs, pins, graph, now, head, parent, selected, loaded))
    return found


def upcoming(
    key: dg.AssetKey,
    outputs: tuple[Version, ...],
    pins: Pins,
    graph: Graph,
    now: datetime,
    head: int,
    parent: ParentRun,
    together: Iterable[dg.AssetKey] = (),
    loaded: Mapping[dg.AssetKey, int] | None = None,
) -> StepInputs:
    """What an asset would be made from if it were made now.

    Args:
        key: the asset.
        outputs: the versions it would write.
        pins: resolves versions.
        graph: the full asset graph.
        now: the time (timezone-aware UTC).
        head: storage id up to which the event log counts.
        parent: the Dagster run.
        together: assets written by the same step.
        loaded: how far each upstream asset's history went when the step's inputs were loaded.
    """
    inside = _inside(key, graph, set(together))
    partitions = [v.partition for v in outputs]
    reads: dict[Version, Read] = {}
    target = Production(outputs)
    notes: list[str] = []
    for each in inside:
        reading = pins.upcoming(each, partitions, now, head, loaded)
        within = {name_of(k) for k in inside if k != each}
        mine = [r for r in reading.reads if r.version.name not in within]
        for read in mine:
            reads.setdefault(read.version, read)
        node = graph.get(each) if graph.has(each) else None
        declaration = declaration_of(node.metadata, name_of(each)) if node else None
        facts = production_facts(declaration, has_deps=reading.has_deps, is_external=False)
        exists = existing(node.partitions_def if node else None, pins.log.instance)
        facts = in_partitions(facts, partitions, reading.has_deps, exists)
        indirect = declaration.indirect if declaration else ()
        inputs = [
            Input(r.version, Influence.INDIRECT if r.version.name in indirect else Influence.DIRECT, r.pin)
            for r in mine
        ]
        inputs += declaration.inputs if declaration else ()
        if facts.note:
            notes.append(facts.note if each == key else f"{name_of(each)}: {facts.note}")
        worst = {target.completeness, facts.completeness} - {Completeness.COMPLETE}
        target = replace(
            target,
            inputs=tuple(dict.fromkeys((*target.inputs, *inputs))),
            models=tuple(dict.fromkeys((*target.models, *facts.models))),
            completeness=Completeness.INCOMPLETE
            if Completeness.INCOMPLETE in worst
            else next(iter(worst), Completeness.COMPLETE),
            asserted_by=facts.asserted_by if each == key else target.asserted_by,
            artefact=facts.artefact if each == key else target.artefact,
            licenses=facts.licenses if each == key else target.licenses,
            note="; ".join(notes) or None,
        )
    return StepInputs(key, target, tuple(reads.values()), parent)


def _loaded(
    context: dg.OpExecutionContext | dg.AssetExecutionContext, key: dg.AssetKey, pins: Pins, graph: Graph, head: int
) -> Mapping[dg.AssetKey, int]:
    """How far the history of each upstream asset went when what is read of it may first have been loaded.

    Dagster notes that for the op that writes the asset. In a graph an earlier op may have loaded it at any
    time since the run began; but not before the run itself made it, because the graph waits for that.
    """
    if not reads_early(graph, key):
        return compat.loaded_up_to(context)
    start = pins.log.start_ids([context.run_id]).get(context.run_id, -1)
    found: dict[dg.AssetKey, int] = {}
    for parent in pins.parents(key):
        ours = [s.storage_id for s in pins.history.window(parent, start, head + 1) if s.run_id == context.run_id]
        found[parent] = max([start, *ours])
    return found


def partitions_of(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> Sequence[str | None]:
    """The partitions a step will write; ``[None]`` in a run without partitions."""
    if context.has_partition_key:
        return [str(context.partition_key)]
    if context.has_partition_key_range:
        return [str(k) for k in context.partition_keys]
    return [None]


def _inside(key: dg.AssetKey, graph: Graph, together: set[dg.AssetKey]) -> list[dg.AssetKey]:
    """The asset, and what it is made from within the same step."""
    seen: dict[dg.AssetKey, None] = {}
    todo = [key]
    while todo:
        each = todo.pop(0)
        if each not in seen:
            seen[each] = None
            todo.extend(sorted(graph.get(each).parent_keys & together) if graph.has(each) else [])
    return list(seen)
