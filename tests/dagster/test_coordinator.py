"""The run coordinator on a workspace of two code locations, asked through the UI's own mutation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from submitting import Deployment, deployed

DATA = """
    @dg.asset(metadata=GPT)
    def tainted(): ...

    @dg.asset(metadata=R1)
    def clean(): ...

    @dg.asset(deps=[tainted])
    def curated(): ...

    defs = dg.Definitions(assets=[tainted, clean, curated])
"""
RESEARCH = """
    @dg.asset(deps=["curated"], tags=TRAINS)
    def rival(): ...

    @dg.asset(deps=["clean"], tags=TRAINS)
    def student(): ...

    @dg.asset(deps=["curated"])
    def report(): ...

    @dg.asset(metadata=GPT)
    def answers(): ...

    @dg.asset(deps=[answers])
    def filtered(): ...

    @dg.asset(deps=[filtered], tags=TRAINS)
    def parrot(): ...

    @dg.asset(metadata=R1)
    def thoughts(): ...

    @dg.asset(deps=[thoughts], tags=TRAINS)
    def pupil(): ...

    @dg.asset
    def found(): ...

    @dg.asset(deps=[found], tags=TRAINS)
    def orphan(): ...

    @dg.asset(deps=["curated"])
    def untagged(): ...

    both = dg.define_asset_job("both", ["report", "rival"])
    defs = dg.Definitions(
        assets=[rival, student, report, answers, filtered, parrot, thoughts, pupil, found, orphan, untagged], jobs=[both]
    )
"""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Deployment]:
    config = {"training": [{"select": 'code_location:"research" and key:"untagged"'}], "max_concurrent_runs": 7}
    with deployed(tmp_path, {"data": DATA, "research": RESEARCH}, config) as deployment:
        yield deployment


def test_lineage_is_seen_across_code_locations(world: Deployment) -> None:
    world.materialised("tainted", "clean", "curated", location="data")
    refused = world.launch("rival")
    assert refused.status is dg.DagsterRunStatus.FAILURE
    assert world.launch("student").status is dg.DagsterRunStatus.QUEUED
    assert world.launch("report").status is dg.DagsterRunStatus.QUEUED
