"""History: which materialisation of an asset partition was the newest at some point of the log.

Loaded as it is asked for and kept for one collection, so that a tick costs what is new and
not what is old.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Iterable

from dagster import AssetKey

from lineage_guard.dagster.events import EventLog, Stored

#: Ids a window may span before one query per asset is cheaper than one query for all assets.
WIDE = 20_000
#: Rows read at once when an older version must be searched for.
PAGE = 1_000


class History:
    """What the event log knows of materialisations, in memory.

    Args:
        log: where it is read from.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._by_id: dict[int, Stored] = {}
        self._ids: dict[AssetKey, list[int]] = {}
        self._all: list[int] = []
        # Id ranges (exclusive ends) known in full; under None for all assets together.
        self._known: dict[AssetKey | None, list[tuple[int, int]]] = {}
        self._newest: dict[tuple[AssetKey, bool], dict[str, int]] = {}

    def forget_newest(self) -> None:
        """Ask the log again what is newest: to be called before every batch."""
        self._newest.clear()

    def get(self, storage_id: int) -> Stored | None:
        """A materialisation that was loaded, by its storage id."""
        return self._by_id.get(storage_id)

    def load(self, storage_ids: Iterable[int]) -> None:
        """Load materialisations by storage id, in one query for those not known yet."""
        missing = {i for i in storage_ids if i not in self._by_id}
        if missing:
            self.add(self._log.summaries_by_id(missing).values())

    def cover(self, after: int, before: int, rows: Iterable[Stored]) -> None:
        """Take in rows that are known to be all materialisations between two storage ids."""
        self.add(rows)
        self._mark(None, after, before)

    def load_windows(self, windows: Iterable[tuple[AssetKey, int, int]]) -> None:
        """Load several windows at once: neighbours in one query, whatever their assets."""
        wanted = sorted((a, b, k) for k, a, b in windows if not self._covers(k, a, b))
        merged: list[tuple[int, int]] = []
        for after, before, _ in wanted:
            if merged and after <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], before))
            else:
                merged.append((after, before))
        for after, before in merged:
            # Without an asset key, because a query with one hides what was wiped since.
            if before - after <= WIDE:
                self.cover(after, before, self._log.summaries(after=after, before=before))

    def window(self, key: AssetKey, after: int, before: int) -> list[Stored]:
        """All materialisations of an asset with ``after < storage id < before``, ascending."""
        if before - after <= 1:
            return []
        if not self._covers(key, after, before):
            self.add(self._log.summaries(key=key, after=after, before=before))
            self._mark(key, after, before)
        return list(self._between(key, after, before))

    def between(self, after: int, before: int) -> list[Stored]:
        """Materialisations of any asset with ``after < storage id < before``, ascending."""
        top = before
        while top - after > 1:
            low = min((a for a, b in self._known.get(None, ()) if a < top - 1 and top <= b), default=None)
            if low is None:
                page = self._log.summaries(after=after, before=top, limit=PAGE, ascending=False)
                low = page[-1].storage_id - 1 if len(page) == PAGE else after
                self.cover(low, top, page)
            top = low + 1
        return [self._by_id[i] for i in self._all[bisect_left(self._all, after + 1) : bisect_left(self._all, before)]]

    def latest(
        self, key: AssetKey, partitions: Collection[str | None] | None, upto: int, older_than: float | None = None
    ) -> dict[str | None, Stored]:
        """The newest materialisation of each partition up to a point of the log.

        Args:
            key: the asset.
            partitions: which ones; ``{None}`` for an asset without partitions, ``None`` for
                every partition there is.
            upto: greatest storage id that counts.
            older_than: seconds since the epoch before which it must have happened.

        Returns:
            One entry for each partition that has one.
        """

        def counts(stored: Stored) -> bool:
            return stored.storage_id <= upto and (older_than is None or stored.timestamp < older_than)

        found: dict[str | None, Stored] = {}
        unresolved: set[str | None] = set(partitions or ())
        named = None if partitions is None else {p for p in partitions if p is not None}
        if named is None or named:
            newest = self._newest_ids(key, named)
            self.load(newest.values())
            for partition, storage_id in newest.items():
                stored = self._by_id.get(storage_id)
                if stored is not None and counts(stored):
                    found[partition] = stored
                    unresolved.discard(partition)
                elif named is None or partition in named:
                    unresolved.add(partition)
            if named is not None:
                unresolved -= named - set(newest)
        before = upto + 1
        for stored in reversed(list(self._between(key, -1, before))):
            if stored.partition in unresolved and counts(stored) and self._covers(key, stored.storage_id, before):
                found[stored.partition] = stored
                unresolved.discard(stored.partition)
        while unresolved:
            page = self._log.summaries(key=key, before=before, limit=PAGE, ascending=False)
            self.add(page)
            for stored in page:
                if stored.partition in unresolved and counts(stored):
                    found[stored.partition] = stored
                    unresolved.discard(stored.partition)
            self._mark(key, page[-1].storage_id if len(page) == PAGE else -1, before)
            if len(page) < PAGE:
                break
            before = page[-1].storage_id
        return found

    def _newest_ids(self, key: AssetKey, named: set[str] | None) -> dict[str, int]:
        everything = self._newest.get((key, True))
        if everything is None and named is None:
            everything = self._newest[key, True] = self._log.latest_ids(key, None)
        if everything is not None:
            return {p: i for p, i in everything.items() if named is None or p in named}
        some = self._newest.setdefault((key, False), {})
        wanted = named or set[str]()
        unknown = {p for p in wanted if p not in some}
        if unknown:
            answer = self._log.latest_ids(key, unknown)
            some.update({p: answer.get(p, -1) for p in unknown})
        return {p: some[p] for p in wanted if some[p] >= 0}

    def add(self, rows: Iterable[Stored]) -> None:
        """Take in rows that were read elsewhere."""
        for row in rows:
            if row.storage_id not in self._by_id:
                self._by_id[row.storage_id] = row
                insort(self._ids.setdefault(row.key, []), row.storage_id)
                insort(self._all, row.storage_id)

    def _between(self, key: AssetKey, after: int, before: int) -> Iterable[Stored]:
        ids = self._ids.get(key, [])
        return (self._by_id[i] for i in ids[bisect_left(ids, after + 1) : bisect_left(ids, before)])

    def _covers(self, key: AssetKey, after: int, before: int) -> bool:
        return before - after <= 1 or any(
            a <= after and before <= b for ranges in (None, key) for a, b in self._known.get(ranges, ())
        )

    def _mark(self, key: AssetKey | None, after: int, before: int) -> None:
        ranges = self._known.setdefault(key, [])
        joined = [(a, b) for a, b in ranges if b <= after or before <= a]
        for a, b in ranges:
            if not (b <= after or before <= a):
                after, before = min(a, after), max(b, before)
        self._known[key] = [*joined, (after, before)]
