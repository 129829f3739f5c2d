"""Events that could not be understood, kept whole with the reason, so that nothing is lost.

They lie beside the log (``quarantine/<digest>.json``) and take no part in any answer. What they
would have said is missing from the graph, and what is missing blocks. Once whatever was wrong is
mended (the producer, or this package), importing the event again adds it to the log.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.archive import Archive

_PREFIX = "quarantine/"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One event that was put aside.

    Attributes:
        raw: its bytes as they came.
        reason: why it could not be understood.
        where: path of the field, when one is to blame.
        source: file and line, or address, it came from.
        received: when (timezone-aware UTC).
    """

    raw: bytes
    reason: str
    where: str | None
    source: str
    received: datetime

    @property
    def key(self) -> str:
        """Where it is kept: the same event is kept once."""
        return f"{_PREFIX}{sha256(self.raw).hexdigest()[:32]}.json"


def put_aside(archive: Archive, item: Quarantined) -> bool:
    """Keep one event, durably.

    Returns:
        Whether it is new; the same bytes are kept once, with the first reason.

    Raises:
        LedgerError: when the archive cannot be written.
    """
    try:
        content: dict[str, object] = {"text": item.raw.decode()}
    except UnicodeDecodeError:
        content = {"base64": b64encode(item.raw).decode()}
    received = item.received.astimezone(UTC).isoformat()
    row = {"reason": item.reason, "where": item.where, "source": item.source, "received": received, **content}
    return archive.put_if_absent(item.key, json.dumps(row, ensure_ascii=False, indent=1).encode())


def quarantined(archive: Archive) -> Iterator[Quarantined]:
    """Every event that was put aside, by key.

    Raises:
        LedgerError: when one cannot be read.
    """
    for key in archive.list(_PREFIX):
        data = archive.get(key)
        if data is None:
            continue
        try:
            row: dict[str, str] = json.loads(data)
            raw = row["text"].encode() if "text" in row else b64decode(row["base64"])
            yield Quarantined(raw, row["reason"], row["where"], row["source"], datetime.fromisoformat(row["received"]))
        except (ValueError, KeyError, TypeError) as e:
            raise LedgerError(
                f"quarantined event cannot be read: {e}",
                where=archive.describe(key),
                fix="delete the file, or restore it from a backup of the archive",
            ) from e
