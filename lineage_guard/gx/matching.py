"""Phrases in texts: where an engine looks, and what decides. Every engine gives the same hits."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from typing import Any, NamedTuple

from lineage_guard.domain.errors import SuiteError
from lineage_guard.gx.phrases.catalog import Phrase
from lineage_guard.gx.phrases.mentions import quoted
from lineage_guard.gx.phrases.wording import alternation

#: Hyperscan reads at most 4 GiB at once.
MOST_BYTES = 1 << 30

# The scratch memory of a compiled database serves one scan at a time.
_SCANNING = threading.Lock()


class Hit(NamedTuple):
    """A phrase in one text.

    Attributes:
        phrase: which.
        quoted: whether it stands in quotation marks, code or a quoted block wherever it stands.
    """

    phrase: Phrase
    quoted: bool


@dataclass(frozen=True)
class Named:
    """Rows in which a model names itself by one phrase. Evidence, not proof; never the text.

    Attributes:
        provider: whose models say it.
        phrase: id in the catalog.
        rows: how many say it.
        quoted: how many only quote it: in quotation marks, code or a quoted block. Not in ``rows``.
        keys: values of the key columns of some of ``rows``.
    """

    provider: str
    phrase: str
    rows: int
    quoted: int = 0
    keys: tuple[Mapping[str, object], ...] = ()


def hits(text: str, phrases: Iterable[Phrase]) -> list[Hit]:
    """The phrases in a text, each once. This decides; engines only save it from reading every text.

    Args:
        text: one response.
        phrases: what to look for.

    Example:
        >>> from lineage_guard.gx.phrases import load_phrases
        >>> [h.phrase.id for h in hits("Hi! I'm ChatGPT.", load_phrases().phrases)]
        ['openai-chatgpt']
    """
    found: list[Hit] = []
    for phrase in phrases:
        places = [m.start() for m in phrase.pattern.finditer(text)]
        if places:
            found.append(Hit(phrase, all(quoted(text, at) for at in places)))
    return found


def where(phrases: Iterable[Phrase]) -> str:
    """One regular expression that is found in every text with one of these phrases, case aside.

    RE2, Java and PostgreSQL read it alike.
    """
    return alternation(p.expression for p in phrases)


def hyperscan() -> Any:
    """The module, or ``None`` where the extra ``scan`` is not installed."""
    try:
        return import_module("hyperscan")
    except ImportError:
        return None


class Matcher:
    """Hyperscan over columns of text, where they are in memory.

    Two looks: for rare single words, in all the text; then for the rare parts of phrases, in the texts that
    hold such a word. What is left is decided by ``hits``.

    Args:
        phrases: what to look for.

    Raises:
        SuiteError: when the extra ``scan`` is not installed.
    """

    def __init__(self, phrases: Sequence[Phrase]) -> None:
        module = hyperscan()
        if module is None:
            raise SuiteError(
                "hyperscan is not installed", fix="pip install 'lineage-guard[scan]', or use engine='duckdb'"
            )
        self._phrases = tuple(phrases)
        self._words = _database(module, tuple(dict.fromkeys(a for p in phrases for a in p.anchors)))
        cores: dict[str, list[int]] = {}
        for i, p in enumerate(phrases):
            cores.setdefault(p.expression, []).append(i)
        self._of_core = tuple(cores.values())
        self._cores = _database(module, tuple(cores))

    def column(self, texts: Any) -> Iterator[tuple[int, list[Hit]]]:
        """The rows of a ``pyarrow`` array of text that have hits, with them, in order."""
        if len(texts) > 1 and texts.nbytes > MOST_BYTES:
            half = len(texts) // 2
            yield from self.column(texts.slice(0, half))
            yield from ((row + half, these) for row, these in self.column(texts.slice(half)))
            return
        np: Any = import_module("numpy")
        pc: Any = import_module("pyarrow.compute")
        rows = np.unique([row for row, _ in _scanned(self._words, texts)])
        if not len(rows):
            return
        some = pc.take(texts, rows)
        found: dict[int, set[int]] = {}
        for row, core in _scanned(self._cores, some):
            found.setdefault(row, set()).update(self._of_core[core])
        for i in sorted(found):
            these = hits(some[i].as_py() or "", [self._phrases[p] for p in sorted(found[i])])
            if these:
                yield int(rows[i]), these


def _scanned(database: Any, texts: Any) -> list[tuple[int, int]]:
    """Rows and ids of expressions that may be in them.

    All rows are scanned as one text. A match across two of them ends in the second, and is not
    confirmed there.
    """
    np: Any = import_module("numpy")
    buffer, begins = _joined(texts)
    seen: list[tuple[int, int]] = []

    def note(id: int, _start: int, end: int, _flags: int, _context: object) -> None:
        seen.append((end, id))

    if len(buffer):
        with _SCANNING:
            database.scan(buffer, match_event_handler=note)
    if not seen:
        return []
    found = np.array(seen, dtype=np.int64)
    rows = np.searchsorted(begins, found[:, 0], side="left") - 1
    return list(dict.fromkeys(zip(rows.tolist(), found[:, 1].tolist(), strict=True)))


@lru_cache(maxsize=32)
def _database(module: Any, expressions: tuple[str, ...]) -> Any:
    made = module.Database()
    made.compile(
        expressions=[e.encode() for e in expressions],
        ids=list(range(len(expressions))),
        elements=len(expressions),
        flags=module.HS_FLAG_CASELESS,
    )
    return made


def _joined(texts: Any) -> tuple[Any, Any]:
    """All the text of an array as one buffer, without a copy, and where each row begins in it."""
    np: Any = import_module("numpy")
    pa: Any = import_module("pyarrow")
    wide = pa.types.is_large_string(texts.type)
    _, offsets, data = texts.buffers()
    kind = np.int64 if wide else np.int32
    begins = np.frombuffer(offsets, dtype=kind)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    if data is None:
        return b"", begins - begins[0]
    return memoryview(data)[int(begins[0]) : int(begins[-1])], begins - begins[0]


class Tally:
    """Rows and keys by phrase, and how many rows have a finding.

    Args:
        keep: how many keys to keep of each phrase.
    """

    def __init__(self, keep: int) -> None:
        self.rows = 0
        self._keep = keep
        self._said: dict[str, int] = {}
        self._quoted: dict[str, int] = {}
        self._keys: dict[str, list[Mapping[str, object]]] = {}

    def add(self, keys: Mapping[str, object], found: Iterable[Hit]) -> None:
        """Count one row."""
        says = False
        for phrase, quotes in found:
            counts = self._quoted if quotes else self._said
            counts[phrase.id] = counts.get(phrase.id, 0) + 1
            says = says or not quotes
            kept = self._keys.setdefault(phrase.id, [])
            if keys and not quotes and len(kept) < self._keep:
                kept.append(keys)
        self.rows += says

    def named(self, phrases: Iterable[Phrase]) -> tuple[Named, ...]:
        """By phrase, most rows first."""
        made = [
            Named(p.provider, p.id, self._said.get(p.id, 0), self._quoted.get(p.id, 0), tuple(self._keys[p.id]))
            for p in phrases
            if p.id in self._keys
        ]
        return tuple(sorted(made, key=lambda n: (-n.rows, -n.quoted, n.phrase)))
