"""Events per second from a file of lines to durable in the ledger, and to the index, beside the limit.

    .venv/bin/python -m bench.ingest

Own events are the wide ones that collecting writes (five inputs, 6 kB), those of others Spark-like runs of two
events. The limit is one process that parses each line, writes it canonically, hashes it and appends all of it
with one sync: no checks, no doubles, no chain. CPU is that of all processes together.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from bench.ledger import events
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.ingest import ingest_files, sources

START = datetime(2026, 1, 1, tzinfo=UTC)


def others(count: int) -> Iterator[dict[str, Any]]:
    """Spark-like runs: inputs at START, an output with a schema, column lineage and a life cycle at COMPLETE."""
    by = "https://github.com/OpenLineage/OpenLineage/tree/1.40.0/integration/spark"
    spec = "https://openlineage.io/spec"
    for n in range(count):
        run, table = n // 2, n // 2 % 500
        source = {"namespace": "s3://lake", "name": f"raw/{(table * 7) % 500}"}
        base = {
            "eventTime": (START + timedelta(seconds=n)).isoformat(),
            "producer": by,
            "schemaURL": f"{spec}/2-0-2/OpenLineage.json#/$defs/RunEvent",
            "run": {"runId": str(uuid5(NAMESPACE_URL, str(run)))},
            "job": {"namespace": "spark", "name": f"job{table}"},
        }
        if n % 2 == 0:
            yield {**base, "eventType": "START", "inputs": [source], "outputs": []}
            continue
        columns = {f"c{k}": {"inputFields": [{**source, "field": f"c{k}"}]} for k in range(4)}
        facets = {
            "schema": {"_producer": by, "_schemaURL": spec, "fields": [{"name": c, "type": "string"} for c in columns]},
            "columnLineage": {"_producer": by, "_schemaURL": spec, "fields": columns},
            "lifecycleStateChange": {"_producer": by, "_schemaURL": spec, "lifecycleStateChange": "OVERWRITE"},
        }
        output = {"namespace": "s3://lake", "name": f"clean/{table}", "facets": facets}
        yield {**base, "eventType": "COMPLETE", "inputs": [], "outputs": [output]}


def cpu() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(s.ru_utime + s.ru_stime for s in spent)


def limit(path: Path, folder: Path) -> None:
    encode, decode = msgspec.json.Encoder(order="sorted").encode, msgspec.json.Decoder().decode
    with open(folder / "bare", "wb") as f:
        for line in path.read_bytes().splitlines():
            canonical = encode(decode(line))
            sha256(canonical).digest()
            f.write(canonical + b"\n")
        f.flush()
        os.fsync(f.fileno())


def row(what: str, how: str, count: int, work: Callable[[], object]) -> None:
    before, start = cpu(), time.perf_counter()
    work()
    wall, spent = time.perf_counter() - start, cpu() - before
    rate, per_cpu = count / wall, count / spent
    load = os.getloadavg()[0]
    print(
        f"| {what} | {how} | {rate:,.0f}/s | {per_cpu:,.0f}/s | {spent / count * 1e6:.0f} us | {load:.1f} |", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=20_000)
    count: int = parser.parse_args().events
    print("| events | way | by the clock | by CPU time | CPU of one | load |")
    print("| --- | --- | --- | --- | --- | --- |")
    kinds: list[tuple[str, Callable[[], Iterator[dict[str, Any]]]]] = [
        ("others'", lambda: others(count)),
        ("own", lambda: (e for _, e in events(count, 0.02))),
    ]
    for what, made in kinds:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "events.ndjson"
            with open(path, "w", encoding="utf-8") as f:
                f.writelines(json.dumps(e) + "\n" for e in made())
            label = f"{what}, {path.stat().st_size // count:,} bytes"
            row(label, "limit, one process", count, lambda path=path, folder=folder: limit(path, Path(folder)))
            for workers in (0, 2):
                ledger = open_ledger(Path(folder) / f"ledger{workers}")

                def durable(path: Path = path, workers: int = workers, ledger: Any = ledger) -> None:
                    told = ingest_files(ledger, sources([str(path)]), datetime.now(UTC), workers)
                    assert (told.accepted, told.refused) == (count, [])

                way = f"{workers} worker processes" if workers else "one process"
                row(label, f"durable, {way}", count, durable)
                if not workers:
                    row(label, "then the index", count, ledger.compact)


if __name__ == "__main__":
    main()
