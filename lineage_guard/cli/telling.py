"""The commands of on-call: what stands now, and what to do about it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lineage_guard.cli.targeting import ledger_at, ledger_place_option
from lineage_guard.domain.grammar import plural

if TYPE_CHECKING:
    from lineage_guard.alerts.standing import Standing
    from lineage_guard.ledger import Ledger

_SHOWN = 5


@click.command()
@click.argument("id", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@ledger_place_option
def incidents(id: str | None, as_json: bool, ledger: str | None) -> int:
    """List every open incident of every code location, oldest first; with ID that one, or those of a storm.

    Exits 1 when one is open, 0 otherwise.
    """
    from lineage_guard.alerts.standing import standing

    opened = ledger_at(ledger)
    found = [s for s in standing(opened) if id in (None, s.id, s.storm)]
    if as_json:
        click.echo(json.dumps({"incidents": [_plain(s) for s in found]}, indent=2))
        return int(bool(found))
    for s in found:
        _print(s, datetime.now(UTC), whole=id is not None)
    if not found:
        click.echo(f"Nothing {'is open' if id is None else f'that is open is called {id}'}{unless_told(opened)}.")
    return int(bool(found))


@click.command()
@click.argument("about", metavar="[RULE|REASON|NAME]", required=False)
def runbook(about: str | None) -> int:
    """Print the runbook that a rule, a reason code or a name leads to; without any, list them."""
    from lineage_guard.alerts import runbooks

    if about is None:
        for name in runbooks.names():
            click.echo(f"{name:<30}{runbooks.text(name).splitlines()[0].removeprefix('# ')}")
        return 0
    click.echo("\n\n".join(runbooks.text(name).rstrip() for name in runbooks.about(about)))
    return 0


def unless_told(ledger: Ledger) -> str:
    """Whether no sensor has told anything on a ledger yet, in words: a wrong place must not be taken for all clear."""
    from lineage_guard.alerts.state import STATE

    return "" if ledger.names(STATE) else ": no sensor has told anything on this ledger yet; check its place"


def _print(s: Standing, now: datetime, *, whole: bool) -> None:
    ending = ", ending" if s.ending else ""
    click.echo(f"{s.kind:<8} {_one_line(s.title)}")
    lasted = (now - s.since).days
    since = f"{s.since:%Y-%m-%d %H:%M} UTC ({lasted} {plural('day', lasted)})"
    click.echo(f"         {s.id}, since {since}{ending}")
    shown = s.targets if whole else s.targets[:_SHOWN]
    more = f" and {len(s.targets) - len(shown)} more" if len(s.targets) > len(shown) else ""
    click.echo(f"         stops: {_one_line(', '.join(shown))}{more}")
    if s.storm:
        click.echo(f"         told with others by {s.storm}")
    if whole and s.alert is not None:
        click.echo("")
        click.echo(s.alert.text())
        click.echo("")


def _plain(s: Standing) -> dict[str, Any]:
    return {
        "id": s.id,
        "location": s.location,
        "kind": s.kind,
        "reason": s.reason,
        "rule": s.rule,
        "cause": s.cause,
        "title": s.title,
        "since": s.since.isoformat(),
        "targets": list(s.targets),
        "partitions": s.places,
        "scope": list(s.scope),
        "flaps": s.flaps,
        "ending": s.ending,
        "storm": s.storm or None,
        "alert": s.alert.to_dict() if s.alert else None,
    }


def _one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
