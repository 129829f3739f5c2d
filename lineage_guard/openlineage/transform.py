"""Another producer's event about an asset run, joined to what we know of the same run.

dagster-openlineage names jobs and datasets as we do, but its run is the whole Dagster run and its
inputs are empty. Joined, both tell one story: one run per asset and partition, with its inputs,
pins and models, whichever of the two a lineage backend hears first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from lineage_guard.openlineage.facets import Json
from lineage_guard.openlineage.foreign.hearing import OURS

if TYPE_CHECKING:
    from openlineage.client.event_v2 import RunEvent

#: How the producer of dagster-openlineage ends.
_DAGSTER = "/integration/dagster"


def is_asset_event(event: object) -> bool:
    """Whether an event is one of dagster-openlineage about one asset: its job is named as its only output.

    Args:
        event: an event of openlineage-python.
    """
    outputs = list(getattr(event, "outputs", None) or ())
    job, producer = getattr(event, "job", None), str(getattr(event, "producer", ""))
    if job is None or len(outputs) != 1 or producer.startswith(OURS) or not producer.endswith(_DAGSTER):
        return False
    return (job.namespace, job.name) == (outputs[0].namespace, outputs[0].name)


def joined(event: RunEvent, own: Mapping[str, Any]) -> RunEvent:
    """The event as one of our run: our run id, inputs and facets beside what it says itself.

    Args:
        event: of the other producer. Changed in place.
        own: our event of the same state of the same asset run.

    Returns:
        The event. Its own facets stay where both have one, but for ``parent``.
    """
    from openlineage.client.event_v2 import InputDataset, OutputDataset, Run

    run = cast("Json", own["run"])
    event.run = Run(
        runId=run["runId"],
        facets={**run["facets"], **(event.run.facets or {}), **_only(run["facets"], "parent")},
    )
    facets = {**own["job"].get("facets", {}), **(event.job.facets or {})}
    event.job.facets = facets
    said = {(i.namespace, i.name): i for i in event.inputs or ()}
    event.inputs = [
        InputDataset(
            namespace=i["namespace"],
            name=i["name"],
            facets={**i.get("facets", {}), **_facets(said.pop((i["namespace"], i["name"]), None))},
            inputFacets=i.get("inputFacets", {}),
        )
        for i in own["inputs"]
    ] + list(said.values())
    heard = {(o.namespace, o.name): o for o in event.outputs or ()}
    event.outputs = [
        OutputDataset(
            namespace=o["namespace"],
            name=o["name"],
            facets={**o.get("facets", {}), **_facets(heard.pop((o["namespace"], o["name"]), None))},
            outputFacets=o.get("outputFacets", {}),
        )
        for o in own["outputs"]
    ] + list(heard.values())
    return event


def renamed(event: RunEvent, run_id: str, parent: Json | None) -> RunEvent:
    """The event under our run id, where we do not know yet what the run read.

    A COMPLETE event loses its output: it would say that something was made of nothing known. Our own event
    of the same run brings it.

    Args:
        event: of the other producer. Changed in place.
        run_id: our run id.
        parent: our ``parent`` facet.
    """
    from openlineage.client.event_v2 import Run

    facets = dict(event.run.facets or {})
    event.run = Run(runId=run_id, facets={**facets, "parent": parent} if parent else facets)  # pyright: ignore[reportArgumentType]
    if event.eventType is not None and event.eventType.value == "COMPLETE":
        event.outputs = []
    return event


def _facets(dataset: Any) -> Json:
    return dict(dataset.facets or {}) if dataset is not None else {}


def _only(facets: Json, name: str) -> Json:
    return {name: facets[name]} if name in facets else {}
