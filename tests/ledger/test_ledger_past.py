"""The ledger as it stood: a verified prefix of the log, whichever way it is read."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta

import pytest

from lineage_guard.domain.errors import ConfigError, LedgerError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger import ANY, open_ledger
from lineage_guard.ledger.asking.past import as_of
from lineage_guard.openlineage.encode import event_of

START = datetime(2026, 3, 1, tzinfo=UTC)
SIZE = 6


def version(n: int, name: str = "chain") -> Version:
    return Version("d", name, None, f"019b76da-a800-7503-85d6-{n:012d}")


def finished(n: int) -> dict:
    at = START + timedelta(days=n)
    inputs = (Input(version(n - 1)),) if n else ()
    made = Production((version(n),), inputs=inputs, produced_at=at)
    return event_of(AssetRun(version(n).run, RunState.COMPLETE, at, "d", "chain", made))


@pytest.fixture
def place(tmp_path):
    """A chain of versions, one batch and one day for each."""
    now = START
    ledger = open_ledger(tmp_path / "ledger", lambda: now)
    for n in range(SIZE):
        now = START + timedelta(days=n)
        ledger.append([finished(n)])
    return tmp_path / "ledger"


def asked(past, n: int) -> tuple[object, ...]:
    target = Production((Version("d", "student"),), inputs=(Input(version(n)),))
    return past.closure(target), past.latest("d", "chain", ANY), past.productions([version(i) for i in range(SIZE)])


@pytest.mark.parametrize("n", range(SIZE))
def test_each_day_is_a_prefix_of_the_log(place, n) -> None:
    past = as_of(open_ledger(place).archive, START + timedelta(days=n, hours=1), "chain")
    _, latest, productions = asked(past, n)
    assert latest == (version(n),)
    assert set(productions) == {version(i) for i in range(n + 1)}
    assert (past.position.batches, past.position.events) == (n + 1, n + 1)
    assert past.position.recorded == START + timedelta(days=n)


def test_the_end_is_what_the_ledger_answers(place) -> None:
    ledger = open_ledger(place)
    past = as_of(ledger.archive, None)
    closure, latest, productions = asked(past, SIZE - 1)
    target = Production((Version("d", "student"),), inputs=(Input(version(SIZE - 1)),))
    assert closure == ledger.closure(target)
    assert latest == ledger.latest("d", "chain")
    assert productions == ledger.productions([version(i) for i in range(SIZE)])
    assert past.position.watermark == ledger.watermark()
    assert past.at == START + timedelta(days=SIZE - 1)


@pytest.mark.parametrize("compacted", [0, 3, 5])
@pytest.mark.parametrize("n", [1, 3])
def test_an_index_of_any_time_changes_no_answer(place, tmp_path, compacted, n) -> None:
    at = START + timedelta(days=n)
    expected = asked(as_of(open_ledger(place).archive, at), n)
    now = START
    other = open_ledger(tmp_path / "other", lambda: now)
    for i in range(SIZE):
        now = START + timedelta(days=i)
        other.append([finished(i)])
        if i == compacted:
            assert other.compact()
    closure, *rest = asked(as_of(other.archive, at), n)
    assert list(closure.reached) == list(expected[0].reached)
    assert rest == list(expected[1:])


def test_an_index_that_is_cleared_away_meanwhile_is_not_missed(place) -> None:
    ledger = open_ledger(place)
    ledger.compact()
    past = as_of(ledger.archive, None)
    shutil.rmtree(place / "index")
    assert asked(past, SIZE - 1)[1] == (version(SIZE - 1),)


def test_what_stands_between_dated_batches_was_there(tmp_path) -> None:
    days = iter([0, 9, 1, 2])
    ledger = open_ledger(tmp_path, lambda: START + timedelta(days=next(days)))
    for n in range(4):
        ledger.append([finished(n)])
    upto = {day: as_of(ledger.archive, START + timedelta(days=day)).position.batches for day in (0, 1, 2, 9)}
    assert upto == {0: 1, 1: 3, 2: 4, 9: 4}
    assert as_of(ledger.archive, None).at == START + timedelta(days=9)


def test_before_the_first_batch_there_was_nothing(place, tmp_path) -> None:
    with pytest.raises(ConfigError, match="holds nothing by 2026-02-28"):
        as_of(open_ledger(place).archive, START - timedelta(days=1))
    with pytest.raises(ConfigError, match="holds nothing yet"):
        as_of(open_ledger(tmp_path / "empty").archive, None)


def test_a_changed_log_has_no_past(place) -> None:
    [segment] = (place / "log").glob("*.seg")
    data = segment.read_bytes()
    segment.write_bytes(data.replace(b'"name":"chain"', b'"name":"chaim"', 1))
    with pytest.raises(LedgerError):
        as_of(open_ledger(place).archive, START)


def test_what_retention_dropped_is_gone_from_the_past_too(tmp_path) -> None:
    now = START
    ledger = open_ledger(tmp_path / "ledger", lambda: now)
    for n in range(SIZE):
        now = START + timedelta(days=n)
        at, v = now, version(n, "alone")
        made = Production((v,), produced_at=at)
        ledger.append([event_of(AssetRun(v.run, RunState.COMPLETE, at, "d", "alone", made))])
    ledger.compact()
    assert ledger.prune(START + timedelta(days=3), dry_run=False).events == 3
    past = as_of(ledger.archive, START + timedelta(days=2))
    assert past.position.dropped == 3
    assert past.productions([version(n, "alone") for n in range(SIZE)]) == {}
    assert past.position.watermark == f"3:{past.position.watermark[2:]}"
