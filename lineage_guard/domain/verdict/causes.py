"""What stops a step: every place that does, and for each finding the ways by which it reaches the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import NamedTuple

from lineage_guard.domain.facts import Influence, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.reached import Reached, kind_of
from lineage_guard.domain.lineage.ways import Ways
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import Finding, Verdict
from lineage_guard.domain.verdict.judging import Judged, Ruling, judge, rules_for, rulings_on


class Stop(NamedTuple):
    """One thing upstream that stops the step.

    Attributes:
        judged: what was found, and the rule that speaks.
        anyway: whether it stops too when only a choice came through from there, so that ways with an
            INDIRECT edge count.
    """

    judged: Judged
    anyway: bool


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


def _key_of_judged(j: Judged) -> object:
    ruling = j.ruling
    model = ruling.model
    source = (model.provider, model.model, model.channel) if model else j.reached.version
    return (ruling.rule.id, ruling.reason, ruling.effect, ruling.terms.id if ruling.terms else None, source)


def _key_of_finding(f: Finding) -> object:
    source = (f.model.provider, f.model.model, f.model.channel) if f.model else f.subject
    return (f.rule, f.reason, f.effect, f.terms.id if f.terms else None, source)
