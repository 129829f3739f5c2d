"""Assets that only a schedule or a sensor names, and assets that several modules of one folder import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import dagster as dg
import pytest
from guarding import RESTRICTED, Lane, made_by

from lineage_guard import guard, training
from lineage_guard.dagster.gate.wrap import wrapped_by
from lineage_guard.dagster.kinds import GUARDED
from lineage_guard.domain.errors import ConfigError


def asking(asset: dg.AssetsDefinition) -> dg.SensorDefinition:
    @dg.sensor(target=[asset], name="asking")
    def sensor() -> None: ...

    return sensor


def answering(asset: dg.AssetsDefinition) -> dg.SensorDefinition:
    return dg.AutomationConditionSensorDefinition("answering", target=[asset])


def every_day(target: Any) -> dg.ScheduleDefinition:
    return dg.ScheduleDefinition(name="every_day", target=target, cron_schedule="@daily")


def ready_built(asset: dg.AssetsDefinition) -> dg.JobDefinition:
    job = dg.define_asset_job("__nightly", selection=[asset])
    return dg.Definitions(assets=[asset], jobs=[job]).resolve_job_def("__nightly")


BRINGS: dict[str, Callable[[dg.AssetsDefinition], dict[str, Any]]] = {
    "a schedule's target": lambda a: {"schedules": [every_day([a])]},
    "a schedule's target, not in a list": lambda a: {"schedules": [every_day(a)]},
    "a sensor's target": lambda a: {"sensors": [asking(a)]},
    "a ready-built job of a schedule": lambda a: {"schedules": [every_day(ready_built(a))]},
}


@pytest.mark.parametrize("bring", BRINGS)
def test_a_training_asset_that_only_automation_brings_meets_the_gate(lane: Lane, bring: str) -> None:
    tainted = made_by(RESTRICTED)

    @dg.asset(deps=[tainted.key], tags=training())
    def student() -> None:
        lane.mark("student")

    defs = guard(dg.Definitions(assets=[tainted], **BRINGS[bring](student)), ledger=lane.ledger_folder)
    assert wrapped_by(student.op) is not None
    repository = defs.get_repository_def()
    [job] = [j for j in repository.get_all_jobs() if j.name.startswith("__") and j.name != "__ASSET_JOB"]
    assert dg.materialize([tainted], instance=lane.instance).success
    result = job.execute_in_process(instance=lane.instance, raise_on_error=False)
    assert not result.success
    assert lane.trained == []


def test_an_asset_that_automation_brings_is_checked_and_marked_like_the_others() -> None:
    @dg.asset(tags=training())
    def student() -> None: ...

    defs = guard(dg.Definitions(schedules=[every_day([student])], sensors=[asking(student)]), ledger="unused")
    graph = defs.resolve_asset_graph()
    assert GUARDED in graph.get(student.key).kinds
    assert [key.name for key in graph.asset_check_keys] == ["lineage_guard"]


@pytest.mark.parametrize("sensor", [asking, answering])
def test_an_asset_that_is_listed_and_a_target_still_loads(
    sensor: Callable[[dg.AssetsDefinition], dg.SensorDefinition],
) -> None:
    @dg.asset(tags=training())
    def student() -> None: ...

    defs = dg.Definitions(assets=[student], schedules=[every_day([student])], sensors=[sensor(student)])
    dg.Definitions.validate_loadable(guard(defs, ledger="unused"))


def test_a_misplaced_mark_on_a_job_that_only_a_schedule_names_is_refused() -> None:
    @dg.asset
    def student() -> None: ...

    job = dg.define_asset_job("nightly", selection=[student], tags=training())
    with pytest.raises(ConfigError, match="nightly"):
        guard(dg.Definitions(assets=[student], schedules=[every_day(job)]), ledger="unused")


def test_an_asset_that_two_modules_of_a_folder_import_is_still_one() -> None:
    made = made_by(RESTRICTED)

    @dg.asset(deps=[made.key], tags=training())
    def student() -> None: ...

    # As a folder of definitions gives it: once for each module that has the name.
    folder = dg.Definitions.merge(dg.Definitions(assets=[made, student]), dg.Definitions(assets=[student, made]))
    dg.Definitions.validate_loadable(folder)
    guarded = guard(folder, ledger="unused")
    dg.Definitions.validate_loadable(guarded)
    assert GUARDED in guarded.resolve_asset_graph().get(student.key).kinds
