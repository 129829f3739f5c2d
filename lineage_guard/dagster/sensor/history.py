"""Whether the ledger is still the one that the sensor knew.

A ledger that is deleted is made anew by whoever writes next, and one that is restored from an older copy goes on from
there: both work, and neither says what is gone. The sensor knows, as its cursor is kept in the Dagster instance: a log
only grows, so a batch that it once ended with stays in it.

Nothing is told on the word of one tick. A batch counts once it has stood for a while: that of a writer whose disk then
refused it is taken back. And it must be missing for as long: hosts that share a folder may see it as it was a minute
ago, and a bucket that fails over may lag behind. A cursor that knows nothing of this place (at the first tick, after it
was reset, of a ledger elsewhere) misses nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, cast

from lineage_guard.domain.errors import LedgerError, LineageGuardError
from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.reach import HISTORY

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger

#: How long a batch must have stood, and must be missing; NFS shows what was for up to a minute unless told otherwise.
SURE = timedelta(minutes=2)
_FIX = (
    "put the ledger back as a whole, or else its newest backup; what that holds less, or a ledger that is right as it "
    "is, is accepted by resetting the cursor of the sensor"
)


@dataclass(frozen=True, slots=True)
class History:
    """What a tick found out about the history of its ledger.

    Attributes:
        state: what the cursor keeps of it: ``place``, the watermark ``end`` that it must hold, the later one ``next``
            that it held at ``at``, and since when ``end`` is ``missing``.
        lost: what is missing, once that is sure.
        problems: why it could not be looked for, if so, in a sentence.
    """

    state: Mapping[str, str]
    lost: LedgerError | None = None
    problems: tuple[str, ...] = ()

    def trouble(self, sensor: str) -> dict[Version, LineageGuardError]:
        """What is to be told of it: at most one trouble, of this ledger as a sensor sees it.

        Args:
            sensor: code location of the sensor.
        """
        return {Version(HISTORY, self.state["place"], sensor): self.lost} if self.lost else {}


def history(ledger: Ledger, known: object, end: str, now: datetime) -> History:
    """Look whether the ledger goes on from what the cursor knew.

    Args:
        ledger: the ledger.
        known: ``History.state`` of the last tick; anything else knows nothing.
        end: the watermark of the ledger.
        now: the time (timezone-aware UTC).
    """
    place = ledger.location if "://" in ledger.location else os.path.abspath(ledger.location)
    begin = {"place": place, "next": end, "at": now.isoformat()}
    before = cast("Mapping[str, object]", known if isinstance(known, Mapping) else {})
    if before.get("place") != place:
        return History(begin)
    kept = {name: str(said) for name, said in before.items() if name != "missing"}
    stood = _moment(before.get("at")) or now
    kept["at"] = stood.isoformat()
    since = _moment(before.get("missing"))
    try:
        # A watermark answers for all that was before it.
        if _there(ledger, before.get("next"), end):
            return History({**begin, "end": kept["next"]} if now - stood >= SURE else kept)
        if "end" not in kept:
            return History(begin)
        if _there(ledger, kept["end"], end):
            return History({**begin, "end": kept["end"]})
    except LedgerError as error:
        problems = (f"whether the ledger is the one it was could not be seen: {error}",)
        missing = {"missing": since.isoformat()} if since else {}
        return History({**kept, **missing}, lost=_lost(kept, end, since, now), problems=problems)
    kept["missing"] = (since or now).isoformat()
    return History(kept, lost=_lost(kept, end, since, now))


def _there(ledger: Ledger, mark: object, end: str) -> bool:
    """Whether a ledger that ends with ``end`` holds what it held at a watermark; not, where that is none."""
    from lineage_guard.ledger.asking.continuity import holds

    said = str(mark)
    return said == end or (said.partition(":")[0].isdecimal() and holds(ledger, said))


def _lost(kept: Mapping[str, str], end: str, since: datetime | None, now: datetime) -> LedgerError | None:
    """What is missing, when it is missing for so long that it is surely gone."""
    if since is None or now - since < SURE:
        return None
    batch, last = kept["end"].partition(":")[0], end.partition(":")[0]
    another = int(last) >= int(batch)
    what = f"it held batch {batch} before, and holds no such batch since {since.isoformat(timespec='seconds')}"
    what += (
        f", but another one of that number (it ends with batch {last})" if another else f" (it ends with batch {last})"
    )
    return LedgerError(what, where=kept["place"], fix=_FIX)


def _moment(said: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(said) if isinstance(said, str) else None
    except ValueError:
        return None
    return moment if moment is None or moment.tzinfo else None
