"""What an author declares is on the record of every materialisation, whatever kind of function made it."""

from collections.abc import Iterator

import dagster as dg
import pytest

from lineage_guard import ModelSource, declare, guard
from lineage_guard.dagster.declare import declaration_of
from lineage_guard.domain.declared.declaration import Declaration

GPT = ModelSource(provider="openai", model="gpt-4o", channel="api.openai.com")
DECLARED = declare(GPT)
EXPECTED = Declaration(models=(GPT,))


@pytest.fixture
def instance(tmp_path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path), {"telemetry": {"enabled": False}}) as instance:
        yield instance


def materializations(instance: dg.DagsterInstance, key: str) -> list[dg.AssetMaterialization]:
    records = instance.fetch_materializations(dg.AssetKey(key.split("/")), limit=100).records
    return [r.asset_materialization for r in records if r.asset_materialization is not None]


def run(instance: dg.DagsterInstance, *assets, **arguments) -> dg.ExecuteInProcessResult:
    guarded = guard(list(assets), ledger="unused")
    return dg.materialize(guarded, instance=instance, **arguments)


@dg.asset(metadata=DECLARED, name="made")
def returns_a_value():
    return [1]


@dg.asset(metadata=DECLARED, name="made")
def returns_nothing() -> None: ...


@dg.asset(metadata=DECLARED, name="made")
def returns_a_result():
    return dg.MaterializeResult(metadata={"rows": 3})


@dg.asset(metadata=DECLARED, name="made")
def yields_a_result():
    yield dg.MaterializeResult(metadata={"rows": 3})


@dg.asset(metadata=DECLARED, name="made")
def returns_an_output() -> dg.Output[list[int]]:
    return dg.Output([1], metadata={"rows": 3})


@dg.asset(metadata=DECLARED, name="made")
async def awaits():
    return [1]


@dg.asset(metadata=DECLARED, name="made")
async def yields_asynchronously():
    yield dg.MaterializeResult(metadata={"rows": 3})


@dg.asset(metadata=DECLARED, name="made")
def adds_metadata_itself(context: dg.AssetExecutionContext):
    context.add_asset_metadata({"rows": 3})
    context.add_output_metadata({"more": 4})
    return [1]


@dg.multi_asset(specs=[dg.AssetSpec("made", metadata=DECLARED), dg.AssetSpec("other")])
def writes_two():
    yield dg.MaterializeResult(asset_key="made")
    yield dg.MaterializeResult(asset_key="other")


@dg.op
def begin():
    return 1


@dg.op
def finish(x):
    return x


@dg.graph_asset(metadata=DECLARED, name="made")
def graphed():
    return finish(begin())


KINDS = [
    returns_a_value,
    returns_nothing,
    returns_a_result,
    yields_a_result,
    returns_an_output,
    awaits,
    yields_asynchronously,
    adds_metadata_itself,
    writes_two,
    graphed,
]


@pytest.mark.parametrize("asset", KINDS, ids=lambda a: a.node_def.name)
def test_the_declaration_lands_on_the_materialization(asset, instance) -> None:
    assert run(instance, asset).success
    [made] = materializations(instance, "made")
    assert declaration_of(made.metadata) == EXPECTED
    assert declaration_of({}) is None
    for other in materializations(instance, "other"):
        assert declaration_of(other.metadata) == Declaration()


def test_the_users_own_metadata_stays(instance) -> None:
    assert run(instance, adds_metadata_itself).success
    [made] = materializations(instance, "made")
    assert made.metadata["rows"].value == 3
    assert made.metadata["more"].value == 4


def test_every_partition_of_a_single_run_carries_it(instance) -> None:
    @dg.asset(
        metadata=DECLARED,
        partitions_def=dg.StaticPartitionsDefinition(["de", "en"]),
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def made() -> None: ...

    tags = {"dagster/asset_partition_range_start": "de", "dagster/asset_partition_range_end": "en"}
    assert run(instance, made, tags=tags).success
    found = {m.partition: declaration_of(m.metadata) for m in materializations(instance, "made")}
    assert found == {"de": EXPECTED, "en": EXPECTED}


def test_only_the_selected_assets_of_a_multi_asset_carry_it(instance) -> None:
    specs = [dg.AssetSpec(n, metadata=DECLARED, skippable=True) for n in ("one", "two")]

    @dg.multi_asset(specs=specs, can_subset=True)
    def several(context: dg.AssetExecutionContext):
        for key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key)

    assert run(instance, several, selection=["two"]).success
    assert materializations(instance, "one") == []
    [two] = materializations(instance, "two")
    assert declaration_of(two.metadata) == EXPECTED


def test_the_record_keeps_what_was_declared_when_the_data_was_made(instance) -> None:
    def version(source: ModelSource) -> dg.AssetsDefinition:
        @dg.asset(metadata=declare(source))
        def made(): ...

        return made

    qwen = ModelSource("qwen", "qwen2.5-7b-instruct", channel="self-hosted")
    assert run(instance, version(GPT)).success
    assert run(instance, version(qwen)).success
    newest, oldest = materializations(instance, "made")
    assert declaration_of(oldest.metadata) == EXPECTED
    assert declaration_of(newest.metadata) == Declaration(models=(qwen,))


def test_config_resources_and_inputs_reach_a_wrapped_function(instance) -> None:
    class Size(dg.Config):
        rows: int = 1

    class Store(dg.ConfigurableResource):
        name: str

    seen = []

    @dg.asset
    def upstream():
        return 20

    @dg.asset(metadata=DECLARED)
    def made(context: dg.AssetExecutionContext, config: Size, upstream: int, store: Store):
        seen.append((context.asset_key.to_user_string(), config.rows, upstream, store.name))
        return upstream

    result = run(
        instance,
        upstream,
        made,
        resources={"store": Store(name="shelf")},
        run_config={"ops": {"made": {"config": {"rows": 7}}}},
    )
    assert result.success
    assert result.output_for_node("made") == 20
    assert seen == [("made", 7, 20, "shelf")]


def test_an_op_that_was_not_made_by_a_decorator_is_wrapped_too(instance) -> None:
    def compute(context, inputs):
        yield dg.Output(5)

    op_def = dg.OpDefinition(compute_fn=compute, name="bare", outs={"result": dg.Out(int)})
    bare = dg.AssetsDefinition.from_op(op_def, metadata_by_output_name={"result": DECLARED})
    assert run(instance, bare).success
    [made] = materializations(instance, "bare")
    assert declaration_of(made.metadata) == EXPECTED


def test_a_wrapped_asset_can_still_be_called_as_a_function() -> None:
    @dg.asset(metadata=DECLARED)
    def made(context: dg.AssetExecutionContext, upstream: int) -> int:
        return upstream + 1

    guard([made], ledger="unused")
    with dg.build_asset_context() as context:
        assert made(context, 3) == 4


def test_a_failed_step_leaves_no_record(instance) -> None:
    @dg.asset(metadata=DECLARED)
    def made():
        raise ValueError("no")

    assert not run(instance, made, raise_on_error=False).success
    assert materializations(instance, "made") == []
