"""Asset checks from expectation suites: what the rows of a synthetic table say, in the Dagster UI."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` as an object.

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from lineage_guard.dagster.declare import declaration_of
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.evidence import Evidence
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.rows import RowsTable, rows_parameters, run_rows_suite
from lineage_guard.gx.suites import Suite, load_suite

Table = RowsTable | Callable[[dg.AssetCheckExecutionContext], RowsTable]

_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("expectation", "string"),
        dg.TableColumn("column", "string"),
        dg.TableColumn("unexpected_rows", "string"),
        dg.TableColumn("detail", "string"),
    ]
)


def build_expectation_checks(
    *,
    asset: dg.AssetKey | str | Sequence[str] | dg.AssetsDefinition | dg.AssetSpec,
    table: Table,
    suite: str | Path | Suite = "rows",
    blocking: bool = True,
    declared: Sequence[ModelSource] | None = None,
    name: str | None = None,
) -> dg.AssetChecksDefinition:
    """An asset check that runs a rows suite on the table an asset wrote.

    The suite is read here, so a suite that cannot be relied on fails when the code location
    loads. Great Expectations is imported when the check runs, never before.

    Args:
        asset: the synthetic asset.
        table: where its rows are, or a function of the check's context that says so.
        suite: name, path or loaded suite.
        blocking: whether assets downstream wait for it within the same run. A blocking check
            does not stop a training step that is launched alone; the gate does.
        declared: models the rows may name. ``None`` takes what the asset declares, in its
            definition and in its latest materialisation.
        name: name of the check; ``<suite>_provenance`` when ``None``.

    Raises:
        SuiteError: when the suite cannot be relied on.

    Example:
        >>> from lineage_guard.gx.rows import in_duckdb
        >>> checks = build_expectation_checks(asset="answers", table=in_duckdb("w.duckdb", "answers"))
        >>> [key.name for key in checks.check_keys]
        ['rows_provenance']
    """
    loaded = load_suite(suite)
    key = _key(asset)

    @dg.asset_check(
        asset=key,
        name=name or f"{loaded.name}_provenance",
        blocking=blocking,
        description=f"Great Expectations suite {loaded.name!r}: {len(loaded.expectations)} expectations on the rows.",
    )
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        models = declared if declared is not None else _declared(context, key)
        rows = table if isinstance(table, RowsTable) else table(context)
        return result_of(run_rows_suite(rows, rows_parameters(models), datetime.now(UTC), loaded))

    return check


def result_of(evidence: Evidence) -> dg.AssetCheckResult:
    """The result of a suite as Dagster shows it: failing expectations, counts and digests.

    Args:
        evidence: the result.
    """
    metadata: dict[str, dg.MetadataValue] = {
        "suite": dg.MetadataValue.text(evidence.suite),
        "evaluated": dg.MetadataValue.text(f"{evidence.evaluated} of {evidence.expected} expectations"),
        "suite_digest": dg.MetadataValue.text(evidence.suite_digest),
        "data_digest": dg.MetadataValue.text(evidence.subject_digest),
    }
    if evidence.failures:
        records = [
            dg.TableRecord(
                {
                    "expectation": f.type,
                    "column": f.column or "",
                    "unexpected_rows": "" if f.unexpected_count is None else str(f.unexpected_count),
                    "detail": f.detail,
                }
            )
            for f in evidence.failures
        ]
        metadata["failed"] = dg.MetadataValue.table(records, _SCHEMA)
    if evidence.error is not None:
        metadata["error"] = dg.MetadataValue.text(evidence.error)
    return dg.AssetCheckResult(
        passed=evidence.passes,
        severity=dg.AssetCheckSeverity.ERROR,
        description=_summary(evidence),
        metadata=metadata,
    )


def _summary(evidence: Evidence) -> str:
    if evidence.error is not None:
        return f"Suite {evidence.suite!r} could not be run, and that counts as a failure: {evidence.error}"
    if evidence.failures:
        columns = ", ".join(dict.fromkeys(f.column for f in evidence.failures if f.column)) or "the table"
        return f"{len(evidence.failures)} of {evidence.expected} expectations do not hold, on {columns}."
    return f"All {evidence.expected} expectations hold."


def _key(asset: dg.AssetKey | str | Sequence[str] | dg.AssetsDefinition | dg.AssetSpec) -> dg.AssetKey:
    if isinstance(asset, dg.AssetsDefinition | dg.AssetSpec):
        return asset.key
    return dg.AssetKey.from_coercible(asset)


def _declared(context: dg.AssetCheckExecutionContext, key: dg.AssetKey) -> tuple[ModelSource, ...]:
    """What an asset declares: in its definition and in its latest materialisation."""
    step = context.op_execution_context
    where = key.to_user_string()
    # The job's own graph is pruned to the selection, and a check can be launched alone.
    graph = step.job_def.asset_layer.asset_graph.source_asset_graph
    event = step.instance.get_latest_materialization_event(key)
    written = event.asset_materialization if event is not None else None
    found = [
        declaration_of(graph.get(key).metadata if graph.has(key) else {}, where),
        declaration_of(written.metadata if written is not None else {}, where),
    ]
    models = tuple(dict.fromkeys(m for d in found if d is not None for m in d.models))
    if not models:
        raise DeclarationError(
            "the asset declares no model, so there is nothing to hold its rows against",
            where=where,
            fix="declare its models with lineage_guard.declare(...), or give declared=[...]",
        )
    return models
