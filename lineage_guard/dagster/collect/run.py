"""From one materialisation to the asset run it was part of: models, inputs and what else is cheap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from dagster import (
    AssetKey,
    AssetMaterialization,
    EventLogRecord,
    MultiPartitionsDefinition,
    PartitionsDefinition,
    TimeWindowPartitionsDefinition,
)

from lineage_guard.dagster.collect.columns import column_edges, columns_said, unseen_sources
from lineage_guard.dagster.compat import CODE_VERSION_TAG, BaseAssetNode, TableMetadataSet
from lineage_guard.dagster.declare import APPEND, declaration_of
from lineage_guard.dagster.events import EventLog, Stored, name_of, stored_of, utc
from lineage_guard.dagster.observed import observation_of
from lineage_guard.dagster.pins.facts import writes_of
from lineage_guard.dagster.pins.mapping import existing
from lineage_guard.dagster.pins.resolve import Graph, Pins, Read, Reading, pointers_of
from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.declared.influence import influences
from lineage_guard.domain.declared.observation import Observation
from lineage_guard.domain.declared.observed import with_observation
from lineage_guard.domain.declared.provenance import ProductionFacts, in_partitions, production_facts
from lineage_guard.domain.errors import DeclarationError
from lineage_guard.domain.facts import Assertion, Completeness, Influence, Input, Pin, Production, Version
from lineage_guard.domain.lineage.days import on_each_day
from lineage_guard.domain.lineage.reached import terms_day
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState

_ELSEWHERE = (
    "no definition of it is loaded here and nothing was declared when it ran, so models it used may be missing; "
    "the sensor of the code location that defines it completes the record, or `lineage-guard sync` with all of them; "
    "guard that code location if it is not"
)
_NOT_ITS_STEP = (
    "it was not written by its own step but logged or reported by something else, and nothing says what that read; "
    "materialise the asset itself, or log it with metadata from declare(...) or source(...)"
)
_FROM_CODE = "the declaration is the one in today's code; none was recorded when it ran"


class AssetRuns:
    """Makes asset runs of log records.

    Args:
        log: the event log.
        pins: resolves what was read.
        graph: the full asset graph.
        namespace: OpenLineage namespace of this deployment's assets.
    """

    def __init__(self, log: EventLog, pins: Pins, graph: Graph, namespace: str) -> None:
        self._log = log
        self._pins = pins
        self._graph = graph
        self._namespace = namespace

    def completed(self, record: EventLogRecord, reading: Reading) -> AssetRun:
        """The COMPLETE state of the asset run that one materialisation ended.

        Anything odd about the record keeps its production from being COMPLETE, with the reason
        in its note: what cannot be read was not clean.
        """
        stored = stored_of(record)
        node = self._node(stored.key)
        materialization = record.asset_materialization
        from_a_step = pointers_of(record) is not None
        facts, declaration, recorded, notes = self._facts(stored, materialization, node, reading, from_a_step)
        version = self._pins.version(stored)
        metadata = _metadata(materialization)
        said = columns_said(metadata, declaration, recorded and from_a_step, reading, self._graph)
        indirect = declaration.indirect if declaration else ()
        how = influences(version.name, [r.version.name for r in reading.reads], said, indirect)
        inputs = tuple(Input(r.version, how.of[r.version.name], r.pin) for r in reading.reads)
        inputs += declaration.inputs if declaration else ()
        appends = writes_of(record, self._graph) == APPEND
        if node is not None and (unseen := unseen_sources(metadata, stored.key, reading.reads, self._graph, appends)):
            facts = facts._replace(completeness=Completeness.INCOMPLETE)
            notes += unseen
        notes = [n for n in (facts.note, *notes, *how.notes, *reading.notes) if n]
        production = Production(
            outputs=(version,),
            inputs=inputs,
            models=on_each_day(facts.models, self._began(stored, record), utc(stored.timestamp)),
            produced_at=utc(stored.timestamp),
            asserted_by=facts.asserted_by,
            completeness=_seen(facts, reading),
            licenses=facts.licenses,
            artefact=facts.artefact,
            note="; ".join(notes) or None,
        )
        base = self._completed(stored, version, production)
        return _with_extras(base, materialization, node, stored, reading.reads)

    def unreadable(self, stored: Stored, why: str) -> AssetRun:
        """The asset run of a materialisation whose record could not be understood."""
        version = self._pins.version(stored)
        production = Production(
            outputs=(version,),
            produced_at=utc(stored.timestamp),
            asserted_by=Assertion.INFERRED,
            completeness=Completeness.UNKNOWN,
            note=f"its record in the event log could not be read: {why}",
        )
        return self._completed(stored, version, production)

    def _began(self, stored: Stored, record: EventLogRecord) -> datetime | None:
        """When its step began, of a graph the first one; when the run did, where that is the same day."""
        run = self._log.run(stored.run_id)
        if run is None or run.started is None:
            return None
        began = utc(run.started)
        step = (record.event_log_entry.step_key or "").partition(".")[0]
        if terms_day(began) == terms_day(utc(stored.timestamp)) or not step:
            return began  # most runs end on the day of their beginning, and nobody need ask when their steps began
        starts = self._log.step_starts(stored.run_id)
        return min((utc(b.timestamp) for key, b in starts.items() if key.partition(".")[0] == step), default=began)

    def _completed(self, stored: Stored, version: Version, production: Production) -> AssetRun:
        """The asset run that a materialisation ends."""
        return AssetRun(
            run_id=cast("str", version.run),
            state=RunState.COMPLETE,
            at=utc(stored.timestamp),
            job_namespace=self._namespace,
            job_name=version.name,
            production=production,
            parent=self._parent(stored.run_id),
            source=(self._log.source, stored.storage_id),
        )

    def ended(self, stored: Stored, state: RunState, error: str | None) -> AssetRun:
        """The FAIL or ABORT state of an asset run that wrote nothing.

        Args:
            stored: the asset partition, and when and where in the log it ended.
            state: FAIL or ABORT.
            error: message of the failure.
        """
        version = self._pins.version(stored)
        node = self._node(stored.key)
        return AssetRun(
            run_id=cast("str", version.run),
            state=state,
            at=utc(stored.timestamp),
            job_namespace=self._namespace,
            job_name=version.name,
            production=Production(outputs=(version,), completeness=Completeness.UNKNOWN),
            parent=self._parent(stored.run_id),
            error=error,
            owners=tuple(node.owners) if node else (),
            description=node.description if node else None,
            source=(self._log.source, stored.storage_id),
        )

    def outside(self, key: AssetKey, reading: Reading, now: datetime) -> AssetRun:
        """What is declared of an asset that this deployment does not make.

        Args:
            key: the asset.
            reading: what it is declared to be made from, when it is.
            now: the time; its day dates the statement, so that all processes say the same.
        """
        node = self._graph.get(key)
        name = name_of(key)
        declaration, notes = _declared(node.metadata, name)
        view = bool(getattr(node, "is_virtual", False))
        facts = production_facts(declaration, has_deps=reading.has_deps, is_external=not view)
        indirect = declaration.indirect if declaration else ()
        version = self._pins.declared(key)
        production = Production(
            outputs=(version,),
            inputs=tuple(_input(r, indirect)._replace(pin=Pin.CONSERVATIVE) for r in reading.reads)
            + (declaration.inputs if declaration else ()),
            models=facts.models,
            asserted_by=facts.asserted_by,
            completeness=Completeness.INCOMPLETE if notes else facts.completeness,
            licenses=facts.licenses,
            artefact=facts.artefact,
            note="; ".join(n for n in (facts.note, *notes) if n) or None,
        )
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return AssetRun(
            run_id=cast("str", version.run),
            state=RunState.COMPLETE,
            at=day,
            job_namespace=self._namespace,
            job_name=name,
            production=production,
            tags=tuple(sorted(node.tags.items())),
            owners=tuple(node.owners),
            description=node.description,
        )

    def _facts(
        self,
        stored: Stored,
        materialization: AssetMaterialization | None,
        node: BaseAssetNode | None,
        reading: Reading,
        from_a_step: bool,
    ) -> tuple[ProductionFacts, Declaration | None, bool, list[str]]:
        """What follows from the declaration, that itself, whether it was recorded, and what to say of it."""
        name = name_of(stored.key)
        metadata = _metadata(materialization)
        declaration, notes = _declared(metadata, name)
        recorded = declaration is not None
        if declaration is None and node is not None and not notes:
            declaration, notes = _declared(node.metadata, name)
        unreadable = bool(notes)
        external = node is not None and not node.is_materializable and not from_a_step
        facts = production_facts(declaration, has_deps=reading.has_deps, is_external=external)
        if node is not None:
            exists = existing(node.partitions_def, self._log.instance)
            facts = in_partitions(facts, [stored.partition], reading.has_deps, exists)
        else:  # nobody here knows which partitions there are
            facts = in_partitions(facts, [stored.partition], reading.has_deps)
        observation, unread = _observed(metadata, name)
        facts = with_observation(facts, declaration, observation, stored.partition)
        notes += unread
        if not recorded:
            facts = facts._replace(asserted_by=Assertion.INFERRED)
            if declaration is not None and not external:
                notes.append(_FROM_CODE)
            elif declaration is None and (node is None or (from_a_step and not node.is_materializable)):
                # Ignorance, not a gap: the code location that defines it may collect it later.
                facts = facts._replace(completeness=Completeness.UNKNOWN)
                notes.append(_ELSEWHERE)
            elif declaration is None and not from_a_step and node is not None and node.is_materializable:
                facts = facts._replace(completeness=Completeness.INCOMPLETE)
                notes.append(_NOT_ITS_STEP)
        if unreadable or unread:
            facts = facts._replace(completeness=Completeness.INCOMPLETE)
        return facts, declaration, recorded, notes

    def _node(self, key: AssetKey) -> BaseAssetNode | None:
        return self._graph.get(key) if self._graph.has(key) else None

    def _parent(self, run_id: str) -> ParentRun | None:
        run = self._log.run(run_id)
        return ParentRun(run_id, self._namespace, run.job_name) if run else None


def _seen(facts: ProductionFacts, reading: Reading) -> Completeness:
    """What is declared, unless it could not be seen what was read."""
    if not reading.notes or facts.completeness is Completeness.INCOMPLETE:
        return facts.completeness
    # UNKNOWN beside an artefact's name asks the catalog, and that knows nothing of what was read here.
    return Completeness.INCOMPLETE if facts.artefact else Completeness.UNKNOWN


def begun(run: AssetRun, at: float) -> AssetRun:
    """The START state of an asset run that was seen to end.

    Args:
        run: its COMPLETE state.
        at: when its step began, seconds since the epoch.
    """
    return replace(
        run, state=RunState.START, at=utc(at), source=None, row_count=None, columns=(), column_lineage=(), checks=()
    )


def _metadata(materialization: AssetMaterialization | None) -> Mapping[str, object]:
    return materialization.metadata if materialization else {}


def _declared(metadata: Mapping[str, object], name: str) -> tuple[Declaration | None, list[str]]:
    try:
        return declaration_of(metadata, name), []
    except DeclarationError as error:
        return None, [f"its declaration cannot be read: {error.what}"]


def _observed(metadata: Mapping[str, object], name: str) -> tuple[Observation | None, list[str]]:
    try:
        return observation_of(metadata, name), []
    except DeclarationError as error:
        return None, [f"what was observed while it was made cannot be read: {error.what}"]


def _input(read: Read, indirect: Iterable[str]) -> Input:
    return Input(read.version, Influence.INDIRECT if read.version.name in indirect else Influence.DIRECT, read.pin)


def _with_extras(
    base: AssetRun,
    materialization: AssetMaterialization | None,
    node: BaseAssetNode | None,
    stored: Stored,
    reads: Iterable[Read],
) -> AssetRun:
    """Add what backends like to show. None of it decides anything, so none of it may fail."""
    tags = (materialization.tags if materialization else None) or {}
    code_version = tags.get(CODE_VERSION_TAG)
    try:
        metadata = _metadata(materialization)
        table = TableMetadataSet.extract(cast("Mapping[str, Any]", metadata))
        return replace(
            base,
            nominal=_window(node.partitions_def if node else None, stored.partition),
            columns=tuple((c.name, c.type) for c in table.column_schema.columns) if table.column_schema else (),
            column_lineage=tuple(column_edges(metadata, reads)),
            row_count=table.row_count if table.row_count is not None else table.partition_row_count,
            tags=tuple(sorted(node.tags.items())) if node else (),
            owners=tuple(node.owners) if node else (),
            description=(node.description if node else None) or (materialization and materialization.description),
            code_version=code_version if code_version != stored.run_id else None,
        )
    except Exception:  # noqa: BLE001  decoration of a sound record; the lineage above stands without it
        return base


def _window(definition: PartitionsDefinition | None, partition: str | None) -> tuple[datetime, datetime] | None:
    if partition is None or definition is None:
        return None
    if isinstance(definition, MultiPartitionsDefinition):
        if not definition.has_time_window_dimension:
            return None
        key = definition.get_partition_key_from_str(partition).keys_by_dimension[definition.time_window_dimension.name]
        window = definition.time_window_partitions_def.time_window_for_partition_key(key)
    elif isinstance(definition, TimeWindowPartitionsDefinition):
        window = definition.time_window_for_partition_key(partition)
    else:
        return None
    return utc(window.start.timestamp()), utc(window.end.timestamp())
