"""The verdict. One pure, total function: no clock, no I/O, an answer for every input."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from lineage_guard.domain.facts import Influence, ModelSource, Pin, Usage, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.lineage.reached import Reached, terms_day
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import Policy, ReasonCode, Subject
from lineage_guard.domain.rules.terms import Effect, Terms
from lineage_guard.domain.rules.waivers import Waiver, Waivers, notice
from lineage_guard.domain.verdict.judging import (
    GUARD_CANNOT_SEE,
    NO_RULE,
    Judged,
    Ruling,
    judge,
    kinds_under,
    rulings_on,
    said_of,
)
from lineage_guard.domain.verdict.modes import Mode

__all__ = [
    "GUARD_CANNOT_SEE",
    "NO_RULE",
    "Decision",
    "Finding",
    "Judged",
    "Ruling",
    "Verdict",
    "decide",
    "judge",
    "rulings_on",
    "terms_day",
]


class Decision(StrEnum):
    """The outcome of a verdict. WAIVED is never written ALLOW."""

    ALLOW = "ALLOW"
    WAIVED = "WAIVED"
    WARN = "WARN"
    UNKNOWN = "UNKNOWN"
    BLOCK = "BLOCK"


@dataclass(frozen=True)
class Finding:
    """One thing found upstream, with everything a person needs to understand and undo it.

    Attributes:
        rule: id of the rule that speaks.
        reason: why, as a stable code.
        effect: what follows.
        message: one sentence in plain words.
        fix: the way out.
        subject: the version where it was found.
        path: from the target to the subject, both included.
        influence: whether content or only a choice came through.
        pin: CONSERVATIVE when the path holds a version that *may* have been read.
        model: the model, when the finding is about one.
        terms: the terms that were applied, when there are any.
        versions: how many reached versions show the same thing.
        waived_by: id of the waiver that covers it.
    """

    rule: str
    reason: ReasonCode
    effect: Effect
    message: str
    fix: str
    subject: Version
    path: tuple[Version, ...]
    influence: Influence = Influence.DIRECT
    pin: Pin = Pin.EXACT
    model: ModelSource | None = None
    terms: Terms | None = None
    versions: int = 1
    waived_by: str | None = None

    @property
    def restates(self) -> bool:
        """Whether it is the lineage suite's word on what the rules have judged already."""
        return self.rule == "suite:lineage" and self.reason is ReasonCode.EXPECTATIONS_FAILED


@dataclass(frozen=True)
class Verdict:
    """The answer to "may this step learn from this data?".

    Attributes:
        decision: the outcome.
        stops: whether the step may not run under the policy.
        target: what the step would write.
        use: what it is for.
        at: when it was decided (timezone-aware UTC).
        findings: strictest first; what was allowed outright is not listed.
        obligations: duties that travel to whatever is trained, e.g. naming duties.
        policy: name of the policy.
        policy_digest: digest of rules and terms.
        closure_digest: digest of what was looked at.
        closure_size: how many versions that were, the target not counted.
        watermark: state of the ledger.
        waivers: ids of waivers that were used.
        mode: whether the step is held to it; see ``modes.Mode``.
        cures: what quarantines took out of what was looked at, and the evidence for it, one sentence each.
        asset: what the definition of the target's asset said of it; ``None`` when nobody knew.
    """

    decision: Decision
    stops: bool
    target: Version
    use: str
    at: datetime
    findings: tuple[Finding, ...]
    obligations: tuple[str, ...]
    policy: str
    policy_digest: str
    closure_digest: str
    closure_size: int
    watermark: str
    waivers: tuple[str, ...] = ()
    mode: Mode = Mode.ENFORCE
    cures: tuple[str, ...] = ()
    asset: AssetFacts | None = None

    @property
    def blocks(self) -> bool:
        """Whether the step is stopped: the verdict says so, and the guard enforces it there."""
        return self.stops and self.mode is Mode.ENFORCE

    def joined(self, findings: Iterable[Finding]) -> Verdict:
        """The verdict with findings from elsewhere added, e.g. of failed expectations.

        The added findings stop the step if they are UNKNOWN or BLOCK, whatever the policy
        says of unknowns: they come from the gate itself.
        """
        added = tuple(findings)
        if not added:
            return self
        everything = _strictest_first((*self.findings, *added))
        return replace(
            self,
            findings=everything,
            decision=_decision(everything),
            stops=self.stops or any(f.effect >= Effect.UNKNOWN and not f.waived_by for f in added),
        )


def decide(closure: Closure, policy: Policy, waivers: Waivers, use: str, at: datetime) -> Verdict:
    """Decide whether a step may learn from everything in a closure.

    Pure and total: the same arguments give the same verdict, and every closure has one.

    Args:
        closure: what the step would learn from; see ``closure.close`` and ``closure.extend``.
        policy: the organisation's rules over the catalog's terms.
        waivers: accepted risks; those that are expired at ``at`` do nothing.
        use: what the step is for, e.g. ``terms.TRAIN_COMPETING``.
        at: the time of the decision, timezone-aware UTC.

    Returns:
        The verdict. What was allowed outright leaves no finding; its duties are listed.

    Example:
        >>> from datetime import UTC, datetime
        >>> from lineage_guard.domain.lineage.closure import close
        >>> from lineage_guard.domain.facts import Input, Production, Version
        >>> from lineage_guard.domain.rules.terms import FixedTerms, TRAIN_COMPETING
        >>> step = Production((Version("d", "student"),), inputs=(Input(Version("d", "raw")),))
        >>> empty = Policy("empty", rules=(), terms=FixedTerms({}))
        >>> decide(close(step, []), empty, (), TRAIN_COMPETING, datetime(2026, 1, 1, tzinfo=UTC)).decision.value
        'UNKNOWN'
    """
    groups, duties = _grouped(closure, policy, use)
    findings = [*_findings(groups, closure, waivers, use, at), *(_blind(s, closure) for s in closure.blind)]
    ordered = _strictest_first(findings)
    return Verdict(
        decision=_decision(ordered),
        stops=any(
            not f.waived_by and (policy.stops(f.effect, use) or f.reason is ReasonCode.GUARD_CANNOT_SEE)
            for f in ordered
        ),
        target=closure.target,
        use=use,
        at=at,
        findings=ordered,
        obligations=duties,
        policy=policy.name,
        policy_digest=policy.digest,
        closure_digest=closure.digest,
        closure_size=len(closure.reached) - 1,
        watermark=closure.watermark,
        waivers=tuple(dict.fromkeys(f.waived_by for f in ordered if f.waived_by)),
        asset=closure.asset,
    )


@dataclass(slots=True)
class _Group:
    """Rows that show the same thing: the place of the first, and for each kind of them a ruling and the rows."""

    first: tuple[int, int]
    entries: list[tuple[Ruling, Sequence[int]]]
    waiver: Waiver | None = None

    @property
    def is_gap(self) -> bool:
        """Whether it is one version whose record is missing or says that it is not complete."""
        return self.entries[0][0].model is None


def _grouped(closure: Closure, policy: Policy, use: str) -> tuple[list[_Group], tuple[str, ...]]:
    """What was not allowed outright, in the order of the closure, and the duties of all that was looked at."""
    duties: dict[str, None] = {}
    groups: dict[tuple[object, ...], _Group] = {}
    # Rulings that many kinds share are looked at once. They are kept here, so that no other has the id of one.
    shared: dict[int, tuple[Ruling, _Group | None]] = {}
    for kind, indexes, rules in kinds_under(closure, policy):
        if kind.licenses and (kind.influence is Influence.DIRECT or policy.counts_indirect):
            duties.update(dict.fromkeys(f"{x.expression}: {duty}" for x in kind.licenses for duty in x.obligations))
        n = -1
        for model, rulings in said_of(kind, rules, use):
            for ruling in rulings:
                n += 1
                if model is None:  # every gap is a finding of its own
                    if ruling.effect is not Effect.ALLOW:
                        key = _same(ruling)
                        groups.update({(*key, ruling.how, i): _Group((i, n), [(ruling, (i,))]) for i in indexes})
                    continue
                if id(ruling) not in shared:
                    if terms := ruling.terms:
                        duties.update(dict.fromkeys(f"{terms.provider}: {duty}" for duty in terms.obligations))
                    group = None
                    if ruling.effect is not Effect.ALLOW:
                        source = (model.provider, model.model, model.channel)
                        group = groups.setdefault((*_same(ruling), *source), _Group((indexes[0], n), []))
                    shared[id(ruling)] = (ruling, group)
                group = shared[id(ruling)][1]
                # Two models that differ in usage alone are one thing to find, and the rows are the same.
                if group and not (group.entries and group.entries[-1][1] is indexes):
                    group.entries.append((ruling.about(model), indexes))
    return sorted(groups.values(), key=lambda g: g.first), tuple(duties)


def _same(ruling: Ruling) -> tuple[object, ...]:
    return (ruling.rule.id, ruling.reason, ruling.effect, ruling.terms.id if ruling.terms else None)


def _waived(group: _Group, closure: Closure, waivers: Waivers, use: str, at: datetime) -> Iterator[_Group]:
    """A group as it is covered: whole, or cut up where waivers cover some of the versions only."""
    ruling = group.entries[0][0]
    rule, target, model = ruling.rule.id, closure.target, ruling.model
    anywhere = (w for w in waivers if w.dataset is None and w.covers(rule, target, model, use, at))
    whole = next(anywhere, None)
    # What a waiver for certain data covers is known once the names of the data are.
    there = [w for w in waivers if w.dataset is not None and at < w.expires and w.rule == rule]
    if whole is not None or not there:
        group.waiver = whole
        yield group
        return
    parts: dict[str | None, _Group] = {}
    for n, (said, indexes) in enumerate(group.entries):
        split: dict[str | None, tuple[Waiver | None, list[int]]] = {}
        for index, version in zip(indexes, closure.rows.versions(indexes), strict=True):
            by = next((w for w in there if w.covers(rule, target, model, use, at, version)), None)
            split.setdefault(by.id if by else None, (by, []))[1].append(index)
        for key, (by, some) in split.items():
            parts.setdefault(key, _Group((some[0], n), [], by)).entries.append((said, some))
    yield from parts.values()


def _holds(indexes: Sequence[int], index: int) -> bool:
    place = bisect_left(indexes, index)
    return place < len(indexes) and indexes[place] == index


def _findings(
    groups: Sequence[_Group], closure: Closure, waivers: Waivers, use: str, at: datetime
) -> Iterator[Finding]:
    """A finding for each group, at its best example; all rows and all paths are asked for at once."""
    rows = closure.rows
    groups = [part for group in groups for part in _waived(group, closure, waivers, use, at)]
    nearest = [g.first[0] if g.is_gap else rows.nearest([indexes for _, indexes in g.entries]) for g in groups]
    # Of a gap the record says more, of all else the rulings do.
    gaps = [n for g, n in zip(groups, nearest, strict=True) if g.is_gap]
    others = [n for g, n in zip(groups, nearest, strict=True) if not g.is_gap]
    whole = dict(zip(gaps, rows.take(gaps), strict=True))
    places = dict(zip(others, rows.places(others), strict=True))
    for group, index, path in zip(groups, nearest, rows.paths(nearest), strict=True):
        ruling = next(ruling for ruling, indexes in group.entries if _holds(indexes, index))
        reached = whole[index] if group.is_gap else places[index]
        waiver, version = group.waiver, reached.version
        note = notice(waiver, waivers, ruling.rule.id, closure.target, ruling.model, use, at, version)
        yield Finding(
            rule=ruling.rule.id,
            reason=ruling.reason,
            effect=ruling.effect,
            message=" ".join(filter(None, (_message(ruling, reached, use), ruling.unsure))) + note,
            fix=ruling.rule.fix,
            subject=reached.version,
            path=path,
            influence=ruling.influence,
            pin=reached.pin,
            model=ruling.model,
            terms=ruling.terms,
            versions=sum(len(indexes) for _, indexes in group.entries),
            waived_by=waiver.id if waiver else None,
        )


def _message(j: Ruling, reached: Reached, use: str) -> str:
    may = "may hold" if reached.pin is Pin.CONSERVATIVE else "holds"
    if j.model and j.terms:
        base = j.model.usage is Usage.BASE_MODEL
        did = f"begins from {j.model}" if base else f"{may} {j.model.usage.value.lower()} output of {j.model}"
        says = _says(j, j.terms, use) + (f"; {j.how}" if j.how else "")
        return f"{reached.version} {did}, whose terms ({j.terms.id}) {says}. {j.terms.summary}".strip()
    if j.model and j.rule.on is Subject.OBSERVATION:
        return f"{reached.version}: {j.how}."
    if j.model:
        why = {
            ReasonCode.UNKNOWN_MODEL: "no catalog entry knows this model",
            ReasonCode.UNKNOWN_CHANNEL: "the channel it was reached through is not stated or not known",
            ReasonCode.UNKNOWN_TERMS: "not all terms that bind it are in the catalog",
        }.get(j.reason, j.rule.reason.rstrip("."))
        did = "begins from" if j.model.usage is Usage.BASE_MODEL else f"{may} output of"
        return f"{reached.version} {did} {j.model}: {why}{f' ({j.how})' if j.how else ''}."
    if j.rule.on is Subject.LICENSE:
        verb = {Effect.BLOCK: "stops", Effect.WARN: "warns of"}.get(j.effect, "leaves open")
        return f"{reached.version} is under {j.how}, which rule {j.rule.id} {verb} for {use}."
    if j.reason is ReasonCode.NO_PROVENANCE:
        return f"Nothing on record says what {reached.version} was made from."
    note = f": {reached.note}" if reached.note else ""
    return f"The record of {reached.version} does not say all it was made from{note}."


def _says(j: Ruling, terms: Terms, use: str) -> str:
    if j.rule.effect is None:
        said = j.effect if j.how else terms.effect_on(use)
        verb = {Effect.BLOCK: "do not permit", Effect.WARN: "put conditions on"}.get(said, "leave open")
        capped = f"; rule {j.rule.id} goes no further than {j.effect.name.lower()}" if said > j.effect else ""
        return f"{verb} {use}{capped}"
    verb = {Effect.BLOCK: "stops", Effect.WARN: "warns of"}.get(j.effect, "leaves open")
    return f"fall under rule {j.rule.id}, which {verb} {use}"


def _blind(sentence: str, closure: Closure) -> Finding:
    return Finding(
        rule=GUARD_CANNOT_SEE.id,
        reason=ReasonCode.GUARD_CANNOT_SEE,
        effect=Effect.BLOCK,
        message=sentence,
        fix=GUARD_CANNOT_SEE.fix,
        subject=closure.target,
        path=(closure.target,),
    )


def _strictest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(
        sorted(
            findings,
            key=lambda f: (
                f.waived_by is not None,
                -f.effect,
                # A failed suite repeats in numbers what the other findings say in words.
                f.reason is ReasonCode.EXPECTATIONS_FAILED,
                len(f.path),
                f.rule,
                str(f.model),
                str(f.subject),
                f.message,
            ),
        )
    )


def _decision(findings: tuple[Finding, ...]) -> Decision:
    open_effects = [f.effect for f in findings if not f.waived_by]
    worst = max(open_effects, default=Effect.ALLOW)
    if worst is Effect.ALLOW:
        return Decision.WAIVED if any(f.waived_by for f in findings) else Decision.ALLOW
    return Decision[worst.name]
