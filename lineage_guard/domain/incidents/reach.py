"""What a sensor needs and cannot use, its ledger or its rules, and what follows. Pure.

Incidents are kept in the ledger, so these are kept elsewhere; each is a verdict on the part itself, and goes the way of
every other: one incident, however many sensors miss the same, which ends when each of them has it back.
"""

from __future__ import annotations

from datetime import datetime

from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incident import LEDGER_UNREACHABLE, RULES_UNREADABLE
from lineage_guard.domain.incidents.itself import trouble_with, verdict_on_itself
from lineage_guard.domain.verdict.decide import Finding, Verdict

#: Namespaces under which verdicts speak of ledgers and of rules instead of data.
LEDGER, RULES = "ledger", "rules"


def verdict_on(part: Version, now: datetime, why: LineageGuardError | None = None) -> Verdict:
    """The verdict on what a sensor needs: one that opens an incident when it cannot use it, or ends it.

    Args:
        part: in ``LEDGER`` a ledger, by where it is; in ``RULES`` a file of rules, by its path, or all that the code
            location goes by, by its name. The partition is the code location whose sensor looked.
        now: when it looked (timezone-aware UTC).
        why: what went wrong; ``None`` when it could be used.

    Example:
        >>> from datetime import UTC
        >>> from lineage_guard.domain.errors import LedgerError
        >>> gone = LedgerError("no such bucket", where="s3://bucket/ledger", fix="make it")
        >>> verdict_on(Version(LEDGER, "s3://bucket/ledger", "training"), datetime.now(UTC), gone).stops
        True
    """
    finding = None
    if why is not None:
        finding = _rules(part, why) if part.namespace == RULES else _ledger(part, why)
    return verdict_on_itself(part, now, finding)


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
