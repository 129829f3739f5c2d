"""Clocks that are wrong, lineage that goes in circles, events that come twice and out of order: the same verdict."""

from __future__ import annotations

import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import histories
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.facts import Completeness, Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import Closure, extend
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.verify import verify

sys.path.insert(0, str(Path(__file__).parents[1] / "openlineage"))
from foreign_examples import change, data, model, ran, run_id

CATALOG = load_catalog()
POLICY = load_policy("default", CATALOG)
NOW = histories.START + timedelta(days=1)
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
FUTURE = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
PAST = datetime(1, 1, 1, tzinfo=UTC)


def verdict(closure: Closure) -> Verdict:
    return decide(extend(closure, CATALOG.ancestry), POLICY, Waivers(()), "train_competing", NOW)


def version(name: str, n: int) -> Version:
    return Version("default", name, None, histories.run_uuid(n))


def student(*read: Version) -> Production:
    return Production((Version("default", "student"),), inputs=tuple(Input(v) for v in read))


@pytest.mark.parametrize(("here", "there"), [(PAST, FUTURE), (FUTURE, PAST), (NOW, NOW - timedelta(days=9))], ids=str)
def test_writers_whose_clocks_are_apart_lose_nothing(tmp_path: Path, here: datetime, there: datetime) -> None:
    """No order in the log, and no answer, depends on what the clocks of writers say."""
    clocks = [open_ledger(tmp_path, lambda: here), open_ledger(tmp_path, lambda: there)]
    for n in range(8):
        clocks[n % 2].append([histories.simple(n)])
        if n == 4:
            clocks[1].compact()
    fresh = open_ledger(tmp_path)
    target = student(version("table7", 7))
    assert [r.version.name for r in fresh.closure(target).reached] == [
        "student",
        *(f"table{n}" for n in range(7, -1, -1)),
    ]
    assert [e["run"]["runId"] for _, e in fresh.events()] == [histories.run_uuid(n) for n in range(8)]
    assert verify(fresh.archive).findings == ()
    assert clocks[0].closure(target).reached == clocks[1].closure(target).reached == fresh.closure(target).reached


@pytest.mark.parametrize("at", [PAST, histories.START, FUTURE], ids=str)
def test_a_teacher_asked_at_an_impossible_time_still_blocks(tmp_path: Path, at: datetime) -> None:
    ledger = open_ledger(tmp_path)
    made = Production((version("synthetic", 1),), models=(GPT,), produced_at=at)
    ledger.append([histories.event(1, made) | {"eventTime": at.isoformat()}])
    for again in (ledger, open_ledger(tmp_path)):
        assert verdict(again.closure(student(version("synthetic", 1)))).decision.value == "BLOCK"
        again.compact()


@pytest.mark.parametrize("skew", [timedelta(days=d) for d in (-400, -2, 2, 400)], ids=str)
def test_a_reader_whose_clock_is_days_off_is_never_clean_for_it(tmp_path: Path, skew: timedelta) -> None:
    """Spark's cluster runs days before or after Airflow's: what it may have read is what was there, or nobody knows."""
    ledger = open_ledger(tmp_path)
    minutes = skew.total_seconds() / 60
    ledger.append(
        [
            *ran("ask", 0, 5, [model("openai|gpt-4o")], [data("raw", change("OVERWRITE"))]),
            *ran("clean", 10 + minutes, 15 + minutes, [data("raw")], [data("t", change("OVERWRITE"))]),
        ]
    )
    said = verdict(ledger.closure(student(Version("warehouse", "t", None, run_id("clean")))))
    assert said.decision.value == ("BLOCK" if minutes > 0 else "UNKNOWN")
    assert said.stops


def test_circles_end_and_hide_nobody(tmp_path: Path) -> None:
    """A was made from B and B from A, by runs that say so; a model stands behind one of them."""
    a, b, own = version("a", 1), version("b", 2), version("own", 3)
    circle = [
        Production((a,), inputs=(Input(b),)),
        Production((b,), inputs=(Input(a), Input(own)), models=(GPT,)),
        Production((own,), inputs=(Input(own),)),
    ]
    ledger = open_ledger(tmp_path)
    for n, production in enumerate(circle):
        ledger.append([histories.event(n, production)])
    for again in (ledger, open_ledger(tmp_path)):
        closure = again.closure(student(a))
        assert {r.version for r in closure.reached[1:]} == {a, b, own}
        assert verdict(closure).decision.value == "BLOCK"
        assert verdict(again.closure(student(own))).decision.value == "ALLOW"
        assert {r.version for r in again.impact([own]).downstream} >= {a, b}
        again.compact()


@pytest.mark.parametrize("kind", [None, "OVERWRITE"])
def test_foreign_circles_end_and_hide_nobody(tmp_path: Path, kind: str | None) -> None:
    """Tables that feed each other and themselves, round after round; a teacher was asked in the first."""
    facets = [change(kind)] if kind else []
    events: list[dict[str, Any]] = ran("teach", 0, 1, [model("openai|gpt-4o")], [data("a", *facets)])
    for n in range(1, 6):
        events += ran(f"ab{n}", 10 * n, 10 * n + 1, [data("a")], [data("b", *facets)])
        events += ran(f"ba{n}", 10 * n + 4, 10 * n + 5, [data("b"), data("a")], [data("a", *facets)])
    # Two runs that overlap, each of which may have read what the other wrote.
    events += ran("x", 100, 110, [data("y"), data("a")], [data("x", *facets)])
    events += ran("y", 100, 110, [data("x")], [data("y", *facets)])
    ledger = open_ledger(tmp_path)
    ledger.append(events)
    for again in (ledger, open_ledger(tmp_path)):
        for name in ("a", "b", "x", "y"):
            assert verdict(again.closure(student(Version("warehouse", name)))).decision.value == "BLOCK"
        again.compact()


def test_an_event_that_names_its_own_output_as_input_is_read(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(ran("self", 0, 5, [data("t")], [data("t", change("OVERWRITE"))]))
    said = verdict(ledger.closure(student(Version("warehouse", "t"))))
    assert (said.decision.value, said.stops) == ("UNKNOWN", True)


def history() -> list[dict[str, Any]]:
    """Runs of our own and of others about the same tables: taints, gaps, a circle, two records of one version."""
    own = [
        Production((version("seed", 1),), models=(GPT,)),
        Production((version("clean", 2),), licenses=()),
        Production((version("mix", 3),), inputs=(Input(version("seed", 1)), Input(version("clean", 2)))),
        Production((version("mix", 3),), inputs=(Input(version("gap", 9)),), completeness=Completeness.UNKNOWN),
        Production((version("late", 4),), inputs=(Input(version("clean", 2)), Input(version("late", 4)))),
    ]
    foreign = [
        *ran("ask", 0, 5, [model("openai|gpt-4o")], [data("default|raw", change("OVERWRITE"))]),
        *ran("wipe", 6, 7, [], [data("default|raw", change("TRUNCATE"))]),
        *ran("load", 8, 9, [data("default|clean")], [data("default|raw")]),
        *ran("spark", 20, 30, [data("default|raw")], [data("default|out", change("OVERWRITE"))]),
    ]
    return [*(histories.event(n, p) for n, p in enumerate(own)), *foreign]


TARGETS = [
    student(version("mix", 3)),
    student(version("late", 4)),
    student(Version("default", "out")),
    student(Version("default", "raw"), version("clean", 2)),
]
EVENTS = history()


def told(ledger: Any) -> list[Any]:
    """What was reached and what is decided, for each target; which of several equal paths is shown may differ."""
    rows: list[Any] = []
    for target in TARGETS:
        closure = ledger.closure(target)
        said = verdict(closure)
        reached = sorted(
            (str(r.version), r.influence, r.pin, r.recorded, r.completeness, sorted(map(str, r.models)))
            for r in closure.reached
        )
        found = sorted((f.rule, f.reason, f.effect, str(f.path[-1])) for f in said.findings)
        rows.append((reached, said.decision, said.stops, found))
    return rows


def test_the_reference_says_something(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    ledger.append(EVENTS)
    assert [row[1].value for row in told(ledger)] == ["BLOCK", "ALLOW", "UNKNOWN", "UNKNOWN"]


@settings(max_examples=10)
@given(st.permutations(range(len(EVENTS))), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_give_the_same_closure_and_verdict(order: list[int], rng: random.Random) -> None:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        reference, other = open_ledger(one), open_ledger(two)
        reference.append(EVENTS)
        waiting = [EVENTS[n] for n in order]
        while waiting:
            size = rng.randint(1, 5)
            other.append(waiting[:size] + [rng.choice(EVENTS) for _ in range(rng.randint(0, 2))])
            waiting = waiting[size:]
            if rng.random() < 0.3:
                other.compact()
            if rng.random() < 0.3:
                other = open_ledger(two)
        assert told(other) == told(reference)
        assert other.check().events == len(EVENTS)
