"""Rows evidence and quarantines as the run coordinator counts them, for training that has no gate of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from submitting import deployed, message_of

from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.lineage.filtering import Filtered, source_of
from lineage_guard.domain.verdict.attested import Attestation, Demand
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation
from lineage_guard.explaining.cure import SUITE, split_parameters
from lineage_guard.gx.rows import parameters_digest
from lineage_guard.gx.suites import load_suite
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive import claims
from lineage_guard.ledger.archive.attesting import Attestations

DATA = """
    @dg.asset(metadata=GPT)
    def commercial(): ...

    @dg.asset(metadata=R1)
    def clean(): ...

    @dg.asset(deps=[commercial, clean])
    def mixed(): ...

    @dg.asset(deps=[mixed], metadata=R1)
    def permitted(): ...

    defs = dg.Definitions(assets=[commercial, clean, mixed, permitted])
"""
RESEARCH = """
    @dg.asset(deps=["permitted"], tags=TRAINS)
    def rival(): ...

    @dg.asset(deps=["clean"], tags=TRAINS)
    def student(): ...

    defs = dg.Definitions(assets=[rival, student])
"""
FAILURE, QUEUED = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.QUEUED
AT = datetime(2026, 11, 22, tzinfo=UTC)
GPT = ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com")


def result(subject: str, parameters: str, passes: bool = True) -> Evidence:
    suite = load_suite(SUITE)
    failures = () if passes else (FailedExpectation("expect_x", "model", 1, "found gpt-5"),)
    size = len(suite.expectations)
    return Evidence(suite.name, suite.digest, subject, parameters, passes, size, size, AT, failures)


@pytest.mark.long
def test_evidence_on_rows_and_proven_quarantines_count_where_no_gate_stands(tmp_path: Path) -> None:
    with deployed(tmp_path, {"data": DATA, "research": RESEARCH}) as world:
        world.materialised("commercial", "clean", "mixed", "permitted", location="data")
        ledger = open_ledger(tmp_path / "ledger")
        attestations = Attestations(ledger.archive)
        assert world.launch("student").status is QUEUED
        assert world.launch("rival").status is FAILURE

        [clean] = ledger.latest("default", "clean")
        attestations.demand(Demand("default", "clean", "rows_provenance", "rows", load_suite(SUITE).digest, "data"))
        refused = world.launch("student")
        said = message_of(world.told(refused), dg.DagsterEventType.RUN_FAILURE)
        assert refused.status is FAILURE
        assert "has not been run on the rows of default:clean@" in said
        attestations.file(Attestation(clean, "rows_provenance", result("sha256:a", "sha256:b", passes=False)))
        said = message_of(world.told(world.launch("student")), dg.DagsterEventType.RUN_FAILURE)
        assert "found gpt-5" in said
        attestations.file(Attestation(clean, "rows_provenance", result("sha256:a", "sha256:b")))
        assert world.launch("student").status is QUEUED

        [permitted] = ledger.latest("default", "permitted")
        claim = Filtered(permitted, ("default", "mixed"), (source_of(GPT),), "sha256:rows")
        claims.file(ledger.archive, claim)
        assert world.launch("rival").status is FAILURE
        models = ledger.productions([permitted])[permitted].models
        ledger.put_evidence(result("sha256:rows", parameters_digest(split_parameters(claim, models))))
        assert world.launch("rival").status is QUEUED
        [decision] = ledger.decisions("default", "rival", 1)
        assert "cured by quarantine at default:permitted@" in str(decision["cures"])
