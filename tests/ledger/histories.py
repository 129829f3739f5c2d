"""Histories for ledger tests: productions as the events a collector would append."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from lineage_guard.domain.facts import (
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.encode import event_of

START = datetime(2026, 1, 1, tzinfo=UTC)


def run_uuid(n: int) -> str:
    return str(UUID(int=(0x7 << 76) | (0b10 << 62) | n))


def event(n: int, production: Production, source: str = "dagster:test") -> dict[str, Any]:
    """The COMPLETE event number ``n`` of a history; different numbers give different events."""
    run = AssetRun(
        run_id=run_uuid(n),
        state=RunState.COMPLETE,
        at=START + timedelta(seconds=n),
        job_namespace="default",
        job_name=f"job{n % 7}",
        production=production,
        source=(source, n),
    )
    return event_of(run)


def history(productions: Sequence[Production]) -> list[dict[str, Any]]:
    return [event(n, p) for n, p in enumerate(productions)]


def simple(n: int) -> dict[str, Any]:
    """A small event about a dataset of its own."""
    version = Version("default", f"table{n}", None, run_uuid(n))
    inputs = (Input(Version("default", f"table{n - 1}", None, run_uuid(n - 1))),) if n else ()
    return event(n, Production((version,), inputs=inputs, produced_at=START + timedelta(seconds=n)))


def layered(count: int, seed: int = 0) -> list[Production]:
    """Tables rebuilt over and over, a quarter of them made by a model."""
    rng = random.Random(seed)
    made: list[Production] = []
    for n in range(count):
        parents = {p.outputs[0] for p in rng.sample(made, min(len(made), 3))}
        version = Version("default", f"table{n % 20}", rng.choice([None, "de", "en"]), run_uuid(n))
        made.append(
            Production(
                outputs=(version,),
                inputs=tuple(
                    Input(v, rng.choice(list(Influence)), rng.choice(list(Pin))) for v in sorted(parents, key=str)
                ),
                models=(ModelSource("openai", "gpt-4o", channel="api.openai.com"),) if n % 4 == 0 else (),
                produced_at=START + timedelta(seconds=n),
                licenses=(License("Apache-2.0"),) if n % 5 == 0 else (),
            )
        )
    return made


_VERSIONS = [
    Version("d", name, partition, run)
    for name in ("a", "b", "c")
    for partition in (None, "p", "q")
    for run in (None, run_uuid(901), run_uuid(902))
]
_TEXT = st.sampled_from(["x", "ü", "a'b", '"', "long " * 20])
_TIMES = st.integers(0, 10**12).map(lambda n: START + timedelta(microseconds=n))

versions = st.sampled_from(_VERSIONS)
inputs = st.lists(
    st.builds(Input, versions, st.sampled_from(Influence), st.sampled_from(Pin)),
    max_size=4,
    unique_by=lambda i: i.version,
).map(tuple)
models = st.lists(
    st.builds(
        ModelSource,
        provider=_TEXT,
        model=_TEXT,
        version=st.none() | _TEXT,
        channel=st.none() | _TEXT,
        usage=st.sampled_from(Usage),
        influence=st.none() | st.sampled_from(Influence),
        base_models=st.lists(_TEXT, max_size=2).map(tuple),
        record_count=st.none() | st.integers(0, 2**40),
        generated_at=st.none() | _TIMES,
    ),
    max_size=2,
    unique=True,
).map(tuple)
licenses = st.lists(
    st.builds(
        License, expression=st.sampled_from(["MIT", "LicenseRef-x"]), obligations=st.lists(_TEXT, max_size=2).map(tuple)
    ),
    max_size=2,
    unique=True,
).map(tuple)
productions = st.builds(
    Production,
    outputs=st.lists(versions, min_size=1, max_size=2, unique=True).map(tuple),
    inputs=inputs,
    models=models,
    produced_at=st.none() | _TIMES,
    asserted_by=st.sampled_from(Assertion),
    completeness=st.sampled_from(Completeness),
    licenses=licenses,
    artefact=st.none() | _TEXT,
    note=st.none() | _TEXT,
)


#: Where a history is cut into batches, and whether the ledger is compacted there.
splits = st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=3)


def fill(folder: str, productions: list[Production], cuts: list[tuple[int, bool]]) -> None:
    """Append in batches that end at the cuts, compacting after some of them."""
    events = history(productions)
    ends = sorted((min(at, len(events)), compacted) for at, compacted in cuts)
    ledger = open_ledger(folder)
    for (start, _), (end, compacted) in pairwise([(0, False), *ends, (len(events), False)]):
        ledger.append(events[start:end])
        if compacted:
            assert ledger.compact()
