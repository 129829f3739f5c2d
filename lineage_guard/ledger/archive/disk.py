"""Whole reads and writes at a place in a file, and the sync that keeps a new name in its folder."""

from __future__ import annotations

import os
from pathlib import Path


def read_at(fd: int, start: int, length: int) -> bytes:
    """Bytes of a file; fewer only where it ends."""
    parts: list[bytes] = []
    while length and (part := os.pread(fd, length, start)):
        parts.append(part)
        start += len(part)
        length -= len(part)
    return b"".join(parts)


def write_at(fd: int, start: int, *parts: bytes) -> None:
    """Write all of some bytes, one after another, without making one copy of them.

    Raises:
        OSError: when the disk cannot; part of it may be written then.
    """
    written = os.pwritev(fd, parts, start)
    if written == sum(map(len, parts)):
        return
    start += written
    view = memoryview(b"".join(parts))[written:]
    while view:
        written = os.pwrite(fd, view, start)
        start += written
        view = view[written:]


def sync_folder(folder: str | Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
