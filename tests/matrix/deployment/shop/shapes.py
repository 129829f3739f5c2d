"""A code location with a training asset of every shape that Dagster has, on a tainted and on a clean table.

All of it stands here twice: ``alone`` is trained after its tables were made, ``together`` in the run that
makes them.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets

import lineage_guard
from lineage_guard import training

from .tables import COLORS, table
from .training import train

WAREHOUSE = Path(__file__).parents[1] / "warehouse"
STATIC = dg.StaticPartitionsDefinition(["de", "en"])
DAILY = dg.DailyPartitionsDefinition("2026-01-01", end_date="2026-01-10")
GRID = dg.MultiPartitionsDefinition({"day": DAILY, "language": STATIC})
TRAINS = training()


class Size(dg.Config):
    """How much to train."""

    epochs: int = 3


class Shelf(dg.ConfigurableResource):
    """Where models go."""

    name: str = "shelf"


class JsonFiles(dg.ConfigurableIOManager):
    """An IO manager of the user's own."""

    folder: str

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        Path(self.folder, "-".join(context.asset_key.path)).write_text(json.dumps(obj))

    def load_input(self, context: dg.InputContext) -> object:
        return json.loads(Path(self.folder, "-".join(context.asset_key.path)).read_text())


def functions(prefix: list[str], rows: dg.AssetKey) -> Iterator[dg.AssetsDefinition]:
    """Shapes of the function, and of what it is given."""
    name = "__".join(prefix)
    common = {"tags": TRAINS, "group_name": prefix[0]}
    loaded: dict[str, Any] = {"ins": {"rows": dg.AssetIn(key=rows)}, **common}
    linked: dict[str, Any] = {"deps": [rows], **common}

    @dg.asset(key=[*prefix, "sync"], **loaded)
    def sync(rows: list[int]) -> list[int]:
        train(f"{name}__sync")
        return rows

    @dg.asset(key=[*prefix, "generator"], **loaded)
    def generator(rows: list[int]) -> Iterator[dg.Output[int]]:
        train(f"{name}__generator")
        yield dg.Output(len(rows))

    @dg.asset(key=[*prefix, "async"], **loaded)
    async def asynchronous(rows: list[int]) -> int:
        train(f"{name}__async")
        return len(rows)

    @dg.asset(key=[*prefix, "async_generator"], **loaded)
    async def async_generator(rows: list[int]) -> Any:
        train(f"{name}__async_generator")
        yield dg.Output(len(rows))

    @dg.asset(key=[*prefix, "config"], **loaded)
    def config(config: Size, rows: list[int]) -> int:
        train(f"{name}__config")
        return config.epochs * len(rows)

    @dg.asset(key=[*prefix, "resource"], **loaded)
    def resource(context: dg.AssetExecutionContext, shelf: Shelf, rows: list[int]) -> dg.MaterializeResult:
        train(f"{name}__resource")
        return dg.MaterializeResult(metadata={"shelf": shelf.name, "rows": len(rows)})

    @dg.asset(key=[*prefix, "deps"], **linked)
    def deps() -> None:
        train(f"{name}__deps")

    @dg.asset(key=[*prefix, "io_manager"], io_manager_key="json_files", **loaded)
    def io_manager(rows: list[int]) -> list[int]:
        train(f"{name}__io_manager")
        return rows

    @dg.asset(key=[*prefix, "checked"], check_specs=[dg.AssetCheckSpec("loss", asset=[*prefix, "checked"])], **linked)
    def checked() -> Iterator[Any]:
        train(f"{name}__checked")
        yield dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    @dg.asset(key=[*prefix, "pipes"], **linked)
    def pipes(context: dg.AssetExecutionContext, pipes_client: dg.PipesSubprocessClient) -> Any:
        script = str(Path(__file__).with_name("train_elsewhere.py"))
        extras = {"name": f"{name}__pipes"}
        done = pipes_client.run(command=[sys.executable, script], context=context, extras=extras)
        return done.get_materialize_result()

    yield from (sync, generator, asynchronous, async_generator, config, resource, deps, io_manager, checked, pipes)


def several(prefix: list[str], rows: dg.AssetKey) -> Iterator[dg.AssetsDefinition]:
    """Shapes with more than one asset, or more than one op."""
    name = "__".join(prefix)
    common = {"tags": TRAINS, "group_name": prefix[0]}

    @dg.multi_asset(
        name=f"{name}__multi_asset",
        specs=[
            dg.AssetSpec([*prefix, "multi_asset"], deps=[rows], **common),
            dg.AssetSpec([*prefix, "multi_asset_log"], deps=[rows], group_name=prefix[0]),
        ],
    )
    def multi() -> Iterator[dg.MaterializeResult]:
        train(f"{name}__multi_asset")
        for key in ("multi_asset", "multi_asset_log"):
            yield dg.MaterializeResult(asset_key=[*prefix, key])

    @dg.multi_asset(
        name=f"{name}__multi_asset_chain",
        specs=[
            dg.AssetSpec([*prefix, "chain_curated"], deps=[rows], group_name=prefix[0]),
            dg.AssetSpec([*prefix, "multi_asset_chain"], deps=[[*prefix, "chain_curated"]], **common),
        ],
    )
    def chain() -> Iterator[dg.MaterializeResult]:
        train(f"{name}__multi_asset_chain")
        for key in ("chain_curated", "multi_asset_chain"):
            yield dg.MaterializeResult(asset_key=[*prefix, key])

    @dg.multi_asset(
        name=f"{name}__can_subset",
        specs=[
            dg.AssetSpec([*prefix, "can_subset"], deps=[rows], skippable=True, **common),
            dg.AssetSpec([*prefix, "can_subset_unused"], deps=[rows], skippable=True),
        ],
        can_subset=True,
    )
    def subset(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        for key in sorted(context.selected_asset_keys):
            train("__".join(key.path))
            yield dg.MaterializeResult(asset_key=key)

    @dg.op(name=f"{name}__clean_rows")
    def tidy(rows: list[int]) -> list[int]:
        return rows

    @dg.op(name=f"{name}__fit")
    def fit(rows: list[int]) -> int:
        train(f"{name}__graph_asset")
        return len(rows)

    @dg.graph_asset(key=[*prefix, "graph_asset"], ins={"rows": dg.AssetIn(key=rows)}, **common)
    def graph(rows: Any) -> Any:
        return fit(tidy(rows))

    @dg.op(name=f"{name}__fit_inside")
    def fit_inside(rows: list[int]) -> int:
        train(f"{name}__nested_graph")
        return len(rows)

    @dg.graph(name=f"{name}__inner")
    def inner(rows: Any) -> Any:
        return fit_inside(rows)

    @dg.graph(name=f"{name}__middle")
    def middle(rows: Any) -> Any:
        return inner(rows)

    @dg.graph_asset(key=[*prefix, "nested_graph"], ins={"rows": dg.AssetIn(key=rows)}, **common)
    def nested(rows: Any) -> Any:
        return middle(rows)

    @dg.op(name=f"{name}__shard", out=dg.DynamicOut(int))
    def shard(rows: list[int]) -> Iterator[dg.DynamicOutput[int]]:
        for row in rows[:2]:
            yield dg.DynamicOutput(row, mapping_key=f"n{row}")

    @dg.op(name=f"{name}__fit_shard")
    def fit_shard(row: int) -> int:
        train(f"{name}__dynamic_graph")
        return row

    @dg.op(name=f"{name}__average")
    def average(shards: list[int]) -> int:
        return sum(shards)

    @dg.graph_asset(key=[*prefix, "dynamic_graph"], ins={"rows": dg.AssetIn(key=rows)}, **common)
    def dynamic(rows: Any) -> Any:
        return average(shard(rows).map(fit_shard).collect())

    @dg.op(name=f"{name}__fit_of_several")
    def fit_of_several(rows: list[int]) -> int:
        train(f"{name}__graph_multi_asset")
        return len(rows)

    @dg.graph_multi_asset(
        name=f"{name}__graph_multi_asset",
        group_name=prefix[0],
        outs={"model": dg.AssetOut(key=[*prefix, "graph_multi_asset"], tags=TRAINS)},
        ins={"rows": dg.AssetIn(key=rows)},
    )
    def graph_multi(rows: Any) -> Any:
        return {"model": fit_of_several(rows)}

    @dg.op(name=f"{name}__from_op")
    def operation(rows: list[int]) -> list[int]:
        train(f"{name}__from_op")
        return rows

    from_op = dg.AssetsDefinition.from_op(
        operation,
        keys_by_input_name={"rows": rows},
        keys_by_output_name={"result": dg.AssetKey([*prefix, "from_op"])},
        tags_by_output_name={"result": TRAINS},
        group_name=prefix[0],
    )
    yield from (multi, chain, subset, graph, nested, dynamic, graph_multi, from_op)


def partitioned(prefix: list[str]) -> Iterator[dg.AssetsDefinition]:
    """Shapes of the partitions. Each has a table with the same partitions."""
    for shape, partitions in {"static": STATIC, "daily": DAILY, "multi_dimensional": GRID}.items():
        group = f"{prefix[0]}_{shape}"
        own_rows = group if prefix[0] == "together" else f"{group}_rows"
        rows = table(prefix[1], [*prefix, f"{shape}_rows"], partitions_def=partitions, group_name=own_rows)
        yield from (rows, _on_partitions([*prefix, shape], rows, group))


def _on_partitions(key: list[str], table: dg.AssetsDefinition, group: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=key,
        ins={"rows": dg.AssetIn(key=table.key)},
        partitions_def=table.partitions_def,
        tags=TRAINS,
        group_name=group,
    )
    def student(rows: list[int]) -> int:
        train("__".join(key))
        return len(rows)

    return student


class Translator(DagsterDbtTranslator):
    """Names the models of a dbt project after the table they read, and marks what trains."""

    def __init__(self, prefix: list[str], rows: dg.AssetKey) -> None:
        super().__init__()
        self.prefix = prefix
        self.rows = rows

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        if dbt_resource_props["resource_type"] == "source":
            return self.rows
        return dg.AssetKey([*self.prefix, dbt_resource_props["name"]])

    def get_tags(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, str]:
        return TRAINS if dbt_resource_props["name"] == "dbt" else {}

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str:
        return self.prefix[0]


def dbt_project(prefix: list[str], rows: dg.AssetKey) -> dg.AssetsDefinition:
    """A dbt project: a view on the table, and a model that is fitted in SQL."""
    name = "__".join(prefix)

    @dbt_assets(
        manifest=Path(os.environ["SHOP_MANIFEST"]),
        name=f"{name}__dbt",
        dagster_dbt_translator=Translator(prefix, rows),
    )
    def project(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
        variables = {"prefix": name, "marker": f"{os.environ['SHOP_MARKERS']}/{context.run_id}.{name}__dbt"}
        yield from dbt.cli(["build", "--vars", json.dumps(variables)], context=context).stream()

    return project


def shapes() -> list[dg.AssetsDefinition]:
    """Everything, twice, in two colors."""
    found: list[dg.AssetsDefinition] = []
    for time in ("alone", "together"):
        for color in COLORS:
            group = f"{time}_rows" if time == "alone" else time
            rows = table(color, [time, color, "rows"], group_name=group)
            prefix = [time, color]
            found += [rows, *functions(prefix, rows.key), *several(prefix, rows.key), *partitioned(prefix)]
            found.append(dbt_project(prefix, rows.key))
    return found


defs = lineage_guard.guard(
    dg.Definitions(
        assets=shapes(),
        resources={
            "shelf": Shelf(),
            "json_files": JsonFiles(folder=os.environ["SHOP_DATA"]),
            "pipes_client": dg.PipesSubprocessClient(),
            "dbt": DbtCliResource(project_dir=str(WAREHOUSE), profiles_dir=str(WAREHOUSE)),
        },
        executor=dg.in_process_executor,
    )
)
