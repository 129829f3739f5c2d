"""A ledger that a tick cannot use: paged by the same sinks, and remembered where no ledger is needed.

The incident and its outbox are one small document in the Dagster instance, the one thing that the sensors of all code
locations share besides the ledger. So the trouble is told once, whoever meets it and however often the daemon is
restarted, and its end goes where its beginning went. The document cannot be compared and swapped in one step there: of
two sensors that lose the ledger within the same few milliseconds both may tell, under the same incident.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from lineage_guard.domain.errors import LedgerError

if TYPE_CHECKING:
    from lineage_guard.alerts import Context, Sink
    from lineage_guard.domain.incidents.incident import Incidents
    from lineage_guard.domain.verdict.decide import Verdict

#: How the names of these documents begin in the instance.
PREFIX = "lineage_guard/without_ledger/"
#: A sensor that did not look for as long may be gone for good; the ledger is back when another one has it back.
FORGOTTEN = timedelta(hours=1)


class Kept:
    """Small states in the Dagster instance: what alerts need of a ledger, see ``alerts.state.States``.

    Args:
        instance: the Dagster instance.
    """

    def __init__(self, instance: dg.DagsterInstance) -> None:
        self._storage = instance.daemon_cursor_storage

    def load(self, name: str) -> dict[str, Any] | None:
        """A stored state, or ``None``; an empty one when it cannot be understood."""
        said = self._storage.get_cursor_values({PREFIX + name}).get(PREFIX + name)
        if said is None:
            return None
        try:
            value: object = json.loads(said)
        except ValueError:
            return {}
        return cast("dict[str, Any]", value) if isinstance(value, dict) else {}

    def swap(self, name: str, old: dict[str, Any] | None, new: dict[str, Any]) -> bool:
        """Replace a state that is still as it was loaded; whether it was."""
        if self.load(name) != old:
            return False
        self._storage.set_cursor_values({PREFIX + name: json.dumps(new, sort_keys=True)})
        return True


class Reach:
    """What one tick found out about its ledger.

    Attributes:
        error: why the ledger could not be used, as far as anything went wrong.
    """

    def __init__(self) -> None:
        self.error: LedgerError | None = None

    def missed(self, error: Exception) -> None:
        """Note what went wrong though the tick goes on. What is no ``LedgerError`` says nothing of the ledger."""
        if isinstance(error, LedgerError):
            self.error = self.error or error


@contextmanager
def reaching(
    context: dg.SensorEvaluationContext,
    ledger: str,
    sinks: Callable[[], Sequence[Sink]],
    alerting: Context | None,
    now: datetime,
) -> Generator[Reach]:
    """Around all that a tick does with its ledger: page when it cannot be used, and tell when it is back.

    Telling raises nothing: what goes wrong with it is logged, and a dead sink is tried again at the next tick.

    Args:
        context: of the sensor.
        ledger: where the ledger is.
        sinks: where to tell it.
        alerting: deployment name and links; what the environment says when ``None``.
        now: the time (timezone-aware UTC).

    Raises:
        LedgerError: as it was raised inside.
    """
    reach = Reach()
    origin = context.code_location_origin
    sensor = origin.location_name if origin else "unnamed"

    def tell() -> None:
        for problem in _told(context.instance, ledger, sensor, reach.error, sinks, alerting, now):
            context.log.warning(problem)

    try:
        yield reach
    except LedgerError as error:
        reach.missed(error)
        tell()
        raise
    tell()


def _told(
    instance: dg.DagsterInstance,
    ledger: str,
    sensor: str,
    error: LedgerError | None,
    sinks: Callable[[], Sequence[Sink]],
    alerting: Context | None,
    now: datetime,
) -> list[str]:
    """What went wrong in telling, a sentence each."""
    from lineage_guard.alerts import send
    from lineage_guard.alerts.order import in_order
    from lineage_guard.alerts.state import read_state
    from lineage_guard.domain.incidents.reach import verdict_on

    try:
        kept = Kept(instance)
        known, box, _ = read_state(kept)
        if error is None and not known.open and not box.waiting:
            return []
        lost = [verdict_on(ledger, sensor, now, error)] if error is not None else []
        verdicts = [*lost, *_over(known, sensor, ledger if lost else None, now)]
        report = send(in_order(verdicts, known), sinks(), kept, now, alerting)
        return [f"alert {a} to {sink} failed: {why}" for a, sink, why in report.failed]
    except Exception as problem:  # noqa: BLE001  telling must not change what becomes of the tick
        return [f"nobody could be told how the ledger is: {type(problem).__name__}: {problem}"]


def _over(known: Incidents, sensor: str, lost: str | None, now: datetime) -> list[Verdict]:
    """Verdicts that end what this sensor missed before, and what others did that do not look any more."""
    from lineage_guard.domain.incidents.reach import LEDGER, verdict_on

    found: list[Verdict] = []
    for place in sorted({p for i in known.open for p in i.holds}, key=lambda p: (p.target, p.partition or "")):
        ledger, whose = place.target.removeprefix(f"{LEDGER}:"), place.partition or ""
        seen = known.seen.get(place)
        silent = seen is None or now - seen.at > FORGOTTEN
        if (whose == sensor and ledger != lost) or (whose != sensor and silent):
            found.append(verdict_on(ledger, whose, now))
    return found
