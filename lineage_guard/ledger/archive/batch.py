r"""The format of a batch: a header line, then one event per line; docs/ledger.md describes it for readers.

The header holds the digest of the list of line digests, not of the bytes of the lines, and a
digest over itself that the next header repeats. So a changed, removed or inserted event
shows, and retention can put the digest of a line in its place (``sha256:<64 hex>``, which no
event begins with) without breaking the chain.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import msgspec

from lineage_guard.domain.errors import EventError

FORMAT = 3
#: The chain digest before the first batch.
GENESIS = "sha256:" + "0" * 64
_PRUNED = b"sha256:"
#: What to do with a ledger that an earlier version wrote.
BEGIN_ANEW = (
    "go on with the lineage-guard that wrote it; or begin a new ledger in another place, where `lineage-guard sync` "
    "collects again what Dagster's event log holds and `lineage-guard import` takes the events of other producers again"
)


class OtherFormat(ValueError):
    """A batch of a format that this version does not read; whether it is whole cannot be told.

    Attributes:
        fix: what to do.
    """

    def __init__(self, found: object) -> None:
        newer = isinstance(found, int) and found > FORMAT
        self.fix = "install the lineage-guard that wrote it, or a newer one" if newer else BEGIN_ANEW
        whose = "a newer" if newer else "an earlier"
        super().__init__(f"it has format {found}, of {whose} lineage-guard; this one reads format {FORMAT}")


def canonical(event: Mapping[str, object]) -> bytes:
    r"""An event as canonical JSON. Equal events give equal bytes.

    Sorted keys, no spaces, UTF-8, and the shortest form of a float that reads back the same (``1e16``).

    Raises:
        EventError: when the event is not JSON.

    Example:
        >>> canonical({"b": 1, "a": "ü"})
        b'{"a":"\xc3\xbc","b":1}'
    """
    try:
        line = _encode(event)
        if b"null" in line:  # msgspec writes so what JSON has no form for: not-a-number and infinity
            _strict(event)
        return line
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as e:
        raise EventError(
            f"event is not JSON: {e}", where=str(event.get("eventTime", "")) or None, fix="send plain JSON values"
        ) from e


def _plain(value: object) -> str:
    # Dagster's MultiPartitionKey is a kind of str, which msgspec does not write by itself.
    if isinstance(value, str):
        return str.__str__(value)
    raise TypeError(f"a {type(value).__name__} is not plain JSON")


_encode = msgspec.json.Encoder(order="sorted", enc_hook=_plain).encode
_strict = json.JSONEncoder(allow_nan=False, default=msgspec.to_builtins).encode


class Batch(msgspec.Struct, frozen=True):
    """One batch as read from the archive and verified.

    Attributes:
        seq: its number, from 1.
        chain: digest over its header and, through it, over every batch before.
        writer: who wrote it, ``host:pid:token``.
        recorded: when the writer says it wrote it.
        head: its header line.
        lines: its events in canonical JSON; empty bytes where retention dropped one.
        digests: SHA-256 of each event, of dropped ones too.
    """

    seq: int
    chain: str
    writer: str
    recorded: datetime
    head: bytes
    lines: tuple[bytes, ...]
    digests: tuple[bytes, ...]

    def encoded(self) -> bytes:
        """The bytes to store."""
        pairs = zip(self.lines, self.digests, strict=True)
        lines = (line or _PRUNED + digest.hex().encode() for line, digest in pairs)
        return b"\n".join((self.head, *lines, b""))

    def without(self, places: Sequence[int]) -> Batch:
        """The same batch, with the events at some places (from 0) dropped."""
        gone = set(places)
        lines = tuple(b"" if n in gone else line for n, line in enumerate(self.lines))
        return Batch(self.seq, self.chain, self.writer, self.recorded, self.head, lines, self.digests)


def made(seq: int, prev: str, lines: Sequence[bytes], digests: Sequence[bytes], writer: str, now: datetime) -> Batch:
    """A new batch.

    Args:
        seq: its number.
        prev: chain digest of the batch before.
        lines: events in canonical JSON.
        digests: SHA-256 of each.
        writer: who writes it.
        now: the writer's clock.
    """
    recorded = now.astimezone(UTC)
    header: dict[str, object] = {
        "batch": seq,
        "body": _body(digests),
        "events": len(lines),
        "format": FORMAT,
        "prev": prev,
        "recorded": recorded.isoformat(),
        "writer": writer,
    }
    chain = _chain(header)
    head = canonical({**header, "chain": chain})
    return Batch(seq, chain, writer, recorded, head, tuple(lines), tuple(digests))


def header_of(head: bytes, seq: int) -> tuple[dict[str, object], str]:
    """A header line as a mapping without ``chain``, and the chain digest.

    Raises:
        OtherFormat: when another version wrote it.
        ValueError, KeyError, TypeError, AttributeError: when it is not what was written.
    """
    header: dict[str, object] = json.loads(head)
    chain = str(header.pop("chain"))
    if header["format"] != FORMAT:
        raise OtherFormat(header["format"])
    if _chain(header) != chain or header["batch"] != seq:
        raise ValueError("its header was changed")
    return header, chain


def parse(data: bytes, seq: int, prev: str | None = None) -> Batch:
    """Read and verify one batch.

    Args:
        data: what was stored.
        seq: the number it must have.
        prev: chain digest of the batch before, when it is known.

    Raises:
        OtherFormat: when another version wrote it.
        ValueError, KeyError, TypeError, AttributeError: when it is not what was written.
    """
    head, _, body = data.partition(b"\n")
    header, chain = header_of(head, seq)
    if prev is not None and header["prev"] != prev:
        raise ValueError(f"it does not follow batch {seq - 1}: one of the two was replaced")
    *stored, rest = body.split(b"\n")
    if rest or len(stored) != header["events"]:
        raise ValueError(
            f"it holds {len(stored)} whole events, its header says {header['events']}: it was cut or added to"
        )
    lines, digests = _lines(stored)
    if _body(digests) != header["body"]:
        raise ValueError("its events were changed")
    recorded = datetime.fromisoformat(str(header["recorded"]))
    return Batch(seq, chain, str(header["writer"]), recorded, head, lines, digests)


def split(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The batches that stand one after another in some bytes: the number each claims, and its bytes.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: when they cannot be told apart.
    """
    start = 0
    while start < len(data):
        end = data.index(b"\n", start) + 1
        header: dict[str, int] = json.loads(data[start:end])
        for _ in range(header["events"]):
            end = data.index(b"\n", end) + 1
        yield header["batch"], data[start:end]
        start = end


def _lines(stored: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    lines: list[bytes] = []
    digests: list[bytes] = []
    for line in stored:
        if line.startswith(_PRUNED):
            lines.append(b"")
            digests.append(bytes.fromhex(line[len(_PRUNED) :].decode()))
        else:
            lines.append(line)
            digests.append(sha256(line).digest())
    return tuple(lines), tuple(digests)


def _body(digests: Sequence[bytes]) -> str:
    return "sha256:" + sha256(b"".join(digests)).hexdigest()


def _chain(header: Mapping[str, object]) -> str:
    return "sha256:" + sha256(canonical(header)).hexdigest()
