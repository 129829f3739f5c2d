"""Column lineage never makes an ancestor smaller than the truth: content stays content whatever is left out."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from lineage_guard.domain.declared.influence import ColumnsSaid, gap, influences
from lineage_guard.domain.facts import Completeness, Influence
from lineage_guard.openlineage.foreign.tracing import traced
from lineage_guard.openlineage.reading import Fields

OWN = "table"
NAMES = ["a", "b", "c", "d"]
COLUMNS = ["w", "x", "y", "z"]
#: What truly went into each column of the table; a column may hold nothing but literals.
truths = st.dictionaries(
    st.sampled_from(COLUMNS), st.lists(st.sampled_from(NAMES), max_size=3, unique=True), min_size=1, max_size=4
)
inputs = st.lists(st.sampled_from([*NAMES, OWN]), unique=True)


def told(truth: dict[str, list[str]], completeness: Completeness = Completeness.COMPLETE) -> ColumnsSaid:
    """The whole truth, as its author would record it."""
    sources = {column: [(name, "col") for name in names] for column, names in truth.items()}
    return ColumnsSaid(list(truth), sources, completeness)


def content(truth: dict[str, list[str]]) -> set[str]:
    return {name for names in truth.values() for name in names}


def chosen(said: ColumnsSaid, read: list[str]) -> set[str]:
    return {n for n, i in influences(OWN, read, said).of.items() if i is Influence.INDIRECT}


@given(truths, inputs)
def test_the_whole_truth_tells_choice_from_content(truth: dict[str, list[str]], others: list[str]) -> None:
    read = sorted({*others, *content(truth)})
    found = chosen(told(truth), read)
    assert not found & content(truth)
    assert OWN not in found
    if all(truth.values()):
        assert found == set(read) - content(truth) - {OWN}
    else:
        assert not found, "a column without a source may be one whose source was not resolved"


@given(truths, inputs, st.data())
def test_whatever_columns_are_left_out_content_stays_content(
    truth: dict[str, list[str]], others: list[str], data: st.DataObject
) -> None:
    """Columns dropped from the lineage, sources that could not be resolved at all, columns not recorded."""
    read = sorted({*others, *content(truth)})
    whole = told(truth)
    kept = data.draw(st.sets(st.sampled_from(sorted(truth))), label="described")
    emptied = data.draw(st.sets(st.sampled_from(sorted(truth))), label="unresolved")
    known = data.draw(st.sampled_from([whole.columns, ()]), label="columns")
    said = replace(whole, columns=known, sources={c: [] if c in emptied else whole.sources[c] for c in kept})
    assert not chosen(said, read) & content(truth)
    # What was lost leaves a mark on every table of which all columns hold something.
    if all(truth.values()) and (kept != set(truth) or emptied or not known):
        assert gap(OWN, read, said)
        assert not chosen(said, read)


@given(truths, inputs, st.sampled_from([Completeness.UNKNOWN, Completeness.INCOMPLETE]), st.booleans())
def test_without_the_authors_word_lineage_only_adds_content(
    truth: dict[str, list[str]], others: list[str], word: Completeness, recorded: bool
) -> None:
    """Sources that a tool left out of a column cannot be seen, so nothing follows from what is not named."""
    read = sorted({*others, *content(truth)})
    said = told(truth, word) if recorded else ColumnsSaid(completeness=word)
    assert not chosen(said, read)
    declared = influences(OWN, read, said, NAMES).of
    assert {n for n in content(truth) & set(read) if declared[n] is Influence.INDIRECT} == (
        set() if recorded else content(truth)
    )


@given(truths, truths, inputs, st.booleans())
def test_adding_sources_adds_content(
    truth: dict[str, list[str]], more: dict[str, list[str]], others: list[str], whole: bool
) -> None:
    read = sorted({*others, *content(truth), *content(more)})
    both = {c: sorted({*truth.get(c, []), *more.get(c, [])}) for c in truth}
    word = Completeness.COMPLETE if whole else Completeness.UNKNOWN
    if all(truth.values()):
        assert chosen(told(both, word), read) <= chosen(told(truth, word), read)


@given(truths, truths, st.data())
def test_partial_column_lineage_of_another_producer_loses_no_content(
    content_of: dict[str, list[str]], filters: dict[str, list[str]], data: st.DataObject
) -> None:
    """``columnLineage`` with INDIRECT of true filters, and any columns, or the schema, left out."""
    columns = sorted(content_of)
    described = data.draw(st.sets(st.sampled_from(columns)), label="described")
    in_schema = data.draw(st.sampled_from([columns, columns[:1], None]), label="schema")

    def mentions(names: list[str], kind: str) -> list[dict[str, object]]:
        of = {"namespace": "d", "field": "x", "transformations": [{"type": kind}]}
        return [{**of, "name": name} for name in names]

    fields = {
        c: {"inputFields": mentions(content_of[c], "DIRECT") + mentions(filters.get(c, []), "INDIRECT")}
        for c in described
    }
    wide = sorted({n for names in filters.values() for n in names})
    facets: dict[str, object] = {"columnLineage": {"fields": fields, "dataset": mentions(wide, "INDIRECT")}}
    if in_schema is not None:
        facets["schema"] = {"fields": [{"name": c} for c in in_schema]}
    found = traced(Fields({"facets": facets}, "event")).datasets
    weak = {name for (_, name), i in found.items() if i is Influence.INDIRECT}
    if in_schema is not None and set(in_schema) < set(columns):
        return  # a schema that leaves out columns of its own table is a false one, not partial knowledge
    assert not weak & content(content_of)
    if in_schema is not None and described == set(columns) and all(content_of.values()):
        assert weak == set(wide) - content(content_of)
