"""Which inputs an output's own facets name, and whether content came through or only a choice.

Two standard facets say it: ``columnLineage`` (on an output; 1-0-0 without transformations,
1-1-0 and later with ``DIRECT`` and ``INDIRECT``, 1-2-0 with dataset-wide entries) and the
explicit ``lineage`` facet (on a dataset or a job). See https://openlineage.io/docs/spec/facets/.

A producer that says "INDIRECT" of a column says nothing of the columns it does not describe. So
it counts only where every column of the output's ``schema`` facet is described with its sources;
partial knowledge is DIRECT. "INDIRECT" of a whole dataset (the explicit facet's ``inputs``) stands.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
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
        described: columns of the target that are said to have sources.
        by_column: datasets and jobs of which columns speak, or filters of the columns.
    """

    datasets: dict[Place, Influence] = field(default_factory=dict[Place, Influence])
    jobs: dict[Place, Influence] = field(default_factory=dict[Place, Influence])
    described: set[str] = field(default_factory=set[str])
    by_column: set[Place] = field(default_factory=set[Place])

    def add(self, place: Place, influence: Influence, *, job: bool = False) -> None:
        """Note one mention."""
        known = self.jobs if job else self.datasets
        known[place] = influence if known.get(place, influence) is influence else Influence.DIRECT

    def settle(self, columns: Collection[str] = ()) -> Traced:
        """Take what columns say for DIRECT, unless all columns of the target are described.

        Args:
            columns: of the target; empty when they are not known.
        """
        if not describes(self.described, columns):
            for known in (self.datasets, self.jobs):
                known.update(dict.fromkeys(known.keys() & self.by_column, Influence.DIRECT))
        return self

    def join(self, other: Traced) -> None:
        """Note every mention of another."""
        for place, influence in other.datasets.items():
            self.add(place, influence)
        for place, influence in other.jobs.items():
            self.add(place, influence, job=True)
        self.described |= other.described
        self.by_column |= other.by_column


def describes(described: Collection[str], columns: Collection[str]) -> bool:
    """Whether column lineage speaks of every column there is.

    Args:
        described: the columns it names sources of.
        columns: the columns there are; empty when they are not known.
    """
    return bool(columns) and set(columns) <= set(described)


def traced(dataset: Fields, *more: Traced) -> Traced:
    """The sources that a dataset's own facets name.

    Args:
        dataset: the dataset.
        *more: what facets of its job name for it.

    Facets that are not shaped as their schema says are passed over as far as they are not:
    the inputs of the event stand without them.

    Example:
        >>> facet = {"fields": {"a": {"inputFields": [{"namespace": "d", "name": "t", "field": "x",
        ...                                           "transformations": [{"type": "INDIRECT"}]}]}}}
        >>> schema = {"fields": [{"name": "a"}]}
        >>> traced(Fields({"facets": {"schema": schema, "columnLineage": facet}}, "event")).datasets
        {('d', 't'): <Influence.INDIRECT: 'INDIRECT'>}
        >>> traced(Fields({"facets": {"columnLineage": facet}}, "event")).datasets
        {('d', 't'): <Influence.DIRECT: 'DIRECT'>}
    """
    found = Traced()
    for other in more:
        found.join(other)
    if not dataset.has("facets"):
        return found.settle()
    facets = dataset.fields("facets")
    columns = _object(facets.raw.get("columnLineage"))
    if columns and columns.get("_deleted") is not True:
        _columns(found, columns.get("fields"), "inputFields", None)
        for source in _list(columns.get("dataset")):
            _note(found, source, of_columns=True)
    explicit = _object(facets.raw.get("lineage"))
    if explicit and explicit.get("_deleted") is not True:
        _entry(found, explicit, None)
    return found.settle(_column_names(_object(facets.raw.get("schema"))))


def _column_names(schema: Mapping[str, Any]) -> list[str]:
    """The columns of a ``schema`` facet; none when any cannot be read, for then it does not say which there are."""
    fields: object = schema.get("fields")
    columns = cast("list[object]", fields) if isinstance(fields, list) and schema.get("_deleted") is not True else []
    names = [_object(c).get("name") for c in columns]
    return [n for n in names if isinstance(n, str)] if all(isinstance(n, str) for n in names) else []


def explicit_entries(job: Fields) -> tuple[Traced, dict[Place, Traced]]:
    """What the ``lineage`` facet of a job says.

    Returns:
        The sources of the job itself, and the sources of each target it names, datasets and
        other jobs alike. What they say of columns is not settled yet: see ``Traced.settle``.
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
    for source in _list(entry.get("inputs")):
        _note(found, source, this)
    _columns(found, entry.get("fields"), "inputs", this)


def _columns(found: Traced, columns: object, key: str, this: Place | None) -> None:
    for column, entry in _object(columns).items():
        for source in _list(_object(entry).get(key)):
            if _note(found, source, this, of_columns=True):
                found.described.add(str(column))


def _note(found: Traced, source: Mapping[str, Any], this: Place | None = None, *, of_columns: bool = False) -> bool:
    """Note one mention; whether it names a source."""
    place = _place(source)
    job = source.get("type") == "JOB"
    # A job that names itself as a source made the data up: it has no source beyond the event's inputs.
    if place is None or (job and place == this):
        return False
    found.add(place, _influence(source), job=job)
    if of_columns:
        found.by_column.add(place)
    return True


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
