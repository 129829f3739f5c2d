"""What the guarded queue adds to submitting a run, in a warm process such as the webserver.

    .venv/bin/python -m bench.coordinator --assets 1000 --depth 20

Runs are created first and only ``submit_run`` is timed. The workspace has one code location that
never calls ``guard()``. The first question of a process is shown by itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

CODE = """
import dagster as dg

R1 = {{"lineage_guard/declaration": dg.MetadataValue.json({{"format": 1, "completeness": "COMPLETE", "models": [
    {{"provider": "deepseek", "model": "deepseek-r1", "channel": "self-hosted", "usage": "GENERATION"}}]}})}}

def table(n, depth):
    above = [] if n % depth == 0 else [f"t{{n - 1}}"]
    @dg.asset(name=f"t{{n}}", deps=above, metadata={{}} if above else R1)
    def made(): ...
    return made

@dg.asset(deps=["t{last}"], tags={{"lineage_guard/use": "train_competing"}})
def student(): ...

defs = dg.Definitions(assets=[*(table(n, {depth}) for n in range({assets})), student])
"""


def child(folder: Path, assets: int, depth: int, guarded: bool, repeat: int) -> None:
    """Time submissions in this process; prints milliseconds by case as JSON."""
    import dagster as dg
    from dagster._core.definitions.selector import JobSubsetSelector
    from dagster._core.remote_origin import InProcessCodeLocationOrigin
    from dagster._core.test_utils import InProcessTestWorkspaceLoadTarget
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
    from dagster._core.workspace.context import WorkspaceProcessContext

    queue: dict[str, Any] = {"module": "dagster", "class": "QueuedRunCoordinator", "config": {}}
    if guarded:
        queue = {
            "module": "lineage_guard.dagster.coordinator",
            "class": "GuardedQueuedRunCoordinator",
            "config": {"ledger": str(folder / "ledger")},
        }
    home = folder / "home"
    home.mkdir()
    code = folder / "shop.py"
    code.write_text(CODE.format(assets=assets, depth=depth, last=depth - 1))
    target = LoadableTargetOrigin(python_file=str(code), attribute="defs", working_directory=str(folder))
    origin = InProcessCodeLocationOrigin(target, location_name="shop")
    upstream = [f"t{n}" for n in range(depth)]
    overrides = {"telemetry": {"enabled": False}, "run_coordinator": queue}
    found: dict[str, tuple[float, float]] = {}
    with (
        dg.DagsterInstance.local_temp(str(home), overrides) as instance,
        WorkspaceProcessContext(instance, InProcessTestWorkspaceLoadTarget([origin])) as process,
    ):
        request = process.create_request_context()
        [location] = request.code_locations
        defs = location.repository_code_pointer_dict["__repository__"].load_target()
        job = defs.resolve_implicit_global_asset_job_def()
        job.execute_in_process(instance=instance, asset_selection=[dg.AssetKey(t) for t in upstream])
        _ = request.asset_graph.asset_nodes
        coordinator = instance.run_coordinator

        def submit(names: list[str]) -> tuple[float, float]:
            keys = {dg.AssetKey(name) for name in names}
            selector = JobSubsetSelector("shop", "__repository__", "__ASSET_JOB", None, keys)
            job = location.get_job(selector)
            plan = request.get_execution_plan(job, {}, step_keys_to_execute=None, known_state=None)
            run = instance.create_run(
                job_name="__ASSET_JOB",
                run_id=None,
                run_config={},
                status=dg.DagsterRunStatus.NOT_STARTED,
                tags={},
                root_run_id=None,
                parent_run_id=None,
                step_keys_to_execute=None,
                execution_plan_snapshot=plan.execution_plan_snapshot,
                job_snapshot=job.job_snapshot,
                parent_job_snapshot=job.parent_job_snapshot,
                asset_selection=job.asset_selection,
                asset_check_selection=None,
                resolved_op_selection=None,
                op_selection=None,
                remote_job_origin=job.get_remote_origin(),
                job_code_origin=job.get_python_origin(),
                asset_graph=request.asset_graph,
            )
            began = time.perf_counter(), time.process_time()
            submitted = instance.submit_run(run.run_id, request)
            took = time.perf_counter() - began[0], time.process_time() - began[1]
            if submitted.status is not dg.DagsterRunStatus.QUEUED:
                raise RuntimeError(f"the run of {names} is {submitted.status}")
            return took[0] * 1000, took[1] * 1000

        _ = coordinator
        cases = {"trains nothing": ["t0"], "trains": ["student"], "trains what it makes": [*upstream, "student"]}
        for name, assets_of_run in cases.items():
            found[f"{name}, first"] = submit(assets_of_run)
            times = [submit(assets_of_run) for _ in range(repeat)]
            found[name] = median(wall for wall, _ in times), median(cpu for _, cpu in times)
    print(json.dumps(found))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--assets", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=15)
    parser.add_argument("--child", choices=["guarded", "plain"])
    options = parser.parse_args()
    if options.child:
        with tempfile.TemporaryDirectory() as folder:
            guarded = options.child == "guarded"
            child(Path(folder), options.assets, options.depth, guarded, options.repeat)
        return
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    for kind in ("plain", "guarded"):
        command = [sys.executable, "-m", "bench.coordinator", "--child", kind]
        for name in ("assets", "depth", "repeat"):
            command += [f"--{name}", str(getattr(options, name))]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        rows[kind] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"{options.assets} assets, {options.depth} of them upstream of the training asset; medians of {options.repeat}."
    )
    print()
    print("Milliseconds of wall time, and of CPU time in this process (less of a machine that has other work).")
    print()
    print("| a run that | QueuedRunCoordinator | GuardedQueuedRunCoordinator |\n|---|---|---|")
    for name, plain in rows["plain"].items():
        (wall, cpu), (own_wall, own_cpu) = plain, rows["guarded"][name]
        print(f"| {name} | {wall:.0f} / {cpu:.1f} | {own_wall:.0f} / {own_cpu:.1f} |")


if __name__ == "__main__":
    main()
