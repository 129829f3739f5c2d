"""Spark on the index's files as they are: the same answers as the ledger's own search."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import histories
import pytest
import spark_session
import test_ledger_foreign as foreign

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Influence, Input, ModelSource, Pin, Production, Version
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.asking.spark import read_index
from lineage_guard.ledger.index.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    # py4j leaves the sockets of its threads to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[SparkSession]":
    options = {"spark.sql.shuffle.partitions": "2", "spark.sql.session.timeZone": "UTC"}
    with spark_session.running(tmp_path_factory.mktemp("warehouse"), options) as session:
        yield session


def filled(place: Path, productions: list[Production], pieces: int) -> Ledger:
    """A ledger whose index has been through several compactions and merges."""
    ledger = open_ledger(place)
    events = histories.history(productions)
    size = -(-len(events) // pieces)
    for start in range(0, len(events), size):
        ledger.append(events[start : start + size])
        assert ledger.compact()
    return ledger


def found(rows: "DataFrame") -> dict[Version, Influence]:
    collected: list[Any] = rows.collect()
    answer = {
        Version(r["namespace"], r["name"], r["partition"], r["run"]): Influence(r["influence"]) for r in collected
    }
    assert len(answer) == len(collected)
    return answer


def tangled(seed: int, nodes: int, edges: int) -> list[Production]:
    """A graph with cycles, self-edges, diamonds, second records and several outputs of one run."""
    rng = random.Random(seed)
    names = [Version("d", f"t{n % 5}", rng.choice([None, "de", ""]), histories.run_uuid(n)) for n in range(nodes)]
    productions: list[Production] = []
    for _ in range(edges // 2):
        inputs = {v: Input(v, rng.choice(list(Influence)), rng.choice(list(Pin))) for v in rng.sample(names, 2)}
        models = (ModelSource("openai", rng.choice(["gpt-4o", "gpt-4o-mini", "o3"])),) if rng.random() < 0.2 else ()
        outputs = tuple(rng.sample(names, rng.choice([1, 1, 2])))
        productions.append(Production(outputs, tuple(inputs.values()), models))
    return productions


@pytest.mark.parametrize("seed", range(2))
def test_same_answers_as_the_ledger(spark: "SparkSession", tmp_path: Path, seed: int) -> None:
    productions = tangled(seed, nodes=24, edges=40)
    ledger = filled(tmp_path, productions, pieces=6)
    lake = read_index(spark, tmp_path)
    assert lake.watermark == ledger.watermark()
    rng = random.Random(seed)
    start = rng.choice(productions).outputs[0]
    # A target that no edge leads back to, so that the ledger answers for the start itself.
    closure = ledger.closure(Production((Version("d", "student"),), inputs=(Input(start),)))
    assert found(lake.upstream([start])) == {r.version: r.influence for r in closure.reached[1:]}
    for question in ({"versions": [start]}, {"model": "gpt-4o*"}, {"versions": [start], "model": "o3"}):
        impact = ledger.impact(**question)
        assert found(lake.downstream(**question)) == {a.version: a.influence for a in impact.reached}
    assert found(lake.downstream(model="gpt-4o*", provider="azure")) == {}


def test_what_other_producers_say_is_part_of_the_answer(spark: "SparkSession", tmp_path: Path) -> None:
    """Airflow and Spark made a table that Dagster knows by another name and trains on."""
    ledger = open_ledger(tmp_path)
    ledger.append(foreign.through_airflow_and_spark("openai|gpt-4o"))
    ledger.append([foreign.dagster_run("curated", 20, foreign.ORDERS)])
    assert ledger.compact()
    lake = read_index(spark, tmp_path)
    impact = ledger.impact(model="gpt-4o")
    assert {a.version.name for a in impact.downstream} == {"db.orders", "curated"}
    assert found(lake.downstream(model="gpt-4o")) == {a.version: a.influence for a in impact.reached}
    [curated] = ledger.latest("dagster", "curated")
    closure = ledger.closure(foreign.student(curated))
    assert {r.version.name for r in closure.reached[1:]} >= {"curated", "db.orders", "raw"}
    assert found(lake.upstream([curated])) == {r.version: r.influence for r in closure.reached[1:]}


def test_a_deep_chain_and_a_cycle_are_followed_to_their_end(spark: "SparkSession", tmp_path: Path) -> None:
    length = 60
    names = [Version("d", f"t{n}", None, histories.run_uuid(n)) for n in range(length)]
    ring = [Production((names[n],), inputs=(Input(names[n - 1]),)) for n in range(length)]
    filled(tmp_path, ring, pieces=3)
    lake = read_index(spark, tmp_path)
    assert found(lake.downstream([names[7]])) == dict.fromkeys(names, Influence.DIRECT)
    assert found(lake.upstream([names[7]])) == dict.fromkeys(names, Influence.DIRECT)
    assert found(lake.upstream([Version("d", "nobody knows it")])) == {}


def test_every_table_reads_with_the_documented_columns(spark: "SparkSession", tmp_path: Path) -> None:
    import duckdb

    filled(tmp_path, histories.layered(40), pieces=5)
    lake = read_index(spark, tmp_path)
    for table in TABLES:
        rows = lake.table(table.name)
        assert rows.columns == [c for c, _ in table.columns]
        files = [str(tmp_path / f.key) for f in lake.manifest.files(table.name)]
        assert rows.count() == (duckdb.read_parquet(files).count("*").fetchall()[0][0] if files else 0)
    produced = [r[0] for r in lake.table("productions").orderBy("record").select("produced_at").collect()]
    assert [t.timestamp() for t in produced] == [(histories.START.timestamp() + n) for n in range(40)]
    assert {tuple(r[0]) for r in lake.table("models").select("base_models").collect()} == {()}


def test_nothing_compacted_is_not_an_empty_answer(spark: "SparkSession", tmp_path: Path) -> None:
    open_ledger(tmp_path).append([histories.simple(0)])
    with pytest.raises(LedgerError, match="no index"):
        read_index(spark, tmp_path)
