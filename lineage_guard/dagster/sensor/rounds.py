"""How far one round over many versions came, so that a later tick goes on and comes to each of them.

A round has no fixed list: versions come and go while it lasts. It goes by their places in one order, newest
first, and ends where it began. What changes meanwhile lets it end one whole turn later, and never sends it
back to the start: a deployment in which something changes at every tick would see the first versions only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from lineage_guard.domain.facts import Version


class Place(NamedTuple):
    """Where a version of one asset stands in the order; run ids begin with their time."""

    run: str
    partition: str


def place_of(version: Version) -> Place:
    """The place of a version among those of its asset."""
    return Place(version.run or "", version.partition or "")


@dataclass(frozen=True, slots=True)
class Round:
    """A round, as far as it came.

    Attributes:
        after: the place of the last version that was looked at; ``None`` before the first.
        until: the place at which it ends, after the last place and the first; ``None`` ends it at the last.

    Example:
        >>> versions = [Version("d", "student", None, run) for run in "abc"]
        >>> [v.run for v in Round().past(versions[1]).left(versions)]
        ['a']
        >>> [v.run for v in Round().past(versions[1]).again().left(versions)]
        ['a', 'c', 'b']
    """

    after: Place | None = None
    until: Place | None = None

    def left(self, versions: Iterable[Version]) -> list[Version]:
        """Those that are still to be looked at, in the order in which to do so."""
        ordered = sorted(versions, key=place_of, reverse=True)
        if self.after is None:
            return ordered
        behind = [v for v in ordered if place_of(v) < self.after]
        if self.until is None:
            return behind
        if self.after > self.until:  # it began anew at the newest already
            return [v for v in behind if place_of(v) >= self.until]
        return [*behind, *(v for v in ordered if place_of(v) >= self.until)]

    def past(self, version: Version) -> Round:
        """The round once a version, and all before it, was looked at."""
        return replace(self, after=place_of(version))

    def again(self) -> Round:
        """The round when everything is to be looked at from here on, also what was already."""
        return replace(self, until=self.after)


def dump_round(one: Round | None) -> Mapping[str, Sequence[str] | None] | None:
    """A round as JSON; ``None`` is one that came to its end."""
    return None if one is None else {"after": one.after, "until": one.until}


def load_round(value: object) -> Round | None:
    """The round that ``dump_round`` made this of. What cannot be read is a round from the beginning."""
    if value is None:
        return None
    try:
        state = cast("Mapping[str, Sequence[str] | None]", value)
        return Round(*(Place(*at) if (at := state[key]) is not None else None for key in ("after", "until")))
    except (TypeError, KeyError, ValueError):
        return Round()
