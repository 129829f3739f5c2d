"""The file of waivers as a list: what holds, what ends soon, what is asked for, what is over."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lineage_guard.catalog.waiver_file import WaiverState, read_waivers
from lineage_guard.domain.errors import WaiverError
from lineage_guard.domain.rules.waivers import NOTICE
from lineage_guard.web.contents import WaiverRow, WaiversView

if TYPE_CHECKING:
    from lineage_guard.catalog.waiver_file import WaiverEntry

_SCOPE = ("asset", "model", "use", "dataset", "partition")
_ORDER = (WaiverState.ACTIVE, WaiverState.PENDING, WaiverState.EXPIRED, WaiverState.REVOKED)


def waivers(path: Path | None, at: datetime) -> WaiversView:
    """See ``questions.waivers``."""
    if path is None:
        return WaiversView(None, ())
    try:
        entries = read_waivers(path).entries
    except WaiverError as error:
        return WaiversView(str(path), (), str(error))
    return WaiversView(str(path), tuple(sorted((_row(e, at) for e in entries), key=_place)))


def _row(entry: WaiverEntry, at: datetime) -> WaiverRow:
    said, state = entry.said, entry.state(at)
    expires = entry.waiver.expires if entry.waiver else _moment(said["expires"])
    days = None if expires is None else (expires - at).days
    revoked = entry.revoked
    return WaiverRow(
        id=entry.id,
        state=state,
        soon=state is WaiverState.ACTIVE and expires is not None and expires - at <= NOTICE,
        rule=str(said["rule"]),
        scope=tuple((name, str(said[name])) for name in _SCOPE if said.get(name) is not None),
        reason=_text(said["reason"]),
        requested_by=str(said["requested_by"]),
        approved_by=_text(said["approved_by"]),
        ticket=_text(said["ticket"]),
        expires=expires,
        days=days,
        revoked=f"{revoked['by']} on {revoked['on']}: {revoked['reason']}" if revoked else None,
    )


def _place(row: WaiverRow) -> tuple[int, float, str]:
    end = row.expires.timestamp() if row.expires else float("inf")
    # What is over is looked for from its end backwards.
    return _ORDER.index(row.state), -end if row.state is WaiverState.EXPIRED else end, row.id


def _moment(said: object) -> datetime | None:
    """The end of a request that nobody has approved yet; the file was checked as a whole."""
    if said is None:
        return None
    moment = datetime.fromisoformat(str(said))
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _text(said: object) -> str | None:
    return None if said is None else str(said)
