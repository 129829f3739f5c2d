"""How records of a segment begin, and how the mark is written that says how far they go (docs/ledger.md)."""

from __future__ import annotations

import re
from zlib import crc32

#: A record's line: what its own checksum is of, sign, key, length, checksum of the bytes, own checksum.
HEAD = re.compile(rb"(([+-])(\S+) (\d+) ([0-9a-f]{8})) ([0-9a-f]{8})\n")
#: A line is far shorter than this many bytes.
LONGEST_HEAD = 1024
_MARK = re.compile(rb"((\d{8}) (\d{16})) ([0-9a-f]{8})\n")


def head_of(sign: bytes, key: str, data: bytes) -> bytes:
    """The line a record begins with.

    Args:
        sign: ``+`` for a key that is stored, ``-`` for one that is gone.
        key: the key, without white space.
        data: its bytes.
    """
    line = b"%s%s %d %08x" % (sign, key.encode(), len(data), crc32(data))
    return b"%s %08x\n" % (line, crc32(line))


def mark_of(number: int, end: int) -> bytes:
    """The mark: 35 bytes, whatever it says.

    Args:
        number: of the last segment.
        end: bytes of it that are acknowledged.
    """
    place = b"%08d %016d" % (number, end)
    return b"%s %08x\n" % (place, crc32(place))


def read_mark(said: bytes) -> tuple[int, int] | None:
    """What ``mark_of`` wrote; ``(0, 0)`` where nothing was written, or a power cut left zeros.

    Returns:
        Segment and length; ``None`` when it is something else.

    Example:
        >>> read_mark(mark_of(3, 4096))
        (3, 4096)
    """
    if not said.strip(b"\0"):
        return 0, 0
    match = _MARK.fullmatch(said)
    return (int(match[2]), int(match[3])) if match and crc32(match[1]) == int(match[4], 16) else None
