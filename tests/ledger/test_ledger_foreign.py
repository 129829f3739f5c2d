"""Lineage of other producers through the ledger to a verdict, however and whenever it arrives."""

from __future__ import annotations

import random
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.declared.provenance import ProductionFacts, production_facts
from lineage_guard.domain.facts import Completeness, Influence, Input, ModelSource, Pin, Production, Version
from lineage_guard.domain.lineage.closure import Closure, extend
from lineage_guard.domain.rules.waivers import Waivers
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.runs import AssetRun, RunState, asset_run_id, declared_run_id
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.ledger import Ledger
from lineage_guard.openlineage.encode import event_of

sys.path.insert(0, str(Path(__file__).parents[1] / "openlineage"))
from foreign_examples import DAY, change, data, dataset_event, event, facet, model, ran, run_id, symlink

Events = list[dict[str, Any]]
CATALOG = load_catalog()
POLICY = load_policy("default", CATALOG)
NOW = DAY + timedelta(days=1)
ORDERS = Version("dagster", "warehouse/orders")
#: The same, as collecting pins it: what is declared of it stands for the run.
DECLARED = Version("dagster", "warehouse/orders", None, declared_run_id("warehouse/orders", "nothing"))


def verdict(closure: Closure) -> Verdict:
    return decide(extend(closure, CATALOG.ancestry), POLICY, Waivers(()), "train_competing", NOW)


def student(*inputs: Version) -> Production:
    """A training step that is about to run."""
    return Production((Version("dagster", "student"),), inputs=tuple(Input(v, pin=Pin.CONSERVATIVE) for v in inputs))


def dagster_run(name: str, minute: float, *inputs: Version, run: str = "", **facts: Any) -> dict[str, Any]:
    """The COMPLETE event of one of our own runs, as collecting writes it."""
    at = DAY + timedelta(minutes=minute)
    id_ = asset_run_id(run or f"{name}{minute}", name, None, at - timedelta(seconds=1))
    return event_of(
        AssetRun(
            run_id=id_,
            state=RunState.COMPLETE,
            at=at,
            job_namespace="dagster",
            job_name=name,
            production=Production(
                (Version("dagster", name, None, id_),),
                inputs=tuple(Input(v, pin=Pin.CONSERVATIVE) for v in inputs),
                produced_at=at,
                **facts,
            ),
        )
    )


def external(production: Production) -> dict[str, Any]:
    """What collecting records of an external asset."""
    id_ = asset_run_id(repr(production), ORDERS.name, None, DAY)
    return event_of(AssetRun(id_, RunState.COMPLETE, DAY, "dagster", ORDERS.name, production))


def through_airflow_and_spark(teacher: str) -> Events:
    """Airflow asks a model, Spark cleans what it said, and Dagster knows the table by another name."""
    return [
        *ran("ask", 0, 5, [model(teacher)], [data("s3://lake|raw", change("OVERWRITE"))]),
        *ran("clean", 10, 15, [data("s3://lake|raw")], [data("glue|db.orders", change("OVERWRITE"))]),
        dataset_event(0, data("dagster|warehouse/orders", symlink("glue|db.orders"))),
    ]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path)


@pytest.mark.parametrize("read", [ORDERS, DECLARED], ids=["bare", "declared"])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_teacher_asked_by_airflow_blocks_training_in_dagster(ledger: Ledger, compacted: bool, read: Version) -> None:
    ledger.append(through_airflow_and_spark("openai|gpt-4o"))
    silent = production_facts(None, has_deps=False, is_external=True)
    outside = Production((read,), asserted_by=silent.asserted_by, completeness=silent.completeness, note=silent.note)
    ledger.append([external(outside), dagster_run("curated", 20, read)])
    if compacted:
        assert ledger.compact()
        ledger = open_ledger(ledger.location)
    [curated] = ledger.latest("dagster", "curated")
    closure = ledger.closure(student(curated))
    assert [(r.version.name, r.pin) for r in closure.reached[1:]] == [
        ("curated", Pin.CONSERVATIVE),
        ("db.orders", Pin.CONSERVATIVE),
        ("raw", Pin.CONSERVATIVE),
    ]
    said = verdict(closure)
    assert said.decision.value == "BLOCK"
    assert verdict(ledger.closure(student(read))).decision.value == "BLOCK"
    [finding] = [f for f in said.findings if f.reason == "RESTRICTED_MODEL"]
    assert [v.name for v in finding.path] == ["student", "curated", "db.orders", "raw"]
    assert {a.version.name for a in ledger.impact(model="gpt-4o").downstream} == {"db.orders", "curated"}


def test_a_clean_lane_is_not_blocked_for_its_detours(ledger: Ledger) -> None:
    human = facet("lineageGuard_modelSource", models=[], completeness="COMPLETE", assertedBy="DECLARED")
    ledger.append(
        [
            dataset_event(-9, data("s3://lake|human", human)),
            *ran("load", 0, 5, [data("s3://lake|human")], [data("glue|db.orders", change("OVERWRITE"))]),
            dataset_event(0, data("dagster|warehouse/orders", symlink("glue|db.orders"))),
        ]
    )
    assert verdict(ledger.closure(student(ORDERS))).decision.value == "ALLOW"


def test_a_table_that_was_only_ever_added_to_stops_training_until_somebody_says_how_it_began(ledger: Ledger) -> None:
    """Spark says nothing when it appends; what the table held before may be anything."""
    qwen = model("huggingface|Qwen/Qwen2.5-7B-Instruct")
    ledger.append(
        [
            *ran("first", 0, 5, [qwen], [data("dagster|warehouse/orders")]),
            *ran("second", 10, 15, [qwen], [data("dagster|warehouse/orders")]),
        ]
    )
    said = verdict(ledger.closure(student(ORDERS)))
    assert (said.decision.value, said.stops) == ("UNKNOWN", True)
    ledger.append([dataset_event(-60, data("dagster|warehouse/orders", change("TRUNCATE")))])
    reached = ledger.closure(student(ORDERS)).reached
    assert ORDERS not in {r.version for r in reached}
    assert all(r.recorded for r in reached)


def test_a_foreign_table_nobody_recorded_the_making_of_stops_training(ledger: Ledger) -> None:
    ledger.append(ran("load", 0, 5, [data("s3://lake|who-knows")], [data("dagster|warehouse/orders")]))
    said = verdict(ledger.closure(student(ORDERS)))
    assert (said.decision.value, said.stops) == ("UNKNOWN", True)


def test_a_rebuilt_table_is_clean_for_whom_reads_it_after(ledger: Ledger) -> None:
    """The step that read the old version keeps its ancestors; the step that runs now has the new one's."""
    clean = ran(
        "rebuild",
        30,
        35,
        [model("huggingface|Qwen/Qwen2.5-7B-Instruct")],
        [data("glue|db.orders", change("OVERWRITE"))],
    )
    ledger.append([*through_airflow_and_spark("openai|gpt-4o"), dagster_run("curated", 20, ORDERS), *clean])
    [curated] = ledger.latest("dagster", "curated")
    models = lambda c: {m.model for r in c.reached for m in r.models}  # noqa: E731
    assert models(ledger.closure(student(curated))) == {"gpt-4o"}
    assert models(ledger.closure(student(ORDERS))) == {"Qwen/Qwen2.5-7B-Instruct"}


def test_what_a_name_was_declared_to_be_holds_beside_what_is_on_record(ledger: Ledger) -> None:
    declared = Production((ORDERS,), models=(ModelSource("anthropic", "claude-sonnet-4"),))
    ledger.append([external(declared), *through_airflow_and_spark("openai|gpt-4o"), dagster_run("curated", 20, ORDERS)])
    closure = ledger.closure(student(*ledger.latest("dagster", "curated")))
    assert {m.model for r in closure.reached for m in r.models} == {"gpt-4o", "claude-sonnet-4"}


@pytest.mark.parametrize(
    "recorded", [production_facts(None, has_deps=False, is_external=True), None], ids=["undeclared", "unknown"]
)
def test_an_undeclared_external_asset_is_what_is_on_record(ledger: Ledger, recorded: ProductionFacts | None) -> None:
    """Collecting records that nobody declared an external asset; a known origin replaces that."""
    unknown = Production((ORDERS,), completeness=Completeness.UNKNOWN, note="nothing is declared of it")
    if recorded is not None:
        unknown = Production(
            (ORDERS,), asserted_by=recorded.asserted_by, completeness=recorded.completeness, note=recorded.note
        )
    ledger.append([external(unknown), dagster_run("curated", 20, ORDERS), *through_airflow_and_spark("qwen|qwen3-8b")])
    closure = ledger.closure(student(*ledger.latest("dagster", "curated")))
    assert [r.version.name for r in closure.reached] == ["student", "curated", "db.orders", "raw"]


def test_a_declaration_that_cannot_be_read_is_not_forgotten(ledger: Ledger) -> None:
    silent = production_facts(None, has_deps=False, is_external=True)
    note = f"{silent.note}; its declaration cannot be read: no such usage"
    damaged = Production((ORDERS,), asserted_by=silent.asserted_by, completeness=silent.completeness, note=note)
    ledger.append([external(damaged), dagster_run("curated", 20, ORDERS), *through_airflow_and_spark("qwen|qwen3-8b")])
    closure = ledger.closure(student(*ledger.latest("dagster", "curated")))
    assert ORDERS in {r.version for r in closure.reached if r.completeness is Completeness.INCOMPLETE}


def test_spark_may_read_what_dagster_made(ledger: Ledger) -> None:
    gpt = (ModelSource("openai", "gpt-4o", channel="api.openai.com"),)
    ledger.append(
        [
            dagster_run("synthetic", 0, models=gpt),
            dagster_run("synthetic", 30),
            *ran("clean", 10, 15, [data("dagster|synthetic")], [data("dagster|warehouse/orders", change("CREATE"))]),
        ]
    )
    closure = ledger.closure(student(ORDERS))
    assert {m.model for r in closure.reached for m in r.models} == {"gpt-4o"}
    assert [r.version.name for r in closure.reached] == ["student", "warehouse/orders", "synthetic"]


def test_indirect_influence_is_carried(ledger: Ledger) -> None:
    mention = {"namespace": "s3://lake", "name": "raw", "field": "score", "transformations": [{"type": "INDIRECT"}]}
    taken = {"inputFields": [{"namespace": "warehouse", "name": "b", "field": "text"}]}
    filtered = facet("columnLineage", "1-2-0", fields={"text": taken}, dataset=[mention])
    filtered |= facet("schema", fields=[{"name": "text"}])
    ledger.append(
        [
            *ran("ask", 0, 5, [model("openai|gpt-4o")], [data("s3://lake|raw")]),
            *ran("filter", 10, 15, [data("s3://lake|raw"), data("b")], [data("dagster|warehouse/orders", filtered)]),
        ]
    )
    reached = {r.version.name: r.influence for r in ledger.closure(student(ORDERS)).reached}
    assert (reached["raw"], reached["b"]) == (Influence.INDIRECT, Influence.DIRECT)


def test_job_events_draw_declared_edges_to_what_runs_wrote(ledger: Ledger) -> None:
    flink = event("START", "flink", 0, [data("s3://lake|raw")], [data("dagster|warehouse/orders")])
    for key in ("run", "eventType"):
        del flink[key]
    ledger.append([flink, *ran("ask", 0, 5, [model("openai|gpt-4o")], [data("s3://lake|raw")])])
    assert verdict(ledger.closure(student(ORDERS))).decision.value == "BLOCK"


names = st.sampled_from(["glue|a", "glue|b", "dagster|warehouse/orders"])
changes = st.sampled_from([(), (change("OVERWRITE"),), (change("RENAME", "a"),), (symlink("glue|b"),)])


@st.composite
def any_event(draw: st.DrawFn) -> dict[str, Any]:
    minute = draw(st.integers(0, 30))
    match draw(st.integers(0, 4)):
        case 0:
            return dagster_run(draw(st.sampled_from(["x", "warehouse/orders"])), minute, ORDERS, Version("glue", "a"))
        case 1:
            return dataset_event(minute, data(draw(names), *draw(changes)))
        case _:
            reads = [data(n) for n in draw(st.lists(names, max_size=2))] + draw(
                st.sampled_from([[], [model("openai|gpt-4o")]])
            )
            writes = [data(n, *draw(changes)) for n in draw(st.lists(names, max_size=2))]
            state = draw(st.sampled_from(["START", "COMPLETE", "COMPLETE", "FAIL"]))
            return event(state, draw(st.sampled_from(["r1", "r2", "r3"])), minute, reads, writes)


def facts(closure: Closure) -> list[Any]:
    """What was reached, with everything known of it; not by which of several equal paths."""
    rows = [
        (r.version, r.influence, r.recorded, r.completeness, frozenset(r.models), r.produced_at)
        for r in closure.reached
    ]
    return sorted(rows, key=repr)


@settings(max_examples=25, deadline=None)
@given(st.lists(any_event(), min_size=1, max_size=9), st.randoms(use_true_random=False))
def test_the_order_of_arrival_never_changes_the_closure(events: Events, rng: random.Random) -> None:
    shuffled = rng.sample(events, len(events)) + rng.sample(events, len(events) // 2)
    cut = rng.randint(0, len(shuffled))
    target = student(ORDERS, Version("glue", "a"))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first, second = open_ledger(one), open_ledger(two)
        first.append(events)
        second.append(shuffled[:cut])
        second.compact()
        second.append(shuffled[cut:])
        assert facts(second.closure(target)) == facts(first.closure(target))
        second.compact()
        assert facts(open_ledger(two).closure(target)) == facts(first.closure(target))


def test_a_late_event_is_as_good_as_one_in_time(ledger: Ledger) -> None:
    started, completed, *rest = through_airflow_and_spark("openai|gpt-4o")
    ledger.append([completed, *rest])
    assert verdict(ledger.closure(student(ORDERS))).decision.value == "UNKNOWN"
    ledger.compact()
    ledger.append([started])
    assert verdict(ledger.closure(student(ORDERS))).decision.value == "BLOCK"


def test_foreign_runs_are_found_by_version_and_by_name(ledger: Ledger) -> None:
    ledger.append(through_airflow_and_spark("openai|gpt-4o"))
    version = Version("s3://lake", "raw", None, run_id("ask"))
    assert ledger.latest("s3://lake", "raw") == (version,)
    [production] = ledger.productions([version]).values()
    assert production.produced_at == DAY + timedelta(minutes=5) == datetime(2026, 11, 1, 0, 5, tzinfo=UTC)
