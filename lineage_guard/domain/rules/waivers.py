"""Waivers: a named person accepts one narrow risk until a day. Never silent, never forever."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from lineage_guard.domain.facts import ModelSource, Version

#: How long before its end a waiver is announced, in verdicts and by ``lineage-guard doctor``.
NOTICE = timedelta(days=14)

_ADDRESS = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
#: What people write where somebody's name is to come.
_NOBODY = frozenset({"", "tbd", "tba", "todo", "to do", "n/a", "none", "null", "nobody", "pending", "xxx"})


class WaiverReason(StrEnum):
    """Why a risk is accepted.

    Attributes:
        AGREEMENT_PENDING: the owner agreed, and the catalog does not say so yet.
        LEGAL_OPINION: counsel reads the terms otherwise.
        NOT_RELEASED: what is trained does not leave the house.
        REBUILD_PLANNED: the data is being made again; this covers the time until then.
        FINDING_WRONG: the record is wrong and cannot be corrected in time.
        EMERGENCY: it must run now.
    """

    AGREEMENT_PENDING = "AGREEMENT_PENDING"
    LEGAL_OPINION = "LEGAL_OPINION"
    NOT_RELEASED = "NOT_RELEASED"
    REBUILD_PLANNED = "REBUILD_PLANNED"
    FINDING_WRONG = "FINDING_WRONG"
    EMERGENCY = "EMERGENCY"


@dataclass(frozen=True, slots=True)
class Waiver:
    """One accepted risk.

    Attributes:
        id: stable name, shown in every verdict that uses it.
        rule: id of the rule it waives.
        asset: OpenLineage name of the training asset (a shell pattern).
        reason: why, in words.
        requested_by: who asked.
        approved_by: who decided; never the requester.
        ticket: where it was discussed.
        expires: timezone-aware end; it does nothing from then on.
        model: model id pattern it covers; ``None`` covers findings without a model only.
        use: use it covers; ``None`` covers any.
        dataset: where the finding must be: ``name``, ``namespace:name`` or, for one version,
            ``namespace:name@run`` (shell patterns); ``None`` covers any place.
        partition: partition of the asset that it covers (a shell pattern); ``None`` covers any. A step that
            writes several is covered when all of them are; see ``spanning``.
        code: the reason as one of a few.
    """

    id: str
    rule: str
    asset: str
    reason: str
    requested_by: str
    approved_by: str
    ticket: str
    expires: datetime
    model: str | None = None
    use: str | None = None
    dataset: str | None = None
    partition: str | None = None
    code: WaiverReason | None = None

    @property
    def refused(self) -> str | None:
        """Why it does nothing whatever is found, or ``None``. It may have ended all the same."""
        asked, decided = _people(self.requested_by), _people(self.approved_by)
        if not asked or not decided:
            return "nobody requested it" if not asked else "nobody approved it"
        if asked & decided:
            return f"{self.approved_by} approved their own request"
        return too_broad(self.asset, self.model, self.dataset)

    def covers(
        self,
        rule: str,
        target: Version,
        model: ModelSource | None,
        use: str,
        at: datetime,
        subject: Version | None = None,
    ) -> bool:
        """Whether it covers one finding at a time.

        Args:
            rule: that speaks.
            target: what would be trained.
            model: that was found, if it is about one.
            use: what the target is for.
            at: when, timezone-aware UTC.
            subject: where it was found. Without it, a waiver for certain data covers nothing.
        """
        return at < self.expires and self.would_cover(rule, target, model, use, subject)

    def would_cover(
        self, rule: str, target: Version, model: ModelSource | None, use: str, subject: Version | None = None
    ) -> bool:
        """Whether it covers a finding, or did until it ended."""
        return (
            self.rule == rule
            and (self.use is None or self.use == use)
            and fnmatchcase(target.name, self.asset)
            and self.spans((target,))
            and (model is None if self.model is None else model is not None and fnmatchcase(model.model, self.model))
            and (self.dataset is None or (subject is not None and _is(self.dataset, places(subject))))
            and self.refused is None
        )

    def spans(self, outputs: Iterable[Version]) -> bool:
        """Whether it is for every partition that a step writes."""
        return self.partition is None or all(_is(self.partition, [v.partition or ""]) for v in outputs)


Waivers = tuple[Waiver, ...]


def spanning(waivers: Waivers, outputs: Iterable[Version]) -> Waivers:
    """Those for every partition that a step writes: what is accepted for one of them is not for the others.

    A verdict names one partition, and a step that writes several is stopped as a whole.

    Args:
        waivers: accepted risks.
        outputs: what the step writes.
    """
    written = tuple(outputs)
    return tuple(w for w in waivers if w.spans(written))


def notice(
    by: Waiver | None,
    waivers: Waivers,
    rule: str,
    target: Version,
    model: ModelSource | None,
    use: str,
    at: datetime,
    subject: Version,
) -> str:
    """What a reader of a finding must know of a waiver that ends soon, or that has ended; ``""`` when nothing.

    Args:
        by: the waiver that covers the finding.
        waivers: all of them.
        rule: that speaks.
        target: what would be trained.
        model: that was found.
        use: what the target is for.
        at: when, timezone-aware UTC.
        subject: where it was found.
    """
    if by is not None:
        if by.expires - at > NOTICE:
            return ""
        days = (by.expires - at).days
        left = "within a day" if days == 0 else f"in {days} day{'s' if days > 1 else ''}"
        return f" Waiver {by.id} ends {left}, on {by.expires:%Y-%m-%d}: renew it or take the cause away."
    over = [w for w in waivers if w.expires <= at and w.would_cover(rule, target, model, use, subject)]
    last = max(over, key=lambda w: (w.expires, w.id), default=None)
    return f" Waiver {last.id} covered this until {last.expires:%Y-%m-%d}." if last else ""


def too_broad(asset: str | None, model: str | None, dataset: str | None) -> str | None:
    """Say what is too broad about a waiver: one that names neither what is trained nor what it learns from.

    Args:
        asset: pattern of what is trained.
        model: pattern of models.
        dataset: pattern of data.

    Example:
        >>> too_broad("*", "gpt-4o", None) is None, too_broad("[a-z]*", "*", None) is None
        (True, False)
    """
    # A namespace names no data, but a run does.
    data = (dataset or "").rpartition(":")[2].split("@", 1)
    if not any(_names_something(each) for each in (asset or "", model or "", *data)):
        return "it is too broad: it names no asset, and no model or dataset either"
    return None


def _names_something(pattern: str) -> bool:
    """Whether a pattern says more than "any": it is a name, or it holds two letters or digits in a row."""
    # A sign in brackets of its own is that sign (``glob.escape``); other brackets are a choice.
    literal = re.sub(r"\[[^\]]+\]|[*?]", "\0", re.sub(r"\[([*?\[])\]", "-", pattern))
    return bool(pattern.strip()) and ("\0" not in literal or re.search(r"[^\W_]{2}", literal) is not None)


def _people(text: str) -> frozenset[str]:
    """Whom a text names: by the addresses in it, and as it stands. Nobody, where it only holds a place open."""
    plain = " ".join(text.split()).casefold()
    return frozenset() if plain.strip(" .-?") in _NOBODY else frozenset((plain, *_ADDRESS.findall(plain)))


def places(version: Version) -> list[str]:
    """The names by which a waiver may speak of a version, the most exact last."""
    name = f"{version.namespace}:{version.name}"
    return [version.name, name, *([f"{version.name}@{version.run}", f"{name}@{version.run}"] if version.run else [])]


def _is(pattern: str, values: Iterable[str]) -> bool:
    return any(value == pattern or fnmatchcase(value, pattern) for value in values)
