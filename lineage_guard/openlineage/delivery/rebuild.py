"""Archived events as the client's own event objects, with nothing lost.

Transports take attrs objects and look into a few of them (Kafka keys by the parent's job,
others by the job type). Facets stay dictionaries, which serialise as they are, except those
few. Fields the client has no place for are added to the object, so that foreign events pass
through whole. Imports ``openlineage.client``: never import this from ``encode`` or ``decode``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from openlineage.client import event_v2
from openlineage.client.facet_v2 import job_type_job, parent_run
from openlineage.client.serde import Serde
from openlineage.client.utils import add_additional_properties

from lineage_guard.domain.errors import EventError

if TYPE_CHECKING:
    from openlineage.client.client import Event

    from lineage_guard.openlineage.facets import Json


def rebuild(event: Mapping[str, Any]) -> Event:
    """The client's event object for an event.

    Args:
        event: a RunEvent, JobEvent or DatasetEvent as parsed JSON; it is copied, because
            clients and transports change what they are given.

    Raises:
        EventError: when the object would not serialise to the event again, or it is none.

    Example:
        >>> job = {"namespace": "d", "name": "j"}
        >>> rebuild({"eventTime": "2026-01-01T00:00:00Z", "producer": "https://example.com", "job": job}).job.name
        'j'
    """
    plain: Json = copy.deepcopy(dict(event))
    try:
        built = _event(plain)
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise _refused(event, f"it is no OpenLineage event: {type(e).__name__}: {e}") from e
    if Serde.to_dict(built) != Serde.to_dict(copy.deepcopy(dict(event))):
        raise _refused(event, "the client's event object does not hold all of it")
    return built


def _refused(event: Mapping[str, Any], why: str) -> EventError:
    run: Any = event.get("run")
    where = str(cast("Mapping[str, Any]", run).get("runId")) if isinstance(run, Mapping) else None
    return EventError(why, where=where, fix="have the event's producer mended; it stays in the archive as it is")


def _event(plain: Json) -> Event:
    kind: type[Any]
    parts: Json = dict(plain)
    schema_url = parts.pop("schemaURL", None)
    if "run" in parts:
        kind = event_v2.RunEvent
        parts["run"] = _with_parent(_make(event_v2.Run, parts["run"]))
        if parts.get("eventType") is not None:
            parts["eventType"] = event_v2.RunState(parts["eventType"])
    elif "job" in parts:
        kind = event_v2.JobEvent
    else:
        kind = event_v2.DatasetEvent
        parts["dataset"] = _make(event_v2.StaticDataset, parts["dataset"])
    if "job" in parts:
        parts["job"] = _with_job_type(_make(event_v2.Job, parts["job"]))
    for side, of in (("inputs", event_v2.InputDataset), ("outputs", event_v2.OutputDataset)):
        if parts.get(side) is not None:
            parts[side] = [_make(of, entry) for entry in parts[side]]
    built = _make(kind, parts)
    built.schemaURL = schema_url
    return cast("Event", built)


def _make(kind: type[Any], fields: Json) -> Any:
    """An attrs object with these fields, those it does not know as further attributes."""
    known: dict[str, str] = {a.name: a.alias for a in kind.__attrs_attrs__ if a.init}
    # Absent is not the same as empty: ``None`` is left out of the JSON, ``{}`` and ``[]`` are not.
    given = {alias: fields.get(name) for name, alias in known.items()}
    built = kind(**given)
    extra = {key: value for key, value in fields.items() if key not in known}
    return add_additional_properties(built, **extra) if extra else built


def _with_parent(run: Any) -> Any:
    fields = _standard(run.facets, "parent")
    if fields is not None:
        fields["run"] = _make(parent_run.Run, fields["run"])
        fields["job"] = _make(parent_run.Job, fields["job"])
        if isinstance(fields.get("root"), Mapping):
            root: Json = dict(fields["root"])
            root["run"] = _make(parent_run.RootRun, root["run"])
            root["job"] = _make(parent_run.RootJob, root["job"])
            fields["root"] = _make(parent_run.Root, root)
        run.facets["parent"] = _facet(parent_run.ParentRunFacet, fields)
    return run


def _with_job_type(job: Any) -> Any:
    fields = _standard(job.facets, "jobType")
    if fields is not None:
        job.facets["jobType"] = _facet(job_type_job.JobTypeJobFacet, fields)
    return job


def _standard(facets: Json | None, key: str) -> Json | None:
    found: Any = facets.get(key) if facets else None
    return dict(cast("Mapping[str, Any]", found)) if isinstance(found, Mapping) else None


def _facet(kind: type[Any], fields: Json) -> Any:
    schema_url = fields.pop("_schemaURL", None)
    built = _make(kind, fields)
    built._schemaURL = schema_url
    return built
