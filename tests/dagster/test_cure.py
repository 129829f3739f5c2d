"""A claim of a quarantine counts with its own evidence, and no part of it can be changed and still count."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lineage_guard.domain.facts import Input, ModelSource, Production, Usage, Version
from lineage_guard.domain.lineage.filtering import Filtered, source_of
from lineage_guard.domain.rules.terms import FixedTerms
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.explaining import cure
from lineage_guard.explaining.cure import SUITE, split_parameters, without_quarantined
from lineage_guard.gx.rows import parameters_digest
from lineage_guard.gx.suites import load_suite
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.archive import claims
from lineage_guard.openlineage.encode import event_of

AT = datetime(2026, 11, 22, tzinfo=UTC)
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
QWEN = ModelSource("huggingface", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted")
RUN = "019b76da-a800-7503-85d6-56f485aac30"
COMMERCIAL, OTHER, MIXED, PERMITTED = (
    Version("d", name, None, f"{RUN}{n}") for n, name in enumerate(("commercial", "other", "mixed", "permitted"))
)
STUDENT = Production((Version("d", "student"),), inputs=(Input(PERMITTED),))
CLAIM = Filtered(PERMITTED, ("d", "mixed"), (source_of(GPT),), "sha256:rows")


def evidence(claim: Filtered = CLAIM, remaining: ModelSource = QWEN) -> Evidence:
    suite = load_suite(SUITE)
    fed = parameters_digest(split_parameters(claim, [remaining]))
    size = len(suite.expectations)
    return Evidence(suite.name, suite.digest, claim.data_digest, fed, True, size, size, AT)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = open_ledger(tmp_path / "ledger")
    made = [
        Production((COMMERCIAL,), models=(GPT,), produced_at=AT),
        Production((OTHER,), models=(QWEN,), produced_at=AT),
        Production((MIXED,), inputs=(Input(COMMERCIAL), Input(OTHER)), produced_at=AT),
        Production((PERMITTED,), inputs=(Input(MIXED),), models=(QWEN,), produced_at=AT),
    ]
    runs = [AssetRun(str(p.outputs[0].run), RunState.COMPLETE, AT, "d", p.outputs[0].name, p) for p in made]
    ledger.append([event_of(run) for run in runs])
    return ledger


def cured(ledger: Ledger) -> list[str]:
    closure, cures = without_quarantined(ledger.closure(STUDENT), STUDENT, ledger, FixedTerms())
    assert {r.version.name for r in closure.reached} == {"student", "commercial", "other", "mixed", "permitted"}
    left = {r.version.name: r.models for r in closure.reached}
    assert left["permitted"] == left["other"] == (QWEN,)
    assert (left["commercial"] == ()) is bool(cures)
    return [c.version.name for c in cures]


def test_a_claim_with_its_evidence_counts(ledger: Ledger) -> None:
    assert cured(ledger) == []
    ledger.put_evidence(evidence())
    assert cured(ledger) == []
    claims.file(ledger.archive, CLAIM)
    assert cured(ledger) == ["commercial"]
    ledger.compact()
    assert cured(ledger) == ["commercial"]


CHANGED = {
    "another version": replace(CLAIM, version=PERMITTED._replace(run=f"{RUN}9")),
    "another table": replace(CLAIM, version=MIXED),
    "another mixed table": replace(CLAIM, mixed=("d", "commercial")),
    "more taken out": replace(CLAIM, sources=(*CLAIM.sources, source_of(replace(GPT, usage=Usage.REWRITE)))),
    "less taken out": replace(CLAIM, sources=()),
    "other rows": replace(CLAIM, data_digest="sha256:others"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_evidence_of_another_claim_is_none(ledger: Ledger, what: str) -> None:
    claims.file(ledger.archive, CLAIM)
    ledger.put_evidence(evidence(CHANGED[what]))
    assert cured(ledger) == []


@pytest.mark.parametrize("what", CHANGED)
def test_a_claim_that_was_changed_has_no_evidence(ledger: Ledger, what: str) -> None:
    claims.file(ledger.archive, CHANGED[what])
    ledger.put_evidence(evidence(CLAIM))
    assert cured(ledger) == []


def test_what_the_record_declares_must_be_what_passed(ledger: Ledger) -> None:
    claims.file(ledger.archive, CLAIM)
    ledger.put_evidence(evidence(remaining=GPT))
    assert cured(ledger) == []


def test_evidence_that_does_not_pass_is_none(ledger: Ledger) -> None:
    claims.file(ledger.archive, CLAIM)
    failing = replace(evidence(), success=False, failures=(FailedExpectation("expect_x", "model", 1),))
    for bad in (failing, replace(evidence(), evaluated=0), replace(evidence(), error="it broke")):
        ledger.put_evidence(bad)
        assert cured(ledger) == []
    ledger.put_evidence(evidence())
    assert cured(ledger) == ["commercial"]


def test_an_edited_suite_asks_for_the_quarantine_again(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    claims.file(ledger.archive, CLAIM)
    ledger.put_evidence(evidence())
    assert cured(ledger) == ["commercial"]
    monkeypatch.setattr(cure, "SUITE", "lineage")
    assert cured(ledger) == []
