"""From the tail's facts to rows of the index tables, with new ids for new versions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from lineage_guard.domain.facts import Influence, License, ModelSource, Pin, Production, Version
from lineage_guard.ledger.index.index import Index
from lineage_guard.ledger.index.tables import TABLES, halves, key
from lineage_guard.ledger.index.tail import Tail
from lineage_guard.openlineage.foreign.statement_json import dump

Columns = dict[str, list[object]]


def _columns() -> dict[str, Columns]:
    return {t.name: {c: [] for c, _ in t.columns} for t in TABLES}


@dataclass(slots=True)
class Rows:
    """Rows for every table, by column, unsorted.

    Attributes:
        versions: the next version id after these rows.
        records: the next record number after these rows.
        columns: table name to column name to values.
    """

    versions: int
    records: int
    columns: dict[str, Columns] = field(default_factory=_columns)

    def add(self, table: str, *values: object) -> None:
        """Add one row, its values in the order of the table's columns."""
        for column, value in zip(self.columns[table].values(), values, strict=True):
            column.append(value)


def rows_of(index: Index, tail: Tail) -> Rows:
    """Every row that the tail adds to the index.

    Raises:
        LedgerError: when an event of the tail or the index cannot be read.
    """
    rows = Rows(index.manifest.versions, index.manifest.records)
    facts = tail.facts
    mentioned = dict.fromkeys(v for p, _ in facts.productions for v in (*p.outputs, *(i.version for i in p.inputs)))
    ids = index.ids(list(mentioned))
    for version in mentioned:
        if version not in ids:
            ids[version] = rows.versions
            rows.add("versions", rows.versions, *version)
            rows.add("keys", *key(version), rows.versions)
            rows.versions += 1
    for production, recorded in facts.productions:
        _add_production(rows, production, recorded, ids)
        rows.records += 1
    for s in facts.statements:
        rows.add("statements", s.run, s.at, dump(s))
    for d in facts.decisions:
        rows.add("decisions", d.namespace, d.name, d.run, d.at, d.ord, d.facet)
    for batch in tail.batches:
        for n, digest in enumerate(batch.digests, 1):
            rows.add("events", *halves(digest), batch.seq, n)
    return rows


def _add_production(rows: Rows, production: Production, recorded: datetime, ids: dict[Version, int]) -> None:
    p = production
    for pos, version in enumerate(dict.fromkeys(p.outputs)):
        place = (ids[version], rows.records)
        rows.add(
            "productions",
            *place,
            pos,
            p.produced_at,
            p.completeness.value,
            p.asserted_by.value,
            p.artefact,
            p.note,
            recorded,
        )
        for n, i in enumerate(p.inputs):
            indirect, conservative = i.influence is Influence.INDIRECT, i.pin is Pin.CONSERVATIVE
            rows.add("edges", place[0], ids[i.version], indirect, conservative, place[1], n)
        for n, m in enumerate(p.models):
            rows.add("models", *place, n, *_model(m))
        for n, x in enumerate(p.licenses):
            rows.add("licenses", *place, n, *_license(x))


def _model(m: ModelSource) -> tuple[object, ...]:
    return (
        m.provider,
        m.model,
        m.version,
        m.channel,
        m.usage.value,
        None if m.influence is None else m.influence.value,
        m.license,
        m.terms,
        m.purl,
        m.digest,
        m.base_models,
        m.fields,
        m.partitions,
        m.record_count,
        m.generated_at,
        m.asserted_by.value,
    )


def _license(x: License) -> tuple[object, ...]:
    return (
        x.expression,
        x.acknowledgement.value,
        x.applies_to.value,
        x.url,
        x.terms_version,
        x.effective_from,
        x.text_digest,
        x.restrictions,
        x.obligations,
    )
