"""Packed batches: fewer and smaller objects, the same log."""

from __future__ import annotations

from pathlib import Path

import histories
import pytest

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.ledger.archive.folder import FolderArchive
from lineage_guard.ledger.archive.log import GENESIS, Log, key_of
from lineage_guard.ledger.archive.packs import LONGEST_HEAD, packs_after
from lineage_guard.ledger.verify import verify

TARGET = Production((Version("d", "s"),), inputs=(Input(Version("default", "table9", None, histories.run_uuid(9))),))


def filled(place: Path, batches: int = 10) -> Ledger:
    ledger = open_ledger(place)
    for n in range(batches):
        ledger.append([histories.simple(n)])
    ledger.compact()
    return ledger


def log_of(place: Path) -> Log:
    return Log(open_ledger(place).archive)


def told(ledger: Ledger) -> tuple[object, ...]:
    return list(ledger.events()), list(ledger.events("4:1")), ledger.closure(TARGET), ledger.watermark()


def test_packing_changes_nothing_that_is_read(tmp_path: Path) -> None:
    before = told(filled(tmp_path))
    (pack,) = log_of(tmp_path).pack(8, at_least=1)
    assert (pack.first, pack.last) == (1, 8)
    assert log_of(tmp_path).loose() == [9, 10]
    assert told(open_ledger(tmp_path)) == before
    ledger = open_ledger(tmp_path)
    assert ledger.append([histories.simple(3)]).new == 0
    assert ledger.append([histories.simple(10)]).new == 1
    assert open_ledger(tmp_path).check(full=True).events == 11


def test_a_log_that_is_packed_whole_goes_on(tmp_path: Path) -> None:
    filled(tmp_path)
    log_of(tmp_path).pack(10, at_least=1)
    assert log_of(tmp_path).loose() == []
    ledger = open_ledger(tmp_path)
    assert ledger.append([histories.simple(10)]).watermark.startswith("11:")
    assert [p for p, _ in open_ledger(tmp_path).events("9:1")] == ["10:1", "11:1"]


def test_the_index_is_rebuilt_from_packs(tmp_path: Path) -> None:
    before = told(filled(tmp_path))
    log_of(tmp_path).pack(10, at_least=1)
    for file in (tmp_path / "index").rglob("*.*"):
        file.unlink()
    assert told(open_ledger(tmp_path)) == before


def test_large_logs_are_packed_by_compaction_and_get_much_smaller(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for start in range(0, 600, 100):
        ledger.append([histories.simple(n) for n in range(start, start + 100)])
    raw = sum(p.stat().st_size for p in (tmp_path / "log").rglob("*.seg"))
    ledger.compact()
    assert not list((tmp_path / "log").rglob("*.seg"))
    packed = sum(p.stat().st_size for p in (tmp_path / "packs").iterdir())
    assert packed * 5 < raw
    assert open_ledger(tmp_path).check(full=True).events == 600


def test_many_small_batches_are_packed_by_compaction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lineage_guard.ledger.archive.log.Log.pack.__defaults__", (0, 5))
    filled(tmp_path, 4)
    assert len(log_of(tmp_path).loose()) == 4
    ledger = open_ledger(tmp_path)
    ledger.append([histories.simple(4)])
    ledger.compact()
    assert log_of(tmp_path).loose() == []


def test_a_writer_that_slept_through_the_packing_loses_nothing(tmp_path: Path) -> None:
    """It knows batch 10, and puts the next number, which was taken, packed and freed meanwhile."""
    asleep = filled(tmp_path)
    other = open_ledger(tmp_path)
    for n in range(10, 14):
        other.append([histories.simple(n)])
    other.compact()
    log_of(tmp_path).pack(13, at_least=1)
    assert asleep.append([histories.simple(99), histories.simple(12)]).new == 1
    ledger = open_ledger(tmp_path)
    assert ledger.check(full=True).events == 15
    assert ledger.watermark() == asleep.watermark()


def test_a_stray_batch_under_a_packed_number_is_not_read_and_is_cleared_away(tmp_path: Path) -> None:
    """What a writer that was killed between its two steps leaves behind."""
    filled(tmp_path)
    log_of(tmp_path).pack(9, at_least=1)
    archive = open_ledger(tmp_path).archive
    archive.put_if_absent(key_of(9), archive.get(key_of(10)) or b"")
    reader = Log(open_ledger(tmp_path).archive)
    assert [b.seq for b in reader.after(0, GENESIS)] == list(range(1, 11))
    assert open_ledger(tmp_path).check(full=True).events == 10
    log_of(tmp_path).pack(9, at_least=1)
    assert open_ledger(tmp_path).archive.get(key_of(9)) is None


def test_overlapping_packs_of_two_processes_are_one_log(tmp_path: Path) -> None:
    filled(tmp_path)
    archive = open_ledger(tmp_path).archive
    keep = {n: archive.get(key_of(n)) or b"" for n in range(1, 8)}
    log_of(tmp_path).pack(7, at_least=1)
    for n, data in keep.items():
        archive.put_if_absent(key_of(n), data)
    before = (tmp_path / "packs").iterdir()
    first = next(before)
    data = first.read_bytes()
    first.unlink()
    log_of(tmp_path).pack(9, at_least=1)
    first.write_bytes(data)
    assert len(packs_after(open_ledger(tmp_path).archive, 0)) == 2
    assert [p for p, _ in open_ledger(tmp_path).events("5:1")] == [f"{n}:1" for n in range(6, 11)]
    assert open_ledger(tmp_path).check(full=True).events == 10


@pytest.mark.parametrize("damage", ["cut", "flip", "remove", "replace"])
def test_a_damaged_pack_is_named(tmp_path: Path, damage: str) -> None:
    filled(tmp_path)
    log_of(tmp_path).pack(5, at_least=1)
    log_of(tmp_path).pack(9, at_least=1)
    pack, other = sorted((tmp_path / "packs").iterdir())
    data = bytearray(pack.read_bytes())
    if damage == "cut":
        pack.write_bytes(data[:-20])
    elif damage == "flip":
        data[len(data) // 2] ^= 1
        pack.write_bytes(data)
    elif damage == "replace":
        pack.write_bytes(other.read_bytes())
    else:
        pack.unlink()
    with pytest.raises(LedgerError) as e:
        list(open_ledger(tmp_path).events())
    assert "backup" in e.value.fix
    assert str(tmp_path) in str(e.value)
    with pytest.raises(LedgerError):
        open_ledger(tmp_path).check(full=True)


def test_a_ledger_is_opened_without_reading_its_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path)
    log_of(tmp_path).pack(10, at_least=1)
    expected = log_of(tmp_path).read(10).chain
    asked: list[tuple[str, int | None]] = []
    get = FolderArchive.get

    def counted(self: FolderArchive, key: str, size: int | None = None) -> bytes | None:
        asked.append((key, size))
        return get(self, key, size)

    monkeypatch.setattr(FolderArchive, "get", counted)
    ledger = open_ledger(tmp_path)
    assert ledger.watermark() == f"10:{expected}"
    assert [size for key, size in asked if key.startswith("packs/")] == [8 + LONGEST_HEAD]
    assert ledger.append([histories.simple(10)]).watermark.startswith("11:")


def test_a_pack_without_a_head_as_earlier_versions_wrote_it_is_read(tmp_path: Path) -> None:
    before = told(filled(tmp_path))
    log_of(tmp_path).pack(10, at_least=1)
    (pack,) = (tmp_path / "packs").iterdir()
    data = pack.read_bytes()
    pack.write_bytes(data[8 + int.from_bytes(data[4:8], "little") :])
    assert told(open_ledger(tmp_path)) == before
    assert open_ledger(tmp_path).check(full=True).events == 10


def test_a_pack_with_the_head_of_another_batch_is_damaged(tmp_path: Path) -> None:
    filled(tmp_path)
    archive = open_ledger(tmp_path).archive
    log_of(tmp_path).pack(10, at_least=1)
    (pack,) = (tmp_path / "packs").iterdir()
    data = pack.read_bytes()
    size = 8 + int.from_bytes(data[4:8], "little")
    other = log_of(tmp_path).read(9).head
    pack.write_bytes(data[:4] + len(other).to_bytes(4, "little") + other + data[size:])
    with pytest.raises(LedgerError, match="batch is damaged: its header was changed"):
        open_ledger(tmp_path).watermark()
    assert [f for f in verify(archive).findings if "header of another batch" in f.what]


def test_a_stray_file_among_the_packs_is_named(tmp_path: Path) -> None:
    filled(tmp_path)
    log_of(tmp_path).pack(5, at_least=1)
    (tmp_path / "packs" / "notes.txt").write_text("?")
    with pytest.raises(LedgerError, match=r"notes\.txt: not a pack"):
        open_ledger(tmp_path).watermark()
