"""A step that lasts over midnight wrote on every day of it, and its models count on each; one that does not, once."""

import time
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from collect_world import World

from lineage_guard.dagster.declare import declare
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.lineage.reached import terms_day

GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
DATED = ModelSource("meta", "llama", generated_at=datetime(2026, 1, 1, tzinfo=UTC))
_now = time.time


def test_the_models_of_a_step_count_on_each_day_of_it(w: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock goes on by two days inside the first of two steps, which the run had waited three days for."""
    metadata = declare(GPT, DATED)

    def wait(days: int) -> None:
        monkeypatch.setattr(time, "time", lambda: _now() + timedelta(days=days).total_seconds())

    @dg.asset
    def before() -> None:
        wait(3)

    @dg.op(ins={"waited": dg.In(dg.Nothing)})
    def ask(context: dg.OpExecutionContext) -> int:
        wait(5)
        return 1

    @dg.op
    def keep(context: dg.OpExecutionContext, asked: int) -> dg.Output[int]:
        return dg.Output(asked, metadata=metadata)

    @dg.graph_asset(ins={"waited": dg.AssetIn("before")})
    def answers(waited) -> int:  # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]
        return keep(ask(waited))

    w.assets = [before, answers]
    w.run("before", "answers")
    monkeypatch.undo()
    w.collect()
    production = w.production("answers")
    ended = terms_day(production.produced_at)
    assert ended is not None
    days = [m.generated_at and terms_day(m.generated_at) for m in production.models if m.model == "gpt-4o"]
    assert days == [ended - timedelta(days=2), ended - timedelta(days=1), None]
    assert [m for m in production.models if m.model == "llama"] == [DATED]
    assert w.production("before").models == ()
