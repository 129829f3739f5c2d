"""A day that nobody knows permits nothing that any day it may have been forbids; over catalogs of several versions."""

from datetime import UTC, date, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import NOW, organisations, uses
from text_versions import AGREED, DAY, DAYS, ORDER, as_terms, entries, rules, unresolved

from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.domain.facts import Input, ModelSource, Production, Usage, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.verdict.decide import decide


@settings(max_examples=20)
@given(
    entries(),
    st.lists(rules, max_size=1),
    organisations,
    st.sampled_from([None, "teacher-0", AGREED]),
    st.sampled_from([(), (), ("base",), ("teacher",)]),
    uses,
)
def test_an_unknown_day_never_permits_more_than_any_day_it_may_have_been(known, more, facts, named, made_from, use):
    catalog = CatalogTerms(known)
    policy = Policy("p", (as_terms, unresolved, *more), catalog, organisation=facts)
    # Who names a text without saying a day says which version it is, and of an agreement that it had begun.
    since = {None: date.min, AGREED: known[-1].terms.effective_from or date.min}.get(named, date.max)

    def decided(taught, begun):
        def at(day):
            return day and datetime(day.year, day.month, day.day, tzinfo=UTC)

        teacher = ModelSource("acme", "teacher", channel="self-hosted", terms=named, generated_at=at(taught))
        base = ModelSource(
            "acme",
            "base",
            channel="self-hosted",
            usage=Usage.BASE_MODEL,
            generated_at=at(begun),
            base_models=made_from,
        )
        data = Version("d", "data")
        step = Production((Version("d", "student"),), inputs=(Input(data),), models=(base,))
        verdict = decide(close(step, [Production((data,), models=(teacher,))]), policy, (), use, NOW)
        return ORDER.index(verdict.decision)

    every = sorted({d + n * DAY for d in DAYS for n in (-1, 0)})
    assert all(decided(None, None) >= decided(day, None) for day in every if day >= since)
    assert all(decided(DAYS[2], None) >= decided(DAYS[2], day) for day in every)
