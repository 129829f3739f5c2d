"""A ledger that a sensor cannot use, and what follows. Pure.

Incidents are kept in the ledger, so this one is kept elsewhere; it is a verdict on the ledger itself, and goes the way
of every other: one incident, however many sensors miss the ledger, which ends when each of them has it back.
"""

from __future__ import annotations

from datetime import datetime

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.incident import LEDGER_UNREACHABLE
from lineage_guard.domain.incidents.itself import trouble_with, verdict_on_itself
from lineage_guard.domain.verdict.decide import Finding, Verdict

#: Namespace under which verdicts speak of ledgers instead of data.
LEDGER = "ledger"


def verdict_on(ledger: str, sensor: str, now: datetime, why: LedgerError | None = None) -> Verdict:
    """The verdict on a ledger: one that opens an incident when a sensor cannot use it, or ends it.

    Args:
        ledger: where it is.
        sensor: the code location whose sensor looked.
        now: when it looked (timezone-aware UTC).
        why: what went wrong; ``None`` when the ledger was read and written.

    Example:
        >>> from datetime import UTC
        >>> gone = LedgerError("no such bucket", where="s3://bucket/ledger", fix="make it")
        >>> verdict_on("s3://bucket/ledger", "training", datetime.now(UTC), gone).stops
        True
    """
    target = Version(LEDGER, ledger, sensor)
    return verdict_on_itself(target, now, _finding(target, why) if why else None)


def _finding(target: Version, why: LedgerError) -> Finding:
    where = f"{why.where}: " if why.where and why.where != target.name else ""
    message = (
        f"The sensor of code location {target.partition} cannot use the ledger {target.name}: {where}{why.what}. "
        "Gates that cannot use it either stop every training step that they enforce. Until it is back nobody is "
        "alerted of what is blocked, and nothing that was trained is judged again. What runs meanwhile is kept in "
        "Dagster's event log, and collected from there."
    )
    return trouble_with(target, LEDGER_UNREACHABLE, message, why.fix)
