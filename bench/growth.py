"""What new events cost on a history of any length, as Markdown: the ledger's part of a sensor tick.

    .venv/bin/python -m bench.growth [--max-edges 1000000]

A tick asks how far it has collected, appends what is new, and judges the training assets that
this reaches. History is a lake (see ``bench.lake``) of shallow tables; new are ten productions.
The closure is of a step that reads the ten. Costs should not follow the length of history.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from bench.closure import SIZES, STUDENT, Report, spell, timed
from bench.lake import Lake, build, made_until
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.encode import event_of

NEW = 10


def news(lake: Lake, start: int) -> list[Production]:
    """Ten versions that nobody has heard of."""
    at = made_until(lake) + timedelta(seconds=start + 1)
    runs = [f"00000000-0000-7000-9000-{n:012x}" for n in range(start, start + NEW)]
    return [Production((Version("default", "new", None, run),), produced_at=at) for run in runs]


def event(made: Production, position: int) -> dict[str, object]:
    at = made.produced_at
    assert at is not None
    run = str(made.outputs[0].run)
    return event_of(AssetRun(run, RunState.COMPLETE, at, "default", "new", made, source=("bench", position)))


def median(work: Callable[[], object], repeat: int) -> str:
    work()
    return spell(statistics.median(timed(work)[0] for _ in range(repeat)))


def measure(report: Report, lake: Lake, repeat: int) -> None:
    ledger = open_ledger(lake.place)
    fresh = median(lambda: open_ledger(lake.place).position("bench"), repeat)
    append: list[float] = []
    judge: list[float] = []
    for n in range(repeat + 1):
        made = news(lake, n * NEW)
        batch = [event(p, n * NEW + k) for k, p in enumerate(made)]
        append.append(timed(lambda batch=batch: ledger.append(batch))[0])
        step = Production((STUDENT,), inputs=tuple(Input(p.outputs[0]) for p in made))
        seconds, closure = timed(lambda step=step: ledger.closure(step))
        assert [r.recorded for r in closure.reached[1:]] == [True] * NEW
        judge.append(seconds)
    report.add(
        f"{lake.versions:,}",
        fresh,
        median(lambda: ledger.position("bench"), repeat),
        spell(statistics.median(append[1:])),
        spell(statistics.median(judge[1:])),
        f"{os.getloadavg()[0]:.1f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-edges", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=9)
    chosen = parser.parse_args()
    report = Report(
        "versions on record", "position, new handle", "position", f"append {NEW}", "closure of them", "load"
    )
    for size in (s for s in SIZES if s <= chosen.max_edges):
        with tempfile.TemporaryDirectory() as folder:
            measure(report, build(Path(folder) / "ledger", size, 0.0), chosen.repeat)


if __name__ == "__main__":
    main()
