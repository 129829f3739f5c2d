"""Upstream and downstream over a whole lake in Spark, from the index's Parquet files as they are.

For lakes that no longer fit one machine, and for joining lineage with other tables. The answers
are those of ``Ledger.closure`` and ``Ledger.impact`` for the part of the log that the index
covers; compact first to cover all of it. Needs the extra ``spark``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Version
from lineage_guard.ledger.archive.archive import Archive, open_archive
from lineage_guard.ledger.asking.impact import made_with, matches
from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.joining import Joined, joined
from lineage_guard.ledger.index.manifest import Manifest, newest
from lineage_guard.ledger.index.nodes import Nodes
from lineage_guard.ledger.index.tables import BY_NAME, Table
from lineage_guard.ledger.index.tail import Tail

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

_TYPES = {
    "INTEGER": "INT",
    "BIGINT": "BIGINT",
    "BOOLEAN": "BOOLEAN",
    "VARCHAR": "STRING",
    "VARCHAR[]": "ARRAY<STRING>",
    "TIMESTAMPTZ": "TIMESTAMP",
}


@dataclass(frozen=True)
class SparkIndex:
    """The index of a ledger as Spark tables, under one manifest.

    Args:
        session: where the queries run.
        archive: the ledger's files.
        manifest: which of them.

    Example:
        >>> lake = read_index(spark, "s3://bucket/lineage")            # doctest: +SKIP
        >>> lake.downstream(model="gpt-4o*").count()                   # doctest: +SKIP
        1549
    """

    session: SparkSession
    archive: Archive
    manifest: Manifest

    @property
    def watermark(self) -> str:
        """The state of the ledger that the answers are about."""
        return f"{self.manifest.seq}:{self.manifest.chain}"

    def table(self, name: str) -> DataFrame:
        """One table of the index; docs/ledger.md describes them.

        Args:
            name: e.g. ``"edges"``.
        """
        table = BY_NAME[name]
        paths = [_uri(self.archive, f.key) for f in self.manifest.files(name)]
        if not paths:
            return _frame(self.session, [], _schema(table))
        return self.session.read.schema(_schema(table)).parquet(*paths)

    @cached_property
    def _joined(self) -> tuple[Joined, Nodes]:
        """What other producers say, which is resolved here, on the driver, as for every other answer."""
        index = Index(self.archive, self.manifest)
        world = joined(index, Tail(self.manifest.seq, self.manifest.chain))
        return world, Nodes(index, world.by_version, world.mentioned())

    def _edges(self) -> DataFrame:
        """child, parent, indirect: the index's own and those that foreign events add."""
        world, nodes = self._joined
        added = nodes.segment(world.fresh())
        rows = list(zip(added.child.tolist(), added.parent.tolist(), added.indirect.tolist(), strict=True))
        edges = self.table("edges").select("child", "parent", "indirect")
        return edges.union(_frame(self.session, rows, "child INT, parent INT, indirect BOOLEAN")) if rows else edges

    def _versions(self) -> DataFrame:
        """Ids with the four fields of every version."""
        _, nodes = self._joined
        rows = [(id_, *version) for id_, version in nodes.new.items()]
        versions = self.table("versions")
        return versions.union(_frame(self.session, rows, _schema(BY_NAME["versions"]))) if rows else versions

    def upstream(self, versions: Iterable[Version]) -> DataFrame:
        """Everything some versions were made from, themselves included, without any depth limit.

        Args:
            versions: where to start; one that the index does not know is not in the answer.

        Returns:
            Rows of id, namespace, name, partition, run and influence: DIRECT when a path of
            DIRECT edges alone leads there.
        """
        world, nodes = self._joined
        edges = self._edges()
        if hidden := [(nodes.id[v],) for v in world.loose]:
            # Foreign events say which versions these names stand for.
            edges = edges.join(_frame(self.session, hidden, "parent INT"), "parent", "left_anti")
        return self._named(self._reached(self._ids(versions), edges, "child", "parent"))

    def downstream(self, versions: Iterable[Version] = (), model: str | None = None, provider: str = "*") -> DataFrame:
        """Everything made from some versions, or from what a model made, without any depth limit.

        Args:
            versions: where to start.
            model: start, too, at every version made with a model of this id, a shell pattern.
            provider: a shell pattern for who offers that model.

        Returns:
            Rows like those of ``upstream``, the starting versions included.
        """
        starts = self._ids(versions)
        if model is not None:
            world, nodes = self._joined
            foreign = [(nodes.id[v],) for v in made_with(world.by_version, model, provider)]
            starts = starts.union(self._made_with(model, provider)).union(_frame(self.session, foreign, "id INT"))
        return self._named(self._reached(starts, self._edges(), "parent", "child"))

    def _ids(self, versions: Iterable[Version]) -> DataFrame:
        from pyspark.sql import functions as F

        rows = [tuple(v) for v in dict.fromkeys(versions)]
        asked = _frame(self.session, rows, "namespace STRING, name STRING, partition STRING, run STRING")
        known = self._versions()
        same = [known[c].eqNullSafe(asked[c]) for c in ("namespace", "name", "partition", "run")]
        return known.join(F.broadcast(asked), same, "left_semi").select("id")

    def _made_with(self, model: str, provider: str) -> DataFrame:
        models = self.table("models")
        # A lake holds few distinct models, so the pattern means here what it means in Python.
        known = models.select("provider", "model", "base_models").distinct().collect()
        matching = {(str(r[0]), str(r[1])) for r in known if matches(r[1], r[0], r[2] or (), model, provider)}
        wanted = _frame(self.session, sorted(matching), "provider STRING, model STRING")
        return models.join(wanted, ["provider", "model"], "left_semi").select("id").distinct()

    def _reached(self, starts: DataFrame, edges: DataFrame, here: str, there: str) -> DataFrame:
        """(id, influence): over DIRECT edges to the end first, then over all."""
        from pyspark.sql import functions as F

        edges = edges.select(F.col(here).alias("id"), F.col(there).alias("there"), "indirect")
        edges = edges.distinct().persist()
        try:
            direct = _fixpoint(starts, edges.where(~F.col("indirect")))
            everything = _fixpoint(direct, edges)
        finally:
            edges.unpersist()
        indirect = everything.join(direct, "id", "left_anti")
        return direct.withColumn("influence", F.lit("DIRECT")).union(
            indirect.withColumn("influence", F.lit("INDIRECT"))
        )

    def _named(self, reached: DataFrame) -> DataFrame:
        names = self._versions()
        return names.join(reached, "id").select(*names.columns, "influence")


def read_index(session: SparkSession, location: str | Path) -> SparkIndex:
    """The index of a ledger for Spark, as its newest manifest names it.

    Args:
        session: a Spark session that can read the location; for a bucket that is ``hadoop-aws``.
        location: as for ``open_ledger``. Spark reads ``s3://`` through its ``s3a`` file system.

    Raises:
        LedgerError: when the manifest cannot be read, or nothing was compacted yet: an empty
            answer would look like a clean one.
    """
    archive = open_archive(location)
    manifest = newest(archive)
    if not manifest.generation:
        raise LedgerError(
            "there is no index for Spark to read",
            where=archive.describe("index/"),
            fix="check the location, then run open_ledger(location).compact()",
        )
    return SparkIndex(session, archive, manifest)


def _fixpoint(starts: DataFrame, edges: DataFrame) -> DataFrame:
    """All ids that edges lead to from the starts, these included: round by round until nothing is new.

    Every round is checkpointed: a plan that grew with the depth would cost more each round, and
    planning a thousand rounds at once would exhaust the driver.
    """
    reached = starts.distinct().localCheckpoint()
    frontier = reached
    width = reached.rdd.getNumPartitions()
    while not frontier.isEmpty():
        found = edges.join(frontier, "id", "left_semi").select(edges["there"].alias("id")).distinct()
        frontier = found.join(reached, "id", "left_anti").localCheckpoint()
        reached = reached.union(frontier).coalesce(width).localCheckpoint()
    return reached


def _frame(session: SparkSession, rows: Sequence[tuple[object, ...]], schema: str) -> DataFrame:
    # Its overloads name pandas and pyarrow types that ship no stubs.
    return cast("Any", session).createDataFrame(rows, schema)


def _uri(archive: Archive, key: str) -> str:
    where = archive.describe(key)
    if where.startswith("s3://"):
        return "s3a://" + where.removeprefix("s3://")
    return Path(where).resolve().as_uri()


def _schema(table: Table) -> str:
    columns: Sequence[tuple[str, str]] = table.columns
    return ", ".join(f"`{name}` {_TYPES[type_]}" for name, type_ in columns)
