"""What a closure reached, row by row or many rows at once.

A closure may hold a million versions of which a verdict needs the names of ten. So whoever
looks at one asks for *kinds*: rows that differ in name and place only, of which a policy thinks
the same. ``Rows`` says what each question means by looking at every row; the ledger answers
the same questions from columns (``ledger.columns``), and tests hold the two against each other.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import NamedTuple, cast, overload

from lineage_guard.domain.facts import (
    Assertion,
    Completeness,
    Influence,
    License,
    ModelSource,
    Pin,
    Version,
)

#: Bytes of a ``key_of``.
KEY = 16


class Reached(NamedTuple):
    """One version reached, what is known of its making, and the next step back to the target.

    Attributes:
        version: the version.
        influence: DIRECT when a path of DIRECT edges alone leads here.
        depth: edges on the path that ``toward`` follows (the target has 0).
        toward: index in ``Closure.reached`` of the next version on the way to the target;
            ``-1`` for the target itself.
        pin: CONSERVATIVE when any edge on that path is.
        completeness: of its production; UNKNOWN when no production is on record.
        recorded: whether a production is on record at all.
        models: models used to make it.
        licenses: its own licences.
        artefact: public id, when it is a known public dataset or model.
        asserted_by: who says so.
        produced_at: when it was made.
        note: why its provenance is incomplete.
        second_hand: whether only the catalog knows of the models in it: no run of ours used them.
    """

    version: Version
    influence: Influence = Influence.DIRECT
    depth: int = 0
    toward: int = -1
    pin: Pin = Pin.EXACT
    completeness: Completeness = Completeness.UNKNOWN
    recorded: bool = False
    models: tuple[ModelSource, ...] = ()
    licenses: tuple[License, ...] = ()
    artefact: str | None = None
    asserted_by: Assertion = Assertion.INFERRED
    produced_at: datetime | None = None
    note: str | None = None
    second_hand: bool = False


class Kind(NamedTuple):
    """Everything about a row that can change what a policy makes of it; see ``Reached``.

    Attributes:
        influence: DIRECT or INDIRECT.
        completeness: of the record.
        recorded: whether there is one.
        models: models used.
        licenses: own licences.
        artefact: public id.
        day: the day whose terms bind models that do not say when they answered; ``None`` without models.
        second_hand: whether only the catalog knows of its models.
    """

    influence: Influence
    completeness: Completeness
    recorded: bool
    models: tuple[ModelSource, ...]
    licenses: tuple[License, ...]
    artefact: str | None
    day: date | None
    second_hand: bool = False


class Rows(Sequence[Reached]):
    """The versions of a closure, the target first. Immutable once handed out.

    A subclass gives length, rows and slices; everything else is defined here by going through all
    rows, and overridden where that can be done faster.
    """

    @abstractmethod
    def __len__(self) -> int: ...

    @overload
    def __getitem__(self, index: int) -> Reached: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Reached, ...]: ...
    @abstractmethod
    def __getitem__(self, index: int | slice) -> Reached | tuple[Reached, ...]: ...

    def take(self, indexes: Iterable[int]) -> list[Reached]:
        """Some rows, in the order asked for."""
        return [self[i] for i in indexes]

    def places(self, indexes: Iterable[int]) -> list[Reached]:
        """Some rows, of which only the fields up to ``pin`` can be relied on: where they are, not what they hold."""
        return self.take(indexes)

    def versions(self, indexes: Iterable[int]) -> list[Version]:
        """The versions of some rows, in the order asked for."""
        return [self[i].version for i in indexes]

    def toward(self, index: int) -> int:
        """The row one step nearer to the target; -1 for the target."""
        return self[index].toward

    def below(self, index: int) -> list[int]:
        """The rows whose ``toward`` this row is, ascending."""
        return [i for i, r in enumerate(self) if r.toward == index]

    def paths(self, indexes: Collection[int]) -> list[tuple[Version, ...]]:
        """For each row the versions from the target to it, both included."""
        ways: list[list[int]] = []
        for index in indexes:
            steps: list[int] = []
            while index >= 0:
                steps.append(index)
                index = self.toward(index)
            ways.append(steps[::-1])
        on_a_way = list(dict.fromkeys(i for steps in ways for i in steps))
        version = dict(zip(on_a_way, self.versions(on_a_way), strict=True))
        return [tuple(version[i] for i in steps) for steps in ways]

    def kinds(self, without: Collection[int] = ()) -> list[tuple[Kind, Sequence[int]]]:
        """All rows by kind: ascending indexes for each, by first index. A kind may come more than once.

        Args:
            without: rows to leave out.
        """
        found: dict[Kind, list[int]] = {}
        for index, r in enumerate(self):
            if index not in without:
                found.setdefault(kind_of(r), []).append(index)
        return list(found.items())

    def sealed(self, without: Collection[int] = ()) -> list[tuple[str, bytes]]:
        """The ``text_of`` each kind, and the ``key_of`` all its versions, sorted and joined. A kind may come twice.

        Args:
            without: rows to leave out.
        """
        return [
            (text_of(kind), b"".join(sorted(map(key_of, self.versions(indexes)))))
            for kind, indexes in self.kinds(without)
        ]

    def nearest(self, entries: Sequence[Sequence[int]]) -> int:
        """Of the rows of some entries of ``kinds``, the one that ``rank`` puts first."""
        indexes = [i for entry in entries for i in entry]
        return min(zip(map(rank, self.places(indexes)), indexes, strict=True))[1]

    def find(self, versions: Collection[Version]) -> dict[Version, int]:
        """The rows of those versions that were reached."""
        wanted = set(versions)
        return {r.version: i for i, r in enumerate(self) if r.version in wanted}

    def named(self, names: Collection[tuple[str, str]]) -> list[int]:
        """The rows of versions with one of these (namespace, name), ascending."""
        return [i for i, r in enumerate(self) if r.version[:2] in names]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Rows | tuple):
            return NotImplemented
        rows = cast("Sequence[object]", other)
        return len(self) == len(rows) and all(a == b for a, b in zip(self, rows, strict=True))

    __hash__ = None  # type: ignore[assignment]


class Listed(Rows):
    """Rows that are there already.

    Args:
        reached: them.
    """

    def __init__(self, reached: Iterable[Reached]) -> None:
        self._reached = tuple(reached)
        self._grouped: list[tuple[Kind, list[int]]] | None = None

    def __len__(self) -> int:
        return len(self._reached)

    @overload
    def __getitem__(self, index: int) -> Reached: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Reached, ...]: ...
    def __getitem__(self, index: int | slice) -> Reached | tuple[Reached, ...]:
        return self._reached[index]

    def __iter__(self) -> Iterator[Reached]:
        return iter(self._reached)

    def kinds(self, without: Collection[int] = ()) -> list[tuple[Kind, Sequence[int]]]:
        """See ``Rows``. Every verdict asks for this twice, to judge and to digest."""
        if self._grouped is None:
            found: dict[tuple[object, ...], list[int]] = {}
            for index, r in enumerate(self._reached):
                # What ``kind_of`` says, without an object for each row.
                day = terms_day(r[11]) if r[7] else None
                found.setdefault((r[1], r[5], r[6], r[7], r[8], r[9], day, r[13]), []).append(index)
            self._grouped = [(Kind._make(key), indexes) for key, indexes in found.items()]
        if not without:
            return [(kind, indexes) for kind, indexes in self._grouped]
        left = ((kind, [i for i in indexes if i not in without]) for kind, indexes in self._grouped)
        return sorted(((kind, indexes) for kind, indexes in left if indexes), key=lambda entry: entry[1][0])

    def versions(self, indexes: Iterable[int]) -> list[Version]:
        """See ``Rows``."""
        reached = self._reached
        return [reached[i][0] for i in indexes]


def kind_of(r: Reached) -> Kind:
    """The kind of one row."""
    day = terms_day(r.produced_at) if r.models else None
    return Kind(r.influence, r.completeness, r.recorded, r.models, r.licenses, r.artefact, day, r.second_hand)


def rank(r: Reached) -> tuple[bool, int, tuple[str, str, str, str]]:
    """What makes one row a better example than another: surely read, near, then by name."""
    v = r.version
    return (r.pin is Pin.CONSERVATIVE, r.depth, (v.namespace, v.name, v.partition or "", v.run or ""))


def key_of(version: Version) -> bytes:
    """The first 128 bits of SHA-256 over the four fields of a version.

    Each field is ``-`` when absent, else ``+`` and the text; they are joined by U+001F.

    Example:
        >>> key_of(Version("d", "raw")).hex()
        '0a3b7d40d4b0353dc61e541c9683277d'
    """
    namespace, name, partition, run = version
    last = "-" if run is None else "+" + run
    text = f"+{namespace}\x1f+{name}\x1f{'-' if partition is None else '+' + partition}\x1f{last}"
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:KEY]


def text_of(kind: Kind) -> str:
    """All of a kind, as what is digested of it."""
    return repr(tuple(kind))


def merged(entries: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """What ``sealed`` says of each kind: one sorted run of keys for each.

    Args:
        entries: of one or more ``sealed``.
    """
    found: dict[str, bytes] = {}
    for text, keys in entries:
        found[text] = _joined(found[text], keys) if text in found else keys
    return found


def _joined(a: bytes, b: bytes) -> bytes:
    """Two sorted runs of keys as one. One is short where both are there: it is put into the other by halving."""
    long, short = (a, b) if len(a) >= len(b) else (b, a)
    pieces: list[bytes] = []
    done = 0
    for at in range(0, len(short), KEY):
        key = short[at : at + KEY]
        low, high = done, len(long) // KEY
        while low < high:
            middle = (low + high) // 2
            if long[middle * KEY : middle * KEY + KEY] < key:
                low = middle + 1
            else:
                high = middle
        pieces += (long[done * KEY : low * KEY], key)
        done = low
    return b"".join((*pieces, long[done * KEY :]))


def terms_day(when: datetime | None) -> date | None:
    """The day whose terms bind: in UTC, so that it does not depend on who looks.

    Args:
        when: a time; one without a zone is taken as UTC.

    Example:
        >>> terms_day(datetime.fromisoformat("2026-01-01T00:30:00+02:00")).isoformat()
        '2025-12-31'
    """
    if when is None:
        return None
    try:
        return (when.astimezone(UTC) if when.tzinfo else when).date()
    except OverflowError:  # on the first or the last day there is, in a zone east or west of UTC
        return when.date()
