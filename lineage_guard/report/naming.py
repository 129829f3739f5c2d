"""Which trained version is meant by ``ASSET[@run][:partition]``."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn, cast

from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import Version
from lineage_guard.ledger.asking.past import Past
from lineage_guard.openlineage.decode import decode

_VERSION = re.compile(
    r"(?P<name>.+?)(?:@(?P<run>[0-9A-Fa-f][0-9A-Fa-f-]{6,35}[0-9A-Fa-f]))?(?::(?P<partition>.*))?", re.DOTALL
)


class Named(NamedTuple):
    """A version as a person names it.

    Attributes:
        name: OpenLineage name of the asset.
        run: the asset run, the Dagster run, or the last eight digits of the asset run, as verdicts show it.
        partition: partition key.
    """

    name: str
    run: str | None = None
    partition: str | None = None


def readings(text: str) -> tuple[Named, ...]:
    """What a text may name, first as an asset whose own name has these signs in it.

    Args:
        text: ``ASSET[@run][:partition]``.

    Example:
        >>> readings("models/student@85000004:de")[1]
        Named(name='models/student', run='85000004', partition='de')
    """
    found = _VERSION.fullmatch(text)
    whole = Named(text)
    if found is None:
        return (whole,)
    parsed = Named(found["name"], found["run"].lower() if found["run"] else None, found["partition"])
    return (whole,) if parsed == whole else (whole, parsed)


def find(past: Past, namespace: str, text: str) -> Version:
    """The version that is meant; without a run, the newest.

    Args:
        past: the ledger as it stood, asked for the verdicts on every name of ``readings(text)``.
        namespace: OpenLineage namespace.
        text: ``ASSET[@run][:partition]``.

    Raises:
        ConfigError: when none was on record, or it is not clear which is meant.
        LedgerError: when the ledger cannot be read.
    """
    for named in readings(text):
        newest = past.latest(namespace, named.name)
        if not newest:
            continue
        fitting = tuple(v for v in newest if named.partition in (None, v.partition))
        if named.run is not None:
            fitting = _of_run(past, namespace, named, newest)
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            _unclear(text, namespace, fitting)
        _missing(past, text, namespace)
    _missing(past, text, namespace)


def _of_run(past: Past, namespace: str, named: Named, newest: tuple[Version, ...]) -> tuple[Version, ...]:
    """The versions that a run wrote, whichever of its names is given."""
    run = cast("str", named.run)
    runs = dict.fromkeys(v.run for v in newest if v.run and _is(run, v.run))
    for record in past.decisions:
        decoded = decode(record.event)
        if decoded.run_id and (_is(run, decoded.run_id) or run == decoded.parent_run_id):
            runs[decoded.run_id] = None
    runs[run] = None
    partitions = dict.fromkeys((None, *(v.partition for v in newest)))
    if named.partition is not None:
        partitions = {named.partition: None}
    wanted = [Version(namespace, named.name, partition, each) for each in runs for partition in partitions]
    return tuple(past.productions(wanted))


def _is(given: str, run: str) -> bool:
    return run == given or run.endswith(given)


def _unclear(text: str, namespace: str, fitting: tuple[Version, ...]) -> NoReturn:
    some = ", ".join(f"{v.name}@{v.run}" + (f":{v.partition}" if v.partition is not None else "") for v in fitting[:5])
    raise ConfigError(
        f"{len(fitting)} versions are meant by this",
        where=f"{namespace}:{text}",
        fix=f"name one, with its run or its partition: {some}{', ...' if len(fitting) > 5 else ''}",
    )


def _missing(past: Past, text: str, namespace: str) -> NoReturn:
    fix = (
        "check the name, --namespace and --as-of; what never ran has no version, and its verdicts are shown by "
        "`lineage-guard explain`"
    )
    held = len(past.decisions)
    refused = f"; verdicts on this name: {held}, see `lineage-guard explain`" if held else ""
    raise ConfigError(
        f"the ledger held no such version as of {past.at:%Y-%m-%d %H:%M:%S} UTC{refused}",
        where=f"{namespace}:{text}",
        fix=fix,
    )
