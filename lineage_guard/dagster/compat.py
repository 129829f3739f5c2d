"""Every name of Dagster that is not public API, in one place.

``tests/architecture/test_dagster_canary.py`` holds each of them to the behaviour relied on
here, so that a Dagster release that moves one fails a test and not, silently, the gate.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import FrameType
from typing import TYPE_CHECKING, Any, NamedTuple

import dagster as dg
from dagster._core.definitions.assets.definition.asset_spec import SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET
from dagster._core.definitions.assets.definition.cacheable_assets_definition import (
    CacheableAssetsDefinition as CacheableAssetsDefinition,
)
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph as AssetGraph
from dagster._core.definitions.assets.graph.asset_graph import AssetNode as AssetNode
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph as BaseAssetGraph
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetNode as BaseAssetNode
from dagster._core.definitions.data_version import CODE_VERSION_TAG as CODE_VERSION_TAG
from dagster._core.definitions.data_version import INPUT_EVENT_POINTER_TAG_PREFIX as INPUT_EVENT_POINTER_TAG_PREFIX
from dagster._core.definitions.data_version import NULL_EVENT_POINTER as NULL_EVENT_POINTER
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.definitions.metadata import TableMetadataSet as TableMetadataSet
from dagster._core.definitions.metadata.metadata_set import NamespacedMetadataSet as NamespacedMetadataSet
from dagster._core.definitions.partitions.context import partition_loading_context as partition_loading_context
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition as UnresolvedAssetJobDefinition,
)
from dagster._core.errors import DagsterInvariantViolationError
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG as ASSET_PARTITION_RANGE_END_TAG
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_START_TAG as ASSET_PARTITION_RANGE_START_TAG
from dagster._core.storage.tags import MAX_RETRIES_TAG as MAX_RETRIES_TAG
from dagster._core.storage.tags import PARTITION_NAME_TAG as PARTITION_NAME_TAG
from dagster._record import replace  # pyright: ignore[reportUnknownVariableType]
from dagster._serdes import ConfigurableClassData as ConfigurableClassData
from dagster._utils.warnings import disable_dagster_warnings
from dagster.components.definitions import LazyDefinitions as LazyDefinitions

if TYPE_CHECKING:
    from dagster._core.run_coordinator.base import SubmitRunContext as SubmitRunContext

AnyFunction = Callable[..., Any]


def current_step() -> dg.OpExecutionContext | None:
    """The context of the step this code runs in, or ``None`` outside any step.

    A unit test that calls an asset as a plain function is outside any step: nothing is
    launched and nothing is materialised.
    """
    try:
        return dg.OpExecutionContext.get()
    except DagsterInvariantViolationError:
        return None


def a_step_runs_in_another_thread() -> bool:
    """Whether this process runs a step, though not in this thread.

    A thread that a step started has none of its context. What it has is the process, where the step's own
    thread stands inside Dagster's execution of it.
    """
    executing = os.path.join("dagster", "_core", "execution", "plan", "execute_step.py")
    mine = threading.get_ident()
    for thread, frame in sys._current_frames().items():  # pyright: ignore[reportPrivateUsage]
        at: FrameType | None = None if thread == mine else frame
        while at is not None:
            if at.f_code.co_filename.endswith(executing):
                return True
            at = at.f_back
    return False


def loaded_up_to(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> dict[dg.AssetKey, int]:
    """How far each upstream asset's history went just before Dagster loaded the inputs of a step.

    Returns:
        Storage id of the newest event of each upstream asset, ``-1`` where there was none. Empty for a
        step that Dagster does not look this up for: the earlier ops of a graph.
    """
    step: Any = context.get_step_execution_context()
    found: dict[dg.AssetKey, Any] = step.input_asset_records or {}
    return {key: -1 if info is None else int(info.storage_id) for key, info in found.items()}


def event_storage(instance: dg.DagsterInstance) -> Any:
    """The storage of the event log, out of a wrapper that passes on only a part of what a storage can do.

    ``OpenLineageEventLogStorage`` of dagster-openlineage 0.2.1 passes on abstract methods only: asked for its
    greatest record id, it has none. What it reads and writes is in the storage that it holds.
    """
    storage: Any = instance.event_log_storage
    while type(storage).__module__.startswith("dagster_openlineage"):
        storage = storage._wrapped
    return storage


def narrow(context: dg.OpExecutionContext, keys: AbstractSet[dg.AssetKey]) -> None:
    """Show the code of this one step a smaller selection, as if it had been launched for these assets only.

    Everything user code can ask for (``selected_asset_keys``, ``selected_output_names``, ``is_subset``,
    ``assets_def`` and the checks) follows from two properties. Nothing that other steps share is touched.
    """
    whole = context.assets_def
    less = whole.subset_for(keys, {c for c in whole.check_keys if c.asset_key in keys or c.asset_key not in whole.keys})
    names = {*less.keys_by_output_name, *(less.get_output_name_for_asset_check_key(c) for c in less.check_keys)}

    class Narrowed(type(context)):
        @property
        def assets_def(self) -> dg.AssetsDefinition:
            return less

        @property
        def selected_output_names(self) -> AbstractSet[str]:
            return names

    context.__class__ = Narrowed


def assets_fed_by(context: dg.OpExecutionContext) -> set[dg.AssetKey]:
    """The assets of a graph that are made from the outputs of the op whose step this is."""
    layer: Any = context.job_def.asset_layer
    found: set[dg.AssetKey] = set()
    for output in context.op_def.output_dict:
        keys = layer.downstream_dep_assets_and_checks(context.op_handle, output)
        found |= {k for k in keys if isinstance(k, dg.AssetKey)}
    return found


def takes_context(op_def: dg.OpDefinition) -> bool:
    """Whether an op's function is given the context, and so can know what is selected."""
    compute: object = op_def.compute_fn
    return compute.has_context_arg() if isinstance(compute, DecoratedOpFunction) else True


def body_of(op_def: dg.OpDefinition) -> AnyFunction | None:
    """The user's function of an op, or ``None`` when it has a shape we do not know."""
    compute: object = op_def.compute_fn
    if isinstance(compute, DecoratedOpFunction):
        return compute.decorated_fn
    return compute if callable(compute) else None


def replace_body(op_def: dg.OpDefinition, body: AnyFunction) -> None:
    """Put another function in the place of an op's own, in place.

    Jobs, subsets and graphs hold the same ``OpDefinition`` object, so all of them see it.
    The signature Dagster reads stays the user's: ``functools.wraps`` leaves it in
    ``__wrapped__``.
    """
    compute: object = op_def.compute_fn
    new: object = type(compute)(decorated_fn=body) if isinstance(compute, DecoratedOpFunction) else body
    op_def._compute_fn = new  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]


def refuse_jobs(op_def: dg.OpDefinition, refuse: Callable[[], None]) -> None:
    """Have ``refuse`` raise whenever Dagster builds a job that holds this op, and not before.

    Resolving definitions to an asset graph, which component folders do to apply
    ``post_processing``, asks the op for its resources without an asset layer; building a job
    asks with one.
    """
    ask = op_def.get_resource_requirements

    def asked(handle: Any, asset_layer: Any) -> Any:
        if asset_layer is not None:
            refuse()
        return ask(handle, asset_layer)

    op_def.get_resource_requirements = asked


def with_asset_checks(defs: dg.Definitions, checks: Sequence[Any]) -> dg.Definitions:
    """The same definitions with other asset checks."""
    return replace(defs, asset_checks=checks)


def with_specs(
    defs: dg.Definitions,
    changed: Callable[[dg.AssetSpec], dg.AssetSpec],
    only: Collection[dg.AssetKey] | None = None,
) -> dg.Definitions:
    """The same definitions with other specs; what has none, source assets, stays as it is.

    Args:
        defs: definitions.
        changed: gives the new spec for an old one.
        only: assets of which one has to be written by a definition for it to be touched; all when ``None``.
    """
    assets: list[Any] = []
    # A folder of definitions holds an asset once for each module that imports it. Dagster takes the same object twice
    # for one asset, and two that are alike for two.
    done: dict[int, Sequence[Any]] = {}
    for asset in defs.assets or ():
        if isinstance(asset, dg.AssetsDefinition | dg.AssetSpec):
            keys = asset.keys if isinstance(asset, dg.AssetsDefinition) else {asset.key}
            if only is None or any(key in only for key in keys):
                if id(asset) not in done:
                    done[id(asset)] = dg.map_asset_specs(changed, [asset])
                assets += done[id(asset)]
                continue
        assets.append(asset)
    return replace(defs, assets=assets)


def automated(defs: dg.Definitions) -> tuple[Sequence[object], Sequence[dg.AssetsDefinition]]:
    """The jobs and the assets that schedules and sensors name as their target, as objects.

    Dagster makes them part of the code location and runs them, whether or not the definitions list them, too.

    Args:
        defs: definitions.

    Returns:
        Jobs, ready-built or not, and assets.
    """
    targets: list[Any] = [s.target for s in defs.schedules or () if isinstance(s, dg.ScheduleDefinition)]
    targets += [target for sensor in defs.sensors or () for target in sensor.targets]
    partitioned = [s.job for s in defs.schedules or () if not isinstance(s, dg.ScheduleDefinition)]
    jobs = [*(target.resolvable_to_job for target in targets), *partitioned]
    assets = [asset for target in targets for asset in target.assets_defs]
    return jobs, [asset for asset in assets if isinstance(asset, dg.AssetsDefinition)]


def with_automated(defs: dg.Definitions) -> dg.Definitions:
    """The same definitions, which list the assets that so far only a schedule or a sensor names.

    Args:
        defs: definitions, whose assets are a sequence.
    """
    listed: list[Any] = list(defs.assets or ())
    known = {
        key for a in listed for key in (a.keys if isinstance(a, dg.AssetsDefinition) else {getattr(a, "key", None)})
    }
    before = len(listed)
    for asset in automated(defs)[1]:
        if known.isdisjoint(asset.keys):
            listed.append(asset)
            known |= asset.keys
    return defs if len(listed) == before else replace(defs, assets=listed)


def assets_selected(selection: str, graph: BaseAssetGraph[Any]) -> set[dg.AssetKey]:
    """The assets of a selection in Dagster's syntax, external ones included, as in the UI."""
    with disable_dagster_warnings():
        parsed: Any = dg.AssetSelection.from_string(selection, include_sources=True)
        return set(parsed.resolve(graph))


def assets_of_job(job: dg.JobDefinition) -> Sequence[dg.AssetsDefinition]:
    """The assets a ready-built job runs; none for a job of plain ops."""
    return [data.assets_def for data in job.asset_layer.data]


def check_definitions(graph: object) -> Sequence[dg.AssetsDefinition]:
    """The definitions behind the asset checks of a graph that was made of definitions; none of any other graph."""
    if not isinstance(graph, AssetGraph):
        return ()
    keys = sorted(graph.asset_check_keys, key=lambda k: k.to_user_string())
    return list(dict.fromkeys(graph.assets_def_for_key(key) for key in keys))


def is_stub(metadata: Mapping[str, object]) -> bool:
    """Whether Dagster made this asset up because another one names it and nothing defines it."""
    return SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET in metadata


def kind_of(body: AnyFunction) -> str:
    """How Dagster will run a function: ``async_generator``, ``async``, ``generator`` or ``sync``."""
    if inspect.isasyncgenfunction(body):
        return "async_generator"
    if inspect.iscoroutinefunction(body):
        return "async"
    return "generator" if inspect.isgeneratorfunction(body) else "sync"


def tag_op(op_def: dg.OpDefinition, tags: Mapping[str, str]) -> None:
    """Add tags to an op, in place. They reach the execution plan, where the host process can read them."""
    op_def._tags = {**op_def.tags, **tags}  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]


class PlannedStep(NamedTuple):
    """One step of a run that has not started.

    Attributes:
        key: step key.
        executed: whether the run executes it; a re-execution leaves out what succeeded.
        assets: what it writes.
        tags: of its op.
    """

    key: str
    executed: bool
    assets: tuple[dg.AssetKey, ...]
    tags: Mapping[str, str]


def planned_steps(instance: dg.DagsterInstance, run: dg.DagsterRun) -> list[PlannedStep]:
    """The steps of a run, as its execution plan was stored when the run was created.

    Raises:
        LookupError: when no plan is stored.
    """
    if run.execution_plan_snapshot_id is None:
        raise LookupError(f"run {run.run_id} has no execution plan")
    plan = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    chosen = set(plan.step_keys_to_execute if run.step_keys_to_execute is None else run.step_keys_to_execute)
    # A run may name one copy of a mapped step; the plan knows them all as one, which is not copied yet.
    chosen |= {re.sub(r"\[[^]]*\]", "[?]", key) for key in chosen}
    return [
        PlannedStep(
            step.key,
            step.key in chosen,
            tuple(o.properties.asset_key for o in step.outputs if o.properties and o.properties.asset_key),
            step.tags or {},
        )
        for step in plan.steps
    ]


class Place(NamedTuple):
    """Where an asset is defined, as the host process sees it.

    Attributes:
        location: code location.
        repository: repository in it.
        jobs: jobs there that hold the asset.
        node: the asset as this place defines it.
    """

    location: str
    repository: str
    jobs: Sequence[str]
    node: BaseAssetNode


def places_of(node: BaseAssetNode) -> Iterable[Place]:
    """Every code location that defines or names an asset; nothing for a node of an in-process graph."""
    infos: Sequence[Any] = getattr(node, "repo_scoped_asset_infos", ())
    for info in infos:
        scoped = info.asset_node
        handle = scoped.repository_handle
        yield Place(handle.location_name, handle.repository_name, scoped.job_names, scoped)


def place_of_run(run: dg.DagsterRun) -> tuple[str, str]:
    """The code location and the repository a run was created from; empty names when it does not say."""
    origin = run.remote_job_origin
    if origin is None:
        return "", ""
    return origin.repository_origin.code_location_origin.location_name, origin.repository_origin.repository_name


def made_by_a_graph(node: BaseAssetNode) -> bool | None:
    """Whether a graph of ops makes an asset; ``None`` when the node does not say."""
    if isinstance(node, AssetNode):
        computation = node.assets_def.computation
        return computation is not None and isinstance(computation.full_node_def, dg.GraphDefinition)
    scoped: Any = getattr(node, "resolve_to_singular_repo_scoped_node", None)
    return None if scoped is None else scoped().asset_node_snap.graph_name is not None


def report_engine_event(
    instance: dg.DagsterInstance, run: dg.DagsterRun, message: str, metadata: Mapping[str, Any]
) -> None:
    """Write an event of the engine, with metadata, into the log of a run."""
    from dagster._core.events import EngineEventData

    instance.report_engine_event(message, run, EngineEventData(metadata))


def workspace_graph(workspace: Any) -> BaseAssetGraph[BaseAssetNode]:
    """The asset graph over all code locations of a workspace. Dagster keeps it until one is reloaded."""
    return workspace.asset_graph


def writes_assets(job: dg.JobDefinition) -> bool:
    """Whether a job writes assets or checks them; ``False`` for a job of plain ops."""
    layer: Any = job.asset_layer
    return bool(layer.data)
