"""Which versions a run may have read of a dataset it named without a version.

A write is known by an interval: from the start of the writing run to its end, somewhere in
which the data appeared. So is a read. A write may have been read when it began before the
read ended and nothing that began after it had ended was there before the read began.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from lineage_guard.domain.facts import Version
from lineage_guard.openlineage.foreign.tracing import Place

#: Times in microseconds since 1970; before and after all of them.
NEVER, ALWAYS = -(1 << 62), 1 << 62
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Span(NamedTuple):
    """From the earliest to the latest moment that is possible, in microseconds since 1970."""

    start: int
    end: int


class Write(NamedTuple):
    """A version and when it may have appeared."""

    version: Version
    span: Span


class Seen(NamedTuple):
    """What a read may have seen.

    Attributes:
        versions: the versions, oldest first.
        covered: whether something on record was surely there when the read began; else what
            was read may be something nobody recorded.
    """

    versions: tuple[Version, ...]
    covered: bool


def micros(at: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exactly."""
    return (at - _EPOCH) // _MICROSECOND


def born(run: str, end: int) -> int:
    """A moment at which a run had surely not begun, from its id: UUIDv7 begins with a time.

    Args:
        run: the run id.
        end: when it ended; an id that claims a later birth says nothing.

    Example:
        >>> born("019b76da-a800-7503-85d6-56f485aac302", ALWAYS)
        1767225600000000
        >>> born("f69a6e9b-9bac-3c9a-9cf6-eacb70ecc9a9", ALWAYS) == NEVER
        True
    """
    try:
        id_ = UUID(run)
    except ValueError:
        return NEVER
    at = (id_.int >> 80) * 1000
    return at if id_.version == 7 and at <= end else NEVER


class _Line:
    """The writes of one partition of one dataset, by their end."""

    def __init__(self, writes: Iterable[Write]) -> None:
        self.writes = sorted(writes, key=lambda w: (w.span.end, w.span.start, w.version.run or ""))
        self.ends = [w.span.end for w in self.writes]
        self.latest_start: list[int] = []
        for w in self.writes:
            self.latest_start.append(max(w.span.start, self.latest_start[-1] if self.latest_start else NEVER))
        self.earliest_start = [w.span.start for w in self.writes]
        for i in range(len(self.writes) - 2, -1, -1):
            self.earliest_start[i] = min(self.earliest_start[i], self.earliest_start[i + 1])

    def seen(self, read: Span, but: str | None) -> Seen:
        before = bisect_right(self.ends, read.start)
        found: list[Version] = []
        covered = False
        if before:
            # What had ended when the newest of those writes began cannot have been there any more.
            newest = self.latest_start[before - 1]
            if but is not None and self.ends[before - 1] == read.start:  # else its own write is not among them
                newest = max((w.span.start for w in self.writes[:before] if w.version.run != but), default=NEVER)
            for w in self.writes[bisect_right(self.ends, newest - 1, 0, before) : before]:
                if w.version.run != but and (w.span.end > newest or w.span.start == newest):
                    found.append(w.version)
                    covered = True
        for i in range(before, len(self.writes)):
            if self.earliest_start[i] > read.end:
                break
            w = self.writes[i]
            if w.span.start <= read.end and w.version.run != but:
                found.append(w.version)
                # A stream that had begun, or, when nobody knows the read's start, anything before its end.
                streaming = w.span.end == ALWAYS and w.span.start <= read.start
                covered = covered or streaming or (read.start == NEVER and w.span.end <= read.end)
        return Seen(tuple(found), covered)


class Timeline:
    """All writes that are known, and the names that mean the same dataset.

    Args:
        writes: what was written.
        aliases: pairs of names of one dataset.
    """

    def __init__(self, writes: Iterable[Write], aliases: Iterable[tuple[Place, Place]] = ()) -> None:
        self._writes: dict[Place, dict[str | None, dict[Version, Write]]] = {}
        self._lines: dict[Place, list[_Line]] = {}
        self._same: dict[Place, set[Place]] = {}
        for a, b in aliases:
            joined = self._same.get(a, {a}) | self._same.get(b, {b})
            for place in joined:
                self._same[place] = joined
        self.add(writes)

    def add(self, writes: Iterable[Write]) -> None:
        """Add writes; one that is known already counts once."""
        for w in writes:
            place = w.version[:2]
            by_partition = self._writes.setdefault(place, {})
            known = by_partition.setdefault(w.version.partition, {})
            span = known[w.version].span if w.version in known else w.span
            known[w.version] = Write(w.version, Span(min(span.start, w.span.start), max(span.end, w.span.end)))
            self._lines.pop(place, None)

    def names(self, place: Place) -> tuple[Place, ...]:
        """All names of a dataset, the given one first."""
        return (place, *sorted(self._same.get(place, {place}) - {place}))

    def places(self) -> set[Place]:
        """Every name, of a dataset that something is known to have been written to."""
        return {name for place in self._writes for name in self.names(place)}

    def known(self, place: Place) -> bool:
        """Whether anything is known to have been written under any name of it."""
        return any(name in self._writes for name in self.names(place))

    def seen(self, place: Place, read: Span, but: str | None = None) -> Seen:
        """What a read of a dataset may have seen, under any of its names.

        Args:
            place: the dataset.
            read: when it was read.
            but: a run whose own writes do not count.
        """
        found: dict[Version, None] = {}
        covered = False
        for name in self.names(place):
            if name not in self._lines and name in self._writes:
                self._lines[name] = [_Line(ws.values()) for _, ws in sorted(self._writes[name].items(), key=_partition)]
            for line in self._lines.get(name, ()):
                versions, sure = line.seen(read, but)
                found.update(dict.fromkeys(versions))
                covered = covered or sure
        return Seen(tuple(found), covered)


def _partition(item: tuple[str | None, object]) -> tuple[bool, str]:
    return (item[0] is not None, item[0] or "")
