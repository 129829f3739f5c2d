"""Damage the ledger in every way a disk or a person can: each must be an error that names the file."""

import json
from collections.abc import Callable
from pathlib import Path

import histories
import pytest
from records import Record

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.verify import verify

TARGET = Production((Version("d", "s"),), inputs=(Input(Version("default", "table5", None, histories.run_uuid(5))),))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Five batches: three under the index, two in the tail."""
    ledger = open_ledger(tmp_path)
    for n in range(5):
        ledger.append([histories.simple(2 * n), histories.simple(2 * n + 1)])
        if n == 2:
            ledger.compact()
    return tmp_path


def batch(place: Path, seq: int) -> Record:
    return Record(place, seq)


def flip(path: Path | Record) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    path.write_bytes(data)


def cut(path: Path | Record) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def remove(path: Path | Record) -> None:
    path.unlink()


def replace_by_another(path: Record) -> None:
    other = Record(path.place, 1 if Record(path.place, 1).key != path.key else 2)
    path.write_bytes(other.read_bytes())


def drop_an_event(path: Record) -> None:
    path.write_bytes(b"\n".join(path.read_bytes().split(b"\n")[:-2]) + b"\n")


def add_an_event(path: Record) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines, lines[-1]]))


def rewrite_the_header(path: Record) -> None:
    head, rest = path.read_bytes().split(b"\n", 1)
    header = json.loads(head)
    header["prev"] = "sha256:" + "1" * 64
    path.write_bytes(json.dumps(header).encode() + b"\n" + rest)


DAMAGE = [flip, cut, replace_by_another, drop_an_event, add_an_event, rewrite_the_header]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("seq", [4, 5])
def test_a_damaged_batch_of_the_tail_stops_every_answer(
    place: Path, seq: int, damage: Callable[[Record], None]
) -> None:
    damage(batch(place, seq))
    for ask in (lambda x: x.closure(TARGET), lambda x: x.append([histories.simple(50)]), lambda x: x.watermark()):
        with pytest.raises(LedgerError, match=f"{seq:012d}.jsonl") as e:
            ask(open_ledger(place))
        assert "backup" in e.value.fix


@pytest.mark.parametrize("damage", [*DAMAGE, remove])
@pytest.mark.parametrize("seq", [1, 2, 3, 4])
def test_a_full_check_finds_a_damaged_batch_anywhere(place: Path, seq: int, damage: Callable[[Record], None]) -> None:
    damage(batch(place, seq))
    with pytest.raises(LedgerError, match=f"{seq:012d}.jsonl"):
        open_ledger(place).check(full=True)


@pytest.mark.parametrize("how", ["cut", "zeros", "emptied", "garbage", "gone"])
def test_a_log_that_lost_what_was_acknowledged_stops_every_answer(place: Path, how: str) -> None:
    (segment,) = (place / "log").iterdir()
    whole = segment.read_bytes()
    if how == "gone":
        segment.unlink()
    else:
        left = {"cut": whole[:-20], "zeros": whole[:-60] + bytes(60), "emptied": b"", "garbage": b"\0garbage"}
        segment.write_bytes(left[how])
    for ask in (lambda x: x.closure(TARGET), lambda x: x.append([histories.simple(50)]), lambda x: x.watermark()):
        with pytest.raises(LedgerError, match=r"before records that were acknowledged|batch is missing") as e:
            ask(open_ledger(place))
        assert "backup" in e.value.fix
    if how != "gone":
        assert segment.read_bytes() == left[how], "nothing was cut off"


def test_a_mark_that_cannot_be_read_stops_every_answer(place: Path) -> None:
    mark = place / ".tmp" / "log.lock"
    mark.write_bytes(mark.read_bytes()[:-20])
    with pytest.raises(LedgerError, match="the log is damaged"):
        open_ledger(place).closure(TARGET)


def test_a_power_cut_may_forget_how_far_the_log_went(place: Path) -> None:
    before = open_ledger(place).watermark()
    for left in (b"", bytes(35)):
        (place / ".tmp" / "log.lock").write_bytes(left)
        assert open_ledger(place).watermark() == before
    (place / ".tmp" / "log.lock").unlink()
    assert open_ledger(place).watermark() == before


def test_a_record_not_whole_at_the_end_is_one_whose_writer_died(place: Path) -> None:
    """It was never acknowledged, so nobody said that the log goes so far."""
    (segment,) = (place / "log").iterdir()
    whole = segment.read_bytes()
    last = whole.rindex(b"\n+") + 1
    before = None
    (place / ".tmp" / "log.lock").write_bytes(b"")
    for length in (last, last + 1, last + 20, last + 80, len(whole) - 300, len(whole) - 1):
        segment.write_bytes(whole[:length])
        mark = open_ledger(place).watermark()
        assert mark.startswith("4:")
        assert before in (None, mark)
        before = mark
        assert open_ledger(place).append([histories.simple(50)]).watermark.startswith("5:")
        assert open_ledger(place).check(full=True).events == 9
        (place / ".tmp" / "log.lock").write_bytes(b"")


def test_zeros_that_a_power_cut_left_at_the_end_are_no_batch(place: Path) -> None:
    (segment,) = (place / "log").iterdir()
    (place / ".tmp" / "log.lock").write_bytes(b"")
    whole = segment.read_bytes()
    last = whole.rindex(b"\n+") + 1
    for length in (last, last + 70, len(whole) - 100):
        segment.write_bytes(whole[:length] + bytes(len(whole) - length - 1) + b"\n" * (length > last))
        assert open_ledger(place).watermark().startswith("4:")
    assert open_ledger(place).append([histories.simple(50)]).new == 1
    assert open_ledger(place).check(full=True).events == 9


@pytest.mark.parametrize("offset", [0, 1, 30, 37, 40, 52])
def test_damaged_framing_stops_every_answer(place: Path, offset: int) -> None:
    """Whatever byte of a record's own line changes, its length too: nothing after it is passed over."""
    (segment,) = (place / "log").iterdir()
    whole = bytearray(segment.read_bytes())
    at = whole.index(b"\n+log", whole.index(b"\n+log") + 1) + 1  # the third record
    assert whole.index(b"\n", at) > at + offset
    whole[at + offset] ^= 1
    segment.write_bytes(whole)
    for ask in (lambda x: x.closure(TARGET), lambda x: x.append([histories.simple(50)])):
        with pytest.raises(LedgerError, match=r"00000001\.seg") as e:
            ask(open_ledger(place))
        assert "backup" in e.value.fix
    assert segment.read_bytes() == whole, "nothing was cut off"


def test_a_batch_missing_before_the_last_stops_every_answer(place: Path) -> None:
    batch(place, 4).unlink()
    with pytest.raises(LedgerError, match=r"000000000004\.jsonl: batch is missing"):
        open_ledger(place).closure(TARGET)


def test_a_log_shorter_than_its_index_stops_every_answer(place: Path) -> None:
    for seq in (3, 4, 5):
        batch(place, seq).unlink()
    with pytest.raises(LedgerError, match=r"000000000003\.jsonl: batch is missing"):
        open_ledger(place).closure(TARGET)


def test_an_index_of_another_history_is_refused(place: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    other = tmp_path_factory.mktemp("other")
    ledger = open_ledger(other)
    for n in range(5):
        ledger.append([histories.simple(100 + n)])
    (place / "index").rename(other / "index")
    with pytest.raises(LedgerError, match="another history"):
        open_ledger(other).closure(TARGET)


def test_a_stray_file_in_the_log_is_named(place: Path) -> None:
    (place / "log" / "notes.txt").write_text("?")
    with pytest.raises(LedgerError, match=r"notes\.txt: not a batch"):
        open_ledger(place).watermark()


@pytest.mark.parametrize("table", ["edges", "productions", "versions", "keys", "events"])
@pytest.mark.parametrize("damage", [flip, cut, remove])
def test_a_damaged_index_file_is_named_and_can_be_rebuilt(
    place: Path, table: str, damage: Callable[[Path], None]
) -> None:
    whole = open_ledger(place).closure(TARGET)
    (file,) = (place / "index" / "parts").glob(f"*-{table}-*")
    damage(file)
    ledger = open_ledger(place)
    with pytest.raises(LedgerError, match=file.name) as e:
        # A closure reads no identities of events; an append does.
        ledger.append([histories.simple(100)]) if table == "events" else ledger.closure(TARGET)
    assert "index" in e.value.fix
    for old in (place / "index").rglob("*"):
        if old.is_file():
            old.unlink()
    assert open_ledger(place).closure(TARGET) == whole


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 99, "parts": []}', '{"format": 1, "parts": [{}]}'])
def test_a_damaged_manifest_is_named(place: Path, text: str) -> None:
    (manifest,) = (place / "index" / "manifests").iterdir()
    manifest.write_text(text)
    with pytest.raises(LedgerError, match=manifest.name):
        open_ledger(place).closure(TARGET)


def test_a_file_in_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ledger").write_text("?")
    for ask in (lambda x: x.watermark(), lambda x: x.append([histories.simple(1)])):
        with pytest.raises(LedgerError, match="ledger"):
            ask(open_ledger(tmp_path / "ledger"))


@pytest.mark.parametrize("seq", [3, 5])  # the index ends with the one, the other is in the tail
@pytest.mark.parametrize(
    ("number", "whose", "fix"),
    [
        (2, "an earlier", "begin a new ledger in another place"),
        (4, "a newer", "install the lineage-guard that wrote it"),
    ],
)
def test_a_batch_of_another_format_is_not_called_damaged(
    place: Path, seq: int, number: int, whose: str, fix: str
) -> None:
    record = batch(place, seq)
    record.write_bytes(record.read_bytes().replace(b'"format":3', b'"format":%d' % number))
    with pytest.raises(LedgerError, match=f"batch {seq} cannot be read: it has format {number}, of {whose}") as e:
        open_ledger(place).closure(TARGET)
    assert fix in (e.value.fix or "")
    assert "damaged" not in str(e.value)
    found = verify(open_ledger(place).archive).findings
    assert f"batch {seq} cannot be read: it has format {number}" in found[0].what


def test_a_log_of_a_file_for_each_batch_is_an_earlier_versions(tmp_path: Path) -> None:
    former = tmp_path / "log" / "000000000"
    former.mkdir(parents=True)
    (former / "000000000001.jsonl").write_text('{"batch":1,"format":2}\n')
    with pytest.raises(LedgerError, match="as an earlier lineage-guard wrote them") as e:
        open_ledger(tmp_path).closure(TARGET)
    assert "lineage-guard sync" in (e.value.fix or "")
