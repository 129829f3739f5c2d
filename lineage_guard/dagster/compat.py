"""Every name of Dagster that is not public API, in one place.

``tests/architecture/test_dagster_canary.py`` holds each of them to the behaviour relied on
here, so that a Dagster release that moves one fails a test and not, silently, the gate.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster._core.definitions.assets.definition.asset_spec import SYSTEM_METADATA_KEY_AUTO_CREATED_STUB_ASSET
from dagster._core.definitions.assets.definition.cacheable_assets_definition import (
    CacheableAssetsDefinition as CacheableAssetsDefinition,
)
from dagster._core.definitions.assets.graph.asset_graph import AssetNode as AssetNode
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetGraph as BaseAssetGraph
from dagster._core.definitions.assets.graph.base_asset_graph import BaseAssetNode as BaseAssetNode
from dagster._core.definitions.data_version import CODE_VERSION_TAG as CODE_VERSION_TAG
from dagster._core.definitions.data_version import INPUT_EVENT_POINTER_TAG_PREFIX as INPUT_EVENT_POINTER_TAG_PREFIX
from dagster._core.definitions.data_version import NULL_EVENT_POINTER as NULL_EVENT_POINTER
from dagster._core.definitions.decorators.op_decorator import DecoratedOpFunction
from dagster._core.definitions.metadata import TableMetadataSet as TableMetadataSet
from dagster._core.definitions.metadata.metadata_set import NamespacedMetadataSet as NamespacedMetadataSet
from dagster._core.definitions.unresolved_asset_job_definition import (
    UnresolvedAssetJobDefinition as UnresolvedAssetJobDefinition,
)
from dagster._core.errors import DagsterInvariantViolationError
from dagster.components.definitions import LazyDefinitions as LazyDefinitions

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


def loaded_up_to(context: dg.OpExecutionContext | dg.AssetExecutionContext) -> dict[dg.AssetKey, int]:
    """How far each upstream asset's history went just before Dagster loaded the inputs of a step.

    Returns:
        Storage id of the newest event of each upstream asset, ``-1`` where there was none. Empty for a
        step that Dagster does not look this up for: the earlier ops of a graph.
    """
    step: Any = context.get_step_execution_context()
    found: dict[dg.AssetKey, Any] = step.input_asset_records or {}
    return {key: -1 if info is None else int(info.storage_id) for key, info in found.items()}


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


def assets_of_job(job: dg.JobDefinition) -> Sequence[dg.AssetsDefinition]:
    """The assets a ready-built job runs; none for a job of plain ops."""
    return [data.assets_def for data in job.asset_layer.data]


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
