"""What an alert says: why training stopped, how it got there, and the ways on.

Never row data, never a secret: an alert is made of names, terms and rules only. Every text is
cut to a length that fits the tightest sink, so a hostile name cannot keep a page from going out.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.content.around import Around
from lineage_guard.alerts.content.context import TEXT, Context, kept, some
from lineage_guard.alerts.runbooks import name_of
from lineage_guard.alerts.ways import NAME, cut, ways_to_unblock
from lineage_guard.domain.grammar import plural
from lineage_guard.domain.incidents.incident import (
    HISTORY_LOST,
    LEDGER_UNREACHABLE,
    OF_A_TICK,
    OF_THE_GUARD,
    RULES_UNREADABLE,
    Event,
    IncidentKind,
    Notice,
)
from lineage_guard.domain.incidents.wording import several
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.verdict.decide import Finding

__all__ = ["Alert", "Context", "alert_of", "runbook_of", "sample"]

_FRESH = 3
#: What it means that a sensor can work again.
_BACK = {
    LEDGER_UNREACHABLE: "Every sensor that missed the ledger has it back. What ran meanwhile is collected and judged; "
    "steps that were stopped have to be launched again.",
    RULES_UNREADABLE: "Every sensor that could not go by these rules goes by them again. What ran meanwhile is judged; "
    "steps that were stopped have to be launched again.",
    HISTORY_LOST: "The ledger holds again what every sensor knew of it, or they were told to go on from what it holds.",
}


def alert_of(notice: Notice, context: Context, around: Around | None = None) -> Alert:
    """Put a notice into words.

    Args:
        notice: from ``incidents.step``.
        context: links, owners and the deployment's name.
        around: what lies around the incident, as far as it is known.
    """
    incident, verdict, finding = notice.incident, notice.verdict, notice.finding
    near = around or Around()
    stopped = incident.stopped
    target = stopped[0] if stopped else "".join(incident.targets[:1])
    model, terms = (finding.model, finding.terms) if finding else (None, None)
    over = notice.event is Event.RESOLVE
    ways = () if over or finding is None or verdict is None else ways_to_unblock(finding, verdict, near.rebuild)
    changed = " ".join(filter(None, (notice.changed, _fresh(near, finding))))
    return Alert(
        id=notice.id,
        incident=incident.key.id,
        event=notice.event.value,
        kind=incident.kind.value,
        page=notice.page,
        at=notice.at.isoformat(),
        deployment=cut(context.deployment, NAME),
        headline=cut(_headline(notice), 2 * NAME),
        message=cut(_message(notice), TEXT),
        reason=incident.reason.value,
        rule=cut(incident.key.rule, NAME),
        cause=cut(incident.key.cause, NAME),
        target=cut(target, NAME),
        partitions=len(incident.holds),
        scope=some(incident.scope),
        decision=verdict.decision.value if verdict else None,
        use=cut(verdict.use, NAME) if verdict else None,
        policy=cut(verdict.policy, NAME) if verdict else None,
        terms=cut(terms.id, NAME) if terms else None,
        terms_url=cut(terms.url, TEXT) if terms and terms.url else None,
        path=_path(finding, str(model) if model else None),
        changed=cut(changed, TEXT),
        owners=() if incident.kind is IncidentKind.BLIND else some(context.owners_of(stopped or incident.targets)),
        ways=ways,
        links=_links(notice, context, near),
        runbook=context.runbook(name_of(incident.reason, incident.key.rule)),
        targets=some(stopped),
        assets=len(stopped),
        impact=cut(_impact(near, len(stopped)), TEXT),
    )


def runbook_of(reason: ReasonCode) -> str:
    """File name of the runbook of a reason, e.g. ``"restricted-model.md"``."""
    return name_of(reason) + ".md"


def sample(now: datetime, context: Context) -> Alert:
    """An alert that says it is a test, to try a sink with."""
    return replace(
        _SAMPLE, id=f"sample-{now.timestamp():.0f}", at=now.isoformat(), deployment=cut(context.deployment, NAME)
    )


def _headline(notice: Notice) -> str:
    incident, verdict = notice.incident, notice.verdict
    if verdict is not None and verdict.stops and not verdict.blocks and notice.event is not Event.RESOLVE:
        word = "WOULD BLOCK" if incident.kind is IncidentKind.BLOCKED else "BLIND"
        wider = {Event.WIDEN: ", WIDER", Event.REOPEN: ", AGAIN"}.get(notice.event, "")
        return f"[{word}{wider} ({verdict.mode.value}: nothing was stopped)] {incident.title}"
    blocked = "BLOCKED" if incident.kind is IncidentKind.BLOCKED else "BLIND"
    word = {
        Event.OPEN: blocked,
        Event.WIDEN: f"STILL {blocked}, WIDER",
        Event.NARROW: f"STILL {blocked if incident.paged else 'OBSERVED'}, FEWER",
        Event.REOPEN: f"{blocked} AGAIN",
        Event.RESOLVE: "RESOLVED",
    }[notice.event]
    return f"[{word}] {incident.title}"


def _message(notice: Notice) -> str:
    stopped = notice.incident.stopped
    if notice.event is Event.NARROW:
        return f"Part of it stayed away for the whole flap window. It still stops {several(stopped)}."
    if notice.finding is None:
        return _over(notice)
    if len(stopped) > 1 and notice.incident.kind is IncidentKind.BLOCKED:
        return f"{notice.finding.message} The same stops {several(stopped)}; the path is that of the first one found."
    return notice.finding.message


def _over(notice: Notice) -> str:
    verdict = notice.verdict
    if verdict is None:
        return "It has stayed away for the whole flap window."
    if notice.incident.key.rule in OF_A_TICK:
        return _BACK[notice.incident.key.rule]
    waived = f" under waiver {', '.join(verdict.waivers)}" if verdict.waivers else ""
    return f"The newest verdict on {verdict.target} no longer finds it: {verdict.decision.value}{waived}."


def _path(finding: Finding | None, model: str | None) -> tuple[str, ...]:
    if finding is None:
        return ()
    steps = tuple(str(v) for v in reversed(finding.path))
    return some((model, *steps) if model else steps)


def _fresh(near: Around, finding: Finding | None) -> str:
    """What is new on the path since the target last passed, in a sentence."""
    if not near.fresh or finding is None:
        return ""
    shown = [f"{cut(str(v), NAME)} (made {at:%Y-%m-%d %H:%M} UTC)" for v, at in near.fresh[:_FRESH]]
    more = f" and {len(near.fresh) - _FRESH} more" if len(near.fresh) > _FRESH else ""
    model = finding.model is not None and any(v == finding.subject for v, _ in near.fresh)
    came = f"; {finding.model} came in with {cut(str(finding.subject), NAME)}" if model else ""
    return f"New on the path since then: {', '.join(shown)}{more}{came}."


def _impact(near: Around, stopped: int) -> str:
    """How much is downstream of the cause, in a sentence."""
    if not near.versions:
        return ""
    least = "at least " if near.more else ""
    held = f"it stops {stopped} {plural('training asset', stopped)} now"
    trained = f"{least}{near.trained} {plural('trained version', near.trained)}"
    if near.training:
        trained += f" of {near.training} {plural('training asset', near.training)}"
    versions, assets = plural("version", near.versions), plural("asset", near.assets)
    found = f"{near.versions} {versions} of {least}{near.assets} {assets}"
    verbs = "holds it or was" if near.versions == 1 else "hold it or were"
    return f"{found} {verbs} made from it, {trained} among them; {held}."


def _links(notice: Notice, context: Context, near: Around) -> dict[str, str]:
    verdict, finding = notice.verdict, notice.finding
    links: dict[str, str | None] = {}
    if verdict is not None and notice.incident.key.rule not in OF_THE_GUARD:
        links["Training asset"] = context.asset(verdict.target)
        if finding is not None and finding.subject.name != verdict.target.name:
            links["Where it was found"] = context.asset(finding.subject)
        links["Run"] = context.run(near.run)
        links["Path"] = context.path(verdict.target)
        if finding is not None and finding.subject.name != verdict.target.name:
            links["Version it was found in"] = context.path(finding.subject)
    if notice.incident.key.rule not in OF_A_TICK:  # the path view shows what is in the ledger
        links["Incident"] = context.incident(notice.incident.key.id)
    return kept(links)


_SAMPLE = Alert(
    id="sample",
    incident="lg-sample",
    event=Event.OPEN.value,
    kind=IncidentKind.BLOCKED.value,
    page=False,
    at="",
    deployment="",
    headline="[TEST] Lineage Guard can reach this sink",
    message="This is a test. Nothing is blocked.",
    reason=ReasonCode.RESTRICTED_MODEL.value,
    rule="test",
    cause="test",
    target="test",
    runbook="lineage-guard runbook README",
)
