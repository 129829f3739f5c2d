"""The log of a folder: records appended to shared segment files, one sync each.

A file of its own for each batch takes two syncs, of the file and of its folder, and a sync is
nearly all that a write costs. So writers append to ``log/<n>.seg``, one at a time under a lock
of the operating system, which dies with its process. A record is a line and its bytes::

    +<key> <length> <crc32 of the bytes> <crc32 of the line so far>     then the bytes and a line feed
    -<key> 0 00000000 <crc32 of the line so far>                        the key is gone

A record whose writer died is cut short at the end of the last segment, or, after a power cut,
holds zeros that do not match its checksum: readers pass over it, and the next writer cuts it off.
It was never acknowledged, as its sync had not returned: the file that writers lock says how far
acknowledged records go, and a log that ends before is damaged. Any other damage is left to the
digests inside the records, which name the batch. docs/ledger.md describes the format.
"""

from __future__ import annotations

import fcntl
import os
import re
import sys
import threading
from bisect import bisect_right, insort
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from zlib import crc32

import msgspec

from lineage_guard.domain.errors import LedgerError
from lineage_guard.ledger.archive.batch import BEGIN_ANEW
from lineage_guard.ledger.archive.disk import read_at, sync_folder, write_at
from lineage_guard.ledger.archive.framing import HEAD, LONGEST_HEAD, head_of, mark_of, read_mark

#: The next record opens a new segment when the last one is so long.
SEGMENT_BYTES = 1 << 20
_NAME = re.compile(r"(\d{8})\.seg")
#: Before segments, a folder held the files of a thousand batches.
_FORMER = re.compile(r"\d{9}")
_RESTORE = "restore the file from a backup of the archive"


class _Segment(msgspec.Struct, eq=False):
    """One open file and what is known of it: whole records up to ``end``."""

    number: int
    path: str
    fd: int
    end: int = 0
    keys: set[str] = msgspec.field(default_factory=set[str])


class Segments:
    """The keys below ``log/`` of one folder, for any number of processes.

    Args:
        folder: the folder of the segments; made at the first write.
        lock: the file that writers lock.
    """

    def __init__(self, folder: Path, lock: Path) -> None:
        self._folder = str(folder)
        self._lock = str(lock)
        self._thread = threading.RLock()
        self._alone = False
        self._lock_fd = -1
        self._segments: list[_Segment] = []
        self._at: dict[str, tuple[_Segment, int, int]] = {}
        self._sorted: list[str] = []

    #: Kept here: at the end of the interpreter the module may have lost ``sys``.
    _finalizing = staticmethod(sys.is_finalizing)

    def __del__(self) -> None:
        # At the end of the interpreter modules are gone, and the system closes the files.
        if not self._finalizing():
            self._forget()

    @property
    def opened(self) -> bool:
        """Whether segments are open: the folder is one."""
        return bool(self._segments)

    def get(self, key: str, size: int | None = None) -> bytes | None:
        """The bytes of a key, or the first few, or ``None``."""
        with self._thread:
            self._refresh()
            found = self._at.get(key)
            if found is None:
                return None
            segment, start, length = found
            return read_at(segment.fd, start, length if size is None else min(size, length))

    def keys(self, prefix: str, after: str) -> list[str]:
        """Sorted keys under a prefix, after a key."""
        with self._thread:
            self._refresh()
            start = bisect_right(self._sorted, max(after, prefix))
            return [k for k in self._sorted[start:] if k.startswith(prefix)]

    def where(self, key: str) -> str:
        """The segment and the key in it, for people."""
        with self._thread:
            found = self._at.get(key)
            return f"{found[0].path}:{key}" if found else f"{self._folder.removesuffix('log')}{key}"

    def put(self, key: str, data: bytes, *, old: bytes | None = None, replace: bool = False) -> bool:
        """Append a record: durable when it returns.

        Args:
            key: without white space.
            data: its bytes.
            old: what the key must hold for ``replace``.
            replace: whether the key may be there.

        Returns:
            ``False``, and nothing is written, when the key is there (or, replacing, does not hold ``old``).
        """
        head = head_of(b"+", key, data)
        with self._thread, self._locked():
            self._refresh()
            if (self.get(key) != old) if replace else (key in self._at):
                return False
            segment, at = self._append(head, data, b"\n")
            self._known(key, segment, at + len(head), len(data))
            return True

    def overwrite(self, key: str, data: bytes) -> None:
        """Append a record in place of whatever the key holds."""
        with self._thread:
            while not self.put(key, data, old=self.get(key), replace=True):
                pass

    def delete(self, key: str) -> None:
        """Take note that a key is gone; the oldest segments are deleted as soon as they hold none."""
        with self._thread:
            self._refresh()
            if key not in self._at:
                return
            with self._locked():
                self._refresh()
                found = self._at.get(key)
                if found is None:
                    return
                with suppress(OSError):  # a full disk must not keep from making room on it
                    self._append(head_of(b"-", key, b""), durable=False)
                self._gone(key)
                # In order: what a later one says is gone may stand in an earlier one.
                while self._segments and not self._segments[0].keys:
                    if len(self._segments) == 1:  # numbers begin again: nothing is said to be there any more
                        os.ftruncate(self._lock_fd, 0)
                        os.fsync(self._lock_fd)
                    os.unlink(self._segments[0].path)
                    os.close(self._segments.pop(0).fd)

    # -- writing -------------------------------------------------------------------------------

    def _append(self, *record: bytes, durable: bool = True) -> tuple[_Segment, int]:
        """Write at the end of the last segment, under the lock; the segment and where the record begins."""
        last = self._segments[-1] if self._segments else None
        new = last is None or last.end >= SEGMENT_BYTES
        if last is not None and new:
            self._closed(last)
        number = 1 if last is None else last.number + new
        fd = os.open(self._path(number), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            if new:
                # It may be there, empty: its writer was killed, or the disk was full.
                self._open_next(number)
            segment = self._segments[-1]
            if os.fstat(fd).st_size > segment.end:
                os.ftruncate(fd, segment.end)  # what a writer that was killed left half-done
            try:
                write_at(fd, segment.end, *record)
                if durable:
                    os.fdatasync(fd)
                    if new:
                        sync_folder(self._folder)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(fd, segment.end)
                raise
        finally:
            os.close(fd)
        at = segment.end
        segment.end += sum(map(len, record))
        if durable:
            self._mark(segment)
        return segment, at

    def _mark(self, segment: _Segment) -> None:
        """Say how far acknowledged records go. Not synced: after a power cut it may say less, never more."""
        mark = mark_of(segment.number, segment.end)
        with suppress(OSError):
            if os.pwrite(self._lock_fd, mark, 0) != len(mark):
                os.ftruncate(self._lock_fd, 0)

    def _closed(self, segment: _Segment) -> None:
        """Nothing will be appended to it: what a writer that was killed left in it is cut off, or synced."""
        fd = os.open(segment.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.ftruncate(fd, segment.end)
            os.fsync(fd)
        finally:
            os.close(fd)

    def _path(self, number: int) -> str:
        return f"{self._folder}/{number:08d}.seg"

    @contextmanager
    def _locked(self, how: int = fcntl.LOCK_EX) -> Generator[None]:
        # Opened anew each time: that is also when a network file system looks for what is new.
        fd = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(fd, how)
            self._alone, self._lock_fd = True, fd
            yield
        finally:
            self._alone, self._lock_fd = False, -1
            os.close(fd)  # and with it the lock goes

    # -- reading -------------------------------------------------------------------------------

    def _refresh(self) -> None:
        """Take up every record that is whole, and make sure that none that was acknowledged is missing."""
        if self._is_all_there():
            return
        if not self._alone:  # without the lock, half of what a writer is at may have been read
            with suppress(OSError), self._locked(fcntl.LOCK_SH):
                if self._is_all_there():
                    return
        last = self._segments[-1] if self._segments else None
        raise LedgerError(
            "the log is damaged: it ends before records that were acknowledged",
            where=f"{last.path}:{last.end}" if last else self._folder,
            fix=f"{_RESTORE}; or, to go on without what is lost, delete {self._lock} while nothing runs",
        )

    def _is_all_there(self) -> bool:
        marked = self._marked()
        self._take_up_all()
        return marked is not None and marked <= self._end()

    def _end(self) -> tuple[int, int]:
        return (self._segments[-1].number, self._segments[-1].end) if self._segments else (0, 0)

    def _marked(self) -> tuple[int, int] | None:
        """The last segment and its length as a writer left them; ``None`` when that cannot be read."""
        if self._alone:
            return read_mark(os.pread(self._lock_fd, LONGEST_HEAD, 0))
        try:
            fd = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return 0, 0
        try:
            return read_mark(os.pread(fd, LONGEST_HEAD, 0))
        finally:
            os.close(fd)

    def _take_up_all(self) -> None:
        if not self._is_current():
            self._open_all()
            return
        self._read_on(self._segments[-1])
        while self._open_next(self._segments[-1].number + 1):
            self._read_to_its_end(self._segments[-2])
            self._read_on(self._segments[-1])

    def _is_current(self) -> bool:
        # Segments are deleted in their order, and records are added and cut off at the end.
        for segment in self._segments[:1] + self._segments[-1:]:
            stat = os.fstat(segment.fd)
            if stat.st_nlink == 0 or stat.st_size < segment.end:
                return False
        return bool(self._segments)

    def _open_all(self) -> None:
        self._forget()
        numbers: list[int] = []
        with suppress(FileNotFoundError):
            for name in os.listdir(self._folder):
                match = _NAME.fullmatch(name)
                if match is None and _FORMER.fullmatch(name):
                    what = "the log has a file for each batch, as an earlier lineage-guard wrote them"
                    raise LedgerError(what, where=f"{self._folder}/{name}", fix=BEGIN_ANEW)
                if match is None:
                    raise LedgerError(
                        "not a batch of this ledger", where=f"{self._folder}/{name}", fix="move the file elsewhere"
                    )
                numbers.append(int(match[1]))
        for number in sorted(numbers):
            if self._open_next(number) and len(self._segments) > 1:
                self._read_to_its_end(self._segments[-2])
        if self._segments:
            self._read_on(self._segments[-1])

    def _read_to_its_end(self, segment: _Segment) -> None:
        """Read a segment that others follow: nothing is half-done there."""
        self._read_on(segment)
        if os.fstat(segment.fd).st_size != segment.end:
            raise self._damaged(segment, "a record is cut short here, and others follow")

    def _open_next(self, number: int) -> bool:
        path = self._path(number)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        self._segments.append(_Segment(number, path, fd))
        return True

    def _read_on(self, segment: _Segment) -> None:
        size = os.fstat(segment.fd).st_size
        if size <= segment.end:
            return
        data = read_at(segment.fd, segment.end, size - segment.end)
        if not self._take_up(segment, data, settled=self._alone):
            # A writer may be at it, or has cut off a dead one's record since: nobody is while we hold the lock.
            with suppress(OSError), self._locked(fcntl.LOCK_SH):
                size = os.fstat(segment.fd).st_size
                data = read_at(segment.fd, segment.end, max(size - segment.end, 0))
            self._take_up(segment, data, settled=True)

    def _take_up(self, segment: _Segment, data: bytes, *, settled: bool = False) -> bool:
        """Take up the whole records in what follows ``segment.end``.

        Args:
            segment: where it was read.
            data: what was read.
            settled: whether nobody was writing.

        Returns:
            Whether all was taken up, or ends in a record that is only not whole yet.
        """
        at = 0
        while at < len(data):
            match = HEAD.match(data, at)
            if match is None or crc32(match[1]) != int(match[6], 16):
                rest = data[at : at + LONGEST_HEAD]
                if b"\n" not in rest and len(rest) < LONGEST_HEAD:
                    return True  # the line is not whole
                if not data[at:].strip(b"\0"):
                    return True  # a power cut left zeros
                if not settled:
                    return False
                raise self._damaged(segment, "no record begins at this byte")
            key = match[3].decode()
            if match[2] == b"-":
                self._gone(key)
                at = self._past(segment, match.end() - at, at)
                continue
            length = int(match[4])
            start, stop = match.end(), match.end() + length
            if stop >= len(data):
                return True  # its bytes are not whole
            body = data[start:stop]
            if crc32(body) != int(match[5], 16):
                if not settled:
                    return False
                if stop + 1 == len(data) and b"\0" in body:
                    return True  # the last record, and a power cut left zeros in it
            self._known(key, segment, segment.end + start - at, length)
            at = self._past(segment, stop + 1 - at, at)
        return True

    def _damaged(self, segment: _Segment, what: str) -> LedgerError:
        where = f"{segment.path}:{segment.end}"
        return LedgerError(f"the log is damaged: {what}", where=where, fix=_RESTORE)

    def _past(self, segment: _Segment, length: int, at: int) -> int:
        segment.end += length
        return at + length

    def _known(self, key: str, segment: _Segment, start: int, length: int) -> None:
        before = self._at.get(key)
        if before is None:
            if not self._sorted or key > self._sorted[-1]:
                self._sorted.append(key)
            else:
                insort(self._sorted, key)
        else:
            before[0].keys.discard(key)
        segment.keys.add(key)
        self._at[key] = (segment, start, length)

    def _gone(self, key: str) -> None:
        found = self._at.pop(key, None)
        if found is not None:
            found[0].keys.discard(key)
            self._sorted.pop(bisect_right(self._sorted, key) - 1)

    def _forget(self) -> None:
        for segment in self._segments:
            os.close(segment.fd)
        self._segments = []
        self._at = {}
        self._sorted = []
