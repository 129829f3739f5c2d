"""Reads the index: Parquet files through an in-process, in-memory DuckDB."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from hashlib import file_digest
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Version
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.index.manifest import REBUILD, Manifest, PartFile
from lineage_guard.ledger.index.tables import BY_NAME, TABLES, halves, key

if TYPE_CHECKING:
    import duckdb
    import numpy as np

    from lineage_guard.ledger.index.graph import Segment
    from lineage_guard.ledger.index.recall import Memory
    from lineage_guard.ledger.index.standing import Standing
    from lineage_guard.openlineage.foreign.statement import Statement

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
#: Digests of so many events are kept in memory by a process that appends again and again, 8 bytes each.
_REMEMBERED = 20_000_000


class PartGone(Exception):
    """A file of the manifest is not there: it was superseded, or it is lost."""

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


class Index:
    """The index under one manifest. Opens nothing until asked.

    Args:
        archive: where the files are.
        manifest: which files.
        verified: keys whose digests this process has already checked.
    """

    def __init__(self, archive: Archive, manifest: Manifest, verified: set[str] | None = None) -> None:
        self.archive = archive
        self.manifest = manifest
        self.verified = verified if verified is not None else set[str]()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._viewed: set[str] = set()
        self._segments: list[Segment] | None = None
        self._statements: list[Statement] | None = None
        self._downstream: list[Segment] | None = None
        self._held: np.ndarray[Any, Any] | None = None
        self._asked = 0
        self._lock = threading.RLock()

    @cached_property
    def memory(self) -> Memory:
        """What was already read of this index."""
        from lineage_guard.ledger.index.recall import Memory

        return Memory()

    def ids(self, versions: Sequence[Version]) -> dict[Version, int]:
        """The ids of those versions that the index knows."""
        if not versions or not self.manifest.files("keys"):
            return {}
        self.memory.make_room()
        known = self.memory.ids
        asked = [v for v in versions if v not in known]
        if asked:
            pairs = [key(v) for v in asked]
            wanted = {"n": range(len(pairs)), "hi": [p[0] for p in pairs], "lo": [p[1] for p in pairs]}
            found = dict(self.rows("ids", wanted))
            known.update((v, found.get(n)) for n, v in enumerate(asked))
        return {v: i for v in versions if (i := known[v]) is not None}

    def held(self, digests: Iterable[bytes]) -> set[bytes]:
        """Those event digests that the index covers."""
        pairs = {halves(d): d for d in digests}
        if not pairs or not self.manifest.files("events"):
            return set()
        # A query costs milliseconds however little it asks; whoever asks again gets nearly all of it from memory.
        self._asked += 1
        if self._asked > 1 and self.manifest.events <= _REMEMBERED:
            halves_held = self._halves()
            at = halves_held.searchsorted([hi for hi, _ in pairs])
            near = halves_held.take(at, mode="clip")
            pairs = {p: d for (p, d), found in zip(pairs.items(), near.tolist(), strict=True) if found == p[0]}
            if not pairs:
                return set()
        # As lists: whoever writes one event and goes need not load numpy, which takes longer than the answer.
        rows = self.rows("held", his=[hi for hi, _ in pairs], los=[lo for _, lo in pairs])
        return {pairs[hi, lo] for hi, lo in rows}

    def _halves(self) -> np.ndarray[Any, Any]:
        """The first half of every event's digest, sorted."""
        with self._lock:
            if self._held is None:
                self._held = self.columns("halves")["hi"]
            return self._held

    def segments(self) -> list[Segment]:
        """The edges of every part.

        Raises:
            LedgerError: when the index cannot be read, or a part is not what its manifest says.
            PartGone: when a file is not there.
        """
        from lineage_guard.ledger.index.graph import cut

        if self._segments is None:
            parts = self.manifest.files("edges")
            marks = self.columns("edges_marked") if parts and any(self.rows("marked")[0]) else {}
            edges = self.columns("edges") | marks if parts else {}
            segments = cut(edges, [f.rows for f in parts]) if parts else []
            whole = not parts or edges["child"].size == sum(f.rows for f in parts)
            if not whole or not all(s.is_sorted() for s in segments):
                raise LedgerError("edges are not in order", where=self.archive.describe("index/"), fix=REBUILD)
            self._segments = segments
        return self._segments

    @cached_property
    def standing(self) -> Standing:
        """What is on record of each version."""
        from lineage_guard.ledger.index.standing import Standing

        return Standing(self)

    @cached_property
    def keyed(self) -> dict[str, np.ndarray[Any, Any]]:
        """The key of every version: ``hi``, ``lo`` and ``id``, each part in the order of keys."""
        return self.columns("keyed")

    def downstream(self) -> list[Segment]:
        """The edges of every part turned round: from parent to child, sorted by parent."""
        from lineage_guard.ledger.index.graph import reverse

        if self._downstream is None:
            self._downstream = [reverse(s) for s in self.segments()]
        return self._downstream

    def statements(self) -> list[Statement]:
        """What the indexed events of other producers say."""
        if self._statements is None and self.manifest.files("statements"):
            from lineage_guard.openlineage.foreign.statement_json import load

            self._statements = [load(body) for (body,) in self.rows("statements")]
        return self._statements or []

    def rows(
        self, query: str, /, wanted: Mapping[str, Iterable[int]] | None = None, **parameters: object
    ) -> list[tuple[Any, ...]]:
        """Run one of the ``.sql`` files.

        Args:
            query: its name.
            wanted: 64-bit integer columns of the table ``wanted`` it asks about.
            parameters: its ``$parameters``.

        Raises:
            LedgerError: when the index cannot be read.
            PartGone: when a file is not there.
        """
        return self._run(query, wanted, parameters, lambda result: result.fetchall())

    def columns(
        self, query: str, /, wanted: Mapping[str, Iterable[int]] | None = None, **parameters: object
    ) -> dict[str, np.ndarray[Any, Any]]:
        """Run one of the ``.sql`` files whose columns hold no NULL; the answer by column.

        Args:
            query: its name.
            wanted: see ``rows``.
            parameters: its ``$parameters``.

        Raises:
            LedgerError: when the index cannot be read.
            PartGone: when a file is not there.
        """
        return self._run(query, wanted, parameters, lambda result: result.fetchnumpy())

    def _run(
        self,
        query: str,
        wanted: Mapping[str, Iterable[int]] | None,
        parameters: Mapping[str, object],
        fetch: Callable[[duckdb.DuckDBPyConnection], Any],
    ) -> Any:
        import duckdb

        with self._lock:
            connection = self._connect()
            try:
                self._views(sql(query))
                if wanted is not None:
                    import numpy as np

                    # As numpy columns: DuckDB scans them in place, and needs no pandas for it.
                    connection.register("wanted", {c: np.asarray(v, dtype=np.int64) for c, v in wanted.items()})
                return fetch(connection.execute(sql(query), parameters))
            except duckdb.Error as e:
                raise self.unreadable(e) from e

    def check(self) -> None:
        """Read and verify every file.

        Raises:
            LedgerError: when one is damaged.
            PartGone: when one is not there.
        """
        for part in self.manifest.parts:
            for f in part.files.values():
                self._path(f)

    def _connect(self) -> duckdb.DuckDBPyConnection:
        """A private in-memory database."""
        if self._connection is None:
            self._connection = connect()
        return self._connection

    def _views(self, query: str) -> None:
        """A view for each table that a query reads; files that nobody asks about are not even verified."""
        for table in TABLES:
            if table.name not in self._viewed and re.search(rf"\b{table.name}\b", query):
                self.view(self._connect(), table.name, table.name)
                self._viewed.add(table.name)

    def view(self, connection: duckdb.DuckDBPyConnection, table: str, name: str) -> None:
        """Let a connection read a table of the index, in files whose digests were checked.

        Args:
            connection: gets a view.
            table: the table.
            name: of the view.

        Raises:
            LedgerError: when a file is damaged.
            PartGone: when one is not there.
        """
        paths = ", ".join(_quoted(self._path(f)) for f in self.manifest.files(table))
        body = f"SELECT * FROM read_parquet([{paths}])" if paths else BY_NAME[table].empty
        connection.execute(f'CREATE VIEW "{name}" AS {body}')

    def _path(self, f: PartFile) -> Path:
        """The local file of a part, its digest checked once per process."""
        path = self.archive.file(f.key, f.bytes)
        if path is None:
            raise PartGone(f.key)
        if f.key not in self.verified:
            try:
                with path.open("rb") as file:
                    found = file_digest(file, "sha256").hexdigest()  # piece by piece: fresh memory costs as much again
            except FileNotFoundError:
                raise PartGone(f.key) from None
            if found != f.sha256:
                raise LedgerError(
                    "index file was changed after it was written", where=self.archive.describe(f.key), fix=REBUILD
                )
            self.verified.add(f.key)
        return path

    def unreadable(self, e: Exception) -> LedgerError | PartGone:
        """What an error of DuckDB means: a file was superseded meanwhile, or the index is damaged."""
        for part in self.manifest.parts:
            for f in part.files.values():
                if self.archive.file(f.key, f.bytes) is None:
                    return PartGone(f.key)
        return LedgerError(f"index cannot be read: {e}", where=self.archive.describe("index/"), fix=REBUILD)


def connect() -> duckdb.DuckDBPyConnection:
    """A private in-memory DuckDB that touches no network and no extension."""
    import duckdb

    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    # It would write to the standard output of whoever asked, after two seconds.
    connection.execute("SET enable_progress_bar = false")
    return connection


@cache
def sql(name: str) -> str:
    """The text of ``sql/<name>.sql``."""
    return files("lineage_guard.ledger").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def micros(at: datetime | None) -> int | None:
    """Microseconds since 1970-01-01 UTC, exactly."""
    return None if at is None else (at - _EPOCH) // _MICROSECOND


def micros_or_never(at: datetime | None) -> int:
    """The same, to order by: without a time, less than any."""
    known = micros(at)
    return -(1 << 63) if known is None else known


def moment(micros_: int | None) -> datetime | None:
    """The inverse of ``micros``."""
    return None if micros_ is None else _EPOCH + timedelta(microseconds=micros_)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"
