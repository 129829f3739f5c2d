"""What the processes of the durability tests do; imported by children, so it starts quickly."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

import histories

from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import Input, Production, Version
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.archive.log import Log


def append_all(place: str, numbers: list[int], batch: int) -> None:
    """Append events in batches; each batch through a handle of its own, as a Dagster step would."""
    for start in range(0, len(numbers), batch):
        open_ledger(place).append([histories.simple(n) for n in numbers[start : start + batch]])


def compact_until(place: str, events: int) -> None:
    """Compact again and again until the ledger holds that many events."""
    while True:
        ledger = open_ledger(place)
        ledger.compact()
        if ledger.check().events >= events:
            return


def read_until(place: str, events: int, out: str) -> None:
    """Read with one handle and with new ones until all is there; each state must be whole and not older."""
    warm = open_ledger(place)
    target = Production((Version("d", "student"),), inputs=(Input(version_of(0)),))
    last = 0
    while True:
        for ledger in (warm, open_ledger(place)):
            seq = int(ledger.closure(target).watermark.split(":")[0])
            if seq < last:
                Path(out).write_text(f"state {seq} was answered after state {last}")
                return
            last = seq
        found = warm.check()
        if found.events >= events:
            Path(out).write_text("ok")
            return


def append_forever(place: str, first: int, acknowledged: Connection) -> None:
    """Append one event after another, writing each number to a pipe once it is acknowledged."""
    n = first
    while True:
        open_ledger(place).append([histories.simple(n)])
        acknowledged.send(n)
        n += 1


def compact_forever(place: str) -> None:
    while True:
        ledger = open_ledger(place)
        if ledger.compact():
            Log(ledger.archive).pack(int(ledger.watermark().split(":")[0]), at_least=4)


def die_at(call: int, place: str, numbers: list[int], out: Connection) -> None:
    """Append, compact and pack, killed before the ``call``-th operation that changes the disk.

    Says ``appended`` once the append is acknowledged, ``compacted`` when there was no such operation.
    """
    ledger = open_ledger(place)
    ledger.watermark()
    _killed_before(call)
    ledger.append([histories.simple(n) for n in numbers])
    out.send("appended")
    ledger.compact()
    Log(ledger.archive).pack(2, at_least=1)
    out.send("compacted")


def die_pruning(call: int, place: str, before: datetime, out: Connection) -> None:
    """Prune, killed before the ``call``-th operation that changes the disk."""
    ledger = open_ledger(place)
    ledger.watermark()
    _killed_before(call)
    ledger.prune(before, dry_run=False)
    out.send("pruned")


def _killed_before(call: int) -> None:
    left = call

    def counted(function: Callable[..., object]) -> Callable[..., object]:
        def wrapper(*args: object, **kwargs: object) -> object:
            nonlocal left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*args, **kwargs)

        return wrapper

    for name in ("link", "unlink", "replace", "fsync", "fdatasync", "pwrite", "pwritev", "ftruncate", "mkdir"):
        setattr(os, name, counted(getattr(os, name)))


def append_on_a_full_disk(place: str, out: str) -> None:
    """Append more bytes than a file may have here; the system refuses, as it does on a full disk."""
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
    try:
        open_ledger(place).append([histories.simple(n) for n in range(100)])
        Path(out).write_text("acknowledged")
    except LedgerError as e:
        Path(out).write_text(str(e))


def version_of(n: int) -> Version:
    return Version("default", f"table{n}", None, histories.run_uuid(n))
