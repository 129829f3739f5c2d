"""From index rows back to domain objects, for the ids somebody asked about and no others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    LicenseScope,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
)
from lineage_guard.ledger.index.graph import Ints
from lineage_guard.ledger.index.index import Index, moment

_INFLUENCE = (Influence.DIRECT, Influence.INDIRECT)
_PIN = (Pin.EXACT, Pin.CONSERVATIVE)
COMPLETENESS = {c.value: c for c in Completeness}
_ASSERTION = {a.value: a for a in Assertion}


class Record(NamedTuple):
    """What one record says of a version, without its inputs: the fields that end a ``Reached``."""

    completeness: Completeness
    recorded: bool
    models: tuple[ModelSource, ...]
    licenses: tuple[License, ...]
    artefact: str | None
    asserted_by: Assertion
    produced_at: datetime | None
    note: str | None

    def production(self, *outputs: Version, inputs: Iterable[Input] = ()) -> Production:
        """As a production of these versions."""
        return Production(
            outputs=outputs,
            inputs=tuple(inputs),
            models=self.models,
            produced_at=self.produced_at,
            asserted_by=self.asserted_by,
            completeness=self.completeness,
            licenses=self.licenses,
            artefact=self.artefact,
            note=self.note,
        )


class Memory:
    """Names and records that were asked for, so that the next closure over them builds no object twice.

    An index never changes, so nothing in here goes stale. Bounded: emptied when it has grown large.
    """

    LIMIT = 1_000_000

    def __init__(self) -> None:
        #: ``None`` for versions that the index does not know.
        self.ids: dict[Version, int | None] = {}
        self.names: dict[int, Version] = {}
        self.records: dict[int, tuple[Record, ...]] = {}

    def make_room(self) -> None:
        """Forget everything when there is too much of it."""
        if len(self.ids) + len(self.names) + len(self.records) > self.LIMIT:
            self.ids = {}
            self.names = {}
            self.records = {}


def names(index: Index, ids: Ints) -> dict[int, Version]:
    """The versions behind ids."""
    index.memory.make_room()
    known = index.memory.names
    wanted: list[int] = ids.tolist()
    missing = [i for i in wanted if i not in known] if known else wanted
    if missing:
        make = Version._make
        known.update((row[0], make(row[1:])) for row in index.rows("versions", {"id": missing}))
    return {i: known[i] for i in wanted if i in known}


def records(index: Index, ids: Ints) -> dict[int, tuple[Record, ...]]:
    """What is on record of each id, oldest first, without inputs; ids without a record have an empty tuple."""
    known = index.memory.records
    wanted: list[int] = ids.tolist()
    missing = [i for i in wanted if i not in known] if known else wanted
    if missing:
        known.update(_fetched(index, missing))
    return known


def _fetched(index: Index, ids: list[int]) -> dict[int, tuple[Record, ...]]:
    wanted = {"id": ids}
    models: dict[tuple[int, int], list[ModelSource]] = defaultdict(list)
    for row in index.rows("models", wanted):
        models[row[0], row[1]].append(model_of(row[2:]))
    licenses: dict[tuple[int, int], list[License]] = defaultdict(list)
    for row in index.rows("licenses", wanted):
        licenses[row[0], row[1]].append(license_of(row[2:]))
    found: dict[int, tuple[Record, ...]] = dict.fromkeys(ids, ())
    for id_, record, produced_at, completeness, asserted_by, artefact, note in index.rows("productions", wanted):
        place = (id_, record)
        one = Record(
            COMPLETENESS[completeness],
            True,
            tuple(models[place]) if place in models else (),
            tuple(licenses[place]) if place in licenses else (),
            artefact,
            _ASSERTION[asserted_by],
            moment(produced_at),
            note,
        )
        found[id_] = (*found[id_], one)
    return found


def productions_of(index: Index, versions: Sequence[Version]) -> dict[Version, list[Production]]:
    """Everything the index has on record of each version, oldest first, with all outputs and inputs."""
    ids = index.ids(versions)
    if not ids:
        return {}
    found = _productions(index, np.array(sorted(ids.values()), dtype=np.int64))
    return {v: found[i] for v, i in ids.items() if i in found}


def _productions(index: Index, ids: Ints) -> dict[int, list[Production]]:
    wanted = {"id": ids}
    edges = index.rows("inputs", wanted)
    order: dict[int, list[int]] = defaultdict(list)
    for row in index.rows("productions", wanted):
        order[row[0]].append(row[1])
    outputs: dict[int, list[int]] = defaultdict(list)
    for record, id_ in index.rows("siblings", {"record": sorted({r for each in order.values() for r in each})}):
        outputs[record].append(id_)
    mentioned = {row[4] for row in edges} | {i for ids_ in outputs.values() for i in ids_} | {int(i) for i in ids}
    versions = names(index, np.array(sorted(mentioned), dtype=np.int64))
    inputs: dict[tuple[int, int], list[Input]] = defaultdict(list)
    for child, record, indirect, conservative, parent in edges:
        inputs[child, record].append(Input(versions[parent], _INFLUENCE[indirect], _PIN[conservative]))
    found = records(index, ids)
    return {
        id_: [
            r.production(*(versions[o] for o in outputs[record]), inputs=inputs.get((id_, record), ()))
            for record, r in zip(order[id_], found[id_], strict=True)
        ]
        for id_ in ids.tolist()
        if found[id_]
    }


def model_of(row: Sequence[Any]) -> ModelSource:
    """From the columns that describe a model, in the order of the table."""
    (provider, model, version, channel, usage, influence, license_, terms, purl, digest, *rest) = row
    base_models, fields, partitions, record_count, generated_at, asserted_by = rest
    return ModelSource(
        provider=provider,
        model=model,
        version=version,
        channel=channel,
        usage=Usage(usage),
        influence=None if influence is None else Influence(influence),
        license=license_,
        terms=terms,
        purl=purl,
        digest=digest,
        base_models=tuple(base_models),
        fields=tuple(fields),
        partitions=tuple(partitions),
        record_count=record_count,
        generated_at=moment(generated_at),
        asserted_by=_ASSERTION[asserted_by],
    )


def license_of(row: Sequence[Any]) -> License:
    """From the columns that describe a licence, in the order of the table."""
    (expression, acknowledgement, applies_to, url, terms_version, effective_from, text_digest, *rest) = row
    restrictions, obligations = rest
    return License(
        expression=expression,
        acknowledgement=Acknowledgement(acknowledgement),
        applies_to=LicenseScope(applies_to),
        url=url,
        terms_version=terms_version,
        effective_from=effective_from,
        text_digest=text_digest,
        restrictions=tuple(restrictions),
        obligations=tuple(obligations),
    )
