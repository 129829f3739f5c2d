"""The tail: batches that the index does not cover yet, decoded only when somebody asks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, cast

import msgspec

from lineage_guard.domain.errors import EventError, LedgerError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.ledger.archive.log import GENESIS, Batch, key_of

if TYPE_CHECKING:
    from lineage_guard.ledger.index.joining import Joined
    from lineage_guard.openlineage.decode import Decoded
    from lineage_guard.openlineage.foreign.statement import Statement

Event = Mapping[str, object]
#: The identity of an event is so many bytes of its SHA-256.
IDENTITY = 16


class DecisionRecord(msgspec.Struct, frozen=True):
    """A verdict that some event carried, filed under one dataset or job name.

    Attributes:
        namespace: of that name.
        name: the name.
        run: run id of the event.
        at: its time.
        facet: the facet as JSON; ``parentRunId`` is added, where the event names the orchestrator's run.
        ord: place in the log: number of the batch times 2^32, plus the line.
    """

    namespace: str
    name: str
    run: str
    at: datetime
    facet: str
    ord: int = 0


class Facts(msgspec.Struct):
    """What a run of batches says, in archive order.

    Attributes:
        productions: (production, when its batch was recorded).
        statements: what events of other producers say; see ``joining``.
        decisions: verdicts found in the events.
        positions: greatest position of each source.
    """

    productions: list[tuple[Production, datetime]] = msgspec.field(default_factory=list[tuple[Production, datetime]])
    statements: list[Statement] = msgspec.field(default_factory=list["Statement"])
    decisions: list[DecisionRecord] = msgspec.field(default_factory=list[DecisionRecord])
    positions: dict[str, int] = msgspec.field(default_factory=dict[str, int])

    def add(self, event: Event, decoded: Decoded, recorded: datetime) -> None:
        """File one decoded event."""
        if decoded.statement is not None:
            self.statements.append(decoded.statement)
        if decoded.statement is None or decoded.kind != "run":
            self.productions.extend((p, recorded) for p in decoded.productions)
        if decoded.source is not None:
            source, position = decoded.source
            self.positions[source] = max(position, self.positions.get(source, -1))
        if decoded.decision is not None:
            parent = {"parentRunId": decoded.parent_run_id} if decoded.parent_run_id else {}
            facet = json.dumps({**decoded.decision, **parent}, sort_keys=True, ensure_ascii=False)
            for namespace, name in _subjects(event, decoded):
                self.decisions.append(DecisionRecord(namespace, name, decoded.run_id or "", decoded.at, facet))

    def join(self, later: Facts) -> None:
        """Add what later events say."""
        self.productions.extend(later.productions)
        self.statements.extend(later.statements)
        self.decisions.extend(later.decisions)
        for source, position in later.positions.items():
            self.positions[source] = max(position, self.positions.get(source, -1))


class Tail:
    """Batches after a covered position, growing at the end.

    Args:
        seq: last batch the index covers (0: none).
        chain: its chain digest.
    """

    def __init__(self, seq: int = 0, chain: str = GENESIS) -> None:
        self.base = seq
        self.seq: int = seq
        self.chain = chain
        self.batches: list[Batch] = []
        self.events = 0
        self._digests: set[bytes] = set()
        self._digested = 0
        self._facts = Facts()
        self._decoded = 0
        self._by_version: dict[Version, list[Production]] = {}
        self._indexed = 0
        #: What ``joining`` made of an index and this tail, and up to which batch.
        self.joined: tuple[int, Joined] | None = None

    def extend(self, batch: Batch) -> None:
        """Add the next batch."""
        if batch.seq != self.seq + 1:
            raise ValueError(f"batch {batch.seq} does not follow {self.seq}")
        self.batches.append(batch)
        self.events += len(batch.lines)
        self.seq, self.chain = batch.seq, batch.chain

    @property
    def digests(self) -> set[bytes]:
        """Identities of all events in the tail."""
        for batch in self.batches[self._digested :]:
            self._digests.update(d[:IDENTITY] for d in batch.digests)
        self._digested = len(self.batches)
        return self._digests

    @property
    def facts(self) -> Facts:
        """What the tail says.

        Raises:
            LedgerError: when an event cannot be understood.
        """
        while self._decoded < len(self.batches):
            batch = self.batches[self._decoded]
            facts = facts_in(batch)
            # Only a batch that was understood whole is taken over, so a second try fails the same way.
            self._facts.join(facts)
            self._decoded += 1
        return self._facts

    @property
    def by_version(self) -> dict[Version, list[Production]]:
        """Productions of each version written in the tail, in archive order."""
        productions = self.facts.productions
        for production, _ in productions[self._indexed :]:
            for version in dict.fromkeys(production.outputs):
                self._by_version.setdefault(version, []).append(production)
        self._indexed = len(productions)
        return self._by_version


def facts_in(batch: Batch) -> Facts:
    """What the events of a batch say.

    Raises:
        LedgerError: when one cannot be understood.
    """
    facts = Facts()
    for n, line in enumerate(batch.lines, 1):
        if not line:  # retention dropped it
            continue
        try:
            said = facts_of(line, batch.recorded)
            said.decisions = [msgspec.structs.replace(d, ord=(batch.seq << 32) + n) for d in said.decisions]
            facts.join(said)
        except EventError as e:
            raise LedgerError(
                f"archived event cannot be understood: {e.what}",
                where=f"{key_of(batch.seq)}:{n + 1}",  # the header is line 1 of the file
                fix="install the version of lineage-guard that wrote it, or a newer one, and report the event",
            ) from e
    return facts


def facts_of(line: bytes, recorded: datetime) -> Facts:
    """What one event in canonical JSON says.

    Args:
        line: the event.
        recorded: when its batch was written.

    Raises:
        EventError: when it cannot be understood.
    """
    from lineage_guard.openlineage.quick import decode_line

    decoded, event = decode_line(line)
    facts = Facts()
    facts.add(event or {}, decoded, recorded)
    return facts


def _subjects(event: Event, decoded: Decoded) -> Iterator[tuple[str, str]]:
    """The names a verdict is filed under: the job, and every dataset it would have written."""
    seen = {decoded.job} if decoded.job else set[tuple[str, str]]()
    outputs = event.get("outputs")
    for output in cast("list[object]", outputs) if isinstance(outputs, list) else []:
        if isinstance(output, dict):
            o = cast("dict[str, object]", output)
            seen.add((str(o.get("namespace", "")), str(o.get("name", ""))))
    yield from sorted(seen)
