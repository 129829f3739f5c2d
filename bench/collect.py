"""What collecting costs: events per second on a log of some thousand materialisations, and a tick without news.

    .venv/bin/python bench/collect.py [--runs 100] [--assets 20]

The log is written through Dagster's own storage (SQLite), one run of ``assets`` chained assets
after the other, with the provenance tags that Dagster's steps write. Only collecting is timed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.data_version import CODE_VERSION_TAG, get_input_event_pointer_tag
from dagster._core.events import DagsterEvent, DagsterEventType, StepMaterializationData
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.dagster_run import DagsterRun

from lineage_guard.alerts import LogSink
from lineage_guard.dagster.collect.collect import collect, collect_upstream
from lineage_guard.dagster.declare import source, training
from lineage_guard.dagster.events import EventLog
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.resolve import Pins
from lineage_guard.dagster.sensor.sensor import Delivery, tick
from lineage_guard.dagster.settings import Settings
from lineage_guard.ledger import open_ledger


def definitions(assets: int) -> dg.Definitions:
    made: list[dg.AssetsDefinition] = []
    for n in range(assets):

        @dg.asset(
            name=f"a{n}",
            deps=[f"a{n - 1}"] if n else [],
            metadata=source(human=True) if n == 0 else {},
            tags=training() if n == assets - 1 else {},
        )
        def one() -> None: ...

        made.append(one)
    return dg.Definitions(assets=made)


def write_log(instance: dg.DagsterInstance, runs: int, assets: int) -> None:
    for r in range(runs):
        run = instance.add_run(DagsterRun(job_name="job", status=dg.DagsterRunStatus.SUCCESS))
        pointer: int | None = None
        for n in range(assets):
            tags = {CODE_VERSION_TAG: "1"}
            if n:
                tags[get_input_event_pointer_tag(dg.AssetKey(f"a{n - 1}"))] = str(pointer)
            materialization = dg.AssetMaterialization(f"a{n}", tags=tags, metadata={"dagster/row_count": r})
            at = time.time()
            for kind, data in (
                (DagsterEventType.STEP_START, None),
                (DagsterEventType.ASSET_MATERIALIZATION, StepMaterializationData(materialization)),
            ):
                event = DagsterEvent(kind.value, "job", step_key=f"a{n}", event_specific_data=data)
                instance.store_event(
                    EventLogEntry(None, 20, "", run.run_id, at, step_key=f"a{n}", job_name="job", dagster_event=event)
                )
            pointer = instance.event_log_storage.get_maximum_record_id()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--assets", type=int, default=20)
    args = parser.parse_args()
    defs = definitions(args.assets)
    graph = defs.resolve_asset_graph()
    now = datetime.now(UTC)
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as place,
        tempfile.TemporaryDirectory() as other,
        dg.DagsterInstance.local_temp(home) as instance,
    ):
        write_log(instance, args.runs, args.assets)
        ledger = open_ledger(place)
        t = time.perf_counter()
        all_of_it = collect(instance, graph, ledger, namespace="default", now=now)
        seconds = time.perf_counter() - t
        result: dict[str, object] = {
            "materialisations": all_of_it.records,
            "events": all_of_it.appended,
            "events_per_s": round(all_of_it.appended / seconds),
            "ms_per_materialisation": round(1000 * seconds / all_of_it.records, 2),
            "queries": all_of_it.queries,
        }
        quiet = []
        for _ in range(7):
            t = time.perf_counter()
            nothing = collect(instance, graph, ledger, namespace="default", now=now)
            quiet.append(1000 * (time.perf_counter() - t))
        result["collect_without_news_ms"] = round(sorted(quiet)[3], 1)
        result["queries_without_news"] = nothing.queries
        log = EventLog(instance)
        key = dg.AssetKey(f"a{args.assets - 1}")
        reads = Pins(log, History(log), graph, "default").upcoming(key, [None], now, log.head()).reads
        t = time.perf_counter()
        upstream = collect_upstream(instance, graph, open_ledger(other), reads, namespace="default", now=now)
        result["gate_collects_first_time_ms"] = round(1000 * (time.perf_counter() - t), 1)
        result["gate_collects_levels"] = upstream.records
        result["gate_queries"] = upstream.queries
        cursor, settings, delivery = None, Settings(ledger=place), Delivery(sinks=[LogSink()])
        ticks = []
        for _ in range(8):
            t = time.perf_counter()
            context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
            tick(context, settings, delivery, now)
            ticks.append(1000 * (time.perf_counter() - t))
            cursor = context.cursor
        result["first_tick_ms"] = round(ticks[0])
        result["tick_without_news_ms"] = round(sorted(ticks[1:])[3], 1)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
