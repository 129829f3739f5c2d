"""Doors in spelling: a declaration that cannot be written down must not hide others, nor be clean."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from guarding import PERMITTED, Lane, made_by

from lineage_guard import ModelSource, declare
from lineage_guard.dagster.collect.collect import collect
from lineage_guard.dagster.declare import DECLARATION_KEY
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Completeness


@pytest.mark.parametrize(
    "model",
    [
        ModelSource("openai", "gpt-4o\ud800", channel="api.openai.com"),
        ModelSource("openai", "gpt-4o", channel="api.openai.com", generated_at=datetime(2026, 1, 1)),
    ],
    ids=["lone surrogate", "naive time"],
)
def test_what_cannot_be_written_down_is_refused_where_it_is_declared(model: ModelSource) -> None:
    with pytest.raises(DeclarationError):
        declare(model)


def test_a_record_that_cannot_be_written_down_is_a_gap_and_keeps_nothing_else_out(lane: Lane) -> None:
    """Logged by an older release, or by something that is not us."""
    strange = declare(PERMITTED)[DECLARATION_KEY].data
    strange["models"][0]["generated_at"] = "2026-01-01T00:00:00"
    strange["models"][0]["model"] = "gpt-4o\ud800"
    lane.instance.report_runless_asset_event(
        dg.AssetMaterialization("strange", metadata={DECLARATION_KEY: dg.MetadataValue.json(strange)})
    )
    good = made_by(PERMITTED, name="good")
    assert dg.materialize([good], instance=lane.instance).success

    graph = dg.Definitions(assets=[good]).resolve_asset_graph()
    for _ in range(2):
        collect(lane.instance, graph, lane.ledger, namespace="default", now=datetime.now(UTC))
    [written] = lane.ledger.latest("default", "good")
    assert lane.ledger.productions([written])[written].completeness is not None
    [odd] = lane.ledger.latest("default", "strange")
    assert lane.ledger.productions([odd])[odd].completeness is not Completeness.COMPLETE
