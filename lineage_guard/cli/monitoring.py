"""The commands that look at the guard itself: ``metrics`` and ``health``."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from lineage_guard.cli.targeting import ledger_at, ledger_place_option
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.extras import needed_for

if TYPE_CHECKING:
    from lineage_guard.health import Health, Watched
    from lineage_guard.ledger import Ledger

#: Exit codes of ``health`` beside 0 and those every command has.
EXIT_NOT_WELL, EXIT_LEDGER = 1, 4
_stale_option = click.option(
    "--stale-after",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="How long a sensor may be silent. [default: LINEAGE_GUARD_STALE_AFTER, ten of its intervals, at least 300]",
)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_stale_option
@ledger_place_option
def metrics(as_json: bool, stale_after: float | None, ledger: str | None) -> int:
    """Print the guard's metrics as Prometheus text, for cron and textfile collectors.

    The same as `/metrics` of `lineage-guard serve`. The text needs the extra `web`; `--json` does not.
    """
    from lineage_guard.health import Measuring, readings
    from lineage_guard.health.readings import to_dict

    shown = readings(Measuring(ledger_at(ledger), at_once=None).measure(datetime.now(UTC)), _after(stale_after))
    if as_json:
        click.echo(json.dumps(to_dict(shown), indent=2))
        return 0
    with needed_for("lineage-guard metrics", "web", otherwise="print --json"):
        from lineage_guard.health.prometheus import exposition
    click.echo(exposition(lambda: shown)[0], nl=False)
    return 0


@click.command()
@click.option("--page", is_flag=True, help="Alert of sensors that are silent, and of those that are back. For cron.")
@click.option("--forget", metavar="LOCATION", help="Stop missing the sensor of a code location that was removed.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@_stale_option
@ledger_place_option
def health(page: bool, forget: str | None, as_json: bool, stale_after: float | None, ledger: str | None) -> int:
    """Say whether the guard is well: ledger readable, sensors ticking, delivery and alerts not stuck.

    Exits 0 when it is, 1 when it is not, 4 when the ledger cannot be read. Somebody else than the sensor has to
    miss the sensor: run it with --page from cron, on another machine than the daemon's.
    """
    from lineage_guard.health import Measuring
    from lineage_guard.health import health as judge

    opened, after = ledger_at(ledger), _after(stale_after)
    now = datetime.now(UTC)
    if forget is not None:
        _forget(opened, forget, quiet=as_json)
    watched = _look(opened, after, now) if page or forget is not None else None
    found = judge(Measuring(opened).measure(now), after)
    if as_json:
        told = [] if watched is None or watched.report is None else [n.event.value for n in watched.report.notices]
        click.echo(json.dumps({**found.to_dict(), "told": told}, indent=2))
    else:
        _print(found, watched)
    if not found.checks[0].ok:
        return EXIT_LEDGER
    return 0 if found.ok else EXIT_NOT_WELL


def _forget(ledger: Ledger, location: str, *, quiet: bool) -> None:
    from lineage_guard.health import forget, heartbeats

    gone = forget(ledger, location)
    if not gone:
        known = ", ".join(sorted({b.location for b in heartbeats(ledger).beats})) or "none"
        raise ConfigError("no sensor of this code location is known", where=location, fix=f"known are: {known}")
    if not quiet:
        click.echo(f"Forgotten: the sensor of {location}. One that ticks again is missed again.")


def _look(ledger: Ledger, after: timedelta | None, now: datetime) -> Watched:
    from lineage_guard.alerts import destinations
    from lineage_guard.health import Watching

    sinks = destinations(os.environ)
    for problem in sinks.problems:  # what is wrong with one sink silences no other
        click.echo(f"Warning: {problem}", err=True)
    return Watching(ledger, after, stays=False).look(now, sinks)


def _print(found: Health, watched: Watched | None) -> None:
    from lineage_guard.domain.incidents.incident import Notice
    from lineage_guard.domain.incidents.storms import Digest

    for check in found.checks:
        click.echo(f"{'ok  ' if check.ok else 'FAIL'}  {check.name}: {check.said}")
        if check.fix:
            click.echo(f"      To fix: {check.fix}")
    report = watched.report if watched else None
    for notice in report.notices if report else ():
        told = [notice.incident] if isinstance(notice, Notice) else []
        told = list(notice.members) if isinstance(notice, Digest) else told
        for incident in told:
            click.echo(f"Told: {notice.event.value} {incident.title}")
    for _, sink, why in report.failed if report else ():
        click.echo(f"Not delivered to {sink}: {why}", err=True)


def _after(seconds: float | None) -> timedelta | None:
    from lineage_guard.health.heartbeats import stale_after

    return timedelta(seconds=seconds) if seconds is not None else stale_after()
