"""OpenLineage events to facts. Our own come back whole; foreign ones say what they can.

What a foreign event does not say is not made up: an input without a pin is a version nobody
knows, held CONSERVATIVE, and an event that lists no inputs leaves its outputs UNKNOWN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from lineage_guard.domain.facts import (
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    ModelSource,
    Pin,
    Production,
    Version,
)
from lineage_guard.domain.verdict.runs import RunState
from lineage_guard.openlineage.codec import license_from, model_from
from lineage_guard.openlineage.datasets import is_uuid, model_node
from lineage_guard.openlineage.facets import DECISION, LICENSE, MODEL_SOURCE, PINS, SOURCE
from lineage_guard.openlineage.foreign.hearing import (
    hear_aliases,
    hear_dataset,
    hear_run,
    is_model,
    is_own,
    is_supplier,
    written_versions,
)
from lineage_guard.openlineage.foreign.statement import Statement
from lineage_guard.openlineage.foreign.tracing import Place, Traced, explicit_entries, traced
from lineage_guard.openlineage.reading import Fields

Kind = Literal["run", "job", "dataset"]


@dataclass(frozen=True)
class Decoded:
    """What one event says.

    Attributes:
        kind: RunEvent, JobEvent or DatasetEvent.
        run_id: of a RunEvent, in lower case.
        state: of a RunEvent; ``None`` for OTHER and for events without a type.
        at: event time, UTC.
        productions: what was made. Empty unless the run is COMPLETE.
        decision: the ``lineageGuard_decision`` facet as it stands; see ``verdicts.verdict_of``.
        source: where the record came from and its position there.
        job: (namespace, name); empty texts for a DatasetEvent.
        parent_run_id: the orchestrator's run id.
        producer: URI of who sent it.
        statement: what an event of another producer says, to be read together with its other
            events (``foreign.assemble``); ``productions`` is what this event says alone.
    """

    kind: Kind
    run_id: str | None
    state: RunState | None
    at: datetime
    productions: tuple[Production, ...]
    decision: dict[str, Any] | None
    source: tuple[str, int] | None
    job: tuple[str, str]
    parent_run_id: str | None
    producer: str
    statement: Statement | None = None


@dataclass(frozen=True)
class _Read:
    """The inputs of an event: data, and models that stand as input nodes."""

    inputs: tuple[Input, ...]
    models: tuple[ModelSource, ...]
    unpinned: tuple[str, ...]
    loose: frozenset[Version] = frozenset()


@dataclass(frozen=True)
class _Claim:
    """What an output's own facets say of its making; groups outputs that were made alike."""

    models: tuple[ModelSource, ...]
    completeness: Completeness
    asserted_by: Assertion
    produced_at: datetime | None
    artefact: str | None
    note: str | None


_Alike = tuple[_Claim | None, tuple[License, ...], tuple[tuple[Place, Influence], ...]]


def decode(event: Mapping[str, Any], *, alone: bool = True) -> Decoded:
    """Read one event.

    Args:
        event: a RunEvent, JobEvent or DatasetEvent of any producer, as parsed JSON.
        alone: also say what a RunEvent with a ``statement`` means by itself; a reader that
            puts statements together has no use for it.

    Raises:
        EventError: when it cannot be understood; the error names the field.

    Example:
        >>> decode({"eventTime": "2026-01-01T00:00:00Z", "producer": "https://example.com",
        ...         "job": {"namespace": "d", "name": "j"}, "outputs": []}).kind
        'job'
    """
    fields = Fields(event, "event")
    if fields.has("run"):
        return _run_event(fields, alone)
    if fields.has("job"):
        return _job_event(fields)
    if fields.has("dataset"):
        return _dataset_event(fields)
    raise fields.bad("run", "neither a run, a job nor a dataset: this is no OpenLineage event")


def _run_event(fields: Fields, alone: bool) -> Decoded:
    run = fields.fields("run")
    run_id = run.text("runId").lower()
    if not is_uuid(run_id):
        raise run.bad("runId", f"expected a UUID, found {run_id!r}")
    kind = fields.maybe_text("eventType")
    state = None if kind in (None, "OTHER") else fields.one_of("eventType", RunState)
    at = fields.time("eventTime")
    decision = run.facet("facets", DECISION)
    source = run.facet("facets", SOURCE)
    parent = run.facet("facets", "parent")
    parent_run_id = source.maybe_text("orchestratorRunId") if source else None
    if parent_run_id is None and parent is not None:
        # Decides nothing, so a parent that names no run is no reason to lose the event.
        named = parent.raw.get("run")
        found = cast("Mapping[str, Any]", named).get("runId") if isinstance(named, Mapping) else None
        parent_run_id = found if isinstance(found, str) else None
    productions: tuple[Production, ...] = ()
    own = is_own(fields)
    if state is RunState.COMPLETE and (own or alone):
        productions = _productions(fields, run_id, at, Assertion.OBSERVED, own)
    job = _job(fields)
    return Decoded(
        kind="run",
        run_id=run_id,
        state=state,
        at=at,
        productions=productions,
        decision=dict(decision.raw) if decision else None,
        source=(source.text("source"), source.integer("position")) if source and source.has("source") else None,
        job=job,
        parent_run_id=parent_run_id,
        producer=fields.maybe_text("producer") or "",
        statement=None if own else hear_run(fields, run_id, job, at, _claimed),
    )


def _job_event(fields: Fields) -> Decoded:
    at = fields.time("eventTime")
    return Decoded(
        kind="job",
        run_id=None,
        state=None,
        at=at,
        productions=_productions(fields, None, None, Assertion.DECLARED, False),
        decision=None,
        source=None,
        job=_job(fields),
        parent_run_id=None,
        producer=fields.maybe_text("producer") or "",
        statement=hear_aliases(fields, at),
    )


def _dataset_event(fields: Fields) -> Decoded:
    """A DatasetEvent counts when it holds our facets, explicit lineage, a change of life or other names."""
    dataset = fields.fields("dataset")
    version = Version(dataset.text("namespace"), dataset.text("name"))
    at = fields.time("eventTime")
    production = _claimed(dataset, version)
    sources = traced(dataset)
    if sources.datasets or sources.jobs:
        read = _with_traced(_Read((), (), ()), sources)
        claim = _claim(dataset) or _foreign_claim(fields, read, (), None, Assertion.DECLARED)
        production = _production((version,), read, claim, _licenses(dataset))
    return Decoded(
        kind="dataset",
        run_id=None,
        state=None,
        at=at,
        productions=(production,) if production else (),
        decision=None,
        source=None,
        job=("", ""),
        parent_run_id=None,
        producer=fields.maybe_text("producer") or "",
        statement=hear_dataset(fields, dataset, at, production),
    )


def _claimed(dataset: Fields, version: Version) -> Production | None:
    """What our own facets on a dataset say of it, its inputs left out."""
    claim = _claim(dataset)
    licenses = _licenses(dataset)
    if claim is not None:
        return _production((version,), _Read((), (), ()), claim, licenses)
    if not licenses:
        return None
    return Production(
        (version,), completeness=Completeness.UNKNOWN, licenses=licenses, note="only its licence is on record"
    )


def _job(fields: Fields) -> tuple[str, str]:
    job = fields.fields("job")
    return (job.text("namespace"), job.text("name"))


def _productions(
    fields: Fields, run_id: str | None, at: datetime | None, asserted_by: Assertion, pinned: bool
) -> tuple[Production, ...]:
    """One production for all outputs whose own facets say the same of their making."""
    # What pins all it read needs no facet to say what that was.
    own, targets = (Traced(), {}) if pinned else explicit_entries(fields.fields("job"))
    groups: dict[_Alike, list[tuple[int, Version]]] = {}
    for index, output in enumerate(fields.items("outputs")):
        written = written_versions(output, run_id, index)
        sources = () if pinned else _sources(output, own, targets)
        groups.setdefault((_claim(output), _licenses(output), sources), []).extend(written)
    declared = dict.fromkeys(m for claim, *_ in groups if claim for m in claim.models)
    listed = _inputs(fields, {model_node(m) for m in declared})
    made: list[Production] = []
    for (claim, licenses, sources), written in groups.items():
        versions = tuple(version for _, version in sorted(written, key=lambda w: w[0]))
        read = _with_traced(listed, Traced(dict(sources)))
        if claim is None:
            # What a sibling output says of a model does not clear this one of it.
            claim = _foreign_claim(fields, read, tuple(declared), at, asserted_by)
        made.append(_production(versions, read, claim, licenses))
    return tuple(made)


def _sources(output: Fields, own: Traced, targets: dict[Place, Traced]) -> tuple[tuple[Place, Influence], ...]:
    """Source datasets and jobs that facets name for one output."""
    place = (output.text("namespace"), output.text("name"))
    sources = traced(output, own, *([targets[place]] if place in targets else []))
    for job, influence in sources.jobs.items():
        sources.add(job, influence)
    return tuple(sources.datasets.items())


def _with_traced(read: _Read, sources: Traced) -> _Read:
    """The inputs with the influence that facets give them, and with those that only facets name.

    An input with a pin keeps what the pin says.
    """
    known = {i.version[:2] for i in read.inputs}
    inputs = tuple(
        i._replace(influence=sources.datasets.get(i.version[:2], i.influence)) if i.version in read.loose else i
        for i in read.inputs
    )
    added = {Version(*p): influence for p, influence in (sources.datasets | sources.jobs).items() if p not in known}
    more = tuple(Input(v, influence, Pin.CONSERVATIVE) for v, influence in added.items())
    return _Read(inputs + more, read.models, read.unpinned + tuple(str(v) for v in added), read.loose)


def _production(outputs: tuple[Version, ...], read: _Read, claim: _Claim, licenses: tuple[License, ...]) -> Production:
    unpinned = f"read without a version: {', '.join(read.unpinned)}" if read.unpinned else None
    return Production(
        outputs=outputs,
        inputs=read.inputs,
        models=claim.models + tuple(m for m in read.models if m not in claim.models),
        produced_at=claim.produced_at,
        asserted_by=claim.asserted_by,
        completeness=claim.completeness,
        licenses=licenses,
        artefact=claim.artefact,
        note="; ".join(part for part in (claim.note, unpinned) if part) if unpinned else claim.note,
    )


def _foreign_claim(
    fields: Fields, read: _Read, declared: tuple[ModelSource, ...], at: datetime | None, asserted_by: Assertion
) -> _Claim:
    listed = bool(read.inputs or read.models or declared)
    return _Claim(
        models=declared,
        completeness=Completeness.COMPLETE if listed else Completeness.UNKNOWN,
        asserted_by=asserted_by,
        produced_at=at,
        artefact=None,
        note=None if listed else f"{fields.maybe_text('producer') or 'its producer'} lists no inputs",
    )


def _claim(dataset: Fields) -> _Claim | None:
    facet = dataset.facet("facets", MODEL_SOURCE)
    if facet is None:
        return None
    return _Claim(
        models=tuple(model_from(m) for m in facet.items("models")),
        completeness=facet.maybe_one_of("completeness", Completeness) or Completeness.UNKNOWN,
        asserted_by=facet.maybe_one_of("assertedBy", Assertion) or Assertion.DECLARED,
        produced_at=facet.maybe_time("producedAt"),
        artefact=facet.maybe_text("artefact"),
        note=facet.maybe_text("note"),
    )


def _licenses(dataset: Fields) -> tuple[License, ...]:
    facet = dataset.facet("facets", LICENSE)
    return tuple(license_from(x) for x in facet.items("licenses")) if facet else ()


def _inputs(fields: Fields, declared: set[tuple[str, str]]) -> _Read:
    pinned: list[tuple[int, Input]] = []
    loose: list[Input] = []
    models: list[ModelSource] = []
    unpinned: list[str] = []
    job = fields.maybe_fields("job")
    for dataset in fields.items("inputs"):
        place = (dataset.text("namespace"), dataset.text("name"))
        pins = dataset.facet("inputFacets", PINS)
        if pins is not None:
            pinned.extend(_pin(place, pin) for pin in pins.items("pins"))
            continue
        model = is_model(dataset)
        if model and place in declared:
            continue
        if model and is_supplier(place[0], job.maybe_text("namespace") if job else None):
            models.append(ModelSource(provider=place[0], model=place[1]))
            continue
        loose.append(Input(Version(*place), Influence.DIRECT, Pin.CONSERVATIVE))
        unpinned.append(f"{place[0]}:{place[1]}")
    ordered = tuple(edge for _, edge in sorted(pinned, key=lambda p: p[0]))
    return _Read(ordered + tuple(loose), tuple(models), tuple(unpinned), frozenset(edge.version for edge in loose))


def _pin(place: tuple[str, str], pin: Fields) -> tuple[int, Input]:
    version = Version(*place, pin.maybe_text("partition"), pin.maybe_text("run"))
    influence = pin.maybe_one_of("influence", Influence) or Influence.DIRECT
    return pin.integer("position"), Input(version, influence, pin.one_of("pin", Pin))
