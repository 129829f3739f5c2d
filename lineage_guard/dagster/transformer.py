"""Beside dagster-openlineage: a transformer that joins its events to our runs before they are sent.

In ``openlineage.yml``, around the transport that is there already::

    transport:
      type: transform
      transformer_class: lineage_guard.dagster.transformer.LineageGuardTransformer
      transport:
        type: http
        url: https://lineage.example.com
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from openlineage.client.transport.transform import EventTransformer

from lineage_guard.dagster import compat
from lineage_guard.dagster.settings import ledger_location, lineage_namespace
from lineage_guard.domain.verdict.runs import AssetRun, ParentRun, RunState, asset_run_id
from lineage_guard.openlineage.transform import is_asset_event, joined, renamed

if TYPE_CHECKING:
    from openlineage.client.client import Event
    from openlineage.client.event_v2 import RunEvent

_log = logging.getLogger(__name__)


class LineageGuardTransformer(EventTransformer):
    """Gives dagster-openlineage's asset events our run id, inputs and facets.

    What a run read comes from the step it is in, else from the ledger. Where neither knows it yet, the
    event keeps our run id only, and our own event of the same run completes it. Any other event passes
    as it is, and so does every event when something goes wrong here: telling is not the gate.

    Args:
        properties: ``ledger`` and ``namespace``, as for ``guard()``; both may be left out.
    """

    def transform(self, event: Event) -> Event | None:
        """Join one event.

        Args:
            event: any event of openlineage-python.
        """
        if not is_asset_event(event):
            return event
        run_event: RunEvent = event  # pyright: ignore[reportAssignmentType]
        try:
            return self._joined(run_event)
        except Exception as error:  # noqa: BLE001  the event is another producer's; it is sent as it would have been
            _log.warning("lineage_guard left an event of dagster-openlineage as it is: %s", error)
            return event

    def _joined(self, event: RunEvent) -> Event | None:
        from lineage_guard.dagster.events import EventLog
        from lineage_guard.openlineage.encode import event_of

        step = compat.current_step()
        instance = step.instance if step is not None else dg.DagsterInstance.get()
        times = EventLog(instance).run(event.run.runId)
        over = event.eventType is not None and event.eventType.value == RunState.COMPLETE
        if times is None:
            # Dagster plans assets before it stores the run. Such a START could never be joined and would stay open.
            return event if over else None
        namespace = lineage_namespace(self.properties.get("namespace"))
        key = dg.AssetKey(event.job.name.split("/"))
        found = _materialization(instance, key, event) if over else None
        if over and found is None:
            return event
        partition = found.partition_key if found is not None else _planned(instance, key, event.run.runId)
        ours = asset_run_id(event.run.runId, event.job.name, partition, times.created)
        parent = ParentRun(event.run.runId, namespace, times.job_name)
        if found is not None:
            run = self._known(instance, step, found, namespace, ours, parent)
            if run is not None:
                return joined(event, event_of(run))
        return renamed(event, ours, _parent_facet(parent))

    def _known(
        self,
        instance: dg.DagsterInstance,
        step: dg.OpExecutionContext | None,
        record: dg.EventLogRecord,
        namespace: str,
        ours: str,
        parent: ParentRun,
    ) -> AssetRun | None:
        """The asset run that a materialisation ended: as its step knows it, else as the ledger has it."""
        from lineage_guard.dagster.collect.collect import Collector
        from lineage_guard.dagster.events import name_of, stored_of
        from lineage_guard.domain.facts import Version
        from lineage_guard.ledger import open_ledger

        ledger = open_ledger(ledger_location(self.properties.get("ledger")))
        stored = stored_of(record)
        name = name_of(stored.key)
        version = Version(namespace, name, stored.partition, ours)
        made = ledger.productions([version]).get(version)
        if made is not None and version in made.outputs:
            at = datetime.fromtimestamp(stored.timestamp, UTC)
            return AssetRun(ours, RunState.COMPLETE, at, namespace, name, made, parent)
        if step is None or not step.has_assets_def:
            return None
        graph = step.job_def.asset_layer.asset_graph
        runs, _ = Collector(instance, graph, ledger, namespace, datetime.now(UTC)).completed([stored])
        return next((r for r in runs if r.run_id == ours), None)


def _materialization(instance: dg.DagsterInstance, key: dg.AssetKey, event: RunEvent) -> dg.EventLogRecord | None:
    """The record that an event was made of: of its run, and logged at its time."""
    at = datetime.fromisoformat(event.eventTime)
    mine = [r for r in instance.fetch_materializations(key, limit=100).records if r.run_id == event.run.runId]
    near = [r for r in mine if abs(r.timestamp - at.timestamp()) < 0.001]  # an event's time has microseconds or less
    return near[0] if near else None


def _planned(instance: dg.DagsterInstance, key: dg.AssetKey, run_id: str) -> str | None:
    """The partition that a run was planned to write of an asset; ``None`` without partitions or for a range."""
    planned = instance.get_records_for_run(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED).records
    partitions = {r.partition_key for r in planned if r.asset_key == key}
    return partitions.pop() if len(partitions) == 1 else None


def _parent_facet(parent: ParentRun) -> dict[str, Any]:
    from lineage_guard.openlineage.encode import orchestrator_run_uuid
    from lineage_guard.openlineage.facets import default_producer, facet

    return facet(
        "parent",
        default_producer(),
        {
            "run": {"runId": orchestrator_run_uuid(parent.run_id)},
            "job": {"namespace": parent.job_namespace, "name": parent.job_name},
        },
    )
