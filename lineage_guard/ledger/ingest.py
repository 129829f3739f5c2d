"""Takes in events of any producer: what is understood is appended, what is not is put aside."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from lineage_guard.domain.errors import ConfigError, EventError
from lineage_guard.ledger.ledger import Ledger
from lineage_guard.ledger.quarantine import Quarantined, put_aside
from lineage_guard.openlineage.intake import Found, is_event_file

#: Events of one append: one batch of the log, written and synced once.
BATCH = 5_000


@dataclass(slots=True)
class Ingested:
    """What became of events.

    Attributes:
        accepted: events that were new, durable in the ledger.
        duplicates: events that the ledger had already.
        refused: (where it was found, reason, field) of each event that was put aside.
    """

    accepted: int = 0
    duplicates: int = 0
    refused: list[tuple[str, str, str | None]] = field(default_factory=list[tuple[str, str, str | None]])

    def reasons(self) -> list[tuple[str, int]]:
        """How many were put aside for which reason, most frequent first."""
        counted = Counter(f"{where}: {reason}" if where else reason for _, reason, where in self.refused)
        return counted.most_common()


@dataclass(frozen=True, slots=True)
class Source:
    """One file to import.

    Attributes:
        name: its path or URL.
        size: its bytes; 0 when nobody knows.
        archive: the bucket it is in and its key there; ``None`` for a local file.
    """

    name: str
    size: int
    archive: tuple[Any, str] | None = None

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            ConfigError: when it cannot be read.
            LedgerError: when the bucket cannot be read.
        """
        if self.archive is not None:
            bucket, key = self.archive
            data: bytes | None = bucket.get(key)
            if data is None:
                raise ConfigError("there is no such object", where=self.name, fix="name an object or a prefix")
            return data
        try:
            return Path(self.name).read_bytes()
        except OSError as e:
            raise ConfigError(f"it cannot be read: {e.strerror}", where=self.name, fix="check the path") from e


def sources(places: Iterable[str]) -> list[Source]:
    """The files behind paths, folders and ``s3://`` URLs, in a stable order.

    A path that names a file is taken whatever its name; in a folder or under a prefix only
    files whose names say that they hold events are.

    Raises:
        ConfigError: when there is nothing there.
        LedgerError: when a bucket cannot be read.
    """
    found: list[Source] = []
    for place in places:
        here = list(_in_bucket(place) if place.startswith("s3://") else _local(Path(place)))
        if not here:
            raise ConfigError(
                "there are no event files", where=place, fix="name files, or a folder with .json, .ndjson or .gz files"
            )
        found.extend(here)
    return found


def _local(path: Path) -> Iterator[Source]:
    if path.is_dir():
        inside = (p for p in sorted(path.rglob("*")) if is_event_file(p.name) and p.is_file())
        yield from (Source(str(p), p.stat().st_size) for p in inside)
    elif path.is_file():
        yield Source(str(path), path.stat().st_size)


def _in_bucket(url: str) -> Iterator[Source]:
    from lineage_guard.ledger.s3 import S3Archive

    parent, _, last = url.rstrip("/").rpartition("/")
    if is_event_file(last) and parent not in ("s3:", "s3:/"):
        yield Source(url, 0, (S3Archive(parent), last))
        return
    bucket = S3Archive(url)
    for key in bucket.list(""):
        if is_event_file(key):
            yield Source(f"{url.rstrip('/')}/{key}", 0, (bucket, key))


def ingest(ledger: Ledger, items: Iterable[Found], at: datetime) -> Ingested:
    """Append what can be understood and put the rest aside; durable when it returns.

    Args:
        ledger: where to.
        items: what was found.
        at: the time, for what is put aside.

    Raises:
        LedgerError: when the ledger cannot be written. What was reported before is durable;
            doing it again changes nothing.
    """
    told = Ingested()
    batch: list[tuple[Mapping[str, Any], str]] = []
    for item in items:
        if item.event is None:
            _refuse(ledger, told, item.raw or b"", item.reason or "it is no event", None, item.where, at)
            continue
        batch.append((item.event, item.where))
        if len(batch) >= BATCH:
            _append(ledger, batch, told, at)
            batch = []
    if batch:
        _append(ledger, batch, told, at)
    return told


def _append(ledger: Ledger, batch: list[tuple[Mapping[str, Any], str]], told: Ingested, at: datetime) -> None:
    refused: dict[int, EventError] = {}
    appended = ledger.append([event for event, _ in batch], refused)
    for n, error in refused.items():
        event, where = batch[n]
        raw = json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")
        _refuse(ledger, told, raw, error.what, error.where, where, at)
    told.accepted += appended.new
    told.duplicates += appended.held


def _refuse(
    ledger: Ledger, told: Ingested, raw: bytes, reason: str, field_: str | None, where: str, at: datetime
) -> None:
    put_aside(ledger.archive, Quarantined(raw, reason, field_, where, at))
    told.refused.append((where, reason, field_))
