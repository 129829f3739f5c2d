"""What was seen on one deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from launching import Run, all_runs
from live_deployment import Deployment
from scenario import PARTITIONS, PROOF, ROUTE_SHAPES, drive
from verdicts import Cell, Lane, judge

#: Last part of the asset key -> how it reads in the table.
SHAPES = {
    "sync": "function",
    "generator": "generator",
    "async": "async function",
    "async_generator": "async generator",
    "config": "with a `Config` argument",
    "resource": "with a resource argument",
    "deps": "`deps=` only, nothing is loaded",
    "io_manager": "own IO manager",
    "checked": "with asset checks attached",
    "pipes": "Dagster Pipes, a process of its own",
    "multi_asset": "`@multi_asset`",
    "multi_asset_chain": "`@multi_asset`, one output made from another",
    "can_subset": "`@multi_asset(can_subset=True)`, a part of it selected",
    "graph_asset": "`@graph_asset`",
    "graph_multi_asset": "`@graph_multi_asset`",
    "nested_graph": "`@graph_asset` with graphs in it",
    "dynamic_graph": "`@graph_asset` with `DynamicOut`",
    "from_op": "`AssetsDefinition.from_op`",
    "static": "static partitions",
    "daily": "time-window partitions",
    "multi_dimensional": "partitions in two dimensions",
    "dbt": "`@dbt_assets`, a model fitted in SQL",
}


@dataclass(frozen=True)
class Seen:
    """What was seen.

    Attributes:
        runs: every run there was, newest first.
        markers: where training code says that it ran.
        errors: what could not be launched, by name of the task.
    """

    runs: Sequence[Run]
    markers: Path
    errors: dict[str, Exception]

    def route(self, location: str, route: str) -> Cell:
        """All cells of one way of launching."""
        return Cell.of(self._of_route(location, route, shape) for shape in ROUTE_SHAPES)

    def _of_route(self, location: str, route: str, shape: str) -> Cell:
        lanes = [Lane((location, route, color, shape)) for color in ("tainted", "clean")]
        if route == "backfill":
            lanes = [Lane((location, route, "mixed", shape), color) for color in ("tainted", "clean")]
        return judge(self.runs, self.markers, *lanes, proof=PROOF.get(route))

    def shape(self, time: str, shape: str) -> Cell:
        """The cell of a shape."""
        tainted, clean = (Lane((time, color, shape), PARTITIONS.get(shape)) for color in ("tainted", "clean"))
        return judge(self.runs, self.markers, tainted, clean)

    def processes(self, lanes: Sequence[Lane]) -> list[str]:
        """The processes in which the code of these lanes ran."""
        return [process for lane in lanes for run in self.runs for process in lane.trained(run, self.markers)]


def see(deployment: Deployment, plan: Sequence[tuple[str, str]], *, shapes: bool) -> Seen:
    """Start a deployment, launch everything, and look."""
    try:
        deployment.start()
        errors = drive(deployment, plan, shapes=shapes)
        return Seen(all_runs(deployment), deployment.markers, errors)
    finally:
        deployment.stop()
