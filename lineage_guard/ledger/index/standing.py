"""What is on record of many versions, as one small number each.

Of a million versions nearly all are plain: one record, complete, without models, licences or a
public id. Which ones are not is read once for an index, as columns. What those hold is read
when they are reached, and there are as many objects as there are different things on record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lineage_guard.domain.facts import Completeness, Influence, License, ModelSource, Production, union
from lineage_guard.domain.lineage.reached import Kind, terms_day, text_of
from lineage_guard.ledger.index import recall
from lineage_guard.ledger.index.graph import Ints
from lineage_guard.ledger.index.index import Index, moment

T = TypeVar("T")
Codes = NDArray[np.int32]


class Facts(NamedTuple):
    """The fields of a ``reached.Kind`` after its influence."""

    completeness: Completeness
    recorded: bool
    models: tuple[ModelSource, ...] = ()
    licenses: tuple[License, ...] = ()
    artefact: str | None = None
    day: date | None = None


#: By the flag in an edge row.
INFLUENCE = (Influence.DIRECT, Influence.INDIRECT)
PLAIN, ABSENT = 0, 1
_ASK, _USED = -1, -2
#: Microseconds.
_DAY = 86_400_000_000
#: In place of a day.
_UNDATED = -(1 << 31)


class Standing:
    """Codes for all versions of an index, and what they stand for.

    Args:
        index: the index; it never changes.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self.facts = [Facts(Completeness.COMPLETE, True), Facts(Completeness.UNKNOWN, False)]
        self._code_of = {f: n for n, f in enumerate(self.facts)}
        self._kinds: dict[int, Kind] = {}
        self._texts: dict[int, str] = {}
        size = index.manifest.versions
        made, odd = index.columns("standing"), index.columns("odd")
        records = np.bincount(made["id"], minlength=size)
        self._codes: Codes = np.where(records == 0, ABSENT, np.where(records == 1, PLAIN, _ASK)).astype(np.int32)
        self._days: Codes = np.zeros(size, dtype=np.int32)
        self._days[made["id"]] = made["day"]
        used = odd["id"][~odd["asks"]]
        self._codes[used] = np.where(self._codes[used] == PLAIN, _USED, _ASK)
        self._codes[odd["id"][odd["asks"]]] = _ASK

    def code_of(self, facts: Facts) -> int:
        """The code that stands for some facts."""
        code = self._code_of.setdefault(facts, len(self.facts))
        if code == len(self.facts):
            self.facts.append(facts)
        return code

    def kind_of(self, code: int) -> Kind:
        """The kind of rows with some facts: one object for all closures of an index.

        Args:
            code: twice the place of the facts, plus one for INDIRECT rows.
        """
        kind = self._kinds.get(code)
        if kind is None:
            kind = self._kinds[code] = Kind(INFLUENCE[code % 2], *self.facts[code // 2])
        return kind

    def text_of(self, code: int) -> str:
        """The text of that kind."""
        text = self._texts.get(code)
        if text is None:
            text = self._texts[code] = text_of(self.kind_of(code))
        return text

    def codes(self, ids: Ints) -> Codes:
        """What is on record of each id, as places in ``facts``.

        Args:
            ids: ids that the index gave.
        """
        found = self._codes[ids]
        asked = ids[found < 0]
        if asked.size:
            for id_, code in self._fetched(ids[found == _USED], ids[found == _ASK]):
                self._codes[id_] = code
            found = self._codes[ids]
        return found

    def _fetched(self, used: Ints, asked: Ints) -> Iterable[tuple[int, int]]:
        """Codes of versions that are plain but for models and licences, and of others."""
        wanted = {"id": np.concatenate([used, asked])}
        models, uses_of = self._collect("models", wanted, recall.model_of)
        licenses, licenses_of = self._collect("licenses", wanted, recall.license_of)
        codes: dict[tuple[object, ...], int] = {}

        def code(id_: int, completeness: str, artefact: str | None, day: int) -> int:
            uses, own = uses_of.get(id_, ()), licenses_of.get(id_, ())
            said = (completeness, artefact, uses, own, day if uses else None)
            # Facts take long to compare, and nearly all of many versions have the same.
            if said not in codes:
                codes[said] = self.code_of(
                    Facts(
                        recall.COMPLETENESS[completeness],
                        True,
                        tuple(models[n] for n in uses),
                        tuple(licenses[n] for n in own),
                        artefact,
                        terms_day(moment(day * _DAY)) if uses and day != _UNDATED else None,
                    )
                )
            return codes[said]

        for id_, day in zip(used.tolist(), self._days[used].tolist(), strict=True):
            yield id_, code(id_, Completeness.COMPLETE.value, None, day)
        several: set[int] = set()
        single: dict[int, tuple[str, str | None]] = {}
        rows = self._index.rows("facts", {"id": asked}) if asked.size else []
        for id_, completeness, artefact in rows:
            if id_ in single:
                several.add(id_)
            single[id_] = (completeness, artefact)
        for id_, (completeness, artefact) in single.items():
            if id_ not in several:
                yield id_, code(id_, completeness, artefact, int(self._days[id_]))
        for id_, facts in self._joined(several):
            yield id_, self.code_of(facts)

    def _collect(
        self, table: str, wanted: dict[str, Ints], make: Callable[[list[Any]], T]
    ) -> tuple[list[T], dict[int, tuple[int, ...]]]:
        """The different rows of a table, and which of them each id has, in the order of its records."""
        kinds: list[T] = []
        entries: list[tuple[int, int, int, int]] = []
        if self._index.manifest.files(table):
            for *fields, places in self._index.rows(f"{table}_by_kind", wanted):
                entries.extend((id_, record, ord_, len(kinds)) for id_, record, ord_ in places)
                kinds.append(make(fields))
        found: dict[int, tuple[int, ...]] = {}
        for id_, _, _, kind in sorted(entries):
            found[id_] = (*found[id_], kind) if id_ in found else (kind,)
        return kinds, found

    def _joined(self, ids: set[int]) -> Iterable[tuple[int, Facts]]:
        """Versions with more than one record."""
        chosen = np.array(sorted(ids), dtype=np.int64)
        records = recall.records(self._index, chosen) if ids else {}
        versions = recall.names(self._index, chosen) if ids else {}
        for id_ in ids:
            yield id_, facts_of(union(r.production(versions[id_]) for r in records[id_]))


def facts_of(production: Production) -> Facts:
    """What a production says of its outputs."""
    p = production
    day = terms_day(p.produced_at) if p.models else None
    return Facts(p.completeness, True, p.models, p.licenses, p.artefact, day)
