"""The result of a suite as Dagster shows it: failing expectations, counts, digests, and a link to its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg

from lineage_guard.domain.facts import Version
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.page import headline

_SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("expectation", "string"),
        dg.TableColumn("column", "string"),
        dg.TableColumn("unexpected_rows", "string"),
        dg.TableColumn("detail", "string"),
    ]
)
#: Versions that are listed; a partitioned asset may have thousands.
_MOST_VERSIONS = 20


def result_of(
    evidence: Evidence,
    *,
    page: Path | None = None,
    versions: Sequence[Version] = (),
    reused: bool = False,
    rows: Sequence[Mapping[str, str]] = (),
    notes: Sequence[str] = (),
) -> dg.AssetCheckResult:
    """The result of a suite as Dagster shows it.

    Args:
        evidence: the result.
        page: where its page was written.
        versions: the versions it was attested for.
        reused: whether it was on file, so that nothing ran.
        rows: keys of a few failing rows, each by column.
        notes: what else a reader should know, one sentence each.
    """
    metadata: dict[str, dg.MetadataValue] = {
        "suite": dg.MetadataValue.text(evidence.suite),
        "evaluated": dg.MetadataValue.text(f"{evidence.evaluated} of {evidence.expected} expectations"),
        "suite_digest": dg.MetadataValue.text(evidence.suite_digest),
        "data_digest": dg.MetadataValue.text(evidence.subject_digest),
        "parameters_digest": dg.MetadataValue.text(evidence.parameters_digest),
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
    if rows:
        columns = list(dict.fromkeys(c for row in rows for c in row))
        schema = dg.TableSchema(columns=[dg.TableColumn(c, "string") for c in columns])
        keyed = [dg.TableRecord({c: row.get(c, "") for c in columns}) for row in rows]
        metadata["failing_rows"] = dg.MetadataValue.table(keyed, schema)
    if page is not None:
        metadata["page"] = dg.PathMetadataValue(str(page.resolve()))
    if versions:
        more = len(versions) - _MOST_VERSIONS
        said = [str(v) for v in versions[:_MOST_VERSIONS]] + ([f"and {more} more"] if more > 0 else [])
        metadata["attested_for"] = dg.MetadataValue.text(", ".join(said))
    if reused:
        metadata["reused"] = dg.MetadataValue.text(
            f"rows, suite and declaration are those of {evidence.at:%Y-%m-%d %H:%M:%S} UTC"
        )
    if notes:
        metadata["notes"] = dg.MetadataValue.text(" ".join(notes))
    if evidence.error is not None:
        metadata["error"] = dg.MetadataValue.text(evidence.error)
    return dg.AssetCheckResult(
        passed=evidence.passes,
        severity=dg.AssetCheckSeverity.ERROR,
        description=headline(evidence),
        metadata=metadata,
    )
