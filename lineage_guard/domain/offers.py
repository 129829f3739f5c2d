"""Rows to quarantine: where a mixed table could be split so that what stops a step is taken out of it.

See ``filtering`` for what a quarantine takes out: the models whose rows were counted in a mixed table, up
to the first versions that models made, with nothing in between but what moves rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from lineage_guard.domain.closure import Closure
from lineage_guard.domain.facts import Completeness, ModelSource, Version
from lineage_guard.domain.filtering import RowSource, source_of
from lineage_guard.domain.reached import Reached
from lineage_guard.domain.remedy import Stop
from lineage_guard.domain.ways import Ways


@dataclass(frozen=True, slots=True)
class Split:
    """A mixed table, and the rows to take out of it.

    Attributes:
        mixed: the table.
        sources: the models whose rows are to go.
        rows: how many rows they wrote, as far as the record says so.
        counted: whether the record says so of all of them.
    """

    mixed: Version
    sources: tuple[RowSource, ...]
    rows: int
    counted: bool


def splits(found: Sequence[Stop], closure: Closure, ways: Ways) -> tuple[Split, ...]:
    """Where rows could be taken out: for each cause the last table before the target that holds its rows as they were.

    Nothing is offered where nothing would be left, nor for a gap: rows cannot say what nobody recorded.

    Args:
        found: of ``remedy.stops``.
        closure: what was decided on.
        ways: all ways in it.
    """
    roots = {s.judged.index: s.judged.reached for s in found if s.judged.index}
    gaps = {s.judged.index for s in found if s.judged.model is None}
    at: dict[int, list[int]] = {}
    for root, r in roots.items():
        if r.version.run is not None and root not in gaps:
            at.setdefault(_nearest(root, closure, ways), []).append(root)
    told: list[Split] = []
    for mixed, causes in sorted(at.items()):
        stopping = {(s.judged.index, s.judged.model) for s in found}
        if not _something_left(mixed, stopping, roots, closure, ways):
            continue
        gone = [m for n, m in sorted(stopping, key=lambda x: x[0]) if n in causes and m is not None]
        counts = [m.record_count for m in gone]
        sources = tuple(dict.fromkeys(sorted(map(source_of, gone))))
        rows = sum(c for c in counts if c is not None)
        told.append(Split(closure.rows.versions([mixed])[0], sources, rows, None not in counts))
    return tuple(told)


def _nearest(root: int, closure: Closure, ways: Ways) -> int:
    """The last version on from a root, towards the target, to which nothing but moving rows was done."""
    best, seen = root, {root}
    queue = deque([root])
    while queue:
        here = queue.popleft()
        onward = [c for c in ways.direct.children[here] if c and c not in seen]
        for child, r in zip(onward, closure.rows.take(onward), strict=True):
            if _moves_rows(r):
                seen.add(child)
                queue.append(child)
                best = min(best, child, key=lambda n: (ways.distances[n], n))
    return best


def _moves_rows(r: Reached) -> bool:
    whole = r.recorded and r.completeness is Completeness.COMPLETE and not r.second_hand
    return whole and not r.models and r.artefact is None and r.version.run is not None


def _something_left(
    mixed: int, stopping: set[tuple[int, ModelSource | None]], roots: dict[int, Reached], closure: Closure, ways: Ways
) -> bool:
    """Whether a table holds anything beside what stops the step."""
    seen, waiting = {mixed}, [mixed]
    while waiting:
        here = waiting.pop()
        r = closure.rows[here]
        if any((here, m) not in stopping for m in r.models):
            return True
        if here in roots:
            continue
        if not ways.parents(here):
            return True
        for parent in ways.direct.parents(here):
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return False
