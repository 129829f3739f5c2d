"""The path graph as it is drawn: the answer of ``questions.path_graph``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from lineage_guard.domain.facts import Completeness, Influence, Pin, Version


class NodeKind(StrEnum):
    """What a node of the path graph stands for."""

    TARGET = "target"
    DATASET = "dataset"
    PUBLIC = "public"
    MODEL = "model"
    CHAIN = "chain"


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A node: a model that took part, or versions of one dataset on a way from a cause to the target.

    Attributes:
        id: its name within the graph.
        kind: what it stands for. A CHAIN stands for versions of several datasets, one after the other.
        label: a name for it in few words.
        version: the version, or the nearest of several; of a model ``None``.
        count: how many versions it stands for.
        versions: the first of them, nearest first.
        partitions: the first of their partitions.
        models: models that took part in making them, as declared or observed, in words.
        licenses: their own licences.
        effects: what the rules make of it: ``BLOCK``, ``UNKNOWN``, ``WARN`` or ``WAIVED``; empty on the way only.
        why: why it is here, one sentence each.
        depth: edges on the shortest way to the target.
        completeness: whether its record says all; ``None`` of a model.
        unspelled: how many more there are of ``models``, ``licenses`` (both of the first versions) and ``why``.
    """

    id: str
    kind: NodeKind
    label: str
    version: Version | None
    count: int
    versions: tuple[Version, ...]
    partitions: tuple[str, ...]
    models: tuple[str, ...]
    licenses: tuple[str, ...]
    effects: tuple[str, ...]
    why: tuple[str, ...]
    depth: int
    completeness: Completeness | None = None
    unspelled: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """What was read in the making of what.

    Attributes:
        source: id of the node that was read, or of the model.
        target: id of the node that was made.
        pin: CONSERVATIVE when it may not have been read.
        influence: INDIRECT when only a choice came through.
        count: how many edges between versions it stands for.
    """

    source: str
    target: str
    pin: Pin
    influence: Influence
    count: int = 1


@dataclass(frozen=True, slots=True)
class PathGraph:
    """Everything between the causes and the target, and nothing else.

    Attributes:
        target: id of the node of the target.
        nodes: the target first, nearest first.
        edges: between them.
        left_out: what is not drawn, one sentence each; empty when everything is.
        versions: how many versions lie on a way, drawn or not.
    """

    target: str
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    left_out: tuple[str, ...]
    versions: int
