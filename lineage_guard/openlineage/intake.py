r"""Files of events to events, one by one, with a reason for each that is none.

A file holds one event, a JSON array of events, or one event per line (NDJSON), each also
gzipped. How it is written decides, not how it is named.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import msgspec

#: Endings of files that an import of a folder looks at.
SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".gz")
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
#: Above this a gzipped file is not unpacked: what it would become is a file of another kind.
MAX_UNPACKED = 1 << 32
#: A file of lines is cut into pieces of about so many bytes.
PIECE = 1 << 21
_read = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Found:
    """One thing found where an event was expected.

    Attributes:
        where: file and place in it, e.g. ``events.ndjson:17``.
        raw: its text; ``None`` when the event says it all.
        event: the event; ``None`` when it is not even a JSON object.
        reason: why not.
    """

    where: str
    raw: bytes | None
    event: Mapping[str, Any] | None
    reason: str | None = None


class Piece(NamedTuple):
    """A file, or some lines of one.

    Attributes:
        name: the file's name, for messages.
        data: bytes.
        first: number of its first line; ``None`` for a whole file, however it is written.
    """

    name: str
    data: bytes
    first: int | None = None


def pieces_of(data: bytes, name: str, size: int = PIECE) -> Iterator[Piece]:
    r"""Cut a file of one event per line between lines; any other file is one piece.

    Example:
        >>> [(p.data, p.first) for p in pieces_of(b'{"a": 1}\n{"b": 2}\n', "f", size=5)]
        [(b'{"a": 1}\n', 1), (b'{"b": 2}\n', 2)]
    """
    if len(data) <= size and not data.startswith(_GZIP):
        yield Piece(name, data)
        return
    try:
        text = unpack(data).removeprefix(_BOM)
    except ValueError:
        yield Piece(name, data)  # its reader says what is wrong with it
        return
    if not _is_lines(text):
        yield Piece(name, data)
        return
    start, line = 0, 1
    while start < len(text):
        end = text.find(b"\n", start + size - 1) + 1 or len(text)
        piece = text[start:end]
        yield Piece(name, piece, line)
        start, line = end, line + piece.count(b"\n")


def events_of(piece: Piece) -> Iterator[Found]:
    """Everything in a piece, in its order."""
    if piece.first is None:
        yield from events_in(piece.data, piece.name)
    else:
        yield from _lines(piece.data, piece.name, piece.first)


def is_event_file(name: str) -> bool:
    """Whether a file's name says that it holds events."""
    return name.lower().endswith(SUFFIXES)


def unpack(data: bytes, limit: int = MAX_UNPACKED) -> bytes:
    """The bytes, gunzipped if they are gzipped.

    Args:
        data: the bytes.
        limit: most bytes to unpack.

    Raises:
        ValueError: when they are gzipped and damaged, or larger than the limit.

    Example:
        >>> import gzip
        >>> unpack(gzip.compress(b"{}"))
        b'{}'
    """
    if not data.startswith(_GZIP):
        return data
    parts: list[bytes] = []
    size = 0
    # Several members may follow each other, as tools that append to a file write them.
    while data:
        opened = zlib.decompressobj(31)
        try:
            parts.append(opened.decompress(data, limit + 1 - size))
        except zlib.error as e:
            raise ValueError(f"its gzip data is damaged: {e}") from e
        size += len(parts[-1])
        if size > limit:
            raise ValueError(f"it unpacks to more than {limit:,} bytes")
        if not opened.eof:
            raise ValueError("its gzip data is cut short")
        data = opened.unused_data.lstrip(b"\0")
    return b"".join(parts)


def events_in(data: bytes, name: str) -> Iterator[Found]:
    r"""Everything in a file, in its order.

    Args:
        data: the file's bytes.
        name: its name, for messages.

    Example:
        >>> [(f.where, f.reason is None) for f in events_in(b'{"a": 1}\n\n{"b"', "f")]
        [('f:1', True), ('f:3', False)]
    """
    try:
        text = unpack(data).removeprefix(_BOM)
    except ValueError as e:
        yield Found(name, data, None, str(e))
        return
    if not text.strip():
        yield Found(name, data, None, "it is empty")
        return
    if _is_lines(text):
        yield from _lines(text, name)
        return
    try:
        whole = parsed(text)
    except (ValueError, RecursionError) as e:
        rest = text.lstrip().partition(b"\n")[2]
        if not any(_is_json(line) for line in rest.split(b"\n", 64)[:64] if line.strip()):
            yield Found(name, text, None, f"it is not JSON: {e}")
        else:
            yield from _lines(text, name)
        return
    if isinstance(whole, list):
        for n, value in enumerate(cast("list[object]", whole)):
            yield found(value, f"{name}[{n}]")
    else:
        yield found(whole, name)


def found(value: object, where: str) -> Found:
    """A parsed JSON value as what was found somewhere."""
    if isinstance(value, dict):
        return Found(where, None, cast("dict[str, Any]", value))
    raw = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return Found(where, raw, None, "it is JSON, but no object")


def parsed(text: bytes) -> object:
    """The JSON value a text is.

    Raises:
        ValueError, RecursionError: when it is none.

    Example:
        >>> parsed(b'[1, 2.5]')
        [1, 2.5]
    """
    try:
        return _read(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return json.loads(text)  # says what is wrong with it, and where


def _lines(text: bytes, name: str, first: int = 1) -> Iterator[Found]:
    for n, line in enumerate(text.split(b"\n"), first):
        if not line or line.isspace():
            continue
        try:
            value = parsed(line)
        except (ValueError, RecursionError) as e:
            yield Found(f"{name}:{n}", line, None, f"it is not JSON: {e}")
        else:
            yield found(value, f"{name}:{n}")


def _is_lines(text: bytes) -> bool:
    """Whether it begins with a line that is an object, and goes on after it."""
    start = len(text) - len(text.lstrip()) if text[:1].isspace() else 0
    end = text.find(b"\n", start)
    if end < 0 or not text.startswith(b"{", start) or not _is_json(text[start:end]):
        return False
    return bool(text[end : end + 4096].strip() or text[end:].strip())


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(parsed(line), dict)
    except (ValueError, RecursionError):
        return False
