"""A watermark answers for all that was before it: in its own ledger, whatever is done to that, and in no other."""

from __future__ import annotations

import shutil
from pathlib import Path

import histories
import pytest
from records import Record

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.archive.log import Log
from lineage_guard.ledger.asking.continuity import holds

LATER = histories.START.replace(year=2030)


def grown(ledger: Ledger, first: int, last: int) -> list[str]:
    marks: list[str] = []
    for n in range(first, last):
        ledger.append([histories.simple(n)])
        marks.append(ledger.watermark())
    return marks


def worked_on(ledger: Ledger) -> list[str]:
    """Every watermark of a ledger that was compacted, packed, pruned and went on meanwhile."""
    marks = [ledger.watermark(), *grown(ledger, 0, 6)]
    ledger.compact()
    Log(ledger.archive).pack(5, at_least=1)
    marks += grown(ledger, 6, 9)
    ledger.prune(LATER, dry_run=False)
    Log(ledger.archive).pack(8, at_least=1)
    return marks + grown(ledger, 9, 10)


def test_a_ledger_holds_what_it_held_whatever_was_done_to_it(tmp_path: Path) -> None:
    marks = worked_on(open_ledger(tmp_path, lambda: histories.START))
    assert len(set(marks)) == 11
    assert all(holds(open_ledger(tmp_path), mark) for mark in marks)
    shutil.rmtree(tmp_path / "index")
    assert all(holds(open_ledger(tmp_path), mark) for mark in marks)


def test_so_does_one_in_a_bucket(s3: str) -> None:
    marks = worked_on(open_ledger(s3, lambda: histories.START))
    assert all(holds(open_ledger(s3), mark) for mark in marks)
    assert not holds(open_ledger(s3), "11:" + marks[-1].partition(":")[2])


def test_another_ledger_or_an_older_copy_does_not(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "ledger")
    marks = grown(ledger, 0, 3)
    shutil.copytree(tmp_path / "ledger", tmp_path / "older")
    marks += grown(ledger, 3, 5)
    older, anew = open_ledger(tmp_path / "older"), open_ledger(tmp_path / "anew")
    assert [holds(older, mark) for mark in marks] == [True, True, True, False, False]
    assert not any(holds(anew, mark) for mark in marks)
    grown(older, 6, 9)
    grown(anew, 0, 9)  # the same events, and another history
    assert [holds(older, mark) for mark in marks] == [True, True, True, False, False]
    assert not any(holds(anew, mark) for mark in marks)


def test_a_batch_that_cannot_be_read_is_not_one_that_is_gone(tmp_path: Path) -> None:
    marks = grown(open_ledger(tmp_path), 0, 3)
    record = Record(tmp_path, 2)
    record.write_bytes(record.read_bytes().replace(b'"batch":2', b'"batch":7'))
    with pytest.raises(LedgerError, match="damaged"):
        holds(open_ledger(tmp_path), marks[1])
