"""Asked from the ledger alone: a run that was stopped counts, or the commands of its alert would contradict it."""

from __future__ import annotations

from datetime import UTC, datetime

import dagster as dg
from guarding import PERMITTED, RESTRICTED, Lane, made_by

from lineage_guard import training
from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.dagster.collect.collect import collect
from lineage_guard.dagster.gate.ask import Question, ask_ledger
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.rules.terms import TRAIN_COMPETING


def assets(model) -> list[dg.AssetsDefinition]:
    @dg.asset(name="student", deps=["synthetic"], tags=training(use=TRAIN_COMPETING))
    def student() -> None: ...

    return [made_by(model), student]


def asked(lane: Lane, name: str = "student", partition: str | None = None) -> list[str]:
    catalog = load_catalog()
    policy = load_policy("default", catalog)
    question = Question(name, TRAIN_COMPETING, partition, "default", policy, (), datetime.now(UTC))
    try:
        return [str(answer.verdict.decision) for answer in ask_ledger(question, lane.ledger, catalog)]
    except ConfigError:
        return []


def collected(lane: Lane, every: list[dg.AssetsDefinition]) -> None:
    graph = dg.Definitions(every).resolve_asset_graph()
    collect(lane.instance, graph, lane.ledger, namespace="default", now=datetime.now(UTC))


def test_a_run_that_was_stopped_counts_against_an_older_version_that_was_allowed(lane: Lane) -> None:
    bad, good = assets(RESTRICTED), assets(PERMITTED)
    assert lane.run(good).success
    collected(lane, good)
    assert asked(lane) in (["ALLOW"], ["WARN"])
    assert not lane.run(bad).success
    assert asked(lane) == ["BLOCK"]
    assert lane.ledger.compact()
    assert asked(lane) == ["BLOCK"]
    assert asked(lane, partition="mon") == []
    assert lane.run(good).success
    assert asked(lane) in (["ALLOW"], ["WARN"]), "nobody has collected it yet, and the gate let it run"
