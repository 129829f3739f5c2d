"""What is told together: the causes that stop one training asset, and storms. Pure.

One refused step is one page. When one look finds several causes in one training asset, they
are a group: one digest, which names all of them and ends with the last. Each is an incident
that is kept, widens and ends by its own key.

A pager that rings fifty times says less than one that rings once with a list of fifty. So
when more than ``LIMIT`` incidents of one audience begin within ``WINDOW``, those that begin
from then on are members of a storm. Its digest opens once, goes on with each further member,
says which of them are over, and ends with the last of them. What a storm told is not told
once more by itself, unless it ends and comes back; what comes back in masses is a storm, too,
which pages nobody.

A storm is joined only while it rages: what begins later pages by itself, however many members
of an old storm still stand. A group is joined by nothing: a cause that is found later is news.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from lineage_guard.domain.incidents.incident import (
    Begun,
    Event,
    Incident,
    IncidentKind,
    Incidents,
    Notice,
    Storm,
    place_of,
)

LIMIT = 10
WINDOW = timedelta(minutes=5)
_BEGINS = (Event.OPEN, Event.REOPEN)


@dataclass(frozen=True)
class Digest:
    """One thing to tell of a storm or a group.

    Attributes:
        event: OPEN, WIDEN (more members, or members that widened), NARROW (some are over), RESOLVE.
        storm: the storm after it.
        at: when it was noticed.
        page: whether to wake somebody: for OPEN, of a storm whose members page.
        members: every member, in order, as it is now; over or not.
        new: notices of the members that joined just now.
        over: ids of members that ended just now.
    """

    event: Event
    storm: Storm
    at: datetime
    page: bool
    members: tuple[Incident, ...]
    new: tuple[Notice, ...] = ()
    over: tuple[str, ...] = ()

    @property
    def standing(self) -> tuple[Incident, ...]:
        """Members that are not over."""
        return tuple(i for i in self.members if i.storm == self.storm.id and not i.resolved)

    @property
    def id(self) -> str:
        """As ``Notice.id``."""
        parts = (self.storm.id, self.event, str(self.storm.updates))
        return sha256("\x1f".join(parts).encode()).hexdigest()[:40]


def gather(
    before: Incidents,
    state: Incidents,
    notices: Iterable[Notice],
    at: datetime,
    limit: int = LIMIT,
    window: timedelta = WINDOW,
) -> tuple[Incidents, tuple[Notice | Digest, ...]]:
    """Put what is too much to be told by itself into storms, and what stops one training asset into groups. Pure.

    Args:
        before: as it was before ``incidents.step``.
        state: after it.
        notices: of the same step.
        at: now (timezone-aware UTC).
        limit: how much of one audience may begin within ``window`` and be told by itself; up to as many
            causes of one training asset count as one.
        window: how long the beginning of an incident is counted; a storm that nothing joined
            for as long is joined no more.

    Returns:
        The new state, and what to tell in its place, in order.
    """
    return _Gathering(before, state, at, limit, window).of(tuple(notices))


class _Group(NamedTuple):
    """What is gathered together."""

    kind: IncidentKind
    audience: str
    page: bool


class _Gathering:
    """One ``gather`` at work."""

    def __init__(self, before: Incidents, state: Incidents, at: datetime, limit: int, window: timedelta) -> None:
        # What stood at the beginning, and the storm that told it.
        self.member = {id_: i.storm for id_, i in before.by_id.items() if i.storm is not None and not i.resolved}
        self.state = state
        self.at = at
        self.limit = limit
        self.window = window
        self.incidents = dict(state.by_id)
        self.storms = dict(state.storms)
        self.new: dict[str, list[Notice]] = {}
        self.begun: list[Begun] = []
        self.wider: set[str] = set()
        self.narrower: set[str] = set()
        self.over: dict[str, list[str]] = {}

    def of(self, notices: tuple[Notice, ...]) -> tuple[Incidents, tuple[Notice | Digest, ...]]:
        found = self._found(notices)
        stormy = self._stormy(found)
        member = self.member
        alone: list[Notice] = []
        for notice in notices:
            id_ = notice.incident.key.id
            if notice.event in _BEGINS and _group(notice) in stormy:
                member[id_] = self._join(notice)
            elif notice.event in _BEGINS and len(found[_where(notice)]) > 1:
                member[id_] = self._join(notice, _target(notice))
            elif id_ not in member:
                alone.append(notice)
            elif notice.event is Event.RESOLVE:
                self.over.setdefault(member.pop(id_), []).append(id_)
            else:
                (self.narrower if notice.event is Event.NARROW else self.wider).add(member[id_])
        for id_, storm in member.items():
            self.incidents[id_] = replace(self.incidents[id_], storm=storm)
        digests = [d for storm in tuple(self.storms.values()) for d in self._told(storm)]
        after = replace(self.state, by_id=self.incidents, storms=self.storms, begun=tuple(self.begun))
        return after, (*alone, *digests)

    def _found(self, notices: tuple[Notice, ...]) -> dict[tuple[_Group, str], set[str]]:
        """The incidents that begin in each training asset."""
        found: dict[tuple[_Group, str], set[str]] = {}
        for n in notices:
            if n.event in _BEGINS:
                found.setdefault(_where(n), set()).add(n.incident.key.id)
        return found

    def _stormy(self, found: Mapping[tuple[_Group, str], Collection[str]]) -> set[_Group]:
        """The audiences to which more begins than they can read."""
        now: Counter[_Group] = Counter()
        for (group, _), ids in found.items():
            now[group] += len(ids) if len(ids) > self.limit else 1
        self.begun = [b for b in self.state.begun if self.at - b.at < self.window]
        self.begun += [Begun(*group, self.at, count) for group, count in now.items()]
        counts: Counter[_Group] = Counter()
        for b in self.begun:
            counts[_Group(b.kind, b.audience, b.page)] += b.number
        return {group for group, count in counts.items() if count > self.limit}

    def _join(self, notice: Notice, target: str = "") -> str:
        """Into the group of a target, or without one into the storm that rages; the id of it."""
        group = _group(notice)
        same = [s for s in self.storms.values() if _Group(s.kind, s.audience, s.page) == group and s.target == target]
        if target:
            raging = [s for s in same if s.id not in self.state.storms]
        else:
            raging = [s for s in same if self.at - s.joined_at < self.window]
        if raging:
            storm = max(raging, key=lambda s: (s.joined_at, s.id))
        else:
            # What begins it begins once, so it names one storm or group only.
            id_ = f"lg-{'group' if target else 'storm'}-" + sha256(notice.id.encode()).hexdigest()[:32]
            storm = Storm(id_, *group, self.at, self.at, (), target=target)
        id_ = notice.incident.key.id
        members = storm.members if id_ in storm.members else (*storm.members, id_)
        self.storms[storm.id] = replace(storm, joined_at=max(storm.joined_at, self.at), members=members)
        self.new.setdefault(storm.id, []).append(notice)
        return storm.id

    def _told(self, storm: Storm) -> list[Digest]:
        members = tuple(self.incidents[i] for i in storm.members if i in self.incidents)
        new, over = tuple(self.new.get(storm.id, ())), tuple(self.over.get(storm.id, ()))
        begins = storm.id not in self.state.storms
        found: list[Digest] = []
        if begins:
            found.append(Digest(Event.OPEN, storm, self.at, storm.page, members, new, over))
        elif new or over or storm.id in self.wider | self.narrower:
            event = Event.WIDEN if new or storm.id in self.wider else Event.NARROW
            storm = replace(storm, updates=storm.updates + 1)
            found.append(Digest(event, storm, self.at, False, members, new, over))
        self.storms[storm.id] = storm
        stands = any(i.storm == storm.id and not i.resolved for i in members)
        if not stands:
            # An end says it all.
            found = [*(d for d in found if d.event is Event.OPEN)]
            found.append(Digest(Event.RESOLVE, storm, self.at, False, members, over=over))
            del self.storms[storm.id]
        return found


def _group(notice: Notice) -> _Group:
    return _Group(notice.incident.kind, notice.incident.key.audience, notice.page)


def _target(notice: Notice) -> str:
    """The training asset that it began in."""
    return place_of(notice.verdict).target if notice.verdict else notice.incident.targets[0]


def _where(notice: Notice) -> tuple[_Group, str]:
    return _group(notice), _target(notice)
