"""The same few training assets once for every way of launching them, each way with a group of its own."""

from typing import Any

import dagster as dg

from lineage_guard import training

from .tables import COLORS, mixed_table, table
from .training import need_a_gpu, train

#: Groups that train on the tables made beforehand.
PLAIN = (
    "graphql",
    "schedule",
    "sensor",
    "asset_materialize",
    "dg_launch",
    "job_execute",
    "materialize",
    "retries",
)
#: Groups with tables of their own.
WITH_TABLES = ("same_run", "automation", "reexecution", "step_selection")


def routes(location: str) -> dict[str, Any]:
    """Assets, jobs, schedules and sensors of a code location."""
    tables = [table(color, [location, "tables", color], group_name="tables") for color in COLORS]
    assets = [*tables, *_backfill(location)]
    for group in (*PLAIN, *WITH_TABLES):
        for color in COLORS:
            own = group in WITH_TABLES
            rows = table(color, [location, group, color, "rows"], group_name=group) if own else None
            assets += [rows] if rows else []
            assets += _students([location, group, color], rows.key if rows else tables[COLORS.index(color)].key)
    jobs = [
        dg.define_asset_job(f"{group}_job", dg.AssetSelection.groups(group))
        for group in ("schedule", "sensor", "job_execute")
    ]

    @dg.sensor(name=f"{location}_new_rows_sensor", job_name="sensor_job", minimum_interval_seconds=5)
    def new_rows_sensor() -> dg.RunRequest:
        return dg.RunRequest(run_key="the first rows")

    return {
        "assets": assets,
        "jobs": jobs,
        "schedules": [
            dg.ScheduleDefinition(name=f"{location}_every_minute", job_name="schedule_job", cron_schedule="* * * * *")
        ],
        "sensors": [
            new_rows_sensor,
            dg.AutomationConditionSensorDefinition(
                f"{location}_eager_sensor",
                target=dg.AssetSelection.groups("automation"),
                minimum_interval_seconds=5,
            ),
        ],
    }


def _students(
    prefix: list[str], rows: dg.AssetKey, partitions: dg.PartitionsDefinition | None = None
) -> list[dg.AssetsDefinition]:
    group = prefix[1]
    name = "__".join(prefix)
    policy = dg.RetryPolicy(max_retries=2) if group == "retries" else None
    automation = dg.AutomationCondition.eager() if group == "automation" else None

    def work(context: Any, shape: str) -> None:
        if group == "retries" and context.retry_number == 0:
            raise RuntimeError("the first attempt runs out of memory")
        if group == "reexecution":
            need_a_gpu(prefix[0])
        train(f"{name}__{shape}")

    @dg.asset(
        key=[*prefix, "plain"],
        group_name=group,
        ins={"rows": dg.AssetIn(key=rows)},
        tags=training(),
        partitions_def=partitions,
        retry_policy=policy,
        automation_condition=automation,
    )
    def plain(context: dg.AssetExecutionContext, rows: list[int]) -> list[int]:
        work(context, "plain")
        return rows

    @dg.op(name=f"{name}__tune", retry_policy=policy)
    def tune(context: dg.OpExecutionContext, rows: list[int]) -> list[int]:
        work(context, "graph")
        return rows

    @dg.op(name=f"{name}__quantize")
    def quantize(rows: list[int]) -> int:
        return sum(rows)

    @dg.graph_asset(
        key=[*prefix, "graph"],
        group_name=group,
        ins={"rows": dg.AssetIn(key=rows)},
        tags=training(),
        partitions_def=partitions,
        automation_condition=automation,
    )
    def graph(rows: Any) -> Any:
        return quantize(tune(rows))

    return [plain, graph]


def _backfill(location: str) -> list[dg.AssetsDefinition]:
    """One partition of the table is tainted, the other is clean."""
    rows = mixed_table([location, "backfill", "rows"], {color: color for color in COLORS}, group_name="backfill")
    return [rows, *_students([location, "backfill", "mixed"], rows.key, rows.partitions_def)]
