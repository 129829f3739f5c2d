"""The file of waivers: reviewed like code, checked whole, and never thinner than it was.

A wrong entry makes the whole file wrong. A file that cannot be trusted excuses nothing, and whoever
reads it is told so: the gate blocks and says which line to mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from lineage_guard.catalog.documents import Document, text_of
from lineage_guard.domain.errors import WaiverError
from lineage_guard.domain.rules.waivers import Waiver, WaiverReason, Waivers, too_broad


class WaiverState(StrEnum):
    """What an entry of the file is worth.

    Attributes:
        PENDING: it was asked for; nobody has approved it, and it does nothing.
        ACTIVE: it holds.
        EXPIRED: it held until its end.
        REVOKED: it was taken back.
    """

    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class WaiverEntry:
    """One entry of the file.

    Attributes:
        said: its fields as they are written.
        waiver: what it comes to; ``None`` until it was approved.
        revoked: who took it back, when and why.
    """

    said: Mapping[str, Any]
    waiver: Waiver | None
    revoked: Mapping[str, str] | None = None

    @property
    def id(self) -> str:
        """Its stable name."""
        return str(self.said["id"])

    @property
    def missing(self) -> tuple[str, ...]:
        """What is still to be filled in."""
        return tuple(name for name in _FILLED_IN if self.said[name] is None)

    def state(self, at: datetime) -> WaiverState:
        """What it is worth at a time.

        Args:
            at: when, timezone-aware UTC.
        """
        if self.revoked is not None:
            return WaiverState.REVOKED
        if self.waiver is None:
            return WaiverState.PENDING
        return WaiverState.ACTIVE if at < self.waiver.expires else WaiverState.EXPIRED


@dataclass(frozen=True)
class WaiverFile:
    """The file as a whole.

    Attributes:
        path: the file.
        text: as it is written.
        entries: in order.
        document: with the place of each value.
    """

    path: Path
    text: str
    entries: tuple[WaiverEntry, ...]
    document: Document

    @property
    def waivers(self) -> Waivers:
        """Those that were approved and not taken back; what has ended among them does nothing."""
        return tuple(e.waiver for e in self.entries if e.waiver is not None and e.revoked is None)


_FILLED_IN = ("approved_by", "reason_code", "reason", "ticket", "expires")


def load_waivers(path: Path) -> Waivers:
    """The waivers of a file that were approved. Cached until the file changes.

    Args:
        path: the file.

    Raises:
        WaiverError: it cannot be read, or any entry is wrong; names line, column and fix.

    Example:
        >>> load_waivers(Path("waivers.yaml"))  # doctest: +SKIP
        (Waiver(id='w-2026-11-student', ...),)
    """
    try:
        state = path.stat()
    except OSError as problem:
        raise _unreadable(path, problem) from problem
    return _loaded(path, (state.st_mtime_ns, state.st_size, state.st_ino))


@lru_cache(maxsize=8)
def _loaded(path: Path, _stamp: tuple[int, int, int]) -> Waivers:
    return read_waivers(path).waivers


def read_waivers(path: Path) -> WaiverFile:
    """The whole file, with what is pending, ended or taken back.

    Raises:
        WaiverError: it cannot be read, or any entry is wrong.
    """
    try:
        text = text_of(path, WaiverError)
    except OSError as problem:
        raise _unreadable(path, problem) from problem
    return parse_waivers(text, path)


def parse_waivers(text: str, path: Path) -> WaiverFile:
    """The file, from its text.

    Args:
        text: YAML.
        path: shown in errors.

    Raises:
        WaiverError: any entry is wrong.
    """
    document = Document(text, str(path), WaiverError)
    document.check("waivers")
    entries: dict[str, WaiverEntry] = {}
    for i, row in enumerate(cast("list[Mapping[str, Any]]", document.value["waivers"])):
        entry = _entry(document, i, row)
        if entry.id in entries:
            fix = "choose another: an id is never used twice, so that old verdicts can be read"
            raise document.fail(f"two waivers have the id {entry.id!r}", ("waivers", i, "id"), fix)
        entries[entry.id] = entry
    return WaiverFile(path, text, tuple(entries.values()), document)


def _entry(document: Document, i: int, row: Mapping[str, Any]) -> WaiverEntry:
    where = ("waivers", i)
    revoked = cast("Mapping[str, str] | None", row.get("revoked"))
    for name, text in (*row.items(), *(revoked or {}).items()):
        if name in ("requested_on", "approved_on", "on"):
            document.day(text, (*where, *(("revoked",) if name == "on" else ()), name))
    expires = None if row["expires"] is None else document.moment(row["expires"], (*where, "expires"))
    if broad := too_broad(row["asset"], row.get("model"), row.get("dataset")):
        raise document.fail(
            f"waiver {row['id']!r} is refused: {broad}", (*where, "asset"), "name the asset, the model or the dataset"
        )
    if row["approved_by"] is None or expires is None:
        if row["approved_by"] is not None:
            raise _unfinished(document, i, row, "expires")
        return WaiverEntry(row, None, revoked)
    for name in _FILLED_IN:
        if row[name] is None:
            raise _unfinished(document, i, row, name)
    waiver = Waiver(
        id=row["id"],
        rule=row["rule"],
        asset=row["asset"],
        reason=row["reason"],
        requested_by=row["requested_by"],
        approved_by=row["approved_by"],
        ticket=row["ticket"],
        expires=expires,
        model=row.get("model"),
        use=row.get("use"),
        dataset=row.get("dataset"),
        partition=row.get("partition"),
        code=WaiverReason(row["reason_code"]),
    )
    if waiver.refused:
        fix = "have somebody else approve it; an approver is never the requester"
        if waiver.refused.startswith("nobody"):
            fix = "name a person; `approved_by` is null until somebody has approved it"
        at = "requested_by" if waiver.refused == "nobody requested it" else "approved_by"
        raise document.fail(f"waiver {waiver.id!r} is refused: {waiver.refused}", (*where, at), fix)
    return WaiverEntry(row, waiver, revoked)


def _unfinished(document: Document, i: int, row: Mapping[str, Any], name: str) -> Exception:
    return document.fail(
        f"waiver {row['id']!r} is approved and has no {name}",
        ("waivers", i, name),
        f"fill in {name!r}, or leave approved_by null until it is",
    )


def _unreadable(path: Path, problem: Exception) -> WaiverError:
    fix = "restore the file or correct its path; without it nothing is waived, and training waits for that to be mended"
    return WaiverError(f"the waivers cannot be read: {problem}", where=str(path), fix=fix)
