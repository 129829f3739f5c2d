"""All foreign statements together to productions with versions on both sides.

A function of the set of statements: in which order they arrived, and how often, changes nothing.

- A run made what it wrote when it completed; a run that only failed made nothing. A streaming
  job writes while it runs.
- Inputs and outputs of all events of a run are its inputs and outputs.
- Its models may have answered on every day from its first event to the one that ended it.
- An input without a version means what the run may have read; see ``timeline``.
- A write that does not say that it replaced what was there (CREATE, OVERWRITE, TRUNCATE, DROP)
  may have been an append: what the dataset held before is among its ancestors.
- A renamed dataset has the one it was among its ancestors. Symlinks are other names of the same dataset.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lineage_guard.domain.facts import (
    Assertion,
    Completeness,
    Influence,
    Input,
    ModelSource,
    Pin,
    Production,
    Version,
    union,
)
from lineage_guard.domain.lineage.days import on_each_day
from lineage_guard.openlineage.datasets import model_node
from lineage_guard.openlineage.foreign.statement import Heard, Statement, Written
from lineage_guard.openlineage.foreign.timeline import ALWAYS, Span, Timeline, Write, born, micros
from lineage_guard.openlineage.foreign.tracing import Place, Traced

_ENDS = frozenset({"COMPLETE", "FAIL", "ABORT"})
#: The longest run whose days are listed one by one. Beyond it is a stream of years, or a clock that stood at 1970.
_LISTED = timedelta(days=366)

#: Writes of our own that fall under some names, for reads that name no version.
OwnWrites = Callable[[Collection[Place]], Iterable[Write]]


@dataclass(frozen=True)
class Foreign:
    """What foreign producers are known to have made.

    Attributes:
        productions: by the version that was written.
        timeline: every write that an unpinned read may mean.
    """

    productions: dict[Version, Production]
    timeline: Timeline


@dataclass(slots=True)
class _Run:
    """One run, with everything its events say."""

    id: str
    span: Span
    began: datetime
    at: datetime
    job: Place
    producer: str
    heard: tuple[Heard, ...]
    written: dict[Version, list[Written]]


def assemble(statements: Iterable[Statement], own_writes: OwnWrites = lambda _: ()) -> Foreign:
    """Read all statements together.

    Args:
        statements: in any order; repeated ones count once.
        own_writes: what our own runs wrote under the names it is given.
    """
    events = set(statements)
    job_reads = {job for e in events for w in e.written for job, _ in w.jobs}
    by_run: dict[str, list[Statement]] = defaultdict(list)
    for e in events:
        if e.run:
            by_run[e.run].append(e)
    runs = [r for id_, es in sorted(by_run.items()) if (r := _run(id_, es, job_reads)) is not None]
    timeline = Timeline(
        (Write(v, r.span) for r in runs for v in r.written),
        sorted({a for e in events for a in e.aliases}),
    )
    read = {p for r in runs for p in _read_places(r)}
    timeline.add(own_writes({name for place in read for name in timeline.names(place)}))
    productions: dict[Version, list[Production]] = defaultdict(list)
    for r in runs:
        declared = tuple(
            sorted({m for ws in r.written.values() for w in ws if w.claim for m in w.claim.models}, key=repr)
        )
        for version, written in r.written.items():
            productions[version].append(_production(r, version, written, declared, timeline))
    return Foreign({v: union(ps) for v, ps in productions.items()}, timeline)


def _run(id_: str, events: list[Statement], job_reads: set[Place]) -> _Run | None:
    """The run, or ``None`` when it made nothing."""
    streaming = any(e.streaming for e in events)
    completed = [e.at for e in events if e.state == "COMPLETE"]
    if not (completed or streaming):
        return None
    stopped = [e.at for e in events if e.state in _ENDS]
    at = max(completed or [e.at for e in events])
    end = micros(at)
    if streaming:
        end = micros(max(stopped)) if stopped else ALWAYS
    started = [micros(e.at) for e in events if e.state == "START"]
    start = min(started) if started else born(id_, end)
    first = min(events, key=lambda e: (e.at, e.state, e.producer, e.job))
    if first.job == ("", ""):
        start = end  # a change that a DatasetEvent tells of happened when it says
    run = _Run(id_, Span(min(start, end), end), first.at, at, first.job, first.producer, _heard(events), {})
    for e in events:
        for w in e.written:
            run.written.setdefault(w.version, []).append(w)
    for job in {e.job for e in events} & job_reads:
        run.written.setdefault(Version(*job, None, id_), [Written(Version(*job, None, id_), replaces=True)])
    run.written = {
        v: ws if len(ws) == 1 else sorted(set(ws), key=repr)
        for v, ws in sorted(run.written.items(), key=lambda i: _order(i[0]))
    }
    return run


def _heard(events: list[Statement]) -> tuple[Heard, ...]:
    """Each input once; DIRECT and data when any event says so."""
    found: dict[tuple[Version, bool], Heard] = {}
    for h in (h for e in events for h in e.heard):
        key = (h.version, h.model)
        known = found.get(key, h)
        influence = h.influence if h.influence is known.influence else Influence.DIRECT
        pin = h.pin if h.pin is known.pin else Pin.CONSERVATIVE
        found[key] = h._replace(influence=influence, pin=pin)
    return tuple(h for _, h in sorted(found.items(), key=lambda i: (_order(i[0][0]), i[0][1])))


def _read_places(run: _Run) -> Iterator[Place]:
    yield from (h.version[:2] for h in run.heard if h.version.run is None)
    for version, written in run.written.items():
        yield version[:2]
        for w in written:
            yield from (p for p, _ in (*w.sources, *w.jobs))
            if w.formerly:
                yield w.formerly


def _production(
    run: _Run, version: Version, written: list[Written], declared: tuple[ModelSource, ...], timeline: Timeline
) -> Production:
    claims = [w.claim for w in written if w.claim]
    claim = union(claims) if claims else None
    reading = _Reading(run, timeline)
    sources = Traced()
    for w in written:
        for place, influence in w.sources:
            sources.add(place, influence)
        for place, influence in w.jobs:
            sources.add(place, influence, job=True)
    explicit = all(w.own for w in written)
    models = claim.models if claim else declared
    nodes = {model_node(m) for m in (*declared, *models)}
    for h in () if explicit else run.heard:
        place = h.version[:2]
        if h.model:
            if place not in nodes:
                models += (ModelSource(provider=place[0], model=place[1]),)
            # A registered model of one's own looks like a supplier's; what made it is kept too.
            if timeline.known(place):
                reading.of(h.version, sources.datasets.get(place, h.influence), unknown=False)
        elif h.version.run is not None:
            reading.inputs.append(Input(h.version, h.influence, h.pin))
        else:
            reading.of(h.version, sources.datasets.get(place, h.influence))
    heard = {h.version[:2] for h in run.heard}
    for place, influence in sorted(sources.datasets.items()):
        if explicit or place not in heard:
            reading.of(Version(*place), influence)
    for place, influence in sorted(sources.jobs.items()):
        reading.of(Version(*place), influence)
    for place in sorted({w.formerly for w in written if w.formerly}):
        reading.of(Version(*place), Influence.DIRECT)
    listed = bool(reading.inputs or models)
    if not any(w.replaces for w in written):
        reading.of(Version(*version[:2]), Influence.DIRECT)
    made = claim or _unclaimed(run, listed or all(w.empties for w in written))
    unseen = f"nothing on record of what it read of {', '.join(reading.unseen)}" if reading.unseen else None
    known = replace(
        made,
        outputs=(version,),
        inputs=tuple(dict.fromkeys(reading.inputs)),
        models=models,
        note="; ".join(part for part in (made.note, unseen) if part) or None,
    )
    return _on_its_days(known, run.began)


def _on_its_days(made: Production, began: datetime) -> Production:
    """With its models on every day on which they may have answered; see docs/decisions/0023."""
    ended = made.produced_at
    if ended is None or all(m.generated_at for m in made.models):
        return made  # without a day every text is weighed
    if ended - began <= _LISTED:
        return replace(made, models=on_each_day(made.models, began, ended))
    days = (
        f"its events are {(ended - began).days} days apart, and nothing says when its models answered; "
        "state generatedAt of each in lineageGuard_modelSource, or correct the times"
    )
    note = f"{made.note}; {days}" if made.note else days
    return replace(made, completeness=Completeness.INCOMPLETE, note=note)


def _unclaimed(run: _Run, listed: bool) -> Production:
    return Production(
        outputs=(),
        produced_at=run.at,
        asserted_by=Assertion.OBSERVED,
        completeness=Completeness.COMPLETE if listed else Completeness.UNKNOWN,
        note=None if listed else f"{run.producer or 'its producer'} lists no inputs",
    )


class _Reading:
    """The inputs of one output while they are resolved."""

    def __init__(self, run: _Run, timeline: Timeline) -> None:
        self._run = run
        self._timeline = timeline
        self.inputs: list[Input] = []
        self.unseen: list[str] = []

    def of(self, version: Version, influence: Influence, *, unknown: bool = True) -> None:
        """Add what reading a dataset without naming a version may mean.

        Args:
            version: what was named.
            influence: of this read.
            unknown: whether it may also have been something that nobody recorded.
        """
        seen = self._timeline.seen(version[:2], self._run.span, self._run.id)
        self.inputs.extend(Input(v, influence, Pin.CONSERVATIVE) for v in seen.versions)
        if unknown and not seen.covered:
            self.inputs.append(Input(version, influence, Pin.CONSERVATIVE))
            self.unseen.append(f"{version.namespace}:{version.name}")


def _order(version: Version) -> tuple[str, str, str, str]:
    return (version.namespace, version.name, version.partition or "", version.run or "")
