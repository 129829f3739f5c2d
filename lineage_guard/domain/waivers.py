"""Waivers: a named person accepts one narrow risk until a day. Never silent, never forever."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from lineage_guard.domain.facts import ModelSource, Version


@dataclass(frozen=True, slots=True)
class Waiver:
    """One accepted risk.

    Attributes:
        id: stable name, shown in every verdict that uses it.
        rule: id of the rule it waives.
        asset: OpenLineage name of the training asset (a shell pattern).
        reason: why.
        requested_by: who asked.
        approved_by: who decided; never the requester.
        ticket: where it was discussed.
        expires: timezone-aware end; it does nothing from then on.
        model: model id pattern it covers; ``None`` covers findings without a model only.
        use: use it covers; ``None`` covers any.
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

    @property
    def _approved_by_another(self) -> bool:
        asked, decided = (name.strip().casefold() for name in (self.requested_by, self.approved_by))
        return bool(asked and decided) and asked != decided

    def covers(self, rule: str, target: Version, model: ModelSource | None, use: str, at: datetime) -> bool:
        """Whether it covers one finding at a time."""
        return (
            at < self.expires
            and self._approved_by_another
            and self.rule == rule
            and fnmatchcase(target.name, self.asset)
            and (self.use is None or self.use == use)
            and (model is None if self.model is None else model is not None and fnmatchcase(model.model, self.model))
        )


Waivers = tuple[Waiver, ...]
