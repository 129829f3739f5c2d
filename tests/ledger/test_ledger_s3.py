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


def found(place: str) -> list[str]:
    """Verified by somebody who opens the ledger now, with the copies that were fetched before."""
    return [f"{f.where}: {f.what}" for f in verify(open_ledger(place).archive, index=True).findings]


def test_verify_looks_at_the_bucket_and_not_at_copies_of_it(s3: str, tmp_path: Path) -> None:
    """Who asked before has copies of the index; an object that was changed or removed since is found all the same."""
    ledger = open_ledger(s3, lambda: histories.START)
    for n in range(6):
        ledger.append([histories.simple(n)])
    ledger.compact()
    before = ledger.closure(TARGET)
    archive = ledger.archive
    assert found(s3) == []
    assert list((tmp_path / "cache").rglob("*edges*"))
    [edges] = [key for key in archive.list("index/parts/") if "-edges-" in key]
    sound = archive.get(edges) or b""
    for changed in (sound[:-1] + bytes([sound[-1] ^ 1]), sound[:-1], None):
        archive.put(edges, changed) if changed else archive.delete(edges)
        assert open_ledger(s3).closure(TARGET).reached == before.reached
        [finding] = found(s3)
        assert edges.rpartition("/")[2] in finding
        archive.put(edges, sound)

    # Changed together with its digest: only the log says otherwise.
    [place] = archive.list("index/manifests/")
    manifest = json.loads(archive.get(place) or b"")
    file = manifest["parts"][0]["files"]["edges"]
    pq.write_table(pq.read_table(io.BytesIO(sound)).slice(1), tmp_path / "forged")
    forged = (tmp_path / "forged").read_bytes()
    file.update(rows=file["rows"] - 1, bytes=len(forged), sha256=hashlib.sha256(forged).hexdigest())
    archive.put(edges, forged)
    was = archive.get(place) or b""
    archive.put(place, json.dumps(manifest).encode())
    [finding] = found(s3)
    assert "table edges of the index is not what the log says" in finding
    archive.put(edges, sound)
    archive.put(place, was)
    assert found(s3) == []

    # Neither a copy nor the index hides what was done to the log.
    batch = key_of(3)
    archive.put(batch, (archive.get(batch) or b"").replace(b"table2", b"table7"))
    assert [f for f in found(s3) if batch.rpartition("/")[2] in f]


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
