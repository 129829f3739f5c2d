"""Everything that is launched: every way of launching a run in every code location, and every shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from launching import asset_keys, backfill, covered, finish, is_off, launch, reexecute, switch, ticked
from live_deployment import Deployment, python

LOCATIONS = ("in_process", "multiprocess")
#: Group of assets -> how it reads in the table.
ROUTES = {
    "graphql": "launched in the UI (GraphQL)",
    "same_run": "the first run ever, together with its upstream",
    "automation": "declarative automation, `AutomationCondition.eager()`",
    "schedule": "schedule",
    "sensor": "sensor that requests a run",
    "backfill": "partition backfill: only the tainted partition stops",
    "asset_materialize": "`dagster asset materialize`",
    "dg_launch": "`dg launch`",
    "job_execute": "`dagster job execute`",
    "materialize": "`dagster.materialize()` in a script",
    "reexecution": "re-execution from failure",
    "step_selection": "re-execution of selected steps",
    "retries": "op with a retry policy: a block is not tried again",
}
#: Tag that Dagster puts on the runs of a route: proof that it was taken.
PROOF = {
    "automation": "dagster/from_automation_condition",
    "schedule": "dagster/schedule_name",
    "sensor": "dagster/sensor_name",
    "backfill": "dagster/backfill",
}
ROUTE_SHAPES = ("plain", "graph")
PARTITIONS = {"static": "de", "daily": "2026-01-02", "multi_dimensional": "2026-01-02|de"}
COLORS = ("tainted", "clean")
Task = Callable[[], None]


def applies(location: str, route: str) -> bool:
    """Whether a route leads to a code location: ``materialize()`` runs in the process of its script, always."""
    return (location, route) != ("multiprocess", "materialize")


#: Every way of launching, in every code location.
FULL = [(location, route) for location in LOCATIONS for route in ROUTES if applies(location, route)]
#: What the oldest supported Dagster is held to: every way once, and what differs between executors.
SHORT = [(place, route) for place, route in FULL if place == "in_process" or route in ("graphql", "same_run")]


def drive(deployment: Deployment, plan: Sequence[tuple[str, str]], *, shapes: bool) -> dict[str, Exception]:
    """Launch everything and wait for it. Returns what could not be launched, and why."""
    locations = sorted({location for location, _ in plan})
    finish(
        deployment,
        *(launch(deployment, each, asset_keys(deployment, each, "tables"), checks=False) for each in locations),
    )
    tasks: dict[str, Task] = {
        f"{location} {route}": partial(_DRIVERS.get(route, _once), deployment, location, route)
        for location, route in plan
    }
    if shapes:
        tasks |= {f"shapes {time}": partial(drive_shapes, deployment, time) for time in ("alone", "together")}
    with ThreadPoolExecutor(len(tasks)) as pool:
        running = {name: pool.submit(task) for name, task in tasks.items()}
    errors = {name: future.exception() for name, future in running.items()}
    return {name: error for name, error in errors.items() if isinstance(error, Exception)}


def drive_shapes(deployment: Deployment, time: str) -> None:
    """Train every shape; ``alone`` after the tables were made, ``together`` in the run that makes them."""
    if time == "alone":
        _train_shapes(deployment, [(f"{time}_rows", None), *((f"{time}_{s}_rows", p) for s, p in PARTITIONS.items())])
    _train_shapes(deployment, [(time, None), *((f"{time}_{s}", p) for s, p in PARTITIONS.items())])


def _train_shapes(deployment: Deployment, groups: list[tuple[str, str | None]]) -> None:
    runs = []
    for group, partition in groups:
        tags = {"dagster/partition": partition} if partition else {}
        runs.append(launch(deployment, "shapes", asset_keys(deployment, "shapes", group), tags=tags))
    finish(deployment, *runs)


def _once(deployment: Deployment, location: str, route: str) -> None:
    finish(deployment, launch(deployment, location, asset_keys(deployment, location, route), checks=False))


def _automation(deployment: Deployment, location: str, route: str) -> None:
    name = f"{location}_eager_sensor"
    keys = asset_keys(deployment, location, route)
    rows = [key for key in keys if key[-1] == "rows"]
    switch(deployment, "sensor", location, name, on=True)
    # It answers to what is new since it looked for the first time.
    ticked(deployment, location, name)
    finish(deployment, launch(deployment, location, rows, checks=False))
    students, tags = [key for key in keys if key not in rows], {"dagster/sensor_name": name}
    covered(deployment, students, tags, over=False)
    switch(deployment, "sensor", location, name, on=False)
    covered(deployment, students, tags, off=partial(is_off, deployment, "sensor", location, name))


def _schedule(deployment: Deployment, location: str, route: str) -> None:
    _switched(deployment, location, route, "schedule", f"{location}_every_minute")


def _sensor(deployment: Deployment, location: str, route: str) -> None:
    _switched(deployment, location, route, "sensor", f"{location}_new_rows_sensor")


def _switched(deployment: Deployment, location: str, route: str, kind: str, name: str) -> None:
    keys, tags = asset_keys(deployment, location, route), {f"dagster/{kind}_name": name}
    switch(deployment, kind, location, name, on=True)
    try:
        covered(deployment, keys, tags, over=False)
    finally:
        switch(deployment, kind, location, name, on=False)
    covered(deployment, keys, tags, off=partial(is_off, deployment, kind, location, name))


def _backfill(deployment: Deployment, location: str, route: str) -> None:
    keys = asset_keys(deployment, location, route)
    backfill(deployment, [key for key in keys if key[-1] == "rows"], COLORS)
    backfill(deployment, [key for key in keys if key[-1] != "rows"], COLORS)


def _asset_materialize(deployment: Deployment, location: str, route: str) -> None:
    _command(deployment, "dagster", "asset", "materialize", "-m", f"shop.{location}", "--select", f"group:{route}")


def _dg_launch(deployment: Deployment, location: str, route: str) -> None:
    _command(deployment, "dg", "launch", "-m", f"shop.{location}", "--assets", f"group:{route}")


def _job_execute(deployment: Deployment, location: str, route: str) -> None:
    _command(deployment, "dagster", "job", "execute", "-m", f"shop.{location}", "-j", f"{route}_job")


def _materialize(deployment: Deployment, location: str, route: str) -> None:
    _command(deployment, "python", "train_all.py")


def _command(deployment: Deployment, program: str, *arguments: str) -> None:
    command = (str(Path(python()).with_name(program)), *arguments)
    done = deployment.run(*command)
    if done.returncode == 0:
        raise RuntimeError(f"{command} succeeded although it was to train on tainted data: {done.stderr[-2000:]}")
    if "BLOCKED" not in done.stderr + done.stdout:
        raise RuntimeError(f"{command}: {done.stdout[-1000:]} {done.stderr[-2000:]}")


def _reexecution(deployment: Deployment, location: str, route: str) -> None:
    first = launch(deployment, location, asset_keys(deployment, location, route), checks=False)
    finish(deployment, first)
    (deployment.markers / f"gpu.{location}").touch()
    finish(deployment, reexecute(deployment, first))


def _step_selection(deployment: Deployment, location: str, route: str) -> None:
    keys = asset_keys(deployment, location, route)
    first = launch(deployment, location, keys, checks=False)
    finish(deployment, first)
    steps = []
    for color in COLORS:
        name = f"{location}__{route}__{color}"
        steps += [f"{name}__plain", f"{name}__graph.{name}__tune", f"{name}__graph.{name}__quantize"]
    finish(deployment, launch(deployment, location, keys, parent=first, steps=steps, checks=False))


_DRIVERS = {
    "automation": _automation,
    "schedule": _schedule,
    "sensor": _sensor,
    "backfill": _backfill,
    "asset_materialize": _asset_materialize,
    "dg_launch": _dg_launch,
    "job_execute": _job_execute,
    "materialize": _materialize,
    "reexecution": _reexecution,
    "step_selection": _step_selection,
}
