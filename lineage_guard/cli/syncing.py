"""What ``lineage-guard sync`` does: collect, then deliver, with progress."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import click

from lineage_guard.cli.asking import instance_of_here
from lineage_guard.cli.progress import shown
from lineage_guard.dagster.collect.collect import BATCH, Collected, collect
from lineage_guard.dagster.locations import graph_of_all, load_locations, settings_of
from lineage_guard.dagster.settings import Settings, ledger_location, lineage_namespace
from lineage_guard.dagster.target import Target
from lineage_guard.domain.errors import ConfigError
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.deliver import COUNTED, Drained, Refusal, drain, redeliver

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from lineage_guard.dagster.locations import Location

_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Delivery:
    """What ``sync`` is to deliver.

    Attributes:
        events: whether to send what was not sent yet.
        refused: whether to send once more what the backend refused.
    """

    events: bool = True
    refused: bool = False


def synchronise(
    target: Target, ledger: str | None, namespace: str | None, deliver: Delivery, as_json: bool, now: datetime
) -> int:
    """Collect everything new, then send what has not been sent.

    Args:
        target: where definitions are; all code locations of the deployment, because a record
            whose definition is not loaded is recorded as incomplete.
        ledger: overrides the place of the ledger.
        namespace: overrides the OpenLineage namespace.
        deliver: which OpenLineage events to send.
        as_json: print one JSON object and no progress.
        now: the time (timezone-aware UTC).

    Returns:
        The exit code: 0, also when delivery has to wait.

    Raises:
        ConfigError: no definitions, no instance, or a code location that cannot be loaded here.
        LedgerError: the ledger cannot be read or written.
    """
    locations = load_locations(target)
    if not locations:
        raise ConfigError(
            "collecting needs the definitions, and none are named or found here",
            where="sync",
            fix="name the code that defines the assets with -m, -f or -w",
        )
    for each in locations:
        if each.unseen:
            raise ConfigError(f"it cannot be collected from here: {each.unseen}", where=each.name, fix="see above")
    settings = settings_of_all(locations) or Settings()
    book = open_ledger(ledger_location(ledger or settings.ledger))
    with instance_of_here() as instance:
        collected = _collect(
            instance, locations, book, lineage_namespace(namespace or settings.namespace), as_json, now
        )
    drained = _deliver(book, as_json) if deliver.events else None
    again = redeliver(book) if deliver.refused else None
    if as_json:
        click.echo(json.dumps(_json(collected, drained, again), indent=2))
    else:
        _tell(collected, drained, again, book.location)
    return 0


def settings_of_all(locations: tuple[Location, ...]) -> Settings | None:
    """What the first ``guard()`` in these code locations was told, or ``None``."""
    found = (settings_of(definition) for location in locations for definition in location.assets())
    return next((settings for settings in found if settings is not None), None)


def _collect(
    instance: dg.DagsterInstance,
    locations: tuple[Location, ...],
    ledger: Ledger,
    namespace: str,
    quiet: bool,
    now: datetime,
) -> Collected:
    graph = graph_of_all(locations)
    total: Collected | None = None
    with shown("Collecting", quiet=quiet) as told:
        while True:
            one = collect(instance, graph, ledger, namespace=namespace, now=now, limit=BATCH)
            total = one if total is None else _plus(total, one)
            told(total.position, total.position + one.lag)
            if one.lag == 0 or one.records == 0:
                return total


def _plus(a: Collected, b: Collected) -> Collected:
    return replace(
        b,
        records=a.records + b.records,
        appended=a.appended + b.appended,
        incomplete=a.incomplete + b.incomplete,
        queries=a.queries + b.queries,
        blind=tuple(dict.fromkeys((*a.blind, *b.blind))),
    )


def _deliver(ledger: Ledger, quiet: bool) -> Drained:
    from lineage_guard.ledger.archive.counting import events_after
    from lineage_guard.openlineage.delivery.progress import Progress

    # The client remarks that no transport is configured; the summary says it in our words.
    logging.getLogger("openlineage").setLevel(logging.ERROR)
    with shown("Delivering", quiet=quiet) as told:
        waiting = 0 if quiet else events_after(ledger.archive, Progress(ledger, "openlineage").position)

        def passed(done: int) -> None:
            told(done, max(done, waiting))

        passed(0)
        return drain(ledger, limit=None, seconds=float("inf"), force=True, told=passed)


def _json(collected: Collected, drained: Drained | None, again: Drained | None) -> dict[str, object]:
    data: dict[str, object] = {
        "collected": {
            "source": collected.source,
            "records": collected.records,
            "events": collected.appended,
            "incomplete": collected.incomplete,
            "position": collected.position,
            "lag": collected.lag,
        }
    }
    if drained is not None:
        data["delivered"] = {
            "configured": drained.configured,
            "events": drained.delivered,
            "backlog": drained.backlog,
            "refused": len(drained.refused),
            "refused_in_all": drained.refused_in_all,
            "error": drained.error,
        }
    if again is not None:
        data["sent_again"] = {
            "events": again.delivered,
            "refused_in_all": again.refused_in_all,
            "refused": [asdict(refusal) for refusal in again.refused],
            "error": again.error,
        }
    return data


def _tell(collected: Collected, drained: Drained | None, again: Drained | None, place: str) -> None:
    click.echo(
        f"Collected {collected.records} materialisations, {collected.appended} events new in {place}"
        f" (up to storage id {collected.position}, {collected.lag} behind)."
    )
    if collected.incomplete:
        click.echo(f"  {collected.incomplete} of them do not say all they were made from; `explain` names each.")
    if drained is not None and not drained.configured:
        click.echo("Delivered nothing: no OpenLineage transport is configured (OPENLINEAGE_URL or openlineage.yml).")
        return
    if drained is not None:
        waiting = f"{drained.backlog} wait" if drained.backlog < COUNTED else f"{COUNTED} or more wait"
        click.echo(f"Delivered {drained.delivered} events, {waiting}.")
        if drained.error:
            click.echo(f"  Delivery stopped: {drained.error}. What waits is sent by the sensor or the next sync.")
        if drained.refused_in_all and again is None:
            new = f", {len(drained.refused)} of them now" if drained.refused else ""
            click.echo(f"  {drained.refused_in_all} were refused by the backend{new}; the ledger keeps them.")
            _list(drained.refused)
            click.echo("  Mend the cause, then send them again: lineage-guard sync --refused")
    if again is not None:
        click.echo(f"Sent again {again.delivered} events that were refused before, {again.refused_in_all} wait.")
        if again.error:
            click.echo(f"  Delivery stopped: {again.error}.")
        _list(again.refused)


def _list(refused: Sequence[Refusal]) -> None:
    for refusal in refused[:_SHOWN]:
        click.echo(f"  - {refusal.event}: {refusal.error}")
    if len(refused) > _SHOWN:
        click.echo(f"  - and {len(refused) - _SHOWN} more")
