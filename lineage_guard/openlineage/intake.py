r"""Files of events to events, one by one, with a reason for each that is none.

A file holds one event, a JSON array of events, or one event per line (NDJSON), each also
gzipped. How it is written decides, not how it is named.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

#: Endings of files that an import of a folder looks at.
SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".gz")
_GZIP = b"\x1f\x8b"
#: Above this a gzipped file is not unpacked: what it would become is a file of another kind.
MAX_UNPACKED = 1 << 32


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
        text = unpack(data).removeprefix(b"\xef\xbb\xbf")
    except ValueError as e:
        yield Found(name, data, None, str(e))
        return
    if not text.strip():
        yield Found(name, data, None, "it is empty")
        return
    first, _, rest = text.lstrip().partition(b"\n")
    if rest.strip() and first.lstrip().startswith(b"{") and _is_json(first):
        yield from _lines(text, name)
        return
    try:
        whole: object = json.loads(text)
    except (ValueError, RecursionError) as e:
        if not rest.strip() or not any(_is_json(line) for line in rest.split(b"\n", 64)[:64] if line.strip()):
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


def _lines(text: bytes, name: str) -> Iterator[Found]:
    for n, line in enumerate(text.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError) as e:
            yield Found(f"{name}:{n}", line, None, f"it is not JSON: {e}")
        else:
            yield found(value, f"{name}:{n}")


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
