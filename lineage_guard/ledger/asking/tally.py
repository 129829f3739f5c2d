"""How many verdicts a ledger holds of each kind, and how long steps waited for them."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.tail import Tail

#: Upper bounds of the buckets of waiting, in seconds; one more bucket holds what took longer.
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class Sort(NamedTuple):
    """What verdicts are counted by: decision, name of the policy, use and mode."""

    decision: str
    policy: str
    use: str
    mode: str


@dataclass(frozen=True)
class Waits:
    """How long steps waited for the gate.

    Attributes:
        counts: how many waited, by bucket of ``BOUNDS``, not cumulated.
        seconds: how long, by the same buckets.
    """

    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    seconds: tuple[float, ...] = (0.0,) * (len(BOUNDS) + 1)


@dataclass(frozen=True)
class Tally:
    """All verdicts of a ledger, counted.

    Attributes:
        decisions: how many of each sort, the gate's and those that were taken again.
        waits: how long steps waited for those that steps waited for.
    """

    decisions: Mapping[Sort, int] = field(default_factory=dict[Sort, int])
    waits: Waits = field(default_factory=Waits)


class Tallying:
    """Counts the verdicts of one ledger, each part once. Not thread-safe.

    What the index covers is counted again only when there is another index.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> open_ledger(tempfile.mkdtemp()).ask(Tallying().tally).decisions
        {}
    """

    def __init__(self) -> None:
        self._generation: int | None = None
        self._covered: list[tuple[Any, ...]] = []
        self._last: tuple[int, int | None, Tally] | None = None

    def tally(self, index: Index, tail: Tail) -> Tally:
        """The verdicts of the newest state: an answer for ``Ledger.ask``.

        Raises:
            LedgerError: when the index cannot be read.
        """
        generation = index.manifest.generation
        if self._last is not None and self._last[:2] == (tail.seq, generation):
            return self._last[2]
        if self._generation != generation:
            there = bool(index.manifest.files("decisions"))
            self._covered = index.rows("tallied", bounds=list(BOUNDS)) if there else []
            self._generation = generation
        tally = _sum([*self._covered, *_of_tail(tail)])
        self._last = (tail.seq, generation, tally)
        return tally


def _of_tail(tail: Tail) -> Iterable[tuple[Any, ...]]:
    """What the SQL says of the index, of the events after it."""
    seen: set[tuple[object, ...]] = set()
    for record in tail.facts.decisions:
        said = cast("dict[str, Any]", json.loads(record.facet))
        target = cast("dict[str, Any]", said.get("target") or {})
        policy = cast("dict[str, Any]", said.get("policy") or {})
        sort = (said.get("decision"), policy.get("name"), said.get("use"), said.get("mode") or "enforce")
        took = said.get("durationMs")
        seconds = float(took) / 1000 if isinstance(took, int | float) else None
        once = (sort, seconds, said.get("evaluatedAt"), *(target.get(k) for k in ("namespace", "name")))
        once += tuple(target.get(k) for k in ("partition", "run"))
        if once not in seen:
            seen.add(once)
            bucket = None if seconds is None else bisect_left(BOUNDS, seconds)
            yield (*sort, bucket, 1, seconds or 0.0)


def _sum(rows: Iterable[tuple[Any, ...]]) -> Tally:
    decisions: Counter[Sort] = Counter()
    counts, seconds = [0] * (len(BOUNDS) + 1), [0.0] * (len(BOUNDS) + 1)
    for *sort, bucket, n, took in rows:
        decisions[Sort(*(str(s) for s in sort))] += n
        if bucket is not None:
            counts[bucket] += n
            seconds[bucket] += took
    return Tally(dict(decisions), Waits(tuple(counts), tuple(seconds)))
