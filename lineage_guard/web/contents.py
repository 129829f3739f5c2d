"""What the path view shows, before it is a page: answers to the questions of ``web.questions``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lineage_guard.domain.facts import Influence, Pin, Version
from lineage_guard.domain.verdict.decide import Decision, Finding, Verdict
from lineage_guard.domain.verdict.modes import Mode

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.catalog.waiver_file import WaiverState
    from lineage_guard.domain.rules.policy import Policy

T = TypeVar("T")


@dataclass(frozen=True)
class Rules:
    """What versions are judged by now. Recorded verdicts are shown as they were, whatever this is.

    Attributes:
        catalog: terms and public ancestry.
        policy: rules over them.
        waivers: the file of waivers, read whenever it is needed; ``None`` when none is named.
    """

    catalog: Catalog
    policy: Policy
    waivers: Path | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list.

    Attributes:
        rows: some of it, in order.
        after: ask for the rest with this; ``None`` when nothing is left. Nobody reads meaning into it.
        total: how many rows the whole list has, on all pages.
    """

    rows: tuple[T, ...]
    after: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Cause:
    """A finding in few words.

    Attributes:
        rule: id of the rule that speaks.
        reason: the stable code.
        effect: ``BLOCK``, ``UNKNOWN`` or ``WARN``.
        what: the model, or the version with a gap.
        message: one sentence.
    """

    rule: str
    reason: str
    effect: str
    what: str
    message: str


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One verdict on record.

    Attributes:
        target: what the step would write, or wrote.
        run: of the asset, as the event says.
        parent_run: the orchestrator's run, when it is on record.
        at: when it was decided (UTC); of a verdict that does not say so, the time of its event.
        decision: ``None`` when what is on record cannot be understood; ``problem`` says why.
        outcome: in few words, e.g. ``would have been BLOCKED (observe)``.
        stops: whether the policy stops the step.
        enforced: whether it could stop the run.
        mode: whether the asset is held to it.
        use: what it is for.
        policy: name of the policy.
        findings: how many there are.
        first: the strictest of them.
        waivers: ids of waivers that were used.
        problem: why it cannot be read.
    """

    target: Version
    run: str
    parent_run: str | None
    at: datetime
    decision: Decision | None
    outcome: str
    stops: bool
    enforced: bool
    mode: Mode
    use: str
    policy: str
    findings: int
    first: Cause | None
    waivers: tuple[str, ...] = ()
    problem: str | None = None


class VersionKind(StrEnum):
    """What a version is.

    Attributes:
        TRAINED: a run wrote it under a name that a verdict was taken on.
        MODEL: a public model that the catalog knows.
        DATASET: a run wrote it.
        SOURCE: no run on record wrote it.
    """

    TRAINED = "trained"
    MODEL = "model"
    DATASET = "dataset"
    SOURCE = "source"


@dataclass(frozen=True, slots=True)
class VersionRow:
    """One version on record.

    Attributes:
        version: the version.
        kind: what it is.
        at: when it was made, by its first record (UTC); ``None`` when nobody knows.
        recorded: whether anything says what it was made from.
    """

    version: Version
    kind: VersionKind
    at: datetime | None
    recorded: bool


@dataclass(frozen=True, slots=True)
class FindingView:
    """A finding with its parts in words.

    Attributes:
        finding: the finding.
        subject: the model, or the version with a gap.
        steps: the path in words, from the target on, the model last.
        terms: the terms that were applied, in words.
        url: where their text can be read; only ``http`` and ``https``.
    """

    finding: Finding
    subject: str
    steps: tuple[str, ...]
    terms: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class VerdictView:
    """One verdict in full, as it is on record.

    Attributes:
        row: in one line.
        verdict: the verdict; ``None`` when what is on record cannot be understood.
        headline: outcome, asset, use and policy.
        findings: strictest first, without what only restates them.
        restated: whether the lineage suite failed over the same versions.
        facet: the very words of the record.
        history: every verdict on the asset, newest first; the page after it is asked for with ``verdicts``.
    """

    row: VerdictRow
    verdict: Verdict | None
    headline: str
    findings: tuple[FindingView, ...]
    restated: bool
    facet: Mapping[str, Any]
    history: Page[VerdictRow]


@dataclass(frozen=True, slots=True)
class CauseView:
    """A finding that stops the step, with the ways to it.

    Attributes:
        finding: in words.
        subject: the model, or the version with a gap.
        counted: how many ways there are, in words.
        paths: the shortest ways, each from the target on, in words.
        left_out: what is not shown, in words; ``None`` when nothing is left out.
    """

    finding: FindingView
    subject: str
    counted: str
    paths: tuple[tuple[str, ...], ...]
    left_out: str | None


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A version to be changed, and how.

    Attributes:
        version: which.
        name: as a person names it.
        done: what is to be done about it, in words.
    """

    version: Version
    name: str
    done: str


@dataclass(frozen=True, slots=True)
class ExplanationView:
    """Why a version is stopped and what would let it go, as judged now.

    Attributes:
        verdict: the verdict by the rules that were given, now.
        headline: outcome, asset, use and policy.
        text: the whole verdict as plain text.
        differs: what is other than in the recorded verdict, in plain words; empty when nothing is.
        causes: what stops it.
        heading: what is said of the changes.
        changes: the smallest set of versions to be changed.
        again: what is to be made again after them, in words; ``None`` when nothing is.
        quarantines: which rows could be taken out instead, one sentence each.
        commands: what asks for a waiver instead.
        left: what none of these mends.
        notes: what a reader must know of how this was reached.
        unsought: how many versions are upstream, when that was too many to look unasked for what would let it go:
            then ``causes``, ``changes``, ``quarantines``, ``commands`` and ``left`` are empty; else 0.
    """

    verdict: Verdict
    headline: str
    text: str
    differs: tuple[str, ...]
    causes: tuple[CauseView, ...]
    heading: str
    changes: tuple[ChangeView, ...]
    again: str | None
    quarantines: tuple[str, ...]
    commands: tuple[str, ...]
    left: tuple[str, ...]
    notes: tuple[str, ...]
    unsought: int = 0


@dataclass(frozen=True, slots=True)
class ImpactRow:
    """One version downstream.

    Attributes:
        version: the version.
        trained: whether it is of an asset that a verdict was taken on.
        influence: DIRECT when content may have come through.
        pin: CONSERVATIVE when it may hold nothing of the start.
        depth: edges on the way from the start; 0 for a version made with the model itself.
        path: from the start to it, the middle of a long one left out, in words.
    """

    version: Version
    trained: bool
    influence: Influence
    pin: Pin
    depth: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WaiverRow:
    """One entry of the file of waivers.

    Attributes:
        id: its stable name.
        state: what it is worth now.
        soon: whether it holds and ends within the time of notice.
        rule: that it waives.
        scope: what it covers: asset, model, use, dataset, partition, as far as it names them.
        reason: why, in words.
        requested_by: who asked.
        approved_by: who decided.
        ticket: where it was discussed.
        expires: its end (UTC).
        days: whole days until then, negative once it is over.
        revoked: who took it back, when and why, in words.
    """

    id: str
    state: WaiverState
    soon: bool
    rule: str
    scope: tuple[tuple[str, str], ...]
    reason: str | None
    requested_by: str
    approved_by: str | None
    ticket: str | None
    expires: datetime | None
    days: int | None
    revoked: str | None


@dataclass(frozen=True, slots=True)
class WaiversView:
    """The file of waivers.

    Attributes:
        path: the file; ``None`` when none is named.
        rows: in force first, those that end soonest first; then pending, over, taken back.
        problem: why the file cannot be trusted: then nothing is waived.
    """

    path: str | None
    rows: tuple[WaiverRow, ...]
    problem: str | None = None
