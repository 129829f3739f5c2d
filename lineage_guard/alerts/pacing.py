"""How fast a receiver may be told: a token bucket that is kept from tick to tick. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Rate:
    """What a receiver takes: ``burst`` messages at once, and ``per_second`` more as time goes by.

    Within any minute at most ``burst + 60 * per_second`` are sent.

    Example:
        >>> Rate(burst=60, per_second=1).burst
        60
    """

    burst: int
    per_second: float


@dataclass(frozen=True, slots=True)
class Pace:
    """Where one sink stands.

    Attributes:
        left: messages that could still be sent at ``at``.
        at: when that was counted.
        until: nothing is sent before; the receiver asked for it.
    """

    left: float
    at: datetime
    until: datetime | None = None


def allowance(pace: Pace | None, rate: Rate | None, now: datetime) -> float:
    """How many messages may be sent now; infinite without a rate.

    Args:
        pace: where the sink stands; ``None`` when it was never used.
        rate: what it takes; ``None`` for any number.
        now: timezone-aware UTC.
    """
    if pace is not None and pace.until is not None and now < pace.until:
        return 0
    if rate is None:
        return float("inf")
    if pace is None:
        return rate.burst
    # A clock that was set back earns nothing.
    return min(rate.burst, pace.left + rate.per_second * max(0.0, (now - pace.at).total_seconds()))


def spent(pace: Pace | None, rate: Rate, now: datetime, messages: int) -> Pace:
    """Where the sink stands once ``messages`` more are on their way."""
    return Pace(allowance(pace, rate, now) - messages, now)


def paused(pace: Pace | None, now: datetime, wait: timedelta) -> Pace:
    """Where it stands once its receiver asked to be left alone."""
    return replace(pace or Pace(0, now), until=now + wait)


def to_dict(paces: Mapping[str, Pace]) -> dict[str, Any]:
    """Paces by sink as plain JSON data."""
    return {k: [p.left, p.at.isoformat(), p.until.isoformat() if p.until else None] for k, p in sorted(paces.items())}


def from_dict(data: Mapping[str, Any]) -> dict[str, Pace]:
    """Read what ``to_dict`` wrote.

    Raises:
        ValueError, TypeError: when it did not.
    """
    return {
        name: Pace(float(left), datetime.fromisoformat(at), datetime.fromisoformat(until) if until else None)
        for name, (left, at, until) in cast("Mapping[str, tuple[float, str, str | None]]", data).items()
    }
