"""Which upstream partitions a partition reads, by Dagster's own partition mappings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from dagster import (
    AllPartitionMapping,
    AssetKey,
    DagsterInstance,
    DynamicPartitionsDefinition,
    IdentityPartitionMapping,
    MultiPartitionsDefinition,
    PartitionsDefinition,
    SpecificPartitionsPartitionMapping,
)

from lineage_guard.dagster.compat import BaseAssetGraph, BaseAssetNode


@dataclass(frozen=True, slots=True)
class Mapped:
    """Upstream partitions of one downstream partition.

    Attributes:
        keys: partition keys; ``None`` stands for every partition that has been materialised.
        exact: whether the mapping is known to be the one that applied.
    """

    keys: frozenset[str] | None
    exact: bool


#: What is taken when a mapping cannot be known: anything may have been read.
ANYTHING = Mapped(None, exact=False)


def mapped(
    graph: BaseAssetGraph[BaseAssetNode],
    child: AssetKey,
    partition: str | None,
    parent: AssetKey,
    at: datetime,
    instance: DagsterInstance,
    live: bool = False,
) -> Mapped:
    """Map one downstream partition to the upstream partitions it reads.

    Args:
        graph: the full asset graph, which holds today's partition definitions and mappings.
        child: the downstream asset.
        partition: its partition, or ``None``.
        parent: the upstream asset.
        at: when the step ran; time-window mappings depend on it.
        instance: holds the dynamic partitions.
        live: whether ``at`` is now. Dynamic partitions are known as they are now only, so for
            an older run a mapping that depends on which of them exist is not exact.

    Returns:
        The partitions, or ``ANYTHING`` when today's definitions do not fit what ran.
    """
    if not (graph.has(child) and graph.has(parent)):
        return ANYTHING
    upstream = graph.get(parent).partitions_def
    downstream = graph.get(child).partitions_def
    if upstream is None or (downstream is None) != (partition is None):
        return ANYTHING
    try:
        mapping = graph.get_partition_mapping(child, parent)
        if isinstance(mapping, AllPartitionMapping):
            return Mapped(None, exact=True)
        subset = None
        if downstream is not None and partition is not None:
            subset = downstream.subset_with_partition_keys([partition])
        result = mapping.get_upstream_mapped_partitions_result_for_partitions(
            subset, downstream, upstream, current_time=at, dynamic_partitions_store=instance
        )
        keys = frozenset(str(k) for k in result.partitions_subset.get_partition_keys())
        moves = _dynamic(upstream) and not isinstance(
            mapping, IdentityPartitionMapping | SpecificPartitionsPartitionMapping
        )
        if moves and not live:
            return ANYTHING
        if not keys and isinstance(mapping, IdentityPartitionMapping):
            # The key is gone from today's definition (a dynamic partition that was deleted).
            keys = frozenset([str(partition)])
        return Mapped(keys, exact=True)
    except Exception:  # noqa: BLE001  any failure of foreign mapping code means "anything may have been read"
        return ANYTHING


def existing(definition: PartitionsDefinition | None, instance: DagsterInstance) -> Callable[[str], bool]:
    """Whether a key names a partition of a definition, or one value of one of its dimensions.

    Args:
        definition: of an asset's partitions; nothing exists of ``None``.
        instance: holds the dynamic partitions.
    """

    def exists(key: str) -> bool:
        return definition is not None and _has(definition, key, instance)

    return exists


def _has(definition: PartitionsDefinition, key: str, instance: DagsterInstance) -> bool:
    try:
        if isinstance(definition, MultiPartitionsDefinition):
            dimensions = [d.partitions_def for d in definition.partitions_defs]
            return all(any(_has(d, part, instance) for d in dimensions) for part in key.split("|"))
        if isinstance(definition, DynamicPartitionsDefinition) and definition.name is not None:
            return instance.has_dynamic_partition(definition.name, key)
        return definition.has_partition_key(key)
    except Exception:  # noqa: BLE001  a key that a definition cannot even read is none of its partitions
        return False


def _dynamic(definition: PartitionsDefinition) -> bool:
    if isinstance(definition, MultiPartitionsDefinition):
        return any(_dynamic(d.partitions_def) for d in definition.partitions_defs)
    return isinstance(definition, DynamicPartitionsDefinition)
