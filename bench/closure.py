"""Upstream closure and downstream impact beside the limit and the rivals, as Markdown.

    .venv/bin/python -m bench.closure                          # 10k and 100k edges
    .venv/bin/python -m bench.closure --max-edges 10000000     # up to 10M; needs 12 GB and half an hour

Every row starts at one version of a lake (see ``bench.lake``) and ends with the set of versions
reached. Each is compared with a search that shares no code with the ledger; a difference fails
the run. Cold rows are fresh processes, from interpreter start to exit; beside the time on the
clock stands the time on the processors, which other work on the machine does not lengthen so much.
The ledger's closures are decided on, by a policy that blocks the model: facts of every version, the
digest of them all, and the names on the path of the finding. All others only find node ids.
"""

from __future__ import annotations

import argparse
import atexit
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import duckdb
import numpy as np

from bench import rivals
from bench.lake import Lake, build
from bench.rivals import Nodes, fingerprint
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.ledger import open_ledger

T = TypeVar("T")
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
SHAPES = {"shallow": 0.0, "incremental": 0.02}
STUDENT = Version("default", "student")

DECIDE = """
from datetime import UTC, datetime
from lineage_guard.domain.verdict.decide import decide
from lineage_guard.domain.rules.policy import Policy, Rule, Subject
from lineage_guard.domain.rules.terms import Effect, FixedTerms
def verdict(closure):
    gap = Rule("gap", Subject.GAP, Effect.UNKNOWN, "why", "fix")
    model = Rule("model", Subject.UNRESOLVED, Effect.BLOCK, "why", "fix")
    policy = Policy("bench", (gap, model), FixedTerms({}))
    found = decide(closure, policy, (), "train_competing", datetime(2026, 11, 22, tzinfo=UTC))
    assert found.decision.value == "BLOCK" and len(found.findings) == 1
    return found
"""
COLD_CLOSURE = (
    DECIDE
    + """
import sys
from lineage_guard.ledger import open_ledger
from lineage_guard.domain.facts import Input, Production, Version
place, name, run = sys.argv[1:]
target = Production((Version("default", "student"),), inputs=(Input(Version("default", name, None, run)),))
print(verdict(open_ledger(place).closure(target)).closure_size)
"""
)
COLD_IMPACT = """
import sys
from lineage_guard.ledger import open_ledger
from lineage_guard.domain.facts import Version
place, name, run = sys.argv[1:]
print(len(open_ledger(place).impact([Version("default", name, None, run)]).reached))
"""


class Mismatch(Exception):
    """Somebody reached other nodes than the reference did."""


def timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


class Took(NamedTuple):
    """Seconds on the clock and on the processors."""

    clock: float
    cpu: float

    def __str__(self) -> str:
        return f"{spell(self.clock)} ({spell(self.cpu)})"


def repeated(work: Callable[[], T], most: int, budget_s: float = 10.0) -> tuple[Took, T]:
    """The medians of some runs after one that does not count, and the last answer."""
    seconds, result = timed(work)
    runs: list[float] = []
    cpu: list[float] = []
    while len(runs) < max(1, min(most, int(budget_s / max(seconds, 1e-6)))):
        before = time.process_time()
        seconds, result = timed(work)
        cpu.append(time.process_time() - before)
        runs.append(seconds)
    return Took(statistics.median(runs), statistics.median(cpu)), result


@cache
def compiled() -> dict[str, str]:
    """An environment in which every module is compiled beforehand, as an installed package is."""
    folder = tempfile.mkdtemp(prefix="lineage-guard-bench-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": folder}


class Spent(NamedTuple):
    """What a process took: seconds on the clock and on the processors, peak memory in MiB."""

    clock: float
    cpu: float
    memory: float


def process(code: str, *arguments: str) -> tuple[Spent, int]:
    """What it took from start to exit, and the number printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-c", code + rivals.PEAK_KIB, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=compiled())
    seconds = time.perf_counter() - start
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime
    count, peak = map(int, done.stdout.split())
    return Spent(seconds, cpu, peak / 1024), count


def number(version: Version) -> int:
    """The id of a version of the lake: its run says it."""
    return int(str(version.run)[-12:], 16)


def expect(who: str, found: Nodes | int, reference: Nodes) -> None:
    if found not in (reference, reference.count):
        raise Mismatch(f"{who} reached {found}, the reference {reference}")


def spell(seconds: float) -> str:
    ms = seconds * 1e3
    return f"{ms / 1e3:,.1f} s" if ms >= 10_000 else f"{ms:,.0f} ms" if ms >= 10 else f"{ms:.2g} ms"


def repeats(lake: Lake, wanted: int) -> int:
    return min(wanted, 3) if lake.edges > 5_000_000 else wanted


class Report:
    """Rows of Markdown, printed as soon as they are known."""

    def __init__(self, *columns: str) -> None:
        self.add(*columns)
        self.add(*("---" for _ in columns))

    def add(self, *cells: str) -> None:
        print("| " + " | ".join(cells) + " |", flush=True)


def cold(report: Report, lake: Lake, label: tuple[str, ...], down: bool, reference: Nodes, repeat: int) -> None:
    version, start = lake.bottom if down else lake.top
    here, there = ("parent", "child") if down else ("child", "parent")
    arguments = (str(lake.place), version.name, str(version.run))
    ours: list[Spent] = []
    limit: list[Spent] = []
    code = COLD_IMPACT if down else COLD_CLOSURE
    process(code, *arguments)  # both find the files in the page cache, and their modules compiled
    process(rivals.COLD_LIMIT, str(start), here, there, json.dumps(lake.files))
    for _ in range(repeat):  # taking turns, so that both meet the same machine
        spent, count = process(code, *arguments)
        expect("the ledger, cold", count, reference)
        ours.append(spent)
        spent, count = process(rivals.COLD_LIMIT, str(start), here, there, json.dumps(lake.files))
        expect("the cold limit", count, reference)
        limit.append(spent)
    pairs = list(zip(ours, limit, strict=True))
    report.add(
        *label,
        f"{reference.count:,}",
        spell(statistics.median(s.clock for s in ours)),
        spell(statistics.median(s.clock for s in limit)),
        f"{statistics.median(a.clock / b.clock for a, b in pairs):.2f}x",
        spell(statistics.median(s.cpu for s in ours)),
        spell(statistics.median(s.cpu for s in limit)),
        f"{statistics.median(a.cpu / b.cpu for a, b in pairs):.2f}x",
        f"{ours[-1].memory:,.0f} / {limit[-1].memory:,.0f} MiB",
        f"{os.getloadavg()[0]:.1f}",
    )


class Beside:
    """The rivals, loaded with the edges of one lake."""

    def __init__(self, lake: Lake, connection: Any) -> None:
        columns = duckdb.execute("SELECT child, parent FROM read_parquet($f)", {"f": lake.files}).fetchnumpy()
        child, parent = columns["child"], columns["parent"]
        self.up = rivals.Csr(child, parent)
        self.down = rivals.Csr(parent, child)
        self.connection = connection
        self.graph = rivals.rustworkx_graph(child, parent, lake.versions)
        if connection is not None:
            rivals.postgres_load(connection, child, parent)

    def reference(self, start: int, down: bool) -> Nodes:
        return fingerprint((self.down if down else self.up).reached(start))


def warm(report: Report, lake: Lake, label: tuple[str, ...], down: bool, beside: Beside, repeat: int) -> None:
    import rustworkx

    version, start = lake.bottom if down else lake.top
    reference = beside.reference(start, down)
    ledger = open_ledger(lake.place)
    target = Production((STUDENT,), inputs=(Input(version),))
    if down:
        ours, impact = repeated(lambda: ledger.impact([version]), repeat)
        reached = [a.version for a in impact.reached]
    else:
        program: dict[str, Any] = {}
        exec(DECIDE, program)  # the very same policy as in the cold process
        closure = ledger.closure(target)

        def gate() -> None:
            nonlocal closure
            closure = ledger.closure(target)
            program["verdict"](closure)

        ours, _ = repeated(gate, repeat)
        reached = [r.version for r in closure.reached[1:]]
    expect("the ledger", fingerprint(np.array([number(v) for v in reached])), reference)
    csr, _ = repeated(lambda: (beside.down if down else beside.up).reached(start), repeat)
    family = rustworkx.descendants if down else rustworkx.ancestors
    rust, found = repeated(lambda: family(beside.graph, start), repeat)
    expect("rustworkx", fingerprint(np.array([start, *found])), reference)
    sql = "not run"
    if beside.connection is not None:
        here, there = ("parent", "child") if down else ("child", "parent")
        try:
            took, nodes = repeated(
                lambda: rivals.postgres_reached(beside.connection, start, here, there), min(repeat, 5)
            )
            expect("PostgreSQL", nodes, reference)
            sql = spell(took.clock)
        except TimeoutError:
            sql = f"over {rivals.STATEMENT_TIMEOUT_S} s"
    load = f"{os.getloadavg()[0]:.1f}"
    report.add(*label, f"{reference.count:,}", str(ours), str(csr), str(rust), sql, load)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-edges", type=int, default=100_000, help="largest lake (default: 100,000)")
    parser.add_argument("--min-edges", type=int, default=10_000, help="smallest lake (default: 10,000)")
    parser.add_argument(
        "--repeat", type=int, default=5, help="runs per figure, 3 at 10M; medians are shown (default: 5)"
    )
    parser.add_argument("--no-postgres", action="store_true", help="leave PostgreSQL out")
    chosen = parser.parse_args()
    sizes = [s for s in SIZES if chosen.min_edges <= s <= chosen.max_edges]
    with tempfile.TemporaryDirectory() as folder:
        lakes = {(s, shape): build(Path(folder) / f"{s}-{shape}", s, SHAPES[shape]) for s in sizes for shape in SHAPES}
        asked = [(lake, (f"{size:,}", shape, way)) for (size, shape), lake in lakes.items() for way in ("up", "down")]
        print("A fresh process, interpreter start and imports included:\n")
        report = Report(
            "edges",
            "tables",
            "way",
            "reached",
            "ledger",
            "limit",
            "ratio",
            "CPU",
            "limit CPU",
            "CPU ratio",
            "peak memory",
            "load",
        )
        for lake, label in asked:
            columns = duckdb.execute("SELECT child, parent FROM read_parquet($f)", {"f": lake.files}).fetchnumpy()
            down = label[2] == "down"
            pair = (columns["parent"], columns["child"]) if down else (columns["child"], columns["parent"])
            reference = fingerprint(rivals.Csr(*pair).reached((lake.bottom if down else lake.top)[1]))
            cold(report, lake, label, down, reference, repeats(lake, chosen.repeat))
        print("\nA process that stays; everything is loaded. In brackets the time on the processors:\n")
        report = Report("edges", "tables", "way", "reached", "ledger", "CSR", "rustworkx", "PostgreSQL CTE", "load")
        if chosen.no_postgres:
            _warm_rows(report, lakes, chosen.repeat, None)
        else:
            with rivals.postgres() as connection:
                _warm_rows(report, lakes, chosen.repeat, connection)
        print("\nIndex on disk:", ", ".join(f"{s:,} {k} {lake.mebibytes:,.0f} MiB" for (s, k), lake in lakes.items()))


def _warm_rows(report: Report, lakes: dict[tuple[int, str], Lake], repeat: int, connection: Any) -> None:
    for (size, shape), lake in lakes.items():
        beside = Beside(lake, connection)
        for way in ("up", "down"):
            warm(report, lake, (f"{size:,}", shape, way), way == "down", beside, repeats(lake, repeat))


if __name__ == "__main__":
    main()
