"""Waivers that would cover nothing, or cover it for ever: no error, since nothing is excused by them in silence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from lineage_guard.catalog.documents import suggest
from lineage_guard.catalog.doubts import SELECTS, Doubt, meets, nearest
from lineage_guard.catalog.load import Catalog
from lineage_guard.catalog.waiver_file import WaiverEntry, WaiverFile, WaiverState
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import USES
from lineage_guard.domain.verdict.judging import NO_RULE, OBSERVED_DIFFERS

#: What is accepted for longer was not accepted until a day, but given up.
LONG = timedelta(days=366)


def waiver_doubts(file: WaiverFile, catalog: Catalog, policy: Policy | None, at: datetime) -> dict[str, list[Doubt]]:
    """What is doubtful about the waivers of a file that are asked for or hold, by their id.

    Args:
        file: the waivers.
        catalog: what is known of models.
        policy: whose rules they waive; ``None``: nobody said, and rules are not looked at.
        at: now, timezone-aware UTC.
    """
    found: dict[str, list[Doubt]] = {}
    for i, entry in enumerate(file.entries):
        if entry.state(at) in (WaiverState.PENDING, WaiverState.ACTIVE):
            told = [*_scope(entry, catalog, policy), *_days(entry, at)]
            if told:
                found[entry.id] = [
                    Doubt(file.document.place(("waivers", i, key)), what, fix, near) for key, what, fix, near in told
                ]
    return found


_Told = tuple[str, str, str, str | None]


def _scope(entry: WaiverEntry, catalog: Catalog, policy: Policy | None) -> Iterator[_Told]:
    said = entry.said
    model = said.get("model")
    if model is not None and not meets("model", model, catalog):
        near = nearest("model", model, catalog)
        fix = f"did you mean {near!r}?" if near else "check the spelling"
        yield "model", f"no known model is called {model!r}, so it may cover nothing", fix, near
    asset = str(said.get("asset") or "")
    if ":" in asset and asset.partition(":")[0].lower() in SELECTS:
        what = f"{asset!r} is a name, and no selection, so it may cover nothing"
        yield "asset", what, "name the asset: what may come to be in a group, nobody can have approved", None
    uses = (*USES, *(policy.uses if policy else ()))
    use = said.get("use")
    if use is not None and use not in uses and (policy is not None or any(c in use for c in "*?[")):
        yield "use", f"no use is called {use!r}, so it covers nothing", suggest(use, uses), None
    for key in ("asset", "model", "dataset", "partition", "rule"):
        text = said.get(key)
        if text is not None and text != text.strip():
            yield key, f"{text!r} is compared with the space around it", f"write {text.strip()!r}", None
    rules = {NO_RULE.id, OBSERVED_DIFFERS.id} | {r.id for r in policy.rules} if policy else set[str]()
    rule = said["rule"]
    if policy is not None and rule not in rules and not rule.startswith("rows:"):
        yield "rule", f"policy {policy.name} has no rule {rule!r}, so it covers nothing", suggest(rule, rules), None


def _days(entry: WaiverEntry, at: datetime) -> Iterator[_Told]:
    asked, approved = (date.fromisoformat(d) if (d := entry.said.get(k)) else None for k in ("requested_on", _APPROVED))
    if asked and approved and approved < asked:
        yield _APPROVED, "it was approved before it was asked for", "correct the days", None
    if approved and approved > at.date():
        yield _APPROVED, f"{approved} is to come, and it holds already", "give the day on which it was approved", None
    if entry.waiver is not None:
        begins = approved or at.date()
        if entry.waiver.expires.date() - begins > LONG:
            days = (entry.waiver.expires.date() - begins).days
            yield "expires", f"it holds for {days} days", "end it within a year; a new approval renews it", None


_APPROVED = "approved_on"
