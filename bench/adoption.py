"""What ``guard(defs)`` changes in a deployment that exists: yours, or any other.

    python -m bench.adoption PATH --module my_project.definitions [--python .venv/bin/python]
        [--train ASSET_KEY] [--env NAME=VALUE] [--runs 7] [--json FILE]

Nothing in the project is written to. Its definitions are loaded as a code server does (import, resolve,
build every job), in fresh processes that take turns: as they are, and with ``guard(defs)`` around them.
``--train`` marks an asset as a training asset, in both, so that there is something to guard; the asset is
never run. What is printed:

- *load*: CPU seconds from the start of the interpreter until everything is built, and the part of it that
  is ours, timed inside: importing ``lineage_guard``, calling ``guard``, and building what it added;
- *step*: CPU time of a run of an asset without a body, which is added in both and which the guard has no
  business with but to watch it; runs with and without take turns in one process that has loaded the deployment;
- *ops*: how many it has put itself around: every asset is watched for models that answer, training assets
  are gated; the probe counts, too;
- *differences*: between what Dagster's host processes see of the two (``RepositorySnap``: assets, jobs,
  schedules, sensors, resources, partitions, code versions, checks).

The interpreter must have ``lineage_guard`` and the project installed. Standard library only above ``child``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median, quantiles
from typing import Any

#: Kinds that guard() puts on assets. Not imported: the project without guard() must not load it.
KINDS = ("guarded", "restricted")

PROBE = "lineage_guard_probe"


def child(module: str, guarded: bool, train: list[str], steps: int) -> None:
    """In a fresh process: load, run the probe's step, print what was seen."""
    ledger = os.environ["LINEAGE_GUARD_LEDGER"]
    own: list[float] = []
    if not guarded:
        forget_plugin()
    import dagster as dg

    if guarded:
        own.append(time.process_time())
        import lineage_guard
        from lineage_guard import guard

        own[-1] = time.process_time() - own[-1]
    defs = definitions_in(module)
    if train:
        tags = {"lineage_guard/use": "train_competing"}
        keys = {dg.AssetKey.from_user_string(key) for key in train}

        def mark(spec: dg.AssetSpec) -> dg.AssetSpec:
            return spec.merge_attributes(tags=tags) if spec.key in keys else spec

        if unknown := keys - set(defs.resolve_asset_graph().get_all_asset_keys()):
            raise SystemExit(f"no such asset: {', '.join(k.to_user_string() for k in unknown)}")
        defs = defs.map_asset_specs(func=mark)

    def probe() -> Any:
        # With an I/O manager of its own: that of the deployment may want a warehouse.
        @dg.asset(name=PROBE, io_manager_def=dg.mem_io_manager)
        def nothing() -> None: ...

        return nothing

    # Two, as guard() works in place: one that it never sees.
    unguarded, defs = (dg.Definitions.merge(defs, dg.Definitions(assets=[probe()])) for _ in range(2))
    bodies = {op: body_of(op) for a in executable(dg, defs) for op in a.node_def.iterate_op_defs()}
    if guarded:
        before = time.process_time()
        defs = guard(defs, ledger=ledger)
        own.append(time.process_time() - before)
    before = time.process_time()
    repository = defs.get_repository_def()
    repository.load_all_definitions()
    built = time.process_time() - before
    loaded = time.process_time()
    from dagster._core.remote_representation.external_data import RepositorySnap
    from dagster._serdes import serialize_value

    snap = json.loads(serialize_value(RepositorySnap.from_def(repository)))
    took = paired_steps(dg, [unguarded, defs], PROBE, steps) if guarded and steps else []
    seen = {
        "load": loaded,
        "built": built,
        "own": sum(own),
        "step": took,
        "ops": len(bodies),
        "wrapped": sum(body_of(op) is not body for op, body in bodies.items()),
        "dagster": dg.__version__,
        "assets": len(repository.asset_graph.get_all_asset_keys()),
        "snap": snap,
        "guard": None if not guarded else lineage_guard.__file__,
    }
    print("\n" + json.dumps(seen))


def executable(dg: Any, defs: Any) -> Iterator[Any]:
    """What this deployment runs."""
    yield from (a for a in defs.assets or () if isinstance(a, dg.AssetsDefinition) and a.is_executable)


def body_of(op: Any) -> Any:
    """The function that a step of an op runs."""
    return getattr(op.compute_fn, "decorated_fn", op.compute_fn)


def paired_steps(dg: Any, both: list[Any], asset: str, steps: int) -> list[list[float]]:
    """CPU milliseconds of runs of an asset without and with ``guard()``, by turns in one process.

    Returns:
        Pairs. The first holds what the first step of a process costs once: modules that steps import.
    """
    chosen = {dg.AssetKey(asset)}
    jobs = [d.get_repository_def().get_job("__ASSET_JOB").get_subset(asset_selection=chosen) for d in both]

    with dg.DagsterInstance.local_temp(os.environ["DAGSTER_HOME"]) as instance:

        def took(which: int) -> float:
            began = time.process_time()
            done = jobs[which].execute_in_process(instance=instance)
            spent = (time.process_time() - began) * 1000
            assert done.success
            return spent

        took(0)  # what Dagster itself imports
        pairs = [[took(0), took(1)]]
        for turn in range(steps):
            pair = [0.0, 0.0]
            for which in (0, 1) if turn % 2 else (1, 0):
                pair[which] = took(which)
            pairs.append(pair)
    return pairs


def forget_plugin() -> None:
    """As if the package were not installed: Dagster imports what the component registry names in every project."""
    import importlib.metadata as metadata

    found = metadata.entry_points

    def without(**arguments: Any) -> Any:
        entries = found(**arguments)
        return type(entries)(e for e in entries if e.name != "lineage_guard") if "group" in arguments else entries

    metadata.entry_points = without  # pyright: ignore


def definitions_in(module: str) -> Any:
    """The one ``Definitions`` a module defines, also a lazily loaded one."""
    import importlib

    import dagster as dg
    from dagster.components.definitions import LazyDefinitions

    found = {
        id(value): value
        for value in vars(importlib.import_module(module)).values()
        if isinstance(value, dg.Definitions | LazyDefinitions)
    }
    if len(found) != 1:
        raise SystemExit(f"{module} defines {len(found)} Definitions; name the module that a workspace names")
    [defs] = found.values()
    return defs if isinstance(defs, dg.Definitions) else defs()


def run(options: argparse.Namespace, guarded: bool, folder: Path) -> dict[str, Any]:
    home = Path(tempfile.mkdtemp(dir=folder))  # an event log that has grown makes steps slower
    (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
    here = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "LINEAGE_GUARD_LEDGER": str(folder / "ledger"),
        **dict(pair.split("=", 1) for pair in options.env),
    }
    # As after `source .venv/bin/activate`: what a project starts (dbt) stands beside its interpreter.
    here["PATH"] = os.pathsep.join([str(Path(options.python).parent), here.get("PATH", "")])
    # As in an installed environment: bytecode is there, and none is written into the project.
    here.pop("PYTHONDONTWRITEBYTECODE", None)
    here["PYTHONPYCACHEPREFIX"] = str(folder / "bytecode")
    # Dagster iterates over sets: without this, two loads of the same code differ in the order of things.
    here["PYTHONHASHSEED"] = "0"
    # The folder of the project first, as `dagster dev` has it.
    here["PYTHONPATH"] = os.pathsep.join(filter(None, [str(options.path), os.environ.get("PYTHONPATH", "")]))
    marks = [argument for key in options.train for argument in ("--train", key)]
    flags = ["--guarded"] if guarded else []
    command = [options.python, "-W", "ignore", str(Path(__file__).resolve()), str(options.path)]
    command += ["--module", options.module, "--child", "--steps", str(options.steps), *flags, *marks]
    done = subprocess.run(command, cwd=options.path, env=here, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{'with' if guarded else 'without'} guard(): {done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Where two JSON documents differ: a path and what happened there. Lists of named things are compared by name."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in [*before, *(k for k in after if k not in before)]:
            if key not in before:
                yield f"{path}/{key}", "added"
            elif key not in after:
                yield f"{path}/{key}", "gone"
            else:
                yield from differences(before[key], after[key], f"{path}/{key}")
    elif isinstance(before, list) and isinstance(after, list):
        one, other = ({_name(v, i): v for i, v in enumerate(values)} for values in (before, after))
        yield from differences(one, other, path)
    elif before != after:
        yield path, f"{str(before)[:60]!r} became {str(after)[:60]!r}"


def _name(value: Any, number: int) -> str:
    if isinstance(value, Mapping):
        for field in ("asset_key", "key", "name", "solid_name", "node_name", "job_name"):
            found = value.get(field)
            if isinstance(found, str):
                return found
            if isinstance(found, Mapping) and "path" in found:
                return "/".join(found["path"]) + str(value.get("name", ""))
    return value if isinstance(value, str) else f"[{number}]"


def ours(difference: tuple[str, str]) -> bool:
    """The sensor, the checks and the step that runs a check, all named ``lineage_guard``, and our two kinds.

    A job that holds a check lists its op in the config of the whole job, which Dagster names by a hash
    of what is in it. What a user's own op takes stands elsewhere, with that op.
    """
    where, _ = difference
    hashed = where.endswith("/root_config_key") or "/all_config_snaps_by_key/" in where
    return "lineage_guard" in where or hashed or where.endswith(tuple(f"/tags/dagster/kind/{kind}" for kind in KINDS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="folder of the project")
    parser.add_argument("--module", required=True, help="the module that holds its Definitions")
    parser.add_argument("--python", default=sys.executable, help="interpreter of its environment")
    parser.add_argument("--train", action="append", default=[], help="asset key to mark as a training asset")
    parser.add_argument("--env", action="append", default=[], help="NAME=VALUE the project needs to load")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--steps", type=int, default=15)
    parser.add_argument("--json", type=Path, help="write what was measured here, too")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--guarded", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.path = options.path.resolve()
    # Not resolved: the interpreter of a virtual environment is a link, and finds its packages by the link's place.
    options.python = str(Path(options.python).absolute())
    if options.child:
        child(options.module, options.guarded, options.train, options.steps)
        return
    rows: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        for guarded in (False, True):  # bytecode and the file cache are warm for both
            run(options, guarded, Path(folder))
        for _ in range(options.runs):
            for guarded in (False, True):
                rows[guarded].append(run(options, guarded, Path(folder)))
    print(report(options, rows))


def report(options: argparse.Namespace, rows: dict[bool, list[dict[str, Any]]]) -> str:
    plain, guarded = rows[False], rows[True]
    load = [median(r["load"] for r in each) for each in (plain, guarded)]
    built = [median(r["built"] for r in each) for each in (plain, guarded)]
    first = median(r["step"][0][1] - r["step"][0][0] for r in guarded)
    pairs = [pair for r in guarded for pair in r["step"][1:]] or [[0.0, 0.0]]
    step = [median(p[0] for p in pairs), *quantiles([p[1] - p[0] for p in pairs] * 2, n=4)]
    own = median(r["own"] for r in guarded)
    found = list(differences(plain[0]["snap"], guarded[0]["snap"]))
    alien = [d for d in found if not ours(d)]
    unstable = list(differences(plain[0]["snap"], plain[-1]["snap"]))
    lines = [
        f"{options.path.name}: {plain[0]['assets'] - 1} assets, Dagster {plain[0]['dagster']}, "
        f"{len(options.train)} marked as training; median of {options.runs} fresh processes each, taking turns",
        f"load   {load[0]:.3f} s CPU without, {load[1]:.3f} s with guard(defs); "
        f"ours, timed inside: {own * 1000:.1f} ms ({own / load[0]:.2%}), and "
        f"{(built[1] - built[0]) * 1000:+.1f} ms to build what it added",
        f"step   {step[0]:.1f} ms CPU without guard(), {step[2]:+.1f} ms with it "
        f"(median of {len(pairs)} pairs, quartiles {step[1]:+.1f} and {step[3]:+.1f}); "
        f"the first step of a process {first:+.1f} ms",
        f"ops    {guarded[0]['wrapped']} of {guarded[0]['ops']} watched or gated",
        f"added  {len(found) - len(alien)} places, all of them the sensor, the checks named lineage_guard and kinds",
        f"other differences  {len(alien)}"
        + (f" (two loads without guard() differ in {len(unstable)})" * bool(unstable)),
        *(f"  {where}: {what}" for where, what in alien[:20]),
    ]
    if options.json:
        kept = {"load": load, "own": own, "built": built, "step": step, "added": found, "other": alien}
        options.json.write_text(json.dumps({**kept, "dagster": plain[0]["dagster"], "assets": plain[0]["assets"] - 1}))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
