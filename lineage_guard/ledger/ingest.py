"""Takes in events of any producer: what is understood is appended, what is not is put aside."""

from __future__ import annotations

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from lineage_guard.domain.errors import ConfigError, EventError, LedgerError
from lineage_guard.ledger.appending import Prepared
from lineage_guard.ledger.archive.quarantine import Quarantined, put_aside
from lineage_guard.ledger.index.collector import collector_paused
from lineage_guard.ledger.ledger import Ledger
from lineage_guard.openlineage.intake import PIECE, Found, Piece, events_of, is_event_file, pieces_of

A = TypeVar("A")
R = TypeVar("R")

#: Events of one append: one batch of the log, written and synced once.
BATCH = 5_000
#: Starting worker processes takes about as long as reading so many bytes of events.
WORTH_WORKERS = 64 * 1024 * 1024
_REQUESTS = 8


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
    from lineage_guard.ledger.archive.s3 import S3Archive

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
    remaining = iter(items)
    while batch := list(islice(remaining, BATCH)):
        _take_in(ledger, understand(batch), told, at)
    return told


def ingest_files(
    ledger: Ledger,
    files: Sequence[Source],
    at: datetime,
    workers: int | None = None,
    progress: Callable[[Source, int], None] = lambda _file, _size: None,
) -> Ingested:
    """Append the events of files as one stream, so that many small files share a batch; as ``ingest``.

    Args:
        ledger: where to.
        files: what to read, in the order it should be on record.
        at: the time, for what is put aside.
        workers: processes that read and check events; 0 for this process alone. ``None``: one per
            core when the files are large enough to pay for starting them.
        progress: is told of every file, with its bytes, as it is taken up.

    Raises:
        ConfigError: when a file cannot be read.
        LedgerError: when the ledger cannot be written, or a worker died.
    """
    told = Ingested()
    if workers is None:
        workers = (os.cpu_count() or 1) if sum(f.size for f in files) >= WORTH_WORKERS else 0

    def pieces() -> Iterator[list[Piece]]:
        bundle: list[Piece] = []
        size = 0
        for f, data in _read_ahead(files):
            progress(f, f.size)
            for piece in pieces_of(data, f.name):
                if bundle and size + len(piece.data) > PIECE:
                    yield bundle
                    bundle, size = [], 0
                bundle.append(piece)
                size += len(piece.data)
        if bundle:
            yield bundle

    # Reading and checking go on while a batch is written and synced.
    with ThreadPoolExecutor(1) as writer, _pool(workers) as pool:
        writing: Future[None] | None = None
        waiting = Understood()
        try:
            for understood in _in_order(pool, _understand_pieces, pieces(), 2 * workers):
                waiting.join(understood)
                if len(waiting.prepared.lines) >= BATCH:
                    if writing is not None:
                        writing.result()
                    writing = writer.submit(_take_in, ledger, waiting, told, at)
                    waiting = Understood()
        except BrokenProcessPool as e:
            raise LedgerError(
                "a process that read events was killed", where=ledger.location, fix="import with --workers 0"
            ) from e
        if writing is not None:
            writing.result()
        _take_in(ledger, waiting, told, at)
    return told


@dataclass(slots=True)
class Understood:
    """Events that can be understood, and what cannot.

    Attributes:
        prepared: what to append.
        refused: bytes, reason, field and place of each of the others.
    """

    prepared: Prepared = field(default_factory=Prepared)
    refused: list[tuple[bytes, str, str | None, str]] = field(default_factory=list[tuple[bytes, str, str | None, str]])

    def join(self, later: Understood) -> None:
        """Add what comes after."""
        self.prepared.join(later.prepared)
        self.refused.extend(later.refused)


def understand(items: Iterable[Found]) -> Understood:
    """Tell what can be understood from what cannot, and bring it into the form it is kept in."""
    told = Understood()
    with collector_paused():
        for item in items:
            if item.event is None:
                told.refused.append((item.raw or b"", item.reason or "it is no event", None, item.where))
                continue
            try:
                told.prepared.add(item.event)
            except EventError as e:
                raw = json.dumps(item.event, ensure_ascii=False).encode("utf-8", "surrogatepass")
                told.refused.append((raw, e.what, e.where, item.where))
    return told


def _understand_pieces(pieces: Sequence[Piece]) -> Understood:
    return understand(found for piece in pieces for found in events_of(piece))


def _take_in(ledger: Ledger, understood: Understood, told: Ingested, at: datetime) -> None:
    """Append, and put aside what was refused."""
    for raw, reason, field_, where in understood.refused:
        put_aside(ledger.archive, Quarantined(raw, reason, field_, where, at))
        told.refused.append((where, reason, field_))
    if understood.prepared.given:
        appended = ledger.append_prepared(understood.prepared)
        told.accepted += appended.new
        told.duplicates += appended.held


def _read_ahead(files: Sequence[Source]) -> Iterator[tuple[Source, bytes]]:
    """Every file with its bytes; of a bucket several are asked for at once, as each answer takes a while."""
    remote = sum(f.archive is not None for f in files)
    if remote < 2:
        yield from ((f, f.read()) for f in files)
        return
    with ThreadPoolExecutor(_REQUESTS) as pool:
        yield from zip(files, _in_order(pool, Source.read, files, 2 * _REQUESTS), strict=True)


@contextmanager
def _pool(workers: int) -> Generator[Executor | None]:
    if not workers:
        yield None
        return
    # Not forked: this process has threads, and an engine that must not be copied with them.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _in_order(pool: Executor | None, work: Callable[[A], R], items: Iterable[A], ahead: int) -> Iterator[R]:
    """Work on every item, some of them ahead of what is asked for; results in the order of the items."""
    if pool is None:
        yield from map(work, items)
        return
    under_way: deque[Future[R]] = deque()
    for item in items:
        under_way.append(pool.submit(work, item))
        if len(under_way) > ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()
