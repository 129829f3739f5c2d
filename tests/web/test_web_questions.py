"""What the path view asks: complete whatever the page, the index or the name; and what the gate would say."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import pytest

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Completeness, Input, ModelSource, Pin, Production, Version
from lineage_guard.domain.lineage.ways import ways_of
from lineage_guard.domain.verdict.decide import Decision, Verdict, decide
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState
from lineage_guard.explaining import words
from lineage_guard.explaining.answering import Answer, Request, upstream
from lineage_guard.explaining.explanation import explanation_of
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.asking import browsing
from lineage_guard.openlineage.encode import event_of
from lineage_guard.web import questions
from lineage_guard.web.contents import Page, Rules, VersionKind
from lineage_guard.web.graph.drawn import NodeKind, PathGraph

T = TypeVar("T")
CATALOG = load_catalog()
RULES = Rules(CATALOG, load_policy("default", CATALOG))
DAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOW = DAY + timedelta(days=30)
USE = "train_competing"
GPT = ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com")
QWEN = ModelSource("huggingface", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted")
HOSTILE = (
    "raw/<script>alert('x')</script>",
    "raw/a%b_c",
    "raw/aXbYc",
    "raw/'; DROP TABLE versions; --",
    'raw/"quoted" \\ back',
    "raw/Größe/ДАННЫЕ/数据/İ",
    "raw/\u202eevil\u200b",
    "raw/" + "long" * 2_500,
    "raw/line\nbreak\ttab",
    "raw/(.*)[a-z]+?$^|{{7*7}}${x}",
    "raw/\U0001f9ea",
)


def run_id(n: int) -> str:
    return str(UUID(int=0x019B76DA << 96 | 7 << 76 | 0b10 << 62 | n))


def version(name: str, n: int, partition: str | None = None) -> Version:
    return Version("default", name, partition, run_id(n))


def event(
    made: Production, state: RunState = RunState.COMPLETE, verdict: Verdict | None = None, at: datetime | None = None
) -> dict[str, Any]:
    first = made.outputs[0]
    parent = ParentRun(f"dagster-{first.run}", "default", "job")
    moment = at or made.produced_at or DAY
    name = (first.namespace, first.name)
    run = AssetRun(first.run or "", state, moment, *name, made, parent, verdict=verdict, enforced=verdict is not None)
    return event_of(run, engine_version="test")


def judged(ledger: Ledger, target: Production, at: datetime, mode: Mode = Mode.ENFORCE) -> Verdict:
    closure, _ = upstream(target, ledger, RULES.policy.terms, CATALOG.ancestry)
    return replace(decide(closure, RULES.policy, (), USE, at), mode=mode)


#: What was decided of a step, whatever ledger holds what it read.
DECIDED: dict[Version, Verdict] = {}


def gate(ledger: Ledger, target: Production, at: datetime, mode: Mode = Mode.ENFORCE) -> None:
    version = target.outputs[0]
    if version not in DECIDED:
        DECIDED[version] = judged(ledger, target, at)
    ledger.append([event(target, RunState.RUNNING, replace(DECIDED[version], at=at, mode=mode), at)])


#: Sources, of which every second was made by GPT-4o; what was made of two of them; and a student of that.
SOURCES = [
    Production(
        (version(name, n, "2026|<de>" if n % 3 == 0 else None),),
        models=(GPT,) if n % 2 == 0 else (QWEN,),
        produced_at=DAY + timedelta(minutes=n // 3),
    )
    for n, name in enumerate(HOSTILE, 1)
]
MIXED = [
    Production(
        (version(f"mixed/{n}", 100 + n),),
        (Input(SOURCES[n].outputs[0]), Input(SOURCES[n + 1].outputs[0], pin=Pin.CONSERVATIVE)),
        produced_at=DAY + timedelta(hours=1),
    )
    for n in range(8)
]
STUDENTS = [
    Production(
        (version("models/student", 200 + n),), (Input(MIXED[n].outputs[0]),), produced_at=DAY + timedelta(days=1)
    )
    for n in range(8)
]
CLEAN = Production(
    (version("models/<clean>", 300),), (Input(SOURCES[0].outputs[0]),), produced_at=DAY + timedelta(days=1)
)
WAITING = Production((version("models/student", 400, "p"),), (Input(MIXED[0].outputs[0]),))


def fill(ledger: Ledger, compact: bool) -> Ledger:
    ledger.append([event(p) for p in SOURCES])
    if compact:
        ledger.compact()
    ledger.append([event(p) for p in MIXED])
    for n, student in enumerate(STUDENTS):
        gate(ledger, student, DAY + timedelta(hours=2, minutes=n // 2), Mode.OBSERVE if n % 2 else Mode.ENFORCE)
        if compact and n == 4:
            ledger.compact()
    gate(ledger, CLEAN, DAY + timedelta(hours=3))
    ledger.append([event(p) for p in (*STUDENTS[1::2], CLEAN)])
    gate(ledger, WAITING, DAY + timedelta(hours=4))
    return ledger


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    return fill(open_ledger(tmp_path_factory.mktemp("ledger")), compact=True)


def walked(ask: Callable[[str | None], Page[T]], between: Callable[[], object] = lambda: None) -> list[T]:
    page = ask(None)
    rows = list(page.rows)
    while page.after is not None:
        between()
        page = ask(page.after)
        assert page.rows
        rows += page.rows
    return rows


def everything(ledger: Ledger) -> list[Version]:
    return [r.version for r in walked(lambda after: questions.versions(ledger, after=after, limit=500))]


def test_lists_hold_what_is_on_record(ledger: Ledger) -> None:
    made = [v for p in (*SOURCES, *MIXED, *STUDENTS[1::2], CLEAN) for v in p.outputs]
    found = walked(lambda after: questions.versions(ledger, catalog=CATALOG, after=after, limit=7))
    assert sorted(map(str, (r.version for r in found))) == sorted(map(str, made))
    assert [r.at for r in found] == sorted((r.at for r in found), key=lambda at: at or DAY, reverse=True)
    kinds = {r.version: r.kind for r in found}
    assert kinds[STUDENTS[1].outputs[0]] is kinds[CLEAN.outputs[0]] is VersionKind.TRAINED
    assert {kinds[v] for v in made[: len(SOURCES) + len(MIXED)]} == {VersionKind.DATASET}
    verdicts = walked(lambda after: questions.verdicts(ledger, after=after, limit=3))
    assert [v.at for v in verdicts] == sorted((v.at for v in verdicts), reverse=True)
    for name in ("models/student", "models/<clean>"):
        listed = [v for v in verdicts if v.target.name == name]
        on_record = ledger.decisions("default", name, 100)
        assert {(v.run, v.decision) for v in listed} == {(d["runId"], d["decision"]) for d in on_record}
        assert len(listed) == len(on_record)
        only = walked(lambda after, n=name: questions.verdicts(ledger, asset=("default", n), after=after, limit=2))
        assert only == listed
    counted = questions.counts(ledger)
    assert counted == {d: sum(v.decision is d for v in verdicts) for d in counted}
    assert questions.verdicts(ledger, limit=1).total == len(verdicts) == sum(counted.values())
    assert {v.outcome for v in verdicts} >= {"BLOCKED", "would have been BLOCKED (observe)"}
    assert all(v.parent_run == f"dagster-{v.run}" for v in verdicts)


@pytest.mark.parametrize(("limit", "compacting"), [(2, False), (5, True), (20, False)])
def test_every_row_comes_once_whatever_is_written_between_pages(tmp_path: Path, limit: int, compacting: bool) -> None:
    ledger = fill(open_ledger(tmp_path), compact=not compacting)
    other = open_ledger(tmp_path)
    numbers = iter(range(1_000, 9_000))
    verdict = DECIDED[STUDENTS[0].outputs[0]]

    def write() -> None:
        n = next(numbers)
        if n % 4:
            return
        new = Production((version(HOSTILE[n % 11], n),), produced_at=DAY + timedelta(minutes=n % 90))
        again = replace(SOURCES[n % 11], produced_at=DAY + timedelta(days=n % 40), note=f"said once more, {n}")
        student = replace(STUDENTS[n % 8], outputs=(version("models/student", n),))
        at = DAY + timedelta(minutes=n % 300)
        said = replace(verdict, target=student.outputs[0], at=at)
        other.append([event(new), event(again), event(student, RunState.RUNNING, said, at)])
        if compacting and n % 12 == 0:
            other.compact()

    before = everything(ledger)
    seen = walked(lambda after: questions.versions(ledger, after=after, limit=limit), write)
    found = [r.version for r in seen]
    assert len(set(found)) == len(found)
    assert set(before) <= set(found)
    verdicts = walked(lambda after: questions.verdicts(ledger, after=after, limit=500))
    keys = [(v.run, v.at) for v in verdicts]
    again = walked(lambda after: questions.verdicts(ledger, after=after, limit=limit), write)
    listed = [(v.run, v.at) for v in again]
    assert len(set(listed)) == len(listed)
    assert set(keys) <= set(listed)
    start = SOURCES[1].outputs[0]
    hits = [r.version for r in walked(lambda after: questions.impact(ledger, version=start, after=after, limit=limit))]
    assert len(set(hits)) == len(hits)
    assert set(hits) == {a.version for a in ledger.impact([start]).downstream}


def test_what_another_handle_compacted_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger, other = open_ledger(tmp_path), open_ledger(tmp_path)
    for lag in (1_000, 0):  # read on from the log, and gathered again from the index
        monkeypatch.setattr(browsing, "_LAG", lag)
        for n in range(2):
            other.append([event(replace(p, note=f"{lag} {n}")) for p in SOURCES[n * 3 : n * 3 + 3]])
            gate(other, STUDENTS[n], DAY + timedelta(seconds=lag + n))
            assert other.compact()
            assert set(everything(ledger)) == set(everything(open_ledger(tmp_path)))
            mine, fresh = (questions.verdicts(each, limit=500) for each in (ledger, open_ledger(tmp_path)))
            assert mine == fresh


def test_what_other_producers_wrote_is_listed_beside_our_own(tmp_path: Path) -> None:
    def told(n: int, source: str, target: str) -> dict[str, Any]:
        at = (DAY + timedelta(minutes=n)).isoformat()
        schema = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
        run, job = {"runId": run_id(700 + n)}, {"namespace": "airflow", "name": f"dag.{n}"}
        reads, writes = ([{"namespace": "s3://lake", "name": name}] for name in (source, target))
        said = {"eventType": "COMPLETE", "eventTime": at, "producer": "https://airflow", "schemaURL": schema}
        return {**said, "run": run, "job": job, "inputs": reads, "outputs": writes}

    ledger = open_ledger(tmp_path)
    ledger.append([event(SOURCES[0]), told(1, "raw", "clean/<b>")])
    seen: list[list[Version]] = []
    for n in (2, 3):
        ledger.append([told(n, "clean/<b>", "wide"), event(SOURCES[n])])
        seen.append(everything(ledger))
        ledger.compact()
        assert everything(ledger) == everything(open_ledger(tmp_path)) == seen[-1]
        assert len(set(seen[-1])) == len(seen[-1])
    names = {v.name for v in seen[-1] if v.namespace == "s3://lake"}
    assert names == {"raw", "clean/<b>", "wide"}
    assert {SOURCES[n].outputs[0] for n in (0, 2, 3)} <= set(seen[-1])
    assert [v.run for v in seen[-1] if v.name == "wide" and v.run] == [run_id(703), run_id(702)]
    rows = {r.version.name: r for r in questions.versions(ledger, limit=50).rows}
    assert rows["raw"].kind is VersionKind.SOURCE


def test_a_pruned_ledger_is_browsed_as_it_is(tmp_path: Path) -> None:
    ledger = fill(open_ledger(tmp_path), compact=True)
    assert everything(ledger)
    old = [
        event(Production((version("old", 500 + n),), produced_at=DAY - timedelta(days=n)), at=DAY) for n in range(1, 4)
    ]
    ledger.append(old)
    assert len([v for v in everything(ledger) if v.name == "old"]) == 3
    assert ledger.prune(DAY + timedelta(days=9_999), dry_run=False).events
    assert everything(ledger) == everything(open_ledger(tmp_path))


@pytest.mark.parametrize(
    "text",
    [*HOSTILE, "%", "_", "a%b", "a_b", "'", '"', "\\", ";", "(", "*", "ДАННЫЕ", "данные", "größe", "SCRIPT", "\x00"],
)
def test_search_takes_every_sign_for_itself(ledger: Ledger, text: str) -> None:
    # As DuckDB folds case: sign by sign.
    folded = "".join(c.lower() if len(c.lower()) == 1 else c.lower()[0] for c in text)

    def says(v: Version) -> bool:
        whole = f"{v.namespace}:{v.name}" + (f"[{v.partition}]" if v.partition is not None else "") + f"@{v.run}"
        return folded in "".join(c.lower() if len(c.lower()) == 1 else c.lower()[0] for c in whole)

    found = questions.versions(ledger, text=text, limit=500)
    assert {r.version for r in found.rows} == {v for v in everything(ledger) if says(v)}
    assert found.total == len(found.rows)
    verdicts = questions.verdicts(ledger, text=text, limit=500)
    assert verdicts.total == len(verdicts.rows) <= questions.verdicts(ledger).total


def test_verdicts_are_found_by_what_they_say(ledger: Ledger) -> None:
    total = questions.verdicts(ledger).total
    stopped = questions.counts(ledger)[Decision.BLOCK]
    for text in ("GPT-4o", "model-terms", "openai/gpt-4o-2024-08-06 via api"):
        assert questions.verdicts(ledger, text=text).total == stopped
    assert questions.verdicts(ledger, text=USE).total == total
    assert questions.verdicts(ledger, text=run_id(203)).total == 1
    assert questions.verdicts(ledger, text="models/student[p]").total == 1
    assert questions.verdicts(ledger, decision=Decision.BLOCK, text="<clean>").total == 0


def test_only_one_kind_is_listed(ledger: Ledger) -> None:
    rows = questions.versions(ledger, catalog=CATALOG, limit=500).rows
    for kind in VersionKind:
        found = questions.versions(ledger, kind=kind, catalog=CATALOG, limit=500)
        assert [r.version for r in found.rows] == [r.version for r in rows if r.kind is kind]
        assert found.total == len(found.rows)


@pytest.mark.parametrize(
    "after", ["", "x", "W10", "é", "WzEsMl0", "IiI", "W251bGwsIiIsIiJd", "a" * 10_000, "WzEsICJcdWQ4MDAiLCAiIl0"]
)
def test_a_cursor_that_is_none_is_refused(ledger: Ledger, after: str) -> None:
    start = SOURCES[0].outputs[0]
    with pytest.raises(ConfigError, match="no place"):
        questions.verdicts(ledger, after=after)
    with pytest.raises(ConfigError, match="no place"):
        questions.versions(ledger, after=after)
    with pytest.raises(ConfigError, match="no place"):
        questions.impact(ledger, version=start, after=after)


def test_a_verdict_is_shown_as_it_was_written(ledger: Ledger) -> None:
    target = STUDENTS[0].outputs[0]
    view = questions.verdict(ledger, *target)
    assert view is not None
    assert view.verdict is not None
    assert view.verdict.findings == judged(ledger, STUDENTS[0], view.row.at).findings
    assert view.row.run == target.run
    assert view.headline.startswith("BLOCKED  default:models/student")
    assert [f.subject for f in view.findings] == [str(GPT)]
    assert view.findings[0].steps[0] == "default:models/student"
    assert view.findings[0].url is not None
    assert view.facet["decision"] == "BLOCK"
    assert view.history.total == 9
    assert questions.verdict(ledger, "default", "models/student", "p") is not None
    assert questions.verdict(ledger, "default", "models/nobody") is None


def test_a_verdict_that_makes_no_sense_is_listed_and_said_to(tmp_path: Path) -> None:
    ledger = fill(open_ledger(tmp_path), compact=False)
    wrong: list[dict[str, Any]] = []
    verdict = DECIDED[STUDENTS[0].outputs[0]]
    for n, change in enumerate(({"decision": "PERHAPS"}, {"findings": "none"}, {"target": 7}, {"evaluatedAt": "soon"})):
        student = replace(STUDENTS[0], outputs=(version("models/odd", 600 + n),))
        said = event(student, RunState.RUNNING, replace(verdict, target=student.outputs[0]), DAY + timedelta(seconds=n))
        said["run"]["facets"]["lineageGuard_decision"] |= change
        wrong.append(said)
    ledger.append(wrong)
    for each in (ledger, open_ledger(tmp_path)):
        rows = {r.run: r for r in questions.verdicts(each, text="models/odd").rows}
        assert len(rows) == 4
        assert rows[run_id(600)].decision is rows[run_id(602)].decision is None
        assert questions.counts(each)[None] == 2
        for n in range(4):
            view = questions.verdict(each, "default", "models/odd", None, run_id(600 + n))
            assert view is not None
            assert view.verdict is None
            assert view.row.problem
        each.compact()


def reference(ledger: Ledger, target: Production) -> tuple[set[Version], set[tuple[Version, Version]]]:
    """Versions and edges between the target and what the rules speak of, as the domain defines them."""
    from lineage_guard.domain.rules.terms import Effect
    from lineage_guard.domain.verdict.judging import judge

    closure, _ = upstream(target, ledger, RULES.policy.terms, CATALOG.ancestry)
    ways = ways_of(closure, ledger.graph(target)[1], CATALOG.ancestry)
    roots = {j.index for j in judge(closure, RULES.policy, USE) if j.ruling.effect is not Effect.ALLOW}
    inside = ways.between(roots) | {0}
    name = dict(enumerate(closure.rows.versions(range(len(closure.rows)))))
    edges = {(name[e.child], name[e.parent]) for e in ways.edges if {e.child, e.parent} <= inside and e.parent != 0}
    return {name[n] for n in inside}, edges


def drawn(graph: PathGraph) -> set[Version]:
    return {v for n in graph.nodes for v in n.versions}


def test_the_graph_is_what_lies_between(ledger: Ledger) -> None:
    for target in (*STUDENTS[1::2], CLEAN):
        graph = questions.path_graph(ledger, RULES, target.outputs[0], at=NOW)
        assert graph is not None
        versions, edges = reference(ledger, target)
        assert drawn(graph) == versions
        assert graph.left_out == ()
        assert graph.versions == len(versions)
        by_id = {n.id: n for n in graph.nodes}
        assert len(by_id) == len(graph.nodes)
        assert by_id[graph.target].version == target.outputs[0]
        between = {
            (by_id[e.target].version, by_id[e.source].version)
            for e in graph.edges
            if by_id[e.source].kind is not NodeKind.MODEL
        }
        assert between == edges


def test_a_graph_says_what_each_node_is_and_how_surely_it_was_read(ledger: Ledger) -> None:
    graph = questions.path_graph(ledger, RULES, STUDENTS[1].outputs[0], at=NOW)
    assert graph is not None
    nodes = {n.label: n for n in graph.nodes}
    target, model = nodes["default:models/student"], nodes[str(GPT)]
    source = next(n for n in graph.nodes if n.version == SOURCES[1].outputs[0])
    assert (target.kind, source.kind, model.kind) == (NodeKind.TARGET, NodeKind.DATASET, NodeKind.MODEL)
    assert "BLOCK" in source.effects
    assert source.effects == model.effects
    assert "model-terms" in source.why[0]
    assert str(GPT) in source.why[0]
    assert source.models == (str(GPT),)
    mixed = nodes["default:mixed/1"]
    pins = {(e.source, e.target): e.pin for e in graph.edges}
    assert pins[source.id, mixed.id] is Pin.EXACT
    assert pins[model.id, source.id] is Pin.EXACT
    other = questions.path_graph(ledger, RULES, STUDENTS[1].outputs[0], at=NOW, use="evaluate")
    assert other is not None


def test_a_run_that_was_stopped_is_drawn_by_what_it_was_about_to_read(ledger: Ledger) -> None:
    target = WAITING.outputs[0]
    assert ledger.productions([target]) == {}
    graph = questions.path_graph(ledger, RULES, target, at=NOW)
    told = questions.explanation(ledger, RULES, target, at=NOW)
    assert graph is not None
    assert told is not None
    assert drawn(graph) == reference(ledger, WAITING)[0]
    assert told.notes[0].startswith("This version was never made")
    assert told.verdict.stops
    assert questions.path_graph(ledger, RULES, version("models/nobody", 999), at=NOW) is None
    assert questions.explanation(ledger, RULES, version("models/nobody", 999), at=NOW) is None


def layered(seed: int) -> list[Production]:
    """Tables of many partitions and rounds, chains among them, a few made by a model and a few not known."""
    rng = random.Random(seed)
    made: list[Production] = []
    for n in range(150):
        chain = n % 5 == 0
        name = f"chain/{n}" if chain and rng.random() < 0.5 else f"table/{n % (3 if chain else 15)}"
        below = made[-1:] if chain else rng.sample(made, min(len(made), 3))
        made.append(
            Production(
                (version(name, 2_000 + n, rng.choice([None, "de", "en"])),),
                tuple(Input(p.outputs[0], pin=rng.choice(list(Pin))) for p in below),
                models=(GPT,) if rng.random() < 0.05 else (),
                produced_at=DAY + timedelta(seconds=n),
                completeness=Completeness.COMPLETE if rng.random() < 0.97 else Completeness.UNKNOWN,
            )
        )
    return made


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_graph_that_is_too_large_says_what_it_leaves_out(tmp_path: Path, seed: int) -> None:
    ledger = open_ledger(tmp_path)
    made = layered(seed)
    ledger.append([event(p) for p in made[:100]])
    ledger.compact()
    ledger.append([event(p) for p in made[100:]])
    target = made[-1]
    versions, edges = reference(ledger, target)
    for most in (10, 14, 30, 60, 400):
        graph = questions.path_graph(ledger, RULES, target.outputs[0], at=NOW, most=most)
        assert graph is not None
        assert len(graph.nodes) <= most
        assert graph.versions == len(versions)
        shown = sum(n.count for n in graph.nodes if n.kind is not NodeKind.MODEL)
        gone = sum(int(re.match(r"[\d,]+", s)[0].replace(",", "")) for s in graph.left_out if "versions" in s)
        assert shown + gone == len(versions)
        ids = {n.id for n in graph.nodes}
        assert all({e.source, e.target} <= ids and e.source != e.target for e in graph.edges)
        # Whatever is drawn, a way leads from each node to the target.
        onward = {e.source: e.target for e in graph.edges}
        reached = {graph.target}
        while more := {e.source for e in graph.edges if e.target in reached} - reached:
            reached |= more
        assert reached == ids
        assert onward
        if not gone:
            inner = sum(e.count for e in graph.edges if not e.source.startswith("m"))
            assert inner <= len(edges)


def told_of(tmp_path: Path, made: list[Production], most: int) -> PathGraph:
    ledger = open_ledger(tmp_path)
    ledger.append([event(p) for p in made])
    graph = questions.path_graph(ledger, RULES, made[-1].outputs[0], at=NOW, most=most)
    assert graph is not None
    assert len(graph.nodes) <= most
    return graph


def rows(count: int, width: int) -> list[Production]:
    """So many rows of tables with names of their own, each reading the whole row before; GPT-4o made the first."""
    made: list[Production] = []
    for n in range(count):
        below = made[-width:] if n else []
        for w in range(width if n else 1):
            out = version(f"row/{n}/{w}", 3_000 + n * width + w)
            models = () if n else (GPT,)
            made.append(Production((out,), tuple(Input(p.outputs[0]) for p in below), models, DAY))
    return [*made, Production((version("end", 9_000),), tuple(Input(p.outputs[0]) for p in made[-width:]), (), DAY)]


def test_a_long_row_of_tables_is_one_node(tmp_path: Path) -> None:
    graph = told_of(tmp_path, rows(40, 1), 10)
    kinds = [n.kind for n in graph.nodes]
    assert kinds == [NodeKind.TARGET, NodeKind.CHAIN, NodeKind.DATASET, NodeKind.MODEL]
    chain = graph.nodes[1]
    assert (chain.count, chain.depth) == (39, 1)
    assert chain.label == "row/39/0 … row/1/0 (39 datasets)"
    assert graph.left_out == ()
    assert {(e.source, e.target) for e in graph.edges} == {("n1", "n0"), ("n2", "n1"), ("m0", "n2")}


def test_of_ways_that_are_too_long_and_too_many_one_is_drawn_whole(tmp_path: Path) -> None:
    graph = told_of(tmp_path, rows(20, 2), 10)
    assert [n.kind for n in graph.nodes].count(NodeKind.CHAIN) == 1
    way = ["m0"]
    onward = {e.source: e.target for e in graph.edges}
    while way[-1] in onward:
        way.append(onward[way[-1]])
    assert way[-1] == graph.target
    assert set(way) == {n.id for n in graph.nodes}
    assert graph.left_out == ("19 versions on a way are not drawn.",)


def test_partitions_are_one_node_that_says_how_many(tmp_path: Path) -> None:
    parts = [
        Production((version("days", 4_000 + n, f"2026-{n:03}"),), models=(GPT,), produced_at=DAY) for n in range(300)
    ]
    end = Production((version("end", 9_001),), tuple(Input(p.outputs[0]) for p in parts), produced_at=DAY)
    graph = told_of(tmp_path, [*parts, end], 200)
    assert [n.kind for n in graph.nodes] == [NodeKind.TARGET, NodeKind.DATASET, NodeKind.MODEL]
    days = graph.nodes[1]
    assert days.count == 300
    assert days.partitions[:2] == ("2026-000", "2026-001")
    assert days.why[0].endswith("(300 of 300 versions)")
    assert {e.count for e in graph.edges} == {300}
    assert graph.left_out == ()


def test_an_explanation_is_that_of_the_command_line(ledger: Ledger) -> None:
    for student in (*STUDENTS[1::2], CLEAN):
        told = questions.explanation(ledger, RULES, student.outputs[0], at=NOW)
        closure, _ = upstream(student, ledger, RULES.policy.terms, CATALOG.ancestry)
        verdict = decide(closure, RULES.policy, (), USE, NOW)
        # The lineage suite takes seconds to load and only restates the verdict; it explains nothing.
        suite = Evidence("lineage", "s", closure.digest, "p", success=True, evaluated=4, expected=4, at=NOW)
        question = Request(student, USE, RULES.policy, NOW, ())
        expected = explanation_of(Answer(verdict, closure, suite, student), question, ledger, CATALOG, 5)
        assert told is not None
        assert told.verdict.findings == verdict.findings
        assert told.verdict.decision is verdict.decision
        assert [c.version for c in told.changes] == [c.version for c in expected.remedy.changes]
        assert told.commands == expected.waivers
        assert [c.paths for c in told.causes] == [
            tuple(tuple(words.path_steps(c, path)) for path in c.paths) for c in expected.causes
        ]
        assert bool(told.causes) is verdict.stops is (student is not CLEAN and bool(expected.causes))


def test_what_is_thought_now_is_held_against_the_record(ledger: Ledger, tmp_path: Path) -> None:
    target = STUDENTS[1].outputs[0]
    same = questions.explanation(ledger, RULES, target, at=NOW)
    assert same is not None
    assert same.differs == ()
    waivers = tmp_path / "waivers.yaml"
    entry = {
        "id": "w-1",
        "rule": "model-terms",
        "asset": "models/student",
        "model": "gpt-4o*",
        "requested_by": "ada@example.com",
        "approved_by": "grace@example.com",
        "reason_code": "EMERGENCY",
        "reason": "a <b>test</b>",
        "ticket": "T-1",
        "expires": "2026-12-31",
    }
    waivers.write_text(json.dumps({"format": 1, "waivers": [entry]}))
    waived = questions.explanation(ledger, replace(RULES, waivers=waivers), target, at=NOW)
    assert waived is not None
    assert waived.verdict.decision is Decision.WAIVED
    assert any("BLOCK on record, WAIVED now" in sentence for sentence in waived.differs)
    graph = questions.path_graph(ledger, replace(RULES, waivers=waivers), target, at=NOW)
    assert graph is not None
    assert "WAIVED" in next(n for n in graph.nodes if n.version == SOURCES[1].outputs[0]).effects


def test_impact_is_all_of_it_and_trained_versions_come_first(ledger: Ledger) -> None:
    start = SOURCES[1].outputs[0]
    rows = questions.impact(ledger, version=start, limit=500).rows
    expected = {a.version: a for a in ledger.impact([start]).downstream}
    assert {r.version for r in rows} == set(expected)
    assert [r.trained for r in rows] == sorted((r.trained for r in rows), reverse=True)
    assert any(r.trained for r in rows)
    for r in rows:
        a = expected[r.version]
        assert (r.depth, r.influence, r.pin) == (a.depth, a.influence, a.pin)
        assert r.path[0] == str(start)
        assert r.path[-1] == str(r.version)
    of_model = questions.impact(ledger, model="gpt-4o*", limit=500)
    assert {r.version for r in of_model.rows} == {a.version for a in ledger.impact(model="gpt-4o*").reached}
    assert questions.impact(ledger, version=version("nobody", 5)).total == 0
    with pytest.raises(ConfigError):
        questions.impact(ledger)


def test_waivers_stand_with_what_holds_first(tmp_path: Path) -> None:
    def entry(id_: str, **said: Any) -> dict[str, Any]:
        who = {"requested_by": "ada@example.com", "approved_by": "grace@example.com", "ticket": "T"}
        why = {"reason_code": "EMERGENCY", "reason": "<i>why</i>"}
        return {"id": id_, "rule": "model-terms", "asset": "models/*", **who, **why, "expires": "2026-12-31", **said}

    entries = [
        entry("over", expires="2026-01-31"),
        entry("back", revoked={"by": "grace@example.com", "on": "2026-03-01", "reason": "no more"}),
        entry("long"),
        entry("soon", expires=(NOW + timedelta(days=3)).date().isoformat(), model="gpt-4o*", partition="de"),
        entry("asked", approved_by=None, reason=None, reason_code=None, ticket=None),
    ]
    path = tmp_path / "waivers.yaml"
    path.write_text(json.dumps({"format": 1, "waivers": entries}))
    view = questions.waivers(replace(RULES, waivers=path), NOW)
    assert [r.id for r in view.rows] == ["soon", "long", "asked", "over", "back"]
    assert [r.soon for r in view.rows] == [True, False, False, False, False]
    assert dict(view.rows[0].scope) == {"asset": "models/*", "model": "gpt-4o*", "partition": "de"}
    assert view.rows[3].days is not None
    assert view.rows[3].days < 0
    assert view.rows[4].revoked == "grace@example.com on 2026-03-01: no more"
    path.write_text("format: 1\nwaivers: [{}]\n")
    broken = questions.waivers(replace(RULES, waivers=path), NOW)
    assert broken.rows == ()
    assert broken.problem is not None
    assert questions.waivers(RULES, NOW).path is None


def test_reports_and_incidents_are_handed_on(ledger: Ledger) -> None:
    data = json.loads(questions.report_bytes(ledger, RULES, CLEAN.outputs[0], "json"))
    assert CLEAN.outputs[0].run in json.dumps(data)
    assert questions.incidents(ledger) == ()
