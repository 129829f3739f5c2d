"""The documented table format is the one that is written."""

import re
from pathlib import Path

import duckdb
import histories

from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.index.manifest import newest
from lineage_guard.ledger.index.tables import TABLES

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "ledger.md"
DUCKDB = {
    "int32": "INTEGER",
    "int64": "BIGINT",
    "bool": "BOOLEAN",
    "string": "VARCHAR",
    "list<string>": "VARCHAR[]",
    "timestamp[us, UTC]": "TIMESTAMP WITH TIME ZONE",
}


def documented() -> dict[str, list[tuple[str, str]]]:
    section = DOCUMENT.read_text(encoding="utf-8").split("## The table format")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.+) \|$", section, re.MULTILINE)
    split = {table: re.findall(r"(\w+) (timestamp\[us, UTC\]|[\w<>]+)(?:, |$)", columns) for table, columns in rows}
    return {table: [(name, DUCKDB[kind]) for name, kind in columns] for table, columns in split.items()}


def test_files_hold_the_documented_columns_in_the_documented_order(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path)
    for start in (0, 30, 40):  # written once, and merged from several parts
        ledger.append(histories.history(histories.layered(60))[start : start + 30])
        assert ledger.compact()
    contract = documented()
    assert set(contract) == {t.name for t in TABLES}
    manifest = newest(ledger.archive)
    seen: set[str] = set()
    for table in TABLES:
        for file in manifest.files(table.name):
            seen.add(table.name)
            path = str(tmp_path / file.key)
            columns = duckdb.execute("DESCRIBE SELECT * FROM read_parquet($f)", {"f": path}).fetchall()
            assert [(c[0], c[1]) for c in columns] == contract[table.name]
            keys = ", ".join(f'"{c}"' for c in table.order)
            # In file order, the sort columns never decrease.
            rows = duckdb.execute(f"SELECT {keys} FROM read_parquet($f)", {"f": path}).fetchall()
            assert rows == sorted(rows)
            assert len(rows) == file.rows
    assert {"versions", "keys", "productions", "edges", "models", "licenses", "events"} <= seen
