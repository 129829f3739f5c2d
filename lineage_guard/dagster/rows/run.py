"""What happens when a rows check runs in Dagster: examined, filed, attested, shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import dagster as dg

from lineage_guard.dagster.rows.show import result_of
from lineage_guard.dagster.rows.suite_check import RowsCheck
from lineage_guard.dagster.settings import Settings, ledger_location
from lineage_guard.domain.errors import ConfigError, LedgerError
from lineage_guard.domain.facts import ModelSource, Version
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.rows import RowsTable

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger


def run(check: RowsCheck, context: dg.AssetCheckExecutionContext, at: datetime) -> dg.AssetCheckResult:
    """Run a rows check in its step.

    The result stands whether or not it can be filed; what is not filed is no evidence at the gate,
    and the result says so.

    Args:
        check: the check.
        context: of its step.
        at: the time (timezone-aware UTC).

    Raises:
        DeclarationError: when the asset declares nothing to hold its rows against.
    """
    step = context.op_execution_context
    # The job's own graph is pruned to the selection, and a check can be launched alone.
    graph: Any = step.job_def.asset_layer.asset_graph.source_asset_graph
    models = check.models(step.instance, graph)
    rows = check.rows(context)
    notes: list[str] = []
    ledger, location = _ledger(check, notes)
    evidence, reused, versions = _examined(check, step, graph, rows, models, ledger, at, notes)
    keys = _failing(check, rows, models, evidence, notes)
    page = _page(check, evidence, versions, keys, location, notes)
    return result_of(evidence, page=page, versions=versions, reused=reused, rows=keys, notes=notes)


def _examined(
    check: RowsCheck,
    step: dg.OpExecutionContext,
    graph: Any,
    rows: RowsTable,
    models: Sequence[ModelSource],
    ledger: Ledger | None,
    at: datetime,
    notes: list[str],
) -> tuple[Evidence, bool, tuple[Version, ...]]:
    if ledger is not None:
        try:
            from lineage_guard.dagster.pins.step import partitions_of

            # First, so that a gate elsewhere asks for the evidence even if this process dies on the way.
            _demand(check, step, ledger, at)
            # A run of certain partitions has brought their rows up to date, and nobody knows of others.
            partitions = [p for p in partitions_of(step) if p is not None] or None
            evidence, reused, versions = check.attest(
                step.instance, graph, ledger, lambda: check.examine(rows, models, ledger, at), at, partitions
            )
            if not versions:
                notes.append("It is attested for no version: nobody knows which version's rows these were.")
            return evidence, reused, versions
        except LedgerError as error:
            notes.append(f"It could not be filed, so it is no evidence at the gate: {error}")
            step.log.warning(f"lineage_guard: {notes[-1]}")
    evidence, reused = check.examine(rows, models, None, at)
    return evidence, reused, ()


def _failing(
    check: RowsCheck, rows: RowsTable, models: Sequence[ModelSource], evidence: Evidence, notes: list[str]
) -> list[Mapping[str, str]]:
    """A few of the rows that broke expectations, by the columns that were asked for and no others."""
    columns = list(dict.fromkeys((*check.keys, *check.show)))
    if not columns or not evidence.failures:
        return []
    from lineage_guard.gx.rows import failing_keys

    try:
        groups = failing_keys(rows, check.parameters(models, evidence.at), evidence.failures, columns, check.suite)
    except Exception as error:  # noqa: BLE001 - the result stands without them
        notes.append(f"Which rows fail could not be found out: {type(error).__name__}: {error}")
        return []
    return [
        {"expectation": failure.type, "of": failure.column or "", **row}
        for failure, group in zip(evidence.failures, groups, strict=True)
        for row in group
    ]


def _demand(check: RowsCheck, step: dg.OpExecutionContext, ledger: Ledger, at: datetime) -> None:
    from lineage_guard.dagster.compat import place_of_run
    from lineage_guard.ledger.archive.attesting import Attestations

    attestations = Attestations(ledger.archive)
    demand = check.demand(place_of_run(step.run)[0])
    if check.blocking:
        attestations.demand(demand, at)
    elif any(d[:3] == demand[:3] for d in attestations.demands()):
        attestations.withdraw(demand, at)


def _ledger(check: RowsCheck, notes: list[str]) -> tuple[Ledger | None, str | None]:
    from lineage_guard.ledger import open_ledger

    try:
        location = ledger_location((check.settings or Settings()).ledger)
    except ConfigError:
        notes.append("No ledger is set, so it is no evidence at the gate.")
        return None, None
    return open_ledger(location), location


def pages_beside(location: str) -> Path | None:
    """The folder for pages beside a ledger that is a folder; ``None`` for any other.

    Example:
        >>> pages_beside("/srv/dagster/lineage_guard").as_posix()
        '/srv/dagster/lineage_guard_pages'
    """
    if "://" in location and urlsplit(location).scheme != "file":
        return None
    folder = Path(unquote(urlsplit(location).path) if "://" in location else location)
    return folder.with_name(folder.name + "_pages")


def _page(
    check: RowsCheck,
    evidence: Evidence,
    versions: Sequence[Version],
    rows: Sequence[Mapping[str, str]],
    location: str | None,
    notes: list[str],
) -> Path | None:
    from lineage_guard.gx.page import About, write_page

    folder = check.pages or (pages_beside(location) if location else None)
    if folder is None:
        return None
    about = About(check.key.to_user_string(), check.name, [str(v) for v in versions], rows)
    try:
        return write_page(folder, evidence, about)
    except OSError as error:
        notes.append(f"Its page could not be written: {error}")
        return None
