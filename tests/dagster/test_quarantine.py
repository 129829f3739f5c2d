"""Cure by filtering, run by Dagster: the permitted part trains on evidence, and on nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, curated_from, failure_of, made_by

from lineage_guard import quarantine, training
from lineage_guard.domain.errors import ConfigError
from lineage_guard.gx.rows import in_duckdb, in_frame, in_parquet
from lineage_guard.ledger.archive import claims

WRITTEN = """
SELECT range AS id, 'text ' || range AS response,
       CASE range % 3 WHEN 0 THEN 'GPT-4o-2024-08-06' WHEN 1 THEN 'DeepSeek-R1' END AS model,
       CASE range % 3 WHEN 0 THEN 'api.openai.com' ELSE 'self-hosted' END AS channel,
       'generation' AS usage, TIMESTAMP '2026-05-01' AS generated_at
FROM range(9)
"""


def trained_on(lane: Lane, *parents: Any, name: str = "student") -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(parents), tags=training())
    def student() -> None:
        lane.mark(name)

    return student


def sources() -> list[dg.AssetsDefinition]:
    return [made_by(RESTRICTED, "commercial"), made_by(PERMITTED, "open")]


def mixed_in(path: Path, rows: str = WRITTEN) -> dg.AssetsDefinition:
    @dg.asset(deps=["commercial", "open"])
    def mixed() -> None:
        duckdb.sql(f"COPY ({rows}) TO '{path}'")

    return mixed


def parts_of(mixed: dg.AssetsDefinition, lane: Lane) -> dg.AssetsDefinition:
    return quarantine(mixed, table=in_parquet(lane.folder / "mixed.parquet"), into=lane.folder / "parts")


def models_of(path: Path) -> dict[str | None, int]:
    return dict(duckdb.sql(f"SELECT model, count(*) FROM '{path}' GROUP BY ALL").fetchall())


PART, REST = dg.AssetKey(["mixed", "permitted"]), dg.AssetKey(["mixed", "restricted"])


def test_the_permitted_part_trains_and_the_evidence_is_all_that_lets_it(lane: Lane) -> None:
    mixed = mixed_in(lane.folder / "mixed.parquet")
    parts = parts_of(mixed, lane)
    base = [*sources(), mixed, parts, curated_from(mixed, name="plain")]
    students = [
        trained_on(lane, PART, name="on_permitted"),
        trained_on(lane, REST, name="on_restricted"),
        trained_on(lane, PART, "plain", name="on_both"),
    ]
    result = lane.run([*base, *students])
    assert lane.trained == ["on_permitted"]
    assert "openai/gpt-4o-2024-08-06" in str(failure_of(result, "on_restricted").description)
    assert "default:plain@" in str(failure_of(result, "on_both").description)

    assert models_of(lane.folder / "parts/permitted.parquet") == {"DeepSeek-R1": 3}
    assert models_of(lane.folder / "parts/restricted.parquet") == {"GPT-4o-2024-08-06": 3, None: 3}
    said = {e.asset_key: e.materialization.metadata for e in result.get_asset_materialization_events()}
    kinds = said[REST]["rows_by_source"]
    assert isinstance(kinds, dg.TableMetadataValue)
    assert [(r.data["model"], r.data["rows"], r.data["why"]) for r in kinds.records] == [
        ("gpt-4o", "3", "RESTRICTED_MODEL"),
        ("", "3", "its provenance is missing"),
    ]
    evidence = str(said[PART]["evidence"].value)
    [decision] = lane.ledger.decisions("default", "on_permitted")
    [cure] = decision["cures"]  # pyright: ignore[reportGeneralTypeIssues]
    assert "openai/gpt-4o-2024-08-06 via api.openai.com at default:commercial@" in cure
    assert "cured by quarantine at default:mixed/permitted@" in cure
    assert cure.endswith(f"evidence {evidence}")

    # The claim alone is worth nothing.
    filed = lane.ledger_folder / f"evidence/{evidence.removeprefix('sha256:')}.json"
    kept = filed.read_bytes()
    filed.unlink()
    only = [*base, students[0]]
    assert not lane.run(only, selection=["on_permitted"]).success
    filed.write_bytes(kept)
    assert lane.run(only, selection=["on_permitted"]).success

    # Nor is the evidence of another version: the next one is written without any.
    [version] = [v for v in lane.ledger.latest("default", "mixed/permitted") if v.run]
    [claim] = claims.filed(lane.ledger.archive, lane.ledger.closure(lane.ledger.productions([version])[version]).rows)
    assert claim.version == version

    @dg.multi_asset(specs=list(parts.specs), name="by_hand")
    def by_hand():
        yield dg.MaterializeResult(asset_key=PART)
        yield dg.MaterializeResult(asset_key=REST)

    by_hand_too = [*base[:3], by_hand, students[0]]
    assert not lane.run(by_hand_too, selection=[PART, REST, dg.AssetKey("on_permitted")]).success
    [forged] = [v for v in lane.ledger.latest("default", "mixed/permitted") if v.run]
    assert forged != version
    claims.file(lane.ledger.archive, replace(claim, version=forged))
    assert not lane.run(by_hand_too, selection=["on_permitted"]).success
    assert lane.trained == ["on_permitted"] * 2


@pytest.mark.long
def test_a_model_that_no_row_names_is_not_cured(lane: Lane) -> None:
    rewritten = "SELECT * FROM (" + WRITTEN + ") WHERE model = 'DeepSeek-R1'"
    mixed = mixed_in(lane.folder / "mixed.parquet", rewritten)
    result = lane.run([*sources(), mixed, parts_of(mixed, lane), trained_on(lane, PART)])
    assert "openai/gpt-4o-2024-08-06" in str(failure_of(result, "student").description)
    assert lane.trained == []


@pytest.mark.long
def test_nothing_permitted_is_nothing_proven(lane: Lane) -> None:
    mixed = mixed_in(lane.folder / "mixed.parquet", "SELECT * REPLACE ('gpt-4o' AS model) FROM (" + WRITTEN + ")")
    result = lane.run([*sources(), mixed, parts_of(mixed, lane), trained_on(lane, PART)])
    [said] = [e.materialization.metadata for e in result.get_asset_materialization_events() if e.asset_key == PART]
    assert str(said["lineage_guard/quarantine"].value).startswith("not proven: ")
    assert lane.trained == []


@pytest.mark.long
def test_each_partition_is_split_and_proven_by_itself(lane: Lane) -> None:
    days = dg.StaticPartitionsDefinition(["de", "a/b"])

    @dg.asset(deps=["commercial", "open"], partitions_def=days)
    def mixed() -> None: ...

    def table(context: dg.AssetExecutionContext) -> Any:
        rows = WRITTEN if context.partition_key == "de" else WRITTEN.replace("'DeepSeek-R1'", "NULL")
        return in_frame(duckdb.sql(rows).to_arrow_table())

    kept: dict[tuple[str, str | None], Any] = {}

    def write(part: str, partition: str | None, rows: Any) -> Any:
        kept[part, partition] = rows
        path = lane.folder / f"{part}-{days.get_partition_keys().index(str(partition))}.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.register("given", rows)
            connection.execute("CREATE OR REPLACE TABLE part AS SELECT * FROM given")
        return in_duckdb(path, "part")

    parts = quarantine(mixed, table=table, write=write, partitions_def=days)

    @dg.asset(deps=[PART], partitions_def=days, tags=training())
    def student(context) -> None:
        lane.mark(context.partition_key.replace("/", "-"))

    made = sources()
    assets = [*made, mixed, parts, student]
    assert lane.run(made).success
    assert lane.run(assets, selection=[mixed, parts, student], partition_key="de").success
    assert not lane.run(assets, selection=[mixed, parts, student], partition_key="a/b").success
    assert lane.trained == ["de"]
    assert {k: v.num_rows for k, v in kept.items()} == {
        ("permitted", "de"): 3,
        ("restricted", "de"): 6,
        ("permitted", "a/b"): 0,
        ("restricted", "a/b"): 9,
    }


def test_it_must_know_how_to_write() -> None:
    with pytest.raises(ConfigError, match="how to write"):
        quarantine("mixed", table=in_parquet("mixed.parquet"))
