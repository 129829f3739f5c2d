"""Doors in size: a closure of 100,000 versions, and an asset of 10,000 partitions, of which one is restricted."""

from datetime import UTC, datetime

import dagster as dg
import pytest
from guarding import PERMITTED, RESTRICTED, Lane, failure_of, made_by

from lineage_guard import declare, training
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.domain.verdict.runs import AssetRun, RunState, asset_run_id
from lineage_guard.openlineage.encode import event_of

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
AT = datetime(2026, 1, 1, tzinfo=UTC)
VERSIONS = 100_000
PARTITIONS = 10_000


def old(n: int) -> Version:
    return Version("default", f"old_{n}", None, asset_run_id("long ago", f"old_{n}", None, AT))


def made(version: Version, production: Production) -> dict[str, object]:
    assert version.run is not None
    return event_of(AssetRun(version.run, RunState.COMPLETE, AT, version.namespace, version.name, production))


def test_one_model_at_the_bottom_of_a_hundred_thousand_versions(lane: Lane) -> None:
    """Each version reads the one before and the one of half its number: 100,000 deep, with as many shortcuts."""
    ledger = lane.ledger
    ledger.append([made(old(0), Production((old(0),), models=(PERMITTED,)))])
    for start in range(1, VERSIONS, 10_000):
        numbers = range(start, min(start + 10_000, VERSIONS))
        inputs = {n: tuple(dict.fromkeys((Input(old(n - 1)), Input(old(n // 2))))) for n in numbers}
        ledger.append([made(old(n), Production((old(n),), inputs=inputs[n])) for n in numbers])
    ledger.compact()
    top = made_by(PERMITTED, "top")

    @dg.asset(deps=[top.key], tags=training())
    def student() -> None:
        lane.mark("student")

    # A first run brings `top` into the ledger; then its past is told, and then what is at the bottom of it.
    assert lane.run([top, student]).success
    [version] = lane.ledger.latest("default", "top")
    lane.ledger.append([made(version, Production((version,), inputs=(Input(old(VERSIONS - 1)),)))])
    assert lane.run([top, student], selection=[student]).success
    assert int(str(lane.ledger.decisions("default", "student")[0]["closureSize"])) >= VERSIONS
    lane.ledger.append([made(old(0), Production((old(0),), models=(RESTRICTED,)))])
    result = lane.run([top, student], selection=[student])
    assert "openai/gpt-4o" in (failure_of(result, "student").description or "")
    assert lane.trained == ["student", "student"]


def test_one_restricted_partition_of_ten_thousand(lane: Lane) -> None:
    keys = [f"{n:05}" for n in range(PARTITIONS)]
    tainted = keys[PARTITIONS // 2]
    definition = dg.StaticPartitionsDefinition(keys)

    @dg.asset(partitions_def=definition, metadata=declare(PERMITTED))
    def rows() -> None: ...

    for key in keys:
        metadata = declare(RESTRICTED if key == tainted else PERMITTED)
        lane.instance.report_runless_asset_event(dg.AssetMaterialization("rows", partition=key, metadata=metadata))

    @dg.asset(deps=[rows], tags=training())
    def whole() -> None:
        lane.mark("whole")

    @dg.asset(deps=[rows], partitions_def=definition, tags=training())
    def daily(context: dg.AssetExecutionContext) -> None:
        lane.mark(context.partition_key)

    assets = [rows, whole, daily]
    result = lane.run(assets, selection=[whole])
    assert "openai/gpt-4o" in (failure_of(result, "whole").description or "")
    for key in (keys[0], tainted, keys[-1]):
        lane.run(assets, selection=[daily], partition_key=key)
    assert lane.trained == [keys[0], keys[-1]]
