"""How far an event log was collected: a small state in the ledger, safe to lose."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from lineage_guard.domain.errors import LineageGuardError

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger


def place_of(ledger: Ledger, source: str) -> int:
    """How far an event log was collected: a storage id, ``-1`` when nothing was.

    Args:
        ledger: where it is kept.
        source: name of the event log.
    """
    return state_of(ledger, source)[0]


def state_name(source: str) -> str:
    """The name under which the state of an event log is kept."""
    return f"collect-{source}"


def state_of(ledger: Ledger, source: str) -> tuple[int, set[str]]:
    """How far was read, and what near there was handled; the beginning when that cannot be known."""
    try:
        state = ledger.load(state_name(source)) or {}
        # A ledger that holds less than its state says was put back from an older copy.
        if ledger.position(source) >= int(str(state.get("held", -1))):
            seen = set(cast("list[str]", state.get("seen", [])))
            for each in seen:  # a release before this one may have written them in another shape
                int(each.partition(" ")[0])
            return int(str(state.get("position", -1))), seen
    except (LineageGuardError, AttributeError, TypeError, ValueError):
        pass
    return -1, set()
