"""One deadline for a whole exchange.

The timeouts of HTTP, SMTP and AWS clients are per connection and per read: a server that sends
one byte a second keeps them busy for ever. And a name that does not resolve has no timeout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Generic, TypeVar

#: Whether what runs is an exchange of ours; Apprise carries it into its own threads.
EXCHANGE = ContextVar("lineage_guard_exchange", default=False)
_T = TypeVar("_T")


class DeadlineExceeded(TimeoutError):
    """The exchange took too long; whether the receiver took what it was sent is not known."""


class _Exchange(Generic[_T]):
    def __init__(self, call: Callable[[], _T]) -> None:
        self._call = call
        self._result: _T
        self._error: BaseException | None = None

    def run(self) -> None:
        EXCHANGE.set(True)
        try:
            self._result = self._call()
        except BaseException as error:  # noqa: BLE001 - raised again where it was asked for
            self._error = error

    def result(self) -> _T:
        if self._error is not None:
            raise self._error
        return self._result


def within(seconds: float, call: Callable[[], _T], give_up: Callable[[], object] | None = None) -> _T:
    """What ``call`` returns or raises, if it does so in time.

    Args:
        seconds: for the whole call.
        call: what to do; in a thread of its own, which keeps no process alive.
        give_up: called when the time is over, to close what the thread waits for.

    Raises:
        DeadlineExceeded: it did not end in time.

    Example:
        >>> within(5, lambda: 42)
        42
    """
    exchange = _Exchange(call)
    thread = threading.Thread(target=exchange.run, daemon=True, name="lineage-guard-alert")
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        if give_up is not None:
            give_up()
        raise DeadlineExceeded(f"not done within {seconds:g} s")
    return exchange.result()
