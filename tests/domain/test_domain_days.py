"""On which days the models of a long run count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.lineage.days import on_each_day

GPT, CLAUDE = ModelSource("openai", "gpt-4o"), ModelSource("anthropic", "claude-x")
ENDED = datetime(2026, 3, 3, 1, tzinfo=UTC)


def test_a_model_counts_on_each_day_before_the_last_and_on_that_of_the_record() -> None:
    dated = replace(CLAUDE, generated_at=datetime(2025, 1, 1, tzinfo=UTC))
    first, second = (replace(GPT, generated_at=datetime(2026, 3, day, tzinfo=UTC)) for day in (1, 2))
    assert on_each_day([GPT, dated], datetime(2026, 3, 1, 23, tzinfo=UTC), ENDED) == (first, second, GPT, dated)
    assert first.generated_at is not None
    assert first.generated_at.tzinfo is UTC, "a day without a zone is another day elsewhere"


@pytest.mark.parametrize("began", [None, ENDED, ENDED - timedelta(hours=1), ENDED + timedelta(days=2)])
def test_a_run_of_one_day_or_of_an_unknown_one_leaves_them_as_they_are(began: datetime | None) -> None:
    assert on_each_day([GPT, CLAUDE], began, ENDED) == (GPT, CLAUDE)
