"""The closure at scale: index and tail as one graph, walked as ``domain.closure.close`` does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from lineage_guard.domain.closure import Closure, Reached
from lineage_guard.domain.facts import Influence, Input, Pin, Production, Version, union
from lineage_guard.ledger import recall
from lineage_guard.ledger.collector import collector_paused
from lineage_guard.ledger.graph import Segment, Walked, walk
from lineage_guard.ledger.index import Index
from lineage_guard.ledger.joining import joined
from lineage_guard.ledger.tail import Tail

#: By the flag in an edge row.
INFLUENCE = (Influence.DIRECT, Influence.INDIRECT)
PIN = (Pin.EXACT, Pin.CONSERVATIVE)


def closure_of(target: Production, index: Index, tail: Tail, watermark: str) -> Closure:
    """Everything upstream of a step, from the index and the tail together.

    Args:
        target: the step.
        index: what is compacted.
        tail: what is not, yet.
        watermark: the state that both together are.
    """
    root = target.outputs[0]
    world = joined(index, tail)
    recent = world.by_version
    inputs = world.reads(target)
    nodes = Nodes(index, recent, (root, *(i.version for i in inputs), *world.mentioned()))
    hidden = frozenset(nodes.id[v] for v in world.loose if nodes.id[v] < nodes.first_new)
    edges = [*(world.visible(s, hidden) for s in index.segments()), nodes.segment(world.fresh())]
    walked = walk(edges, nodes.count, nodes.id[root], nodes.segment((root, i) for i in inputs))

    with collector_paused():
        reached = tuple(_reached(target, index, recent, nodes, walked))
    return Closure(target=root, reached=reached, watermark=watermark)


def _reached(
    target: Production,
    index: Index,
    recent: Mapping[Version, Sequence[Production]],
    nodes: Nodes,
    walked: Walked,
) -> Iterator[Reached]:
    """What was reached, with names and facts."""
    root = nodes.id[target.outputs[0]]
    compacted = walked.node[walked.node < nodes.first_new]
    known = recall.names(index, compacted) if compacted.size else {}
    records = recall.records(index, compacted) if compacted.size else {}
    known |= nodes.new
    known[root] = target.outputs[0]
    # Most versions have one record, and that is in the index.
    joined_ = {root, *(nodes.id[v] for v in recent)}
    make = Reached._make
    columns: Iterable[tuple[int, int, int, bool, bool]] = zip(
        walked.node.tolist(),
        walked.toward.tolist(),
        walked.depth.tolist(),
        walked.indirect.tolist(),
        walked.conservative.tolist(),
        strict=True,
    )
    for id_, toward, depth, indirect, conservative in columns:
        version = known[id_]
        place = (version, INFLUENCE[indirect], depth, toward, PIN[conservative])
        on_record = records.get(id_, ())
        if len(on_record) == 1 and id_ not in joined_:
            yield make(place + on_record[0])
        elif id_ == root:
            yield _with_facts(place, target)
        else:
            said = [*(r.production(version) for r in on_record), *recent.get(version, ())]
            yield _with_facts(place, union(said)) if said else Reached(*place)


class Nodes:
    """Integer ids for all versions: those of the index, then new ones for the tail and the question.

    Args:
        index: what is compacted.
        recent: what is not, yet.
        asked: versions of the question.
    """

    def __init__(self, index: Index, recent: Mapping[Version, Sequence[Production]], asked: Iterable[Version]) -> None:
        mentioned = dict.fromkeys(
            (
                *recent,
                *(i.version for ps in recent.values() for p in ps for i in p.inputs),
                *asked,
            )
        )
        self.first_new = index.manifest.versions
        self.id = index.ids(list(mentioned))
        self.new: dict[int, Version] = {}
        for version in mentioned:
            if version not in self.id:
                id_ = self.first_new + len(self.new)
                self.id[version] = id_
                self.new[id_] = version
        self.count = self.first_new + len(self.new)

    def segment(self, edges: Iterable[tuple[Version, Input]]) -> Segment:
        """Edges as sorted columns; the order within a child stays."""
        rows = [
            (self.id[v], self.id[i.version], i.influence is Influence.INDIRECT, i.pin is Pin.CONSERVATIVE)
            for v, i in edges
        ]
        rows.sort(key=lambda r: r[0])
        child, parent, indirect, conservative = zip(*rows, strict=True) if rows else ((), (), (), ())
        return Segment(
            np.array(child, dtype=np.int32),
            np.array(parent, dtype=np.int32),
            np.array(indirect, dtype=np.bool_),
            np.array(conservative, dtype=np.bool_),
        )


def _with_facts(place: tuple[Version, Influence, int, int, Pin], production: Production) -> Reached:
    return Reached(
        *place,
        completeness=production.completeness,
        recorded=True,
        models=production.models,
        licenses=production.licenses,
        artefact=production.artefact,
        asserted_by=production.asserted_by,
        produced_at=production.produced_at,
        note=production.note,
    )
