"""A rows suite on the table of one asset: run, filed under its digests, and attested for the versions it ran on."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from lineage_guard.dagster.declare import declaration_of
from lineage_guard.dagster.events import EventLog, name_of
from lineage_guard.dagster.settings import Settings, lineage_namespace, rulebook
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import ModelSource, Version
from lineage_guard.domain.lineage.reached import terms_day
from lineage_guard.domain.verdict.attested import Attestation, Demand
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.parameters import asks_policy, declared_parameters
from lineage_guard.gx.rows import RowsTable
from lineage_guard.gx.suites import Suite

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger

#: Where the rows are, or a function that says so: of the check's context, or of nothing.
Table = RowsTable | Callable[[dg.AssetCheckExecutionContext], RowsTable] | Callable[[], RowsTable]


@dataclass(eq=False)
class RowsCheck:
    """One suite that the rows of one asset must pass.

    Attributes:
        key: the asset.
        name: of the asset check.
        suite: what to expect of the rows.
        table: where the rows are.
        declared: models the rows may name; ``None`` takes what the asset declares.
        blocking: whether its evidence is demanded at the gate.
        pages: folder for pages of results; ``None`` puts them beside the ledger.
        keys: columns that name a row; those of a few failing rows are shown.
        show: further columns of them to show.
        use: what the rows are wanted for, where the suite asks the policy.
        settings: what ``guard()`` was told, which tells where the ledger is; ``guard()`` sets it.
    """

    key: dg.AssetKey
    name: str
    suite: Suite
    table: Table
    declared: Sequence[ModelSource] | None = None
    blocking: bool = True
    pages: Path | None = None
    keys: Sequence[str] = ()
    show: Sequence[str] = ()
    use: str | None = None
    settings: Settings | None = None

    @property
    def namespace(self) -> str:
        """OpenLineage namespace of the asset."""
        return lineage_namespace(self.settings.namespace if self.settings else None)

    def demand(self, location: str = "") -> Demand:
        """What the gate asks for on behalf of this check.

        Args:
            location: code location that defines the check.
        """
        return Demand(self.namespace, name_of(self.key), self.name, self.suite.name, self.suite.digest, location)

    @property
    def opens_anywhere(self) -> bool:
        """Whether the table can be opened outside of the check's own step."""
        return isinstance(self.table, RowsTable) or not takes_context(self.table)

    def rows(self, context: dg.AssetCheckExecutionContext | None = None) -> RowsTable:
        """The table, wherever it is.

        Args:
            context: of the check's step; needed unless ``opens_anywhere``.
        """
        if isinstance(self.table, RowsTable):
            return self.table
        opened = cast("Callable[..., RowsTable]", self.table)
        return opened(context) if takes_context(self.table) else opened()

    def models(self, instance: dg.DagsterInstance, graph: Any) -> tuple[ModelSource, ...]:
        """What the rows may name: what was given, or what the asset declares.

        Both its definition and its latest materialisation count.

        Args:
            instance: holds the materialisation.
            graph: the full asset graph.

        Raises:
            DeclarationError: when it declares no model.
        """
        if self.declared is not None:
            return tuple(self.declared)
        where = self.key.to_user_string()
        event = instance.get_latest_materialization_event(self.key)
        written = event.asset_materialization if event is not None else None
        found = [
            declaration_of(graph.get(self.key).metadata if graph.has(self.key) else {}, where),
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

    def examine(
        self, rows: RowsTable, models: Sequence[ModelSource], ledger: Ledger | None, at: datetime
    ) -> tuple[Evidence, bool]:
        """The result on some rows, and whether it was on file already.

        Args:
            rows: the rows.
            models: what they may name.
            ledger: where results are filed; ``None`` runs the suite and files nothing.
            at: when, timezone-aware UTC.

        Raises:
            LedgerError: when the ledger cannot be read or written.
            PolicyError: when the suite asks the policy, and it cannot be read.
        """
        from lineage_guard.gx.reuse import examine

        parameters = self.parameters(models, at)
        if ledger is None:
            return examine(rows, parameters, at, self.suite)
        return examine(rows, parameters, at, self.suite, ledger.evidence, ledger.put_evidence)

    def parameters(self, models: Sequence[ModelSource], at: datetime) -> dict[str, Any]:
        """What the suite is fed: by the declaration, and by the policy of ``guard()`` where it asks for that.

        Args:
            models: what the rows may name.
            at: when; the day of generation of models that say none.

        Raises:
            PolicyError: when the suite asks the policy, and it cannot be read.
        """
        fed = declared_parameters(self.suite, models)
        if self.use is not None and asks_policy(self.suite):
            from lineage_guard.gx.permitted import permitted_parameters

            _, policy = rulebook(self.settings or Settings())
            fed |= permitted_parameters(policy, self.use, models, terms_day(at))
        return fed

    def attest(
        self,
        instance: dg.DagsterInstance,
        graph: Any,
        ledger: Ledger,
        examine: Callable[[], tuple[Evidence, bool]],
        at: datetime,
        partitions: Sequence[str] | None = None,
    ) -> tuple[Evidence, bool, tuple[Version, ...]]:
        """Examine the rows, and attest the result for the versions they are.

        The rows that are in a table are those of its newest version, or of the newest versions of all
        its partitions. When another became newest while the suite ran, nobody can say which were
        seen, and nothing is attested.

        Args:
            instance: knows the newest versions.
            graph: the full asset graph.
            ledger: where the attestation is filed.
            examine: examines the rows.
            at: when, timezone-aware UTC.
            partitions: which partitions the table holds; ``None`` for all of them.

        Returns:
            The result, whether it was on file already, and the versions it is attested for.

        Raises:
            LedgerError: when the ledger cannot be read or written.
        """
        from lineage_guard.ledger.archive.attesting import Attestations

        before = newest(instance, graph, self.key, self.namespace, ledger, partitions)
        evidence, reused = examine()
        after = newest(instance, graph, self.key, self.namespace, ledger, partitions)
        if before != after or evidence.error is not None:
            return evidence, reused, ()
        attestations = Attestations(ledger.archive)
        for version in after:
            attestations.file(Attestation(version, self.name, evidence), at)
        return evidence, reused, after


def newest(
    instance: dg.DagsterInstance,
    graph: Any,
    key: dg.AssetKey,
    namespace: str,
    ledger: Ledger,
    partitions: Sequence[str] | None = None,
) -> tuple[Version, ...]:
    """The newest version of an asset, or of each of its partitions: those whose rows are in its table now.

    Args:
        instance: its event log says which.
        graph: the full asset graph.
        key: the asset.
        namespace: OpenLineage namespace.
        ledger: knows what the event log has lost.
        partitions: which partitions; ``None`` for every one that was materialised.
    """
    from lineage_guard.dagster.pins.history import History
    from lineage_guard.dagster.pins.recorded import LedgerRecords
    from lineage_guard.dagster.pins.resolve import Pins, graph_of

    full = graph_of(graph)
    log = EventLog(instance)
    history = History(log)
    pins = Pins(log, history, full, namespace, LedgerRecords(ledger, namespace))
    partitioned = full.has(key) and full.get(key).partitions_def is not None
    wanted = (set(partitions) if partitions is not None else None) if partitioned else {None}
    found = history.latest(key, cast("Any", wanted), log.head())
    log.runs(s.run_id for s in found.values())
    return tuple(sorted((pins.version(s) for s in found.values()), key=str))


def takes_context(table: object) -> bool:
    """Whether a function that says where rows are needs the context of a step for it."""
    return any(p.default is inspect.Parameter.empty for p in inspect.signature(cast("Any", table)).parameters.values())
