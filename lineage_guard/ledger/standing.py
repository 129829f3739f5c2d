"""What is on record of many versions, as one small number each.

Of a million versions nearly all are plain: one record, complete, without models, licences or a
public id. Which ones are not is read once for an index, as columns. What those hold is read
when they are reached, and there are as many objects as there are different things on record.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple, TypeVar

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
_ASK = -1
#: Microseconds.
_DAY = 86_400_000_000


class Standing:
    """Codes for all versions of an index, and what they stand for.

    Args:
        index: the index; it never changes.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self.facts = [Facts(Completeness.COMPLETE, True), Facts(Completeness.UNKNOWN, False)]
        self._code_of = {f: n for n, f in enumerate(self.facts)}
        found = index.columns("standing")
        id_, odd = found["id"], found["odd"].astype(np.bool_)
        records = np.bincount(id_[~odd], minlength=index.manifest.versions)
        self._codes: Codes = np.where(records == 0, ABSENT, np.where(records == 1, PLAIN, _ASK)).astype(np.int32)
        self._codes[id_[odd]] = _ASK

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
        asked = ids[found == _ASK]
        if asked.size:
            for id_, facts in self._fetched(asked):
                self._codes[id_] = self.code_of(facts)
            found = self._codes[ids]
        return found

    def _fetched(self, ids: Ints) -> Iterable[tuple[int, Facts]]:
        wanted = {"id": ids}
        models: dict[tuple[int, int], list[tuple[int, ModelSource]]] = defaultdict(list)
        for *fields, places in self._index.rows("models_by_kind", wanted):
            model = recall.model_of(fields)
            for id_, record, ord_ in places:
                models[id_, record].append((ord_, model))
        licenses: dict[tuple[int, int], list[tuple[int, License]]] = defaultdict(list)
        for *fields, places in self._index.rows("licenses_by_kind", wanted):
            license_ = recall.license_of(fields)
            for id_, record, ord_ in places:
                licenses[id_, record].append((ord_, license_))
        # Runs of one day have one date.
        days: dict[int, date | None] = {}
        several: set[int] = set()
        last: tuple[int, Facts] | None = None
        for id_, record, completeness, artefact, at in self._index.rows("facts", wanted):
            if last is not None and last[0] == id_:
                several.add(id_)
                continue
            if last is not None and last[0] not in several:
                yield last
            used = _in_order(models.get((id_, record)))
            day = _day(at, days) if used and at is not None else None
            own = _in_order(licenses.get((id_, record)))
            last = (id_, Facts(recall.COMPLETENESS[completeness], True, used, own, artefact, day))
        if last is not None and last[0] not in several:
            yield last
        yield from self._joined(several)

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


def _day(at: int, days: dict[int, date | None]) -> date | None:
    n = at // _DAY
    if n not in days:
        days[n] = terms_day(moment(at))
    return days[n]


def _in_order(found: list[tuple[int, T]] | None) -> tuple[T, ...]:
    if not found:
        return ()
    return tuple(x for _, x in sorted(found, key=lambda f: f[0])) if len(found) > 1 else (found[0][1],)
