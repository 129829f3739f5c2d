"""A ledger on S3 over real HTTP: several processes at once, and a server that fails."""

from __future__ import annotations

import hashlib
import io
import json
import multiprocessing
from pathlib import Path

import histories
import ledger_workers as workers
import pyarrow.parquet as pq
import pytest
from faulty_s3 import Proxy

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive.log import Log, key_of
from lineage_guard.ledger.verify import verify

TARGET = Production((Version("d", "s"),), inputs=(Input(workers.version_of(5)),))


def numbers(place: str) -> list[int]:
    return [int(e["outputs"][0]["name"].removeprefix("table")) for _, e in open_ledger(place).events()]


def test_processes_on_one_bucket_lose_and_double_nothing(s3: str, tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    shares = [list(range(start, start + 20)) for start in (0, 10, 20)]
    jobs = [spawn.Process(daemon=True, target=workers.append_all, args=(s3, share, 5)) for share in shares]
    jobs.append(spawn.Process(daemon=True, target=workers.compact_until, args=(s3, 40)))
    jobs.append(spawn.Process(daemon=True, target=workers.read_until, args=(s3, 40, str(tmp_path / "reader"))))
    for job in jobs:
        job.start()
    for job in jobs:
        job.join(200)
        assert job.exitcode == 0
    assert (tmp_path / "reader").read_text() == "ok"
    assert sorted(numbers(s3)) == list(range(40))
    assert verify(open_ledger(s3).archive).findings == ()


def test_packs_and_retention_work_the_same_on_a_bucket(s3: str) -> None:
    ledger = open_ledger(s3, lambda: histories.START)
    for n in range(8):
        ledger.append([histories.simple(n)])
    ledger.compact()
    before = ledger.closure(TARGET)
    Log(ledger.archive).pack(7, at_least=1)
    assert Log(ledger.archive).loose() == [8]
    assert open_ledger(s3).closure(TARGET) == before
    assert numbers(s3) == list(range(8))
    ledger.prune(histories.START.replace(year=2030), dry_run=False)
    assert open_ledger(s3).closure(TARGET).reached == before.reached
    assert verify(open_ledger(s3).archive).findings == ()


@pytest.mark.parametrize(
    ("how", "afterwards"),
    # boto3 waits between its attempts, and longer after a 503.
    [
        (500, True),
        ("drop", False),
        *(pytest.param(how, late, marks=pytest.mark.long) for how, late in [(500, False), ("drop", True)]),
        *(pytest.param(503, late, marks=pytest.mark.long) for late in (False, True)),
    ],
)
def test_a_server_that_fails_now_and_then_is_asked_again(
    s3_proxy: Proxy, s3: str, how: int | str, afterwards: bool
) -> None:
    """Every third request fails, before or after it was carried out: all is there, and once."""
    s3_proxy.failing, s3_proxy.afterwards, s3_proxy.how = (lambda method, count: count % 3 == 0), afterwards, how
    ledger = open_ledger(s3)
    for n in range(6):
        assert ledger.append([histories.simple(n)]).new == 1
    ledger.compact()
    assert len(open_ledger(s3).closure(TARGET).reached) == 7
    assert numbers(s3) == list(range(6))


def test_a_server_that_only_fails_is_an_error_and_nothing_is_acknowledged(s3_proxy: Proxy, s3: str) -> None:
    ledger = open_ledger(s3)
    ledger.append([histories.simple(0)])
    s3_proxy.failing = lambda method, count: True
    for ask in (
        lambda: ledger.append([histories.simple(1)]),
        lambda: ledger.closure(TARGET),
        lambda: open_ledger(s3).watermark(),
        lambda: ledger.swap("x", None, {}),
        lambda: ledger.load("x"),
    ):
        with pytest.raises(LedgerError, match="s3://") as e:
            ask()
        assert e.value.fix
    s3_proxy.failing = lambda method, count: False
    assert numbers(s3) == [0]
    assert ledger.append([histories.simple(1)]).new == 1
