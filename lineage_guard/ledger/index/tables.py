"""The tables of the index: columns, types and sort order. docs/ledger.md describes them for readers.

One row per *record* of a version: two events that speak of the same version leave two rows,
and readers join them (``domain.facts.union``). ``record`` counts productions in archive order.
"""

from __future__ import annotations

import msgspec

from lineage_guard.domain.facts import Version
from lineage_guard.domain.lineage.reached import key_of


class Table(msgspec.Struct, frozen=True):
    """One table: column names with DuckDB types, and the columns its files are sorted by.

    ``group`` is rows per Parquet row group: the least that is read to find one row. Tables that
    are asked for single digests have small groups, so that a lookup does not grow with history.
    """

    name: str
    columns: tuple[tuple[str, str], ...]
    order: tuple[str, ...]
    group: int = 64 * 1024

    @property
    def empty(self) -> str:
        """A query with these columns and no rows."""
        return "SELECT " + ", ".join(f'NULL::{t} AS "{c}"' for c, t in self.columns) + " WHERE false"


_LOOKUP = 8 * 1024

TABLES: tuple[Table, ...] = (
    Table(
        "versions",
        (
            ("id", "INTEGER"),
            ("namespace", "VARCHAR"),
            ("name", "VARCHAR"),
            ("partition", "VARCHAR"),
            ("run", "VARCHAR"),
        ),
        ("id",),
    ),
    Table("keys", (("hi", "BIGINT"), ("lo", "BIGINT"), ("id", "INTEGER")), ("hi", "lo"), _LOOKUP),
    Table(
        "productions",
        (
            ("id", "INTEGER"),
            ("record", "BIGINT"),
            ("pos", "INTEGER"),
            ("produced_at", "TIMESTAMPTZ"),
            ("completeness", "VARCHAR"),
            ("asserted_by", "VARCHAR"),
            ("artefact", "VARCHAR"),
            ("note", "VARCHAR"),
            ("recorded", "TIMESTAMPTZ"),
        ),
        ("id", "record"),
    ),
    Table(
        "edges",
        (
            ("child", "INTEGER"),
            ("parent", "INTEGER"),
            ("indirect", "BOOLEAN"),
            ("conservative", "BOOLEAN"),
            ("record", "BIGINT"),
            ("ord", "INTEGER"),
        ),
        ("child", "record", "ord"),
    ),
    Table(
        "models",
        (
            ("id", "INTEGER"),
            ("record", "BIGINT"),
            ("ord", "INTEGER"),
            ("provider", "VARCHAR"),
            ("model", "VARCHAR"),
            ("version", "VARCHAR"),
            ("channel", "VARCHAR"),
            ("usage", "VARCHAR"),
            ("influence", "VARCHAR"),
            ("license", "VARCHAR"),
            ("terms", "VARCHAR"),
            ("purl", "VARCHAR"),
            ("digest", "VARCHAR"),
            ("base_models", "VARCHAR[]"),
            ("fields", "VARCHAR[]"),
            ("partitions", "VARCHAR[]"),
            ("record_count", "BIGINT"),
            ("generated_at", "TIMESTAMPTZ"),
            ("asserted_by", "VARCHAR"),
        ),
        ("id", "record", "ord"),
    ),
    Table(
        "licenses",
        (
            ("id", "INTEGER"),
            ("record", "BIGINT"),
            ("ord", "INTEGER"),
            ("expression", "VARCHAR"),
            ("acknowledgement", "VARCHAR"),
            ("applies_to", "VARCHAR"),
            ("url", "VARCHAR"),
            ("terms_version", "VARCHAR"),
            ("effective_from", "VARCHAR"),
            ("text_digest", "VARCHAR"),
            ("restrictions", "VARCHAR[]"),
            ("obligations", "VARCHAR[]"),
        ),
        ("id", "record", "ord"),
    ),
    Table(
        "decisions",
        (
            ("namespace", "VARCHAR"),
            ("name", "VARCHAR"),
            ("run", "VARCHAR"),
            ("at", "TIMESTAMPTZ"),
            ("ord", "BIGINT"),
            ("facet", "VARCHAR"),
        ),
        ("namespace", "name", "ord"),
    ),
    Table("statements", (("run", "VARCHAR"), ("at", "TIMESTAMPTZ"), ("body", "VARCHAR")), ("run", "at", "body")),
    Table(
        "events", (("hi", "BIGINT"), ("lo", "BIGINT"), ("batch", "BIGINT"), ("line", "INTEGER")), ("hi", "lo"), _LOOKUP
    ),
)

BY_NAME = {t.name: t for t in TABLES}


def halves(digest: bytes) -> tuple[int, int]:
    r"""A 128-bit digest as two signed 64-bit integers, most significant first.

    Example:
        >>> halves(bytes(15) + b"\x01")
        (0, 1)
    """
    return int.from_bytes(digest[:8], "big", signed=True), int.from_bytes(digest[8:16], "big", signed=True)


def key(version: Version) -> tuple[int, int]:
    """The 128-bit key of a version (``reached.key_of``), as ``halves``."""
    return halves(key_of(version))
