"""One foreign event to a ``Statement``: inputs, outputs, what became of them, other names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from lineage_guard.domain.facts import Influence, Pin, Production, Version
from lineage_guard.openlineage.facets import PINS, VERSIONS
from lineage_guard.openlineage.foreign.statement import Heard, Statement, Written
from lineage_guard.openlineage.foreign.tracing import Place, Traced, explicit_entries, traced
from lineage_guard.openlineage.reading import Fields

OURS = "https://github.com/lineage-guard/lineage-guard/tree/"
REPLACING = frozenset({"CREATE", "OVERWRITE", "TRUNCATE", "DROP"})
EMPTYING = frozenset({"TRUNCATE", "DROP"})

#: What our own facets on an output say of its making, or nothing.
ClaimOf = Callable[[Fields, Version], Production | None]


def is_own(event: Fields) -> bool:
    """Whether a RunEvent says everything itself: one of ours, or one that pins all it read and wrote."""
    if (event.maybe_text("producer") or "").startswith(OURS):
        return True
    outputs = list(event.items("outputs"))
    return (
        bool(outputs)
        and all(o.facet("outputFacets", VERSIONS) is not None for o in outputs)
        and all(i.facet("inputFacets", PINS) is not None or is_model(i) for i in event.items("inputs"))
    )


def hear_run(event: Fields, run: str, job: Place, at: datetime, claim_of: ClaimOf) -> Statement:
    """What a RunEvent says.

    Args:
        event: the event.
        run: its run id, in lower case.
        job: (namespace, name).
        at: its time.
        claim_of: reads our own facets.

    Raises:
        EventError: when an input or output cannot be understood.
    """
    own, targets = explicit_entries(event.fields("job"))
    inputs = list(event.items("inputs"))
    outputs = list(event.items("outputs"))
    written = [w for o in outputs for w in _written(o, run, own, targets, claim_of)]
    listed = {w.version[:2] for w in written}
    for place, sources in targets.items():
        if place not in listed:
            written.append(_with(Written(Version(*place, None, run), replaces=True, own=True), sources.settle()))
    heard = [h for i in inputs for h in _heard(i, job[0])]
    known = {h.version[:2] for h in heard}
    heard.extend(Heard(Version(*p), influence) for p, influence in own.settle().datasets.items() if p not in known)
    return Statement(
        run=run,
        job=job,
        at=at,
        state=event.maybe_text("eventType") or "OTHER",
        streaming=_is_streaming(event.fields("job")),
        producer=event.maybe_text("producer") or "",
        heard=tuple(heard),
        written=tuple(written),
        aliases=tuple(a for d in (*inputs, *outputs) for a in _aliases(d)),
    )


def hear_dataset(event: Fields, dataset: Fields, at: datetime, claim: Production | None) -> Statement | None:
    """What a DatasetEvent says of a dataset's life and of its other names; ``None`` when nothing.

    Raises:
        EventError: when the dataset cannot be understood.
    """
    place = (dataset.text("namespace"), dataset.text("name"))
    aliases = tuple(_aliases(dataset))
    change = _change(dataset)
    written: tuple[Written, ...] = ()
    # A change needs a version of its own; the same event always gets the same one.
    run = str(uuid5(NAMESPACE_URL, "\x1f".join((*place, at.isoformat(), change or ""))))
    if change in REPLACING or (change == "RENAME" and _formerly(dataset)):
        entry = Written(
            Version(*place, None, run), True, change in EMPTYING, _formerly(dataset), claim=claim and _for(claim, run)
        )
        written = (_with(entry, traced(dataset)),)
    if not (aliases or written):
        return None
    producer = event.maybe_text("producer") or ""
    return Statement(run, ("", ""), at, "COMPLETE", producer=producer, written=written, aliases=aliases)


def hear_aliases(event: Fields, at: datetime) -> Statement | None:
    """The other names that the datasets of a JobEvent have; ``None`` when there are none."""
    aliases = tuple(a for side in ("inputs", "outputs") for d in event.items(side) for a in _aliases(d))
    return Statement("", ("", ""), at, "OTHER", aliases=aliases) if aliases else None


def is_model(dataset: Fields) -> bool:
    """Whether a dataset is marked as a model."""
    facet = dataset.facet("facets", "datasetType")
    return facet is not None and (facet.maybe_text("datasetType") or "").upper() == "MODEL"


def is_supplier(namespace: str, job_namespace: str | None) -> bool:
    """Whether a model's namespace can be a provider or hub, rather than storage of one's own.

    A model that was trained in-house is a dataset with ancestors: taking it for a supplier's
    alone would lose them.
    """
    return "://" not in namespace and namespace != job_namespace


def written_versions(output: Fields, run: str | None, index: int) -> list[tuple[int, Version]]:
    """The versions an output names, each with its place in the order they were listed in."""
    namespace, name = output.text("namespace"), output.text("name")
    facet = output.facet("outputFacets", VERSIONS)
    if facet is None:
        return [(index, Version(namespace, name, None, run))]
    return [
        (v.integer("position"), Version(namespace, name, v.maybe_text("partition"), v.maybe_text("run")))
        for v in facet.items("versions")
    ]


def _written(
    output: Fields, run: str, own: Traced, targets: dict[Place, Traced], claim_of: ClaimOf
) -> Iterator[Written]:
    place = (output.text("namespace"), output.text("name"))
    change = _change(output)
    sources = traced(output, *([targets[place]] if place in targets else []))
    for source, influence in own.jobs.items():
        sources.add(source, influence, job=True)
    formerly = _formerly(output) if change == "RENAME" else None
    pinned = output.facet("outputFacets", VERSIONS) is not None
    for _, version in written_versions(output, run, 0):
        claim = claim_of(output, version)
        replaces = pinned or change in REPLACING or formerly is not None
        yield _with(Written(version, replaces, change in EMPTYING, formerly, claim=claim), sources)


def _with(written: Written, sources: Traced) -> Written:
    return written._replace(sources=tuple(sources.datasets.items()), jobs=tuple(sources.jobs.items()))


def _for(claim: Production, run: str) -> Production:
    return replace(claim, outputs=tuple(v._replace(run=run) for v in claim.outputs))


def _heard(dataset: Fields, job_namespace: str) -> Iterator[Heard]:
    place = (dataset.text("namespace"), dataset.text("name"))
    pins = dataset.facet("inputFacets", PINS)
    if pins is None:
        yield Heard(Version(*place), model=is_model(dataset) and is_supplier(place[0], job_namespace))
        return
    for pin in pins.items("pins"):
        version = Version(*place, pin.maybe_text("partition"), pin.maybe_text("run"))
        yield Heard(version, pin.maybe_one_of("influence", Influence) or Influence.DIRECT, pin.one_of("pin", Pin))


def _change(dataset: Fields) -> str | None:
    facet = dataset.facet("facets", "lifecycleStateChange")
    value = facet.raw.get("lifecycleStateChange") if facet else None
    return value.upper() if isinstance(value, str) else None


def _formerly(dataset: Fields) -> Place | None:
    facet = dataset.facet("facets", "lifecycleStateChange")
    previous = facet.maybe_fields("previousIdentifier") if facet else None
    return (previous.text("namespace"), previous.text("name")) if previous else None


def _aliases(dataset: Fields) -> Iterator[tuple[Place, Place]]:
    place = (dataset.text("namespace"), dataset.text("name"))
    facet = dataset.facet("facets", "symlinks")
    for other in facet.items("identifiers") if facet else ():
        alias = (other.text("namespace"), other.text("name"))
        if alias != place:
            yield place, alias


def _is_streaming(job: Fields) -> bool:
    facet = job.facet("facets", "jobType")
    kind = facet.raw.get("processingType") if facet else None
    return isinstance(kind, str) and kind.upper() == "STREAMING"
