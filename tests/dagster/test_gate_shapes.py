"""Every shape an asset can have, in a tainted and a clean lane, in one run each.

The clean lane must run everywhere: a guard that blocks too much is removed by its users.
"""

import sys
from datetime import UTC, datetime

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, failure_of, made_by

from lineage_guard import Waiver, training
from lineage_guard.domain.errors import ConfigError

TRAINS = training()
FOR_GERMAN = Waiver(
    id="w-de",
    rule="model-terms",
    asset="student",
    partition="de",
    model="gpt-4o*",
    reason="a trial",
    requested_by="a@example.org",
    approved_by="b@example.org",
    ticket="LEGAL-1",
    expires=datetime(2999, 1, 1, tzinfo=UTC),
)


class Size(dg.Config):
    rows: int = 3


class Store(dg.ConfigurableResource):
    name: str = "shelf"


class Memory(dg.IOManager):
    """A custom IO manager that only knows what this process wrote."""

    def __init__(self) -> None:
        self.values: dict[str, object] = {}

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        self.values["/".join(context.asset_key.path)] = obj

    def load_input(self, context: dg.InputContext) -> object:
        return self.values["/".join(context.asset_key.path)]


def shapes_on(lane: Lane, color: str) -> list[dg.AssetsDefinition]:
    """A table and one training asset of every shape on top of it; each body leaves its own name."""

    @dg.asset(name=f"{color}_table", metadata=made_by(MODELS[color]).metadata_by_key[dg.AssetKey("synthetic")])
    def table():
        return [1, 2, 3]

    up = table.key
    loaded = {"rows": dg.AssetIn(key=up)}

    @dg.asset(name=f"{color}_sync", ins=loaded, tags=TRAINS)
    def sync(rows):
        lane.mark(f"{color}_sync")
        return rows

    @dg.asset(name=f"{color}_generator", deps=[up], tags=TRAINS)
    def generator():
        lane.mark(f"{color}_generator")
        yield dg.MaterializeResult(metadata={"loss": 1.0})

    @dg.asset(name=f"{color}_async", deps=[up], tags=TRAINS)
    async def asynchronous():
        lane.mark(f"{color}_async")

    @dg.asset(name=f"{color}_async_generator", deps=[up], tags=TRAINS)
    async def async_generator():
        lane.mark(f"{color}_async_generator")
        yield dg.MaterializeResult()

    @dg.asset(name=f"{color}_config", ins=loaded, tags=TRAINS)
    def config_and_resource(context: dg.AssetExecutionContext, config: Size, store: Store, rows):
        assert (config.rows, store.name, rows) == (3, "shelf", [1, 2, 3])
        lane.mark(f"{color}_config")
        return dg.MaterializeResult(metadata={"rows": len(rows)})

    @dg.asset(name=f"{color}_io", ins=loaded, tags=TRAINS, io_manager_key="memory")
    def io_manager(rows) -> list[int]:
        lane.mark(f"{color}_io")
        return rows

    @dg.asset(
        name=f"{color}_checked",
        deps=[up],
        tags=TRAINS,
        check_specs=[dg.AssetCheckSpec("loss", asset=f"{color}_checked")],
    )
    def checked():
        lane.mark(f"{color}_checked")
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    @dg.asset(name=f"{color}_pipes", deps=[up], tags=TRAINS)
    def pipes(context: dg.AssetExecutionContext, pipes_client: dg.PipesSubprocessClient):
        code = f"open({str(lane.folder / 'trained')!r}, 'a').write('{color}_pipes\\n')"
        command = [sys.executable, "-c", code]
        return pipes_client.run(command=command, context=context).get_materialize_result(implicit_materialization=True)

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(f"{color}_weights", deps=[up], tags=TRAINS),
            dg.AssetSpec(f"{color}_log", deps=[up]),
        ],
        name=f"{color}_multi",
    )
    def multi():
        lane.mark(f"{color}_multi")
        yield dg.MaterializeResult(asset_key=f"{color}_weights")
        yield dg.MaterializeResult(asset_key=f"{color}_log")

    @dg.multi_asset(
        specs=[
            dg.AssetSpec(f"{color}_inner_table", deps=[up]),
            dg.AssetSpec(f"{color}_inner_weights", deps=[f"{color}_inner_table"], tags=TRAINS),
        ],
        name=f"{color}_chain",
    )
    def chain():
        lane.mark(f"{color}_chain")
        yield dg.MaterializeResult(asset_key=f"{color}_inner_table")
        yield dg.MaterializeResult(asset_key=f"{color}_inner_weights")

    @dg.op(name=f"{color}_split", out=dg.DynamicOut())
    def split(rows):
        lane.mark(f"{color}_split")
        for row in rows:
            yield dg.DynamicOutput(row, mapping_key=f"n{row}")

    @dg.op(name=f"{color}_train_shard")
    def train_shard(row):
        lane.mark(f"{color}_train_shard")
        return row

    @dg.op(name=f"{color}_merge")
    def merge(shards):
        return sum(shards)

    @dg.graph(name=f"{color}_inner")
    def inner(rows):
        return merge(split(rows).map(train_shard).collect())

    @dg.graph_asset(name=f"{color}_graph", ins=loaded, tags=TRAINS)
    def graph(rows):
        return inner(rows)

    @dg.op(name=f"{color}_plain_op")
    def plain_op(rows):
        lane.mark(f"{color}_op")
        return rows

    from_op = dg.AssetsDefinition.from_op(
        plain_op, keys_by_input_name={"rows": up}, tags_by_output_name={"result": TRAINS}
    )

    def compute(context, inputs):
        lane.mark(f"{color}_bare")
        yield dg.Output(5)

    bare_op = dg.OpDefinition(
        compute_fn=compute,
        name=f"{color}_bare",
        ins={"rows": dg.In(dg.Nothing)},
        outs={"result": dg.Out(int)},
    )
    bare = dg.AssetsDefinition.from_op(bare_op, keys_by_input_name={"rows": up}, tags_by_output_name={"result": TRAINS})
    return [
        table,
        sync,
        generator,
        asynchronous,
        async_generator,
        config_and_resource,
        io_manager,
        checked,
        pipes,
        multi,
        chain,
        graph,
        from_op,
        bare,
    ]


MODELS = {"tainted": RESTRICTED, "clean": PERMITTED}
SHAPES = {
    "sync",
    "generator",
    "async",
    "async_generator",
    "config",
    "io",
    "checked",
    "pipes",
    "multi",
    "chain",
    "split",
    "train_shard",
    "op",
    "bare",
}


@pytest.mark.long
def test_every_shape_in_both_lanes(lane: Lane) -> None:
    resources = {
        "store": Store(),
        "memory": dg.IOManagerDefinition.hardcoded_io_manager(Memory()),
        "pipes_client": dg.PipesSubprocessClient(),
    }
    result = lane.run([*shapes_on(lane, "clean"), *shapes_on(lane, "tainted")], resources=resources)
    assert set(lane.trained) == {f"clean_{shape}" for shape in SHAPES}
    failed = {e.step_key for e in result.all_events if e.is_step_failure}
    assert not [step for step in failed if step.startswith("clean")], "a clean step was stopped"
    for step in ("tainted_sync", "tainted_multi", "tainted_chain", "tainted_graph.tainted_inner.tainted_split"):
        assert (failure_of(result, step).description or "").startswith("BLOCKED")
    assert "default:tainted_weights" in (failure_of(result, "tainted_multi").description or "")


def test_a_multi_asset_that_can_subset_makes_what_is_not_blocked(lane: Lane) -> None:
    tainted, clean = made_by(RESTRICTED, name="tainted"), made_by(PERMITTED, name="clean")

    @dg.multi_asset(
        specs=[
            dg.AssetSpec("rival", deps=[tainted.key], tags=TRAINS, skippable=True),
            dg.AssetSpec("student", deps=[clean.key], tags=TRAINS, skippable=True),
        ],
        can_subset=True,
    )
    def both(context: dg.AssetExecutionContext):
        for key in sorted(context.selected_asset_keys):
            lane.mark(key.to_user_string())
            yield dg.MaterializeResult(asset_key=key)

    assets = [tainted, clean, both]
    result = lane.run(assets)
    assert lane.trained == ["student"]
    text = failure_of(result, "both").description or ""
    assert "default:rival" in text
    assert "default:student (" not in text
    assert lane.run(assets, selection=["student"]).success
    assert not lane.run(assets, selection=["rival"]).success
    assert lane.trained == ["student", "student"]


def test_only_the_tainted_partition_is_stopped(lane: Lane) -> None:
    partitions = dg.StaticPartitionsDefinition(["de", "en"])

    def table(model) -> dg.AssetsDefinition:
        return made_by(model, name="table", partitions_def=partitions)

    def student(parent: dg.AssetsDefinition) -> dg.AssetsDefinition:
        @dg.asset(deps=[parent.key], partitions_def=partitions, tags=TRAINS)
        def student(context: dg.AssetExecutionContext) -> None:
            lane.mark(context.partition_key)

        return student

    german, english = table(PERMITTED), table(RESTRICTED)
    assert lane.run([german], partition_key="de").success
    assert lane.run([english], partition_key="en").success
    assets = [german, student(german)]
    assert lane.run(assets, partition_key="de", selection=["student"]).success
    assert not lane.run(assets, partition_key="en", selection=["student"]).success
    assert lane.trained == ["de"]


def test_a_run_over_a_range_of_partitions_is_stopped_by_any_of_them(lane: Lane) -> None:
    """What is accepted for the first of them is not accepted for the others."""
    lane.arguments["waivers"] = [FOR_GERMAN]
    partitions = dg.StaticPartitionsDefinition(["de", "en"])
    german = made_by(PERMITTED, name="table", partitions_def=partitions)
    english = made_by(RESTRICTED, name="table", partitions_def=partitions)

    @dg.asset(deps=["table"], partitions_def=partitions, backfill_policy=dg.BackfillPolicy.single_run(), tags=TRAINS)
    def student(context: dg.AssetExecutionContext) -> None:
        lane.mark(",".join(context.partition_keys))

    assert lane.run([german], partition_key="de").success
    assert lane.run([english], partition_key="en").success
    tags = {"dagster/asset_partition_range_start": "de", "dagster/asset_partition_range_end": "en"}
    assert not lane.run([german, student], selection=["student"], tags=tags).success
    assert lane.trained == []
    assert lane.run([german], partition_key="en").success
    assert lane.run([german, student], selection=["student"], tags=tags).success
    assert lane.trained == ["de,en"]


def test_a_loaded_input_that_was_written_outside_this_run_is_gated(lane: Lane) -> None:
    [table, sync, *_] = shapes_on(lane, "tainted")
    assert lane.run([table]).success
    assert not lane.run([table, sync], selection=["tainted_sync"]).success
    assert lane.trained == []


def test_a_selection_limits_what_is_guarded(lane: Lane) -> None:
    table = made_by(RESTRICTED)

    @dg.asset(deps=[table.key], tags=TRAINS, group_name="production")
    def guarded() -> None:
        lane.mark("guarded")

    @dg.asset(deps=[table.key], tags=TRAINS, group_name="playground")
    def free() -> None:
        lane.mark("free")

    lane.arguments["select"] = "group:production"
    lane.run([table, guarded, free])
    assert lane.trained == ["free"]


def test_a_selection_that_cannot_be_read_is_refused_when_the_code_loads(lane: Lane) -> None:
    table = made_by(PERMITTED)

    @dg.asset(deps=[table.key], tags=TRAINS)
    def student() -> None:
        lane.mark("student")

    lane.arguments["select"] = "group:("
    with pytest.raises(ConfigError, match=r"Dagster cannot read the asset selection 'group:\('"):
        lane.run([table, student])
    assert lane.trained == []


@pytest.mark.parametrize("color", ["clean"])
def test_an_op_without_a_graph_asset_is_left_alone(lane: Lane, color: str) -> None:
    """The same op in a job of plain ops is no asset: nothing is materialised and nothing is asked."""

    @dg.op
    def work():
        lane.mark(color)

    @dg.graph_asset(tags=TRAINS)
    def graphed():
        return work()

    lane.run([])
    from lineage_guard import guard

    guard([graphed], ledger=lane.ledger_folder)

    @dg.job
    def plain():
        work()

    assert plain.execute_in_process(instance=lane.instance).success
    assert lane.trained == [color]
