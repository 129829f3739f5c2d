"""What is on record of many versions, as one small number each.

Of a million versions nearly all are plain: one record, complete, without models, licences or a
public id. Which ones are not is read once for an index, as columns. What those hold is read
when they are reached, and there are as many objects as there are different things on record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from lineage_guard.domain.facts import Completeness, License, ModelSource, Production, union
from lineage_guard.domain.reached import terms_day
from lineage_guard.ledger import recall
from lineage_guard.ledger.graph import Ints
from lineage_guard.ledger.index import Index, moment

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


PLAIN, ABSENT = 0, 1
_ASK, _USED = -1, -2
#: Microseconds.
_DAY = 86_400_000_000
#: In place of a day.
_UNDATED = -(1 << 31)
_Found = dict[int, list[tuple[int, int, T]]]


class Standing:
    """Codes for all versions of an index, and what they stand for.

    Args:
        index: the index; it never changes.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self.facts = [Facts(Completeness.COMPLETE, True), Facts(Completeness.UNKNOWN, False)]
        self._code_of = {f: n for n, f in enumerate(self.facts)}
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

    def codes(self, ids: Ints) -> Codes:
        """What is on record of each id, as places in ``facts``.

        Args:
            ids: ids that the index gave.
        """
        found = self._codes[ids]
        asked = ids[found < 0]
        if asked.size:
            for id_, facts in self._fetched(ids[found == _USED], ids[found == _ASK]):
                self._codes[id_] = self.code_of(facts)
            found = self._codes[ids]
        return found

    def _fetched(self, used: Ints, asked: Ints) -> Iterable[tuple[int, Facts]]:
        """What is on record of versions that are plain but for models and licences, and of others."""
        wanted = {"id": np.concatenate([used, asked])}
        models: _Found[ModelSource] = defaultdict(list)
        licenses: _Found[License] = defaultdict(list)
        self._collect("models", wanted, recall.model_of, models)
        self._collect("licenses", wanted, recall.license_of, licenses)
        dates: dict[int, date | None] = {_UNDATED: None}

        def facts(id_: int, completeness: Completeness, artefact: str | None, day: int) -> tuple[int, Facts]:
            uses = _in_order(models.get(id_))
            if day not in dates:
                dates[day] = terms_day(moment(day * _DAY))
            dated = dates[day] if uses else None
            return id_, Facts(completeness, True, uses, _in_order(licenses.get(id_)), artefact, dated)

        for id_, day in zip(used.tolist(), self._days[used].tolist(), strict=True):
            yield facts(id_, Completeness.COMPLETE, None, day)
        several: set[int] = set()
        single: dict[int, tuple[str, str | None]] = {}
        rows = self._index.rows("facts", {"id": asked}) if asked.size else []
        for id_, completeness, artefact in rows:
            if id_ in single:
                several.add(id_)
            single[id_] = (completeness, artefact)
        for id_, (completeness, artefact) in single.items():
            if id_ not in several:
                yield facts(id_, recall.COMPLETENESS[completeness], artefact, int(self._days[id_]))
        yield from self._joined(several)

    def _collect(self, table: str, wanted: dict[str, Ints], make: Callable[[list[Any]], T], found: _Found[T]) -> None:
        if self._index.manifest.files(table):
            for *fields, places in self._index.rows(f"{table}_by_kind", wanted):
                one = make(fields)
                for id_, record, ord_ in places:
                    found[id_].append((record, ord_, one))

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


def _in_order(found: list[tuple[int, int, T]] | None) -> tuple[T, ...]:
    if not found:
        return ()
    return tuple(x for *_, x in sorted(found, key=lambda f: f[:2])) if len(found) > 1 else (found[0][2],)
