"""What Dagster's definitions say of an asset, for rules that ask for its group, tags, kinds or owners.

Every way to a verdict on what is about to be trained asks here, so the gate, the sensor, the run coordinator and
the command line are told the same. Of what was trained, the ledger is asked instead.
"""

from __future__ import annotations

import dagster as dg

from lineage_guard.dagster.compat import BaseAssetNode
from lineage_guard.dagster.pins.facts import Graph
from lineage_guard.domain.rules.assets import AssetFacts

#: Dagster carries kinds as tags with this prefix.
_KIND = "dagster/kind/"


def facts_of(graph: Graph, key: dg.AssetKey) -> AssetFacts | None:
    """The facts about an asset.

    Args:
        graph: an asset graph, of a code location, a job or a workspace.
        key: the asset.

    Returns:
        The facts; ``None`` for an asset that the graph does not hold.

    Example:
        >>> from lineage_guard.dagster.pins.resolve import graph_of
        >>> @dg.asset(group_name="lab", kinds={"pytorch"}, owners=["team:speech"])
        ... def student(): ...
        >>> facts_of(graph_of(dg.Definitions([student]).resolve_asset_graph()), student.key)
        AssetFacts(group='lab', tags=(), kinds=('pytorch',), owners=('team:speech',))
    """
    if not graph.has(key):
        return None
    return facts_in(graph.get(key))


def facts_in(said: BaseAssetNode | dg.AssetSpec) -> AssetFacts:
    """The facts in one definition.

    Args:
        said: a node of an asset graph, or a spec.
    """
    tags = sorted(said.tags.items())
    return AssetFacts(
        group=said.group_name or "default",
        tags=tuple((name, value) for name, value in tags if not name.startswith(_KIND)),
        kinds=tuple(name.removeprefix(_KIND) for name, _ in tags if name.startswith(_KIND)),
        owners=tuple(said.owners),
    )
