"""Everything on-call is told after one look: waivers that end, incidents, storms. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from lineage_guard.domain.incidents import storms
from lineage_guard.domain.incidents.endings import Expiry, announce
from lineage_guard.domain.incidents.incident import Incidents, Notice
from lineage_guard.domain.incidents.incidents import FLAP_WINDOW, everybody, step
from lineage_guard.domain.incidents.storms import Digest, gather
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import Verdict

#: One thing to tell.
Telling = Notice | Digest | Expiry


@dataclass(frozen=True)
class Manner:
    """How things are told.

    Attributes:
        deployment: name of the Dagster deployment.
        audience: see ``incidents.step``.
        flap_window: see ``incidents.step``.
        storm_limit: see ``storms.gather``.
        storm_window: see ``storms.gather``.
    """

    deployment: str = "default"
    audience: Callable[[str], str] = everybody
    flap_window: timedelta = FLAP_WINDOW
    storm_limit: int = storms.LIMIT
    storm_window: timedelta = storms.WINDOW


def tell(
    state: Incidents,
    verdicts: Iterable[Verdict],
    at: datetime,
    manner: Manner | None = None,
    waivers: Iterable[Waiver] | None = None,
) -> tuple[Incidents, tuple[Telling, ...]]:
    """Take new verdicts into account, and say what is to be told of them. Pure.

    Args:
        state: what is known; ``Incidents()`` at first.
        verdicts: new verdicts, in any order, any of them more than once.
        at: now (timezone-aware UTC).
        manner: how things are told.
        waivers: all that are in force or have ended; ``None`` when they cannot be read.

    Returns:
        The new state, and what to tell, in order.
    """
    how = manner or Manner()
    # Before the verdicts: those of this very look may do without a waiver that ended.
    announced, expiries = announce(state, waivers, at, how.deployment)
    stepped, notices = step(announced, verdicts, at, how.deployment, how.flap_window, how.audience)
    gathered, told = gather(announced, stepped, notices, at, how.storm_limit, how.storm_window)
    return gathered, (*told, *expiries)
