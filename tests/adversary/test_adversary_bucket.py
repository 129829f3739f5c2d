"""A ledger in a bucket that fails while the gate looks and writes: training waits for an answer, never for luck."""

from __future__ import annotations

import dagster as dg
import pytest
from faulty_s3 import Proxy
from guarding import RESTRICTED, Lane, failure_of, made_by, written_by_people

import lineage_guard.ledger.archive.s3 as backend
from lineage_guard import training


def student_on(lane: Lane, parent: dg.AssetsDefinition) -> dg.AssetsDefinition:
    @dg.asset(name="student", deps=[parent.key], tags=training())
    def student() -> None:
        lane.mark("student")

    return student


@pytest.mark.parametrize("how", [500, "hang", *(pytest.param(how, marks=pytest.mark.long) for how in (503, "drop"))])
def test_a_bucket_that_does_not_answer_does_not_train(
    lane: Lane, s3: str, s3_proxy: Proxy, monkeypatch: pytest.MonkeyPatch, how: int | str
) -> None:
    lane.arguments = {"ledger": s3}
    people = written_by_people()
    student = student_on(lane, people)
    assert lane.run([people]).success
    s3_proxy.how, s3_proxy.failing = how, lambda method, count: True
    with monkeypatch.context() as impatient:
        impatient.setattr(backend, "_ATTEMPTS", 2)
        impatient.setattr(backend, "_ANSWER_S", 0.3)
        result = lane.run([people, student], selection=[student])
    assert not result.success
    assert lane.trained == []
    shown = failure_of(result, "student")
    assert shown.metadata["lineage_guard/decision"].value == "BLOCKED"
    assert "s3://" in str(shown.description) + str(shown.metadata)
    s3_proxy.failing = lambda method, count: False
    assert lane.run([people, student], selection=[student]).success, "it trains once the bucket answers again"
    assert lane.trained == ["student"]


def test_a_bucket_that_fails_now_and_then_changes_no_verdict(lane: Lane, s3: str, s3_proxy: Proxy) -> None:
    lane.arguments = {"ledger": s3}
    s3_proxy.how, s3_proxy.failing = 503, lambda method, count: count % 4 == 0
    tainted = made_by(RESTRICTED)
    result = lane.run([tainted, student_on(lane, tainted)])
    assert failure_of(result, "student").metadata["lineage_guard/decision"].value == "BLOCKED"
    assert lane.trained == []
