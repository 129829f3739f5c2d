"""The automation condition: what a gate would stop is not asked for, partition by partition."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, made_by

from lineage_guard import ModelSource, guard, permitted, synthetic_asset, training
from lineage_guard.domain.errors import ConfigError

ASKED = dg.AutomationCondition.missing() & permitted()


def student(parent: dg.AssetsDefinition, name: str, **arguments: Any) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=[parent], tags=training(), automation_condition=ASKED, **arguments)
    def trains() -> None: ...

    return trains


def asked_for(lane: Lane, assets: list[Any]) -> dg.EvaluateAutomationConditionsResult:
    """What the conditions ask for now."""
    return dg.evaluate_automation_conditions(dg.Definitions(assets=assets), lane.instance)


def guarded(lane: Lane, *assets: dg.AssetsDefinition, **arguments: Any) -> list[dg.AssetsDefinition]:
    return list(guard(list(assets), ledger=lane.ledger_folder, **arguments))


def test_what_its_gate_would_stop_is_not_asked_for(lane: Lane) -> None:
    tainted, clean = made_by(RESTRICTED, "tainted"), made_by(PERMITTED, "clean")
    assets = guarded(lane, tainted, clean, student(tainted, "rival"), student(clean, "pupil"))
    assert dg.materialize(assets[:2], instance=lane.instance).success
    found = asked_for(lane, assets)
    assert found.get_num_requested(dg.AssetKey("rival")) == 0
    assert found.get_num_requested(dg.AssetKey("pupil")) == 1


def test_once_its_upstream_is_mended_it_is_asked_for(lane: Lane) -> None:
    tainted = made_by(RESTRICTED, "source")
    assets = guarded(lane, tainted, student(tainted, "rival"))
    assert dg.materialize(assets[:1], instance=lane.instance).success
    assert asked_for(lane, assets).get_num_requested(dg.AssetKey("rival")) == 0
    mended = made_by(PERMITTED, "source")
    assets = guarded(lane, mended, student(mended, "rival"))
    assert dg.materialize(assets[:1], instance=lane.instance).success
    assert asked_for(lane, assets).get_num_requested(dg.AssetKey("rival")) == 1


def test_each_partition_is_asked_about_by_itself(lane: Lane) -> None:
    days = dg.StaticPartitionsDefinition(["a", "b", "c"])
    bad = ModelSource("openai", "gpt-4o", channel="api.openai.com", partitions=("b",))
    good = ModelSource("deepseek", "deepseek-r1", channel="self-hosted", partitions=("a", "c"))

    @synthetic_asset(bad, good, partitions_def=days)
    def daily() -> None: ...

    assets = guarded(lane, daily, student(daily, "rival", partitions_def=days))
    for day in "abc":
        assert dg.materialize(assets[:1], instance=lane.instance, partition_key=day).success
    found = asked_for(lane, assets)
    assert found.get_requested_partitions(dg.AssetKey("rival")) == {"a", "c"}


@pytest.mark.parametrize("arguments", [{"mode": "observe"}, {"select": 'key:"other"'}], ids=["observe", "left out"])
def test_an_asset_that_no_gate_holds_back_is_asked_for(lane: Lane, arguments: dict[str, Any]) -> None:
    tainted = made_by(RESTRICTED, "tainted")
    assets = guarded(lane, tainted, student(tainted, "rival"), student(tainted, "other"), **arguments)
    assert dg.materialize(assets[:1], instance=lane.instance).success
    assert asked_for(lane, assets).get_num_requested(dg.AssetKey("rival")) == 1


def test_where_it_cannot_ask_the_gate_will(lane: Lane) -> None:
    clean = made_by(PERMITTED, "clean")
    assets = guarded(lane, clean, student(clean, "pupil"))
    assert dg.materialize(assets[:1], instance=lane.instance).success
    lane.ledger_folder.write_text("no folder")
    assert asked_for(lane, assets).get_num_requested(dg.AssetKey("pupil")) == 1
    lane.ledger_folder.unlink()


def test_where_nothing_would_evaluate_it_the_definitions_do_not_load() -> None:
    def definitions(**arguments: Any) -> dg.Definitions:
        sensor = dg.AutomationConditionSensorDefinition("automation", target="*", **arguments)
        return dg.Definitions(assets=[student(made_by(PERMITTED), "pupil")], sensors=[sensor])

    with pytest.raises(ConfigError, match="use_user_code_server=True"):
        guard(definitions(), ledger="unused")
    assert guard(definitions(use_user_code_server=True), ledger="unused") is not None
