"""Column lineage of Dagster: what it makes of inputs, from the step to the gate."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from collect_world import World, derived, generated, world
from guarding import Lane, failure_of

from lineage_guard import Completeness, ModelSource, declare, source, synthetic_asset, training
from lineage_guard.domain.facts import Influence

RESTRICTED = ModelSource(provider="openai", model="gpt-4o-2024-08-06", channel="api.openai.com")
DIRECT, INDIRECT = Influence.DIRECT, Influence.INDIRECT
WHOLE = declare(column_lineage=Completeness.COMPLETE)


@pytest.fixture
def w() -> Iterator[World]:
    with world() as w:
        yield w


def columns(*names: str) -> dict[str, Any]:
    return {"dagster/column_schema": dg.TableSchema(columns=[dg.TableColumn(n) for n in names])}


def lineage(**deps: str) -> dict[str, Any]:
    """``text="raw.body"``: the column was made from that column of that asset; several by commas."""
    sources = {column: [d.partition(".") for d in said.split(",") if d] for column, said in deps.items()}
    made = {column: [dg.TableColumnDep(dg.AssetKey(a), c) for a, _, c in found] for column, found in sources.items()}
    return {"dagster/column_lineage": dg.TableColumnLineage(made)}


def ranked(w: World, logged: Mapping[str, Any], *, deps: Sequence[str] = ("raw", "scores")) -> dict[str, Influence]:
    """How a table that reads ``raw`` and ``scores`` is recorded to have read them."""

    @dg.asset(deps=list(deps))
    def ranked(context: dg.AssetExecutionContext) -> None:
        context.add_output_metadata(dict(logged))

    w.assets = [generated(w, "raw"), generated(w, "scores"), ranked]
    w.run("raw", "scores", "ranked", raw="human-1", scores="gpt-4o")
    w.collect()
    return {i.version.name: i.influence for i in w.inputs("ranked")}


def test_an_input_that_no_column_is_made_from_only_chose(w: World) -> None:
    found = ranked(w, {**WHOLE, **columns("text"), **lineage(text="raw.body")})
    assert found == {"raw": DIRECT, "scores": INDIRECT}
    reached = {r.version.name: r.influence for r in w.closure("ranked").reached}
    assert (reached["raw"], reached["scores"]) == (DIRECT, INDIRECT)
    assert w.production("ranked").completeness is Completeness.COMPLETE


@pytest.mark.parametrize(
    ("logged", "why"),  # the rest of what keeps it from counting is in tests/golden/influence.yaml
    [
        ({**columns("text"), **lineage(text="raw.body")}, None),
        ({**WHOLE, **lineage(text="raw.body")}, "dagster/column_schema"),
        ({**WHOLE, **columns("text")}, "dagster/column_lineage"),
        ({**WHOLE, **columns("text", "more"), **lineage(text="raw.body")}, "does not describe column 'more'"),
        ({**WHOLE, "dagster/column_schema": "text", **lineage(text="raw.body")}, "dagster/column_schema"),
        ({**WHOLE, **columns("text"), "dagster/column_lineage": "raw"}, "dagster/column_lineage"),
    ],
    ids=lambda v: "" if isinstance(v, dict) else str(v),
)
def test_partial_knowledge_is_content(w: World, logged: Mapping[str, Any], why: str | None) -> None:
    assert ranked(w, logged) == {"raw": DIRECT, "scores": DIRECT}
    note = w.production("ranked").note
    assert (why in note and "content" in note) if why and note else (why is None and note is None)


def test_a_column_outdoes_the_declaration_that_it_only_chose(w: World) -> None:
    said = declare(indirect=["scores"])
    assert ranked(w, {**said, **lineage(text="raw.body", score="scores.score")}) == {"raw": DIRECT, "scores": DIRECT}
    assert "scores is declared to have only chosen" in str(w.production("ranked").note)


def test_what_was_not_recorded_with_it_does_not_count(w: World) -> None:
    """Today's code may declare it; what it was when the data was made nobody wrote down."""

    @dg.asset(deps=["raw", "scores"], metadata=WHOLE)
    def ranked(context: dg.AssetExecutionContext) -> None:
        context.add_output_metadata({**columns("text"), **lineage(text="raw.body")})

    w.assets = [generated(w, "raw"), generated(w, "scores"), ranked]
    w.run("raw", "scores", "ranked", raw="human-1", scores="gpt-4o")
    w.collect()
    assert {i.influence for i in w.inputs("ranked")} == {DIRECT}
    assert "not recorded when it ran" in str(w.production("ranked").note)


def test_what_a_table_held_before_stays_content(w: World) -> None:
    """A table that is appended to is not made from itself by any column, and still holds its rows."""
    logged = {**declare(column_lineage=Completeness.COMPLETE, writes="append"), **columns("t"), **lineage(t="raw.b")}
    for n in range(2):
        found = ranked(w, logged)
        assert found == {"raw": DIRECT, "scores": INDIRECT} | ({"ranked": DIRECT} if n else {})


def test_a_source_that_it_does_not_depend_on_is_a_gap(w: World) -> None:
    ranked(w, {**lineage(text="raw.body,hidden.answer")})
    made = w.production("ranked")
    assert made.completeness is Completeness.INCOMPLETE
    assert "column 'text' is recorded to be made from hidden, which it does not depend on" in str(made.note)


def test_a_source_further_up_is_no_gap(w: World) -> None:
    @dg.asset(deps=["mid"])
    def out(context: dg.AssetExecutionContext) -> None:
        context.add_output_metadata({**WHOLE, **columns("text"), **lineage(text="raw.body")})

    w.assets = [generated(w, "raw"), derived(w, "mid", lambda c, p: w.read("raw"), deps=["raw"]), out]
    w.run("raw", "mid", "out", raw="gpt-4o")
    w.collect()
    assert w.production("out").completeness is Completeness.COMPLETE
    assert [i.influence for i in w.inputs("out")] == [DIRECT]
    assert "names raw as a source, which was not seen to be read" in str(w.production("out").note)


def test_what_lies_behind_a_view_stays_content(w: World) -> None:
    view = dg.AssetSpec("view", deps=["raw"], is_virtual=True)

    @dg.asset(deps=["view", "scores"])
    def out(context: dg.AssetExecutionContext) -> None:
        context.add_output_metadata({**WHOLE, **columns("text"), **lineage(text="view.body")})

    w.assets = [generated(w, "raw"), generated(w, "scores"), view, out]
    w.run("raw", "scores", "out", raw="gpt-4o", scores="gpt-4o")
    w.collect()
    assert {i.influence for i in w.inputs("out")} == {DIRECT}
    assert "it reads the view view" in str(w.production("out").note)


def trained_on_ranked(lane: Lane, logged: Mapping[str, Any], **said: Any) -> list[Any]:
    @dg.asset(metadata=source(human=True))
    def raw() -> None: ...

    @synthetic_asset(RESTRICTED, name="scores", deps=[raw], observe=False)
    def scores() -> None: ...

    @dg.asset(deps=[raw, scores], metadata=declare(**said) if said else None)
    def ranked() -> dg.MaterializeResult[Any]:
        return dg.MaterializeResult(metadata=dict(logged))

    @dg.asset(deps=[ranked], tags=training())
    def student() -> None:
        lane.mark("student")

    return [raw, scores, ranked, student]


def test_gate_lets_train_on_what_a_restricted_model_only_ranked(tmp_path: Path) -> None:
    """``scores`` puts nothing into any column: the default policy does not count it, the strict one does."""
    with dg.instance_for_test() as instance:
        lane = Lane(instance, tmp_path)
        logged = {**columns("text"), **lineage(text="raw.text")}
        assets = trained_on_ranked(lane, logged, column_lineage=Completeness.COMPLETE)
        assert lane.run(assets).success
        assert lane.trained == ["student"]
        strict = Lane(instance, tmp_path, {"policy": "strict"})
        refused = strict.run(trained_on_ranked(strict, logged, column_lineage=Completeness.COMPLETE))
        assert strict.trained == ["student"]
        assert "gpt-4o" in str(failure_of(refused, "student").description)


def test_gate_blocks_what_a_restricted_model_may_have_written(tmp_path: Path) -> None:
    """The same lineage, and nobody who says that it is whole."""
    with dg.instance_for_test() as instance:
        lane = Lane(instance, tmp_path)
        refused = lane.run(trained_on_ranked(lane, {**columns("text"), **lineage(text="raw.text")}))
        assert not refused.success
        assert lane.trained == []
        assert "gpt-4o" in str(failure_of(refused, "student").description)
