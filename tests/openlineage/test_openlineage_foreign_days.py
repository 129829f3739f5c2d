"""On which days the models of other producers' runs may have answered; see docs/decisions/0023."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from foreign_examples import DAY, Event, change, data, dataset_event, event, facet, model, ran, run_id
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.domain.facts import Completeness, Production, Version
from lineage_guard.domain.lineage.reached import terms_day
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.foreign.assembling import assemble

HOURS = 60
DAYS = 24 * HOURS
GPT = model("openai|gpt-4o")
TABLE = data("t", change("OVERWRITE"))
STREAMING = facet("jobType", kind="JobFacet", processingType="STREAMING", integration="FLINK", jobType="JOB")


def made(events: list[Event], run: str = "writer") -> Production:
    read = assemble(s for e in events if (s := decode(e).statement) is not None)
    return read.productions[Version("warehouse", "t", None, run_id(run))]


def answered(production: Production) -> list[int]:
    """Days after the first of November on which a model may have answered; the record's own day is the last."""
    days = [terms_day(m.generated_at or production.produced_at) for m in production.models]
    return [(d - DAY.date()).days for d in days if d is not None]


@pytest.mark.parametrize(
    ("events", "days"),
    [
        (ran("writer", 1 * HOURS, 23 * HOURS, [GPT], [TABLE]), [0]),
        (ran("writer", 23 * HOURS, 25 * HOURS, [GPT], [TABLE]), [0, 1]),
        (ran("writer", 0, 3 * DAYS, [GPT], [TABLE]), [0, 1, 2, 3]),
        ([event("COMPLETE", "writer", 3 * DAYS, [GPT], [TABLE])], [3]),
        ([event("RUNNING", "writer", 2 * DAYS, [GPT]), event("COMPLETE", "writer", 3 * DAYS, (), [TABLE])], [2, 3]),
        ([*ran("writer", 0, 2 * DAYS, [GPT], [TABLE]), event("FAIL", "writer", 1 * DAYS)], [0, 1, 2]),
        ([event("RUNNING", "writer", n * DAYS, [GPT], [TABLE], **STREAMING) for n in (4, 2, 3)], [2, 3, 4]),
    ],
    ids=["within a day", "over midnight", "four days", "no START", "RUNNING alone", "tried again", "a stream"],
)
def test_the_models_of_a_foreign_run_count_on_each_day_of_it(events: list[Event], days: list[int]) -> None:
    assert answered(made(events)) == days
    assert answered(made(events[::-1])) == days, "whatever arrived first"


def test_the_hour_for_which_a_run_was_planned_is_no_day_on_which_it_ran() -> None:
    """A backfill of January runs in November, and Airflow says January of it."""
    start, complete = ran("writer", 0, 5, [GPT], [TABLE])
    planned = facet("nominalTime", kind="RunFacet", nominalStartTime="2026-01-01T00:00:00Z")
    start["run"]["facets"] = complete["run"]["facets"] = planned
    assert answered(made([start, complete])) == [0]


def claim(**more: Any) -> dict[str, Any]:
    models = [{"supplier": "openai", "name": "gpt-4o", "usage": "GENERATION", **more}]
    return facet("lineageGuard_modelSource", models=models, completeness="COMPLETE", assertedBy="DECLARED")


def declared(said: dict[str, Any], end: float) -> Production:
    return made(ran("writer", 0, end, [data("raw")], [data("t", change("OVERWRITE"), said)]))


def test_what_the_producer_says_of_the_day_stands() -> None:
    assert answered(declared(claim(generatedAt="2026-11-02T12:00:00Z"), 3 * DAYS)) == [1]
    complete = claim()
    complete["lineageGuard_modelSource"]["producedAt"] = "2026-11-03T00:00:00Z"
    assert answered(declared(complete, 3 * DAYS)) == [0, 1, 2]
    # No day is stated of what it made: then every text is weighed, and there is nothing to add.
    [silent] = declared(claim(), 3 * DAYS).models
    assert silent.generated_at is None


def test_a_change_of_a_dataset_has_the_day_it_says() -> None:
    said = dataset_event(3 * DAYS, data("t", change("OVERWRITE"), claim()))
    [statement] = [s for s in [decode(said).statement] if s]
    [production] = assemble([statement]).productions.values()
    assert [m.generated_at for m in production.models] == [None]


def test_times_that_are_years_apart_are_no_list_of_days() -> None:
    """A clock that stood at 1970 would make twenty thousand models of one."""
    lasting = 367 * DAYS
    apart = made(ran("writer", 0, lasting, [GPT], [TABLE]))
    assert apart.completeness is Completeness.INCOMPLETE
    assert "its events are 367 days apart" in (apart.note or "")
    assert len(apart.models) == 1
    year = made(ran("writer", 0, lasting - DAYS, [GPT], [TABLE]))
    assert (year.completeness, len(year.models)) == (Completeness.COMPLETE, 367)
    dated = declared(claim(generatedAt="2026-11-02T12:00:00Z"), lasting)
    assert dated.completeness is Completeness.COMPLETE
    assert made(ran("writer", 0, lasting, [data("raw")], [TABLE])).completeness is Completeness.COMPLETE


minutes = st.integers(0, 5 * DAYS)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from(["START", "RUNNING", "FAIL"]), minutes), max_size=4), minutes, st.randoms())
def test_no_day_between_the_first_event_and_the_last_is_left_out(
    others: list[tuple[str, int]], end: int, rng: Any
) -> None:
    events = [*(event(s, "writer", m, [GPT]) for s, m in others), event("COMPLETE", "writer", end, [GPT], [TABLE])]
    rng.shuffle(events)
    first = min([m for _, m in others] + [end])
    assert answered(made(events)) == list(range(first // DAYS, end // DAYS + 1))
    assert made(events).produced_at == DAY + timedelta(minutes=end)
