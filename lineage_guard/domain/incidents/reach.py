"""What a sensor needs and has not, its ledger, the history in it or its rules, and what follows. Pure.

Incidents are kept in the ledger, so these are kept elsewhere; each is a verdict on the part itself, and goes the way of
every other: one incident, however many sensors miss the same, which ends when each of them has it back.
"""

from __future__ import annotations

from datetime import datetime

from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incident import HISTORY_LOST, LEDGER_UNREACHABLE, RULES_UNREADABLE
from lineage_guard.domain.incidents.itself import trouble_with, verdict_on_itself
from lineage_guard.domain.verdict.decide import Finding, Verdict

#: Namespaces under which verdicts speak of ledgers, of what they hold and of rules instead of data.
LEDGER, HISTORY, RULES = "ledger", "history", "rules"


def verdict_on(part: Version, now: datetime, why: LineageGuardError | None = None) -> Verdict:
    """The verdict on what a sensor needs: one that opens an incident when it cannot use it, or ends it.

    Args:
        part: in ``LEDGER`` and ``HISTORY`` a ledger, by where it is; in ``RULES`` a file of rules, by its path, or all
            that the code location goes by, by its name. The partition is the code location whose sensor looked.
        now: when it looked (timezone-aware UTC).
        why: what went wrong; ``None`` when it could be used.

    Example:
        >>> from datetime import UTC
        >>> from lineage_guard.domain.errors import LedgerError
        >>> gone = LedgerError("no such bucket", where="s3://bucket/ledger", fix="make it")
        >>> verdict_on(Version(LEDGER, "s3://bucket/ledger", "training"), datetime.now(UTC), gone).stops
        True
    """
    said = {HISTORY: _history, RULES: _rules}.get(part.namespace, _ledger)
    return verdict_on_itself(part, now, said(part, why) if why is not None else None)


def _ledger(part: Version, why: LineageGuardError) -> Finding:
    where = f"{why.where}: " if why.where and why.where != part.name else ""
    message = (
        f"The sensor of code location {part.partition} cannot use the ledger {part.name}: {where}{why.what}. "
        "Gates that cannot use it either stop every training step that they enforce. Until it is back nobody is "
        "alerted of what is blocked, and nothing that was trained is judged again. What runs meanwhile is kept in "
        "Dagster's event log, and collected from there."
    )
    return trouble_with(part, LEDGER_UNREACHABLE, message, why.fix)


def _rules(part: Version, why: LineageGuardError) -> Finding:
    where = f"{why.where}: " if why.where else ""
    message = (
        f"The sensor of code location {part.partition} cannot go by its rules: {where}{why.what}. "
        "Gates that read the same stop every training step that they enforce. Until it is mended nobody is alerted of "
        "what is blocked, and nothing that was trained is judged again. What runs meanwhile is judged then."
    )
    return trouble_with(part, RULES_UNREADABLE, message, why.fix)


def _history(part: Version, why: LineageGuardError) -> Finding:
    message = (
        f"The ledger {part.name} is not the one that the sensor of code location {part.partition} knew: {why.what}. "
        "It was deleted, replaced, or restored from an older copy. What Dagster's event log still tells is collected "
        "again, and gates judge by that. What only the ledger knew is gone: verdicts and their evidence, imported "
        "events, which incidents stood and what waited to be delivered. What still stands pages again, and reports on "
        "the time before have gaps."
    )
    return trouble_with(part, HISTORY_LOST, message, why.fix)
