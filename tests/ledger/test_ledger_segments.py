"""The log of a folder in shared files: what dies half-way is cut off, what rotates or is deleted is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import histories
import pytest

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive import segments
from lineage_guard.ledger.archive.folder import FolderArchive
from lineage_guard.ledger.archive.log import Log
from lineage_guard.ledger.verify import verify


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Segments of two or three batches."""
    monkeypatch.setattr(segments, "SEGMENT_BYTES", 5_000)


def names(place: Path) -> list[str]:
    return sorted(p.name for p in (place / "log").iterdir())


@pytest.mark.usefixtures("short")
def test_segments_follow_each_other_and_go_when_they_are_packed(tmp_path: Path) -> None:
    reader, ledger = open_ledger(tmp_path), open_ledger(tmp_path)
    for n in range(12):
        ledger.append([histories.simple(n)])
        assert reader.watermark() == ledger.watermark() == open_ledger(tmp_path).watermark()
    assert len(names(tmp_path)) > 3
    ledger.compact()
    Log(ledger.archive).pack(8, at_least=1)
    assert names(tmp_path)[0] != "00000001.seg"
    assert Log(reader.archive).loose() == [9, 10, 11, 12]
    Log(ledger.archive).pack(12, at_least=1)
    assert names(tmp_path) == []
    assert reader.append([histories.simple(12)]).watermark.startswith("13:")
    assert ledger.watermark() == reader.watermark()
    assert open_ledger(tmp_path).check(full=True).events == 13
    assert verify(reader.archive).findings == ()


@pytest.mark.usefixtures("short")
def test_handles_that_write_at_once_each_get_a_number(tmp_path: Path) -> None:
    handles = [open_ledger(tmp_path) for _ in range(4)]

    def write(who: int) -> None:
        for n in range(15):
            handles[who].append([histories.simple(who * 100 + n)])

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(write, n) for n in range(4)]:
            done.result()
    fresh = open_ledger(tmp_path)
    assert fresh.check(full=True).events == 60
    assert fresh.watermark().startswith("60:")
    assert [h.watermark() for h in handles] == [fresh.watermark()] * 4


@pytest.mark.parametrize("name", ["pwritev", "fdatasync", "fsync", "ftruncate"])
@pytest.mark.usefixtures("short")
def test_a_disk_that_fails_at_any_step_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Every third call of one kind fails: what was refused is not there, what was acknowledged is, once."""
    ledger = open_ledger(tmp_path)
    ledger.append([histories.simple(0)])
    real: Callable[..., Any] = getattr(os, name)
    calls = 0

    def failing(*args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % 3 == 0:
            raise OSError(5, "Input/output error")
        return real(*args)

    acknowledged = [0]
    for n in range(1, 20):
        monkeypatch.setattr(os, name, failing)
        with suppress(LedgerError):
            open_ledger(tmp_path).append([histories.simple(n)])
            acknowledged.append(n)
        monkeypatch.setattr(os, name, real)
    found = [int(e["outputs"][0]["name"].removeprefix("table")) for _, e in open_ledger(tmp_path).events()]
    assert found == acknowledged
    assert 10 <= len(acknowledged) < 20
    assert open_ledger(tmp_path).check(full=True).events == len(acknowledged)


def test_a_record_that_the_system_takes_in_pieces_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, one = os.pwritev, os.pwrite
    monkeypatch.setattr(os, "pwritev", lambda fd, parts, at: real(fd, [b"".join(parts)[:40]], at))
    monkeypatch.setattr(os, "pwrite", lambda fd, data, at: one(fd, data[:50], at))
    ledger = open_ledger(tmp_path)
    for n in range(3):
        ledger.append([histories.simple(n)])
    monkeypatch.undo()
    assert open_ledger(tmp_path).check(full=True).events == 3


def test_a_record_left_half_done_is_passed_over_and_cut_off_by_the_next_writer(tmp_path: Path) -> None:
    reader, writer = FolderArchive(tmp_path), FolderArchive(tmp_path)
    assert writer.put_if_absent("log/1", b"first")
    whole = segments.head_of(b"+", "log/2", b"second") + b"second\n"
    for half in (whole[:1], whole[:9], whole[:-7], whole[:-1], whole[:-5] + b"\0\0\0\0\n", b"\0" * 50):
        with open(tmp_path / "log" / "00000001.seg", "ab") as f:
            f.write(half)
        assert list(reader.list("log/")) == list(FolderArchive(tmp_path).list("log/"))
        key = f"log/{len(half)}-{half.count(0)}"
        assert writer.put_if_absent(key, half)
        assert reader.get(key) == FolderArchive(tmp_path).get(key) == half


@pytest.mark.usefixtures("short")
def test_a_segment_cut_short_before_others_is_damage(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for n in range(12):
        ledger.append([histories.simple(n)])
    first = tmp_path / "log" / "00000001.seg"
    first.write_bytes(first.read_bytes()[:-5])
    for ask in (lambda x: x.watermark(), lambda x: x.append([histories.simple(50)])):
        with pytest.raises(LedgerError, match=r"00000001\.seg.*others follow"):
            ask(open_ledger(tmp_path))


def test_keys_may_come_in_any_order_and_be_replaced(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    for key in ("log/b", "log/a", "log/c"):
        assert archive.put_if_absent(key, key.encode())
    archive.put("log/b", b"other")
    assert archive.replace("log/a", b"log/a", b"swapped")
    assert not archive.replace("log/a", b"log/a", b"again")
    archive.delete("log/c")
    again = FolderArchive(tmp_path)
    assert [(k, again.get(k)) for k in again.list("log/")] == [("log/a", b"swapped"), ("log/b", b"other")]
    assert "00000001.seg:log/a" in again.describe("log/a")
