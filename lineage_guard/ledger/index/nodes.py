"""Integer ids for versions, of the index and of what it does not have yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from lineage_guard.domain.facts import Influence, Input, Pin, Production, Version
from lineage_guard.ledger.index.graph import Segment
from lineage_guard.ledger.index.index import Index


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
