"""Doors in time: data that changes between what a step loads and what the gate looks at."""

from typing import Any

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, failure_of

from lineage_guard import ModelSource, declare, training
from lineage_guard.dagster.declare import DECLARATION_KEY

DAYS = dg.StaticPartitionsDefinition(["1", "2"])


class RemadeWhileLoading(dg.IOManager):
    """Reads a table; while it reads, somebody makes the table again with another model."""

    def __init__(self, remake_with: ModelSource) -> None:
        self.remake_with = remake_with

    def handle_output(self, context: dg.OutputContext, obj: Any) -> None: ...

    def load_input(self, context: dg.InputContext) -> str:
        key, partition = context.asset_key, context.asset_partition_keys[0] if context.has_asset_partitions else None
        metadata = {DECLARATION_KEY: declare(self.remake_with)[DECLARATION_KEY]}
        context.instance.report_runless_asset_event(
            dg.AssetMaterialization(key, partition=partition, metadata=metadata)
        )
        return "rows as they were before"


def deployment(lane: Lane, made_with: ModelSource, remake_with: ModelSource, **arguments: Any) -> list[Any]:
    @dg.asset(metadata=declare(made_with), io_manager_key="io", **arguments)
    def synthetic() -> str:
        return "rows"

    @dg.asset(tags=training(), io_manager_key="io", **arguments)
    def student(synthetic: str) -> str:
        lane.mark("student")
        return "weights"

    return [synthetic, student]


@pytest.mark.parametrize("partitions", [None, DAYS], ids=["unpartitioned", "partitioned"])
def test_a_table_remade_clean_while_it_was_being_loaded_is_not_clean(
    lane: Lane, partitions: dg.PartitionsDefinition[Any] | None
) -> None:
    assets = deployment(lane, RESTRICTED, PERMITTED, **({"partitions_def": partitions} if partitions else {}))
    result = lane.run(
        assets,
        resources={"io": RemadeWhileLoading(PERMITTED)},
        partition_key="1" if partitions else None,
    )
    assert lane.trained == []
    text = failure_of(result, "student").description or ""
    assert "openai/gpt-4o" in text
    assert "may hold" in text


def test_a_table_remade_with_what_is_permitted_too_still_trains(lane: Lane) -> None:
    assets = deployment(lane, PERMITTED, PERMITTED)
    assert lane.run(assets, resources={"io": RemadeWhileLoading(PERMITTED)}).success
    assert lane.trained == ["student"]


def graph_that_loads_first(lane: Lane, **arguments: Any) -> dg.AssetsDefinition:
    """A training graph whose first op loads the table; another op writes the asset."""

    @dg.op
    def load(synthetic: str) -> str:
        lane.mark("loaded")
        return synthetic

    @dg.op(out=dg.Out(io_manager_key="io"))
    def fit(rows: str) -> str:
        lane.mark("student")
        return "weights"

    @dg.graph_asset(tags=training(), **arguments)
    def student(synthetic: str) -> Any:
        return fit(load(synthetic))

    return student


@pytest.mark.parametrize("partitions", [None, DAYS], ids=["unpartitioned", "partitioned"])
def test_a_table_remade_clean_while_an_early_op_of_a_training_graph_loaded_it_is_not_clean(
    lane: Lane, partitions: dg.PartitionsDefinition[Any] | None
) -> None:
    how = {"partitions_def": partitions} if partitions else {}
    key = "1" if partitions else None
    synthetic = deployment(lane, RESTRICTED, PERMITTED, **how)[0]
    io = {"io": RemadeWhileLoading(PERMITTED)}
    assets = [synthetic, graph_that_loads_first(lane, **how)]
    lane.run(assets, selection=[synthetic], resources=io, partition_key=key)
    result = lane.run(assets, selection=["student"], resources=io, partition_key=key)
    assert lane.trained == []
    text = failure_of(result, "student.load").description or ""
    assert "openai/gpt-4o" in text
    assert "may hold" in text


def test_a_training_graph_reads_what_its_own_run_made_and_not_what_was_there_before(lane: Lane) -> None:
    tainted = deployment(lane, RESTRICTED, PERMITTED)[0]
    lane.run([tainted], resources={"io": dg.mem_io_manager})
    clean = deployment(lane, PERMITTED, PERMITTED)[0]
    assert lane.run([clean, graph_that_loads_first(lane)], resources={"io": dg.mem_io_manager}).success
    assert lane.trained == ["loaded", "student"]
