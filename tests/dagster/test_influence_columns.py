"""Column lineage of Dagster: what it makes of inputs, from the step to the gate."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from collect_world import World, derived, generated
from guarding import Lane, failure_of

from lineage_guard import Completeness, declare, training
from lineage_guard.domain.facts import Influence

DIRECT, INDIRECT = Influence.DIRECT, Influence.INDIRECT
WHOLE = declare(column_lineage=Completeness.COMPLETE)


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


def test_rows_of_its_own_past_are_a_gap_unless_it_is_known_to_keep_them(w: World) -> None:
    logged = lineage(text="raw.body,ranked.text")
    ranked(w, logged)
    assert w.production("ranked").completeness is Completeness.INCOMPLETE
    assert "made from what the table held before; declare writes='append'" in str(w.production("ranked").note)
    ranked(w, {**logged, "lineage_guard/writes": "append"})
    assert w.production("ranked").completeness is Completeness.COMPLETE


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


PAGE = Path(__file__).parents[2] / "docs" / "influence.md"


def the_page(student: dg.AssetsDefinition, **changes: tuple[str, str]) -> list[Any]:
    """The assets of docs/influence.md, with a student that leaves a mark, and the page changed in places."""
    [text] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    scope: dict[str, Any] = {"__name__": "influence"}
    exec(compile(text.partition("@dg.asset(deps=[best_answers]")[0], "influence.md", "exec"), scope)
    return [scope["answers"], scope["scores"], scope["best_answers"], student]


def trained(tmp_path: Path, expected: bool, policy: str = "default", **changes: tuple[str, str]) -> None:
    with dg.instance_for_test() as instance:
        lane = Lane(instance, tmp_path / policy, {"policy": policy})
        lane.folder.mkdir()

        @dg.asset(deps=["best_answers"], tags=training())
        def student() -> None:
            lane.mark("student")

        result = lane.run(the_page(student, **changes))
        assert (result.success, lane.trained) == (expected, ["student"] if expected else [])
        if not expected:
            assert "gpt-4o" in str(failure_of(result, "student").description)


def test_gate_lets_train_on_what_a_restricted_model_only_ranked(tmp_path: Path) -> None:
    """``scores`` puts nothing into any column: the default policy does not count it, the strict one does."""
    trained(tmp_path, True)
    trained(tmp_path, False, "strict")


def test_the_page_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    [text] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    scope: dict[str, Any] = {"__name__": "influence"}
    exec(compile(text, "influence.md", "exec"), scope)
    assert isinstance(scope["defs"], dg.Definitions)


def test_gate_blocks_what_a_restricted_model_may_have_written(tmp_path: Path) -> None:
    """The page, and nobody who says that its lineage is whole."""
    trained(tmp_path, False, word=("declare(column_lineage=Completeness.COMPLETE)", "{}"))
