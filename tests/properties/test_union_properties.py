"""Joining records: order and grouping mean nothing, knowledge outdoes ignorance, a gap is never healed."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from lineage_worlds import productions_of

from lineage_guard.domain.facts import Completeness, Version, union

RECORDS = st.lists(productions_of(st.just((Version("d", "t"),))), min_size=1, max_size=5)


def facts(p):
    return (set(p.inputs), set(p.models), set(p.licenses), p.completeness, p.asserted_by, p.produced_at)


@given(RECORDS, st.randoms(), st.integers(0, 5))
def test_order_and_grouping_change_nothing(records, random, cut):
    shuffled = random.sample(records, len(records))
    cut = min(cut, len(records) - 1)
    grouped = [union(shuffled[: cut + 1]), *shuffled[cut + 1 :]]
    assert facts(union(grouped)) == facts(union(records)) == facts(union([*records, *shuffled]))


@given(RECORDS)
def test_nothing_is_dropped_and_a_gap_stays(records):
    joined = union(records)
    for p in records:
        assert set(p.inputs) <= set(joined.inputs)
        assert set(p.models) <= set(joined.models)
    if any(p.completeness is Completeness.INCOMPLETE for p in records):
        assert joined.completeness is Completeness.INCOMPLETE
    if joined.completeness is Completeness.COMPLETE:
        assert any(p.completeness is Completeness.COMPLETE for p in records)
        # "Ask the catalog" is a statement, and only the catalog answers it.
        assert not any(p.completeness is Completeness.UNKNOWN and p.artefact for p in records)
    if len({p.artefact for p in records if p.artefact}) > 1:
        assert joined.completeness is Completeness.INCOMPLETE


@given(RECORDS)
def test_somebody_who_knows_ends_ignorance(records):
    ignorant = [replace(p, completeness=Completeness.UNKNOWN, artefact=None) for p in records]
    known = replace(records[0], completeness=Completeness.COMPLETE)
    assert union(ignorant).completeness is Completeness.UNKNOWN
    assert union([*ignorant, known]).completeness is Completeness.COMPLETE
