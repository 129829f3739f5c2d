"""Asset checks: what the rows of the synthetic tables say of themselves, against what is declared.

The suite is ``expectations/rows.json``; a row that names another model or channel than its
asset declares fails it, whatever depends on the table waits, and nothing trains on that version.
"""

from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

from dagster_project.assets.synthetic import assistant_stories, casts, stories
from dagster_project.resources.tables import Tables, attach
from dagster_project.settings import DATA
from lineage_guard.dagster.checks import build_expectation_checks
from lineage_guard.gx.rows import RowsTable, from_relation

_TABLES = Tables(folder=str(DATA / "tables"))


def _rows_of(name: str, partitions: Sequence[str | None]) -> Callable[[], RowsTable]:
    # It asks for no context, so the gate of a training step can open the table, too.
    def table() -> RowsTable:
        paths = [path for partition in partitions if (path := _TABLES.path(name, partition)).exists()]
        return from_relation(name, lambda db: attach(db, "synthetic_rows", paths), _digest(paths))

    return table


def _digest(paths: Sequence[Path]) -> str:
    return "sha256:" + sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()


row_checks = [
    build_expectation_checks(
        asset=stories, table=_rows_of("synthetic/stories", casts.get_partition_keys()), keys=["id"]
    ),
    build_expectation_checks(
        asset=assistant_stories, table=_rows_of("synthetic/assistant_stories", [None]), keys=["id"]
    ),
]
