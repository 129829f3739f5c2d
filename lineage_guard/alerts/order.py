"""Verdicts in the order in which they were told, whatever clocks say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from lineage_guard.domain.incidents.incidents import Incidents, place_of
from lineage_guard.domain.verdict.decide import Verdict


def in_order(verdicts: Sequence[Verdict], known: Incidents) -> list[Verdict]:
    """The verdicts, none of them dated before what was told last: a clock that was set back must not silence them.

    Args:
        verdicts: as they were taken now.
        known: what was told before.
    """
    found: list[Verdict] = []
    for verdict in verdicts:
        before = known.seen.get(place_of(verdict))
        late = before is not None and verdict.at <= before.at
        found.append(replace(verdict, at=before.at + timedelta(microseconds=1)) if before and late else verdict)
    return found
