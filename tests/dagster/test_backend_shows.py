"""A training run that was really blocked, as Marquez and DataHub show it after delivery."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import dagster as dg
import pytest
from guarding import RESTRICTED, curated_from, made_by

from lineage_guard import guard, training
from lineage_guard.ledger import open_ledger
from lineage_guard.openlineage.deliver import drain

sys.path.insert(0, str(Path(__file__).parents[1] / "openlineage"))

from backends import DataHub, Marquez


def test_a_blocked_asset_is_red_and_where_the_trouble_came_in_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in [k for k in os.environ if k.startswith("OPENLINEAGE")]:
        monkeypatch.delenv(key)
    synthetic = made_by(RESTRICTED)
    curated = curated_from(synthetic)

    @dg.asset(deps=[curated], tags=training(use="train_competing"))
    def student() -> None:
        raise AssertionError("training ran")

    defs = guard(dg.Definitions(assets=[synthetic, curated, student]), ledger=tmp_path / "ledger")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert {e.step_key for e in result.get_step_failure_events()} == {"student"}
    marquez, datahub = Marquez(), DataHub(token="t")
    with marquez.running() as url, datahub.running() as other:
        to = {"type": "http", "url": other + "/openapi/openlineage/", "auth": {"type": "api_key", "apiKey": "t"}}
        ledger = open_ledger(tmp_path / "ledger")
        assert drain(ledger, {"transport": {"type": "http", "url": url}}).error is None
        report = drain(ledger, {"transport": to}, name="datahub")
    assert (report.error, report.refused, marquez.problems, datahub.problems) == (None, (), [], [])
    assert marquez.colour("default", "student") == "red"
    assert marquez.colour("default", "curated") == "red"
    assert marquez.colour("default", "synthetic") is None
    assert datahub.assertions[datahub.urn("default", "student")]["lineage-guard/default"] is False
