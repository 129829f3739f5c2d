"""Cases: a small lineage, and the verdict that somebody who knows the rules expects on it.

Whoever writes rules says here what they are meant to do, and is told where they do something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from lineage_guard.domain.facts import Production
from lineage_guard.domain.lineage.closure import Ancestry, close, extend
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import Policy, ReasonCode
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import Decision, Verdict, decide


@dataclass(frozen=True)
class Expected:
    """What a verdict should say. Of what is ``None`` nothing is expected.

    Attributes:
        decision: the outcome.
        stops: whether the step may not run; after BLOCK and UNKNOWN it is expected to stop, after others not.
        rule: id of the rule of the first finding, which is the strictest.
        reason: its reason code.
        path: its path by the names of datasets, from what is trained to where it was found.
        terms: ids of all terms that findings name.
        waivers: ids of the waivers that were used.
        obligation: how one of the duties begins.
        says: words that stand in the sentence of a finding.
    """

    decision: Decision
    stops: bool | None = None
    rule: str | None = None
    reason: ReasonCode | None = None
    path: tuple[str, ...] | None = None
    terms: frozenset[str] | None = None
    waivers: frozenset[str] | None = None
    obligation: str | None = None
    says: str | None = None


@dataclass(frozen=True)
class Case:
    """A small lineage, a question about it, and the answer that is expected.

    Attributes:
        name: what was done, in a sentence.
        why: why the answer is right.
        use: what is trained for.
        at: when it is asked, timezone-aware UTC.
        target: the step that would be trained.
        upstream: everything else on record.
        expected: the answer.
        asset: what the target's definition says of it; ``None`` where nobody wrote that down.
    """

    name: str
    why: str
    use: str
    at: datetime
    target: Production
    upstream: tuple[Production, ...]
    expected: Expected
    asset: AssetFacts | None = None


class Difference(NamedTuple):
    """What a verdict says otherwise than was expected, both in words."""

    what: str
    expected: str
    got: str


def answer(case: Case, policy: Policy, waivers: Waivers, ancestry: Ancestry) -> Verdict:
    """The verdict on a case, by the way that the gate goes.

    Args:
        case: the case.
        policy: the rules under test.
        waivers: accepted risks.
        ancestry: what public data was made from.
    """
    closure = extend(close(case.target, case.upstream), ancestry)
    return decide(replace(closure, asset=case.asset), policy, waivers, case.use, case.at)


def differences(expected: Expected, verdict: Verdict) -> tuple[Difference, ...]:
    """What a verdict says otherwise than was expected; nothing where it is as expected.

    Args:
        expected: what it should say.
        verdict: what was decided.
    """
    first = verdict.findings[0] if verdict.findings else None
    terms = {f.terms.id for f in verdict.findings if f.terms}
    sentences = [f.message for f in verdict.findings]
    stops = expected.stops
    if stops is None and verdict.decision is expected.decision:
        stops = expected.decision in (Decision.BLOCK, Decision.UNKNOWN)
    looked_at = (
        ("decision", expected.decision, verdict.decision),
        ("stops", None if stops is None else _yes(stops), _yes(verdict.stops)),
        ("rule", expected.rule, first and first.rule),
        ("reason", expected.reason, first and first.reason),
        ("path", _path(expected.path), first and _path([v.name for v in first.path])),
        ("terms", _listed(expected.terms), _listed(terms)),
        ("waivers", _listed(expected.waivers), _listed(verdict.waivers)),
    )
    found = [Difference(what, want, got or "none") for what, want, got in looked_at if want is not None and want != got]
    if expected.obligation is not None and not any(o.startswith(expected.obligation) for o in verdict.obligations):
        found.append(Difference("obligation", expected.obligation, "; ".join(verdict.obligations) or "none"))
    if expected.says is not None and not any(expected.says in s for s in sentences):
        found.append(Difference("says", expected.says, " ".join(sentences) or "nothing"))
    return tuple(found)


def _yes(flag: bool) -> str:
    return "true" if flag else "false"


def _path(names: Sequence[str] | None) -> str | None:
    return None if names is None else " <- ".join(names)


def _listed(ids: frozenset[str] | set[str] | Sequence[str] | None) -> str | None:
    return None if ids is None else ", ".join(sorted(ids)) or "none"
