"""From a suite and a table to evidence, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from lineage_guard.domain.evidence import Evidence
from lineage_guard.gx.run import validate
from lineage_guard.gx.suites import Suite, load_suite

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
    table: Callable[[], tuple[duckdb.DuckDBPyConnection, str]],
    shown: frozenset[str],
    at: datetime,
) -> Evidence:
    """Run a suite and report, as evidence with an ``error`` when anything at all goes wrong.

    Args:
        suite: name, path or loaded suite.
        subject_digest: digest of what it runs over.
        parameters_digest: digest of what it is fed.
        parameters: values for its ``$PARAMETER``s.
        table: opens the table; the connection is closed afterwards.
        shown: columns whose values may be quoted.
        at: when, timezone-aware UTC.
    """
    name = suite.name if isinstance(suite, Suite) else str(suite)
    suite_digest = subject = fed = UNKNOWN_DIGEST
    expected = 0
    connection = None
    try:
        loaded = load_suite(suite)
        name, suite_digest, expected = loaded.name, loaded.digest, len(loaded.expectations)
        subject, fed = subject_digest(), parameters_digest()
        connection, view = table()
        outcome = validate(connection, view, loaded, parameters(), shown)
    except Exception as error:  # noqa: BLE001 - whatever it is, it must become a reason to block
        message = f"{type(error).__name__}: {error}"
        return Evidence(name, suite_digest, subject, fed, False, 0, expected, at, error=message[:1000])
    finally:
        if connection is not None:
            connection.close()
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
