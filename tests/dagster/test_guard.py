"""guard(): what it wraps, what it leaves alone, what it refuses, and that twice is once."""

from __future__ import annotations

import inspect
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.assets.definition.cacheable_assets_definition import (
    AssetsDefinitionCacheableData,
    CacheableAssetsDefinition,
)
from dagster.components.definitions import LazyDefinitions
from guarding import PERMITTED, RESTRICTED, Lane, made_by, written_by_people

from lineage_guard import declare, guard, training
from lineage_guard.dagster import compat
from lineage_guard.dagster.gate.enter import Entry
from lineage_guard.dagster.gate.wrap import wrapped_by
from lineage_guard.dagster.settings import ledger_location, lineage_namespace
from lineage_guard.domain.errors import ConfigError, UnsupportedAsset


def plain(name: str = "plain") -> dg.AssetsDefinition:
    @dg.asset(name=name)
    def asset() -> None: ...

    return asset


def student(name: str = "student") -> dg.AssetsDefinition:
    @dg.asset(name=name, tags=training())
    def asset() -> None: ...

    return asset


def is_wrapped(asset: dg.AssetsDefinition) -> bool:
    return all(wrapped_by(op) is not None for op in asset.node_def.iterate_op_defs())


def test_training_and_declared_assets_are_wrapped_and_all_others_only_observed() -> None:
    trains, declared, other = student(), made_by(PERMITTED), plain()
    body = compat.body_of(other.op)
    defs = guard(dg.Definitions(assets=[trains, declared, other]), ledger="unused", sensor=False)
    assert isinstance(defs, dg.Definitions)
    assert is_wrapped(trains)
    assert is_wrapped(declared)
    assert not is_wrapped(other)
    assert inspect.unwrap(compat.body_of(other.op)) is body
    entry = wrapped_by(trains.op)
    assert isinstance(entry, Entry)
    assert entry.trains
    entry = wrapped_by(declared.op)
    assert isinstance(entry, Entry)
    assert not entry.trains


def test_guarding_twice_changes_nothing() -> None:
    trains = student()
    once = guard(dg.Definitions(assets=[trains, plain()]), ledger="unused")
    body = trains.op.compute_fn
    twice = guard(once, ledger="unused")
    assert trains.op.compute_fn is body
    assert [s.name for s in twice.sensors or ()] == [s.name for s in once.sensors or ()]
    assert len(list(twice.assets or ())) == len(list(once.assets or ()))
    assert len(list(twice.asset_checks or ())) == len(list(once.asset_checks or ())) == 1
    dg.Definitions.validate_loadable(twice)


def test_guarding_with_other_arguments_is_refused_and_names_the_asset() -> None:
    trains = student()
    guard([trains], policy="strict", ledger="unused")
    with pytest.raises(ConfigError, match="already guarded") as caught:
        guard([trains], policy="observe", ledger="unused")
    assert caught.value.where == "student"


@pytest.mark.parametrize("policy", ["defalt", "no/such/file.yaml", Path("no/such/file.yaml")])
def test_a_policy_that_does_not_exist_is_refused_at_load(policy) -> None:
    with pytest.raises(ConfigError, match="there is no policy"):
        guard([student()], policy=policy)


def test_a_relative_policy_path_survives_a_change_of_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine.yaml").write_text("")
    monkeypatch.chdir(tmp_path)
    trains = student()
    guard([trains], policy="mine.yaml", ledger="unused")
    entry = wrapped_by(trains.op)
    assert isinstance(entry, Entry)
    assert entry.settings.policy == tmp_path / "mine.yaml"


def test_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="cannot take"):
        guard(42)  # type: ignore[type-var]


@pytest.mark.parametrize("kind", ["spec", "source asset"])
def test_a_training_asset_that_this_deployment_does_not_run_is_refused(kind: str) -> None:
    spec = dg.AssetSpec("outside", tags=training())
    asset = spec if kind == "spec" else dg.AssetsDefinition(specs=[spec])
    with pytest.raises(UnsupportedAsset) as caught:
        guard(dg.Definitions(assets=[asset]), sensor=False)
    assert caught.value.where == "outside"


def test_external_assets_without_a_training_tag_are_fine() -> None:
    defs = dg.Definitions(assets=[dg.AssetSpec("a", metadata=declare(PERMITTED)), dg.AssetSpec("b")])
    assert guard(defs, sensor=False).assets == defs.assets


def test_an_op_whose_function_cannot_be_wrapped_is_refused() -> None:
    trains = student()
    trains.op._compute_fn = "not a function"  # type: ignore[assignment]
    with pytest.raises(UnsupportedAsset) as caught:
        guard([trains])
    assert caught.value.where == "student"


def test_lazily_loaded_definitions_are_guarded_when_they_load() -> None:
    trains = student()

    @dg.definitions
    def defs() -> dg.Definitions:
        return dg.Definitions(assets=[trains])

    assert isinstance(defs, LazyDefinitions)
    guarded = guard(defs, ledger="unused", sensor=False)
    assert not is_wrapped(trains)
    guarded()
    assert is_wrapped(trains)


def test_assets_that_dagster_builds_after_loading_are_guarded_when_they_are_built(lane: Lane) -> None:
    class FromElsewhere(CacheableAssetsDefinition):
        def compute_cacheable_data(self):
            return [AssetsDefinitionCacheableData(extra_metadata={"name": "student"})]

        def build_definitions(self, data):
            @dg.asset(name=data[0].extra_metadata["name"], tags=training(), deps=["synthetic"])
            def student() -> None:
                lane.mark("student")

            return [student]

    tainted = made_by(RESTRICTED)
    defs = dg.Definitions(assets=[tainted, FromElsewhere("elsewhere")])
    guarded = guard(guard(defs, ledger=lane.ledger_folder, sensor=False), ledger=lane.ledger_folder, sensor=False)
    job = guarded.resolve_implicit_global_asset_job_def()
    assert not job.execute_in_process(instance=lane.instance, raise_on_error=False).success
    assert lane.trained == []


def test_subsets_jobs_and_renamed_assets_share_the_wrap(lane: Lane) -> None:
    tainted = made_by(RESTRICTED)

    @dg.asset(deps=[tainted.key], tags=training())
    def student() -> None:
        lane.mark("student")

    job = dg.define_asset_job("everything", dg.AssetSelection.all())
    defs = dg.Definitions(assets=[tainted, student], jobs=[job])
    renamed = guard(defs, ledger=lane.ledger_folder, sensor=False).map_asset_specs(
        func=lambda spec: spec.replace_attributes(group_name="renamed")
    )
    result = renamed.resolve_job_def("everything").execute_in_process(instance=lane.instance, raise_on_error=False)
    assert not result.success
    assert lane.trained == []


def test_an_op_shared_by_a_declared_and_a_training_asset_meets_the_gate(lane: Lane) -> None:
    tainted = made_by(RESTRICTED)

    @dg.op(ins={"table": dg.In(dg.Nothing)})
    def work() -> None:
        lane.mark("work")

    def asset_of(name: str, **arguments) -> dg.AssetsDefinition:
        return dg.AssetsDefinition.from_op(
            work,
            keys_by_input_name={"table": tainted.key},
            keys_by_output_name={"result": dg.AssetKey(name)},
            **arguments,
        )

    table = asset_of("table", metadata_by_output_name={"result": declare(PERMITTED)})
    trains = asset_of("student", tags_by_output_name={"result": training()})
    assert lane.run([tainted, table]).success
    assert not lane.run([tainted, table, trains], selection=["student"]).success
    assert lane.trained == ["work"]
    assert lane.run([tainted, table, trains], selection=["table"]).success


def test_direct_invocation_in_a_unit_test_is_not_a_launch(lane: Lane) -> None:
    @dg.asset(tags=training())
    def student(human: int) -> int:
        lane.mark("student")
        return human + 1

    guard([student], ledger=lane.ledger_folder)
    assert student(1) == 2
    assert lane.trained == ["student"]


def test_an_interrupt_at_the_gate_is_not_turned_into_a_verdict(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    from dagster._core.errors import DagsterExecutionInterruptedError

    from lineage_guard.dagster.collect import collect

    def interrupted(*args: object, **kwargs: object) -> None:
        raise DagsterExecutionInterruptedError()

    monkeypatch.setattr(collect, "collect_upstream", interrupted)
    human = written_by_people()

    @dg.asset(deps=[human.key], tags=training())
    def student() -> None:
        lane.mark("student")

    result = lane.run([human, student])
    assert lane.trained == []
    [failure] = [e for e in result.all_events if e.is_step_failure]
    assert failure.step_failure_data.user_failure_data is None, "an interrupt is Dagster's to report"


def test_where_the_ledger_is() -> None:
    everything = {"LINEAGE_GUARD_LEDGER": "s3://b/p", "DAGSTER_HOME": "/home/dagster"}
    assert ledger_location("/mine", everything) == "/mine"
    assert ledger_location(None, everything) == "s3://b/p"
    assert ledger_location(None, {"DAGSTER_HOME": "/home/dagster"}) == "/home/dagster/lineage_guard"
    with pytest.raises(ConfigError, match="no place for the ledger"):
        ledger_location(None, {})
    assert lineage_namespace(None, {}) == "default"
    assert lineage_namespace(None, {"OPENLINEAGE_NAMESPACE": "prod"}) == "prod"
    assert lineage_namespace("mine", {"OPENLINEAGE_NAMESPACE": "prod"}) == "mine"
