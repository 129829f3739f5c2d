"""The ledger: one handle over the archive, its log, the index and the tail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from lineage_guard.domain.errors import EventError, LedgerError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.ledger.appending import Prepared, append, prepare
from lineage_guard.ledger.archive import evidence as filing
from lineage_guard.ledger.archive import states
from lineage_guard.ledger.archive.archive import Archive, open_archive
from lineage_guard.ledger.archive.log import Log
from lineage_guard.ledger.asking import answers
from lineage_guard.ledger.asking.answers import ANY, AnyPartition, Appended, Checked, position_of
from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.state import State, mark
from lineage_guard.ledger.index.tail import Tail

if TYPE_CHECKING:
    from lineage_guard.domain.lineage.ways import Edge
    from lineage_guard.domain.verdict.evidence import Evidence
    from lineage_guard.ledger.asking.browsing import Browsing
    from lineage_guard.ledger.asking.impact import Impact
    from lineage_guard.ledger.asking.trained import OnRecord
    from lineage_guard.ledger.prune import Plan

T = TypeVar("T")
#: Compact on reading once the tail holds this many events: decoding them again in every process costs more.
COMPACT_AT = 5_000


def utc_now() -> datetime:
    """The clock a ledger uses unless it is given another."""
    return datetime.now(UTC)


def open_ledger(location: str | Path, clock: Callable[[], datetime] = utc_now) -> Ledger:
    """A handle on the ledger in a folder or a bucket. Nothing is read until it is asked something.

    Args:
        location: a path, a ``file://`` URL or an ``s3://bucket/prefix`` URL; made at the first append.
        clock: tells the time written into batches; no order depends on it.

    Raises:
        LedgerError: when no backend serves the location.

    Example:
        >>> import tempfile
        >>> ledger = open_ledger(tempfile.mkdtemp())
        >>> ledger.position("dagster:local")
        -1
    """
    return Ledger(open_archive(location), clock)


class Ledger:
    """Everything that is known about what was made from what. Safe for threads, processes and hosts.

    Every answer is about one state of the ledger, the newest one at the time of the call, and
    ``watermark`` names that state. Whatever keeps the ledger from answering raises
    ``LedgerError``; nothing that cannot be read is left out silently.

    Args:
        archive: where the bytes are.
        clock: tells the time written into batches.
    """

    def __init__(self, archive: Archive, clock: Callable[[], datetime] = utc_now) -> None:
        self.archive = archive
        self._clock = clock
        self._log = Log(archive)
        self._state = State(archive, self._log)
        self._tried = -1

    @property
    def location(self) -> str:
        """The folder or URL."""
        return self.archive.location

    @cached_property
    def browsing(self) -> Browsing:
        """What was gathered of it to be browsed, page by page."""
        from lineage_guard.ledger.asking.browsing import Browsing

        return Browsing()

    # -- writing -------------------------------------------------------------------------------

    def append(self, events: Sequence[Mapping[str, object]], refused: dict[int, EventError] | None = None) -> Appended:
        """Add OpenLineage events: all of them or none, durable when it returns, each only once.

        Args:
            events: in the order they should be read.
            refused: when given, an event that cannot be understood is left out and noted here,
                by its place among the events, instead of stopping all of them.

        Raises:
            EventError: when one of them cannot be understood; nothing is written then.
            LedgerError: when the archive cannot be written.

        Example:
            >>> ledger.append([event]).new                      # doctest: +SKIP
            1
        """
        return self.append_prepared(prepare(events, refused))

    def append_prepared(self, prepared: Prepared) -> Appended:
        """Add events that were prepared before, e.g. by another process; as ``append``.

        Args:
            prepared: what ``appending.prepare`` made of them, unchanged.

        Raises:
            LedgerError: when the archive cannot be written.
        """
        written, watermark = append(self._log, self._state, prepared, self._clock(), self.location)
        return Appended(written, prepared.given - written, watermark)

    def put_evidence(self, evidence: Evidence) -> None:
        """File the result of a suite; a later result under the same key replaces it.

        Raises:
            LedgerError: when the archive cannot be written.
        """
        filing.write(self.archive, evidence)

    def store(self, name: str, state: Mapping[str, object]) -> None:
        """Keep a small state under a name, replacing the last whoever stored it; see ``load`` and ``swap``.

        Raises:
            LedgerError: when the archive cannot be written.
        """
        states.store(self.archive, name, state)

    def swap(self, name: str, old: Mapping[str, object] | None, new: Mapping[str, object]) -> bool:
        """Replace a small state that is still as it was loaded; of several processes one gets ``True``.

        Args:
            name: its name.
            old: what ``load`` returned.
            new: what to store.

        Raises:
            LedgerError: when the archive cannot be read or written.

        Example:
            >>> import tempfile
            >>> ledger = open_ledger(tempfile.mkdtemp())
            >>> ledger.swap("n", None, {"n": 1}), ledger.swap("n", None, {"n": 2}), ledger.load("n")
            (True, False, {'n': 1})
        """
        return states.swap(self.archive, name, old, new)

    def compact(self, at_least: int = 1) -> bool:
        """Bring the index up to the end of the log. Never blocks writers or readers.

        Args:
            at_least: do nothing while fewer events than this are waiting.

        Returns:
            Whether the index covers the log as it was when asked: ``False`` when another process
            compacted at the same time and there may be more to do.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        if self._state.read(lambda _, tail: tail.events) < at_least:
            return True
        published = self._state.compact()
        self._state.pack()
        return published

    def prune(
        self,
        before: datetime,
        live: Iterable[Version] = (),
        keep: Sequence[tuple[str, str]] = (),
        until: str | None = None,
        dry_run: bool = True,
    ) -> Plan:
        """Drop old events that nothing alive descends from; ``ledger.prune`` says what stays.

        Args:
            before: events recorded or dated at or after this moment stay.
            live: versions that may still be read, besides the newest of each partition.
            keep: (namespace, name) of datasets of which every version may still be read.
            until: position up to which events were delivered; later ones stay. ``None``: nobody waits for them.
            dry_run: only say what would go.

        Raises:
            LedgerError: when the archive cannot be read or written.
        """
        from lineage_guard.ledger import prune

        if not dry_run:
            self.compact()
        delivered = None if until is None else position_of(until)

        kept = before, live, keep, delivered
        return prune.prune(self.archive, self._log, self._state, lambda log: prune.plan(log, *kept), dry_run)

    # -- reading -------------------------------------------------------------------------------

    def ask(self, answer: Callable[[Index, Tail], T]) -> T:
        """Any question over the newest state; again from a newer index when its files were superseded.

        Args:
            answer: gets the index and every event after it, and changes neither.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        return self._state.read(answer)

    def closure(self, target: Production) -> Closure:
        """Everything upstream of a step that is about to run, without any depth limit.

        Args:
            target: the step: the version it will write first among its outputs, the exact
                versions it will read, the models it uses itself.

        Returns:
            What ``domain.lineage.closure.close`` returns for all productions in the ledger.

        Raises:
            LedgerError: when any part of the ledger cannot be read.
        """
        from lineage_guard.ledger.asking.closing import closure_of

        def answer(index: Index, tail: Tail) -> tuple[Closure, int, int]:
            return closure_of(target, index, tail, mark(tail)), tail.seq, tail.events

        closure, seq, events = self._state.read(answer)
        self._compact_if_due(seq, events)
        return closure

    def graph(self, target: Production) -> tuple[Closure, list[Edge]]:
        """As ``closure``, and every edge between the versions in it."""
        from lineage_guard.ledger.asking.closing import graph_of

        return self._state.read(lambda index, tail: graph_of(target, index, tail, mark(tail)))

    def impact(self, versions: Iterable[Version] = (), model: str | None = None, provider: str = "*") -> Impact:
        """Everything downstream of some versions, or of what a model made, without any depth limit.

        Args:
            versions: where to start.
            model: start, too, at every version made with a model of this id, a shell pattern.
            provider: a shell pattern for who offers that model.

        Raises:
            LedgerError: when any part of the ledger cannot be read.

        Example:
            >>> import tempfile
            >>> open_ledger(tempfile.mkdtemp()).impact(model="gpt-4o*").reached
            ()
        """
        from lineage_guard.ledger.asking.impact import impact_of

        starts = list(versions)
        return self._state.read(lambda index, tail: impact_of(starts, model, provider, index, tail, mark(tail)))

    def trained(self, names: Collection[tuple[str, str]] = ()) -> OnRecord:
        """Every trained version, with the newest verdict on it; see ``ledger.trained``."""
        from lineage_guard.ledger.asking.trained import trained

        return self._state.read(lambda index, tail: trained(index, tail, names))

    def productions(self, versions: Iterable[Version]) -> dict[Version, Production]:
        """What is on record of each of some versions; versions without a record are left out.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        wanted = list(dict.fromkeys(versions))
        return self._state.read(lambda index, tail: answers.productions(index, tail, wanted))

    def latest(self, namespace: str, name: str, partition: str | AnyPartition | None = ANY) -> tuple[Version, ...]:
        """The newest recorded version of each partition of a dataset, sorted by partition.

        Newest is by time of production, then by order in the log; a version whose time nobody
        knows is older than any other.

        Args:
            namespace: OpenLineage namespace.
            name: OpenLineage name.
            partition: one partition (``None``: the unpartitioned dataset), or ``ANY`` for all.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        return self._state.read(lambda index, tail: answers.latest(index, tail, namespace, name, partition))

    def position(self, source: str) -> int:
        """The greatest position of a source that the ledger holds; -1 when it holds none.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        return self._state.read(lambda index, tail: answers.position(index, tail, source))

    def decisions(self, namespace: str, name: str, limit: int = 20) -> list[dict[str, object]]:
        """Verdicts on one asset, newest first.

        Args:
            namespace: OpenLineage namespace of the dataset or its job.
            name: OpenLineage name.
            limit: how many at most.

        Returns:
            The decision facets as they were emitted, each with ``runId`` and ``eventTime`` added, and
            ``parentRunId`` where the event names the orchestrator's run.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        return self._state.read(lambda index, tail: answers.decisions(index, tail, namespace, name, limit))

    def events(self, after: str | None = None) -> Iterator[tuple[str, Mapping[str, object]]]:
        """Every event, in the order of the log, each with a position to resume after.

        Args:
            after: position of the last event that is done with; ``None`` starts at the first.

        Raises:
            LedgerError: when a batch cannot be read, or the position is none of this ledger's.
        """
        return answers.events(self._log, after)

    def evidence(self, key: str) -> Evidence | None:
        """The last result filed under an evidence key, or ``None``.

        Raises:
            LedgerError: when it is there but cannot be read.
        """
        return filing.read(self.archive, key)

    def load(self, name: str) -> dict[str, object] | None:
        """A small state as it was stored last, or ``None``.

        Raises:
            LedgerError: when it is there but cannot be read.
        """
        return states.load(self.archive, name)

    def names(self, prefix: str = "") -> tuple[str, ...]:
        """The names of the small states that start with a prefix, sorted.

        Raises:
            LedgerError: when the ledger cannot be listed.

        Example:
            >>> import tempfile
            >>> ledger = open_ledger(tempfile.mkdtemp())
            >>> ledger.store("alerts-a", {})
            >>> ledger.names("alerts")
            ('alerts-a',)
        """
        return states.names(self.archive, prefix)

    def watermark(self) -> str:
        """The name of the newest state: its last batch and the digest of everything up to it.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        return self._state.read(lambda _, tail: mark(tail))

    def check(self, full: bool = False) -> Checked:
        """Look at the whole ledger, for ``lineage-guard doctor``.

        Args:
            full: also read every batch of the log and every index file, and verify the digests.

        Raises:
            LedgerError: at the first thing that is wrong.
        """
        return self._state.read(lambda index, tail: answers.checked(index, tail, self._log, full))

    def _compact_if_due(self, seq: int, events: int) -> None:
        """Compact a long tail, so that the next process need not decode it again; best effort."""
        if events >= COMPACT_AT and seq != self._tried:
            self._tried = seq
            try:
                self.compact()
            except LedgerError as e:
                import logging

                logging.getLogger(__name__).warning(
                    "the index could not be brought up to date; answers get slower, not wrong: %s", e
                )
