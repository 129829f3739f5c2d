"""Versions that were made, and those whose runs were stopped: what such a run would have read is in the event on it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.ledger.archive.written import event_at
from lineage_guard.openlineage.decode import decode

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger
    from lineage_guard.ledger.asking.listed import ListedVerdict

#: Verdicts on one asset, newest first, among which runs without a version are looked for.
_VERDICTS = 500


def newest(ledger: Ledger, version: Version) -> ListedVerdict | None:
    """The newest verdict on a version; on one without a run, the newest of its partition.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    place = (version.namespace, version.name)
    return ledger.ask(lambda index, tail: ledger.browsing.verdict(index, tail, place, version.partition, version.run))


def made(ledger: Ledger, version: Version) -> tuple[Production | None, bool]:
    """What is on record of the making of a version; of one that was never made, what its run would have read.

    Args:
        ledger: the ledger.
        version: the version.

    Returns:
        The production with that version first, if there is any; and whether the version was made.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    found = ledger.productions([version]).get(version)
    if found is not None:
        return replace(found, outputs=(version, *(v for v in found.outputs if v != version))), True
    listed = newest(ledger, version) if version.run is not None else None
    event = event_at(ledger.archive, listed.ord, listed.run) if listed else None
    if event is None:
        return None, False
    try:
        planned = decode({**event, "eventType": "COMPLETE"}).productions
    except EventError:
        return None, False
    for each in planned:
        # An event of a run that wrote nothing names its outputs without their partitions.
        if any(v._replace(partition=version.partition) == version for v in each.outputs):
            return replace(each, outputs=(version,)), False
    return None, False


def attempts(ledger: Ledger, asset: tuple[str, str], known: Mapping[Version, Production]) -> dict[Version, Production]:
    """The newest runs of an asset with a verdict of which no version is on record, one for each partition.

    They were stopped, or they run, or nobody has collected yet what they made.

    Args:
        ledger: the ledger.
        asset: namespace and name.
        known: the newest version of each partition that was made, and its production.

    Returns:
        What they make, and what they read.

    Raises:
        LedgerError: the ledger cannot be read.
    """
    listed, _ = ledger.ask(lambda index, tail: ledger.browsing.verdicts(index, tail, asset=asset, limit=_VERDICTS))
    since = {version.partition: production.produced_at for version, production in known.items()}
    found: dict[str | None, tuple[Version, Production]] = {}
    for verdict in listed:
        target = verdict.target
        after = since.get(target.partition)
        if target.run is None or target.partition in found or (after is not None and verdict.at <= after):
            continue
        planned, was_made = made(ledger, target)
        if planned is not None and not was_made:
            found[target.partition] = (target, planned)
    return dict(found.values())
