"""What lies around an incident, asked of a real ledger: bounded, and never in the way of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from alerting import GPT, POLICY, TextLedger, at
from pager import Pager

from lineage_guard.alerts import Alert, Context, send
from lineage_guard.alerts.content import around as nearby
from lineage_guard.alerts.content.around import Neighbourhood
from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Completeness, Input, ModelSource, Production, Version
from lineage_guard.domain.rules.terms import TRAIN_COMPETING
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.encode import event_of


def v(name: str, n: int) -> Version:
    return Version("default", name, None, f"019a0000-0000-7000-8000-{n:012d}")


def made(version: Version, *inputs: Version, minutes: float, models: tuple[ModelSource, ...] = ()) -> AssetRun:
    production = Production(
        (version,),
        inputs=tuple(Input(i) for i in inputs),
        models=models,
        completeness=Completeness.COMPLETE,
        produced_at=at(minutes),
    )
    assert version.run is not None
    return AssetRun(version.run, RunState.COMPLETE, at(minutes), "default", version.name, production)


SYNTH, CLEAN, STUDENT, OTHER = v("synth", 1), v("clean", 2), v("student", 3), v("other", 4)
NEXT = Version("default", "student")


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made_here = open_ledger(tmp_path)
    runs = [
        made(SYNTH, minutes=-30, models=(GPT,)),
        made(CLEAN, SYNTH, minutes=-20),
        made(STUDENT, CLEAN, minutes=-10),
        made(OTHER, STUDENT, minutes=-5),
    ]
    made_here.append([event_of(r) for r in runs])
    return made_here


def judged(ledger: Ledger, minutes: float, *reads: Version) -> Verdict:
    step = Production((NEXT,), inputs=tuple(Input(r) for r in reads))
    return decide(ledger.closure(step), POLICY, (), TRAIN_COMPETING, at(minutes))


def told(
    ledger: Ledger, neighbourhood: Neighbourhood, *verdicts: Verdict, context: Context | None = None
) -> list[Alert]:
    sink, states = Pager(), TextLedger()
    for verdict in verdicts:
        send([verdict], [sink], states, verdict.at, context or Context(), neighbourhood=neighbourhood)
    return sink.alerts


def test_a_page_says_how_much_holds_it_and_which_of_that_was_trained(ledger: Ledger) -> None:
    (page,) = told(ledger, Neighbourhood(ledger, {"student"}), judged(ledger, 0, CLEAN))
    assert page.impact == (
        "4 versions of 4 assets hold it or were made from it, 1 trained version of 1 training asset among them; "
        "it stops 1 training asset now."
    )
    assert "Downstream: 4 versions" in page.text()


def test_it_says_what_is_new_on_the_path_since_the_last_pass(ledger: Ledger) -> None:
    passed = judged(ledger, -60)
    assert not passed.stops
    page = told(ledger, Neighbourhood(ledger), passed, judged(ledger, 0, CLEAN))[-1]
    assert page.changed.endswith(
        f"New on the path since then: {SYNTH} (made 2026-11-01 11:30 UTC), {CLEAN} (made 2026-11-01 11:40 UTC); "
        f"{GPT} came in with {SYNTH}."
    )


def test_the_fewest_versions_to_make_again_stand_in_the_first_way_on(ledger: Ledger) -> None:
    near = Neighbourhood(ledger, rebuild=lambda verdict: (SYNTH, CLEAN))
    (page,) = told(ledger, near, judged(ledger, 0, CLEAN))
    first = page.ways[0]
    assert first.title.startswith("Make synth and clean again without openai/gpt-4o")
    assert first.title.endswith("No smaller set would do.")
    assert '\'key:"synth"+ or key:"clean"+\'' in first.commands[0]
    assert first.commands[1] == "lineage-guard impact --model openai/gpt-4o"


def test_links_lead_to_run_asset_path_and_incident(ledger: Ledger) -> None:
    verdict = judged(ledger, -1, CLEAN)
    run = AssetRun(
        "019a0000-0000-7000-8000-000000000099",
        RunState.FAIL,
        at(-1),
        "default",
        "student",
        Production((NEXT._replace(run="019a0000-0000-7000-8000-000000000099"),)),
        parent=ParentRun("7d1f0b9e-0000-4000-8000-000000000001", "default", "__ASSET_JOB"),
        verdict=verdict,
    )
    ledger.append([event_of(run)])
    context = Context(dagster_url="https://dagster.example/", serve_url="https://guard.example/")
    (page,) = told(ledger, Neighbourhood(ledger), verdict, context=context)
    assert page.links == {
        "Training asset": "https://dagster.example/assets/student",
        "Where it was found": "https://dagster.example/assets/synth",
        "Run": "https://dagster.example/runs/7d1f0b9e-0000-4000-8000-000000000001",
        "Path": "https://guard.example/v?namespace=default&name=student",
        "Version it was found in": f"https://guard.example/v?namespace=default&name=synth&run={SYNTH.run}",
        "Incident": f"https://guard.example/incidents?id={page.incident}",
    }
    assert Context(serve_url="https://g.example").path(Version("a&b", "c d/é", "2026|x")) == (
        "https://g.example/v?namespace=a%26b&name=c%20d%2F%C3%A9&partition=2026%7Cx"
    )


class Broken:
    """A ledger that answers nothing any more."""

    def _gone(self, *_: object, **__: object) -> object:
        raise LedgerError("it is gone", fix="bring it back")

    impact = productions = decisions = _gone


def test_a_ledger_that_cannot_be_asked_costs_the_page_nothing_but_that(ledger: Ledger) -> None:
    (page,) = told(ledger, Neighbourhood(Broken()), judged(ledger, 0, CLEAN))  # type: ignore[arg-type]
    assert (page.event, page.page, page.impact) == ("OPEN", True, "")
    assert len(page.path) == 4


def test_only_so_many_are_asked_for_and_only_for_so_long(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    verdict = judged(ledger, 0, CLEAN)
    times = iter([0.0, *[nearby.SECONDS + 1] * 9])
    (page,) = told(ledger, Neighbourhood(ledger, clock=lambda: next(times)), verdict)
    assert page.impact == ""
    monkeypatch.setattr(nearby, "ROWS", 2)
    (page,) = told(ledger, Neighbourhood(ledger, {"student"}), verdict)
    assert page.impact.startswith("4 versions of at least 2 assets hold it or were made from it, at least 0 trained")
    monkeypatch.setattr(nearby, "MESSAGES", 0)
    (page,) = told(ledger, Neighbourhood(ledger), verdict)
    assert page.impact == ""


def test_a_model_whose_name_is_a_pattern_means_itself(ledger: Ledger) -> None:
    star = ModelSource("open?i", "gpt-*", channel="api.openai.com")
    ledger.append([event_of(made(v("starred", 7), minutes=-3, models=(star,)))])
    assert len(ledger.impact(model=nearby._literal("gpt-*"), provider=nearby._literal("open?i")).reached) == 1
