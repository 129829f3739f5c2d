"""What pins are made of: a read version, the cut it was found at, and how Dagster notes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, cast

from dagster import AssetKey, EventLogRecord

from lineage_guard.dagster.compat import (
    INPUT_EVENT_POINTER_TAG_PREFIX,
    NULL_EVENT_POINTER,
    BaseAssetGraph,
    BaseAssetNode,
    made_by_a_graph,
)
from lineage_guard.dagster.declare import declared_writes
from lineage_guard.dagster.events import RunTimes, Stored
from lineage_guard.domain.facts import Pin, Version

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


class Option(NamedTuple):
    """One partition of one upstream asset, and what may have been read of it.

    Attributes:
        key: the asset.
        partition: partition key, or ``None``.
        rows: what the log shows.
        exact: whether the cut is exact.
        kept: what the log no longer shows and the ledger knows.
        absent: whether nothing of it was there when reading began, and all rows came later: the step
            may have read them, or what was there without a record.
    """

    key: AssetKey
    partition: str | None
    rows: list[Stored]
    exact: bool
    kept: tuple[Version, ...] = ()
    absent: bool = False


@dataclass
class Found:
    """Candidates for one upstream asset while they are gathered."""

    options: dict[str | None, list[Stored]] = field(default_factory=dict[str | None, list[Stored]])

    def add(self, rows: Iterable[Stored], wanted: frozenset[str] | None) -> None:
        """Add those of the wanted partitions; all of them for ``None``."""
        for row in rows:
            if wanted is None or row.partition in wanted:
                known = self.options.setdefault(row.partition, [])
                if row not in known:
                    known.append(row)


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


def unpointed(own: Stored, run: RunTimes | None) -> list[str]:
    """What cannot be known of a materialisation without input pointers, one sentence each."""
    if not own.run_id:
        return ["it was reported from outside a run, so which versions it read is not known"]
    if run is None or run.started is None:
        return ["its run is no longer on record, so which versions it read is not known"]
    return []


def graph_of(graph: object) -> Graph:
    """The full graph behind a graph that may be pruned to one job or step."""
    return cast("Graph", getattr(graph, "source_asset_graph", graph))


def reads_early(graph: Graph, key: AssetKey) -> bool:
    """Whether what an asset reads may be read before its last op begins: when a graph of ops makes it."""
    if not graph.has(key):
        return False
    return made_by_a_graph(graph.get(key)) is not False


def writes_of(record: EventLogRecord, graph: Graph) -> str | None:
    """How a materialisation wrote: what was recorded with it, else what its definition says."""
    materialization = record.asset_materialization
    key = record.asset_key
    said = declared_writes(materialization.metadata if materialization else {})
    if said is None and key is not None and graph.has(key):
        said = declared_writes(graph.get(key).metadata)
    return said
