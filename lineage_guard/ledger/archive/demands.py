"""Which assets must have rows evidence: as it is now, and as it was at any moment, for reports.

What is demanded now is one small state, which gates read. What was demanded before is another: a report
as of a date must not change because somebody edited a suite or took a check away afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import cast

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.verdict.attested import Demand
from lineage_guard.ledger.archive import states
from lineage_guard.ledger.archive.archive import Archive

_NOW, _THEN = "rows_checks", "rows_checks_history"
#: Changes of one demand that are kept. Two deployments that share a ledger and disagree make one at every tick.
_KEPT = 1000

#: Since when (ISO 8601, empty for ever), and the demand in its fields; ``None`` for none.
_Entry = tuple[str, dict[str, str] | None]


def note(archive: Archive, demand: Demand, wanted: bool, at: datetime | None) -> None:
    """Put a demand on record, or take it off.

    Args:
        archive: of the ledger.
        demand: the demand.
        wanted: whether it is demanded from now on.
        at: when that is (timezone-aware); ``None`` for as if it had always been so.

    Raises:
        LedgerError: when the archive cannot be read or written.
    """
    name = json.dumps([demand.namespace, demand.name, demand.check])
    value = dict(demand._asdict()) if wanted else None
    before = cast("dict[str, dict[str, str]]", states.load(archive, _NOW) or {}).get(name)

    def then(old: dict[str, object]) -> dict[str, object]:
        entries: list[_Entry] = [] if at is None else _entries(old.get(name))
        if at is not None and not entries and before is not None:
            entries.append(("", before))
        if entries and _asked(entries[-1][1]) == _asked(value):
            return old
        entries.append(("" if at is None else at.isoformat(), value))
        return {**old, name: entries[-_KEPT:]}

    def now(old: dict[str, object]) -> dict[str, object]:
        rest = {k: v for k, v in old.items() if k != name}
        return rest if value is None else {**rest, name: value}

    # The history first: who dies in between is told of the change once more.
    states.change(archive, _THEN, then)
    states.change(archive, _NOW, now)


def noted(archive: Archive, by: datetime | None = None) -> tuple[Demand, ...]:
    """Every demand that was on record, sorted.

    Args:
        archive: of the ledger.
        by: when (timezone-aware); ``None`` for now.

    Raises:
        LedgerError: when they cannot be read.
    """
    found = dict(states.load(archive, _NOW) or {})
    history = {} if by is None else states.load(archive, _THEN) or {}
    try:
        for name, said in history.items():
            value = _at(_entries(said), cast("datetime", by))
            found = {k: v for k, v in found.items() if k != name} | ({} if value is None else {name: value})
        return tuple(sorted(Demand(**cast("dict[str, str]", value)) for value in found.values()))
    except (TypeError, ValueError) as error:
        raise LedgerError(
            f"the assets that need rows evidence cannot be read: {error}",
            where=archive.describe(f"state/{_NOW}.json"),
            fix=f"delete the file and {_THEN}.json beside it, and run the asset checks again",
        ) from error


def _entries(said: object) -> list[_Entry]:
    return [(since, value) for since, value in cast("Sequence[_Entry]", said or ())]


def _at(entries: Sequence[_Entry], by: datetime) -> dict[str, str] | None:
    held = None
    for since, value in entries:
        if not since or datetime.fromisoformat(since) <= by:
            held = value
    return held


def _asked(value: dict[str, str] | None) -> tuple[str, ...] | None:
    """What a gate makes of a demand; who defines the check is nothing to it."""
    return None if value is None else (value["suite"], value["suite_digest"])
