"""From a suite and a table to evidence, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.run import validate_rows
from lineage_guard.gx.suites import Suite, load_suite
from lineage_guard.gx.tables.duckdb import DuckDBRows
from lineage_guard.gx.tables.table import OpenRows

if TYPE_CHECKING:
    import duckdb

#: Stands where a digest could not be computed; no evidence is ever filed or found under it.
UNKNOWN_DIGEST = "unknown"


def gather(
    suite: str | Path | Suite,
    *,
    subject_digest: Callable[[], str],
    parameters_digest: Callable[[], str],
    parameters: Callable[[], Mapping[str, object]],
    table: Callable[[], OpenRows | tuple[duckdb.DuckDBPyConnection, str]],
    shown: frozenset[str],
    at: datetime,
    holds: Callable[[OpenRows], bool] = lambda _: True,
) -> Evidence:
    """Run a suite and report, as evidence with an ``error`` when anything at all goes wrong.

    Args:
        suite: name, path or loaded suite.
        subject_digest: digest of what it runs over.
        parameters_digest: digest of what it is fed.
        parameters: values for its ``$PARAMETER``s.
        table: opens the rows, or a DuckDB connection and the name of a table; closed afterwards.
        shown: columns whose values may be quoted.
        at: when, timezone-aware UTC.
        holds: whether open rows are still those that were digested; asked when the suite has run.
    """
    name = suite.name if isinstance(suite, Suite) else str(suite)
    suite_digest = subject = fed = UNKNOWN_DIGEST
    expected = 0
    rows = None
    try:
        loaded = load_suite(suite)
        name, suite_digest, expected = loaded.name, loaded.digest, len(loaded.expectations)
        subject, fed = subject_digest(), parameters_digest()
        opened = table()
        rows = DuckDBRows(*opened) if isinstance(opened, tuple) else opened
        outcome = validate_rows(rows, loaded, parameters(), shown)
        if not holds(rows):
            raise SuiteError(
                "the rows changed while the suite ran, so its result is about none of their versions",
                where=name,
                fix="run it when nothing writes to the table",
            )
    except Exception as error:  # noqa: BLE001 - whatever it is, it must become a reason to block
        message = f"{type(error).__name__}: {error}"
        return Evidence(name, suite_digest, subject, fed, False, 0, expected, at, error=message[:1000])
    finally:
        if rows is not None:
            rows.close()
    return Evidence(
        suite=name,
        suite_digest=suite_digest,
        subject_digest=subject,
        parameters_digest=fed,
        success=outcome.success,
        evaluated=outcome.evaluated,
        expected=outcome.expected,
        at=at,
        failures=outcome.failures,
    )
