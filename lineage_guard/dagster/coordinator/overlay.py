"""What the coordinator collected itself: into the ledger where it is certain, in memory where it is not.

The host process sees less of an asset than its own code location does: not a partition mapping
of the user's own class. Where a mapping could be one, what was read is a guess that is good for
this answer only. In the ledger it would be taken for what the code location knows, and the gate
would go by it. So it is kept in memory, over the ledger, with everything that was made from it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import Input, Production, Version, union
from lineage_guard.domain.lineage.closure import Closure, walk

if TYPE_CHECKING:
    from lineage_guard.ledger import Appended, Ledger

#: Productions kept before everything is forgotten and read again.
MOST = 200_000
#: Storage ids that are looked at again, because PostgreSQL may show a lower id after a higher one.
_SLACK = 500


class LedgerOverlay:
    """The part of a ledger that collecting and deciding use. Not thread-safe.

    Args:
        ledger: what everybody has collected.

    Attributes:
        certain: whether it is known what a dataset's runs read, by OpenLineage name.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._held: dict[Version, Production] = {}
        self.certain: Callable[[str], bool] = lambda name: False
        self._upto: dict[str, int] = {}
        self.position = ledger.position
        self.latest = ledger.latest

    def __len__(self) -> int:
        return len(self._held)

    def forget(self) -> None:
        """Drop everything; it is read again when it is needed."""
        self._held.clear()
        self._upto.clear()

    def searched(self, source: str, head: int) -> None:
        """Note up to where an event log was searched for writes in flight.

        Args:
            source: name of the log.
            head: its greatest storage id when the search began.
        """
        self._upto[f"collect-{source}"] = head - _SLACK

    def load(self, name: str) -> dict[str, object] | None:
        """A small state of the ledger; how far a log was searched, when this overlay came further."""
        state = self._ledger.load(name)
        upto = self._upto.get(name, -1)
        known = state.get("position", -1) if state else -1
        if upto > (known if isinstance(known, int) else -1):
            return {"position": upto, "held": -1, "seen": []}
        return state

    def productions(self, versions: Iterable[Version]) -> dict[Version, Production]:
        """What is on record of each of some versions, here or in the ledger."""
        wanted = list(dict.fromkeys(versions))
        found = self._ledger.productions(wanted)
        for version in wanted:
            mine = self._held.get(version)
            if mine is not None:
                found[version] = union([found[version], mine]) if version in found else mine
        return found

    def append(self, events: Sequence[Mapping[str, object]], refused: dict[int, EventError] | None = None) -> Appended:
        """Add events: to the ledger where all they rest on is certain, else to memory."""
        from lineage_guard.ledger import Appended
        from lineage_guard.openlineage.decode import decode

        made: dict[int, tuple[Production, ...]] = {}
        for n, event in enumerate(events):
            try:
                made[n] = decode(event).productions
            except EventError as error:
                if refused is None:
                    raise
                refused[n] = error
        guessed = {n for n, ps in made.items() if not all(self.certain(v.name) for p in ps for v in p.outputs)}
        while True:
            # A version in the ledger has its upstream there too, so what rests on a guess stays with it.
            soft = {v for n in guessed for p in made[n] for v in p.outputs} | self._held.keys()
            more = {n for n in made.keys() - guessed if any(i.version in soft for p in made[n] for i in p.inputs)}
            if not more:
                break
            guessed |= more
        for production in (p for n in sorted(guessed) for p in made[n]):
            for version in production.outputs:
                before = self._held.get(version)
                self._held[version] = union([before, production]) if before else production
        lasting = [events[n] for n in made if n not in guessed]
        new = self._ledger.append(lasting).new if lasting else 0
        return Appended(new + len(guessed), len(lasting) - new, "")

    def closure(self, target: Production, planned: Mapping[Version, Production]) -> Closure:
        """Everything upstream of a step: what the run is about to make, what is here, and the ledger.

        Args:
            target: the step.
            planned: what the same run makes before it.

        Raises:
            LedgerError: when any part of the ledger cannot be read.
        """
        root = target.outputs[0]
        named: dict[Version, None] = {}
        mine = self._follow([i.version for i in target.inputs], planned, named)
        start = target if not mine else _over(root, named)
        base = self._ledger.closure(start)
        while more := [r.version for r in base.reached[1:] if r.version in self._held and r.version not in named]:
            mine += self._follow(more, planned, named)
            base = self._ledger.closure(_over(root, named))
        if not mine:
            return base
        known = self._ledger.productions(r.version for r in base.reached[1:])

        def production_of(version: Version) -> Production | None:
            if version == root:
                return target
            if version in planned:
                return planned[version]
            both = [p for p in (known.get(version), self._held.get(version)) if p is not None]
            return union(both) if both else None

        return walk(root, production_of, base.watermark)

    def _follow(
        self, versions: Iterable[Version], planned: Mapping[Version, Production], named: dict[Version, None]
    ) -> int:
        """Add to ``named`` what can be reached without the ledger; how many productions were passed."""
        passed = 0
        todo = deque(versions)
        while todo:
            version = todo.popleft()
            if version in named:
                continue
            named[version] = None
            production = planned.get(version) or self._held.get(version)
            if production is not None:
                passed += 1
                todo.extend(i.version for i in production.inputs)
        return passed


def _over(root: Version, versions: Iterable[Version]) -> Production:
    return Production((root,), inputs=tuple(Input(v) for v in versions if v != root))
