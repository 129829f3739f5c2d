"""How far delivery to one destination has got: a small state in the ledger that several deliverers move.

The state is compared before it is replaced (``swap``), and what two deliverers found is merged:
the position only ever moves on, and no refusal of either is forgotten. So a slow sensor beside
a fast command sends events twice at worst.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Protocol, cast

from lineage_guard.openlineage.reading import format_time, parse_time

_LATEST = 20
_FIRST_PAUSE = timedelta(seconds=15)
_LONGEST_PAUSE = timedelta(minutes=10)
_State = Mapping[str, object]


class Outbox(Protocol):
    """The part of a ledger that delivery needs. Positions are numbers, joined by colons, that grow."""

    def events(self, after: str | None) -> Iterator[tuple[str, Mapping[str, object]]]:
        """Events after a position, in order, each with its own position."""
        ...

    def load(self, name: str) -> dict[str, object] | None:
        """A small state."""
        ...

    def swap(self, name: str, old: Mapping[str, object] | None, new: Mapping[str, object]) -> bool:
        """Replace a small state that is still ``old``; whether it was."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that the backend will not take; it stays in the archive.

    Attributes:
        position: where.
        error: what the backend answered.
        event: which it is, for people: state, job and run.
    """

    position: str
    error: str
    event: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """Events in a row that were refused: those after one position, through another."""

    after: str | None
    through: str
    count: int


class Progress:
    """The progress of one destination, as read last.

    Args:
        ledger: where it is kept.
        name: of the destination.

    Raises:
        LedgerError: when the ledger cannot be read.
    """

    def __init__(self, ledger: Outbox, name: str) -> None:
        self._ledger = ledger
        self._key = f"delivery-{name}"
        self._stored = ledger.load(self._key)

    @property
    def position(self) -> str | None:
        """The last event that is done with."""
        return _text(self._state, "position")

    @property
    def error(self) -> str | None:
        """Why delivery stopped the last time."""
        return _text(self._state, "error")

    @property
    def paused_until(self) -> datetime | None:
        """When the next attempt is due."""
        pause = _text(self._state, "pausedUntil")
        return parse_time(pause) if pause else None

    @property
    def spans(self) -> tuple[Span, ...]:
        """All events that were refused and wait to be sent again by hand."""
        return _spans(self._state)

    @property
    def refused(self) -> tuple[Refusal, ...]:
        """The latest refusals with their errors."""
        return tuple(Refusal(r["position"], r["error"], r.get("event", "")) for r in _refused(self._state))

    def times_stuck(self, position: str) -> int:
        """How many calls in a row ended at this event because the backend broke over it."""
        stuck = cast("Mapping[str, object]", self._state.get("stuck") or {})
        return int(cast("int", stuck.get("times"))) if stuck.get("position") == position else 0

    def advance(self, position: str | None, refusals: Sequence[tuple[str | None, Refusal]] = ()) -> None:
        """Move on, and note what was passed over, each with the position before it.

        Raises:
            LedgerError: when the ledger cannot be written.
        """

        def moved(state: _State) -> dict[str, object]:
            reached = later(_text(state, "position"), position)
            clear = {"failures": 0, "error": None, "pausedUntil": None, "stuck": None}
            new = [asdict(r) for _, r in refusals]
            known = {r["position"] for r in new}
            kept = [r for r in _refused(state) if r["position"] not in known]
            spans = joined([*_spans(state), *(Span(before, r.position, 1) for before, r in refusals)])
            return {**state, **clear, "position": reached, **_written(spans, [*kept, *new])}

        self._change(moved)

    def fail(self, error: str, at: datetime, *, least: timedelta = timedelta(0), stuck: str | None = None) -> None:
        """Note why delivery stopped and when to come back: after 15 s, 30 s and so on up to ten minutes.

        Args:
            error: what went wrong.
            at: now.
            least: the pause that the backend itself asked for.
            stuck: position of the event that the backend broke over.

        Raises:
            LedgerError: when the ledger cannot be written.
        """

        def failed(state: _State) -> dict[str, object]:
            failures = int(cast("int", state.get("failures") or 0)) + 1
            pause = max(min(_FIRST_PAUSE * 2 ** min(failures - 1, 10), _LONGEST_PAUSE), least)
            held = {"position": stuck, "times": self.times_stuck(stuck) + 1} if stuck else state.get("stuck")
            until = format_time(at + pause)
            return {**state, "failures": failures, "error": error, "pausedUntil": until, "stuck": held}

        self._change(failed)

    def settle(self, sent_again: Iterable[Span], still: Iterable[tuple[str | None, Refusal]]) -> None:
        """Forget refusals that were sent again, but for those that were refused once more.

        Raises:
            LedgerError: when the ledger cannot be written.
        """
        gone, left = set(sent_again), list(still)

        def settled(state: _State) -> dict[str, object]:
            kept = [span for span in _spans(state) if span not in gone]
            spans = joined([*kept, *(Span(before, r.position, 1) for before, r in left)])
            latest = [r for r in _refused(state) if any(_within(r["position"], span) for span in kept)]
            return {
                **state,
                **_written(spans, [*latest, *({"position": r.position, "error": r.error} for _, r in left)]),
            }

        self._change(settled)

    @property
    def _state(self) -> _State:
        return self._stored or {}

    def _change(self, change: Callable[[_State], dict[str, object]]) -> None:
        while True:
            new = change(self._state)
            if new == self._stored or self._ledger.swap(self._key, self._stored, new):
                self._stored = new
                return
            self._stored = self._ledger.load(self._key)


def later(a: str | None, b: str | None) -> str | None:
    """The later of two positions; ``None`` is before the first event.

    Example:
        >>> later("9:12", "10:1"), later(None, "1:1")
        ('10:1', '1:1')
    """
    return max(a, b, key=order)


def order(position: str | None) -> tuple[int, ...]:
    """What positions are compared by."""
    return tuple(int(n) for n in position.split(":")) if position else ()


def joined(spans: Iterable[Span]) -> list[Span]:
    """Spans in order, each once, those that touch made one.

    Example:
        >>> joined([Span("1:1", "1:2", 1), Span("1:2", "1:3", 1), Span("1:2", "1:3", 1)])
        [Span(after='1:1', through='1:3', count=2)]
    """
    result: list[Span] = []
    # A span either lies within another or is apart from it, as all begin and end between two events.
    longest_first = sorted(spans, key=lambda s: order(s.through), reverse=True)
    for span in sorted(longest_first, key=lambda s: order(s.after)):
        last = result[-1] if result else None
        if last and order(span.through) <= order(last.through):
            continue
        if last and last.through == span.after:
            result[-1] = Span(last.after, span.through, last.count + span.count)
        else:
            result.append(span)
    return result


def _within(position: str, span: Span) -> bool:
    return order(span.after) < order(position) <= order(span.through)


def _written(spans: Sequence[Span], latest: Sequence[Mapping[str, str]]) -> dict[str, object]:
    return {"refused": list(latest)[-_LATEST:], "refusedSpans": [[s.after, s.through, s.count] for s in spans]}


def _spans(state: _State) -> tuple[Span, ...]:
    written = cast("list[tuple[str | None, str, int]]", state.get("refusedSpans") or [])
    return tuple(Span(after, through, count) for after, through, count in written)


def _refused(state: _State) -> list[dict[str, str]]:
    return cast("list[dict[str, str]]", state.get("refused") or [])


def _text(state: _State, key: str) -> str | None:
    value = state.get(key)
    return value if isinstance(value, str) else None
