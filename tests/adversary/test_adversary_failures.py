"""Doors through the gate: what breaks in it, and what is claimed to excuse it."""

import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from guarding import RESTRICTED, Lane, made_by, written_by_people

import lineage_guard.gx.lineage as suite
from lineage_guard import ModelSource, training
from lineage_guard.domain.rules.waivers import Waiver


def student_on(lane: Lane, parent: dg.AssetsDefinition) -> dg.AssetsDefinition:
    @dg.asset(name="student", deps=[parent.key], tags=training())
    def student() -> None:
        lane.mark("student")

    return student


@pytest.mark.parametrize(
    "error", [MemoryError(), RecursionError(), KeyboardInterrupt(), SystemExit(0), GeneratorExit(), StopIteration()]
)
def test_whatever_is_raised_in_the_gate_does_not_train(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def breaks(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(suite, "run_lineage_suite", breaks)
    people = written_by_people()
    # What Dagster makes of it differs (a failed step, or the interrupt goes on); the training code tells the truth.
    with suppress(BaseException):
        lane.run([people, student_on(lane, people)])
    assert lane.trained == []


def _last_batch(ledger: Path) -> Path:
    return sorted(p for p in (ledger / "log").rglob("*") if p.is_file())[-1]


def _cut(ledger: Path) -> None:
    last = _last_batch(ledger)
    last.write_bytes(last.read_bytes()[: last.stat().st_size // 2])


def _replaced_by_a_file(ledger: Path) -> None:
    shutil.rmtree(ledger)
    ledger.write_text("not a ledger")


@pytest.mark.parametrize(
    "damage",
    [shutil.rmtree, _cut, lambda f: _last_batch(f).unlink(), _replaced_by_a_file],
    ids=["deleted", "cut short", "last batch gone", "a file"],
)
def test_a_ledger_that_lost_something_does_not_train(lane: Lane, damage: Callable[[Path], object]) -> None:
    tainted = made_by(RESTRICTED)
    student = student_on(lane, tainted)
    lane.run([tainted, student])
    damage(lane.ledger_folder)
    assert not lane.run([tainted, student], selection=[student]).success
    assert lane.trained == []


@pytest.mark.parametrize(
    "change",
    [
        {"approved_by": " ANNA "},
        {"approved_by": ""},
        {"requested_by": " "},
        {"expires": datetime(2020, 1, 1, tzinfo=UTC)},
        {"expires": datetime(2099, 1, 1)},
        {"model": None},
    ],
    ids=lambda c: next(iter(c)),
)
def test_a_waiver_that_nobody_else_approved_or_that_is_over_does_nothing(lane: Lane, change: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "id": "w",
        "rule": "model-terms",
        "asset": "student",
        "reason": "a test",
        "requested_by": "Anna",
        "approved_by": "Ben",
        "ticket": "T-1",
        "expires": datetime.now(UTC) + timedelta(days=1),
        "model": "gpt-4o*",
        **change,
    }
    lane.arguments = {"waivers": [Waiver(**given)]}
    tainted = made_by(RESTRICTED)
    assert not lane.run([tainted, student_on(lane, tainted)]).success
    assert lane.trained == []


@pytest.mark.parametrize("text", ["<script>", "x" * 10_000, "a\nb", "nul\0", "gpt-4o\u200b", "ｇｐｔ-4o"], ids=ascii)
def test_a_model_id_that_is_no_model_id_does_not_train(lane: Lane, text: str) -> None:
    made = made_by(ModelSource(text, text, channel="self-hosted"))
    assert not lane.run([made, student_on(lane, made)]).success
    assert lane.trained == []


@pytest.mark.parametrize("when", [datetime(1990, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)], ids=str)
def test_no_date_of_generation_finds_terms_that_permit(lane: Lane, when: datetime) -> None:
    made = made_by(ModelSource("openai", "gpt-4o", channel="api.openai.com", generated_at=when))
    assert not lane.run([made, student_on(lane, made)]).success
    assert lane.trained == []
