"""Signs of life in the ledger: one small state for each code location and event log."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.errors import ConfigError, LedgerError
from lineage_guard.domain.incidents.heartbeat import Heartbeat
from lineage_guard.ledger.archive import states

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger

#: How the names of these states begin.
PREFIX = "heartbeat/"
AFTER_VARIABLE = "LINEAGE_GUARD_STALE_AFTER"


@dataclass(frozen=True)
class Beats:
    """The signs of life of a ledger.

    Attributes:
        beats: those that can be read, sorted by location.
        unreadable: why others cannot, a sentence each.
    """

    beats: tuple[Heartbeat, ...] = ()
    unreadable: tuple[str, ...] = ()


def beat(ledger: Ledger, sign: Heartbeat) -> None:
    """Leave a sign of life, in the place of the one before.

    Raises:
        LedgerError: the ledger cannot be written.
    """
    ledger.store(_name(sign), _dump(sign))


def heartbeats(ledger: Ledger) -> Beats:
    """Every sign of life.

    Args:
        ledger: where sensors leave them.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found: list[Heartbeat] = []
    unreadable: list[str] = []
    for name in ledger.names(PREFIX):
        try:
            state = ledger.load(name)
            if state is not None:  # forgotten since it was listed
                found.append(_parse(state))
        except (KeyError, TypeError, ValueError, LedgerError) as error:
            said = str(error) if isinstance(error, LedgerError) else f"{type(error).__name__}: {error}"
            unreadable.append(f"{name} cannot be read: {said}")
    return Beats(tuple(sorted(found, key=lambda b: (b.location, b.source))), tuple(unreadable))


def forget(ledger: Ledger, location: str) -> tuple[Heartbeat, ...]:
    """Stop missing the sensor of a code location that was removed. One that ticks again is missed again.

    Args:
        ledger: where signs of life are.
        location: name of the code location.

    Returns:
        What was forgotten; nothing when no sensor of that location was known.

    Raises:
        LedgerError: the ledger cannot be read or written.
    """
    known = tuple(b for b in heartbeats(ledger).beats if b.location == location)
    for each in known:
        states.drop(ledger.archive, _name(each))
    return known


def stale_after(environ: Mapping[str, str] = os.environ) -> timedelta | None:
    """How long a sensor may be silent, if the environment says: ``LINEAGE_GUARD_STALE_AFTER``, in seconds.

    Raises:
        ConfigError: it is no positive number.

    Example:
        >>> stale_after({"LINEAGE_GUARD_STALE_AFTER": "900"})
        datetime.timedelta(seconds=900)
    """
    said = environ.get(AFTER_VARIABLE, "").strip()
    if not said:
        return None
    try:
        seconds = float(said)
        if not 0 < seconds < 10**8:
            raise ValueError(said)
    except ValueError as error:
        raise ConfigError(
            f"{said!r} is not a number of seconds", where=AFTER_VARIABLE, fix="set it to, say, 900, or unset it"
        ) from error
    return timedelta(seconds=seconds)


def _name(sign: Heartbeat) -> str:
    return f"{PREFIX}{sign.source}/{sign.location}"


def _dump(sign: Heartbeat) -> dict[str, object]:
    return {
        "location": sign.location,
        "source": sign.source,
        "at": sign.at.isoformat(),
        "interval": sign.interval.total_seconds(),
        "lag": sign.lag,
        "behind": sign.behind.total_seconds(),
        "policy": sign.policy,
        "policyDigest": sign.policy_digest,
        "version": sign.version,
    }


def _parse(state: Mapping[str, Any]) -> Heartbeat:
    at = datetime.fromisoformat(state["at"])
    if at.tzinfo is None:
        raise ValueError("its time has no offset")
    return Heartbeat(
        location=str(state["location"]),
        source=str(state["source"]),
        at=at,
        interval=timedelta(seconds=float(state["interval"])),
        lag=int(state["lag"]),
        behind=timedelta(seconds=float(state["behind"])),
        policy=str(state["policy"]),
        policy_digest=str(state["policyDigest"]),
        version=str(state["version"]),
    )
