"""Events in the shapes that producers really send them, written by hand."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

DAY = datetime(2026, 11, 1, tzinfo=UTC)
Event = dict[str, Any]


def run_id(name: str) -> str:
    """A run id that says nothing of its time."""
    return str(uuid5(NAMESPACE_URL, name))


def facet(name: str, version: str = "1-0-0", kind: str = "DatasetFacet", **fields: Any) -> dict[str, Any]:
    url = f"https://openlineage.io/spec/facets/{version}/{name[0].upper()}{name[1:]}{kind}.json"
    return {name: {"_producer": "https://example.com", "_schemaURL": url, **fields}}


def data(name: str, *facets: dict[str, Any]) -> dict[str, Any]:
    """A dataset of the warehouse; ``namespace|name`` for another namespace."""
    namespace, _, rest = name.rpartition("|")
    merged: dict[str, Any] = {}
    for f in facets:
        merged.update(f)
    return {"namespace": namespace or "warehouse", "name": rest} | ({"facets": merged} if merged else {})


def change(kind: str, before: str | None = None) -> dict[str, Any]:
    previous = {"previousIdentifier": {"namespace": "warehouse", "name": before}} if before else {}
    return facet("lifecycleStateChange", lifecycleStateChange=kind, **previous)


def symlink(name: str) -> dict[str, Any]:
    other = data(name)
    return facet("symlinks", identifiers=[{"namespace": other["namespace"], "name": other["name"], "type": "TABLE"}])


def model(name: str) -> dict[str, Any]:
    return data(name, facet("datasetType", datasetType="MODEL"))


def event(
    state: str,
    run: str,
    minute: float,
    inputs: Iterable[dict[str, Any]] = (),
    outputs: Iterable[dict[str, Any]] = (),
    job: str | None = None,
    **job_facets: Any,
) -> Event:
    """One RunEvent, as Airflow's, Spark's and dbt's clients write it."""
    facets = {"facets": job_facets} if job_facets else {}
    return {
        "eventType": state,
        "eventTime": (DAY + timedelta(minutes=minute)).isoformat(),
        "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.40.0/integration/spark",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "run": {"runId": run_id(run)},
        "job": {"namespace": "jobs", "name": job or run, **facets},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def ran(
    run: str, start: float, end: float, inputs: Iterable[dict[str, Any]], outputs: Iterable[dict[str, Any]]
) -> list[Event]:
    """A run as Spark reports it: inputs at START, outputs at COMPLETE."""
    return [event("START", run, start, inputs), event("COMPLETE", run, end, (), outputs)]


def dataset_event(minute: float, dataset: dict[str, Any]) -> Event:
    return {
        "eventTime": (DAY + timedelta(minutes=minute)).isoformat(),
        "producer": "https://example.com/catalog",
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/DatasetEvent",
        "dataset": dataset,
    }
