"""What the pages of ``lineage-guard serve`` ask of a ledger, as Markdown: cold, warm, and beside a bare limit.

    .venv/bin/python -m bench.serve [--versions 100000] [--verdicts 20000]

The lake is real events, appended and compacted, with the last hundred not compacted: sources of which a third were
made by a model, tables that read three of them, a tenth of which read their own last version, too, tables that read
three of those, and training assets that read two of the last, each with a verdict for every run. The facets are those
of verdicts that were taken; runs of one asset repeat them.

*Cold* is the first time a handle is asked, in a process that has everything imported; *warm* is the median of later
times, each after the ledger was looked at for news. The limit is what the same answer costs at least: DuckDB alone
over the same Parquet files, warm, or what is named.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.facts import Input, ModelSource, Production, Version
from lineage_guard.domain.rules.terms import TRAIN_COMPETING
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState
from lineage_guard.explaining.answering import upstream
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.index.manifest import newest
from lineage_guard.openlineage.encode import event_of
from lineage_guard.web import questions
from lineage_guard.web.contents import Rules

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
ROUNDS = 100
GPT = ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com")
QWEN = ModelSource("huggingface", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted")
CLAUDE = ModelSource("anthropic", "claude-3-opus", channel="api.anthropic.com")
MODELS = ((GPT,), (QWEN,), (QWEN,), (), (), (), (CLAUDE,), (QWEN,), ())
BATCH = 2_000


@dataclass
class World:
    """The events of a lake, round by round.

    Args:
        versions: how many, about.
        verdicts: how many.
    """

    versions: int
    verdicts: int

    def __post_init__(self) -> None:
        self.rng = random.Random(7)
        self.training = max(1, self.verdicts // ROUNDS)
        tables = max(20, (self.versions - self.verdicts // 2) // ROUNDS)
        self.sources, self.curated = tables * 5 // 9, tables * 3 // 9
        self.mixed = tables - self.sources - self.curated
        self.reads = {
            "curated": [self.rng.sample(range(self.sources), 3) for _ in range(self.curated)],
            "mixed": [self.rng.sample(range(self.curated), min(3, self.curated)) for _ in range(self.mixed)],
            "train": [self.rng.sample(range(self.mixed), min(2, self.mixed)) for _ in range(self.training)],
        }

    def version(self, kind: str, n: int, round_: int) -> Version:
        run = [*self.reads, "source"].index(kind) << 60 | n << 20 | round_
        partition = ("de", "en", "fr")[n % 3] if kind == "source" else None
        return Version("default", f"{kind}/table_{n}", partition, str(UUID(int=0x019B << 112 | 7 << 76 | run)))

    def made(self, kind: str, n: int, round_: int) -> Production:
        at = BEGUN + timedelta(days=round_, seconds=n)
        version = self.version(kind, n, round_)
        if kind == "source":
            return Production((version,), models=MODELS[n % len(MODELS)], produced_at=at)
        below = {"curated": "source", "mixed": "curated", "train": "mixed"}[kind]
        inputs = [Input(self.version(below, parent, round_)) for parent in self.reads[kind][n]]
        if kind == "curated" and n % 10 == 0 and round_:
            inputs.append(Input(self.version(kind, n, round_ - 1)))
        return Production((version,), tuple(inputs), produced_at=at)

    def events(self, verdict_of: Callable[[int], Verdict]) -> Iterator[dict[str, Any]]:
        for round_ in range(ROUNDS):
            for kind, count in (("source", self.sources), ("curated", self.curated), ("mixed", self.mixed)):
                yield from (event(self.made(kind, n, round_)) for n in range(count))
            for n in range(self.training):
                made, verdict = self.made("train", n, round_), verdict_of(n)
                at = BEGUN + timedelta(days=round_, hours=2, seconds=n)
                yield event(made, replace(verdict, target=made.outputs[0], at=at))
                if not verdict.stops:
                    yield event(made)


def event(made: Production, verdict: Verdict | None = None) -> dict[str, Any]:
    version = made.outputs[0]
    state = RunState.COMPLETE if verdict is None else RunState.RUNNING
    at = verdict.at if verdict else made.produced_at
    assert version.run is not None
    assert at is not None
    parent = ParentRun(version.run, "default", "train") if verdict else None
    run = AssetRun(
        version.run, state, at, "default", version.name, made, parent=parent, verdict=verdict, enforced=bool(verdict)
    )
    return event_of(run, engine_version="bench")


def fill(place: Path, world: World, rules: Rules) -> None:
    ledger = open_ledger(place)
    # The first round alone says what each training asset is told.
    first = [event(world.made(k, n, 0)) for k, c in counts(world) for n in range(c)]
    with tempfile.TemporaryDirectory() as sketch:
        small = open_ledger(sketch)
        small.append(first)
        told = [judged(small, world.made("train", n, 0), rules) for n in range(world.training)]
    waiting: list[dict[str, Any]] = []
    for each in world.events(lambda n: told[n]):
        waiting.append(each)
        if len(waiting) == BATCH:
            ledger.append(waiting[:-100])
            waiting = waiting[-100:]
    ledger.append(waiting[:-100])
    ledger.compact()
    ledger.append(waiting[-100:])


def counts(world: World) -> tuple[tuple[str, int], ...]:
    return (("source", world.sources), ("curated", world.curated), ("mixed", world.mixed))


def judged(ledger: Ledger, target: Production, rules: Rules) -> Verdict:
    closure, _ = upstream(target, ledger, rules.policy.terms, rules.catalog.ancestry)
    return decide(closure, rules.policy, (), TRAIN_COMPETING, NOW)


def once(ask: Callable[[], object]) -> float:
    begun = time.perf_counter()
    ask()
    return (time.perf_counter() - begun) * 1000


def median(ask: Callable[[], object], times: int = 9) -> float:
    return statistics.median(once(ask) for _ in range(times))


class Bare:
    """DuckDB alone over the files of the index."""

    def __init__(self, ledger: Ledger, place: Path) -> None:
        self.connection = duckdb.connect()
        manifest = newest(ledger.archive)
        for table in ("versions", "productions", "decisions", "edges"):
            files = ", ".join(f"'{place / f.key}'" for f in manifest.files(table))
            self.connection.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet([{files}])")

    def __call__(self, query: str) -> Callable[[], object]:
        return lambda: self.connection.execute(query).fetchall()


VERDICTS = """SELECT * FROM decisions WHERE contains(lower(name), '{text}') OR contains(lower(facet), '{text}')
ORDER BY "at" DESC LIMIT 51"""
COUNTS = """SELECT json_extract_string(facet, '$.decision'), count(*) FROM decisions GROUP BY 1"""
VERSIONS = """SELECT v.*, p.produced_at FROM versions v LEFT JOIN productions p USING (id)
WHERE contains(lower(v.namespace || ':' || v.name), '{text}') ORDER BY p.produced_at DESC LIMIT 51"""
ONE = "SELECT * FROM decisions WHERE name = '{name}' AND run = '{run}'"


def main() -> None:
    arguments = argparse.ArgumentParser(description="What the pages ask.")
    arguments.add_argument("--versions", type=int, default=100_000)
    arguments.add_argument("--verdicts", type=int, default=20_000)
    said = arguments.parse_args()
    catalog = load_catalog()
    rules = Rules(catalog, load_policy("default", catalog))
    world = World(said.versions, said.verdicts)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        begun = time.perf_counter()
        fill(place, world, rules)
        took = time.perf_counter() - begun
        measure(place, world, rules, took)


def measure(place: Path, world: World, rules: Rules, took: float) -> None:
    ledger = open_ledger(place)
    held = ledger.check()
    bare = Bare(ledger, place)
    # Of some training assets, the last run of the one that learnt from most.
    last = [world.made("train", n, ROUNDS - 1) for n in range(min(40, world.training))]
    size, made = max(((judged(ledger, m, rules).closure_size, m) for m in last), key=lambda found: found[0])
    target, start = made.outputs[0], world.version("source", 0, 0)

    def decided(handle: Ledger) -> Callable[[], object]:
        return lambda: judged(handle, made, rules)

    asked: list[tuple[str, Callable[[Ledger], object], Callable[[], object], str]] = [
        ("verdicts, first page", lambda b: questions.verdicts(b), bare(VERDICTS.format(text="")), "DuckDB"),
        (
            "verdicts, searched",
            lambda b: questions.verdicts(b, text="CLAUDE-3"),
            bare(VERDICTS.format(text="claude-3")),
            "DuckDB",
        ),
        ("verdicts by decision", lambda b: questions.counts(b), bare(COUNTS), "DuckDB"),
        (
            "one verdict, and all on its asset",
            lambda b: questions.verdict(b, *target),
            bare(ONE.format(name=target.name, run=target.run)),
            "DuckDB",
        ),
        (
            "versions, first page",
            lambda b: questions.versions(b, catalog=rules.catalog),
            bare(VERSIONS.format(text="")),
            "DuckDB",
        ),
        (
            "versions, searched",
            lambda b: questions.versions(b, text="curated/table_7", catalog=rules.catalog),
            bare(VERSIONS.format(text="curated/table_7")),
            "DuckDB",
        ),
        (
            "path graph",
            lambda b: questions.path_graph(b, rules, target, at=NOW),
            decided(ledger),
            "the gate's closure and decision",
        ),
        (
            "explanation",
            lambda b: questions.explanation(b, rules, target, at=NOW),
            decided(ledger),
            "the gate's closure and decision",
        ),
        (
            "impact of a version",
            lambda b: questions.impact(b, version=start),
            lambda: ledger.impact([start]),
            "the search alone",
        ),
        (
            "impact of a model",
            lambda b: questions.impact(b, model="gpt-4o*"),
            lambda: ledger.impact(model="gpt-4o*"),
            "the search alone",
        ),
        ("incidents", lambda b: questions.incidents(b), lambda: ledger.names("alerts"), "listing the states"),
    ]
    print(
        f"{held.versions:,} versions, {held.events:,} events, {world.training * ROUNDS:,} verdicts; the closure that "
        f"is drawn has {size:,} versions. Making it took {took:.0f} s.\n"
    )
    print("| question | cold, ms | warm, ms | limit, ms | limit | ratio |\n|---|--:|--:|--:|---|--:|")
    for name, ask, limit, what in asked:
        fresh = open_ledger(place)
        cold = once(lambda fresh=fresh, ask=ask: ask(fresh))
        warm = median(lambda fresh=fresh, ask=ask: ask(fresh))
        limit()
        bound = median(limit)
        print(f"| {name} | {cold:,.0f} | {warm:,.1f} | {bound:,.1f} | {what} | {warm / bound:.1f} |", flush=True)


if __name__ == "__main__":
    main()
