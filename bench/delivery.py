"""How fast a backlog of OpenLineage events drains, against a bare HTTP client that posts the same bytes.

    python -m bench.delivery [--events 100000]

The backend is a local server in a process of its own that reads the event and answers 201. Events are the START
and COMPLETE of tables with eight columns and two inputs, as the collector writes them. The bare client posts the
first events' bytes over one kept-alive `requests.Session`, which is what openlineage-python's HTTP transport uses
too; each figure is taken over all events, but for the bare client and the slow backend, where a part says enough.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.queues import Queue
from typing import Any

import requests

from lineage_guard.domain.facts import Completeness, Input, Production, Version
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState, asset_run_id
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.archive.counting import events_after
from lineage_guard.openlineage.deliver import drain
from lineage_guard.openlineage.encode import canonical, event_of

PART = 10_000
SLOW = 0.005
AT = datetime(2026, 11, 1, tzinfo=UTC)


def serve(ports: Queue[int], delay: float) -> None:
    """A backend that takes everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(delay)
            self.wfile.write(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    ports.put(server.server_port)
    server.serve_forever()


def events(count: int) -> list[dict[str, Any]]:
    """START and COMPLETE of tables."""
    made: list[dict[str, Any]] = []
    for n in range(count // 2):
        name = f"warehouse/table_{n % 500}"
        run_id = asset_run_id(f"run {n}", name, None, AT)
        inputs = tuple(
            Input(Version("default", f"warehouse/raw_{n % 400 + k}", None, asset_run_id(f"raw {n}", name, None, AT)))
            for k in range(2)
        )
        production = Production((Version("default", name, None, run_id),), inputs, completeness=Completeness.COMPLETE)
        parent = ParentRun(f"3f1c2a9e-5f0c-4a55-9a5e-{n:012x}", "default", "nightly")
        for state in (RunState.START, RunState.COMPLETE):
            columns = tuple((f"column_{c}", "VARCHAR") for c in range(8)) if state is RunState.COMPLETE else ()
            run = AssetRun(
                run_id, state, AT, "default", name, production, parent=parent, columns=columns, source=("dagster:b", n)
            )
            made.append(event_of(run))
    return made


def bare(url: str, bodies: list[bytes]) -> tuple[float, float]:
    """Events a second of a client that does nothing but post, and its milliseconds of CPU for each."""
    session = requests.Session()
    began, cpu = time.perf_counter(), time.process_time()
    for body in bodies:
        session.post(
            url + "/api/v1/lineage", data=body, headers={"Content-Type": "application/json"}
        ).raise_for_status()
    took, used = time.perf_counter() - began, time.process_time() - cpu
    return len(bodies) / took, used / len(bodies) * 1000


def drained(ledger: Ledger, url: str, name: str, limit: int | None) -> tuple[float, float]:
    """Events a second of ``drain``, and its milliseconds of CPU for each."""
    config = {"transport": {"type": "http", "url": url}}
    began, cpu = time.perf_counter(), time.process_time()
    report = drain(ledger, config, name=name, limit=limit, seconds=float("inf"))
    took, used = time.perf_counter() - began, time.process_time() - cpu
    assert report.error is None, report.error
    return report.delivered / took, used / report.delivered * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    count = parser.parse_args().events
    ledger = open_ledger(tempfile.mkdtemp())
    made = events(count)
    for n in range(0, len(made), 1000):
        ledger.append(made[n : n + 1000])
    bodies = [canonical(event) for event in made[:PART]]
    size = sum(map(len, bodies)) / len(bodies) / 1000
    began = time.perf_counter()
    counted = events_after(ledger.archive, None)
    counting = time.perf_counter() - began
    assert counted == len(made)
    began = time.perf_counter()
    read = sum(1 for _ in ledger.events(None))
    reading = time.perf_counter() - began
    assert read == len(made)
    del made
    context = multiprocessing.get_context("spawn")
    rows: list[tuple[str, tuple[float, float], tuple[float, float]]] = []
    for delay, part in ((0.0, None), (SLOW, PART // 5)):
        ports: Queue[int] = context.Queue()
        server = context.Process(target=serve, args=(ports, delay), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{ports.get()}"
        few = bodies[:part]
        before = bare(url, few)
        ours = drained(ledger, url, f"at {delay}", part)
        after = bare(url, few)
        plain = ((before[0] + after[0]) / 2, (before[1] + after[1]) / 2)
        what = f"a backend that takes {delay * 1000:.0f} ms for each" if delay else "a backend that answers at once"
        rows.append((what, ours, plain))
        server.kill()
        server.join()
    print(f"{count:,} events of {size:.1f} kB on average.\n")
    print(
        "| to | drain, events/s | bare client | of it | drain, CPU ms each | bare client |\n|---|---|---|---|---|---|"
    )
    for what, ours, plain in rows:
        rates = f"{ours[0]:,.0f} | {plain[0]:,.0f} | {ours[0] / plain[0]:.0%}"
        print(f"| {what} | {rates} | {ours[1]:.2f} | {plain[1]:.2f} |")
    print(
        f"\nReading the backlog from the ledger: {reading:.1f} s; counting it for the progress bar: {counting:.1f} s."
    )
    print(f"The backlog drains in {count / rows[0][1][0]:,.0f} s where the backend answers at once.")


if __name__ == "__main__":
    main()
