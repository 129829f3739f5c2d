"""Measures the guard: reads the ledger, and from memory what did not change. One failing measure spoils no other."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from lineage_guard.alerts.delivery.unheard import missed, standing
from lineage_guard.alerts.state import STATE as ALERTS
from lineage_guard.alerts.state import read_state
from lineage_guard.domain.errors import LedgerError, LineageGuardError
from lineage_guard.health.heartbeats import Beats, heartbeats
from lineage_guard.ledger.archive.log import Log
from lineage_guard.ledger.asking.answers import Checked, position_of
from lineage_guard.ledger.asking.tally import Tally, Tallying
from lineage_guard.ledger.presence import still_there
from lineage_guard.openlineage.delivery.progress import Progress
from lineage_guard.openlineage.foreign.hearing import OURS

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger

_T = TypeVar("_T")
_DELIVERY = "delivery-"
#: Events looked at by one measure of what waits for delivery; the next goes on where it ended.
_AT_ONCE = 20_000
#: How an event that we wrote says so: the ledger keeps events in their canonical spelling.
_OURS = f'"producer":"{OURS}'.encode()


@dataclass(frozen=True)
class Delivery:
    """How the delivery to one lineage backend stands.

    Attributes:
        destination: its name.
        backlog: events that wait; more may, when ``counted`` is ``False``.
        counted: whether all of the log was counted.
        failures: attempts that failed one after the other.
        error: why the last failed; ``None`` when it did not.
        refused: events that the backend refused, which wait to be sent again by hand.
    """

    destination: str
    backlog: int
    counted: bool
    failures: int
    error: str | None
    refused: int


@dataclass(frozen=True)
class Alerts:
    """How alerts stand, over all code locations.

    Attributes:
        waiting: alerts that wait, by sink.
        dead: alerts that were given up and not sent again, by sink.
        open: open incidents, by kind.
        missed: pages that do not arrive, by sink: given up, or failed for minutes, of what still stands.
    """

    waiting: Mapping[str, int]
    dead: Mapping[str, int]
    open: Mapping[str, int]
    missed: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
        at: when (timezone-aware UTC).
        ledger: what a look at the ledger found.
        beats: signs of life of sensors.
        deliveries: of every lineage backend that something was ever sent to.
        alerts: alerts and incidents.
        tally: verdicts.
        failed: why a measure could not be had, by its name; its attribute is ``None`` then.
    """

    at: datetime
    ledger: Checked | None = None
    beats: Beats | None = None
    deliveries: tuple[Delivery, ...] | None = None
    alerts: Alerts | None = None
    tally: Tally | None = None
    failed: Mapping[str, str] = field(default_factory=dict[str, str])


#: The measures by name: the attributes of ``Measured``.
MEASURES = ("ledger", "beats", "deliveries", "alerts", "tally")


class Measuring:
    """Measures one ledger again and again. Safe for threads.

    Args:
        ledger: what is measured.
        at_once: events looked at by one measure of what waits for delivery; ``None`` for all there are.

    Example:
        >>> import tempfile
        >>> from datetime import UTC, datetime
        >>> from lineage_guard.ledger import open_ledger
        >>> Measuring(open_ledger(tempfile.mkdtemp())).measure(datetime.now(UTC)).failed
        {}
    """

    def __init__(self, ledger: Ledger, at_once: int | None = _AT_ONCE) -> None:
        self._ledger = ledger
        self._lock = threading.Lock()
        self._tallying = Tallying()
        self._backlogs: dict[str, _Backlog] = {}
        self._at_once = at_once

    def measure(self, now: datetime) -> Measured:
        """Measure now. Never raises: what cannot be had is in ``Measured.failed``.

        Args:
            now: the time (timezone-aware UTC).
        """
        ledger = self._ledger
        failed: dict[str, str] = {}

        def attempt(name: str, how: Callable[[], _T]) -> _T | None:
            try:
                return how()
            except Exception as error:  # noqa: BLE001  one measure that is not to be had must not cost the others
                said = str(error) if isinstance(error, LineageGuardError) else f"{type(error).__name__}: {error}"
                failed[name] = " ".join(said.split())[:500]
                return None

        with self._lock:
            return Measured(
                at=now,
                ledger=attempt("ledger", lambda: _checked(ledger)),
                beats=attempt("beats", lambda: heartbeats(ledger)),
                deliveries=attempt("deliveries", self._deliveries),
                alerts=attempt("alerts", self._alerts),
                tally=attempt("tally", lambda: ledger.ask(self._tallying.tally)),
                failed=failed,
            )

    def _deliveries(self) -> tuple[Delivery, ...]:
        found: list[Delivery] = []
        for name in self._ledger.names(_DELIVERY):
            state = cast("dict[str, Any]", self._ledger.load(name) or {})
            destination = name.removeprefix(_DELIVERY)
            progress = Progress(self._ledger, destination)
            backlog = self._backlogs.setdefault(name, _Backlog())
            backlog.read(self._ledger, progress.position, self._at_once)
            found.append(
                Delivery(
                    destination=destination,
                    backlog=len(backlog.waiting),
                    counted=backlog.whole,
                    failures=int(state.get("failures") or 0),
                    error=progress.error,
                    refused=sum(span.count for span in progress.spans),
                )
            )
        return tuple(found)

    def _alerts(self) -> Alerts:
        waiting, dead, open_, missing = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
        for name in self._ledger.names(ALERTS):
            if name != ALERTS and not name.startswith(f"{ALERTS}-"):
                continue
            incidents, box, readable = read_state(self._ledger, name)
            if not readable:
                raise LedgerError(
                    "the stored alert state cannot be read", where=name, fix="the sensor's next tick starts afresh"
                )
            waiting.update(w.sink for w in box.waiting)
            dead.update(w.sink for w in box.dead)
            open_.update(i.kind.value for i in incidents.open)
            missing.update({sink: len(pages) for sink, pages in missed(box, standing(incidents, box)).items()})
            # A sink that ever waited is shown with nothing, or a graph would go on showing its last value.
            for sink in {s for talk in box.conversations.values() for s in talk.sinks}:
                waiting[sink] += 0
                dead[sink] += 0
                missing[sink] += 0
        return Alerts(dict(waiting), dict(dead), dict(open_), dict(missing))


class _Backlog:
    """Positions of events that wait for one backend; extended as the log grows, shortened as they are delivered."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, int]] = deque()
        self.whole = False
        self._done = (0, 0)
        self._read_to: str | None = None
        self._mark: str = ""

    def read(self, ledger: Ledger, delivered: str | None, most: int | None) -> None:
        done = position_of(delivered)
        if done < self._done or done > position_of(self._read_to):
            # Delivery was begun anew, or is beyond what was looked at: what lies between need not be.
            self.waiting.clear()
            self._read_to, self._mark = delivered, ""
        self._done = done
        while self.waiting and self.waiting[0] <= done:
            self.waiting.popleft()
        mark = ledger.watermark()
        if mark == self._mark:
            return
        self.whole = False
        for looked, (position, ours) in enumerate(_lines(ledger, self._read_to)):
            if most is not None and looked >= most:
                return
            if ours:
                self.waiting.append(position)
            self._read_to = f"{position[0]}:{position[1]}"
        self.whole, self._mark = True, mark


def _checked(ledger: Ledger) -> Checked:
    # What a handle remembers of a ledger that was taken away is no measure of it.
    still_there(ledger)
    return ledger.check()


def _lines(ledger: Ledger, after: str | None) -> Iterator[tuple[tuple[int, int], bool]]:
    """Every event after a position, as ``Ledger.events`` has them, and whether we wrote it; none is parsed."""
    done, log = position_of(after), Log(ledger.archive)
    before = max(done[0], 1) - 1
    for batch in log.after(before, log.chain_of(before)):
        for n, line in enumerate(batch.lines, 1):
            if line and (batch.seq, n) > done:
                yield (batch.seq, n), _OURS in line
