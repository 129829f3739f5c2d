"""Every private name of Dagster we rely on, and the behaviour we rely on. Fails before the gate would."""

import ast
import importlib
import inspect
from pathlib import Path

import dagster as dg
import pytest

import lineage_guard
from lineage_guard.dagster import compat

PACKAGE = Path(lineage_guard.__file__).parent
PREFIXES = ("dagster._", "dagster_shared", "dagster.components.definitions")


def private_imports() -> list[tuple[str, str, str]]:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith(PREFIXES):
                found += [(path.relative_to(PACKAGE).as_posix(), str(node.module), a.name) for a in node.names]
            elif isinstance(node, ast.Import):
                found += [(path.name, a.name, "") for a in node.names if a.name.startswith(PREFIXES)]
    return found


@pytest.mark.parametrize(("where", "module", "name"), private_imports())
def test_a_private_name_is_where_it_was(where: str, module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name), f"{where} needs {module}.{name}, which has moved"


def test_private_names_stay_in_few_places() -> None:
    """``compat`` holds them; the others have a reason written at their top."""
    assert {where for where, _, _ in private_imports()} <= {
        "dagster/compat.py",
        "dagster/events.py",  # a type test, imported late because it brings SQLAlchemy
        "dagster/locations.py",  # only the command line pays for it
        "cli/doctor/sensor.py",
    }


def test_an_asset_that_nothing_defines_is_known_as_one() -> None:
    @dg.asset(deps=["named_only", dg.AssetSpec("described")])
    def reader() -> None: ...

    graph = dg.Definitions(assets=[reader, dg.AssetSpec("described")]).resolve_asset_graph()
    assert {n.key.to_user_string() for n in graph.asset_nodes if compat.is_stub(n.metadata)} == {"named_only"}


def test_the_definitions_of_checks_are_in_the_graph_and_hold_their_functions() -> None:
    @dg.asset
    def answers() -> None: ...

    @dg.asset_check(asset=answers)
    def looked_at() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=True)

    graph = dg.Definitions(assets=[answers], asset_checks=[looked_at]).resolve_asset_graph()
    [definition] = compat.check_definitions(graph)
    [op_def] = definition.node_def.iterate_op_defs()
    body = compat.body_of(op_def)
    assert body is not None
    assert body.__name__ == "looked_at"
    assert compat.check_definitions(object()) == ()


def test_an_op_keeps_its_function_in_compute_fn() -> None:
    @dg.asset
    def plain(context: dg.AssetExecutionContext) -> int:
        return 1

    original = compat.body_of(plain.op)
    assert original is not None
    assert original.__name__ == "plain"

    def other(context: dg.AssetExecutionContext) -> int:
        return 2

    compat.replace_body(plain.op, other)
    assert compat.body_of(plain.op) is other
    assert dg.materialize([plain], instance=dg.DagsterInstance.ephemeral()).output_for_node("plain") == 2


def test_jobs_and_subsets_hold_the_same_op() -> None:
    @dg.asset
    def one() -> None: ...

    @dg.multi_asset(specs=[dg.AssetSpec("a", skippable=True), dg.AssetSpec("b", skippable=True)], can_subset=True)
    def many(context: dg.AssetExecutionContext):
        for key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key)

    defs = dg.Definitions(assets=[one, many], jobs=[dg.define_asset_job("j", dg.AssetSelection.assets("one", "a"))])
    job = defs.resolve_job_def("j")
    by_name = {d.name: d for d in job.all_node_defs}
    assert by_name["one"] is one.op
    assert by_name["many"] is many.op
    assert one.op in {d.op for d in compat.assets_of_job(job)}


def test_there_is_a_step_inside_a_step_and_none_outside() -> None:
    seen = []

    @dg.asset
    def outside() -> None:
        seen.append(compat.current_step())

    assert compat.current_step() is None
    outside()
    assert seen == [None]
    assert dg.materialize([outside], instance=dg.DagsterInstance.ephemeral()).success
    [step] = seen[1:]
    assert step is not None
    assert step.has_assets_def
    assert set(step.selected_asset_keys) == {dg.AssetKey("outside")}


def test_a_step_in_a_pruned_graph_reaches_the_full_one() -> None:
    sizes = []

    @dg.asset
    def one() -> None: ...

    @dg.asset(deps=[one])
    def two(context: dg.AssetExecutionContext) -> None:
        graph = context.job_def.asset_layer.asset_graph
        sizes.append(len(graph.source_asset_graph.get_all_asset_keys()))

    assert dg.materialize([one, two], selection=["two"], instance=dg.DagsterInstance.ephemeral()).success
    assert sizes == [2]


def test_kinds_of_functions_are_told_apart() -> None:
    def sync(): ...

    def generator():
        yield

    async def coroutine(): ...
    async def async_generator():
        yield

    assert [compat.kind_of(f) for f in (sync, generator, coroutine, async_generator)] == [
        "sync",
        "generator",
        "async",
        "async_generator",
    ]
    assert all(inspect.isfunction(f) for f in (sync, generator, coroutine, async_generator))


def test_a_step_knows_how_far_upstream_went_before_its_inputs_were_loaded() -> None:
    seen: dict[dg.AssetKey, int] = {}

    @dg.asset
    def upstream() -> int:
        return 1

    @dg.asset(deps=["never_made"])
    def reader(context: dg.AssetExecutionContext, upstream: int) -> None:
        seen.update(compat.loaded_up_to(context))

    with dg.DagsterInstance.ephemeral() as instance:
        dg.materialize([upstream, reader], instance=instance)
        record = instance.get_latest_materialization_event(dg.AssetKey("upstream"))
        [made] = instance.fetch_materializations(dg.AssetKey("upstream"), limit=1).records
    assert record is not None
    assert seen == {dg.AssetKey("upstream"): made.storage_id, dg.AssetKey("never_made"): -1}


def test_a_step_can_be_shown_a_smaller_selection_and_the_next_one_is_not() -> None:
    seen: list[tuple[object, ...]] = []
    checks = [dg.AssetCheckSpec("good", asset=name) for name in ("a", "b")]

    @dg.multi_asset(
        specs=[dg.AssetSpec("a", skippable=True), dg.AssetSpec("b", skippable=True)],
        check_specs=checks,
        can_subset=True,
    )
    def many(context: dg.AssetExecutionContext):
        step = compat.current_step()
        assert step is not None
        before = set(context.selected_asset_keys)
        compat.narrow(step, {dg.AssetKey("a")})
        for shown in (context, dg.AssetExecutionContext.get(), step):
            assert set(shown.selected_asset_keys) == {dg.AssetKey("a")}
            assert {c.asset_key for c in shown.selected_asset_check_keys} == {dg.AssetKey("a")}
            assert shown.is_subset
            assert set(shown.assets_def.keys) == {dg.AssetKey("a")}
        seen.append((before, set(step.selected_output_names)))
        yield dg.MaterializeResult(
            asset_key="a", check_results=[dg.AssetCheckResult(check_name="good", asset_key="a", passed=True)]
        )

    job = dg.Definitions(assets=[many]).resolve_implicit_global_asset_job_def()
    both = {dg.AssetKey("a"), dg.AssetKey("b")}
    for _ in range(2):
        job.execute_in_process(instance=dg.DagsterInstance.ephemeral(), raise_on_error=False)
    assert seen == [(both, {"a", "a_good"})] * 2


def test_the_ops_of_a_graph_know_which_assets_they_feed() -> None:
    seen: dict[str, set[str]] = {}

    def look() -> None:
        step = compat.current_step()
        assert step is not None
        seen[step.op.name] = {k.to_user_string() for k in compat.assets_fed_by(step)}

    @dg.op
    def shared():
        look()
        return 1

    @dg.op
    def left(x):
        look()
        return x

    @dg.op
    def right(x):
        look()
        return x

    @dg.graph(out={"a": dg.GraphOut(), "b": dg.GraphOut()})
    def both():
        x = shared()
        return {"a": left(x), "b": right(x)}

    assets = dg.AssetsDefinition.from_graph(both, can_subset=True)
    assert dg.materialize([assets], instance=dg.DagsterInstance.ephemeral()).success
    assert seen == {"shared": {"a", "b"}, "left": {"a"}, "right": {"b"}}


def test_a_function_that_takes_the_context_is_known() -> None:
    @dg.op
    def without(): ...

    @dg.op
    def with_it(context): ...

    bare = dg.OpDefinition(compute_fn=lambda context, inputs: iter(()), name="bare")
    assert [compat.takes_context(op) for op in (without, with_it, bare)] == [False, True, True]


def test_the_storage_inside_dagster_openlineages_wrapper_is_found(tmp_path: Path) -> None:
    inner = {"module": "dagster._core.storage.event_log", "class": "ConsolidatedSqliteEventLogStorage"}
    wrapped = {"wrapped": {**inner, "config": {"base_dir": str(tmp_path / "events")}}}
    storage = {"module": "dagster_openlineage", "class": "OpenLineageEventLogStorage", "config": wrapped}
    with dg.DagsterInstance.local_temp(str(tmp_path), {"event_log_storage": storage}) as instance:
        assert type(instance.event_log_storage).__name__ == "OpenLineageEventLogStorage"
        with pytest.raises(
            NotImplementedError
        ):  # when this fails, the wrapper has learned it and we need not look inside
            instance.event_log_storage.get_maximum_record_id()
        assert compat.event_storage(instance).get_maximum_record_id() in (None, 0, -1)


def test_a_tag_put_on_an_op_reaches_the_execution_plan() -> None:
    """The run coordinator reads there that a gate stands in the step."""
    from dagster._core.execution.api import create_execution_plan
    from dagster._core.snap.execution_plan_snapshot import snapshot_from_execution_plan

    @dg.op
    def inner() -> None: ...

    @dg.graph_asset
    def graph() -> None:
        return inner()

    @dg.asset
    def plain() -> None: ...

    job = dg.Definitions(assets=[graph, plain]).resolve_implicit_global_asset_job_def()
    for op in (inner, plain.op):
        compat.tag_op(op, {"lineage_guard/gate": "rules"})
    plan = snapshot_from_execution_plan(create_execution_plan(job), "any")
    steps = {
        s.key: ((s.tags or {}).get("lineage_guard/gate"), *(o.properties.asset_key for o in s.outputs))
        for s in plan.steps
    }
    # All ops of a graph share the part before the dot, and the last one writes the asset.
    assert steps == {"graph.inner": ("rules", dg.AssetKey("graph")), "plain": ("rules", dg.AssetKey("plain"))}
    nodes = job.asset_layer.asset_graph
    assert [compat.made_by_a_graph(nodes.get(dg.AssetKey(name))) for name in ("graph", "plain")] == [True, False]


def test_every_process_that_runs_something_asks_the_run_coordinator_for_its_limits() -> None:
    """Why building the coordinator is cheap, and why the package must be installed where runs execute."""
    from dagster._core.execution.plan import instance_concurrency_context
    from dagster._core.instance.methods import settings_methods

    assert "get_pool_config()" in inspect.getsource(instance_concurrency_context.InstanceConcurrencyContext.__init__)
    assert "self.run_coordinator" in inspect.getsource(settings_methods.SettingsMethods.get_concurrency_config)


def test_the_host_is_told_of_no_partition_mapping_but_dagsters_own() -> None:
    from dagster._core.remote_representation import external_data

    assert "get_builtin_partition_mapping_types" in inspect.getsource(external_data.asset_node_snaps_from_repo)
