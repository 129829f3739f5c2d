"""What a code location pays to load a guarded project, beyond importing Dagster.

    python -m bench.import_cost [--runs 7] [--assets 1000]

Each figure is the median over fresh processes that have imported Dagster already:

- *import lineage_guard*: the package alone (the promise is under 0.15 s);
- *use every name*: declare, source, training, guard and the rest;
- *guard(defs)*: over a deployment in which one asset in ten is declared and one in a hundred trains.
  The first call also imports the sensor's modules; the second is what wrapping itself costs.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
from statistics import median

PROGRAM = """
import json, sys, time
import dagster as dg
t = [time.perf_counter()]
import lineage_guard
t.append(time.perf_counter())
for name in lineage_guard.__all__:
    getattr(lineage_guard, name)
t.append(time.perf_counter())

def asset(i):
    declared = lineage_guard.source(human=True) if i % 10 == 0 else {}
    trains = lineage_guard.training() if i % 100 == 5 else {}
    @dg.asset(name=f"a{i}", metadata=declared, tags=trains, deps=[f"a{i - 1}"] if i else [])
    def made(): ...
    return made

defs = dg.Definitions(assets=[asset(i) for i in range(int(sys.argv[1]))])
t.append(time.perf_counter())
defs = lineage_guard.guard(defs, ledger="/nowhere")
t.append(time.perf_counter())
lineage_guard.guard(defs, ledger="/nowhere")
t.append(time.perf_counter())
defs.get_repository_def()
t.append(time.perf_counter())
names = ["import lineage_guard", "use every name", "the user's own definitions", "guard(defs)", "guard(defs) again",
         "Dagster resolves the repository"]
print(json.dumps(dict(zip(names, (b - a for a, b in zip(t, t[1:]))))))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--assets", type=int, default=1000)
    options = parser.parse_args()
    found: list[dict[str, float]] = []
    for _ in range(options.runs):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROGRAM, str(options.assets)],
            capture_output=True,
            text=True,
            check=True,
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
    print(f"{options.runs} fresh processes, {options.assets} assets, Python {platform.python_version()}")
    for name in found[0]:
        values = sorted(f[name] for f in found)
        print(f"{name:34} median {median(values) * 1000:8.1f} ms   least {values[0] * 1000:8.1f} ms")


if __name__ == "__main__":
    main()
