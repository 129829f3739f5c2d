"""What stops a step, by every way; and what would unblock it: the fewest versions to make again.

A version that is *made again* stands here for one that was made from nothing that stops the step: it
takes what it was made from out of the lineage, and what it was itself. So what must be made again is a
set of versions that every way to a cause goes through, and the smallest is a minimum vertex cut. The
step itself cannot be in it, and what the guard could not see is not mended by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from heapq import merge
from itertools import islice
from typing import NamedTuple

from lineage_guard.domain.facts import Influence, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.cutting import smallest_cut
from lineage_guard.domain.lineage.reached import Listed, Reached, kind_of
from lineage_guard.domain.lineage.ways import Ways
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import Finding, Verdict
from lineage_guard.domain.verdict.judging import Judged, Ruling, judge, rules_for, rulings_on

_TRIES = 4


class Stop(NamedTuple):
    """One thing upstream that stops the step.

    Attributes:
        judged: what was found, and the rule that speaks.
        anyway: whether it stops too when only a choice came through from there, so that ways with an
            INDIRECT edge count.
    """

    judged: Judged
    anyway: bool


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
class Cause:
    """A finding that stops the step, and the ways by which it does.

    Attributes:
        finding: the finding.
        versions: how many versions show it.
        paths: the shortest ways, from the target to a version that shows it.
        total: how many ways there are, up to ``ways.MANY``; ``None`` when they go in circles and were not counted.
    """

    finding: Finding
    versions: int
    paths: tuple[tuple[Version, ...], ...]
    total: int | None

    @property
    def left_out(self) -> int | None:
        """How many ways are not among ``paths``; ``None`` when nobody knows."""
        return None if self.total is None else self.total - len(self.paths)


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


def stops(closure: Closure, policy: Policy, waivers: Waivers, use: str, at: datetime) -> list[Stop]:
    """Everything in a closure that stops a step, in the order of the closure.

    Args:
        closure: what was decided on.
        policy: rules and terms.
        waivers: accepted risks.
        use: what the step is for.
        at: the time of the decision.
    """
    rules = rules_for(closure, policy)
    known: dict[object, bool] = {}

    def stopping(ruling: Ruling, version: Version) -> bool:
        said = (w.covers(ruling.rule.id, closure.target, ruling.model, use, at, version) for w in waivers)
        return policy.stops(ruling.effect, use) and not any(said)

    def anyway(r: Reached) -> bool:
        if r.influence is Influence.INDIRECT:
            return True
        there = rules.at(r.version) if rules.asks_where else rules
        kind = kind_of(r)._replace(influence=Influence.INDIRECT)
        # What a waiver excuses may hang on where it is; the rest is the same for all of a kind.
        key = (kind, there.rules, r.version if waivers else None)
        if key not in known:
            known[key] = any(stopping(ruling, r.version) for ruling in rulings_on(kind, there, use))
        return known[key]

    return [Stop(j, anyway(j.reached)) for j in judge(closure, policy, use) if stopping(j.ruling, j.reached.version)]


def causes(verdict: Verdict, found: Sequence[Stop], closure: Closure, ways: Ways, most: int) -> tuple[Cause, ...]:
    """The findings that stop the step, each with its shortest ways, and how many more there are.

    Args:
        verdict: on the closure.
        found: of ``stops``.
        closure: what was decided on.
        ways: all ways in it.
        most: ways to spell out for each finding.
    """
    by_finding: dict[object, list[Stop]] = {}
    for stop in found:
        by_finding.setdefault(_key_of_judged(stop.judged), []).append(stop)
    told: list[Cause] = []
    for finding in verdict.findings:
        here = () if finding.waived_by else by_finding.get(_key_of_finding(finding), ())
        if not here:
            continue
        anyway = {s.judged.index for s in here if s.anyway}
        direct = {s.judged.index for s in here} - anyway
        sides = [(w, roots) for w, roots in ((ways.direct, direct), (ways, anyway)) if roots]
        counted = [w.count(roots) for w, roots in sides]
        every = merge(*(w.paths(roots) for w, roots in sides), key=len)
        shown = list(islice(every, most))
        whole = next(every, None) is None
        total = len(shown) if whole else None if None in counted else sum(c for c in counted if c is not None)
        nodes = list(dict.fromkeys(n for path in shown for n in path))
        name = dict(zip(nodes, closure.rows.versions(nodes), strict=True))
        paths = tuple(tuple(name[n] for n in path) for path in shown)
        told.append(Cause(finding, len(anyway | direct), paths, total))
    return tuple(told)


def remedy(
    verdict: Verdict, found: Sequence[Stop], closure: Closure, ways: Ways, policy: Policy, waivers: Waivers
) -> Remedy:
    """The smallest set of versions to be changed so that nothing stops the step, and what that leaves.

    Args:
        verdict: on the closure.
        found: of ``stops``.
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
    changes = [_change(n, upstream, ways, names) for n in sorted(cut)]
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


def _change(n: int, found: Sequence[Stop], ways: Ways, names: Sequence[Version]) -> Change:
    own = [s.judged for s in found if s.judged.index == n]
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


def _key_of_judged(j: Judged) -> object:
    ruling = j.ruling
    model = ruling.model
    source = (model.provider, model.model, model.channel) if model else j.reached.version
    return (ruling.rule.id, ruling.reason, ruling.effect, ruling.terms.id if ruling.terms else None, source)


def _key_of_finding(f: Finding) -> object:
    source = (f.model.provider, f.model.model, f.model.channel) if f.model else f.subject
    return (f.rule, f.reason, f.effect, f.terms.id if f.terms else None, source)
