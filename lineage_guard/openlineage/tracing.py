"""Which inputs an output's own facets name, and whether content came through or only a choice.

Two standard facets say it: ``columnLineage`` (on an output; 1-0-0 without transformations,
1-1-0 and later with ``DIRECT`` and ``INDIRECT``, 1-2-0 with dataset-wide entries) and the
explicit ``lineage`` facet (on a dataset or a job). See https://openlineage.io/docs/spec/facets/.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from lineage_guard.domain.facts import Influence
from lineage_guard.openlineage.reading import Fields

Place = tuple[str, str]


@dataclass(slots=True)
class Traced:
    """What the facets of one target name as its sources.

    Attributes:
        datasets: source datasets; INDIRECT when every mention is INDIRECT, else DIRECT.
        jobs: source jobs, by (namespace, name), the same way.
    """

    datasets: dict[Place, Influence] = field(default_factory=dict[Place, Influence])
    jobs: dict[Place, Influence] = field(default_factory=dict[Place, Influence])

    def add(self, place: Place, influence: Influence, *, job: bool = False) -> None:
        """Note one mention."""
        known = self.jobs if job else self.datasets
        known[place] = influence if known.get(place, influence) is influence else Influence.DIRECT

    def join(self, other: Traced) -> None:
        """Note every mention of another."""
        for place, influence in other.datasets.items():
            self.add(place, influence)
        for place, influence in other.jobs.items():
            self.add(place, influence, job=True)


def traced(dataset: Fields) -> Traced:
    """The sources that a dataset's own facets name.

    Facets that are not shaped as their schema says are passed over as far as they are not:
    the inputs of the event stand without them.

    Example:
        >>> facet = {"fields": {"a": {"inputFields": [{"namespace": "d", "name": "t", "field": "x",
        ...                                           "transformations": [{"type": "INDIRECT"}]}]}}}
        >>> traced(Fields({"facets": {"columnLineage": facet}}, "event")).datasets
        {('d', 't'): <Influence.INDIRECT: 'INDIRECT'>}
    """
    found = Traced()
    if not dataset.has("facets"):
        return found
    facets = dataset.fields("facets")
    columns = _object(facets.raw.get("columnLineage"))
    if columns and columns.get("_deleted") is not True:
        entries = _objects(_object(columns.get("fields")).values())
        for source in (s for e in entries for s in _list(e.get("inputFields"))):
            _note(found, source)
        for source in _list(columns.get("dataset")):
            _note(found, source)
    explicit = _object(facets.raw.get("lineage"))
    if explicit and explicit.get("_deleted") is not True:
        _entry(found, explicit, None)
    return found


def explicit_entries(job: Fields) -> tuple[Traced, dict[Place, Traced]]:
    """What the ``lineage`` facet of a job says.

    Returns:
        The sources of the job itself, and the sources of each target it names, datasets and
        other jobs alike.
    """
    own, targets = Traced(), dict[Place, Traced]()
    facet = job.facet("facets", "lineage")
    if facet is None:
        return own, targets
    explicit = facet.raw
    this = (str(job.raw.get("namespace")), str(job.raw.get("name")))
    for entry in _list(explicit.get("entries")):
        place = _place(entry)
        target = own if place is None or place == this else targets.setdefault(place, Traced())
        _entry(target, entry, this)
    return own, targets


def _entry(found: Traced, entry: Mapping[str, Any], this: Place | None) -> None:
    fields = _objects(_object(entry.get("fields")).values())
    for source in [*_list(entry.get("inputs")), *(s for e in fields for s in _list(e.get("inputs")))]:
        _note(found, source, this)


def _note(found: Traced, source: Mapping[str, Any], this: Place | None = None) -> None:
    place = _place(source)
    job = source.get("type") == "JOB"
    # A job that names itself as a source made the data up: it has no source beyond the event's inputs.
    if place is not None and not (job and place == this):
        found.add(place, _influence(source), job=job)


def _influence(source: Mapping[str, Any]) -> Influence:
    types = [str(t.get("type", "")).upper() for t in _list(source.get("transformations"))]
    return Influence.INDIRECT if types and all(t == "INDIRECT" for t in types) else Influence.DIRECT


def _place(entry: Mapping[str, Any]) -> Place | None:
    namespace, name = entry.get("namespace"), entry.get("name")
    return (namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None


def _object(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}


def _objects(values: Any) -> Iterator[Mapping[str, Any]]:
    return (cast("Mapping[str, Any]", v) for v in values if isinstance(v, dict))


def _list(value: object) -> list[Mapping[str, Any]]:
    return list(_objects(cast("list[object]", value))) if isinstance(value, list | tuple) else []
