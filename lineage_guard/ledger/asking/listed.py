"""Rows of the lists that ``browsing`` makes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from lineage_guard.domain.facts import Version
from lineage_guard.ledger.index.index import micros, micros_or_never


class ListedVerdict(NamedTuple):
    """A verdict as a list shows it; texts are as they are on record.

    Attributes:
        at: when it was decided, as it says itself; else the time of the event.
        run: run of the event.
        mark: tells verdicts of one run and time apart.
        ord: place in the log, see ``tail.DecisionRecord``.
        target: what would be written.
        parent: the orchestrator's run.
        decision: ``None`` when the record makes no sense.
        stops: whether the policy stops the step.
        enforced: whether it could stop the run.
        mode: ``None`` for the usual one.
        use: what it is for.
        policy: its name.
        findings: how many there are.
        rule: of the strictest finding.
        reason: its code.
        effect: what follows.
        what: the model, or the version with a gap.
        message: its first thousand characters.
        waivers: ids of waivers.
    """

    at: datetime
    run: str
    mark: str
    ord: int
    target: Version
    parent: str | None
    decision: str | None
    stops: bool
    enforced: bool
    mode: str | None
    use: str | None
    policy: str | None
    findings: int
    rule: str | None
    reason: str | None
    effect: str | None
    what: str | None
    message: str | None
    waivers: tuple[str, ...]

    @property
    def age(self) -> int:
        """What it is sorted by, the greatest first."""
        return micros(self.at) or 0


class ListedVersion(NamedTuple):
    """A version as a list shows it.

    Attributes:
        version: the version.
        kind: ``trained``, ``model``, ``dataset`` or ``source``.
        at: when it was made, by its first record that says so.
        recorded: whether there is a record of its making.
        head: how its name begins: versions of one time are sorted by it.
        mark: tells versions apart whose names begin alike.
    """

    version: Version
    kind: str
    at: datetime | None
    recorded: bool
    head: str
    mark: str

    @property
    def age(self) -> int:
        """What it is sorted by, the greatest first."""
        return micros_or_never(self.at)
