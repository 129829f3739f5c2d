"""A training step whose ledger is on a full or a read-only disk does not train. Needs root to mount one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from guarding import PERMITTED, Lane, made_by, student_of


@pytest.fixture
def disk(lane: Lane) -> Iterator[Path]:
    if os.geteuid():
        pytest.skip("only root can mount a disk")
    place = lane.ledger_folder
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine does not let tests mount: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_it_trains_while_the_disk_has_room(lane: Lane, disk: Path) -> None:
    synthetic = made_by(PERMITTED)
    assert lane.run([synthetic, student_of(lane, synthetic)]).success
    assert lane.trained == ["student"]


def test_a_full_disk_stops_training(lane: Lane, disk: Path) -> None:
    with suppress(OSError), open(disk / "filler", "wb", buffering=0) as f:
        while True:
            f.write(b"x" * 4096)
    assert os.statvfs(disk).f_bavail == 0
    synthetic = made_by(PERMITTED)
    result = lane.run([synthetic, student_of(lane, synthetic)])
    assert not result.success
    assert lane.trained == []


def test_a_read_only_disk_stops_training(lane: Lane, disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    synthetic = made_by(PERMITTED)
    result = lane.run([synthetic, student_of(lane, synthetic)])
    assert not result.success
    assert lane.trained == []
