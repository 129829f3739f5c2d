"""A closure as columns: what ``domain.lineage.reached.Rows`` says of rows, without an object for each.

Names and facts of a row are read from the index when somebody looks at it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property, wraps
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Concatenate, NamedTuple, ParamSpec, TypeVar, cast, overload

import numpy as np
from numpy.typing import NDArray

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Influence, Pin, Production, Version, union
from lineage_guard.domain.lineage.reached import KEY, Kind, Listed, Reached, Rows, key_of, rank
from lineage_guard.ledger.index import recall
from lineage_guard.ledger.index.collector import collector_paused
from lineage_guard.ledger.index.graph import Ints, Walked
from lineage_guard.ledger.index.index import Index, PartGone
from lineage_guard.ledger.index.manifest import REBUILD
from lineage_guard.ledger.index.nodes import Nodes
from lineage_guard.ledger.index.standing import ABSENT, INFLUENCE, facts_of

if TYPE_CHECKING:
    from typing_extensions import Buffer

P = ParamSpec("P")
R = TypeVar("R")
#: By the flag in an edge row.
PIN = (Pin.EXACT, Pin.CONSERVATIVE)
_CHUNK = 1 << 16
_Place = tuple[Version, Influence, int, int, Pin]


#: Up to so many versions an answer is read whole at once; it then needs the index no more.
HELD = 256


@contextmanager
def unsuperseded(index: Index) -> Generator[None]:
    """Turns a file that is gone into an error that says so: here nobody is left to try a newer index."""
    try:
        yield
    except PartGone as gone:
        where = index.archive.describe(gone.key)
        what, fix = "index was superseded while its answer was read", f"ask again; if that does not help, {REBUILD}"
        raise LedgerError(what, where=where, fix=fix) from gone


def _present(ask: Callable[Concatenate[Columns, P], R]) -> Callable[Concatenate[Columns, P], R]:
    @wraps(ask)
    def asked(self: Columns, *args: P.args, **kwargs: P.kwargs) -> R:
        with unsuperseded(self.source):
            return ask(self, *args, **kwargs)

    return asked


class Columns(Rows):
    """The rows of a closure.

    Args:
        target: the step.
        index: what is compacted.
        recent: what is not, yet.
        nodes: the ids of versions.
        walked: what was reached, and how.
    """

    def __init__(
        self,
        target: Production,
        index: Index,
        recent: Mapping[Version, Sequence[Production]],
        nodes: Nodes,
        walked: Walked,
    ) -> None:
        self.source = index
        self._target = target
        self._recent = recent
        self._nodes = nodes
        self._walked = walked

    def __len__(self) -> int:
        return self._walked.node.size

    @overload
    def __getitem__(self, index: int) -> Reached: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Reached, ...]: ...
    def __getitem__(self, index: int | slice) -> Reached | tuple[Reached, ...]:
        if isinstance(index, slice):
            return tuple(self.take(range(*index.indices(len(self)))))
        return self.take((range(len(self))[index],))[0]

    def __iter__(self) -> Iterator[Reached]:
        for low in range(0, len(self), _CHUNK):
            yield from self.take(range(low, min(low + _CHUNK, len(self))))

    def whole(self) -> Listed:
        """All of it as plain rows, which need the index no more.

        Raises:
            LedgerError: when the index cannot be read.
            PartGone: when a file is not there.
        """
        with collector_paused():
            return Listed(self._rows(np.arange(len(self))))

    @_present
    def take(self, indexes: Iterable[int]) -> list[Reached]:
        """See ``Rows``."""
        chosen = _ints(indexes)
        if not chosen.size:
            return []
        with collector_paused():
            return list(self._rows(chosen))

    def places(self, indexes: Iterable[int]) -> list[Reached]:
        """See ``Rows``."""
        at = _ints(indexes)
        columns = zip(
            self.versions(at.tolist()),
            self._walked.indirect[at].tolist(),
            self._walked.depth[at].tolist(),
            self._walked.toward[at].tolist(),
            self._walked.conservative[at].tolist(),
            strict=True,
        )
        rows = cast("Iterable[tuple[Version, bool, int, int, bool]]", columns)
        return [Reached(v, INFLUENCE[i], depth, toward, PIN[c]) for v, i, depth, toward, c in rows]

    @_present
    def versions(self, indexes: Iterable[int]) -> list[Version]:
        """See ``Rows``."""
        node = self._walked.node[_ints(indexes)]
        known = self._names(node)
        return [known[n] for n in node.tolist()]

    def toward(self, index: int) -> int:
        """See ``Rows``."""
        return int(self._walked.toward[index])

    def below(self, index: int) -> list[int]:
        """See ``Rows``."""
        order, toward = self._by_toward
        low, high = np.searchsorted(toward, [index, index + 1])
        return order[low:high].tolist()

    @_present
    def kinds(self, without: Collection[int] = ()) -> list[tuple[Kind, Sequence[int]]]:
        """See ``Rows``."""
        order, bounds, codes = self._by_kind(without)
        # Of many small kinds a list is quicker to cut up, of few large ones it would be long to make.
        at: Sequence[int] = order.tolist() if len(codes) > order.size >> 4 else memoryview(cast("Buffer", order))
        found = [(code, at[low:high]) for code, (low, high) in zip(codes, pairwise(bounds), strict=True)]
        kind_of = self.source.standing.kind_of
        return [(kind_of(code), indexes) for code, indexes in sorted(found, key=lambda entry: entry[1][0])]

    @_present
    def sealed(self, without: Collection[int] = ()) -> list[tuple[str, bytes]]:
        """See ``Rows``."""
        rows, bounds, codes = self._by_kind(without)
        kind_of: NDArray[np.int32] = np.zeros(self._nodes.count, dtype=np.int32)
        kind_of[self._walked.node[rows]] = np.repeat(np.arange(1, len(codes) + 1), np.diff(bounds))
        keyed = self.source.keyed if self._nodes.first_new else {"hi": _NONE, "lo": _NONE, "id": _NONE}
        kinds = kind_of[keyed["id"]]
        chosen = np.flatnonzero(kinds)
        new = np.flatnonzero(kind_of[self._nodes.first_new :]) + self._nodes.first_new
        if chosen.size + new.size != rows.size:
            raise LedgerError("versions without a key", where=self.source.archive.describe("index/"), fix=REBUILD)
        keys = np.empty((chosen.size + new.size, 2), dtype=">u8")
        keys[: chosen.size, 0] = keyed["hi"][chosen].view(np.uint64)
        keys[: chosen.size, 1] = keyed["lo"][chosen].view(np.uint64)
        if new.size:
            own = b"".join(key_of(self._name(n)) for n in new.tolist())
            keys[chosen.size :] = np.frombuffer(own, dtype=">u8").reshape(-1, 2)
        kinds = np.concatenate([kinds[chosen], kind_of[new]])
        order = _order_of(keys, kinds)
        joined = keys[order].tobytes()
        text_of = self.source.standing.text_of
        parts = zip(codes, pairwise(bounds), strict=True)
        return [(text_of(code), joined[low * KEY : high * KEY]) for code, (low, high) in parts]

    def nearest(self, entries: Sequence[Sequence[int]]) -> int:
        """See ``Rows``."""
        few = _ints([i for entry in entries if isinstance(entry, list) for i in entry])
        at = np.concatenate([few, *(_ints(entry) for entry in entries if not isinstance(entry, list))])
        place = (self._walked.conservative[at].astype(np.int64) << 48) + self._walked.depth[at]
        best: list[int] = at[place == place.min()].tolist()
        return best[0] if len(best) == 1 else min(zip(map(rank, self.places(best)), best, strict=True))[1]

    @_present
    def find(self, versions: Collection[Version]) -> dict[Version, int]:
        """See ``Rows``."""
        ids = {v: i for v in versions if (i := self._nodes.id.get(v)) is not None}
        ids |= self.source.ids([v for v in versions if v not in ids])
        return {v: at for v, i in ids.items() if (at := int(self._place[i])) >= 0}

    @_present
    def named(self, names: Collection[tuple[str, str]]) -> list[int]:
        """See ``Rows``."""
        wanted = set(names)
        ids = [i for i, v in self._nodes.new.items() if v[:2] in wanted]
        if wanted and self._nodes.first_new:
            namespaces, only = [n for n, _ in wanted], [n for _, n in wanted]
            ids += [i for (i,) in self.source.rows("named", namespaces=namespaces, names=only)]
        found = self._place[np.array(ids, dtype=np.int64)]
        return np.sort(found[found >= 0]).tolist()

    # -- columns -------------------------------------------------------------------------------

    @cached_property
    def _place(self) -> NDArray[np.int32]:
        """The row of each id; -1 where it was not reached."""
        place = np.full(self._nodes.count, -1, dtype=np.int32)
        place[self._walked.node] = np.arange(len(self), dtype=np.int32)
        return place

    @cached_property
    def _by_toward(self) -> tuple[Ints, Ints]:
        order = np.argsort(self._walked.toward, kind="stable")
        return order, self._walked.toward[order]

    @cached_property
    def _codes(self) -> NDArray[np.int32]:
        """For each row twice its place in ``standing.facts``, plus one where it is INDIRECT."""
        walked, standing = self._walked, self.source.standing
        codes = np.full(len(self), ABSENT, dtype=np.int32)
        compacted = walked.node < self._nodes.first_new
        codes[compacted] = standing.codes(walked.node[compacted])
        codes[0] = standing.code_of(facts_of(self._target))
        recent = [i for i in (int(self._place[self._nodes.id[v]]) for v in self._recent) if i > 0]
        for i, facts in zip(recent, map(facts_of, self._productions(recent)), strict=True):
            codes[i] = standing.code_of(facts)
        return codes * 2 + walked.indirect

    @cached_property
    def _sorted(self) -> _Sorted:
        codes = self._codes
        # Small integers are sorted by their digits, in one go.
        small = codes.astype(np.int16) if int(codes.max()) < 1 << 15 else codes
        order = np.argsort(small, kind="stable")
        inside = codes[order]
        first = np.concatenate([_START, np.flatnonzero(inside[1:] != inside[:-1]) + 1])
        return _Sorted(order, [*first.tolist(), order.size], inside[first].tolist())

    def _by_kind(self, without: Collection[int]) -> _Sorted:
        """Rows by code, ascending; where each code begins, and the end; the codes."""
        order, bounds, codes = self._sorted
        if not without:
            return self._sorted
        left = np.ones(len(self), dtype=np.bool_)
        left[_ints(without)] = False
        kept = left[order]
        ends = np.concatenate([_START, np.cumsum(kept)])[bounds]
        some = ends[1:] > ends[:-1]
        return _Sorted(
            order[kept], [0, *ends[1:][some].tolist()], [c for c, any_ in zip(codes, some, strict=True) if any_]
        )

    # -- objects -------------------------------------------------------------------------------

    def _name(self, node: int) -> Version:
        return self._target.outputs[0] if node == int(self._walked.node[0]) else self._nodes.new[node]

    def _names(self, node: Ints) -> dict[int, Version]:
        compacted = node[node < self._nodes.first_new]
        known = recall.names(self.source, compacted) if compacted.size else {}
        root = int(self._walked.node[0])
        return (
            known | {n: self._name(n) for n in node[node >= self._nodes.first_new].tolist()} | {root: self._name(root)}
        )

    def _productions(self, rows: Iterable[int]) -> Iterator[Production]:
        """What is on record of rows that the tail or other producers speak of."""
        node = self._walked.node[_ints(rows)]
        known = self._names(node)
        compacted = node[node < self._nodes.first_new]
        records = recall.records(self.source, compacted) if compacted.size else {}
        for n in node.tolist():
            version = known[n]
            yield union([*(r.production(version) for r in records.get(n, ())), *self._recent.get(version, ())])

    def _rows(self, chosen: Ints) -> Iterator[Reached]:
        walked = self._walked
        node = walked.node[chosen]
        compacted = node[node < self._nodes.first_new]
        known = self._names(node)
        records = recall.records(self.source, compacted) if compacted.size else {}
        make = Reached._make
        columns = zip(
            chosen.tolist(),
            node.tolist(),
            walked.toward[chosen].tolist(),
            walked.depth[chosen].tolist(),
            walked.indirect[chosen].tolist(),
            walked.conservative[chosen].tolist(),
            strict=True,
        )
        rows = cast("Iterable[tuple[int, int, int, int, bool, bool]]", columns)
        for row, id_, toward, depth, indirect, conservative in rows:
            version = known[id_]
            place = (version, INFLUENCE[indirect], depth, toward, PIN[conservative])
            on_record, recent = records.get(id_, ()), self._recent.get(version, ())
            if row == 0:
                yield _with_facts(place, self._target)
            elif len(on_record) == 1 and not recent:
                # Most versions have one record, and that is in the index: it is first-hand.
                yield make((*place, *on_record[0], False))
            else:
                said = [*(r.production(version) for r in on_record), *recent]
                yield _with_facts(place, union(said)) if said else Reached(*place)


_NONE: NDArray[Any] = np.empty(0, dtype=np.int64)
_START: Ints = np.zeros(1, dtype=np.int64)


class _Sorted(NamedTuple):
    """Rows by what they are, as ``standing`` numbers it."""

    rows: Ints
    bounds: list[int]
    codes: list[int]


def _ints(values: Iterable[int]) -> Ints:
    return np.asarray(values if isinstance(values, memoryview | list | tuple) else list(values), dtype=np.int64)


def _order_of(keys: NDArray[Any], kinds: NDArray[np.int32]) -> Ints:
    """The order by kind, then by key."""
    high = keys[:, 0].astype(np.uint64)
    order = np.argsort(high, kind="stable")
    high = high[order]
    if bool(np.any(high[1:] == high[:-1])):
        order = np.lexsort((keys[:, 1], keys[:, 0]))
    small = kinds.astype(np.int16) if kinds.size and int(kinds.max()) < 1 << 15 else kinds
    return order[np.argsort(small[order], kind="stable")]


def _with_facts(place: _Place, production: Production) -> Reached:
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
