"""What the sensor's pages say beyond the verdict, and the end of a waiver, over a real instance and ledger."""

from datetime import datetime, timedelta
from typing import Any

import dagster as dg
from collect_world import World, derived, now, world
from pager import Pager

from lineage_guard import guard
from lineage_guard.alerts import Context
from lineage_guard.alerts.standing import standing
from lineage_guard.dagster.declare import declare, training
from lineage_guard.dagster.sensor.sensor import Delivery, tick
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.rules.waivers import Waiver

CONTEXT = Context(dagster_url="https://dagster.example", serve_url="https://guard.example")


def assets(w: World) -> list[Any]:
    gpt = declare(ModelSource("openai", "gpt-4o", channel="api.openai.com"))

    @dg.asset(name="synth", metadata=gpt)
    def synth(context: dg.AssetExecutionContext) -> None:
        context.add_output_metadata(gpt)

    made = [synth, derived(w, "clean", lambda c, p: frozenset(), deps=["synth"])]
    for name, owner in (("student", "team:nlp"), ("judge", "team:eval")):
        trained = derived(w, name, lambda c, p: frozenset(), deps=["clean"], tags=training())
        made.append(trained.map_asset_specs(lambda s, owner=owner: s.replace_attributes(owners=[owner])))
    return made


def ticked(w: World, pager: Pager, at: datetime, cursor: str | None, *waivers: Waiver) -> str | None:
    settings = Settings(ledger=w.ledger.location, waivers=waivers)
    guard(list(w.assets), ledger=w.ledger.location, waivers=list(waivers))
    context = dg.build_sensor_context(instance=w.instance, definitions=dg.Definitions(assets=w.assets), cursor=cursor)
    tick(context, settings, Delivery(sinks=[pager], context=CONTEXT), at)
    return context.cursor


def test_one_page_for_both_assets_with_what_is_downstream_and_the_one_version_to_make_again() -> None:
    with world() as w:
        w.assets = assets(w)
        w.run("synth", "clean")
        pager = Pager()
        ticked(w, pager, now(), None)
        (page,) = pager.alerts
        assert page.headline.startswith(
            "[BLOCKED] 2 assets (default:judge and default:student) would learn from openai/"
        )
        assert set(page.owners) == {"team:nlp", "team:eval"}
        assert page.impact.startswith("2 versions of 2 assets hold it or were made from it")
        assert page.ways[0].title.startswith("Make synth again without openai/gpt-4o")
        assert page.ways[0].title.endswith("No smaller set would do.")
        assert page.links["Path"] == "https://guard.example/v?namespace=default&name=judge"
        assert page.runbook == "https://guard.example/runbooks/restricted-model"
        (open_,) = standing(w.ledger)
        assert open_.targets == ("default:judge", "default:student")
        assert open_.alert == page


def test_a_waiver_in_use_is_announced_and_its_end_blocks_and_pages() -> None:
    with world() as w:
        w.assets = assets(w)
        w.run("synth", "clean")
        pager, at = Pager(), now()
        end = at + timedelta(days=3)
        waiver = Waiver("w1", "model-terms", "student", "why", "ann", "bob", "T-1", end, model="gpt-4o*")
        both = (
            waiver,
            Waiver("w2", "model-terms", "judge", "why", "ann", "bob", "T-2", end + timedelta(days=90), model="gpt-4o*"),
        )
        cursor = ticked(w, pager, at, None, *both)
        assert pager.alerts == []
        cursor = ticked(w, pager, at + timedelta(seconds=30), cursor, *both)
        (told,) = pager.alerts
        assert (told.event, told.kind, told.page, told.owners) == ("OPEN", "WAIVER", False, ("team:nlp",))
        ticked(w, pager, end + timedelta(seconds=30), cursor, *both)
        assert sorted((a.event, a.kind, a.page) for a in pager.alerts[1:]) == [
            ("OPEN", "BLOCKED", True),
            ("RESOLVE", "WAIVER", False),
        ]
        assert next(a for a in pager.alerts if a.page).targets == ("default:student",)
