"""The event behind a verdict, as it stands in the log."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.log import Log

#: An index of an earlier release only says where to begin to look; a compaction takes in no more events than this.
_FAR = 50_000
_DECISION = b"lineageGuard_decision"


def event_at(archive: Archive, ord_: int, run: str) -> Mapping[str, Any] | None:
    """The event of a run that carries a verdict.

    Args:
        archive: of the ledger.
        ord_: its place, see ``tail.DecisionRecord``.
        run: its run id.

    Returns:
        ``None`` when it is not where the index says.

    Raises:
        LedgerError: when the log cannot be read.
    """
    log = Log(archive)
    seq, place = ord_ >> 32, ord_ & 0xFFFFFFFF
    batch = log.read(seq)
    if 0 < place <= len(batch.lines) and (found := _of(batch.lines[place - 1], run)) is not None:
        return found
    looked = 0
    for later in log.after(seq - 1, log.chain_of(seq - 1)):
        for line in later.lines:
            if (found := _of(line, run)) is not None:
                return found
        looked += len(later.lines)
        if looked > _FAR:
            return None
    return None


def _of(line: bytes, run: str) -> Mapping[str, Any] | None:
    if _DECISION not in line or run.encode() not in line.lower():
        return None
    event = cast("dict[str, Any]", json.loads(line))
    said = cast("dict[str, Any]", event.get("run") or {}).get("runId")
    return event if isinstance(said, str) and said.lower() == run else None
