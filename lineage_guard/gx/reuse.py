"""Rows evidence that is used again while neither rows, suite nor parameters have changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import NamedTuple

from lineage_guard.domain.verdict.evidence import Evidence, evidence_key
from lineage_guard.gx.rows import RowsTable, parameters_digest, run_rows_suite
from lineage_guard.gx.suites import Suite


class Examined(NamedTuple):
    """What a suite says of rows.

    Attributes:
        evidence: the result.
        reused: whether it was filed before, so that nothing ran.
    """

    evidence: Evidence
    reused: bool


def examine(
    table: RowsTable,
    parameters: Mapping[str, object],
    at: datetime,
    suite: Suite,
    filed: Callable[[str], Evidence | None] = lambda _: None,
    file: Callable[[Evidence], None] = lambda _: None,
) -> Examined:
    """The result of a rows suite: the filed one when there is one for exactly these rows, else a new one.

    Never raises for what is wrong with rows or suite; that is in the evidence. What could not be
    run is not filed, so it is tried again.

    Args:
        table: the rows; digested once.
        parameters: what the suite is fed.
        at: when, timezone-aware UTC.
        suite: what to expect.
        filed: finds evidence by its key.
        file: files evidence.

    Raises:
        LedgerError: when ``filed`` or ``file`` does.
    """
    once = replace(table, digest=cache(table.digest))
    try:
        key = evidence_key(suite.digest, subject_of(once), parameters_digest(parameters))
    except Exception:  # noqa: BLE001 - rows that cannot be digested: the run below says so, as evidence
        key = None
    found = filed(key) if key else None
    if found is not None and found.error is None:
        return Examined(found, True)
    evidence = run_rows_suite(once, parameters, at, suite)
    if evidence.error is None and evidence.key == key:
        file(evidence)
    return Examined(evidence, False)


def subject_of(table: RowsTable) -> str:
    """The digest under which ``run_rows_suite`` files what it says of a table."""
    return "sha256:" + sha256(repr((table.digest(), sorted(table.columns.items()))).encode()).hexdigest()
