"""The text scan: which models name themselves in a column of responses, where nobody declares them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.matching import Hit, Matcher, Named, Tally, hits, hyperscan, where
from lineage_guard.gx.phrases.catalog import Phrase, Phrases, load_phrases
from lineage_guard.gx.suites import NOTHING

if TYPE_CHECKING:
    import duckdb

#: How many row keys are kept of each phrase.
KEYS = 20

#: Rows read at once. Arrow holds at most 2 GiB of text in a batch.
BATCH = 20_000

Engine = Literal["hyperscan", "duckdb"]


@dataclass(frozen=True)
class TextScan:
    """What a scan found.

    Attributes:
        rows: rows read.
        texts: rows with text in them.
        naming: rows in which somebody undeclared names itself.
        named: what was found, most rows first; only what nobody declares.
        engine: which looked.
        phrases: digest of the catalog.
        complete: whether every row was read to the end; a scan that gave up proves nothing.
    """

    rows: int
    texts: int
    naming: int
    named: tuple[Named, ...] = ()
    engine: str = ""
    phrases: str = ""
    complete: bool = True

    @property
    def found(self) -> tuple[Named, ...]:
        """Findings: phrases that some row says and does not only quote."""
        return tuple(n for n in self.named if n.rows)

    @property
    def clean(self) -> bool:
        """Whether there was text, all of it was read, and nobody undeclared names itself in it."""
        return self.complete and bool(self.texts) and not self.found

    def __str__(self) -> str:
        if not self.texts:
            return "there is no text"
        said = [f"{n.provider}: {n.phrase} ({n.rows} rows)" for n in self.found]
        if quoted := sum(n.quoted for n in self.named):
            said.append(f"{quoted} only quoted")
        if not self.complete:
            said.append("too many rows to read them all")
        return "; ".join(said) or "nobody undeclared names itself"


def responses_parameters(declared: Iterable[ModelSource], phrases: Phrases | None = None) -> dict[str, Any]:
    """What a declaration feeds ``ExpectNoUndeclaredSelfIdentification``.

    Args:
        declared: the models an asset declares.
        phrases: the catalog; the shipped one when ``None``.

    Example:
        >>> responses_parameters([ModelSource("openai", "gpt-4o")])["declared_providers"]
        ['any', 'openai']
    """
    catalog = phrases or load_phrases()
    return {"declared_providers": sorted(catalog.declared(declared)) or [NOTHING], "phrases": catalog.digest}


def scan(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    column: str,
    declared: Iterable[str] = (),
    *,
    keys: Sequence[str] = (),
    phrases: Phrases | None = None,
    engine: Engine | None = None,
) -> TextScan:
    """Look for models that name themselves in a column, and are not declared.

    Args:
        connection: an open DuckDB connection.
        relation: FROM item: a table, a view, or a query in brackets.
        column: holds the responses.
        declared: ids of the providers that are, see ``Phrases.declared``.
        keys: columns whose values name a row in the result.
        phrases: the catalog; the shipped one when ``None``.
        engine: ``"hyperscan"`` (extra ``scan``) or ``"duckdb"``, which is slower; the faster one that
            is installed when ``None``. Both find the same.

    Raises:
        CatalogError: when a declared provider is not in the catalog.
        SuiteError: when the engine is not installed.

    Example:
        >>> import duckdb
        >>> texts = "(SELECT 'I am Claude, made by Anthropic.' AS response)"
        >>> str(scan(duckdb.connect(), texts, "response", ["openai"], engine="duckdb"))
        'anthropic: anthropic-claude-maker (1 rows)'
    """
    catalog = phrases or load_phrases()
    wanted = catalog.of_others(declared)
    chosen: Engine = engine or ("hyperscan" if hyperscan() else "duckdb")
    reading = _Reading()
    if chosen == "hyperscan" and wanted:
        found = _by_hyperscan(connection, relation, column, keys, wanted, reading)
    elif chosen in ("hyperscan", "duckdb"):
        found = _by_duckdb(connection, relation, column, keys, wanted, reading)
    else:
        raise SuiteError(f"there is no engine {engine!r}", fix="use 'hyperscan' or 'duckdb'")
    tally = Tally(KEYS)
    for these_keys, these in found:
        tally.add(these_keys, these)
    return TextScan(reading.rows, reading.texts, tally.rows, tally.named(wanted), chosen, catalog.digest)


@dataclass
class _Reading:
    rows: int = 0
    texts: int = 0


def _by_hyperscan(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    column: str,
    keys: Sequence[str],
    phrases: Sequence[Phrase],
    reading: _Reading,
) -> Iterator[tuple[Mapping[str, object], list[Hit]]]:
    pa: Any = import_module("pyarrow")
    matcher = Matcher(phrases)
    for batch in _batches(connection, f"SELECT {_select(column, keys)} FROM {relation}"):
        texts = batch.column(0)
        if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
            texts = texts.cast(pa.large_string())
        reading.rows += len(texts)
        reading.texts += _filled(texts)
        for row, these in matcher.column(texts):
            yield _keys(batch, keys, row), these


def _filled(texts: Any) -> int:
    """How many texts hold another character than a blank."""
    pc: Any = import_module("pyarrow.compute")
    blank = pc.starts_with(texts, " ")
    # Trimming a text copies it; few begin with a blank.
    begin_otherwise = pc.and_(pc.invert(blank), pc.greater(pc.binary_length(texts), 0))
    trimmed = pc.utf8_ltrim(texts.filter(blank), characters=" ")
    return (pc.sum(begin_otherwise).as_py() or 0) + (pc.sum(pc.not_equal(trimmed, "")).as_py() or 0)


def _by_duckdb(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    column: str,
    keys: Sequence[str],
    phrases: Sequence[Phrase],
    reading: _Reading,
) -> Iterator[tuple[Mapping[str, object], list[Hit]]]:
    text = f"CAST({_quote(column)} AS VARCHAR)"
    # Any character but a blank; trim() with a set of characters takes longer than the search.
    count = f"SELECT count(*), count(*) FILTER (regexp_matches({text}, '[^ ]')) FROM {relation}"
    # All of it: a result that is not read to its end keeps the connection busy.
    reading.rows, reading.texts = connection.execute(count).fetchall()[0]
    if not phrases:
        return
    # A constant, so that it is compiled once; `~` means another thing in DuckDB 1.5 and 2.0.
    look = where(phrases).replace("'", "''")
    sql = f"SELECT {_select(column, keys)} FROM {relation} WHERE regexp_matches({text}, '{look}', 'i')"
    for batch in _batches(connection, sql):
        for row, value in enumerate(batch.column(0).to_pylist()):
            if these := hits(value, phrases):
                yield _keys(batch, keys, row), these


def _batches(connection: duckdb.DuckDBPyConnection, sql: str) -> Iterator[Any]:
    relation: Any = connection.sql(sql)
    # The name changed between DuckDB 1.4 and 2.0.
    read = relation.to_arrow_reader if hasattr(relation, "to_arrow_reader") else relation.fetch_arrow_reader
    yield from read(BATCH)


def _keys(batch: Any, keys: Sequence[str], row: int) -> dict[str, object]:
    return {k: batch.column(i + 1)[row].as_py() for i, k in enumerate(keys)}


def _select(column: str, keys: Sequence[str]) -> str:
    return ", ".join([f"CAST({_quote(column)} AS VARCHAR)", *map(_quote, keys)])


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
