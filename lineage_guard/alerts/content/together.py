"""What is said of several causes that stop one training asset: the page of the first, with all of them by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from lineage_guard.alerts.alert import Alert
from lineage_guard.alerts.content.around import Around
from lineage_guard.alerts.content.context import TEXT, Context, some
from lineage_guard.alerts.content.digests import common_change, fitting
from lineage_guard.alerts.content.notices import alert_of
from lineage_guard.alerts.ways import NAME, Way, cut, explaining, ways_to_unblock
from lineage_guard.domain.grammar import plural
from lineage_guard.domain.incidents.incident import Event, Incident, IncidentKind, Notice
from lineage_guard.domain.incidents.storms import Digest
from lineage_guard.domain.incidents.wording import several

_NAMED = 3
#: What the first message says, and later ones too: nothing of it is new, and a chat that is updated must not lose it.
_KEPT = ("decision", "use", "policy", "terms", "terms_url", "path", "changed", "ways", "links", "impact")


def first_of(digest: Digest) -> Notice | None:
    """The beginning that a group is told by: path, ways and impact are its; ``None`` when nothing began."""
    stands = {i.key.id for i in digest.standing}
    return next((n for n in digest.new if n.incident.key.id in stands), digest.new[0] if digest.new else None)


def alert_of_group(
    digest: Digest, context: Context, around: Around | None = None, last: Mapping[str, object] | None = None
) -> Alert:
    """Put a group into words: what is stopped, by how many causes, each by its title, and the way on.

    Args:
        digest: from ``storms.gather``, of a storm with a target.
        context: links, owners and the deployment's name.
        around: what lies around the first cause, as far as it is known.
        last: what was told of the group before; path and ways stay those until it is over.
    """
    group, listed = digest.storm, digest.standing or digest.members
    first, over = first_of(digest), digest.event is Event.RESOLVE
    one = alert_of(first or Notice(digest.event, listed[0], digest.at, False), context, around)
    before = None if over or first else _read(last)
    if before is not None:
        one = replace(one, **{name: getattr(before, name) for name in _KEPT})
    targets = tuple(dict.fromkeys(t for i in listed for t in i.stopped))
    causes = tuple(dict.fromkeys(i.key.cause for i in listed))
    link = context.incident(group.id)
    return replace(
        one,
        id=digest.id,
        incident=group.id,
        event=digest.event.value,
        page=digest.page,
        headline=cut(_headline(digest, targets, causes), 2 * NAME),
        message=cut(_message(digest, one.message), TEXT),
        cause=one.cause if len(causes) < 2 else cut(f"{one.cause} and {len(causes) - 1} more", NAME),
        target=cut(group.target, NAME),
        partitions=len({place for i in listed for place in i.holds}),
        scope=some(dict.fromkeys(where for i in listed for where in i.scope)),
        changed=cut(common_change(digest), TEXT) if first else one.changed,
        owners=() if group.kind is IncidentKind.BLIND else some(context.owners_of(targets or (group.target,))),
        ways=_ways(digest, first, around) if first and not over else one.ways,
        links={**one.links, "Incident": link} if link else one.links,
        targets=some(targets),
        assets=len(targets),
        impact=cut(f"Of {first.incident.key.cause}: {one.impact}", TEXT) if first and one.impact else one.impact,
        causes=fitting(_titles(listed), link),
    )


def _headline(digest: Digest, targets: tuple[str, ...], causes: tuple[str, ...]) -> str:
    who = several(targets) or digest.storm.target
    if digest.event is Event.RESOLVE:
        return f"[RESOLVED] {who}: the {len(digest.members)} {_noun(digest)}s that were found at once are over"
    blocked = "BLOCKED" if digest.storm.kind is IncidentKind.BLOCKED else "BLIND"
    wider = {Event.WIDEN: ", WIDER", Event.NARROW: ", FEWER"}.get(digest.event, "")
    if any(i.paged for i in digest.members):
        again = "" if digest.storm.page else " AGAIN"
        word = f"STILL {blocked}{wider}" if wider else blocked + again
        what = f"{who} {'are' if len(targets) > 1 else 'is'} stopped by"
    else:
        word, what = f"WOULD BLOCK{wider}", f"{who} would be stopped by"
    shown, more = ", ".join(cut(cause, 120) for cause in causes[:_NAMED]), len(causes) - _NAMED
    left = f" and {more} more" if more > 0 else ""
    if len(causes) == 1 and len(digest.standing) > 1:
        left = f", under {len(digest.standing)} rules"
    return f"[{word}] {what} {len(causes)} {plural('cause', len(causes))}: {shown}{left}"


def _noun(digest: Digest) -> str:
    """What its members are: one model that two rules object to is one cause, and two findings."""
    return "cause" if len({i.key.cause for i in digest.members}) == len(digest.members) else "finding"


def _titles(listed: Sequence[Incident]) -> list[str]:
    """One line each; the rule tells apart what has the same title."""
    count = Counter(i.title for i in listed)
    return [i.title if count[i.title] == 1 else f"{i.title} (rule {i.key.rule})" for i in listed]


def _message(digest: Digest, said: str) -> str:
    apart = sum(i.storm != digest.storm.id and not i.resolved for i in digest.members)
    themselves = "it is told by itself" if apart == 1 else "they are told by themselves"
    back = f" {apart} of them came back since; {themselves}." if apart else ""
    if digest.event is Event.RESOLVE:
        return f"The newest verdicts no longer find what was told here.{back}"
    over = len(digest.members) - len(digest.standing) - apart
    noun, standing = _noun(digest), len(digest.standing)
    be = "is" if over == 1 else "are"
    ended = f" {over} of {len(digest.members)} {noun}s that were found at once {be} over." if over else ""
    if not digest.new:
        return f"Each {noun} ends by itself; {standing} still {'stands' if standing == 1 else 'stand'}.{ended}{back}"
    return f"{len(digest.new)} {noun}s were found at once; each ends by itself. Of the first: {said}{ended}{back}"


def _ways(digest: Digest, first: Notice, around: Around | None) -> tuple[Way, ...]:
    """How to see all of it, and then the ways of the first."""
    finding, verdict, count = first.finding, first.verdict, len(digest.new)
    if finding is None or verdict is None:
        return ()
    others = {n.incident.key.cause for n in digest.new} - {first.incident.key.cause}
    ways = ways_to_unblock(finding, verdict, around.rebuild if around else (), others=len(others))
    if digest.storm.kind is IncidentKind.BLIND:
        return ways
    *before, last = ways
    if not others and any(" waive " in command for command in last.commands):
        ways = (*before, replace(last, title=f"{last.title} Each other rule needs one of its own."))
    see = f"See all {count} {_noun(digest)}s, each with its path and what would mend it."
    return (Way(see, (explaining(verdict.target),)), *ways)


def _read(last: Mapping[str, object] | None) -> Alert | None:
    try:
        return None if last is None else Alert.from_dict(last)
    except (KeyError, TypeError):
        return None
