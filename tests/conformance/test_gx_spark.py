"""Rows in Spark: texts read as everywhere, digests of what was judged, and what is no table there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from gx_texts import as_python_reads, moments, texts

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.rows import failing_keys, in_spark, rows_parameters, run_rows_suite
from lineage_guard.gx.suites import parse_suite
from lineage_guard.gx.tables.spark import SparkRows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(900),
    # py4j leaves the sockets of its threads to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

AT = datetime(2026, 11, 1, tzinfo=UTC)
DECLARED = rows_parameters([ModelSource("openai", "gpt-4o", channel="api.openai.com")])


def rows(spark: SparkSession, *models: str | None) -> DataFrame:
    listed = [(n, m, "api.openai.com", "GENERATION", "2026-10-01T12:00:00Z") for n, m in enumerate(models)]
    return spark.createDataFrame(listed, "id bigint, model string, channel string, usage string, generated_at string")


def test_every_text_is_read_as_python_reads_it(spark: SparkSession) -> None:
    given, days = [*texts(1, 500), "gpt\u0000", "\u0000 "], [*moments(2, 500), "", "2026-10-01"]
    frame = spark.createDataFrame(
        list(zip(given, given, given, days, strict=True)),
        "model string, channel string, usage string, generated_at string",
    )
    opened = in_spark(frame).open()
    assert isinstance(opened, SparkRows)
    from pyspark.sql.functions import unix_micros

    columns = ("model", "channel", "usage", unix_micros("generated_at"), "source")
    collected = opened._rows.select(*columns).collect()  # pyright: ignore[reportPrivateUsage]
    epoch = datetime(1970, 1, 1)
    found = [(m, c, u, None if at is None else epoch + timedelta(microseconds=at), s) for m, c, u, at, s in collected]
    assert found == [as_python_reads(*pair) for pair in zip(given, days, strict=True)]


def test_digest_names_rows_in_any_order_and_no_others(spark: SparkSession) -> None:
    one = in_spark(rows(spark, "gpt-4o", "qwen", None)).digest()
    assert in_spark(rows(spark, "gpt-4o", "qwen", None).repartition(3).orderBy("model")).digest() == one
    others = [
        rows(spark, "gpt-4o", "qwen", ""),
        rows(spark, "gpt-4o", "qwen", None, None),
        rows(spark, "gpt-4o", "qwen", None).withColumnRenamed("id", "key"),
    ]
    assert len({one, *(in_spark(o).digest() for o in others)}) == 4


def test_rows_that_change_while_a_suite_runs_are_an_error(spark: SparkSession, tmp_path: Path) -> None:
    place = str(tmp_path / "rows")
    rows(spark, "gpt-4o", "gpt-4o").write.parquet(place)
    spark.sql(f"CREATE TABLE answers USING parquet LOCATION '{place}'")
    table = in_spark("answers")
    assert run_rows_suite(table, DECLARED, AT).passes
    batch = SparkRows.batch

    def meanwhile(self: SparkRows) -> Any:
        rows(spark, "llama").write.mode("append").parquet(place)
        spark.catalog.refreshTable("answers")
        return batch(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SparkRows, "batch", meanwhile)
        evidence = run_rows_suite(table, DECLARED, AT)
    assert not evidence.passes
    assert "the rows changed while the suite ran" in str(evidence)
    evidence = run_rows_suite(table, DECLARED, AT)
    assert [(f.column, f.unexpected_count) for f in evidence.failures] == [("model", 1), ("source", 1)]
    assert failing_keys(table, DECLARED, evidence.failures, ["id"]) == [[{"id": "0"}]] * 2
    spark.sql("DROP TABLE answers")
    assert "answers" in (run_rows_suite(table, DECLARED, AT).error or "")


def test_suites_that_evaluate_nothing_or_not_all_fail(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    table = in_spark(rows(spark, "gpt-4o"), digest="v1")
    least = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
    unknown = parse_suite({"name": "s", "expectations": [least, {"type": "expect_nothing_of_sorts", "kwargs": {}}]})
    assert "knows no 'expect_nothing_of_sorts'" in (run_rows_suite(table, DECLARED, AT, unknown).error or "")
    from great_expectations.validator.validator import Validator

    monkeypatch.setattr(Validator, "graph_validate", lambda self, **_: [])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert "only 0 of 15 expectations were evaluated" in (run_rows_suite(table, DECLARED, AT).error or "")


def test_what_is_no_frame_of_spark_is_refused() -> None:
    with pytest.raises(SuiteError, match="no data frame of a classic Spark session"):
        in_spark(pa.table({"model": ["gpt-4o"]}))  # pyright: ignore[reportArgumentType]
