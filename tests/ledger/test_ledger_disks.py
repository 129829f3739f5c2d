"""Disks that are full or read-only, mounted for the test: an error, and nothing half-written. Needs root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import histories
import pytest

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.verify import verify


def mount(*arguments: str) -> None:
    done = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine does not let tests mount: {done.stderr.strip()}")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid():
        pytest.skip("only root can mount a disk")
    place = tmp_path / "disk"
    place.mkdir()
    mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place))
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_loses_nothing_that_was_acknowledged(disk: Path) -> None:
    ledger = open_ledger(disk / "ledger")
    acknowledged = 0
    refused: LedgerError | None = None
    while refused is None:
        try:
            ledger.append([histories.simple(n) for n in range(acknowledged, acknowledged + 5)])
            acknowledged += 5
        except LedgerError as e:
            refused = e
    assert "No space left" in str(refused)
    assert "free some disk space" in refused.fix
    with pytest.raises(LedgerError, match="No space left"):
        ledger.append([histories.simple(n) for n in range(500, 600)])
    assert 0 < acknowledged < 1000
    again = open_ledger(disk / "ledger")
    assert again.check(full=True).events == acknowledged
    assert verify(again.archive).findings == ()


def test_a_disk_that_fills_up_while_compacting_leaves_the_answers(disk: Path) -> None:
    ledger = open_ledger(disk / "ledger")
    for n in range(20):
        ledger.append([histories.simple(n)])
    with open(disk / "filler", "wb", buffering=0) as f:
        try:
            while True:
                f.write(b"x" * 4096)
        except OSError:
            pass
    with pytest.raises(LedgerError, match="No space left"):
        ledger.compact()
    assert open_ledger(disk / "ledger").check(full=True).events == 20
    (disk / "filler").unlink()
    assert open_ledger(disk / "ledger").compact()
    assert open_ledger(disk / "ledger").check(full=True).tail == 0


def test_a_read_only_disk_answers_and_refuses_to_write(disk: Path) -> None:
    ledger = open_ledger(disk / "ledger")
    ledger.append([histories.simple(n) for n in range(3)])
    mount("-o", "remount,ro", str(disk))
    fresh = open_ledger(disk / "ledger")
    assert fresh.check(full=True).events == 3
    for write in (
        lambda: fresh.append([histories.simple(3)]),
        fresh.compact,
        lambda: fresh.store("x", {}),
        lambda: fresh.swap("x", None, {}),
    ):
        with pytest.raises(LedgerError, match="Read-only") as e:
            write()
        assert "read-write" in e.value.fix
    assert open_ledger(disk / "ledger").watermark() == fresh.watermark()
