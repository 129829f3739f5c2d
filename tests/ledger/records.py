"""The batches of a folder's log as if each were a file: what a person with an editor could do to them.

Reads and writes segments by docs/ledger.md, without the code under test. Writing makes the framing
right again (length, checksum, and how far the log goes), as somebody would who knows the format.
"""

from __future__ import annotations

import re
from pathlib import Path
from zlib import crc32

_HEAD = re.compile(rb"([+-])(\S+) (\d+) [0-9a-f]{8} [0-9a-f]{8}\n")


class Record:
    """One batch in the log of a ledger."""

    def __init__(self, place: Path, seq: int) -> None:
        self.place = place
        self.key = f"log/{seq // 1000:09d}/{seq:012d}.jsonl"

    def read_bytes(self) -> bytes:
        return next(records[self.key] for records in _segments(self.place).values() if self.key in records)

    def write_bytes(self, data: bytes) -> None:
        segments = _segments(self.place)
        path = next((p for p, records in segments.items() if self.key in records), max(segments))
        _write(path, {**segments[path], self.key: data})

    def unlink(self) -> None:
        for path, records in _segments(self.place).items():
            if records.pop(self.key, None) is not None:
                _write(path, records)


def _segments(place: Path) -> dict[Path, dict[str, bytes]]:
    found: dict[Path, dict[str, bytes]] = {}
    for path in sorted((place / "log").iterdir()):
        data, at = path.read_bytes(), 0
        records = found[path] = {}
        while at < len(data):
            head = _HEAD.match(data, at)
            assert head is not None, f"{path} is not framed at byte {at}"
            if head[1] == b"-":
                for known in found.values():
                    known.pop(head[2].decode(), None)
                at = head.end()
                continue
            end = head.end() + int(head[3])
            records[head[2].decode()] = data[head.end() : end]
            assert data[end : end + 1] == b"\n"
            at = end + 1
    return found


def _write(path: Path, records: dict[str, bytes]) -> None:
    (path.parent.parent / ".tmp" / "log.lock").write_bytes(b"")
    path.write_bytes(b"".join(_framed(b"+%s %d %08x" % (k.encode(), len(d), crc32(d)), d) for k, d in records.items()))


def _framed(head: bytes, data: bytes) -> bytes:
    return b"%s %08x\n%s\n" % (head, crc32(head), data)
