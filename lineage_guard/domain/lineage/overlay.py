"""A closure's rows with some of them changed and some added, the others left where they are."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import overload

from lineage_guard.domain.facts import Version
from lineage_guard.domain.lineage.reached import Kind, Listed, Reached, Rows, rank


class Overlay(Rows):
    """Rows over other rows. Changed by ``put`` and ``append`` until it is handed out.

    Args:
        base: the rows below.
    """

    def __init__(self, base: Rows) -> None:
        self._base = base
        self._size = len(base)
        self._own: dict[int, Reached] = {}
        self._added = 0

    def load(self, indexes: Iterable[int]) -> None:
        """Bring rows up as they are, many at once."""
        missing = [i for i in indexes if i not in self._own]
        self._own.update(zip(missing, self._base.take(missing), strict=True))

    def loaded(self) -> list[tuple[int, Reached]]:
        """The rows that were brought up, changed or added, ascending."""
        return sorted(self._own.items(), key=lambda item: item[0])

    def put(self, index: int, row: Reached) -> None:
        """Change a row."""
        self._own[index] = row

    def append(self, row: Reached) -> int:
        """Add a row; its index."""
        index = len(self)
        self._own[index] = row
        self._added += 1
        return index

    def __len__(self) -> int:
        return self._size + self._added

    @overload
    def __getitem__(self, index: int) -> Reached: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Reached, ...]: ...
    def __getitem__(self, index: int | slice) -> Reached | tuple[Reached, ...]:
        if isinstance(index, slice):
            return tuple(self.take(range(*index.indices(len(self)))))
        at = index + len(self) if index < 0 else index
        own = self._own.get(at)
        if own is None and not 0 <= at < self._size:
            raise IndexError(index)
        return own if own is not None else self._base[at]

    def __iter__(self) -> Iterator[Reached]:
        for index, r in enumerate(self._base):
            yield self._own.get(index, r)
        for index in range(self._size, len(self)):
            yield self._own[index]

    def take(self, indexes: Iterable[int]) -> list[Reached]:
        """See ``Rows``."""
        wanted = list(indexes)
        below = [i for i in wanted if i not in self._own]
        found = dict(zip(below, self._base.take(below), strict=True))
        return [self._own[i] if i in self._own else found[i] for i in wanted]

    def places(self, indexes: Iterable[int]) -> list[Reached]:
        """See ``Rows``."""
        wanted = list(indexes)
        below = [i for i in wanted if i not in self._own]
        found = dict(zip(below, self._base.places(below), strict=True))
        return [self._own[i] if i in self._own else found[i] for i in wanted]

    def versions(self, indexes: Iterable[int]) -> list[Version]:
        """See ``Rows``."""
        wanted = list(indexes)
        below = [i for i in wanted if i not in self._own]
        found = dict(zip(below, self._base.versions(below), strict=True))
        return [self._own[i].version if i in self._own else found[i] for i in wanted]

    def toward(self, index: int) -> int:
        """See ``Rows``."""
        own = self._own.get(index)
        return self._base.toward(index) if own is None else own.toward

    def below(self, index: int) -> list[int]:
        """See ``Rows``."""
        untouched = self._base.below(index) if index < self._size else []
        own = [i for i, r in self._own.items() if r.toward == index]
        return sorted([*(i for i in untouched if i not in self._own), *own])

    def kinds(self, without: Collection[int] = ()) -> list[tuple[Kind, Sequence[int]]]:
        """See ``Rows``."""
        entries = [*self._base.kinds(self._below(without)), *self._mine(without)]
        return sorted(entries, key=lambda entry: entry[1][0])

    def sealed(self, without: Collection[int] = ()) -> list[tuple[str, bytes]]:
        """See ``Rows``."""
        own = [r for i, r in self.loaded() if i not in without]
        return [*self._base.sealed(self._below(without)), *Listed(own).sealed()]

    def nearest(self, entries: Sequence[Sequence[int]]) -> int:
        """See ``Rows``."""
        # An entry of ``kinds`` is all of this overlay's own, or none of it is.
        own = [entry for entry in entries if entry[0] in self._own]
        below = [entry for entry in entries if entry[0] not in self._own]
        best = [super().nearest(own)] if own else []
        best += [self._base.nearest(below)] if below else []
        return min(zip(map(rank, self.places(best)), best, strict=True))[1]

    def find(self, versions: Collection[Version]) -> dict[Version, int]:
        """See ``Rows``."""
        wanted = set(versions)
        added = ((r.version, i) for i, r in self._own.items() if i >= self._size)
        return self._base.find(versions) | {v: i for v, i in added if v in wanted}

    def named(self, names: Collection[tuple[str, str]]) -> list[int]:
        """See ``Rows``."""
        added = (i for i, r in self.loaded() if i >= self._size and r.version[:2] in names)
        return [*self._base.named(names), *added]

    def _below(self, without: Collection[int]) -> set[int]:
        """The rows below that do not count."""
        return {i for i in (*without, *self._own) if i < self._size}

    def _mine(self, without: Collection[int]) -> list[tuple[Kind, Sequence[int]]]:
        kept = [(i, r) for i, r in self.loaded() if i not in without]
        place = [i for i, _ in kept]
        return [(kind, [place[n] for n in at]) for kind, at in Listed(r for _, r in kept).kinds()]
