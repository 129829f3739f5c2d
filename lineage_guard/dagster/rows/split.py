"""What happens when a quarantine runs: judge the rows, write both parts, prove the permitted one, file the claim."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

import dagster as dg

from lineage_guard.dagster.declare import metadata_of
from lineage_guard.dagster.events import name_of
from lineage_guard.dagster.settings import Settings, ledger_location, lineage_namespace, rulebook
from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.facts import Completeness, ModelSource, Version
from lineage_guard.domain.lineage.filtering import Filtered
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.rows import RowsTable, in_parquet

if TYPE_CHECKING:
    from lineage_guard.gx.split import Judgement
    from lineage_guard.ledger import Ledger

PERMITTED, RESTRICTED = "permitted", "restricted"
#: Where the mixed table is, or a function that says so: of the step's context, or of nothing.
MixedTable = RowsTable | Callable[[dg.AssetExecutionContext], RowsTable] | Callable[[], RowsTable]
#: Writes one part, of one partition or of the whole, and says where it can be read again.
Write = Callable[[str, str | None, Any], RowsTable]
#: Kinds of rows that the UI lists; the restricted part holds all rows.
_MOST_KINDS = 200


@dataclass(eq=False)
class Split:
    """One quarantine.

    Attributes:
        mixed: the asset that is split.
        permitted: the asset of the permitted rows.
        restricted: the asset of all other rows.
        table: where the mixed rows are.
        write: writes the parts.
        use: what the permitted rows are for.
        settings: what ``guard()`` was told; ``guard()`` sets it.
    """

    mixed: dg.AssetKey
    permitted: dg.AssetKey
    restricted: dg.AssetKey
    table: MixedTable
    write: Write
    use: str
    settings: Settings | None = None

    def run(self, context: dg.AssetExecutionContext, at: datetime) -> Iterator[dg.MaterializeResult[Any]]:
        """Split the table, or the partition of this run.

        Args:
            context: of the step.
            at: the time (timezone-aware UTC).

        Raises:
            dagster.Failure: when a run holds more than one partition.
            LedgerError: when the ledger cannot be read or written.
            SuiteError: when the table cannot be split.
        """
        from lineage_guard.gx.split import Splitter, counted, judge
        from lineage_guard.ledger import open_ledger

        settings = self.settings or Settings()
        partition = _partition_of(context)
        catalog, policy = rulebook(settings)
        ledger = open_ledger(ledger_location(settings.ledger))
        version, known = self._upstream(context, ledger, lineage_namespace(settings.namespace), at)
        with Splitter(self._open(context)) as splitter:
            judgement = judge(splitter.groups(), known, policy, catalog.ancestry, self.use, at)
            parts = {part: splitter.part(judgement, part == PERMITTED) for part in (PERMITTED, RESTRICTED)}
        written = {part: self.write(part, partition, rows) for part, rows in parts.items()}
        evidence = self._prove(version, judgement, written[PERMITTED], ledger, at)
        kinds = counted(judgement)
        for part, key in ((PERMITTED, self.permitted), (RESTRICTED, self.restricted)):
            said: dict[str, Any] = {
                **metadata_of(_declaration(part, judgement, self)),
                "dagster/row_count": judgement.rows(part == PERMITTED),
                "table": written[part].label,
                "use": self.use,
                "policy": policy.name,
                "rows_by_source": _table([k for k in kinds if k["part"] == part]),
            }
            if part == PERMITTED:
                said |= _proof(evidence)
                if not evidence.passes:
                    context.log.error(f"lineage_guard: {said['lineage_guard/quarantine']}")
            yield dg.MaterializeResult(asset_key=key, metadata=said)

    def _open(self, context: dg.AssetExecutionContext) -> RowsTable:
        from lineage_guard.dagster.rows.suite_check import takes_context

        if isinstance(self.table, RowsTable):
            return self.table
        opened = cast("Callable[..., RowsTable]", self.table)
        return opened(context) if takes_context(self.table) else opened()

    def _upstream(
        self, context: dg.AssetExecutionContext, ledger: Ledger, namespace: str, at: datetime
    ) -> tuple[Version, list[ModelSource]]:
        """The version that is about to be written, and every model that is declared upstream of it."""
        from lineage_guard.dagster.collect.collect import collect_upstream
        from lineage_guard.dagster.pins.recorded import LedgerRecords
        from lineage_guard.dagster.pins.step import step_inputs

        [step] = step_inputs(
            context.op_execution_context,
            namespace,
            at,
            keys=[self.permitted],
            recorded=LedgerRecords(ledger, namespace),
        )
        graph = context.job_def.asset_layer.asset_graph
        collected = collect_upstream(context.instance, graph, ledger, step.reads, namespace=namespace, now=at)
        for sentence in (*step.blind, *collected.blind):
            # Models that were not seen are declared by nobody, so their rows are restricted.
            context.log.warning(f"lineage_guard: {sentence}")
        closure = ledger.closure(step.target)
        return step.target.outputs[0], list(dict.fromkeys(m for kind, _ in closure.rows.kinds() for m in kind.models))

    def _prove(
        self, version: Version, judgement: Judgement, written: RowsTable, ledger: Ledger, at: datetime
    ) -> Evidence:
        """Run the rows suite on what was written; when it passes, file it and the claim that rests on it."""
        from lineage_guard.explaining.cure import SUITE, split_parameters
        from lineage_guard.gx.rows import run_rows_suite
        from lineage_guard.ledger.archive import claims

        claim = Filtered(version, (version.namespace, name_of(self.mixed)), judgement.sources, "")
        evidence = run_rows_suite(written, split_parameters(claim, judgement.remaining), at, SUITE)
        if evidence.passes:
            ledger.put_evidence(evidence)
            claims.file(ledger.archive, replace(claim, data_digest=evidence.subject_digest))
        return evidence


def parquet_in(folder: Path) -> Write:
    """Writes parts as Parquet files, each put in place whole.

    Args:
        folder: made when it is not there; ``permitted.parquet`` and ``restricted.parquet`` are in it, or a
            folder for each with a file per partition.
    """

    def write(part: str, partition: str | None, rows: Any) -> RowsTable:
        parquet: Any = import_module("pyarrow.parquet")
        path = (
            folder / f"{part}.parquet" if partition is None else folder / part / f"{quote(partition, safe='')}.parquet"
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, aside = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        try:
            parquet.write_table(rows, aside)
            os.replace(aside, path)
        finally:
            Path(aside).unlink(missing_ok=True)
        return in_parquet(path)

    return write


def _partition_of(context: dg.AssetExecutionContext) -> str | None:
    from lineage_guard.dagster.pins.step import partitions_of

    partitions = partitions_of(context)
    if len(partitions) > 1:
        raise dg.Failure(
            f"This run splits {len(partitions)} partitions at once, and evidence is of one version. To fix: leave "
            "backfill_policy out, so that each partition has a run of its own.",
            allow_retries=False,
        )
    return partitions[0]


def _declaration(part: str, judgement: Judgement, split: Split) -> Declaration:
    mixed = split.mixed.to_user_string()
    if part == PERMITTED:
        note = f"rows of {mixed} that policy permits for {split.use}, by their own provenance"
        return Declaration(models=judgement.remaining, note=note) if judgement.remaining else Declaration()
    held = [j for j in judgement.groups if not j.permitted]
    models = dict.fromkeys(m for j in held for m in j.declared)
    unsaid = sum(j.group.rows for j in held if not j.declared)
    if not models:
        return Declaration()
    if not unsaid:
        return Declaration(models=tuple(models))
    note = f"{unsaid} rows name no model that is declared upstream"
    return Declaration(models=tuple(models), completeness=Completeness.INCOMPLETE, note=note)


def _table(kinds: Iterable[Any]) -> Any:
    columns = ("model", "channel", "usage", "day", "rows", "why")
    schema = dg.TableSchema(columns=[dg.TableColumn(c, "string") for c in columns])
    records = [dg.TableRecord({c: kind[c] for c in columns}) for kind in kinds]
    return dg.MetadataValue.table(records[:_MOST_KINDS], schema)


def _proof(evidence: Evidence) -> dict[str, Any]:
    if evidence.passes:
        return {
            "lineage_guard/quarantine": "proven: what is filtered out does not count downstream",
            "evidence": evidence.key,
        }
    why = evidence.error or ", ".join(f"{f.type}({f.column or ''}) {f.detail}".strip() for f in evidence.failures)
    return {
        "lineage_guard/quarantine": (
            f"not proven: the rows suite does not pass on the permitted part ({why}), so the mixed table counts in "
            "full for everything downstream"
        )
    }
