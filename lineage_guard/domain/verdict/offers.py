"""Rows to quarantine: where a mixed table could be split so that what stops a step is taken out of it.

See ``filtering`` for what a quarantine takes out: the models whose rows were counted in a mixed table, up
to the first versions that models made, with nothing in between but what moves rows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from lineage_guard.domain.facts import Completeness, ModelSource, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.filtering import RowSource, source_of
from lineage_guard.domain.lineage.reached import Reached
from lineage_guard.domain.lineage.ways import Ways
from lineage_guard.domain.verdict.causes import Stop


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
        found: of ``causes.stops``.
        closure: what was decided on.
        ways: all ways in it.
    """
    stopping = {(s.judged.index, s.judged.ruling.model) for s in found}
    gaps = {n for n, model in stopping if model is None}
    roots = {n for n, _ in stopping if n}
    if not roots - gaps:
        return ()
    rows = list(closure.reached)
    last = _last_tables(rows, ways)
    at: dict[int, list[int]] = {}
    for root in sorted(roots - gaps):
        if rows[root].version.run is not None:
            at.setdefault(last.get(root, root), []).append(root)
    told: list[Split] = []
    for mixed, causes in sorted(at.items()):
        if not _something_left(mixed, stopping, roots, rows, ways):
            continue
        gone = [m for n in causes for m in rows[n].models if (n, m) in stopping]
        counts = [m.record_count for m in gone]
        sources = tuple(dict.fromkeys(sorted(map(source_of, gone))))
        count = sum(c for c in counts if c is not None)
        told.append(Split(rows[mixed].version, sources, count, None not in counts))
    return tuple(told)


def _last_tables(rows: Sequence[Reached], ways: Ways) -> dict[int, int]:
    """For each version the last one on from it to which nothing but moving rows was done; itself where it is not there.

    The tables nearest to the target are asked first from where they have their rows, so each version is looked at once.
    """
    moving = {n for n, r in enumerate(rows) if n and _moves_rows(r)}
    last: dict[int, int] = {}
    for table in sorted(moving, key=lambda n: (ways.distances[n], n)):
        if table in last:
            continue
        last[table] = table
        queue = deque([table])
        while queue:
            for parent in ways.direct.parents(queue.popleft()):
                if parent and parent not in last:
                    last[parent] = table
                    if parent in moving:
                        queue.append(parent)
    return last


def _moves_rows(r: Reached) -> bool:
    whole = r.recorded and r.completeness is Completeness.COMPLETE and not r.second_hand
    return whole and not r.models and r.artefact is None and r.version.run is not None


def _something_left(
    mixed: int, stopping: set[tuple[int, ModelSource | None]], roots: set[int], rows: Sequence[Reached], ways: Ways
) -> bool:
    """Whether a table holds anything beside what stops the step."""
    seen, waiting = {mixed}, [mixed]
    while waiting:
        here = waiting.pop()
        if any((here, m) not in stopping for m in rows[here].models):
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
