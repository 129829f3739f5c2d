"""The end of a tick: a sign of life, and a look at the sensors of other code locations."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib import metadata
from typing import TYPE_CHECKING

import dagster as dg

from lineage_guard.dagster.collect.collect import Collected
from lineage_guard.dagster.events import EventLog, utc
from lineage_guard.dagster.sensor.trouble import Trouble
from lineage_guard.domain.incidents.heartbeat import Heartbeat
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.health import Watching, beat
from lineage_guard.health.heartbeats import stale_after

if TYPE_CHECKING:
    from lineage_guard.alerts import Context, Sink
    from lineage_guard.ledger import Ledger

#: Seconds between two looks of one process at the others.
LOOK_EVERY = 60.0
#: By ledger: who watches it in this process, and when it looked last. Ticks of one process follow one another.
_WATCHING: dict[str, tuple[Watching, float]] = {}


def alive(
    instance: dg.DagsterInstance,
    ledger: Ledger,
    collected: Collected,
    location: str | None,
    policy: Policy,
    interval: timedelta,
    now: datetime,
    trouble: Trouble,
) -> list[str]:
    """Leave a sign of life. Never raises.

    Args:
        instance: the Dagster instance.
        ledger: where it is left.
        collected: what the tick collected.
        location: code location.
        policy: what the sensor goes by.
        interval: minimum interval between its ticks.
        now: the time (timezone-aware UTC).
        trouble: is told when the ledger cannot be written.

    Returns:
        What went wrong, in a sentence each.
    """
    try:
        waiting = EventLog(instance).summaries(after=collected.position, limit=1) if collected.lag else []
        behind = max(now - utc(waiting[0].timestamp), timedelta(0)) if waiting else timedelta(0)
        sign = Heartbeat(
            location=location or "unnamed",
            source=collected.source,
            at=now,
            interval=interval,
            lag=collected.lag,
            behind=behind,
            policy=policy.name,
            policy_digest=policy.digest,
            version=metadata.version("lineage-guard"),
        )
        beat(ledger, sign)
    except Exception as error:  # noqa: BLE001  the tick did what it is for; who misses the sign will say so
        trouble.missed(error)
        return [f"no sign of life could be left: {type(error).__name__}: {error}"]
    return []


def watch_others(ledger: Ledger, sinks: Sequence[Sink], context: Context | None, now: datetime) -> list[str]:
    """Look at the sensors of all code locations, once a minute. Never raises.

    Args:
        ledger: where their signs of life are.
        sinks: where a silent one is told of.
        context: deployment name and links.
        now: the time (timezone-aware UTC).

    Returns:
        What went wrong, in a sentence each.
    """
    try:
        watching, looked = _WATCHING.get(ledger.location) or (Watching(ledger, stale_after()), float("-inf"))
        at = time.monotonic()
        if at - looked < LOOK_EVERY:
            return []
        _WATCHING[ledger.location] = watching, at
        watched = watching.look(now, sinks, context)
        failed = watched.report.failed if watched.report else ()
        return [*watched.unreadable, *(f"alert {a} to {sink} failed: {why}" for a, sink, why in failed)]
    except Exception as error:  # noqa: BLE001  other locations have watchers too
        return [f"other sensors could not be watched: {type(error).__name__}: {error}"]
