"""What is said of a storm and of a waiver that ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from shlex import quote

from lineage_guard.alerts.alert import STORM, WAIVER_ENDS, Alert
from lineage_guard.alerts.content.context import TEXT, Context, kept, some
from lineage_guard.alerts.runbooks import STORM as STORM_RUNBOOK
from lineage_guard.alerts.runbooks import WAIVER as WAIVER_RUNBOOK
from lineage_guard.alerts.ways import NAME, Way, cut
from lineage_guard.domain.facts import Version
from lineage_guard.domain.grammar import plural
from lineage_guard.domain.incidents.endings import Expiry
from lineage_guard.domain.incidents.incident import Event, Incident, IncidentKind, asset_of
from lineage_guard.domain.incidents.storms import Digest

#: Longest line of a list, and UTF-8 bytes of a whole one: every sink takes that, several times over.
LINE, LIST = 200, 24_000
_CAUSES = 3


def alert_of_storm(digest: Digest, context: Context) -> Alert:
    """Put a digest into words: how much, of what, and every incident in it by its title.

    Args:
        digest: from ``storms.gather``.
        context: links, owners and the deployment's name.
    """
    storm, listed = digest.storm, digest.standing or digest.members
    targets = tuple(dict.fromkeys(t for i in listed for t in i.stopped))
    over = digest.event is Event.RESOLVE
    first = digest.new[0] if digest.new else None
    verdict = first.verdict if first else None
    link = context.incident(storm.id)
    return Alert(
        id=digest.id,
        incident=storm.id,
        event=digest.event.value,
        kind=storm.kind.value,
        page=digest.page,
        at=digest.at.isoformat(),
        deployment=cut(context.deployment, NAME),
        headline=cut(_headline(digest, targets), 2 * NAME),
        message=cut(_message(digest, listed), TEXT),
        reason=STORM,
        rule="storm",
        cause="storm",
        target=cut("".join(targets[:1]), NAME),
        partitions=sum(len(i.holds) for i in listed),
        scope=fitting([i.title for i in listed], link),
        decision=verdict.decision.value if verdict else None,
        policy=cut(verdict.policy, NAME) if verdict else None,
        changed=cut(common_change(digest), TEXT),
        owners=() if storm.kind is IncidentKind.BLIND else some(context.owners_of(targets)),
        ways=() if over else _ways(listed),
        links=kept({"Incidents": link}),
        runbook=context.runbook(STORM_RUNBOOK),
        targets=some(targets),
        assets=len(targets),
    )


def alert_of_expiry(expiry: Expiry, context: Context) -> Alert:
    """Put the coming end of a waiver into words, or what became of it.

    Args:
        expiry: from ``endings.announce``.
        context: links, owners and the deployment's name.
    """
    ending, waiver = expiry.ending, expiry.waiver
    target = ending.targets[0] if ending.targets else ""
    name = asset_of(target)[1]
    word = {Event.RESOLVE: "WAIVER"}.get(expiry.event, "WAIVER ENDS")
    covers = ""
    if waiver is not None:
        of = f" and model {waiver.model}" if waiver.model else ""
        covers = f" It covers rule {waiver.rule}{of} ({waiver.ticket}), approved by {waiver.approved_by}."
    revoke = f"lineage-guard waive revoke {_quoted(ending.id)} --by <you> --reason <why>"
    ways = (
        Way("See what passes by it, and what would make it needless.", (f"lineage-guard explain {_quoted(name)}",)),
        Way(
            "Ask for another, early enough for a review by somebody else.",
            (f"lineage-guard waive request {_quoted(name)} --by <you>",),
        ),
        Way("Or take it back if nobody needs it any more.", (revoke,)),
    )
    return Alert(
        id=expiry.id,
        incident=expiry.incident,
        event=expiry.event.value,
        kind="WAIVER",
        page=False,
        at=expiry.at.isoformat(),
        deployment=cut(context.deployment, NAME),
        headline=cut(f"[{word}] {expiry.said}", 2 * NAME),
        message=cut(f"{expiry.said} {_passing(ending.targets)}{covers}", TEXT),
        reason=WAIVER_ENDS,
        rule=cut(waiver.rule if waiver else "", NAME),
        cause=cut(f"waiver {ending.id}", NAME),
        target=cut(target, NAME),
        scope=some(ending.targets),
        use=cut(waiver.use, NAME) if waiver and waiver.use else None,
        owners=some(context.owners_of(ending.targets)),
        ways=() if expiry.event is Event.RESOLVE else ways,
        links=kept({"Training asset": context.asset(_version(target)), "Path": context.path(_version(target))}),
        runbook=context.runbook(WAIVER_RUNBOOK),
        targets=some(ending.targets),
        assets=len(ending.targets),
    )


def _headline(digest: Digest, targets: tuple[str, ...]) -> str:
    count, stand = len(digest.members), len(digest.standing)
    if digest.event is Event.RESOLVE:
        return f"[RESOLVED] All {count} incidents that began at once are over"
    assets = f"{len(targets)} {plural('training asset', len(targets))}"
    enforced = any(i.paged for i in digest.members)
    what = f"{count} incidents at once, {assets} {'stopped' if enforced else 'observed; nothing was stopped'}"
    if digest.storm.kind is IncidentKind.BLIND:
        what = f"{count} incidents at once: the guard cannot see"
    again = "STORM AGAIN" if enforced and not digest.storm.page else "STORM"
    word = {Event.WIDEN: f"{again}, WIDER", Event.NARROW: f"{again}, FEWER"}.get(digest.event, again)
    stands = "stands" if stand == 1 else "stand"
    return f"[{word}] {what}" if stand == count else f"[{word}] {what}; {stand} still {stands}"


def _message(digest: Digest, listed: tuple[Incident, ...]) -> str:
    if digest.event is Event.RESOLVE:
        return "The newest verdicts find none of it any more."
    causes = Counter(i.key.cause for i in listed)
    most = ", ".join(f"{cut(cause, 120)}" for cause, _ in causes.most_common(_CAUSES))
    more = f" and {len(causes) - _CAUSES} more" if len(causes) > _CAUSES else ""
    over = f" {len(digest.over)} of them ended just now." if digest.over else ""
    joined = f"{len(digest.new)} {plural('incident', len(digest.new))} joined. "
    new = joined if digest.event is Event.WIDEN and digest.new else ""
    return (
        f"{new}So much began within minutes that it is told as one; each incident is kept, and ends by itself.{over} "
        f"{len(causes)} {plural('cause', len(causes))}: {most}{more}. So many at once usually have one reason: "
        "a new policy, catalog or release, or a ledger that is not yesterday's."
    )


def common_change(digest: Digest) -> str:
    """What the members have in common to say of what changed."""
    said = Counter(n.changed for n in digest.new if n.changed)
    if not said:
        return ""
    sentence, count = said.most_common(1)[0]
    return sentence if count == len(digest.new) else f"Of {count} of {len(digest.new)}: {sentence}"


def _ways(listed: Iterable[Incident]) -> tuple[Way, ...]:
    first = asset_of(next((t for i in listed for t in i.stopped), ""))[1]
    return (
        Way("See all of it, and what else the guard finds wrong.", ("lineage-guard incidents", "lineage-guard doctor")),
        Way("If a policy, catalog or release was deployed just now: see what it judges otherwise, or take it back."),
        Way("Else take the causes one by one.", (f"lineage-guard explain {_quoted(first)}",)),
    )


def fitting(titles: Iterable[str], link: str | None) -> tuple[str, ...]:
    """As many lines as every sink takes, and how many are left out."""
    lines = [cut(title, LINE) for title in titles]
    room, fit = LIST, 0
    for line in lines:
        room -= len(line.encode()) + 1
        if room < 0:
            break
        fit += 1
    left = len(lines) - fit
    where = link or "`lineage-guard incidents` lists them"
    return (*lines[:fit], f"… {left} more: {where}") if left else tuple(lines)


def _passing(targets: tuple[str, ...]) -> str:
    count = len(targets)
    return f"{count} training asset{' passes' if count == 1 else 's pass'} by it: {', '.join(some(targets))}."


def _version(target: str) -> Version:
    return Version(*asset_of(target))


def _quoted(name: str) -> str:
    return quote(cut(name, NAME))
