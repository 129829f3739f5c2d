"""What the gate adds to a training step: imports and decision apart, each in a fresh process.

    python -m bench.gate [--runs 5] [--tables 200]

A real deployment is materialised on a real SQLite instance: ``tables`` synthetic tables, one
curated table that reads them all, one training asset. The step of the training asset then runs
in a new process each time, as Dagster's multiprocess executor would start it:

- *unguarded*: the same code without ``guard()``: the rival every other row is divided by;
- *guarded, evidence on file*: the usual case, the lineage suite has passed on these versions;
- *guarded, suite run*: nothing on file, Great Expectations is imported and runs.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve()


def definitions(tables: int) -> object:
    import dagster as dg

    import lineage_guard

    model = lineage_guard.ModelSource(provider="mistralai", model="mistralai/Mixtral-8x7B-v0.1", channel="self-hosted")

    def table(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"table_{number}", metadata={**lineage_guard.declare(model)})
        def written() -> None: ...

        return written

    @dg.asset(deps=[f"table_{n}" for n in range(tables)])
    def curated() -> None: ...

    @dg.asset(deps=["curated"], tags={**lineage_guard.training(use="train_competing")})
    def student() -> None: ...

    return dg.Definitions(assets=[*(table(n) for n in range(tables)), curated, student])


def step(guarded: bool, only_student: bool, tables: int) -> None:
    """In a new process: load the definitions, run the step, print where the time went."""
    start = time.perf_counter()
    import dagster as dg

    dagster_imported = time.perf_counter()
    import lineage_guard

    defs = definitions(tables)
    if guarded:
        defs = lineage_guard.guard(defs, sensor=False)  # pyright: ignore[reportArgumentType]
    loaded = time.perf_counter()
    held: list[float] = []
    suite_ran = False
    if guarded:
        from lineage_guard.dagster.gate import hold as gate

        hold = gate.hold

        def timed(*args: object) -> object:
            began = time.perf_counter()
            try:
                return hold(*args)  # pyright: ignore[reportArgumentType]
            finally:
                held.append(time.perf_counter() - began)

        gate.hold = timed
    with dg.DagsterInstance.get() as instance:
        selection = ["student"] if only_student else "*"
        result = dg.materialize(list(defs.assets), instance=instance, selection=selection)  # pyright: ignore
    suite_ran = "great_expectations" in sys.modules
    print(
        json.dumps(
            {
                "success": result.success,
                "import_dagster": dagster_imported - start,
                "load": loaded - dagster_imported,
                "hold": sum(held),
                "whole": time.perf_counter() - start,
                "suite_ran": suite_ran,
            }
        )
    )


def child(home: Path, *flags: str) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.gate", "--child", *flags],
        cwd=HERE.parents[1],
        env={**os.environ, "DAGSTER_HOME": str(home), "LINEAGE_GUARD_LEDGER": str(home / "ledger")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(done.stderr[-4000:])
    row = json.loads(done.stdout.strip().splitlines()[-1])
    if not row["success"]:
        raise SystemExit("the training step did not run:\n" + done.stderr[-4000:])
    return row


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--tables", type=int, default=200)
    parser.add_argument("--child", action="store_true")
    parser.add_argument("--guarded", action="store_true")
    parser.add_argument("--student", action="store_true")
    args = parser.parse_args()
    if args.child:
        step(args.guarded, args.student, args.tables)
        return
    size = ("--tables", str(args.tables))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        child(home, "--guarded", *size)
        evidence = home / "ledger"
        rows: dict[str, list[dict[str, float]]] = {"unguarded": [], "evidence on file": [], "suite run": []}
        for number in range(args.runs):
            rows["unguarded"].append(child(home, "--student", *size))
            rows["evidence on file"].append(child(home, "--student", "--guarded", *size))
            fresh = Path(folder) / f"again-{number}"
            shutil.copytree(home, fresh, ignore=shutil.ignore_patterns("again-*"))
            shutil.rmtree(fresh / evidence.name / "evidence", ignore_errors=True)
            rows["suite run"].append(child(fresh, "--student", "--guarded", *size))
        print(f"| training step, {args.tables} tables upstream | whole step s | x unguarded | load s | gate s |")
        print("|---|---|---|---|---|")
        base = median(r["whole"] for r in rows["unguarded"])
        for name, found in rows.items():
            whole, load, hold = (median(r[k] for r in found) for k in ("whole", "load", "hold"))
            print(f"| {name} | {whole:.2f} | {whole / base:.2f} | {load:.3f} | {hold:.3f} |")
        ran = [r["suite_ran"] for r in rows["evidence on file"]], [r["suite_ran"] for r in rows["suite run"]]
        print(f"\nGreat Expectations imported: with evidence {sum(ran[0])}, without {sum(ran[1])} of {args.runs} runs.")


if __name__ == "__main__":
    main()
