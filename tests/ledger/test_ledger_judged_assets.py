"""What verdicts state about an asset is found for each run, in the index and in what it does not cover yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from lineage_guard.domain.facts import Completeness, Production, Version
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import FixedTerms
from lineage_guard.domain.verdict.decide import decide
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.asking.judged_assets import judged_assets
from lineage_guard.openlineage.encode import event_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
LAB, SHOP = AssetFacts("lab", (("team", "speech"),), ("pytorch",), ("team:lab",)), AssetFacts("shop")


def version(n: int, name: str = "student") -> Version:
    return Version("default", name, None, str(UUID(int=n, version=4)))


def event(of: Version, minutes: int, facts: AssetFacts | None, *also: Version) -> dict:
    """A verdict on a run; ``also`` are other outputs of its step, under which it is filed, too."""
    at = NOW + timedelta(minutes=minutes)
    production = Production((of, *also), completeness=Completeness.COMPLETE)
    closure = replace(close(production, []), asset=facts)
    verdict = decide(closure, Policy("p", (), FixedTerms()), (), "train_competing", at)
    return event_of(AssetRun(str(of.run), RunState.RUNNING, at, "default", of.name, production, verdict=verdict))


def found(ledger: Ledger, *versions: Version) -> dict[Version, AssetFacts]:
    return ledger.ask(lambda index, tail: judged_assets(index, tail, versions))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)], ids=["as they came", "late ones first"])
@pytest.mark.parametrize("covered", [0, 1, 2, 3])
def test_the_newest_verdict_that_states_it_answers(tmp_path: Path, order: tuple[int, ...], covered: int) -> None:
    ledger = open_ledger(tmp_path / "ledger")
    told = [event(version(1), 0, LAB), event(version(1), 1, SHOP), event(version(1), 2, None)]
    for n, which in enumerate(order, 1):
        ledger.append([told[which]])
        if n == covered:
            assert ledger.compact()
    assert found(ledger, version(1)) == {version(1): SHOP}


@pytest.mark.parametrize("compacted", [False, True])
def test_each_run_and_each_asset_of_a_step_has_its_own(tmp_path: Path, compacted: bool) -> None:
    ledger = open_ledger(tmp_path / "ledger")
    pupil = version(2, "pupil")
    ledger.append([event(version(1), 0, LAB), event(version(2), 0, SHOP, pupil), event(version(3), 0, None)])
    broken = event(version(4), 0, LAB)
    broken["run"]["facets"]["lineageGuard_decision"]["asset"] = {"group": 7}
    ledger.append([broken])
    if compacted:
        ledger.compact()
    asked = [version(n) for n in range(1, 6)]
    assert found(ledger, *asked, pupil) == {version(1): LAB, version(2): SHOP}
    assert found(ledger) == {}
