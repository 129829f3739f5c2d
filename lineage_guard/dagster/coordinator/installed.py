"""What is really installed: for ``lineage-guard doctor``, and for whoever must be sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import dagster as dg

from lineage_guard.dagster.coordinator.config import Rules
from lineage_guard.dagster.coordinator.judge import said
from lineage_guard.dagster.pins.facts import Graph
from lineage_guard.domain.verdict.modes import Mode

_BUILTIN = (
    dg.AllPartitionMapping,
    dg.IdentityPartitionMapping,
    dg.LastPartitionMapping,
    dg.MultiPartitionMapping,
    dg.MultiToSingleDimensionPartitionMapping,
    dg.SpecificPartitionsPartitionMapping,
    dg.StaticPartitionMapping,
    dg.TimeWindowPartitionMapping,
)


@dataclass(frozen=True)
class Installed:
    """The run coordinator of an instance.

    Attributes:
        found: its class.
        rules: what the guard's coordinator was told; ``None`` when it is another one.
        problem: why it cannot be used; ``None`` when it can.
    """

    found: str
    rules: Rules | None = None
    problem: str | None = None

    @property
    def guards(self) -> bool:
        """Whether runs are refused here: it is the guard's, it works, and it is not only watching."""
        return self.rules is not None and self.problem is None and self.rules.mode is Mode.ENFORCE


def installed(instance: dg.DagsterInstance) -> Installed:
    """Which run coordinator an instance has. Never raises.

    Args:
        instance: the Dagster instance.

    Example:
        >>> installed(dg.DagsterInstance.ephemeral()).guards
        False
    """
    from lineage_guard.dagster.coordinator.coordinator import GuardedQueuedRunCoordinator

    try:
        coordinator: Any = instance.run_coordinator
    except Exception as error:  # noqa: BLE001  a configuration that cannot be used is what is asked about
        return Installed("none", problem=f"the run coordinator of this instance cannot be built: {said(error)}")
    if isinstance(coordinator, GuardedQueuedRunCoordinator):
        return coordinator.installed()
    return Installed(type(coordinator).__name__)


def mappings_unseen(graph: Graph) -> list[tuple[dg.AssetKey, dg.AssetKey, str]]:
    """Partition mappings that the coordinator cannot see: those of the user's own classes.

    Dagster tells the host process only about the mappings it ships. For others the host takes the
    default mapping, so the coordinator may look at other partitions than will be read. The gate in
    the step sees the mapping itself.

    Args:
        graph: an asset graph that was loaded in this process.

    Returns:
        The asset, the upstream asset, and the name of the mapping's class.
    """
    return [
        (node.key, cast("dg.AssetKey", parent), type(mapping).__name__)
        for node in sorted(graph.asset_nodes, key=lambda n: n.key)
        for parent, mapping in sorted(node.partition_mappings.items())
        if type(mapping) not in _BUILTIN
    ]
