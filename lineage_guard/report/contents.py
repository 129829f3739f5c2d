"""What an audit report holds, before it is written in any format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any

from lineage_guard.domain.facts import ModelSource, Production, Version
from lineage_guard.domain.lineage.reached import Reached
from lineage_guard.domain.rules.terms import Terms
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.ledger.asking.past import OnRecord, Position

#: Paths of at most so many steps are spelled out from the trained version on.
SPELLED_OUT = 32


@dataclass(frozen=True)
class Ruling:
    """What one rule makes of a source or of a model in it, by the policy of the report.

    Attributes:
        rule: id of the rule.
        effect: ``ALLOW``, ``WARN``, ``UNKNOWN`` or ``BLOCK``.
        reason: the reason code.
        model: the model, ``provider/model via channel``; ``None`` when it is about the version itself.
        terms: ``Report.terms`` key of the terms that were applied.
    """

    rule: str
    effect: str
    reason: str
    model: str | None = None
    terms: str | None = None


@dataclass(frozen=True)
class Used:
    """A model that took part in a source.

    Attributes:
        model: the model as recorded.
        terms: ``Report.terms`` keys of every layer of terms that bound it on the day it answered.
        unresolved: why a layer is missing.
        how: how the terms were found.
        taken_out: whether a proven quarantine took its rows out, so that it does not count.
    """

    model: ModelSource
    terms: tuple[str, ...]
    unresolved: str | None
    how: str
    taken_out: bool


@dataclass(frozen=True)
class Source:
    """One version that the trained version was made from; the first is the trained version itself.

    Attributes:
        id: its name within the report, ``S0``, ``S1``, ...
        reached: the version and what is on record of it.
        toward: id of the next version on the way to the trained one; ``None`` for that itself. All paths
            spelled out would grow with the square of a long history.
        inputs: ids of the versions it was made from, as far as that is known.
        models: models that took part in making it.
        rulings: what the policy of the report makes of it.
        record: who has a record of its making: ``ledger``, ``catalog`` (a public artefact) or ``nobody``.
    """

    id: str
    reached: Reached
    toward: str | None
    inputs: tuple[str, ...]
    models: tuple[Used, ...]
    rulings: tuple[Ruling, ...]
    record: str


@dataclass(frozen=True)
class Decided:
    """A verdict on the version as it was recorded.

    Attributes:
        verdict: the verdict.
        facet: the very words of the record.
        record: where the log holds it.
        by: ``gate`` before the training, ``sensor`` afterwards.
        at: time of the event.
        enforced: whether it could stop the run.
    """

    verdict: Verdict
    facet: Mapping[str, Any]
    record: OnRecord
    by: str
    at: datetime
    enforced: bool


@dataclass(frozen=True)
class Redecided:
    """What the policy of the report says of the same version.

    Attributes:
        verdict: its verdict.
        differs: what is other than in the last recorded verdict, in plain words; empty when nothing is.
        because: what the two were reached from differs in.
    """

    verdict: Verdict
    differs: tuple[str, ...]
    because: tuple[str, ...]


@dataclass(frozen=True)
class Obligation:
    """A duty that travels to the trained version.

    Attributes:
        duty: in plain words.
        owner: who asks for it: owner of the terms, or the licence.
        origin: ``Report.terms`` key or licence expression; ``None`` when only a recorded verdict names it.
        recorded: whether a recorded verdict lists it.
        sources: ids of the sources it comes from.
    """

    duty: str
    owner: str
    origin: str | None
    recorded: bool
    sources: tuple[str, ...]


@dataclass(frozen=True)
class WaiverText:
    """A waiver as its file says, with the days that decide whether it was in force.

    Attributes:
        waiver: the accepted risk.
        approved_on: the day it was approved, when the file says so; it holds from the beginning of that day (UTC).
        revoked_on: the day it was taken back; it does nothing from the beginning of that day (UTC).
        revoked_by: who took it back.
        revoked_because: why.
    """

    waiver: Waiver
    approved_on: date | None = None
    revoked_on: date | None = None
    revoked_by: str | None = None
    revoked_because: str | None = None

    def in_force(self, at: datetime) -> bool:
        """Whether it held at a moment.

        Args:
            at: the moment (timezone-aware).
        """
        day = at.astimezone(UTC).date()
        begun = self.approved_on is None or self.approved_on <= day
        return begun and at < self.waiver.expires and not (self.revoked_on is not None and self.revoked_on <= day)


@dataclass(frozen=True)
class Waived:
    """A waiver that a verdict relied on.

    Attributes:
        id: its name.
        text: what its file says, when the report was given it.
        in_force: whether it was in force at the date of the report; ``None`` without a text.
        verdicts: the verdicts that relied on it: ``D1``, ``D2``, ... for recorded ones, ``R`` for the re-decision.
        covered: what it covered there, one sentence each.
    """

    id: str
    text: WaiverText | None
    in_force: bool | None
    verdicts: tuple[str, ...]
    covered: tuple[str, ...]


@dataclass(frozen=True)
class Filed:
    """The result of an expectation suite that was filed by the date of the report.

    Attributes:
        evidence: the result.
        about: ``D1``, ... or ``R`` for the lineage suite over what that verdict looked at; a source id for rows.
        check: name of the asset check, for rows.
        document: ``sha256:`` of the document in the ledger, which is not in the hash chain.
    """

    evidence: Evidence
    about: tuple[str, ...]
    check: str | None
    document: str


@dataclass(frozen=True)
class Basis:
    """What the report judges by: files and settings, not the ledger.

    Attributes:
        policy: name of the policy.
        policy_version: its label.
        policy_digest: ``sha256:`` of rules and terms.
        catalog_digest: ``sha256:`` of terms and public ancestry.
        use: what the version is for.
        use_from: ``recorded``, ``given`` or ``assumed``.
        generator: name and version of what made the report.
    """

    policy: str
    policy_version: str
    policy_digest: str
    catalog_digest: str
    use: str
    use_from: str
    generator: tuple[str, str]


@dataclass(frozen=True)
class Report:
    """An audit report on one trained version, as of a date.

    Attributes:
        version: the trained version.
        production: what is on record of its making.
        as_of: the date (timezone-aware UTC).
        position: the state of the ledger that stood then.
        basis: what is judged by.
        sources: everything it was made from, itself first.
        terms: terms that bind a model among the sources, by key.
        decisions: recorded verdicts, oldest first, as they were.
        redecided: what the policy of the report says.
        obligations: duties that travel to it.
        waivers: waivers that verdicts relied on.
        evidence: results of suites.
        cures: what proven quarantines took out, one sentence each.
        notes: what a reader must know of the limits of this report.
    """

    version: Version
    production: Production
    as_of: datetime
    position: Position
    basis: Basis
    sources: tuple[Source, ...]
    terms: Mapping[str, Terms]
    decisions: tuple[Decided, ...]
    redecided: Redecided
    obligations: tuple[Obligation, ...]
    waivers: tuple[Waived, ...]
    evidence: tuple[Filed, ...]
    cures: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())

    @cached_property
    def ids(self) -> Mapping[Version, str]:
        """The id of each source."""
        return {s.reached.version: s.id for s in self.sources}

    @cached_property
    def _toward(self) -> Mapping[str, str | None]:
        return {s.id: s.toward for s in self.sources}

    def path(self, source: Source) -> tuple[str, ...]:
        """The ids from the trained version to a source, both included; of a long way, its last steps only.

        Args:
            source: of this report.
        """
        steps: list[str] = []
        at: str | None = source.id
        while at is not None and len(steps) <= SPELLED_OUT:
            steps.append(at)
            at = self._toward[at]
        return tuple(reversed(steps))
