"""The ledger as it stood at a moment: the log up to there, verified from its first batch on, and what it answers.

The batches of a log have one order, which no clock decides. What stood at a moment is every batch up to
the last one that its writer dated at or before it; a batch that stands between those was there by then,
whatever its own writer's clock said.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar, cast

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.lineage.closure import Closure
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.ledger.archive import evidence as filing
from lineage_guard.ledger.archive.archive import Archive
from lineage_guard.ledger.archive.batch import canonical
from lineage_guard.ledger.archive.log import GENESIS, Log
from lineage_guard.ledger.asking import answers
from lineage_guard.ledger.asking.answers import ANY, AnyPartition
from lineage_guard.ledger.index.index import Index, PartGone
from lineage_guard.ledger.index.manifest import Manifest, published
from lineage_guard.ledger.index.state import mark, not_of
from lineage_guard.ledger.index.tail import Tail

T = TypeVar("T")
_DECISION = b"lineageGuard_decision"


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the log.

    Attributes:
        watermark: its name, ``<batches>:<digest of all of them>``; ``lineage-guard verify --expect`` takes it.
        batches: batches up to there.
        events: events in them.
        dropped: those of them of which retention left the digest only.
        recorded: the latest time that a writer wrote into one of them (UTC).
    """

    watermark: str
    batches: int
    events: int
    dropped: int
    recorded: datetime


@dataclass(frozen=True, slots=True)
class OnRecord:
    """One event of the log that carries a verdict, and where it is held.

    Attributes:
        batch: number of its batch.
        line: its place among the events of the batch, from 1.
        digest: ``sha256:`` of the event in canonical JSON, which the chain covers.
        recorded: when its writer says it was written.
        event: the event.
    """

    batch: int
    line: int
    digest: str
    recorded: datetime
    event: Mapping[str, Any]


class Past:
    """What a ledger answered at one position of its log. See ``as_of``.

    Args:
        archive: of the ledger.
        at: the moment (timezone-aware).
        position: the position that stood then.
        bases: published indexes of positions up to there, oldest first.
        decisions: events with verdicts on the names that were asked for, in the order of the log.
    """

    def __init__(
        self,
        archive: Archive,
        at: datetime,
        position: Position,
        bases: Iterable[Manifest],
        decisions: tuple[OnRecord, ...],
    ) -> None:
        self.archive = archive
        self.at = at
        self.position = position
        self.decisions = decisions
        self._bases = list(bases)
        self._state: tuple[Index, Tail] | None = None

    def closure(self, target: Production) -> Closure:
        """As ``Ledger.closure``, then.

        Raises:
            LedgerError: when any part of the ledger cannot be read.
        """
        from lineage_guard.ledger.asking.closing import closure_of

        return self._read(lambda index, tail: closure_of(target, index, tail, mark(tail)))

    def productions(self, versions: Iterable[Version]) -> dict[Version, Production]:
        """As ``Ledger.productions``, then.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        wanted = list(dict.fromkeys(versions))
        return self._read(lambda index, tail: answers.productions(index, tail, wanted))

    def latest(self, namespace: str, name: str, partition: str | AnyPartition | None = ANY) -> tuple[Version, ...]:
        """As ``Ledger.latest``, then.

        Raises:
            LedgerError: when the ledger cannot be read.
        """
        return self._read(lambda index, tail: answers.latest(index, tail, namespace, name, partition))

    def evidence(self, key: str) -> Evidence | None:
        """The result filed under a key, when it was gathered by then. Evidence stands beside the chain, not in it.

        Raises:
            LedgerError: when it is there but cannot be read.
        """
        data = self.archive.get(filing.key_of(key))
        found = None if data is None else filing.parse(data, key, self.archive.describe(filing.key_of(key)))
        return found if found is not None and found.at <= self.at else None

    def _read(self, answer: Callable[[Index, Tail], T]) -> T:
        while True:
            index, tail = self._state or self._opened()
            try:
                return answer(index, tail)
            except PartGone:  # a compaction has cleared that index away meanwhile; the log has it all
                self._bases.clear()
                self._state = None

    def _opened(self) -> tuple[Index, Tail]:
        base = self._bases[-1] if self._bases else Manifest()
        index, tail = Index(self.archive, base), Tail(base.seq, base.chain)
        if base.seq < self.position.batches:
            for batch in Log(self.archive).after(base.seq, base.chain):
                tail.extend(batch)
                if batch.seq == self.position.batches:
                    break
        self._state = index, tail
        return self._state


def as_of(archive: Archive, at: datetime | None, *names: str) -> Past:
    """The ledger as it stood at a moment. Reads the whole log and verifies its chain.

    Args:
        archive: of the ledger, ``ledger.archive``.
        at: the moment (timezone-aware); ``None`` for the end of the log, whose date then is the moment.
        names: OpenLineage names of which the verdicts are wanted.

    Raises:
        LedgerError: when the log is not as it was written, or cannot be read.
        ConfigError: when nothing was on record by then.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> as_of(open_ledger(tempfile.mkdtemp()).archive, None, "student")
        Traceback (most recent call last):
        ...
        lineage_guard.domain.errors.ConfigError: ...
    """
    manifests = {manifest.seq: manifest for manifest, _ in published(archive)}
    bases: list[Manifest] = []
    needles = [canonical({"": name})[len(b'{"":') : -1] for name in names]
    found: list[OnRecord] = []
    upto = Position(f"0:{GENESIS}", 0, 0, 0, datetime.min)
    latest: datetime | None = None
    events = dropped = 0
    for batch in Log(archive).after(0, GENESIS):
        covering = manifests.get(batch.seq)
        if covering is not None and covering.chain != batch.chain:
            raise not_of(archive, covering)
        for line, event in enumerate(batch.lines, 1):
            if _DECISION in event and any(needle in event for needle in needles):
                digest = f"sha256:{batch.digests[line - 1].hex()}"
                read = cast("dict[str, Any]", json.loads(event))
                found.append(OnRecord(batch.seq, line, digest, batch.recorded, read))
        events += len(batch.lines)
        dropped += batch.lines.count(b"")
        # An index from before retention answers otherwise than the log does now.
        if covering is not None and covering.dropped == dropped:
            bases.append(covering)
        latest = batch.recorded if latest is None else max(latest, batch.recorded)
        if at is None or batch.recorded <= at:
            upto = Position(f"{batch.seq}:{batch.chain}", batch.seq, events, dropped, latest)
    if not upto.batches:
        when = f"by {at.isoformat()}" if at else "yet"
        raise ConfigError(
            f"the ledger holds nothing {when}", where=archive.location, fix="check --ledger, or name a later date"
        )
    decisions = tuple(each for each in found if each.batch <= upto.batches)
    return Past(archive, at or upto.recorded, upto, [m for m in bases if m.seq <= upto.batches], decisions)
