"""Lists of verdicts and of versions, a page at a time: over the index and every event after it.

The index is sorted for lineage, not for browsing, and a verdict is one long document. So whoever browses
keeps two narrow tables in memory, made once from the index and brought up to date from the log: a page costs
milliseconds however long the history is, and so does the next event.

A page begins after the last row of the page before, wherever that row stands by then. Rows never change their
place: a verdict has the time of its event, a version that of its first record.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.ledger.archive.log import GENESIS, Log
from lineage_guard.ledger.asking.listed import ListedVerdict, ListedVersion
from lineage_guard.ledger.index.index import Index, connect, micros, moment, sql
from lineage_guard.ledger.index.joining import joined
from lineage_guard.ledger.index.tail import DecisionRecord, Facts, Tail, facts_in

if TYPE_CHECKING:
    import duckdb

#: Events by which the tables may lag behind an index and still be brought up to date from the log.
_LAG = 5_000
#: What of a verdict's facet is listed, searched or counted.
_SHAPE = """{
    "decision": "VARCHAR", "stops": "BOOLEAN", "enforced": "BOOLEAN", "mode": "VARCHAR", "use": "VARCHAR",
    "policy": {"name": "VARCHAR"}, "evaluatedAt": "VARCHAR", "parentRunId": "VARCHAR", "waivers": ["VARCHAR"],
    "target": {"namespace": "VARCHAR", "name": "VARCHAR", "partition": "VARCHAR", "run": "VARCHAR"},
    "findings": [{
        "rule": "VARCHAR", "reason": "VARCHAR", "effect": "VARCHAR", "message": "VARCHAR",
        "model": {"supplier": "VARCHAR", "name": "VARCHAR", "channel": "VARCHAR"},
        "subject": {"namespace": "VARCHAR", "name": "VARCHAR", "partition": "VARCHAR", "run": "VARCHAR"}
    }]
}"""


class Browsing:
    """What one handle on a ledger has gathered to be browsed. Ask it within ``Ledger.ask``, which locks.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> ledger = open_ledger(tempfile.mkdtemp())
        >>> ledger.ask(lambda index, tail: ledger.browsing.counts(index, tail))
        {}
    """

    def __init__(self) -> None:
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._seq, self._chain = 0, GENESIS
        self._covered, self._dropped = 0, 0
        self._tail: Tail | None = None
        self._done = (0, 0)
        self._foreign: object = None

    def verdicts(
        self,
        index: Index,
        tail: Tail,
        *,
        text: str = "",
        decision: str | None = None,
        asset: tuple[str, str] | None = None,
        after: tuple[int, str, str] | None = None,
        limit: int = 50,
    ) -> tuple[list[ListedVerdict], int]:
        """A page of verdicts, newest first, and how many there are on all pages.

        Args:
            index: what is compacted.
            tail: what is not, yet.
            text: only those with this somewhere in what is searched; empty for all.
            decision: only these; ``""`` for those that make no sense.
            asset: only those on one asset: (namespace, name).
            after: ``age``, ``run`` and ``mark`` of the last row of the page before.
            limit: rows at most.
        """
        namespace, name = asset or (None, None)
        asked = {"text": text, "decision": decision, "namespace": namespace, "name": name}
        at, run, mark = after or (None, None, None)
        place = {"at": at, "run": run, "mark": mark, "limit": limit}
        self._refresh(index, tail)
        rows = self._rows("browse_verdicts", {**asked, **place})
        [(total,)] = self._rows("browse_verdicts_count", asked)
        return [_verdict(row) for row in rows], total

    def verdict(
        self, index: Index, tail: Tail, asset: tuple[str, str], partition: str | None, run: str | None
    ) -> ListedVerdict | None:
        """The newest verdict on one version, or of one partition when no run is given.

        Args:
            index: what is compacted.
            tail: what is not, yet.
            asset: (namespace, name).
            partition: asked for when there is no run.
            run: the asset run.
        """
        self._refresh(index, tail)
        asked = {"namespace": asset[0], "name": asset[1], "partition": partition, "run": run}
        return next((_verdict(row) for row in self._rows("browse_verdict", asked)), None)

    def judged(self, index: Index, tail: Tail) -> set[tuple[str, str]]:
        """(namespace, name) of everything that a verdict was taken on.

        Args:
            index: what is compacted.
            tail: what is not, yet.
        """
        self._refresh(index, tail)
        return {(row[0], row[1]) for row in self._rows("browse_judged")}

    def counts(self, index: Index, tail: Tail, text: str = "") -> dict[str | None, int]:
        """How many verdicts of each decision there are.

        Args:
            index: what is compacted.
            tail: what is not, yet.
            text: as for ``verdicts``.
        """
        self._refresh(index, tail)
        return dict(self._rows("browse_counts", {"text": text}))

    def versions(
        self,
        index: Index,
        tail: Tail,
        *,
        text: str = "",
        kind: str | None = None,
        asset: tuple[str, str] | None = None,
        partition: str | None = None,
        models: Iterable[tuple[str, str]] = (),
        declared: str = "",
        after: tuple[int, str, str] | None = None,
        limit: int = 50,
    ) -> tuple[list[ListedVersion], int]:
        """A page of versions, newest first, and how many there are on all pages.

        Args:
            index: what is compacted.
            tail: what is not, yet.
            text: only those with this somewhere in what is searched; empty for all.
            kind: only these.
            asset: only those of one dataset or model: (namespace, name).
            partition: only those of one partition.
            models: (namespace, name) of public models.
            declared: how the run of a version begins that only a declaration speaks of.
            after: ``age``, ``head`` and ``mark`` of the last row of the page before.
            limit: rows at most.
        """
        namespaces, names = zip(*known, strict=True) if (known := list(models)) else ((), ())
        kinds = {"namespaces": namespaces, "names": names, "declared": declared}
        at, head, mark = after or (None, None, None)
        namespace, name = asset or (None, None)
        asked = {"text": text, "namespace": namespace, "name": name, "partition": partition}
        place = {"at": at, "head": head, "mark": mark, "limit": limit}
        self._refresh(index, tail)
        if kind is None:
            rows = self._rows("browse_versions", {**kinds, **asked, **place})
            [(total,)] = self._rows("browse_versions_count", asked)
        else:
            rows = self._rows("browse_versions_of_kind", {**kinds, **asked, **place, "kind": kind})
            [(total,)] = self._rows("browse_versions_of_kind_count", {**kinds, **asked, "kind": kind})
        return [ListedVersion(Version(*r[:4]), r[4], moment(r[5]), *r[6:9]) for r in rows], total

    # -- keeping up -------------------------------------------------------------------------------

    def _refresh(self, index: Index, tail: Tail) -> None:
        """Bring the tables up to date; after a failure they are made again from the start."""
        try:
            lag = index.manifest.events - self._covered
            if self._connection is None or index.manifest.dropped != self._dropped or not 0 <= lag <= _LAG:
                self._gather(index)
            self._catch_up(index, tail)
            self._take(tail)
            self._join(index, tail)
        except BaseException:
            self._connection = None
            raise

    def _gather(self, index: Index) -> None:
        """Begin again, with what the index covers."""
        import duckdb

        self._connection = connection = connect()
        for statement in sql("browse_tables").split(";"):
            connection.execute(statement)
        try:
            for table in ("versions", "productions", "decisions"):
                index.view(connection, table, f"indexed_{table}")
            connection.execute(sql("browse_indexed_versions"))
            connection.execute("CREATE OR REPLACE TEMP VIEW given AS FROM indexed_decisions")
            connection.execute(sql("browse_add_verdicts"), _READING)
        except duckdb.Error as e:
            raise index.unreadable(e) from e
        self._seq, self._chain = index.manifest.seq, index.manifest.chain
        self._covered, self._dropped = index.manifest.events, index.manifest.dropped
        self._tail, self._foreign = None, None

    def _catch_up(self, index: Index, tail: Tail) -> None:
        """Take in batches that went from another handle straight into the index; the log still has them."""
        if self._seq < tail.base:
            for batch in Log(index.archive).after(self._seq, self._chain):
                if batch.seq > tail.base:
                    break
                self._add(facts_in(batch))
                self._seq, self._chain = batch.seq, batch.chain
        self._covered = index.manifest.events

    def _take(self, tail: Tail) -> None:
        """Add what the tail has more than it had."""
        facts = tail.facts
        productions, decisions = self._done
        if self._tail is not tail:
            productions, decisions = 0, 0
            if self._seq > tail.base:
                for batch in tail.batches:
                    if batch.seq > self._seq:
                        self._add(facts_in(batch))
                productions, decisions = len(facts.productions), len(facts.decisions)
        self._add(Facts(facts.productions[productions:], decisions=facts.decisions[decisions:]))
        self._tail, self._done = tail, (len(facts.productions), len(facts.decisions))
        self._seq, self._chain = tail.seq, tail.chain

    def _add(self, facts: Facts) -> None:
        if facts.decisions:
            self._give(_decisions(facts.decisions))
            self._rows("browse_add_verdicts", _READING)
        if facts.productions:
            self._give(_versions(_mentions(p for p, _ in facts.productions)))
            self._execute("CREATE OR REPLACE TEMP TABLE given_versions AS " + sql("browse_given_versions"))
            self._rows("browse_add_versions")

    def _join(self, index: Index, tail: Tail) -> None:
        """What other producers say is resolved as a whole, whenever there is more of it."""
        world = joined(index, tail)
        if world is self._foreign:
            return
        self._give(_versions(_mentions(world.foreign.values())))
        self._execute("CREATE OR REPLACE TABLE foreign_versions AS " + sql("browse_given_versions"))
        self._execute(sql("browse_every_version") if world.foreign else _OURS)
        self._foreign = world

    def _give(self, columns: Mapping[str, Sequence[object]]) -> None:
        pa: Any = import_module("pyarrow")
        types = {"at": pa.timestamp("us", "UTC") if "facet" in columns else pa.int64(), "ord": pa.int64()}
        types |= {"place": pa.int64(), "recorded": pa.bool_()}
        schema = pa.schema([(c, types.get(c, pa.string())) for c in columns])
        self._execute("DROP VIEW IF EXISTS given")
        assert self._connection is not None
        self._connection.register("given", pa.table(dict(columns), schema=schema))

    def _execute(self, query: str) -> None:
        assert self._connection is not None
        self._connection.execute(query)

    def _rows(self, query: str, parameters: Mapping[str, object] | None = None) -> list[tuple[Any, ...]]:
        import duckdb

        assert self._connection is not None
        try:
            return self._connection.execute(sql(query), parameters).fetchall()
        except duckdb.Error as e:
            raise LedgerError(f"what is browsed cannot be read: {e}", fix="ask again") from e


_READING = {"shape": _SHAPE, "restates": ReasonCode.EXPECTATIONS_FAILED.value}
_OURS = "CREATE OR REPLACE VIEW every_version AS FROM versions"


def _verdict(row: tuple[Any, ...]) -> ListedVerdict:
    at, run, mark, ord_, *target, parent, decision, stops, enforced, mode, use, policy, findings = row[:16]
    return ListedVerdict(
        cast("datetime", moment(at)),
        run,
        mark,
        ord_,
        Version(*target),
        parent,
        decision,
        stops,
        enforced,
        mode,
        use,
        policy,
        findings,
        *row[16:21],
        waivers=tuple(w for w in row[21] if w is not None),
    )


def _decisions(records: Sequence[DecisionRecord]) -> dict[str, Sequence[object]]:
    return {
        "namespace": [d.namespace for d in records],
        "name": [d.name for d in records],
        "run": [d.run for d in records],
        "at": [d.at for d in records],
        "ord": [d.ord for d in records],
        "facet": [d.facet for d in records],
    }


def _mentions(productions: Iterable[Production]) -> Iterator[tuple[Version, int | None, bool]]:
    for production in productions:
        at = micros(production.produced_at)
        yield from ((version, at, True) for version in production.outputs)
        yield from ((each.version, None, False) for each in production.inputs)


def _versions(mentions: Iterable[tuple[Version, int | None, bool]]) -> dict[str, Sequence[object]]:
    rows = list(mentions)
    return {
        "namespace": [v.namespace for v, _, _ in rows],
        "name": [v.name for v, _, _ in rows],
        "partition": [v.partition for v, _, _ in rows],
        "run": [v.run for v, _, _ in rows],
        "at": [at for _, at, _ in rows],
        "recorded": [recorded for _, _, recorded in rows],
        "place": range(len(rows)),
    }
