"""What the ledger costs: appending, ingesting, compacting, and closures beside the limit.

    .venv/bin/python bench/ledger.py                      # 10k and 100k edges
    .venv/bin/python bench/ledger.py --edges 1000000      # one size

Every closure row compares the nodes reached with a search that shares no code with the ledger:
all edges read from the same Parquet files and walked over a CSR (the limit for a cold process).
Cold rows are fresh processes, interpreter start and imports included.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from rich.console import Console
from rich.table import Table

from lineage_guard.domain.facts import Input, ModelSource, Production, Version
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.archive.log import canonical
from lineage_guard.openlineage.encode import event_of

T = TypeVar("T")
START = datetime(2026, 1, 1, tzinfo=UTC)
FANIN = 5
BATCH = 2_000

COLD_LEDGER = """
import sys, json
from lineage_guard.ledger import open_ledger
from lineage_guard.domain.facts import Input, Production, Version
place, name, run = sys.argv[1:]
target = Production((Version("default", "student"),), inputs=(Input(Version("default", name, None, run)),))
print(json.dumps(len(open_ledger(place).closure(target).reached) - 1))
"""

COLD_GATE = (
    """
import json, sys, uuid
from lineage_guard.ledger import open_ledger
event = {
    "eventTime": "2026-01-01T00:00:00Z", "eventType": "START", "producer": "https://example.com/bench",
    "run": {"runId": str(uuid.uuid4())},
    "job": {"namespace": "default", "name": "student"}, "inputs": [], "outputs": [],
}
open_ledger(sys.argv[1]).append([event])
"""
    + COLD_LEDGER
)

# The limit: every edge from Parquet, a CSR, a search; no names, no facts, no checks.
COLD_LIMIT = """
import sys, json
import duckdb, numpy as np
start, files = int(sys.argv[1]), json.loads(sys.argv[2])
c = duckdb.connect()
e = c.execute("SELECT child, parent FROM read_parquet($f)", {"f": files}).fetchnumpy()
child, parent = e["child"], e["parent"]
n = int(max(child.max(), parent.max())) + 1
order = np.argsort(child, kind="stable")
parent = parent[order]
indptr = np.zeros(n + 1, dtype=np.int64)
np.cumsum(np.bincount(child, minlength=n), out=indptr[1:])
seen = np.zeros(n, dtype=bool); seen[start] = True
frontier = np.array([start]); count = 1
while frontier.size:
    low, counts = indptr[frontier], indptr[frontier + 1] - indptr[frontier]
    rows = np.repeat(low - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())
    found = np.unique(parent[rows]); frontier = found[~seen[found]]; seen[frontier] = True; count += frontier.size
print(json.dumps(count))
"""


def run_uuid(n: int) -> str:
    return str(UUID(int=(0x7 << 76) | (0b10 << 62) | n))


def versions(count: int, incremental: float) -> Iterator[tuple[Version, list[int]]]:
    """A hundred versions each of tables in twelve layers; some tables also read their own last version."""
    rng = random.Random(5)
    tables = max(count // 100, 10)
    layers = 12
    last: dict[int, int] = {}
    growing = {t for t in range(tables) if rng.random() < incremental}
    for n in range(count):
        table = n % tables
        layer = table * layers // tables
        below = range(tables * (layer - 1) // layers, tables * layer // layers) if layer else range(0)
        parents = [last[t] for t in rng.sample(below, min(FANIN, len(below))) if t in last]
        if table in growing and table in last:
            parents.append(last[table])
        last[table] = n
        yield Version("default", f"layer{layer}/table{table}", None, run_uuid(n)), parents


def events(count: int, incremental: float) -> Iterator[tuple[Version, dict[str, object]]]:
    made: list[Version] = []
    for n, (version, parents) in enumerate(versions(count, incremental)):
        made.append(version)
        at = START + timedelta(seconds=n)
        production = Production(
            (version,),
            inputs=tuple(Input(made[p]) for p in parents),
            models=(ModelSource("openai", "gpt-4o", channel="api.openai.com"),) if not parents and n % 3 == 0 else (),
            produced_at=at,
        )
        run = AssetRun(run_uuid(n), RunState.COMPLETE, at, "default", version.name, production, source=("bench", n))
        yield version, event_of(run)


def timed(work: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def append_rows(table: Table) -> None:
    """Single-event appends against a bare append and fsync of the same bytes."""
    with tempfile.TemporaryDirectory() as folder:
        batch = [e for _, e in events(200, 0)]
        ledger = open_ledger(Path(folder) / "ledger")
        bare: list[float] = []
        ours: list[float] = []
        with open(Path(folder) / "bare", "ab") as f:
            for event in batch:  # alternating, so that both meet the same disk
                line = canonical(event)

                def write(line: bytes = line) -> None:
                    f.write(line)
                    f.flush()
                    os.fsync(f.fileno())

                bare.append(timed(write)[0])
                ours.append(timed(lambda event=event: ledger.append([event]))[0])
        a, b = statistics.median(bare) * 1e3, statistics.median(ours) * 1e3
        table.add_row("append 1 event, p50", f"{b:.2f} ms", f"append+fsync {a:.2f} ms", f"{b / a:.2f}x")


def fill(place: Path, edges: int, incremental: float, table: Table) -> list[Version]:
    made: list[Version] = []
    ledger = open_ledger(place)
    pending: list[dict[str, object]] = []
    appending = compacting = 0.0
    total = 0
    for version, event in events(edges // FANIN, incremental):
        made.append(version)
        pending.append(event)
        if len(pending) == BATCH:
            appending += timed(partial(ledger.append, pending))[0]
            total += len(pending)
            pending = []
            if total % 20_000 == 0:
                compacting += timed(ledger.compact)[0]
    appending += timed(partial(ledger.append, pending))[0] if pending else 0
    compacting += timed(ledger.compact)[0]
    count = len(made)
    table.add_row(f"append {count:,} events", f"{appending:.2f} s", f"{count / appending:,.0f} events/s", "")
    table.add_row("compact them", f"{compacting:.2f} s", f"{count / compacting:,.0f} events/s", "")
    size = sum(p.stat().st_size for p in (place / "index").rglob("*.parquet")) / 1e6
    log = sum(p.stat().st_size for d in ("log", "packs") for p in (place / d).rglob("*.jsonl*")) / 1e6
    table.add_row("size", f"log, packed {log:.1f} MB", f"index {size:.1f} MB", "")
    return made


def cold(code: str, *arguments: str) -> tuple[float, float, int]:
    """Least wall time and least CPU time of five fresh processes, in seconds, and what they printed."""

    def once() -> int:
        done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
        return int(json.loads(done.stdout))

    walls: list[float] = []
    cpus: list[float] = []
    answer = 0
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds, answer = timed(once)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(seconds)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(walls), min(cpus), answer


def gate_rows(table: Table) -> None:
    """What the ledger adds to a step: a fresh process appends one event and computes one closure."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        ledger = open_ledger(place)
        made: list[Version] = []
        for version, event in events(1_000, 0):
            made.append(version)
            ledger.append([event])
        arguments = (str(place), made[-1].name, str(made[-1].run))
        for label in ("all in the tail, 1,000 batches", "compacted"):
            seconds, cpu, _ = cold(COLD_GATE, *arguments)
            bare, bare_cpu, _ = cold("import duckdb, numpy; print(0)")
            table.add_row(
                f"gate on 1,000 versions, {label}",
                f"{seconds:.2f} s ({cpu:.2f} CPU)",
                f"import duckdb, numpy {bare:.2f} s ({bare_cpu:.2f} CPU)",
                "",
            )
            ledger.compact()


def closure_rows(table: Table, place: Path, made: list[Version], label: str) -> None:
    from lineage_guard.ledger.index.manifest import newest

    ledger: Ledger = open_ledger(place)
    target = Production((Version("default", "student"),), inputs=(Input(made[-1]),))
    ledger.closure(target)
    warm = statistics.median(timed(lambda: ledger.closure(target))[0] for _ in range(9))
    seconds, cpu, reached = cold(COLD_LEDGER, str(place), made[-1].name, str(made[-1].run))
    files = [str(place / f.key) for f in newest(ledger.archive).files("edges")]
    # Ids are given in the order of first mention, which is the order of this history.
    limit, limit_cpu, expected = cold(COLD_LIMIT, str(len(made) - 1), json.dumps(files))
    same = "same nodes" if reached == expected else f"NODES DIFFER: {expected:,}"
    table.add_row(f"closure, cold, {label}", f"{seconds:.2f} s", f"limit {limit:.2f} s", f"{seconds / limit:.2f}x")
    table.add_row(f"the same, CPU, {label}", f"{cpu:.2f} s", f"limit {limit_cpu:.2f} s", f"{cpu / limit_cpu:.2f}x")
    table.add_row(f"closure, warm, {label}", f"{warm * 1e3:.1f} ms", f"{reached:,} reached", same)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edges", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--incremental", type=float, nargs="+", default=[0.0, 0.02])
    chosen = parser.parse_args()
    console = Console()
    table = Table(title="one event, one step")
    for column in ("what", "ledger", "beside", "ratio"):
        table.add_column(column)
    append_rows(table)
    gate_rows(table)
    console.print(table)
    for edges in chosen.edges:
        for incremental in chosen.incremental:
            table = Table(title=f"about {edges:,} edges, {incremental:.0%} of the tables read their own last version")
            for column in ("what", "ledger", "beside", "check"):
                table.add_column(column)
            with tempfile.TemporaryDirectory() as folder:
                made = fill(Path(folder), edges, incremental, table)
                closure_rows(table, Path(folder), made, f"{edges:,}")
            console.print(table)


if __name__ == "__main__":
    main()
