"""Whether Dagster still behaves as the gate relies on: a small deployment is run, in memory, and looked at."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TYPE_CHECKING, Any, cast

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result

if TYPE_CHECKING:
    import dagster as dg

NAME = "Dagster's internals"


def examine(patient: Patient) -> list[Result]:
    """Run an upstream and a wrapped reader, and hold each step to what the gate needs of it."""
    import dagster as dg

    from lineage_guard.dagster import compat
    from lineage_guard.dagster.gate.wrap import wrap, wrapped_by

    order: list[str] = []
    selected: set[str] = set()
    sizes: list[int] = []
    loaded: dict[str, int] = {}
    threads: list[bool] = []

    @dg.asset(name="lineage_guard_probed")
    def upstream() -> int:
        return 1

    @dg.asset(
        name="lineage_guard_probe", deps=["lineage_guard_nowhere"], ins={"rows": dg.AssetIn("lineage_guard_probed")}
    )
    def reader(rows: int) -> None:
        order.append("body")

    def gate() -> None:
        order.append("gate")
        context = compat.current_step()
        if context is None:
            return
        graph = context.job_def.asset_layer.asset_graph
        other = Thread(target=lambda: threads.append(compat.a_step_runs_in_another_thread()))
        other.start()
        other.join()
        selected.update(k.to_user_string() for k in context.selected_asset_keys)
        sizes.append(len(getattr(graph, "source_asset_graph", graph).get_all_asset_keys()))
        loaded.update((k.to_user_string(), at) for k, at in compat.loaded_up_to(context).items())

    wrap(reader.op, gate, "lineage_guard_probe")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with cast("dg.DagsterInstance", cast("Any", dg.DagsterInstance).ephemeral()) as instance:
        everything = [upstream, reader]
        dg.materialize(everything, selection=[upstream], instance=instance, run_config=quiet)
        done = dg.materialize(everything, selection=[reader], instance=instance, run_config=quiet, raise_on_error=False)
    stubs = [
        n.key.to_user_string()
        for n in dg.Definitions(assets=[upstream, reader]).resolve_asset_graph().asset_nodes
        if compat.is_stub(n.metadata)
    ]
    held: dict[str, Callable[[], bool]] = {
        "a wrapped step meets the gate first": lambda: (
            wrapped_by(reader.op) is gate and done.success and order == ["gate", "body"]
        ),
        "a step knows which assets it writes": lambda: selected == {"lineage_guard_probe"},
        "a pruned graph leads to the whole one": lambda: sizes == [3],
        "a step knows what was newest when its inputs were loaded": lambda: (
            loaded.get("lineage_guard_nowhere") == -1 and loaded.get("lineage_guard_probed", -1) > 0
        ),
        "a thread of a step is known as one": lambda: threads == [True],
        "an asset that nothing defines is known as one": lambda: stubs == ["lineage_guard_nowhere"],
    }
    broken = [what for what, holds in held.items() if not holds()]
    if not broken:
        return [Result(NAME, "ok", f"{'; '.join(held)} (dagster {dg.__version__})")]
    fix = "install a version of lineage-guard that supports this Dagster, or go back to the one before"
    return [Result(NAME, "fail", f"on dagster {dg.__version__} it no longer holds that {'; that '.join(broken)}", fix)]
