"""Waivers as their file says, for reports: with the days that decide whether they were in force."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from lineage_guard.catalog.waiver_file import WaiverEntry, read_waivers
from lineage_guard.report.contents import WaiverText


def texts_of(path: Path) -> Iterator[WaiverText]:
    """Every waiver of a file that was approved, whether it was taken back or not.

    Args:
        path: the file.

    Raises:
        WaiverError: it cannot be read, or any entry is wrong.
    """
    yield from (_text(entry) for entry in read_waivers(path).entries if entry.waiver is not None)


def _text(entry: WaiverEntry) -> WaiverText:
    assert entry.waiver is not None
    approved, revoked = entry.said.get("approved_on"), entry.revoked or {}
    on = revoked.get("on")
    return WaiverText(
        entry.waiver,
        approved_on=date.fromisoformat(str(approved)) if approved else None,
        revoked_on=date.fromisoformat(str(on)) if on else None,
        revoked_by=revoked.get("by"),
        revoked_because=revoked.get("reason"),
    )
