"""What it costs to write one event, beside a bare append and fsync of the same bytes.

    .venv/bin/python -m bench.write

The two take turns, so that both meet the same disk. A ledger that is opened anew for each event is what
a process pays that writes once; its index is read as far as it needs to be.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

from bench.ledger import events, timed
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive.batch import canonical

EVENTS = 200


def row(what: str, history: int, anew: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "ledger"
        every = [e for _, e in events(history + EVENTS, 0)]
        ledger = open_ledger(place)
        if history:
            ledger.append(every[:history])
            ledger.compact()
        bare: list[float] = []
        ours: list[float] = []
        cpu: list[float] = []
        with open(Path(folder) / "bare", "ab") as f:
            for event in every[history : history + (EVENTS // 10 if anew else EVENTS)]:
                line = canonical(event)

                def write(line: bytes = line) -> None:
                    f.write(line)
                    f.flush()
                    os.fsync(f.fileno())

                def append(event: dict[str, object] = event) -> None:
                    (open_ledger(place) if anew else ledger).append([event])

                bare.append(timed(write)[0])
                start = time.process_time()
                ours.append(timed(append)[0])
                cpu.append(time.process_time() - start)
        a, b, c = (statistics.median(x) * 1e3 for x in (bare, ours, cpu))
        load = os.getloadavg()[0]
        print(f"| {what} | {a:.2f} ms | {b:.2f} ms | {b / a:.2f}x | {c:.2f} ms | {load:.1f} |", flush=True)


def main() -> None:
    print("| one event of 3 to 6 kB | append + fsync | ledger | ratio | of it CPU | load |")
    print("| --- | --- | --- | --- | --- | --- |")
    row("an empty ledger", 0, False)
    row("20,000 events in the index", 20_000, False)
    row("the same, the ledger opened anew each time", 20_000, True)


if __name__ == "__main__":
    main()
