"""Delivery of archived events to any OpenLineage transport. The archive is the outbox.

Called by the sensor and the command line only, never from inside a step: a dead lineage
backend must not cost a training run a second. Events go out one after another in the order of
the archive, over one connection: backends take "the current version" from the order in which
events arrive, across runs and datasets. The position is saved after what was delivered, so a
crash sends some again and loses none (at least once; run ids are deterministic, so a backend
sees the same event twice, not two events).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from lineage_guard.openlineage.delivery.passing import Passing, Select, named, send, written_by_us
from lineage_guard.openlineage.delivery.progress import Outbox, Progress, Refusal, order
from lineage_guard.openlineage.delivery.refusals import LONGEST_WAIT
from lineage_guard.openlineage.delivery.sending import Failed, Refused, Sender

__all__ = ["COUNTED", "Drained", "Outbox", "Refusal", "backlog", "drain", "redeliver", "written_by_us"]

#: A backlog is counted no further.
COUNTED = 10_000
# After so many events in a row to which there was no answer, the backend is taken to be away.
_SILENT = 2


@dataclass(frozen=True, slots=True)
class Drained:
    """What one call delivered.

    Attributes:
        delivered: events sent and accepted.
        failed: events whose sending failed after all attempts: 0 or 1, for the next waits.
        backlog: events still to be sent, counted up to 10,000.
        error: why sending stopped; ``None`` when it did not.
        refused: events the backend will never take, passed over in this call.
        refused_in_all: how many refused events wait for ``redeliver``.
        position: last event that is done with.
        paused_until: when the next attempt is due after failures.
        configured: whether there is any transport to send to.
    """

    delivered: int = 0
    failed: int = 0
    backlog: int = 0
    error: str | None = None
    refused: tuple[Refusal, ...] = ()
    refused_in_all: int = 0
    position: str | None = None
    paused_until: datetime | None = None
    configured: bool = True


def drain(
    ledger: Outbox,
    transport_config: Mapping[str, Any] | None = None,
    *,
    name: str = "openlineage",
    select: Select = written_by_us,
    limit: int | None = 10_000,
    attempts: int = 3,
    seconds: float = 30.0,
    force: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
    told: Callable[[int], object] = lambda _: None,
) -> Drained:
    """Send what has not been sent yet.

    A dead endpoint raises nothing: sending stops, the position stays, the next call comes
    back to it, later and later up to ten minutes, or when the endpoint said (``Retry-After``).
    An event that the backend refuses is passed over and kept for ``redeliver``; so is one over
    which it broke, or fell silent, in five calls in a row while it takes one after it.

    Args:
        ledger: where the events and the position are.
        transport_config: configuration of openlineage-python, e.g.
            ``{"transport": {"type": "http", "url": "http://marquez:5000"}}``. ``None`` takes
            ``openlineage.yml`` and ``OPENLINEAGE_*`` variables; when these name no transport
            either, nothing is sent.
        name: of the destination; each has a position of its own.
        select: which events to send; the others are passed over.
        limit: most events to send; ``None`` for all.
        attempts: for each event, with exponential backoff between them.
        seconds: after which no further event and no further attempt is begun; may be infinite.
        force: send even while pausing after failures.
        now: tells the time (timezone-aware UTC).
        sleep: waits between attempts.
        told: is told, whenever the position was saved, how many archived events this call is
            done with: delivered, refused, or not to be sent.

    Returns:
        What was done and what remains.

    Raises:
        ConfigError: when the transport configuration is wrong.
        LedgerError: when the ledger cannot be read or written.

    Example:
        ``drain(ledger, {"transport": {"type": "file", "log_file_path": "events.jsonl", "append": True}})``
    """
    progress = Progress(ledger, name)
    pause = progress.paused_until
    # A pause that is longer than any was noted by a clock that went wrong.
    if pause and not force and now() < pause <= now() + timedelta(seconds=LONGEST_WAIT):
        return _report(ledger, progress, select, error=progress.error, paused_until=pause)
    sender = Sender(transport_config, attempts, sleep)
    if not sender.configured:
        return _report(ledger, progress, select, configured=False)
    passing = Passing(ledger, progress, sender, select, now, seconds, told)
    try:
        finished = passing.run(limit)
    finally:
        closing = sender.close()
    if passing.error is None and closing:
        passing.stop(closing)
    return _report(
        ledger,
        progress,
        select,
        finished=finished and passing.error is None,
        delivered=passing.delivered,
        failed=1 if passing.error else 0,
        error=passing.error,
        refused=tuple(passing.refused),
        paused_until=progress.paused_until,
    )


def redeliver(
    ledger: Outbox,
    transport_config: Mapping[str, Any] | None = None,
    *,
    name: str = "openlineage",
    select: Select = written_by_us,
    attempts: int = 3,
    sleep: Callable[[float], None] = time.sleep,
) -> Drained:
    """Send once more what the backend refused, after it or its configuration was mended.

    Args:
        ledger: as for ``drain``.
        transport_config: as for ``drain``.
        name: of the destination.
        select: as for the ``drain`` that was refused.
        attempts: for each event.
        sleep: waits between attempts.

    Returns:
        ``refused`` are those that were refused again, and wait on. Events that were pruned
        meanwhile are neither sent nor kept.

    Raises:
        ConfigError: when the transport configuration is wrong.
        LedgerError: when the ledger cannot be read or written.
    """
    progress = Progress(ledger, name)
    spans = progress.spans
    sender = Sender(transport_config, attempts, sleep)
    if not sender.configured:
        return _report(ledger, progress, select, configured=False)
    delivered, error, again = 0, None, list[tuple[str | None, Refusal]]()
    done = silent = 0
    try:
        for span in spans:
            before, kept, sent = span.after, list[tuple[str | None, Refusal]](), 0
            for position, event in ledger.events(span.after):
                if order(position) > order(span.through):
                    break
                if select(event):
                    try:
                        sent += send(sender, event, lambda: float("inf"))
                        silent = 0
                    except (Refused, Failed) as e:
                        silent = silent + 1 if isinstance(e, Failed) and not e.broke else 0
                        if isinstance(e, Failed) and (not e.doubtful or silent > _SILENT):
                            raise
                        kept.append((before, Refusal(position, str(e), named(event))))
                before = position
            if sender.lost() > 0:
                raise Failed("the transport lost events that it had taken")
            delivered, done = delivered + sent, done + 1
            again += kept
    except Failed as e:
        error = str(e)
    finally:
        sender.close()
    progress.settle(spans[:done], again)
    refused = tuple(refusal for _, refusal in again)
    return _report(ledger, progress, select, delivered=delivered, failed=int(bool(error)), error=error, refused=refused)


def backlog(ledger: Outbox, name: str = "openlineage", select: Select = written_by_us) -> int:
    """How many events wait for a destination, counted up to 10,000.

    Raises:
        LedgerError: when the ledger cannot be read.
    """
    return _count(ledger, Progress(ledger, name).position, select)


def _report(
    ledger: Outbox,
    progress: Progress,
    select: Select,
    *,
    finished: bool = False,
    configured: bool = True,
    delivered: int = 0,
    failed: int = 0,
    error: str | None = None,
    refused: tuple[Refusal, ...] = (),
    paused_until: datetime | None = None,
) -> Drained:
    return Drained(
        delivered=delivered,
        failed=failed,
        backlog=0 if finished else _count(ledger, progress.position, select),
        error=error,
        refused=refused,
        refused_in_all=sum(span.count for span in progress.spans),
        position=progress.position,
        paused_until=paused_until,
        configured=configured,
    )


def _count(ledger: Outbox, position: str | None, select: Select) -> int:
    count = 0
    for _, event in ledger.events(position):
        count += select(event)
        if count >= COUNTED:
            break
    return count
