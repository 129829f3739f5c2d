"""The text scan beside the fastest libraries, on the same texts in the same run.

Run: python -m bench.scan [texts]
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import duckdb
import hyperscan
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from lineage_guard.gx.phrases import load_phrases
from lineage_guard.gx.scan import scan

REPEATS = 5
LENGTH = 500
COMMON = """
the of and to a in is I that it for you was with on as have but be they this an are not from at by
or one had word what all were we when your can said there use each which she do how their if will up
other about out many then them these so some her would make like him into time has look two more
write go see number no way could people my than first water been call who its now find long down day
did get come made may part please note however answer question helpful consider important several
options model language created developed trained assistant AI
"""
WORDS = COMMON.split()


def texts(n: int, naming: float, mentioning: float) -> pa.Array:
    """Responses of common words by Zipf's law, some of which name their model and some of which mention one."""
    rng = random.Random(7)
    weights = [1 / (rank + 1) for rank in range(len(WORDS))]
    pool = [" ".join(rng.choices(WORDS, weights, k=150))[:LENGTH] for _ in range(5_000)]
    examples = [p.example for p in load_phrases().phrases]
    made: list[str] = []
    for i in range(n):
        text = pool[i % len(pool)]
        if rng.random() < naming:
            start = rng.choice(examples)
            text = f"{start} {text}"[:LENGTH]
        elif rng.random() < mentioning:
            text = f"{text[: LENGTH // 2]} such as ChatGPT by OpenAI or Claude by Anthropic {text}"[:LENGTH]
        made.append(text)
    return pa.array(made, pa.large_string())


def seconds(work: Callable[[], object]) -> float:
    work()
    times: list[float] = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def rivals(array: pa.Array) -> dict[str, Callable[[], object]]:
    """Forty plain phrases of one spelling each, which is less than a scan looks for, and counted, not decided."""
    forty = [p.example[:24].lower() for p in load_phrases().phrases if p.example.isascii()][:40]
    database: Any = hyperscan.Database()
    database.compile(
        expressions=["".join(c if c.isalnum() or c == " " else f"\\x{ord(c):02x}" for c in f).encode() for f in forty],
        ids=list(range(40)),
        elements=40,
        flags=hyperscan.HS_FLAG_CASELESS,
    )
    buffer = memoryview(array.buffers()[2])
    series = pl.Series(pl.from_arrow(array))
    either = "|".join(map(_escaped, forty))
    connection = duckdb.connect(":memory:")
    connection.register("given", pa.table({"response": array}))
    connection.execute("CREATE TABLE texts AS FROM given")
    count = f"SELECT count(*) FROM texts WHERE regexp_matches(response, '{either.replace(chr(39), chr(39) * 2)}', 'i')"

    def by_hyperscan() -> int:
        ends: list[int] = []
        database.scan(buffer, match_event_handler=lambda _i, _s, end, _f, _c: ends.append(end))
        return len(ends)

    return {
        "hyperscan, 40 phrases": by_hyperscan,
        "polars contains_any, 40 phrases": lambda: series.str.contains_any(forty, ascii_case_insensitive=True).sum(),
        "polars regex, 40 phrases": lambda: series.str.contains(f"(?i){either}").sum(),
        "duckdb regexp_matches, 40 phrases": lambda: connection.execute(count).fetchall(),
        "pyarrow match_substring_regex, 40 phrases": lambda: pc.sum(
            pc.match_substring_regex(array, either, ignore_case=True)
        ),
    }


def _escaped(text: str) -> str:
    return "".join(c if c.isalnum() or c in " ,'" else f"\\x{ord(c):02x}" for c in text)


def main(n: int) -> None:
    print(
        f"{n:,} responses of {LENGTH} characters, {len(load_phrases().phrases)} phrases in all their spellings;"
        f" Hyperscan {version('hyperscan')}, Polars {version('polars')} on {os.cpu_count()} cores.\n"
    )
    plain = texts(n, 0.001, 0.01)
    connection = duckdb.connect(":memory:")
    connection.register("given", pa.table({"response": plain}))
    connection.execute("CREATE TABLE texts AS FROM given")

    def ours(engine: Any) -> Callable[[], object]:
        return lambda: scan(connection, "texts", "response", ["qwen"], engine=engine)

    one, other = (
        scan(connection, "texts", "response", engine="hyperscan"),
        scan(connection, "texts", "response", engine="duckdb"),
    )
    assert one.named == other.named
    assert one.naming > 0
    times = {name: seconds(work) for name, work in rivals(plain).items()}
    best = min(times.values())
    times["**scan, hyperscan**"] = seconds(ours("hyperscan"))
    times["**scan, duckdb alone**"] = seconds(ours("duckdb"))
    arrow = seconds(lambda: connection.sql("SELECT response FROM texts").to_arrow_table())
    print("| | seconds | of the fastest | responses/s |\n|---|---|---|---|")
    for name, took in sorted(times.items(), key=lambda t: t[1]):
        print(f"| {name} | {took:.3f} | {took / best:.1f}x | {n / took:,.0f} |")
    print(
        f"\nHanding the texts from DuckDB to Arrow takes {arrow:.3f} s of each scan; the rivals have them in memory.\n"
    )
    print("| rows that name a model | rows that mention one | scan, hyperscan |\n|---|---|---|")
    for naming, mentioning in ((0.0, 0.0), (0.001, 0.01), (0.01, 0.1), (0.1, 0.5)):
        with duckdb.connect(":memory:") as own:
            own.register("texts", pa.table({"response": texts(n, naming, mentioning)}))
            took = seconds(lambda own=own: scan(own, "texts", "response", ["qwen"], engine="hyperscan"))
        print(f"| {naming:.1%} | {mentioning:.0%} | {took:.3f} s |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
