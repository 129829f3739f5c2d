"""Trouble that keeps a tick from working: paged by the same sinks, and remembered where no ledger is needed.

A ledger that cannot be used or lost what it held, and rules that cannot be read. The incidents and their outbox are one
small document in the Dagster instance, the one thing that the sensors of all code locations share besides the ledger.
So a trouble is told once, whoever meets it and however often the daemon is restarted, and its end goes where its
beginning went. The document cannot be compared and swapped in one step there: of two sensors that meet the same trouble
within the same few milliseconds both may tell, under the same incident.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from lineage_guard.domain.errors import (
    CatalogError,
    ConfigError,
    LedgerError,
    LineageGuardError,
    PolicyError,
    WaiverError,
)
from lineage_guard.domain.facts import Version
from lineage_guard.domain.incidents.reach import HISTORY, LEDGER, RULES

if TYPE_CHECKING:
    from lineage_guard.alerts import Context, Sink
    from lineage_guard.domain.incidents.incident import Incidents
    from lineage_guard.domain.verdict.decide import Verdict

#: How the names of these documents begin in the instance; older than the rules in them.
PREFIX = "lineage_guard/without_ledger/"
#: A sensor that did not look for as long may be gone for good; what it missed is back when another one says so.
FORGOTTEN = timedelta(hours=1)
_LINE_AND_COLUMN = re.compile(r"(:\d+){1,2}$")


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


class Trouble:
    """What one tick found out about what it needs.

    Args:
        sensor: code location of the sensor.

    Attributes:
        ledger: where the ledger is, once the tick knows.
        found: why something could not be used, by what it is: a part of the guard as this sensor sees it.
        seen: what the tick came to the end of, ``LEDGER``, ``RULES``, ``HISTORY``; it says nothing of the rest.
    """

    def __init__(self, sensor: str) -> None:
        self.sensor = sensor
        self.ledger = ""
        self.found: dict[Version, LineageGuardError] = {}
        self.seen = frozenset[str]()

    def missed(self, error: Exception) -> None:
        """Note what went wrong though the tick goes on. What is no ``LedgerError`` says nothing of the ledger."""
        if isinstance(error, LedgerError):
            self.found.setdefault(Version(LEDGER, self.ledger, self.sensor), error)

    def stopped(self, error: LedgerError | ConfigError) -> None:
        """Note what the tick failed by; it came no further."""
        if isinstance(error, ConfigError):
            self.found[Version(RULES, _named(error, self.sensor), self.sensor)] = error
        self.missed(error)
        self.seen = frozenset(part.namespace for part in self.found)


@contextmanager
def telling(
    context: dg.SensorEvaluationContext,
    sinks: Callable[[], Sequence[Sink]],
    alerting: Context | None,
    now: datetime,
) -> Generator[Trouble]:
    """Around all of a tick: page what keeps it from working, and tell when that is over.

    Telling raises nothing: what goes wrong with it is logged, and a dead sink is tried again at the next tick.

    Args:
        context: of the sensor.
        sinks: where to tell it.
        alerting: deployment name and links; what the environment says when ``None``.
        now: the time (timezone-aware UTC).

    Raises:
        LedgerError, ConfigError: as it was raised inside.
    """
    origin = context.code_location_origin
    trouble = Trouble(origin.location_name if origin else "unnamed")

    def tell() -> None:
        for problem in _told(context.instance, trouble, sinks, alerting, now):
            context.log.warning(problem)

    try:
        yield trouble
    except (LedgerError, ConfigError) as error:
        trouble.stopped(error)
        tell()
        raise
    trouble.seen = frozenset({HISTORY, LEDGER, RULES})
    tell()


def _told(
    instance: dg.DagsterInstance,
    trouble: Trouble,
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
        if not trouble.found and not known.open and not box.waiting:
            return []
        found = [verdict_on(part, now, error) for part, error in trouble.found.items()]
        verdicts = [*found, *_over(known, trouble, now)]
        report = send(in_order(verdicts, known), sinks(), kept, now, alerting)
        return [f"alert {a} to {sink} failed: {why}" for a, sink, why in report.failed]
    except Exception as problem:  # noqa: BLE001  telling must not change what becomes of the tick
        return [f"nobody could be told how the guard is: {type(problem).__name__}: {problem}"]


def _over(known: Incidents, trouble: Trouble, now: datetime) -> list[Verdict]:
    """Verdicts that end what this sensor missed before, and what others did that do not look any more."""
    from lineage_guard.domain.incidents.reach import verdict_on

    heard: dict[str | None, datetime] = {}
    for place, seen in known.seen.items():
        heard[place.partition] = max(seen.at, heard.get(place.partition, seen.at))
    found: list[Verdict] = []
    for place in sorted({p for i in known.open for p in i.holds}, key=lambda p: (p.target, p.partition or "")):
        kind, _, name = place.target.partition(":")
        part = Version(kind, name, place.partition)
        if place.partition == trouble.sensor:
            over = kind in trouble.seen and part not in trouble.found
        else:
            over = place.partition not in heard or now - heard[place.partition] > FORGOTTEN
        if over:
            found.append(verdict_on(part, now))
    return found


def _named(error: ConfigError, sensor: str) -> str:
    """The file that is wrong, wherever in it that is; the code location where it is no file.

    Links stay as they are written: in a mounted volume they lead elsewhere after each change.
    """
    if error.where is None or not isinstance(error, PolicyError | CatalogError | WaiverError):
        return sensor
    return os.path.abspath(_LINE_AND_COLUMN.sub("", error.where))
