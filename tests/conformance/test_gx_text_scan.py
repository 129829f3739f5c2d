"""The text scan and the policy's sets, wherever the rows are: one verdict, the same counts, the same words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from gx_places import duckdb_file, pandas, postgres

from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.parameters import declared_parameters
from lineage_guard.gx.phrases import load_phrases
from lineage_guard.gx.rows import RowsTable, in_frame, in_spark, run_rows_suite
from lineage_guard.gx.suites import load_suite, parse_suite

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

AT = datetime(2026, 11, 1, tzinfo=UTC)
COUNT = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
STRANGE = [
    *("I\xa0am\u2003ChatGPT", "I’m\n**ChatGPT**", "Siam ChatGPTs", "i AM cHATgpt", "I am \u212aimi, an AI", "ſ", ""),
    *('He said "I am ChatGPT".', "It's 5% of\\ what: I am ChatGPT", "我是 通义千问", "{'a': 'I am ChatGPT'}", None),
]  # fmt: skip
TEXTS = [p.example for p in load_phrases().phrases] + STRANGE

Put = Callable[[pa.Table], RowsTable]


def rows(texts: list[str | None]) -> pa.Table:
    n = len(texts)
    columns = {"id": range(n), "response": texts, "model": ["Qwen/Qwen2.5-7B"] * n, "channel": ["self-hosted"] * n}
    return pa.table({k: pa.array(v, pa.int64() if k == "id" else pa.string()) for k, v in columns.items()})


def scanned(table: RowsTable, declared: list[str], **kwargs: Any) -> tuple[Any, ...]:
    asked = {"column": "response", "declared_providers": declared, **kwargs}
    suite = parse_suite(
        {"name": "s", "expectations": [COUNT, {"type": "expect_no_undeclared_self_identification", "kwargs": asked}]}
    )
    found = run_rows_suite(table, {}, AT, suite)
    return found.error, found.passes, found.evaluated, [(f.unexpected_count, f.detail) for f in found.failures]


def everything(put: Put) -> list[tuple[Any, ...]]:
    """What an engine says of texts of every kind, of none, and of rows under a condition."""
    table, empty, own = put(rows(TEXTS)), put(rows([None, "", " "])), put(rows(["I am Qwen."]))
    qwen = [ModelSource("huggingface", "Qwen/Qwen2.5-7B", channel="self-hosted")]
    few = {"type": "comparison", "column": {"name": "id"}, "operator": "<", "parameter": 2}
    suite = load_suite("responses")
    sets = {"permitted_models": ["qwen/* via self-hosted"], "restricted_models": ["(nothing)"]}
    return [
        scanned(table, ["(nothing)"]),
        scanned(table, ["any", "qwen"]),
        scanned(table, ["qwen"], row_condition=few),
        scanned(table, sorted(load_phrases().providers)),
        scanned(empty, ["qwen"]),
        scanned(own, ["qwen"], key_columns=["id"]),
        scanned(own, ["openai"]),
        (run_rows_suite(own, declared_parameters(suite, qwen), AT, suite).passes,),
        (run_rows_suite(own, sets, AT, "permitted").passes,),
        (run_rows_suite(own, sets | {"restricted_models": ["qwen/*"]}, AT, "permitted").passes,),
    ]


@pytest.fixture(scope="module")
def expected() -> list[tuple[Any, ...]]:
    found = everything(in_frame)
    assert [f[1] for f in found[:7]] == [False, False, False, True, False, True, False]
    assert [f[0] for f in found[7:]] == [True, True, False]
    assert found[0][3][0][0] == len(load_phrases().phrases) + 6
    assert found[4][3] == [(0, "there is no text")]
    return found


def test_postgres_says_the_same(database: str, expected: list[tuple[Any, ...]]) -> None:
    assert everything(postgres(database)) == expected


@pytest.mark.parametrize("place", [duckdb_file, pandas])
def test_other_places_say_the_same(
    place: Callable[[Path], Put], tmp_path: Path, expected: list[tuple[Any, ...]]
) -> None:
    assert scanned(place(tmp_path)(rows(TEXTS)), ["any", "qwen"]) == expected[1]


@pytest.mark.long
@pytest.mark.timeout(900)
# py4j leaves the sockets of its threads to the garbage collector.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_spark_says_the_same(spark: SparkSession, expected: list[tuple[Any, ...]]) -> None:
    def put(table: pa.Table) -> RowsTable:
        listed = list(zip(*(c.to_pylist() for c in table.columns), strict=True))
        frame = spark.createDataFrame(listed, "id bigint, response string, model string, channel string")
        return in_spark(frame, digest=str(id(frame)))

    assert scanned(put(rows(TEXTS)), ["any", "qwen"]) == expected[1]
    assert scanned(put(rows([None, "", " "])), ["qwen"]) == expected[4]
