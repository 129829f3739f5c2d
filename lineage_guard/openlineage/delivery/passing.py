"""One call's way through the archive: what is sent, what is passed over, what is saved on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from lineage_guard.openlineage.delivery.outgoing import outgoing
from lineage_guard.openlineage.delivery.progress import Outbox, Progress, Refusal
from lineage_guard.openlineage.delivery.sending import Failed, Refused, Sender

Select = Callable[[Mapping[str, object]], bool]

_OURS = "https://github.com/lineage-guard/lineage-guard/"
# The position is saved after so many events, or so much time: what a crash sends again.
_SAVE_EVERY = 500
_SAVE_AFTER = timedelta(seconds=1)
# Where so many calls in a row ended at the same event, those after it are tried, to see whether it is to blame.
_STUCK_AFTER = 5
# So many of them: a run has several events of its own, and a backend that is away is not to be stormed.
_TRIED = 20
# Where the backend says that it breaks over each, twice as many from call to call, up to this.
_TRIED_AT_MOST = 1_000


def written_by_us(event: Mapping[str, object]) -> bool:
    """Whether Lineage Guard wrote an event. What a receiver took in is not sent back out."""
    producer = event.get("producer")
    return isinstance(producer, str) and producer.startswith(_OURS)


def send(sender: Sender, event: Mapping[str, Any], left: Callable[[], float]) -> int:
    """Send what an archived event is to backends: 1, or 0 when a filter wants none of it.

    Args:
        sender: takes the events.
        event: the archived event.
        left: how many seconds there are; no further attempt is begun after them.

    Raises:
        Refused: when the backend will never take it.
        Failed: when all attempts failed.
    """
    if not sender.wants(event):
        return 0
    ours = written_by_us(event)
    for each in outgoing(event) if ours else (event,):
        sender.send(each, left, as_it_is=ours)
    return 1


def named(event: Mapping[str, Any]) -> str:
    """An event for people, e.g. ``COMPLETE of default:student, run 019b…``."""
    job, run = _part(event, "job") or _part(event, "dataset"), _part(event, "run")
    what = f"{event.get('eventType') or 'event'} of {job.get('namespace')}:{job.get('name')}"
    return f"{what}, run {run.get('runId')}" if run else what


def _part(event: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    part = event.get(key)
    return cast("Mapping[str, Any]", part) if isinstance(part, Mapping) else {}


class Passing:
    """The way from the saved position on.

    Args:
        ledger: where the events are.
        progress: where the position is kept.
        sender: takes the events.
        select: which of them to send.
        now: tells the time.
        seconds: after which no further event and no further attempt is begun.
        told: is told how many events are done with, whenever the position was saved.

    Attributes:
        delivered: events sent and accepted.
        refused: events passed over.
        error: why sending stopped.
    """

    def __init__(
        self,
        ledger: Outbox,
        progress: Progress,
        sender: Sender,
        select: Select,
        now: Callable[[], datetime],
        seconds: float,
        told: Callable[[int], object],
    ) -> None:
        self.delivered = 0
        self.refused: list[Refusal] = []
        self.error: str | None = None
        self._ledger = ledger
        self._progress = progress
        self._sender = sender
        self._select = select
        self._now = now
        began = now()
        self._until = began + timedelta(seconds=seconds) if seconds < float("inf") else None
        self._told = told
        self._done = 0
        # Since the position was saved last: where it would be now, and what was met on the way.
        self._reached = progress.position
        self._saved_at = began
        self._passed = 0
        self._sent = 0
        self._new: list[tuple[str | None, Refusal]] = []
        # Events left aside, each with the position before it, until a later one shows whether the backend takes others.
        self._held: list[tuple[str | None, Refusal, Mapping[str, Any]]] = []
        self._behind = 0

    def run(self, limit: int | None) -> bool:
        """Go on from the saved position; whether the end of the archive was reached.

        Args:
            limit: most events to send.

        Raises:
            LedgerError: when the ledger cannot be read or written.
        """
        try:
            while True:
                outcome = self._go(limit)
                if outcome is not None:
                    return outcome
        except KeyboardInterrupt:
            self._save()
            raise

    def stop(self, error: str, *, wait: float = 0.0, stuck: str | None = None) -> None:
        """Note that sending ended with an error, and the pause that the backend asked for, in seconds."""
        self.error = error
        self._progress.fail(error, self._now(), least=timedelta(seconds=wait), stuck=stuck)

    def _go(self, limit: int | None) -> bool | None:
        """As ``run``; ``None`` when another deliverer was faster and this one has to go on where that one is."""
        for position, event in self._ledger.events(self._reached):
            if (limit is not None and self.delivered + self._sent >= limit) or self._over():
                self._save()
                self._give_up_held()
                return False
            failed = self._pass(position, event) if self._select(event) else None
            if failed and not self._hold(position, event, failed):
                if self._save():
                    stuck = self._held[0][1].position if self._held else position if failed.doubtful else None
                    self.stop(str(failed), wait=failed.wait, stuck=stuck)
                return False
            if self._held:
                self._behind += 1
                continue
            self._reached = position
            self._passed += 1
            if self._passed >= _SAVE_EVERY or self._now() - self._saved_at >= _SAVE_AFTER:
                if not self._save():
                    return False
                if self._reached != position:
                    return None
        return self._save() and self._give_up_held()

    def _pass(self, position: str, event: Mapping[str, Any]) -> Failed | None:
        """Send one event, or note that it was refused."""
        refused: Refusal | None = None
        try:
            sent = send(self._sender, event, self._no_time if self._held else self._left)
        except Refused as e:
            sent, refused = 0, Refusal(position, str(e), named(event))
        except Failed as e:
            return e
        before = self._held[-1][1].position if self._held else self._reached
        if self._held and (sent or refused):
            failed = self._release()
            if failed:
                return failed
        self._sent += sent
        if refused:
            self._new.append((before, refused))
        return None

    def _hold(self, position: str, event: Mapping[str, Any], failed: Failed) -> bool:
        """Leave aside an event that calls end at again and again, to see whether the backend takes one after it."""
        times = self._progress.times_stuck(self._held[0][1].position if self._held else position) + 1
        most = min(_TRIED << min(times - _STUCK_AFTER, 10), _TRIED_AT_MOST) if times >= _STUCK_AFTER else 0
        if not failed.doubtful or len(self._held) > (most if failed.broke else min(most, _TRIED)) or not most:
            return False
        before = self._held[-1][1].position if self._held else self._reached
        self._held.append((before, Refusal(position, str(failed), named(event)), event))
        return True

    def _release(self) -> Failed | None:
        """The backend is well: pass over those left aside, but for what it takes now that it is."""
        refused: list[tuple[str | None, Refusal]] = []
        for before, refusal, event in self._held:
            try:
                self._sent += send(self._sender, event, self._no_time)
            except Refused as e:
                refused.append((before, Refusal(refusal.position, str(e), refusal.event)))
            except Failed as e:
                if not e.doubtful:
                    return e
                refused.append((before, Refusal(refusal.position, str(e), refusal.event)))
        self._new += refused
        self._passed += self._behind
        self._held, self._behind = [], 0
        return None

    def _give_up_held(self) -> bool:
        """None after those left aside was taken, so they wait where they are; whether there were none."""
        if not self._held:
            return True
        _, refusal, _ = self._held[0]
        self.stop(refusal.error, stuck=refusal.position)
        return False

    def _save(self) -> bool:
        """Wait for transports that send in the background, then count and move on; whether they lost nothing."""
        self._saved_at = self._now()
        lost = self._sender.lost()
        if lost > 0:
            self.stop(f"the transport lost {lost} event(s) it had taken")
            return False
        if self._passed:
            self._progress.advance(self._reached, self._new)
            self._reached = self._progress.position
        self.delivered += self._sent
        self.refused += [refusal for _, refusal in self._new]
        self._done += self._passed
        self._passed, self._sent, self._new = 0, 0, []
        self._told(self._done)
        return True

    def _over(self) -> bool:
        return self._until is not None and self._now() >= self._until

    def _left(self) -> float:
        return float("inf") if self._until is None else max((self._until - self._now()).total_seconds(), 0.0)

    @staticmethod
    def _no_time() -> float:
        """For one attempt only."""
        return 0.0
