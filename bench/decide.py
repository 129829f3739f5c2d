"""Decisions per second over closures of 1,000 versions on one core, as Markdown.

    .venv/bin/python -m bench.decide [--seconds 3] [--versions 1000]

What is timed is ``decide()`` alone, with the shipped catalog and the default policy: the facts of every
version, the rules, the terms of every model on its day, the digest of the closure and the path of every
finding. The closure is there (see ``bench.closure`` for that), once as a compacted ledger hands it out, in
columns, and once as a tuple of rows. Each decision starts from a closure that nobody has looked at. What a process
keeps from one to the next is what it has met before: the policy remembers what it makes of a kind of record and of
models that no rule tells apart, the ledger's index the records themselves. *First* is a decision without any of
that, the policy just loaded and the ledger just opened: what a process pays that decides once. CPU time of one
process, so that other work on the machine does not count.

The lake is ten levels of a hundred tables; each reads two of the level above. In *clean* every tenth table was
written by one of three permitted models, in *blocked* one of them is GPT-4o's, in *mixed* every tenth was written on
a day of its own by one of twelve models, of which some are permitted and some are not, and in *apart* no two
tables have the same record: each names a model, a day and a licence of its own, so nothing is looked at once for many.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.domain.facts import Input, License, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import Closure, close
from lineage_guard.domain.rules.terms import TRAIN_COMPETING
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.encode import event_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BEGUN = datetime(2025, 1, 1, tzinfo=UTC)
USE = TRAIN_COMPETING
PERMITTED = tuple(
    ModelSource(provider, model, channel="self-hosted")
    for provider, model in (
        ("huggingface", "Qwen/Qwen2.5-7B-Instruct"),
        ("mistral", "mistralai/Mixtral-8x7B-Instruct-v0.1"),
        ("deepseek", "deepseek-ai/DeepSeek-R1"),
    )
)
OTHERS = (
    *(ModelSource("openai", m, channel="api.openai.com") for m in ("gpt-4o", "gpt-4.1", "gpt-4o-mini")),
    *(ModelSource("anthropic", m, channel="api.anthropic.com") for m in ("claude-3-opus", "claude-3-5-haiku")),
    *(
        ModelSource("meta", f"meta-llama/{m}", channel="self-hosted")
        for m in ("Llama-3.1-70B-Instruct", "Meta-Llama-3-70B-Instruct")
    ),
    ModelSource("google", "google/gemma-2-27b-it", channel="self-hosted"),
    ModelSource("acme", "acme/unheard-of", channel="self-hosted"),
)


def lake(kind: str, size: int) -> tuple[Production, list[Production]]:
    """A step, and the making of every table that it reads, directly or not."""
    wide = max(1, size // 10)
    names = [Version("default", f"lake/table_{i}", None, str(UUID(int=i + 1))) for i in range(size)]
    made: list[Production] = []
    for i, name in enumerate(names):
        parents = {(i // wide - 1) * wide + (i + n) % wide for n in (0, 1)} if i >= wide else set[int]()
        models: tuple[ModelSource, ...] = ()
        licenses: tuple[License, ...] = ()
        day = BEGUN
        if kind == "apart":
            models = (replace((*PERMITTED, *OTHERS)[i % 12], version=f"v{i}"),)
            licenses = (License(f"LicenseRef-{i}"),)
            day += timedelta(hours=12 * i)
        elif i % 10 == 3:
            at = i // 10
            models = ((*PERMITTED, *OTHERS)[at % 12] if kind == "mixed" else PERMITTED[at % 3],)
            models = (OTHERS[0],) if kind == "blocked" and at == size // 20 else models
            day += timedelta(days=at if kind == "mixed" else 0)
        inputs = tuple(Input(names[p]) for p in sorted(parents))
        made.append(Production((name,), inputs, models, day, licenses=licenses))
    top = tuple(Input(v) for v in names[-wide:])
    return Production((Version("default", "student"),), inputs=top), made


def _event(n: int, made: Production) -> dict[str, Any]:
    (version,) = made.outputs
    at = made.produced_at or BEGUN
    run = AssetRun(str(version.run), RunState.COMPLETE, at, "default", version.name, made, source=("bench", n))
    return event_of(run, engine_version="bench")


def first(opened: Callable[[], Closure]) -> float:
    """Milliseconds of CPU time of a decision of which nothing was met before; the middle of five."""
    took: list[float] = []
    loaded = load_policy("default", load_catalog())
    for _ in range(5):
        policy = replace(loaded, terms=CatalogTerms(load_catalog().terms.details))
        closure = opened()
        begun = time.process_time()
        decide(closure, policy, (), USE, NOW)
        took.append(time.process_time() - begun)
    return sorted(took)[2] * 1000


def measure(fresh: Callable[[], Closure], seconds: float) -> tuple[float, float, Verdict]:
    """Decisions per second of CPU time, the longest in milliseconds, and the verdict."""
    policy = load_policy("default", load_catalog())
    verdict = decide(fresh(), policy, (), USE, NOW)
    spent, longest, count = 0.0, 0.0, 0
    while spent < seconds:
        closure = fresh()
        begun = time.process_time()
        again = decide(closure, policy, (), USE, NOW)
        took = time.process_time() - begun
        spent, longest, count = spent + took, max(longest, took), count + 1
        assert again == verdict
    return count / spent, longest * 1000, verdict


def main() -> None:
    arguments = argparse.ArgumentParser(description="Decisions per second.")
    arguments.add_argument("--seconds", type=float, default=3.0, help="CPU time for each line")
    arguments.add_argument("--versions", type=int, default=1000, help="versions in a closure")
    said = arguments.parse_args()
    print("| closure | versions | kinds | findings | verdict | decisions per second | longest, ms | first, ms |")
    print("|---|--:|--:|--:|---|--:|--:|--:|")
    for kind in ("clean", "blocked", "mixed", "apart"):
        step, made = lake(kind, said.versions)
        with tempfile.TemporaryDirectory() as place:
            ledger = open_ledger(place)
            ledger.append([_event(n, p) for n, p in enumerate(made)])
            ledger.compact()
            listed = close(step, made)
            ways: dict[str, tuple[Callable[[], Closure], Callable[[], Closure]]] = {
                "of the ledger": (
                    lambda ledger=ledger, step=step: ledger.closure(step),
                    lambda place=place, step=step: open_ledger(place).closure(step),
                ),
                "listed": (lambda listed=listed: replace(listed), lambda listed=listed: replace(listed)),
            }
            found: list[Verdict] = []
            for way, (fresh, opened) in ways.items():
                rate, longest, verdict = measure(fresh, said.seconds)
                kinds = len({k for k, _ in fresh().rows.kinds()})
                print(
                    f"| {kind}, {way} | {verdict.closure_size:,} | {kinds:,} | {len(verdict.findings)} "
                    f"| {verdict.decision.name} | {rate:,.0f} | {longest:.1f} | {first(opened):.1f} |",
                    flush=True,
                )
                found.append(replace(verdict, watermark=""))
            assert found[0] == found[1], "the two ways must agree"


if __name__ == "__main__":
    main()
