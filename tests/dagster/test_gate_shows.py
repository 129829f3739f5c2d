"""What a blocked run leaves on the asset check, where Dagster would show only "Execution failed"."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
from guarding import RESTRICTED, made_by

from lineage_guard import guard, training
from lineage_guard.dagster.keys import CHECK_NAME

KEY = dg.AssetKey("student")


def test_a_blocked_run_leaves_its_verdict_on_the_check_that_it_skipped(tmp_path: Path) -> None:
    @dg.asset(deps=["synthetic"], tags=training(use="train_competing"))
    def student() -> None:
        raise AssertionError("training ran")

    defs = guard(dg.Definitions(assets=[made_by(RESTRICTED), student]), ledger=tmp_path / "ledger")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        job = defs.resolve_implicit_global_asset_job_def()
        result = job.execute_in_process(instance=instance, raise_on_error=False)
        assert {e.step_key for e in result.get_step_failure_events()} == {"student"}
        check = dg.AssetCheckKey(KEY, CHECK_NAME)
        [latest, *_] = instance.event_log_storage.get_asset_check_execution_history(check, limit=5)
        summary = instance.event_log_storage.get_asset_check_summary_records([check])[check]
    assert latest.status.value == "FAILED"
    assert latest.evaluation is not None
    assert not latest.evaluation.passed
    assert "BLOCKED" in str(latest.evaluation.description)
    assert "lineage_guard/findings" in latest.evaluation.metadata
    assert summary.last_check_execution_record == latest
