"""Whatever texts come and go while a run lasts, what it wrote is judged by the strictest of its days."""

from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import NOW, uses
from text_versions import DAYS, ORDER, as_terms, entries, rules, unresolved

from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.domain.facts import Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.lineage.days import on_each_day
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.verdict.decide import decide

moments = st.builds(
    lambda day, hour: datetime.combine(day, time(hour), UTC), st.dates(date(2025, 12, 30), DAYS[-1]), st.integers(0, 23)
)


@settings(max_examples=20)
@given(entries(), st.lists(rules, max_size=1), moments, moments, uses)
def test_a_run_is_judged_by_the_strictest_day_of_it(known, more, one, other, use):
    policy = Policy("p", (as_terms, unresolved, *more), CatalogTerms(known))
    teacher = ModelSource("acme", "teacher", channel="self-hosted")
    data = Version("d", "data")
    step = Production((Version("d", "student"),), inputs=(Input(data),))

    def decided(began, ended):
        made = Production((data,), models=on_each_day([teacher], began, ended), produced_at=ended)
        return ORDER.index(decide(close(step, [made]), policy, (), use, NOW).decision)

    began, ended = sorted((one, other))
    lasted = (ended.date() - began.date()).days
    each = [datetime.combine(began.date() + timedelta(days=n), time(12), UTC) for n in range(lasted + 1)]
    assert decided(began, ended) == max(decided(day, day) for day in each)
    assert decided(None, ended) == decided(ended, ended)


def test_who_says_when_a_model_answered_is_believed():
    said = ModelSource("acme", "teacher", generated_at=NOW)
    silent = ModelSource("acme", "teacher")
    days = on_each_day([said, silent], NOW - timedelta(days=2), NOW)
    assert [m.generated_at for m in days][::3] == [NOW, None]
    assert len(days) == 4
    assert on_each_day([silent], NOW, NOW - timedelta(days=9)) == (silent,)
