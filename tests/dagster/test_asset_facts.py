"""Rules on the group, tags, kinds and owners of what is trained: every route to a verdict is told the same facts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
from guarding import PERMITTED, Lane, failure_of, made_by
from submitting import deployed, message_of

from lineage_guard import training
from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.cli.changing.judging import judge_all
from lineage_guard.cli.changing.rules import Rules as Proposed
from lineage_guard.dagster.asset_facts import facts_of
from lineage_guard.dagster.collect.collect import collect
from lineage_guard.dagster.compat import workspace_graph
from lineage_guard.dagster.gate.ask import Question, ask_deployment, ask_ledger
from lineage_guard.dagster.sensor.decide import judge
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.verdict.decide import Decision, Verdict
from lineage_guard.explaining.answering import upstream
from lineage_guard.explaining.explanation import explanation_of
from lineage_guard.ledger.asking.past import as_of
from lineage_guard.openlineage.verdicts import verdict_of
from lineage_guard.report.compiling import Rulebook, compile_report
from lineage_guard.report.rendering import render
from lineage_guard.web.answers.examined import examine
from lineage_guard.web.contents import Rules as Shown

HOUSE = """
format: 1
name: house
import: default
rules:
  - id: sold
    on: model
    when: {asset_group: shop, asset_tag: team=speech, asset_kind: pytorch, asset_owner: "team:shop"}
    effect: block
    reason: We sell what is trained there.
    fix: Ask legal.
"""
USE = "train_competing"
SHOP = AssetFacts("shop", (("lineage_guard/use", USE), ("team", "speech")), ("pytorch",), ("team:shop",))
LAB = AssetFacts("lab", (("lineage_guard/use", USE),), (), ("team:lab",))
KEY = dg.AssetKey("student")


def definitions(lane: Lane, facts: AssetFacts) -> list[dg.AssetsDefinition]:
    """A student that learns from a permitted model, with these facts in its definition."""
    synthetic = made_by(PERMITTED)

    @dg.asset(
        deps=[synthetic],
        group_name=facts.group,
        kinds=set(facts.kinds),
        owners=facts.owners,
        tags={**training(use=USE), **dict(facts.tags)},
    )
    def student() -> None:
        lane.mark("student")

    return [synthetic, student]


def is_stopped(verdict: Verdict) -> None:
    assert verdict.asset is not None
    assert (verdict.asset.group, verdict.asset.tags, verdict.asset.owners) == (SHOP.group, SHOP.tags, SHOP.owners)
    assert "pytorch" in verdict.asset.kinds
    assert {f.rule for f in verdict.findings if not f.restates} == {"sold"}
    assert (verdict.decision, verdict.stops) == (Decision.BLOCK, True)


def test_every_route_is_told_what_the_definition_said_and_of_what_was_trained_what_it_said_then(
    lane: Lane, tmp_path: Path
) -> None:
    (tmp_path / "house.yaml").write_text(HOUSE)
    catalog = load_catalog()
    default, house = load_policy("default", catalog), load_policy(tmp_path / "house.yaml", catalog)
    sold = definitions(lane, SHOP)
    assert lane.run(sold).success
    graph = dg.Definitions(sold).resolve_asset_graph()
    collect(lane.instance, graph, lane.ledger, namespace="default", now=datetime.now(UTC))
    [trained] = lane.ledger.latest("default", "student")
    [decision] = lane.ledger.decisions("default", "student")
    assert decision["asset"]["group"] == "shop"  # type: ignore[index]

    # Of a run that is still to come: the definitions. The gate, ...
    lane.arguments["policy"] = tmp_path / "house.yaml"
    refused = lane.run(definitions(lane, SHOP))
    assert "sold" in (failure_of(refused, "student").description or "")
    assert lane.trained == ["student"]
    is_stopped(verdict_of(lane.ledger.decisions("default", "student")[0]))
    # ... `check`, `explain` and the condition permitted(), ...
    question = Question("student", USE, None, "default", house, (), datetime.now(UTC))
    answer = ask_deployment(question, lane.instance, graph, lane.ledger, catalog)
    is_stopped(answer.verdict)
    assert [c.finding.rule for c in explanation_of(answer, question, lane.ledger, catalog, 3).causes] == ["sold"]
    # ... and the sensor, which files what it thinks now of what was trained.
    settings = Settings(ledger=str(lane.ledger_folder))
    now = datetime.now(UTC)
    [seen] = judge(lane.instance, graph, lane.ledger, settings, {KEY: USE}, house, catalog, now)
    is_stopped(seen.verdict)
    assert seen.marked == 1

    # Then the asset moves, and of what was trained the record answers.
    moved = definitions(lane, LAB)
    elsewhere = dg.Definitions(moved).resolve_asset_graph()
    assert ask_deployment(question, lane.instance, elsewhere, lane.ledger, catalog).verdict.decision is Decision.ALLOW
    [old] = ask_ledger(question, lane.ledger, catalog)
    is_stopped(old.verdict)
    [later] = judge(lane.instance, elsewhere, lane.ledger, settings, {KEY: USE}, house, catalog, now)
    assert later.trained
    is_stopped(later.verdict)
    rules = (Proposed(default, catalog, ()), Proposed(house, catalog, ()))
    [shift], _, _ = judge_all(
        lane.ledger.trained().trained, lane.ledger, {"student": rules}, {"student": USE}, None, now
    )
    assert shift.before.decision is Decision.ALLOW
    is_stopped(shift.after)
    examined = examine(lane.ledger, Shown(catalog, house), trained, now, None)
    assert examined is not None
    is_stopped(examined.verdict)
    past = as_of(lane.ledger.archive, None, "student")
    report = compile_report(past, trained, Rulebook(house, catalog.ancestry, catalog.digest), upstream)
    is_stopped(report.redecided.verdict)
    assert report.redecided.differs == ()
    assert "<th>Asset</th><td><bdi>group shop; tags lineage_guard/use=train_competing, team=speech" in (
        render(report, "html").decode()
    )
    # An index says what the log says.
    assert lane.ledger.compact()
    is_stopped(ask_ledger(question, lane.ledger, catalog)[0].verdict)


def test_the_run_coordinator_is_told_the_same_and_refuses(tmp_path: Path) -> None:
    (tmp_path / "house.yaml").write_text(HOUSE)
    code = """
        @dg.asset(metadata=R1)
        def clean(): ...

        @dg.asset(
            deps=[clean], group_name="shop", kinds={"pytorch"}, owners=["team:shop"], tags={**TRAINS, "team": "speech"}
        )
        def student(): ...

        @dg.asset(deps=[clean], group_name="lab", tags=TRAINS)
        def pupil(): ...

        defs = dg.Definitions(assets=[clean, student, pupil])
    """
    with deployed(tmp_path, {"research": code}, {"policy": str(tmp_path / "house.yaml")}) as world:
        assert facts_of(workspace_graph(world.process.create_request_context()), KEY) == SHOP
        world.materialised("clean")
        refused = world.launch("student")
        assert refused.status is dg.DagsterRunStatus.FAILURE
        assert "rule sold" in message_of(world.told(refused), dg.DagsterEventType.RUN_FAILURE)
        assert world.launch("pupil").status is dg.DagsterRunStatus.QUEUED


def test_an_asset_that_a_graph_does_not_hold_has_no_facts() -> None:
    assert facts_of(dg.Definitions().resolve_asset_graph(), KEY) is None
