"""What a guarded deployment pays to load, and what a step pays that the guard has no business with.

    python -m bench.import_cost [--runs 7] [--assets 1000]

Three deployments of as many assets, in fresh processes that take turns: *plain* has never heard of the
package; *unmarked* is the same with ``guard(defs)`` around it, as on the first day; in *marked* one asset
in ten declares where its data comes from and one in a hundred trains. The assets stand in ten levels, and
each reads one of the level above it: Dagster's own validation of a job follows dependencies by recursion,
and gives up on a chain of a thousand. CPU time, from the start of the
interpreter until the repository and every job in it are built, as a code server does. What is ours is
timed inside, too: it is a small part of a large number, and two medians of large numbers differ by more
than it on a machine with other work.
The step is that of an asset without a mark, which the guard only watches for models that answer; without
and with ``guard()`` take turns in one process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from statistics import median, quantiles

PROGRAM = """
import json, sys, time
marked, guarded, count = sys.argv[1] == "marked", sys.argv[1] != "plain", int(sys.argv[2])
clock = time.process_time
wide = max(1, count // 10)
seen = {}

def timed(name, since):
    seen[name] = seen.get(name, 0.0) + clock() - since

import dagster as dg
seen["import dagster, with the interpreter"] = clock()
if guarded:
    since = clock()
    from lineage_guard import guard
    timed("import guard", since)

def asset(i):
    declared, trains = {}, {}
    if marked:
        since = clock()
        from lineage_guard import source, training
        declared = source(human=True) if i % 10 == 0 else {}
        trains = training() if i % 100 == 5 else {}
        timed("source() and training()", since)
    @dg.asset(name=f"a{i}", metadata=declared, tags=trains, deps=[f"a{i - wide}"] if i >= wide else [],
              io_manager_def=dg.mem_io_manager)
    def made() -> None: ...
    return made

since = clock()
assets = [asset(i) for i in range(count)]
defs = dg.Definitions(assets=assets)
timed("the user's own definitions", since)
if guarded:
    since = clock()
    defs = guard(defs, ledger="/nowhere")
    timed("guard(defs)", since)
since = clock()
repository = defs.get_repository_def()
repository.load_all_definitions()
timed("Dagster builds the repository and its jobs", since)
seen["all"] = clock()
pairs = []
if guarded:
    from bench.adoption import paired_steps
    # guard() works in place, so what stands beside it is an asset it has never seen.
    plain = dg.Definitions(assets=[*assets[:1], asset(1), *assets[2:]])
    pairs = paired_steps(dg, [plain, defs], "a1", 6)
print(json.dumps({"seen": seen, "pairs": pairs}))
"""
LANES = ("plain", "unmarked", "marked")
OURS = ("import guard", "source() and training()", "guard(defs)")


def child(lane: str, assets: int) -> dict[str, dict[str, float]]:
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, lane, str(assets)],
            env={**os.environ, "DAGSTER_HOME": home},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SystemExit(done.stderr[-4000:])
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--assets", type=int, default=1000)
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as installed, bytecode is there after the first run
    found: dict[str, list[dict[str, dict[str, float]]]] = {lane: [] for lane in LANES}
    child("marked", 10)
    for _ in range(options.runs):
        for lane, runs in found.items():
            runs.append(child(lane, options.assets))

    def ms(lane: str, name: str) -> float | None:
        times = [run["seen"][name] for run in found[lane] if name in run["seen"]]
        return median(times) * 1000 if times else None

    shape = f"{options.runs} fresh processes each, {options.assets} assets in ten levels"
    print(f"{shape}, Python {platform.python_version()}, CPU ms")
    print(f"{'':44}" + "".join(f"{lane:>10}" for lane in LANES))
    for name in found["marked"][0]["seen"]:
        times = [ms(lane, name) for lane in LANES]
        print(f"{name:44}" + "".join(" " * 10 if t is None else f"{t:10.1f}" for t in times))
    built = "Dagster builds the repository and its jobs"
    for lane in LANES[1:]:
        ours = sum(ms(lane, name) or 0.0 for name in OURS)
        extra = (ms(lane, built) or 0.0) - (ms("plain", built) or 0.0)
        pairs = [pair for run in found[lane] for pair in run["pairs"][1:]]
        first = median(run["pairs"][0][1] - run["pairs"][0][0] for run in found[lane])
        step, (low, added, high) = median(p[0] for p in pairs), quantiles((p[1] - p[0] for p in pairs), n=4)
        print(
            f"{lane}: ours, timed inside, {ours:.1f} ms, {ours / (ms('plain', 'all') or 1.0):.2%} of the plain load; "
            f"building what it added {extra:+.1f} ms; step of an untouched asset {step:.1f} ms without guard(), "
            f"{added:+.1f} ms with it (median of {len(pairs)} pairs, quartiles {low:+.1f} and {high:+.1f}), "
            f"the first of a process {first:+.1f} ms"
        )


if __name__ == "__main__":
    main()
