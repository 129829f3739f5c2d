"""Foreign events read together: which versions a run made, and which it may have read."""

from __future__ import annotations

import random
from typing import Any

import pytest
from foreign_examples import change, data, dataset_event, event, facet, model, ran, run_id, symlink
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.domain.facts import Completeness, Influence, Production, Version
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.foreign.assembling import Foreign, assemble
from lineage_guard.openlineage.foreign.statement_json import dump, load

Events = list[dict[str, Any]]


def read(events: Events) -> Foreign:
    return assemble(s for e in events if (s := decode(e).statement) is not None)


def made(events: Events, name: str, run: str) -> Production:
    namespace, _, rest = name.rpartition("|")
    return read(events).productions[Version(namespace or "warehouse", rest, None, run_id(run))]


def inputs(production: Production) -> set[tuple[str, str | None]]:
    """(name, run) of each input, the run by its own name, without what the table itself held before the record."""
    runs = {run_id(n): n for n in RUNS}
    others = (i.version for i in production.inputs if i.version != before_the_record(production))
    return {(v.name, runs[v.run] if v.run else None) for v in others}


def before_the_record(production: Production) -> Version:
    """What the table that was written held before anything on record was written to it."""
    return Version(*production.outputs[0][:2])


def may_be_older(production: Production) -> bool:
    """Whether it may hold what nobody recorded."""
    return before_the_record(production) in {i.version for i in production.inputs}


RUNS = ["first", "second", "third", "fourth", "reader", "writer", "move", "stream"]


def test_inputs_of_start_belong_to_what_complete_wrote() -> None:
    p = made(ran("writer", 0, 5, [data("raw")], [data("t")]), "t", "writer")
    assert inputs(p) == {("raw", None)}
    assert p.completeness is Completeness.COMPLETE
    assert p.note == "nothing on record of what it read of warehouse:raw, warehouse:t"


def test_a_run_whose_outputs_only_start_named_made_them() -> None:
    events = [event("START", "writer", 0, [data("raw")], [data("t")]), event("COMPLETE", "writer", 5)]
    assert inputs(made(events, "t", "writer")) == {("raw", None)}


@pytest.mark.parametrize("states", [["START"], ["START", "FAIL"], ["START", "RUNNING", "ABORT"], ["OTHER"]])
def test_a_run_that_never_completed_made_nothing(states: list[str]) -> None:
    assert not read([event(s, "writer", n, [data("raw")], [data("t")]) for n, s in enumerate(states)]).productions


def test_a_run_without_any_input_is_not_clean() -> None:
    p = made([event("START", "writer", 0), event("COMPLETE", "writer", 5, (), [data("t")])], "t", "writer")
    assert p.completeness is Completeness.UNKNOWN
    assert "lists no inputs" in (p.note or "")


def test_a_stream_writes_while_it_runs() -> None:
    streaming = facet("jobType", kind="JobFacet", processingType="STREAMING", integration="FLINK", jobType="JOB")
    stream = event("RUNNING", "stream", 1, [model("openai|gpt-4o")], [data("topic")], **streaming)
    p = made([stream, *ran("reader", 10, 12, [data("topic")], [data("t")])], "t", "reader")
    assert inputs(p) == {("topic", "stream")}
    # The topic may hold messages from before the job's first event.
    assert may_be_older(made([stream], "topic", "stream"))


def test_a_read_means_the_newest_version_before_it() -> None:
    events = [
        *ran("first", 0, 5, [model("openai|gpt-4o")], [data("t", change("OVERWRITE"))]),
        *ran("second", 10, 15, [model("qwen|qwen3")], [data("t", change("OVERWRITE"))]),
        *ran("reader", 20, 25, [data("t")], [data("u")]),
        *ran("third", 30, 35, [model("openai|gpt-4o")], [data("t", change("OVERWRITE"))]),
    ]
    assert inputs(made(events, "u", "reader")) == {("t", "second")}


def test_writes_that_overlap_the_read_may_all_have_been_read() -> None:
    events = [
        *ran("first", 0, 5, [data("a")], [data("t", change("OVERWRITE"))]),
        *ran("second", 10, 21, [data("a")], [data("t", change("OVERWRITE"))]),
        *ran("third", 22, 40, [data("a")], [data("t", change("OVERWRITE"))]),
        *ran("fourth", 26, 27, [data("a")], [data("t", change("OVERWRITE"))]),
        *ran("reader", 20, 25, [data("t")], [data("u")]),
    ]
    # The third run had not ended, but its table may have been there already.
    assert inputs(made(events, "u", "reader")) == {("t", "first"), ("t", "second"), ("t", "third")}


def test_without_a_start_nobody_knows_which_version_was_read() -> None:
    events = [
        *ran("first", 0, 5, [data("a")], [data("t", change("OVERWRITE"))]),
        *ran("second", 10, 15, [data("a")], [data("t", change("OVERWRITE"))]),
        event("COMPLETE", "reader", 25, [data("t")], [data("u")]),
        *ran("third", 30, 35, [data("a")], [data("t", change("OVERWRITE"))]),
    ]
    assert inputs(made(events, "u", "reader")) == {("t", "first"), ("t", "second")}


def test_a_version_read_before_anything_was_written_is_unknown() -> None:
    events = [*ran("reader", 0, 5, [data("t")], [data("u")]), *ran("first", 10, 15, [data("a")], [data("t")])]
    assert inputs(made(events, "u", "reader")) == {("t", None)}


@pytest.mark.parametrize(
    ("kind", "before"),
    [(None, {("t", "first"), ("a", None)}), ("ALTER", {("t", "first"), ("a", None)}), ("OVERWRITE", {("a", None)})],
)
def test_what_does_not_say_it_replaced_may_have_been_added_to(kind: str | None, before: set[Any]) -> None:
    facets = [change(kind)] if kind else []
    events = [
        *ran("first", 0, 5, [data("b")], [data("t")]),
        *ran("second", 10, 15, [data("a")], [data("t", *facets)]),
    ]
    assert inputs(made(events, "t", "second")) == before


@pytest.mark.parametrize(
    ("kind", "unknown"), [(None, True), ("ALTER", True), ("CREATE", False), ("OVERWRITE", False), ("TRUNCATE", False)]
)
def test_what_a_table_held_before_its_first_write_on_record_is_unknown_unless_it_is_gone(
    kind: str | None, unknown: bool
) -> None:
    facets = [change(kind)] if kind else []
    events = [
        *ran("first", 10, 15, [model("qwen|qwen3")], [data("t", *facets)]),
        *ran("second", 20, 25, [model("qwen|qwen3")], [data("t")]),
    ]
    first = made(events, "t", "first")
    assert may_be_older(first) is unknown
    assert (first.note == "nothing on record of what it read of warehouse:t") is unknown
    # The second reaches it through the first, and by itself knows what was there.
    assert inputs(made(events, "t", "second")) == {("t", "first")}
    assert not may_be_older(made(events, "t", "second"))
    # Somebody who knows that it began empty says so, at any time.
    said = [*events, dataset_event(5, data("t", change("TRUNCATE")))]
    assert not may_be_older(made(said, "t", "first"))


def test_a_write_whose_start_nobody_saw_may_be_older_than_an_overwrite_after_it() -> None:
    lone = event("COMPLETE", "first", 5, [data("a")], [data("t")])
    assert may_be_older(made([lone], "t", "first"))
    later = ran("second", 10, 15, [data("a")], [data("t", change("OVERWRITE"))])
    assert may_be_older(made([lone, *later], "t", "first"))
    emptied = dataset_event(-60, data("t", change("TRUNCATE")))
    assert not may_be_older(made([lone, emptied], "t", "first"))


@pytest.mark.parametrize("kind", ["DROP", "TRUNCATE"])
def test_what_was_emptied_is_clean_and_ends_what_was_before(kind: str) -> None:
    events = [
        *ran("first", 0, 5, [model("openai|gpt-4o")], [data("t")]),
        *ran("second", 10, 11, [], [data("t", change(kind))]),
        *ran("third", 20, 25, [data("a")], [data("t")]),
    ]
    emptied = made(events, "t", "second")
    assert (emptied.completeness, emptied.inputs) == (Completeness.COMPLETE, ())
    assert inputs(made(events, "t", "third")) == {("t", "second"), ("a", None)}


def test_a_dataset_event_can_empty_a_dataset() -> None:
    events = [
        *ran("first", 0, 5, [model("openai|gpt-4o")], [data("t")]),
        dataset_event(10, data("t", change("TRUNCATE"))),
        *ran("reader", 20, 25, [data("t")], [data("u")]),
    ]
    edge, _ = made(events, "u", "reader").inputs
    emptied = read(events).productions[edge.version]
    assert (edge.version.name, emptied.models, emptied.completeness) == ("t", (), Completeness.COMPLETE)


def test_a_renamed_dataset_keeps_its_ancestors() -> None:
    events = [
        *ran("first", 0, 5, [model("openai|gpt-4o")], [data("staging")]),
        *ran("second", 0, 5, [data("a")], [data("prod")]),
        *ran("move", 10, 11, [], [data("prod", change("RENAME", before="staging"))]),
        *ran("reader", 20, 25, [data("prod")], [data("u")]),
    ]
    assert inputs(made(events, "u", "reader")) == {("prod", "move")}
    assert inputs(made(events, "prod", "move")) == {("staging", "first")}
    # A swap takes nothing from what somebody read before it.
    early = [*events, *ran("third", 7, 8, [data("prod")], [data("v")])]
    assert inputs(made(early, "v", "third")) == {("prod", "second")}


def test_symlinks_are_names_of_one_dataset_whoever_says_so() -> None:
    wrote = ran("first", 0, 5, [data("a")], [data("s3://lake|warehouse/t", symlink("glue|db.t"))])
    asked = ran("reader", 10, 15, [data("glue|db.t")], [data("u")])
    assert inputs(made([*wrote, *asked], "u", "reader")) == {("warehouse/t", "first")}
    plain = ran("first", 0, 5, [data("a")], [data("s3://lake|warehouse/t")])
    declared = dataset_event(99, data("glue|db.t", symlink("s3://lake|warehouse/t")))
    assert inputs(made([*plain, *asked, declared], "u", "reader")) == {("warehouse/t", "first")}


def test_an_overwrite_under_one_name_hides_nothing_under_another() -> None:
    """Two tables may share a location; only the same name is surely the same data."""
    events = [
        *ran("first", 0, 5, [data("a")], [data("x", symlink("s3://lake|dir"))]),
        *ran("second", 10, 15, [data("a")], [data("y", symlink("s3://lake|dir"), change("OVERWRITE"))]),
        *ran("reader", 20, 25, [data("s3://lake|dir")], [data("u")]),
    ]
    assert inputs(made(events, "u", "reader")) == {("x", "first"), ("y", "second")}


def columns(**by_source: str | None) -> dict[str, Any]:
    """A columnLineage facet in which each source has one mention; ``None``: without transformations."""
    mentions = [
        {"namespace": "warehouse", "name": name, "field": "f"}
        | ({"transformations": [{"type": kind, "subtype": "FILTER"}]} if kind else {})
        for name, kind in by_source.items()
    ]
    return facet("columnLineage", "1-2-0", fields={"c": {"inputFields": mentions}})


def schema(*names: str) -> dict[str, Any]:
    return facet("schema", fields=[{"name": n} for n in names])


def influences(*output_facets: dict[str, Any]) -> dict[str, Influence]:
    p = made(ran("writer", 0, 5, [data("a"), data("b")], [data("t", *output_facets)]), "t", "writer")
    assert may_be_older(p)
    return {i.version.name: i.influence for i in p.inputs if i.version != before_the_record(p)}


def test_column_lineage_tells_content_from_choice() -> None:
    direct, indirect = Influence.DIRECT, Influence.INDIRECT
    assert influences() == {"a": direct, "b": direct}
    assert influences(schema("c"), columns(a="INDIRECT", b="DIRECT")) == {"a": indirect, "b": direct}
    assert influences(schema("c"), columns(a=None)) == {"a": direct, "b": direct}, "1-0-0 has no transformations"
    both = facet(
        "columnLineage",
        "1-2-0",
        fields={"c": {"inputFields": [{"namespace": "warehouse", "name": "a", "field": "x"}]}},
        dataset=[
            {"namespace": "warehouse", "name": n, "field": "y", "transformations": [{"type": "INDIRECT"}]} for n in "ab"
        ],
    )
    assert influences(schema("c"), both) == {"a": direct, "b": indirect}
    only = influences(schema("c"), columns(c="INDIRECT"))
    assert only == {"a": direct, "b": direct, "c": indirect}, "only columns name it"


@pytest.mark.parametrize(
    "known",
    [
        (),
        (schema(),),
        (schema("c", "d"),),
        (facet("schema", fields=[{"name": "c"}, {"type": "text"}]),),
        (facet("schema", fields=[{"name": "c"}], _deleted=True),),
        (facet("schema", fields="c"),),
    ],
    ids=["no schema", "empty", "a column nobody describes", "a nameless column", "deleted", "damaged"],
)
def test_column_lineage_of_some_columns_is_no_knowledge_of_the_others(known: tuple[dict[str, Any], ...]) -> None:
    assert influences(*known, columns(a="INDIRECT", b="DIRECT")) == {"a": Influence.DIRECT, "b": Influence.DIRECT}


def test_damaged_column_lineage_loses_no_input() -> None:
    for broken in ({"fields": []}, {"fields": {"c": 1}}, {"fields": {"c": {"inputFields": [1, {}]}}}, {}):
        assert set(influences(facet("columnLineage", **broken))) == {"a", "b"}


def source(name: str, kind: str = "DATASET", **more: Any) -> dict[str, Any]:
    return {"namespace": "warehouse", "name": name, "type": kind, **more}


def test_explicit_lineage_on_a_dataset() -> None:
    lineage = facet(
        "lineage", inputs=[source("c")], fields={"x": {"inputs": [source("a", transformations=[{"type": "INDIRECT"}])]}}
    )
    assert influences(schema("x"), lineage) == {"a": Influence.INDIRECT, "b": Influence.DIRECT, "c": Influence.DIRECT}
    assert set(influences(lineage).values()) == {Influence.DIRECT}, "which columns there are is not known"
    whole = facet("lineage", inputs=[source("a", transformations=[{"type": "INDIRECT"}])])
    assert influences(whole) == {"a": Influence.INDIRECT, "b": Influence.DIRECT}, "said of the dataset as a whole"
    [declared] = decode(dataset_event(0, data("t", lineage))).productions
    assert {i.version.name for i in declared.inputs} == {"a", "c"}


def test_explicit_lineage_on_a_job_names_targets_and_jobs() -> None:
    entries = [
        source("only", inputs=[source("c")]),
        source("t", inputs=[{"namespace": "jobs", "name": "first", "type": "JOB"}]),
    ]
    lineage = facet("lineage", kind="JobFacet", entries=entries)
    events = [
        *ran("first", 0, 1, [model("openai|gpt-4o")], []),
        event("START", "writer", 2, [data("a")]),
        event("COMPLETE", "writer", 5, (), [data("t")], **lineage),
    ]
    assert inputs(made(events, "only", "writer")) == {("c", None)}
    assert inputs(made(events, "t", "writer")) == {("a", None), ("first", "first")}
    assert [m.model for m in made(events, "jobs|first", "first").models] == ["gpt-4o"]


def test_a_registered_model_of_ones_own_brings_what_it_was_trained_on() -> None:
    """A bare-word namespace can be a supplier's or a registry's: both are kept."""
    events = [
        *ran("first", 0, 5, [model("openai|gpt-4o")], [model("mlflow|student")]),
        *ran("reader", 10, 15, [model("mlflow|student")], [data("t")]),
    ]
    p = made(events, "t", "reader")
    assert [(m.provider, m.model) for m in p.models] == [("mlflow", "student")]
    assert inputs(p) == {("student", "first")}
    alone = made(ran("reader", 10, 15, [model("openai|gpt-4o")], [data("t")]), "t", "reader")
    assert not inputs(alone), "a model nobody made on record adds no unknown node"


names = st.sampled_from(["a", "b", "c"])
states = st.sampled_from(["START", "RUNNING", "COMPLETE", "FAIL", "OTHER"])
facets = st.sampled_from([(), (change("OVERWRITE"),), (change("DROP"),), (change("RENAME", "a"),), (symlink("s3|x"),)])


@st.composite
def any_event(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.integers(0, 5)) == 0:
        return dataset_event(draw(st.integers(0, 9)), data(draw(names), *draw(facets)))
    reads = [draw(st.sampled_from([data, model]))(f"n|{n}") for n in draw(st.lists(names, max_size=2))]
    writes = [data(f"n|{n}", *draw(facets)) for n in draw(st.lists(names, max_size=2))]
    run = draw(st.sampled_from(RUNS[:4]))
    return event(draw(states), run, draw(st.integers(0, 9)), reads, writes)


@settings(deadline=None)
@given(st.lists(any_event(), max_size=10), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(events: Events, rng: random.Random) -> None:
    again = events + rng.sample(events, len(events) // 2)
    rng.shuffle(again)
    assert read(again).productions == read(events).productions


@settings(deadline=None)
@given(any_event())
def test_statements_survive_the_index(event: dict[str, Any]) -> None:
    statement = decode(event).statement
    if statement is not None:
        assert load(dump(statement)) == statement
