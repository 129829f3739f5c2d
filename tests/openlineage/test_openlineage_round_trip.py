"""What is written can be read back, whole."""

import json

from hypothesis import given
from openlineage_strategies import asset_runs, verdicts

from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.openlineage.decode import decode
from lineage_guard.openlineage.encode import canonical, event_of
from lineage_guard.openlineage.verdicts import decision_facet, verdict_of


@given(asset_runs)
def test_an_asset_run_survives_the_round_trip(run: AssetRun) -> None:
    event = json.loads(canonical(event_of(run)))
    decoded = decode(event)
    assert decoded.kind == "run"
    assert decoded.productions == ((run.production,) if run.state is RunState.COMPLETE else ())
    assert (decoded.run_id, decoded.state, decoded.at) == (run.run_id, run.state, run.at)
    assert decoded.job == (run.job_namespace, run.job_name)
    assert decoded.source == run.source
    assert decoded.parent_run_id == (run.parent.run_id if run.parent else None)
    assert (verdict_of(decoded.decision) if decoded.decision is not None else None) == run.verdict
    if run.verdict:
        assert decoded.decision is not None
        assert decoded.decision["enforced"] is run.enforced


@given(asset_runs)
def test_the_same_run_gives_the_same_bytes(run: AssetRun) -> None:
    written = canonical(event_of(run))
    assert canonical(event_of(run)) == written
    assert canonical(json.loads(written)) == written


@given(verdicts)
def test_a_verdict_survives_the_round_trip(verdict: Verdict) -> None:
    facet = json.loads(canonical(decision_facet(verdict, enforced=True)))
    assert verdict_of(facet) == verdict
