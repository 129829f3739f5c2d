"""Delivery of archived events to any OpenLineage transport. The archive is the outbox.

Called by the sensor and the command line only, never from inside a step: a dead lineage
backend must not cost a training run a second. Events go out in the order of the archive, so
the order of each run's events is kept; the position is saved after what was delivered, so a
crash sends some again and loses none (at least once; run ids are deterministic, so a backend
sees the same event twice, not two events).
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, cast

from lineage_guard.domain.errors import ConfigError, EventError
from lineage_guard.openlineage.reading import format_time, parse_time

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

_OURS = "https://github.com/lineage-guard/lineage-guard/"
_SAVE_EVERY = 50
_COUNT_UP_TO = 10_000
_KEEP_REFUSALS = 20
_LONGEST_PAUSE = timedelta(minutes=10)
# What a backend answers to an event that it will never take, however often it is sent.
_NEVER_TAKEN = frozenset({400, 413, 422})


class Outbox(Protocol):
    """The part of a ledger that delivery needs."""

    def events(self, after: str | None) -> Iterator[tuple[str, Mapping[str, object]]]:
        """Events after a position, in order, each with its own position."""
        ...

    def load(self, name: str) -> dict[str, object] | None:
        """A small state."""
        ...

    def store(self, name: str, state: Mapping[str, object]) -> None:
        """Keep a small state."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """An event that the backend will not take; it stays in the archive."""

    position: str
    error: str


@dataclass(frozen=True, slots=True)
class Drained:
    """What one call delivered.

    Attributes:
        delivered: events sent and accepted.
        failed: events whose sending failed after all attempts: 0 or 1, for the next waits.
        backlog: events still to be sent, counted up to 10,000.
        error: why sending stopped; ``None`` when it did not.
        refused: events the backend will never take, passed over.
        position: last event that is done with.
        paused_until: when the next attempt is due after failures.
        configured: whether there is any transport to send to.
    """

    delivered: int = 0
    failed: int = 0
    backlog: int = 0
    error: str | None = None
    refused: tuple[Refusal, ...] = ()
    position: str | None = None
    paused_until: datetime | None = None
    configured: bool = True


def written_by_us(event: Mapping[str, object]) -> bool:
    """Whether Lineage Guard wrote an event. What a receiver took in is not sent back out."""
    producer = event.get("producer")
    return isinstance(producer, str) and producer.startswith(_OURS)


def drain(
    ledger: Outbox,
    transport_config: Mapping[str, Any] | None = None,
    *,
    name: str = "openlineage",
    select: Callable[[Mapping[str, object]], bool] = written_by_us,
    limit: int = 1000,
    attempts: int = 3,
    seconds: float = 30.0,
    force: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> Drained:
    """Send what has not been sent yet.

    A dead endpoint raises nothing: sending stops, the position stays, the next call comes
    back to it, later and later up to ten minutes.

    Args:
        ledger: where the events and the position are.
        transport_config: configuration of openlineage-python, e.g.
            ``{"transport": {"type": "http", "url": "http://marquez:5000"}}``. ``None`` takes
            ``openlineage.yml`` and ``OPENLINEAGE_*`` variables; when these name no transport
            either, nothing is sent.
        name: of the destination; each has a position of its own.
        select: which events to send; the others are passed over.
        limit: most events to send.
        attempts: for each event, with exponential backoff between them.
        seconds: after which no further event is begun.
        force: send even while pausing after failures.
        now: tells the time (timezone-aware UTC).
        sleep: waits between attempts.

    Returns:
        What was done and what remains.

    Raises:
        ConfigError: when the transport configuration is wrong.
        LedgerError: when the ledger cannot be read or written.

    Example:
        ``drain(ledger, {"transport": {"type": "file", "log_file_path": "events.jsonl", "append": True}})``
    """
    state_name = f"delivery-{name}"
    state = ledger.load(state_name) or {}
    position = _text(state, "position")
    pause = _text(state, "pausedUntil")
    if pause and not force and now() < parse_time(pause):
        return Drained(
            backlog=_backlog(ledger, position, select),
            error=_text(state, "error"),
            position=position,
            paused_until=parse_time(pause),
        )
    client = _client(transport_config)
    if client is None:
        return Drained(backlog=_backlog(ledger, position, select), position=position, configured=False)
    sending = _Sending(ledger, state_name, state, position, client, attempts, sleep)
    try:
        _send(sending, select, limit, now() + timedelta(seconds=seconds), now)
    finally:
        sending.close()
    sending.save(now())
    return Drained(
        delivered=sending.delivered,
        failed=1 if sending.error else 0,
        backlog=_backlog(ledger, sending.position, select),
        error=sending.error,
        refused=tuple(sending.refused),
        position=sending.position,
        paused_until=sending.paused_until,
    )


def _send(
    sending: _Sending,
    select: Callable[[Mapping[str, object]], bool],
    limit: int,
    until: datetime,
    now: Callable[[], datetime],
) -> None:
    waiting: list[str] = []
    taken = 0
    for position, event in sending.ledger.events(sending.position):
        if taken >= limit or now() >= until:
            break
        if select(event):
            if not sending.emit(position, event):
                break
            taken += 1
        waiting.append(position)
        if len(waiting) >= _SAVE_EVERY:
            if not sending.flush(waiting):
                return
            waiting = []
            sending.save(now())
    sending.flush(waiting)


class _Sending:
    """One call's progress: the client, what went out, how far it got."""

    def __init__(
        self,
        ledger: Outbox,
        state_name: str,
        state: Mapping[str, object],
        position: str | None,
        client: OpenLineageClient,
        attempts: int,
        sleep: Callable[[float], None],
    ) -> None:
        self.ledger = ledger
        self.position = position
        self.delivered = 0
        self.error: str | None = None
        self.refused: list[Refusal] = []
        self.paused_until: datetime | None = None
        self._state_name = state_name
        self._state = dict(state)
        self._client = client
        self._attempts = attempts
        self._sleep = sleep
        self._unflushed = 0
        self._lost_before = _lost(client.transport)

    def emit(self, position: str, event: Mapping[str, object]) -> bool:
        """Send one event; whether the next may follow."""
        from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

        from lineage_guard.openlineage.rebuild import rebuild

        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=wait_exponential(multiplier=0.5, max=5),
            retry=retry_if_exception(lambda e: isinstance(e, Exception) and not _never_taken(e)),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            built = rebuild(event)
            # Straight to the transport: ``client.emit`` would add this process's environment,
            # tags and git commit, which are not those of the run.
            if self._client.filter_event(built) is not None:
                retrying(lambda: self._client.transport.emit(copy.deepcopy(built)))
                self._unflushed += 1
        except EventError as e:
            self.refused.append(Refusal(position, str(e)))
        except Exception as e:  # noqa: BLE001  (a transport may raise anything, and none of it may stop a sensor)
            if not _never_taken(e):
                self.error = _describe(e)
                return False
            self.refused.append(Refusal(position, _describe(e)))
        return True

    def flush(self, waiting: list[str]) -> bool:
        """Wait for transports that send in the background, then count and move on."""
        lost = _settle(self._client.transport, timeout=30.0) - self._lost_before
        if lost > 0:
            self.error = self.error or f"the transport lost {lost} event(s) it had taken"
            return False
        self.delivered += self._unflushed
        self._unflushed = 0
        if waiting:
            self.position = waiting[-1]
        return True

    def save(self, at: datetime) -> None:
        """Keep the position, and after a failure when to come back."""
        failures = int(cast("int", self._state.get("failures") or 0))
        failures = failures + 1 if self.error else 0
        if self.error:
            self.paused_until = at + min(timedelta(seconds=15 * 2 ** min(failures - 1, 10)), _LONGEST_PAUSE)
        refusals = cast("list[dict[str, str]]", self._state.get("refused") or [])
        new = [{"position": r.position, "error": r.error} for r in self.refused]
        known = {r["position"] for r in refusals}
        state: dict[str, object] = {
            "position": self.position,
            "failures": failures,
            "error": self.error,
            "pausedUntil": format_time(self.paused_until) if self.paused_until else None,
            "refused": (refusals + [r for r in new if r["position"] not in known])[-_KEEP_REFUSALS:],
        }
        if state != self._state:
            self.ledger.store(self._state_name, state)
            self._state = state

    def close(self) -> None:
        """Let the client go, whatever state it is in."""
        try:
            self._client.close(timeout=5.0)
        except Exception as e:  # noqa: BLE001  (closing must not hide what was sent)
            self.error = self.error or _describe(e)


def _client(transport_config: Mapping[str, Any] | None) -> OpenLineageClient | None:
    """A client of the configured transport; ``None`` when there is none or it is switched off."""
    import os

    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.noop import NoopTransport

    # The factory takes keys out of the configuration it is given.
    config: Any = copy.deepcopy(dict(transport_config)) if transport_config is not None else None
    try:
        client = OpenLineageClient(config=config)
        named = bool((client.config.transport or {}).get("type")) or bool(os.environ.get("OPENLINEAGE_URL"))
    except Exception as e:
        raise ConfigError(
            f"the OpenLineage transport cannot be made: {_describe(e)}",
            where="OpenLineage configuration",
            fix="see https://openlineage.io/docs/client/python for its options",
        ) from e
    if not named or isinstance(client.transport, NoopTransport):
        return None
    for transport in _all(client.transport):
        _leave_retries_to_us(transport)
    return client


def _leave_retries_to_us(transport: Any) -> None:
    """Take the client's default retries off: with them a dead port takes 9 s and a hung one 39 s."""
    from openlineage.client.transport.http import HttpTransport
    from openlineage.client.transport.http_common import DEFAULT_RETRY_CONFIG

    if isinstance(transport, HttpTransport) and transport.config.retry == DEFAULT_RETRY_CONFIG:
        transport.config.retry = {**DEFAULT_RETRY_CONFIG, "total": 0, "connect": 0, "read": 0}


def _all(transport: Any) -> Iterator[Any]:
    """A transport and those inside it (composite, transform, datadog)."""
    yield transport
    inner: list[Any] = list(getattr(transport, "transports", None) or [])
    inner += [getattr(transport, name, None) for name in ("transport", "http", "async_http")]
    for each in inner:
        if each is not None:
            yield from _all(each)


def _settle(transport: Any, timeout: float) -> int:
    """Wait until background transports have sent all they took; how many they lost so far."""
    for each in _all(transport):
        wait = getattr(each, "wait_for_completion", None)
        if wait is not None and not wait(timeout):
            return 1 + _lost(transport)
    return _lost(transport)


def _lost(transport: Any) -> int:
    stats = [each.get_stats() for each in _all(transport) if hasattr(each, "get_stats")]
    return sum(int(s.get("failed", 0)) for s in stats)


def _never_taken(error: BaseException) -> bool:
    """Whether a backend has looked at the event and will not have it."""
    seen: BaseException | None = error
    while seen is not None:
        response: Any = getattr(seen, "response", None)
        if getattr(response, "status_code", None) in _NEVER_TAKEN:
            return True
        seen = seen.__cause__
    return False


def _backlog(ledger: Outbox, position: str | None, select: Callable[[Mapping[str, object]], bool]) -> int:
    count = 0
    for _, event in ledger.events(position):
        count += select(event)
        if count >= _COUNT_UP_TO:
            break
    return count


def _text(state: Mapping[str, object], key: str) -> str | None:
    value = state.get(key)
    return value if isinstance(value, str) else None


def _describe(error: BaseException) -> str:
    cause = f" ({error.__cause__})" if error.__cause__ else ""
    return f"{type(error).__name__}: {error}{cause}"
