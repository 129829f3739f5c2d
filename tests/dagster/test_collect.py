"""Collection: everything in the event log ends up in the ledger, once, whoever collects and how often."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from collect_world import DAYS, NAMESPACE, World, derived, generated, now

from lineage_guard.dagster.collect.collect import collect, collect_upstream
from lineage_guard.dagster.declare import DECLARATION_KEY
from lineage_guard.dagster.events import EventLog
from lineage_guard.dagster.pins.history import History
from lineage_guard.dagster.pins.resolve import Pins
from lineage_guard.domain.facts import Completeness
from lineage_guard.ledger import open_ledger


def states(w: World) -> Counter[tuple[str, str]]:
    return Counter((str(e["eventType"]), str(e["job"]["name"])) for _, e in w.ledger.events())


def event(w: World, state: str, name: str) -> Any:
    return next(e for _, e in w.ledger.events() if (e["eventType"], e["job"]["name"]) == (state, name))


def chain(w: World) -> list[dg.AssetsDefinition]:
    return [
        generated(w, "raw"),
        derived(w, "mid", lambda c, p: w.read("raw"), deps=["raw"]),
        derived(w, "out", lambda c, p: w.read("mid"), deps=["mid"]),
    ]


def test_twice_changes_nothing(w: World) -> None:
    w.assets = chain(w)
    w.run("raw", "mid", "out", raw="gpt-4o")
    first = w.collect()
    assert (first.records, first.lag, first.incomplete) == (3, 0, 0)
    before = states(w)
    assert before == {(s, n): 1 for s in ("START", "COMPLETE") for n in ("raw", "mid", "out")}
    again = w.collect()
    assert (again.records, again.appended) == (0, 0)
    w.ledger.store(f"collect-{first.source}", {})  # the cursor is lost: everything is read again
    lost = w.collect()
    assert (lost.records, lost.appended) == (3, 0)
    assert states(w) == before


@pytest.mark.parametrize("seen", [[1, 2], ["one run"], 7])
def test_a_cursor_of_another_shape_is_read_as_lost(w: World, seen: object) -> None:
    w.assets = chain(w)
    w.run("raw", "mid", "out", raw="gpt-4o")
    first = w.collect()
    before = states(w)
    state = w.ledger.load(f"collect-{first.source}")
    assert state is not None
    w.ledger.store(f"collect-{first.source}", {**state, "seen": seen})
    again = w.collect()
    assert (again.records, again.appended) == (3, 0)
    assert states(w) == before


def test_in_pieces_as_in_one_go(w: World, tmp_path: Path) -> None:
    w.assets = chain(w)
    for name in ("a-1", "b-1", "c-1"):
        w.run("raw", "mid", "out", raw=name)
    pieces = 0
    while w.collect(limit=2).lag:
        pieces += 1
        assert pieces < 20
    other = open_ledger(tmp_path)
    collect(w.instance, w.graph, other, namespace=NAMESPACE, now=now())
    assert sorted(json.dumps(e, sort_keys=True) for _, e in other.events()) == sorted(
        json.dumps(e, sort_keys=True) for _, e in w.ledger.events()
    )
    assert pieces >= 4


def test_ledger_put_back_from_an_older_copy_is_filled_again(w: World, tmp_path: Path) -> None:
    w.assets = chain(w)
    w.run("raw", "mid", "out", raw="a-1")
    done = w.collect()
    fresh = open_ledger(tmp_path)
    state = w.ledger.load(f"collect-{done.source}")
    assert state is not None
    fresh.store(f"collect-{done.source}", state)
    assert collect(w.instance, w.graph, fresh, namespace=NAMESPACE, now=now()).records == 3


def test_gate_ahead_of_the_sensor_hides_nothing(w: World) -> None:
    """What the gate collected has a higher position than what the sensor has still to read."""
    w.assets = [*chain(w), generated(w, "aside")]
    w.run("aside", aside="llama-3")
    w.run("raw", "mid", "out", raw="gpt-4o")
    log = EventLog(w.instance)
    reads = Pins(log, History(log), w.graph, NAMESPACE).upcoming(dg.AssetKey("out"), [None], now(), log.head()).reads
    ahead = collect_upstream(w.instance, w.graph, w.ledger, reads, namespace=NAMESPACE, now=now())
    assert (ahead.records, ahead.appended, ahead.blind) == (2, 2, ())
    assert ahead.queries <= 20
    w.collect()
    ends = {("COMPLETE", n): 1 for n in ("raw", "mid", "out", "aside")}
    # No beginning follows an end: a lineage backend would show what the gate collected as running for ever.
    assert states(w) == ends | {("START", n): 1 for n in ("out", "aside")}


def test_late_commit_of_a_lower_id_is_seen(w: World) -> None:
    """PostgreSQL shows a lower storage id after a higher one: as if one id had not been there before."""
    w.assets = chain(w)
    w.run("raw", "mid", "out", raw="gpt-4o")
    done = w.collect()
    state = w.ledger.load(f"collect-{done.source}")
    assert state is not None
    seen = state["seen"]
    assert isinstance(seen, list)
    w.ledger.store(f"collect-{done.source}", {**state, "seen": seen[1:]})
    assert w.collect().records == 1


def test_failure_and_what_it_kept_from_running(w: World) -> None:
    @dg.asset
    def broken() -> None:
        raise ValueError("no such table: users")

    @dg.asset(deps=[broken])
    def after() -> None: ...

    w.assets = [broken, after]
    dg.materialize(w.assets, instance=w.instance, raise_on_error=False)
    w.collect()
    found = states(w)
    assert found == {("FAIL", "broken"): 1, ("ABORT", "after"): 1}
    assert "no such table" in event(w, "FAIL", "broken")["run"]["facets"]["errorMessage"]["message"]
    assert w.ledger.latest(NAMESPACE, "broken") == ()
    w.collect()
    assert states(w) == found


def test_one_odd_record_is_a_gap_and_hides_nothing(w: World) -> None:
    w.assets = chain(w)
    w.run("raw", raw="gpt-4o")
    odd = dg.AssetMaterialization(
        "mid", metadata={DECLARATION_KEY: dg.MetadataValue.json({"format": 99})}, tags={"dagster/code_version": "1"}
    )
    pointer = dg.AssetMaterialization(
        "out", tags={"dagster/code_version": "1", "dagster/input_event_pointer/mid": "not a number"}
    )
    w.instance.report_runless_asset_event(odd)
    w.instance.report_runless_asset_event(pointer)
    w.run("out")
    assert w.collect().records == 4
    mid = w.production("mid")
    assert mid.completeness is Completeness.INCOMPLETE
    assert "declaration cannot be read" in str(mid.note)
    records = [p for v in w.ledger.latest(NAMESPACE, "out") for p in w.ledger.productions([v]).values()]
    assert len(records) == 1
    notes = [
        e["outputs"][0]["facets"].get("lineageGuard_modelSource", {}).get("completeness")
        for _, e in w.ledger.events()
        if e["eventType"] == "COMPLETE" and e["job"]["name"] == "out"
    ]
    assert sorted(str(n) for n in notes) == ["COMPLETE", "UNKNOWN"]


def test_undeclared_asset_of_another_code_location_is_a_gap_until_that_one_collects(w: World) -> None:
    ours, theirs = chain(w), [derived(w, "elsewhere", lambda c, p: w.read("raw"), deps=["raw"])]
    w.assets = [*ours, *theirs]
    w.run("raw", "elsewhere", raw="gpt-4o")
    w.assets = ours
    w.collect()
    assert w.production("elsewhere").completeness is Completeness.UNKNOWN
    assert w.reached("elsewhere") == {"gpt-4o"}
    assert w.collect().appended == 0
    w.assets = [dg.AssetSpec("raw"), *theirs]
    assert w.collect().appended == 1
    assert w.production("elsewhere").completeness is Completeness.COMPLETE
    assert w.reached("elsewhere") == {"gpt-4o"}
    assert w.collect().records == 0


def test_root_of_another_code_location_that_declares_nothing_stays_a_gap(w: World) -> None:
    @dg.asset
    def silent() -> None: ...

    w.assets = [silent]
    w.run("silent")
    w.assets = [dg.AssetSpec("silent")]
    w.collect()
    assert w.production("silent").completeness is Completeness.UNKNOWN
    w.assets = [silent]
    w.collect()
    assert w.production("silent").completeness is Completeness.INCOMPLETE


def test_gate_of_the_location_that_defines_an_asset_collects_what_others_did_not_know(w: World) -> None:
    w.assets = chain(w)
    w.run("raw", "mid", raw="gpt-4o")
    everything, w.assets = w.assets, [dg.AssetSpec("mid")]
    w.collect()
    assert w.production("mid").completeness is Completeness.UNKNOWN
    w.assets = everything
    log = EventLog(w.instance)
    reads = Pins(log, History(log), w.graph, NAMESPACE).upcoming(dg.AssetKey("out"), [None], now(), log.head()).reads
    collect_upstream(w.instance, w.graph, w.ledger, reads, namespace=NAMESPACE, now=now())
    assert w.production("mid").completeness is Completeness.COMPLETE


def test_what_backends_like_to_show(w: World) -> None:
    lineage = dg.TableColumnLineage({"text": [dg.TableColumnDep(dg.AssetKey("raw"), "body")]})

    @dg.asset(deps=["raw"], partitions_def=DAYS, owners=["team:data"], description="Rows.", code_version="7")
    def table() -> dg.MaterializeResult[None]:
        schema = dg.TableSchema(columns=[dg.TableColumn("text", "string")])
        return dg.MaterializeResult(
            metadata={"dagster/row_count": 3, "dagster/column_schema": schema, "dagster/column_lineage": lineage}
        )

    w.assets = [generated(w, "raw"), table]
    w.run("raw", raw="gpt-4o")
    w.run("table", partition="2026-01-02")
    w.collect()
    made = event(w, "COMPLETE", "table")
    facets = made["outputs"][0]["facets"]
    assert [(f["name"], f["type"]) for f in facets["schema"]["fields"]] == [("text", "string")]
    assert made["outputs"][0]["outputFacets"]["outputStatistics"]["rowCount"] == 3
    source = facets["columnLineage"]["fields"]["text"]["inputFields"][0]
    assert (source["name"], source["field"]) == ("raw", "body")
    assert made["run"]["facets"]["nominalTime"]["nominalStartTime"].startswith("2026-01-02T00:00:00")
    assert made["run"]["facets"]["parent"]["run"]["runId"] in {r.run_id for r in w.instance.get_runs()}
    assert made["job"]["facets"]["documentation"]["description"] == "Rows."
    begun = event(w, "START", "table")
    assert begun["run"]["runId"] == made["run"]["runId"]
    assert begun["eventTime"] <= made["eventTime"]


def test_queries_grow_with_levels_and_not_with_history(w: World) -> None:
    w.assets = chain(w)
    for name in ("a-1", "b-1", "c-1", "d-1"):
        w.run("raw", "mid", "out", raw=name)
    w.collect()
    w.run("raw", "mid", "out", raw="e-1")
    new = w.collect()
    assert new.records == 3
    assert new.queries <= 14
    assert w.collect().queries <= 8


PROJECT = """
import dagster as dg
from datetime import UTC, datetime
from lineage_guard.dagster.collect.collect import collect, collect_upstream
from lineage_guard.dagster.declare import declare, source
from lineage_guard.dagster.pins.step import step_inputs
from lineage_guard.domain.facts import ModelSource
from lineage_guard.ledger import open_ledger

def each(name, deps, metadata):
    @dg.asset(name=name, deps=deps, metadata=metadata)
    def made(context: dg.AssetExecutionContext):
        now = datetime.now(UTC)
        ledger = open_ledger(LEDGER)
        (step,) = step_inputs(context, "default", now)
        graph = context.job_def.asset_layer.asset_graph
        got = collect_upstream(context.instance, graph, ledger, step.reads, namespace="default", now=now)
        assert not got.blind, got.blind
        closure = ledger.closure(step.target)
        gaps = [str(r.version) for r in closure.reached if not r.recorded]
        assert not gaps, gaps
        models = sorted({m.model for r in closure.reached[1:] for m in r.models})
        context.add_output_metadata({"models": dg.MetadataValue.json(models)})
    return made

gpt = declare(ModelSource("openai", "gpt-4o", channel="api.openai.com"))
llama = declare(ModelSource("meta", "llama-3", channel="self-hosted"))
left = [each("l0", [], gpt), each("l1", ["l0"], {})]
right = [each("r0", [], llama), each("r1", ["r0"], {})]
assets = [*left, *right, each("student", ["l1", "r1"], {})]
defs = dg.Definitions(assets=assets, jobs=[dg.define_asset_job("all")])
job = defs.resolve_job_def("all")
"""


@pytest.mark.long
def test_steps_of_the_multiprocess_executor_collect_at_the_same_time(tmp_path: Path) -> None:
    """The first run ever, upstream and training together, each step collecting for itself."""
    (tmp_path / "home").mkdir()
    (tmp_path / "project.py").write_text(f"LEDGER = {str(tmp_path / 'ledger')!r}\n{PROJECT}")
    run = f"""
import dagster as dg
from jobs import get_job

if __name__ == "__main__":
    with dg.DagsterInstance.local_temp({str(tmp_path / "home")!r}) as instance:
        assert dg.execute_job(dg.reconstructable(get_job), instance=instance).success
"""
    (tmp_path / "jobs.py").write_text("import project\ndef get_job():\n    return project.job\n")
    (tmp_path / "main.py").write_text(run)
    done = subprocess.run([sys.executable, "main.py"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    collector = tmp_path / "several.py"
    collector.write_text(
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nimport project, dagster as dg\n"
        "from datetime import UTC, datetime\n"
        f"with dg.DagsterInstance.local_temp({str(tmp_path / 'home')!r}) as instance:\n"
        "    graph = project.defs.resolve_asset_graph()\n"
        "    ledger = project.open_ledger(project.LEDGER)\n"
        "    project.collect(instance, graph, ledger, namespace='default', now=datetime.now(UTC))\n"
    )
    together = [subprocess.Popen([sys.executable, str(collector)], stderr=subprocess.PIPE) for _ in range(3)]
    for process in together:
        _, errors = process.communicate(timeout=240)
        assert process.returncode == 0, errors[-2000:]
    ledger = open_ledger(tmp_path / "ledger")
    counts = Counter((e["eventType"], e["job"]["name"]) for _, e in ledger.events())
    ends = {("COMPLETE", n): 1 for n in ("l0", "l1", "r0", "r1", "student")}
    # The gate had collected the ends of what is upstream, and no beginning follows an end.
    assert counts == ends | {("START", "student"): 1}
    (student,) = ledger.latest("default", "student")
    (production,) = ledger.productions([student]).values()
    assert {m.model for r in ledger.closure(production).reached for m in r.models} == {"gpt-4o", "llama-3"}
