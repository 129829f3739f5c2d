"""What would unblock a step: the fewest versions to make again.

A version that is *made again* stands here for one that was made from nothing that stops the step: it
takes what it was made from out of the lineage, and what it was itself. So what must be made again is a
set of versions that every way to a cause goes through, and the smallest is a minimum vertex cut. The
step itself cannot be in it, and what the guard could not see is not mended by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lineage_guard.domain.facts import Influence, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.cutting import smallest_cut
from lineage_guard.domain.lineage.reached import Listed, Reached
from lineage_guard.domain.lineage.ways import Ways
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.causes import Stop, stops
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.judging import Judged

_TRIES = 4


class Action(StrEnum):
    """What is to be done about a version.

    Attributes:
        REBUILD: make it again, from nothing that stops the step.
        DECLARE: say what it was made from.
        REPLACE: read something else in its place; nobody here makes it.
        STEP: change the training step itself.
    """

    REBUILD = "REBUILD"
    DECLARE = "DECLARE"
    REPLACE = "REPLACE"
    STEP = "STEP"


@dataclass(frozen=True, slots=True)
class Change:
    """One version to be changed.

    Attributes:
        version: which.
        action: how.
        models: what stops the step in it or, when nothing does, upstream of it.
        causes: how many things that stop the step every way leads to through this version and others of the set.
    """

    version: Version
    action: Action
    models: tuple[str, ...]
    causes: int


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would let the step run.

    Attributes:
        changes: the versions to be changed; all of them are needed.
        smallest: whether no smaller set would do. Not proved where rules tell content from a mere choice.
        again: how many other versions lie between these and the target, and are to be made again after them.
        rules: the rules a waiver would have to name instead.
        left: what no change of a version mends, one sentence each.
    """

    changes: tuple[Change, ...]
    smallest: bool
    again: int
    rules: tuple[str, ...]
    left: tuple[str, ...]


def remedy(
    verdict: Verdict, found: Sequence[Stop], closure: Closure, ways: Ways, policy: Policy, waivers: Waivers
) -> Remedy:
    """The smallest set of versions to be changed so that nothing stops the step, and what that leaves.

    Args:
        verdict: on the closure.
        found: of ``causes.stops``.
        closure: what was decided on.
        ways: all ways in it.
        policy: rules and terms.
        waivers: accepted risks.
    """
    upstream = [s for s in found if s.judged.index]
    rows = closure.rows
    names = rows.versions(range(len(rows)))
    cut, smallest = _cut(upstream, ways, names)
    for _ in range(_TRIES):
        rest = stops(without(closure, ways, cut), policy, waivers, verdict.use, verdict.at)
        rest = [s for s in rest if s.judged.index]
        if not rest:
            break
        # Rules that stop a mere choice, and not content: leaving ways out brought them up.
        place = {version: n for n, version in enumerate(names)}
        more = (s._replace(judged=replace(s.judged, index=place[s.judged.reached.version])) for s in rest)
        upstream = [*(s._replace(anyway=True) for s in upstream), *more]
        cut, smallest = _cut([s._replace(anyway=True) for s in upstream], ways, names)[0], False
    else:
        cut, smallest = set(ways.parents(0)), False
    here: dict[int, list[Judged]] = {}
    for s in upstream:
        here.setdefault(s.judged.index, []).append(s.judged)
    changes = [_change(n, here.get(n, []), upstream, ways, names) for n in sorted(cut)]
    own = [s.judged for s in found if not s.judged.index]
    if own:
        changes.insert(0, Change(closure.target, Action.STEP, _models(own), len(own)))
    below = ways.between(cut) - cut - {0}
    rules = dict.fromkeys(s.judged.ruling.rule.id for s in found)
    return Remedy(tuple(changes), smallest, len(below), tuple(rules), tuple(_left(verdict)))


def without(closure: Closure, ways: Ways, gone: Collection[int]) -> Closure:
    """The closure as it would be without some versions, and without what only they were made from.

    Args:
        closure: what was decided on.
        ways: all ways in it.
        gone: places in it, not that of the target.
    """
    if not gone:
        return closure
    was = {n for n, _, _ in ways.direct.reach()}
    content = {n for n, _, _ in ways.direct.reach(gone)}
    left = list(ways.reach(gone))
    place = {n: at for at, (n, _, _) in enumerate(left)}
    rows: list[Reached] = []
    for (n, depth, before), r in zip(left, closure.rows.take([n for n, _, _ in left]), strict=True):
        choice = r.influence is Influence.INDIRECT or (n in was and n not in content)
        influence = Influence.INDIRECT if choice else Influence.DIRECT
        rows.append(r._replace(influence=influence, depth=depth, toward=place.get(before, -1)))
    return replace(closure, reached=Listed(rows))


def _cut(found: Sequence[Stop], ways: Ways, names: Sequence[Version]) -> tuple[set[int], bool]:
    """A smallest set of versions between the target and what stops it, and whether it is proved to be one."""

    def foreign(n: int) -> bool:
        return names[n].run is None

    anyway = {s.judged.index for s in found if s.anyway}
    direct = {s.judged.index for s in found} - anyway
    if not anyway or not direct:
        return smallest_cut(ways if anyway else ways.direct, anyway or direct, foreign), True
    # Two graphs and one set of versions to leave out: each graph alone says how many there must be at least.
    parts = smallest_cut(ways, anyway, foreign), smallest_cut(ways.direct, direct, foreign)
    together = parts[0] | parts[1]
    both = smallest_cut(ways, anyway | direct, foreign)
    best = min(together, both, key=len)
    return best, len(best) == max(map(len, parts))


def _change(n: int, own: Sequence[Judged], found: Sequence[Stop], ways: Ways, names: Sequence[Version]) -> Change:
    version = names[n]
    beyond = own or _beyond(n, found, ways)
    if own and all(j.ruling.model is None for j in own):
        action = Action.DECLARE
    else:
        action = Action.REBUILD if version.run is not None else Action.REPLACE
    return Change(version, action, _models(beyond), len(beyond))


def _beyond(n: int, found: Sequence[Stop], ways: Ways) -> list[Judged]:
    """What stops the step upstream of a version."""
    kinds = {s.anyway for s in found}
    anyway = ways.upstream(n) if True in kinds else set[int]()
    direct = ways.direct.upstream(n) if False in kinds else set[int]()
    return [s.judged for s in found if s.judged.index in (anyway if s.anyway else direct)]


def _models(judged: Sequence[Judged]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(j.ruling.model) for j in judged if j.ruling.model is not None))


def _left(verdict: Verdict) -> Iterator[str]:
    for f in verdict.findings:
        if f.waived_by or f.restates:
            continue
        if f.rule == "guard-cannot-see":
            yield f"The guard could not see: {f.message}"
        elif f.rule.startswith(("suite:", "rows:")):
            yield f"{f.rule}: {f.message}"
