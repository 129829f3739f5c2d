"""The rows suite: what the rows of a synthetic table say of themselves, against what was declared."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.verdict.evidence import Evidence, FailedExpectation
from lineage_guard.gx.evidence import gather
from lineage_guard.gx.run import find_failing
from lineage_guard.gx.suites import NOTHING, Suite, load_suite
from lineage_guard.gx.tables.duckdb import from_relation, in_duckdb, in_parquet
from lineage_guard.gx.tables.frames import in_frame
from lineage_guard.gx.tables.normalise import PROVENANCE_COLUMNS, SOURCE, normalise_channel, normalise_model
from lineage_guard.gx.tables.postgres import in_postgres
from lineage_guard.gx.tables.spark import in_spark
from lineage_guard.gx.tables.table import RowsTable

__all__ = [
    "PROVENANCE_COLUMNS",
    "SHOWN",
    "RowsTable",
    "failing_keys",
    "from_relation",
    "in_duckdb",
    "in_frame",
    "in_parquet",
    "in_postgres",
    "in_spark",
    "normalise_channel",
    "normalise_model",
    "parameters_digest",
    "rows_parameters",
    "run_rows_suite",
]

#: Columns whose values may be quoted in a failure; any other may hold row text.
SHOWN = frozenset((*PROVENANCE_COLUMNS, SOURCE))


def rows_parameters(declared: Iterable[ModelSource]) -> dict[str, list[str]]:
    """What a declaration feeds the rows suite; a set that would be empty admits nothing.

    Args:
        declared: the models an asset declares.

    Example:
        >>> rows_parameters([ModelSource("openai", "GPT-4o", channel="api.openai.com")])["declared_sources"]
        ['gpt-4o via api.openai.com']
    """
    models = list(declared)
    ids = {m: normalise_model(m.model) for m in models}
    channels = {m: normalise_channel(m.channel) for m in models if m.channel}
    return {
        "declared_models": sorted(set(ids.values())) or [NOTHING],
        "declared_channels": sorted(set(channels.values())) or [NOTHING],
        "declared_usages": sorted({m.usage.value for m in models}) or [NOTHING],
        "declared_sources": sorted({f"{ids[m]} via {channels[m]}" for m in models if m in channels}) or [NOTHING],
    }


def parameters_digest(parameters: Mapping[str, object]) -> str:
    """``sha256:`` of parameters, in canonical JSON."""
    text = json.dumps(parameters, sort_keys=True, separators=(",", ":"), default=str)
    return "sha256:" + sha256(text.encode()).hexdigest()


def run_rows_suite(
    table: RowsTable, parameters: Mapping[str, object], at: datetime, suite: str | Path | Suite = "rows"
) -> Evidence:
    """Run a rows suite. Never raises: what went wrong is in the evidence.

    The suite sees a view of the table with the provenance columns under their own names and
    normalised, ``source`` (``<model> via <channel>``), and every other column as it is.

    Args:
        table: the rows.
        parameters: see ``rows_parameters``.
        at: when, timezone-aware UTC.
        suite: name, path or loaded suite.
    """
    digest = cache(table.digest)
    return gather(
        suite,
        subject_digest=lambda: "sha256:" + sha256(repr((digest(), sorted(table.columns.items()))).encode()).hexdigest(),
        parameters_digest=lambda: parameters_digest(parameters),
        parameters=lambda: parameters,
        table=table.open,
        shown=SHOWN,
        at=at,
        holds=lambda rows: rows.holds(digest()),
    )


def failing_keys(
    table: RowsTable,
    parameters: Mapping[str, object],
    failures: Sequence[FailedExpectation],
    keys: Sequence[str],
    suite: str | Path | Suite = "rows",
    limit: int = 5,
) -> list[list[dict[str, str]]]:
    """Which rows broke each failure: a few of them, by the columns that identify a row.

    The failing expectations are run again for it, on the engine that has the rows.

    Args:
        table: the rows.
        parameters: those of the run that failed.
        failures: what failed, as that run reported it.
        keys: columns to show, e.g. ``["id"]``. Their values are quoted, so name no text.
        suite: name, path or loaded suite.
        limit: how many rows to show of each.

    Returns:
        One list per failure. It is empty where no single row is to blame (a row count, a missing
        column), or the rows are not what they were.

    Raises:
        SuiteError: when the suite cannot be run, or a key column does not exist.
    """
    if not failures or not keys:
        return [[] for _ in failures]
    rows = table.open()
    try:
        if missing := sorted(set(keys) - set(rows.columns)):
            raise SuiteError(
                f"there is no column {missing[0]!r} to name rows by", where=table.label, fix="mend the key columns"
            )
        found = find_failing(rows, load_suite(suite), parameters, failures, keys, limit)
    finally:
        rows.close()
    return [[{key: str(row.get(key))[:100] for key in keys} for row in group] for group in found]
