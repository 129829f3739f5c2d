"""The verdict. One pure, total function: no clock, no I/O, an answer for every input."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import StrEnum

from lineage_guard.domain.closure import Closure, Reached
from lineage_guard.domain.facts import Completeness, Influence, ModelSource, Pin, Version
from lineage_guard.domain.policy import Policy, ReasonCode, Rule, Subject
from lineage_guard.domain.terms import Effect, Terms
from lineage_guard.domain.waivers import Waivers


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


@dataclass(frozen=True, slots=True)
class Judged:
    """One subject in a closure and what a policy makes of it, before findings are grouped."""

    index: int
    reached: Reached
    influence: Influence
    model: ModelSource | None
    terms: Terms | None
    rule: Rule
    reason: ReasonCode
    effect: Effect
    how: str = ""


NO_RULE = Rule(
    id="no-rule",
    on=Subject.MODEL,
    effect=Effect.UNKNOWN,
    reason="The policy has no rule for this, and silence is not permission.",
    fix="Add a rule to the policy that speaks of it, or remove the source from the lineage.",
)
GUARD_CANNOT_SEE = Rule(
    id="guard-cannot-see",
    on=Subject.GAP,
    effect=Effect.BLOCK,
    reason="The guard could not see all of the lineage, so it cannot say that it is clean.",
    fix="Run `lineage-guard doctor`, mend what it names, then run the step again.",
)


def judge(closure: Closure, policy: Policy, use: str) -> Iterator[Judged]:
    """Say what a policy makes of every model and every gap in a closure, one row each.

    The lineage suite of Great Expectations runs over these same rows, so that a rule lives
    in one place.

    Args:
        closure: what was reached.
        policy: rules and terms.
        use: what the target is for.
    """
    for index, r in enumerate(closure.reached):
        indirect = r.influence is Influence.INDIRECT
        if indirect and not policy.counts_indirect:
            continue
        if r.completeness is not Completeness.COMPLETE:
            reason = ReasonCode.INCOMPLETE_PROVENANCE if r.recorded else ReasonCode.NO_PROVENANCE
            yield from _rules(closure, policy, use, index, r.influence, None, None, Subject.GAP, reason)
        for model in r.models:
            influence = Influence.INDIRECT if indirect or not model.direct else Influence.DIRECT
            if influence is Influence.INDIRECT and not policy.counts_indirect:
                continue
            resolution = policy.terms.resolve(model, terms_day(model.generated_at or r.produced_at))
            for terms in resolution.layers:
                yield from _rules(
                    closure,
                    policy,
                    use,
                    index,
                    influence,
                    model,
                    terms,
                    Subject.MODEL,
                    ReasonCode.RESTRICTED_MODEL,
                )
            if resolution.unresolved or not resolution.layers:
                code = ReasonCode(resolution.unresolved or ReasonCode.UNKNOWN_TERMS)
                yield from _rules(
                    closure, policy, use, index, influence, model, None, Subject.UNRESOLVED, code, resolution.how
                )


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
    return (when.astimezone(UTC) if when.tzinfo else when).date()


def _rules(
    closure: Closure,
    policy: Policy,
    use: str,
    index: int,
    influence: Influence,
    model: ModelSource | None,
    terms: Terms | None,
    on: Subject,
    reason: ReasonCode,
    how: str = "",
) -> Iterator[Judged]:
    spoken = False
    for rule in policy.rules:
        if rule.on is not on or not rule.match.holds(use, model, terms, reason):
            continue
        spoken = True
        effect = rule.effect_of(terms, use)
        code = ReasonCode.PERMITTED_MODEL if on is Subject.MODEL and effect is Effect.ALLOW else reason
        yield Judged(index, closure.reached[index], influence, model, terms, rule, code, effect, how)
    if not spoken:
        yield Judged(
            index,
            closure.reached[index],
            influence,
            model,
            terms,
            NO_RULE,
            ReasonCode.NO_RULE,
            Effect.UNKNOWN,
            how,
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
        >>> from lineage_guard.domain.closure import close
        >>> from lineage_guard.domain.facts import Input, Production, Version
        >>> from lineage_guard.domain.terms import FixedTerms, TRAIN_COMPETING
        >>> step = Production((Version("d", "student"),), inputs=(Input(Version("d", "raw")),))
        >>> empty = Policy("empty", rules=(), terms=FixedTerms({}))
        >>> decide(close(step, []), empty, (), TRAIN_COMPETING, datetime(2026, 1, 1, tzinfo=UTC)).decision.value
        'UNKNOWN'
    """
    groups: dict[tuple[object, ...], list[Judged]] = {}
    duties: dict[str, None] = {}
    for j in judge(closure, policy, use):
        for duty in j.terms.obligations if j.terms else ():
            duties[f"{j.terms.provider if j.terms else ''}: {duty}"] = None
        if j.effect is not Effect.ALLOW:
            terms_id = j.terms.id if j.terms else None
            source = (j.model.provider, j.model.model, j.model.channel) if j.model else j.reached.version
            groups.setdefault((j.rule.id, j.reason, j.effect, terms_id, source), []).append(j)
    findings = [_finding(group, closure, waivers, use, at) for group in groups.values()]
    findings += [_blind(sentence, closure) for sentence in closure.blind]
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
        obligations=tuple(duties),
        policy=policy.name,
        policy_digest=policy.digest,
        closure_digest=closure.digest,
        closure_size=len(closure.reached) - 1,
        watermark=closure.watermark,
        waivers=tuple(dict.fromkeys(f.waived_by for f in ordered if f.waived_by)),
    )


def _finding(group: list[Judged], closure: Closure, waivers: Waivers, use: str, at: datetime) -> Finding:
    nearest = min(group, key=lambda j: (j.reached.pin is Pin.CONSERVATIVE, j.reached.depth, _place(j.reached.version)))
    waiver = next((w.id for w in waivers if w.covers(nearest.rule.id, closure.target, nearest.model, use, at)), None)
    return Finding(
        rule=nearest.rule.id,
        reason=nearest.reason,
        effect=nearest.effect,
        message=_message(nearest, use),
        fix=nearest.rule.fix,
        subject=nearest.reached.version,
        path=closure.path(nearest.index),
        influence=nearest.influence,
        pin=nearest.reached.pin,
        model=nearest.model,
        terms=nearest.terms,
        versions=len({j.reached.version for j in group}),
        waived_by=waiver,
    )


def _place(version: Version) -> tuple[str, str, str, str]:
    return (version.namespace, version.name, version.partition or "", version.run or "")


def _message(j: Judged, use: str) -> str:
    may = "may hold" if j.reached.pin is Pin.CONSERVATIVE else "holds"
    if j.model and j.terms:
        did = f"{may} {j.model.usage.value.lower()} output of {j.model}"
        return f"{j.reached.version} {did}, whose terms ({j.terms.id}) {_says(j)} {use}. {j.terms.summary}".strip()
    if j.model:
        why = {
            ReasonCode.UNKNOWN_MODEL: "no catalog entry knows this model",
            ReasonCode.UNKNOWN_CHANNEL: "the channel it was reached through is not stated or not known",
            ReasonCode.UNKNOWN_TERMS: "the terms it names are not in the catalog",
        }.get(j.reason, j.rule.reason.rstrip("."))
        return f"{j.reached.version} {may} output of {j.model}: {why}{f' ({j.how})' if j.how else ''}."
    if j.reason is ReasonCode.NO_PROVENANCE:
        return f"Nothing on record says what {j.reached.version} was made from."
    note = f": {j.reached.note}" if j.reached.note else ""
    return f"The record of {j.reached.version} does not say all it was made from{note}."


def _says(j: Judged) -> str:
    if j.rule.effect is None:
        return {Effect.BLOCK: "do not permit", Effect.WARN: "put conditions on"}.get(j.effect, "leave open")
    verb = {Effect.BLOCK: "stops", Effect.WARN: "warns of"}.get(j.effect, "leaves open")
    return f"fall under rule {j.rule.id}, which {verb}"


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
