"""The commands on alerts: what did not arrive, and whether the sinks can be reached."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from lineage_guard.cli.targeting import ledger_at, ledger_place_option
from lineage_guard.cli.telling import unless_told
from lineage_guard.domain.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lineage_guard.alerts import Alert, Sink
    from lineage_guard.alerts.letters import Letter
    from lineage_guard.ledger import Ledger

_KINDS = ["BLOCKED", "BLIND", "WAIVER"]
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_sink_option = click.option("--sink", metavar="NAME", help="Only this sink.")


@click.group()
def alert() -> None:
    """Look after alerts: try the sinks, see what waits or was given up, send it again."""


@alert.command("list")
@_sink_option
@_json_option
@ledger_place_option
def list_(sink: str | None, as_json: bool, ledger: str | None) -> int:
    """List every alert that a sink has not taken: WAITING for the next attempt, or DEAD after twelve.

    Exits 1 when one is dead, 0 otherwise.
    """
    from lineage_guard.alerts.letters import letters

    now, opened = datetime.now(UTC), ledger_at(ledger)
    found = [letter for letter in letters(opened) if sink in (None, letter.item.sink)]
    if as_json:
        click.echo(json.dumps({"alerts": [_shown(letter, now) for letter in found]}, indent=2))
    else:
        for letter in found:
            _print(letter, now)
        if not found:
            click.echo(f"Nothing waits{unless_told(opened)}.")
    return int(any(letter.dead for letter in found))


@alert.command()
@click.argument("id", required=False)
@click.option("--all", "every", is_flag=True, help="Everything that waits or was given up.")
@_sink_option
@ledger_place_option
def resend(id: str | None, every: bool, sink: str | None, ledger: str | None) -> int:
    """Let the next tick of the sensor send the alert ID again: that of an alert or an incident, or its beginning.

    It starts again with twelve attempts. One whose incident is over by now is sent without paging anybody.
    """
    from lineage_guard.alerts.letters import resend as again

    opened = ledger_at(ledger)
    count = again(opened, _chosen(opened, id, every, sink), datetime.now(UTC))
    none = f"Nothing waits for sink {sink}; `lineage-guard alert list` says what does." if sink and not count else ""
    click.echo(none or f"{count} will be sent at the next tick of the sensor.")
    return 0


@alert.command()
@click.argument("id")
@_sink_option
@ledger_place_option
def drop(id: str, sink: str | None, ledger: str | None) -> int:
    """Forget the alert ID: its sinks are never told."""
    from lineage_guard.alerts.letters import drop as forget

    opened = ledger_at(ledger)
    click.echo(f"{forget(opened, _chosen(opened, id, False, sink))} dropped.")
    return 0


@alert.command()
@_sink_option
@click.option("--page", is_flag=True, help="As a page, which wakes whoever is on call, and its end right after it.")
@_json_option
def test(sink: str | None, page: bool, as_json: bool) -> int:
    """Send a sample to every sink that this environment names, and say of each whether it arrived.

    Without --page it wakes nobody. Exits 1 when one did not take it, or cannot be set up.
    """
    from lineage_guard.alerts import destinations

    to = destinations(os.environ)
    sinks = [each for each in to if sink in (None, each.name)]
    if not sinks:
        known = ", ".join(each.name for each in to)
        raise ConfigError("no sink of that name is set up", where=str(sink), fix=f"there are: {known}")
    outcomes = {each.name: _tried(each, page) for each in sinks}
    # A file that cannot be read has no sink to stand for it.
    wrong = [] if sink else [str(problem) for problem in to.problems]
    if as_json:
        said = {name: error or "delivered" for name, error in outcomes.items()}
        click.echo(json.dumps({"sinks": said, "problems": wrong}, indent=2))
    else:
        for name, error in outcomes.items():
            click.echo(f"{'FAILED' if error else 'ok':<7} {name}{'  ' + error if error else ''}")
        for problem in wrong:
            click.echo(f"WRONG   {problem}")
    return int(bool(wrong) or any(outcomes.values()))


@alert.command()
@click.argument("asset")
@click.option("--owner", "owners", multiple=True, metavar="OWNER", help="Owner of ASSET. Repeatable.")
@click.option("--kind", type=click.Choice(_KINDS), default="BLOCKED", show_default=True, help="Kind of alert.")
def route(asset: str, owners: Sequence[str], kind: str) -> int:
    """Print the sinks that are told when training ASSET is stopped, as the environment and its routes say."""
    from lineage_guard.alerts import destinations

    to = destinations(os.environ)
    if to.problems:
        raise to.problems[0]
    names = to.routes.sinks_for(kind, asset, owners) if to.routes else [each.name for each in to]
    click.echo("\n".join(names))
    return 0


def _tried(sink: Sink, page: bool) -> str:
    """Why it did not arrive; empty when it did."""
    from lineage_guard.alerts import Undelivered
    from lineage_guard.alerts.delivery.deliver import handed
    from lineage_guard.alerts.delivery.outbox import Waiting

    note: Mapping[str, str] = {}
    now = datetime.now(UTC)
    try:
        for each in _samples(page, now):
            note = handed(sink, Waiting(each, sink.name, now), note)
    except Undelivered as error:
        return str(error)
    return ""


def _samples(page: bool, now: datetime) -> Iterator[Alert]:
    from lineage_guard.alerts.content.notices import Context, sample

    one = sample(now, Context.from_env(os.environ))
    yield replace(one, page=page)
    if page:
        yield replace(one, id=f"{one.id}-end", event="RESOLVE", headline="[TEST] It is over")


def _chosen(ledger: Ledger, id: str | None, every: bool, sink: str | None) -> list[Letter]:
    from lineage_guard.alerts.letters import letters

    if (id is None) != every:
        raise ConfigError("say which", where="alert resend", fix="give the id of an alert or incident, or --all")
    found = [letter for letter in letters(ledger) if sink in (None, letter.item.sink)]
    if id is not None:
        found = [letter for letter in found if id and _is(letter, id)]
        if len({letter.item.alert.incident for letter in found}) > 1:
            raise ConfigError("it is the beginning of several", where=id, fix="write more of it")
        if not found:
            raise ConfigError("nothing of that id waits", where=id, fix="see `lineage-guard alert list`")
    return found


def _is(letter: Letter, id: str) -> bool:
    return letter.item.alert.id.startswith(id) or letter.item.alert.incident.startswith(id)


def _shown(letter: Letter, now: datetime) -> dict[str, Any]:
    item = letter.item
    return {
        "id": item.alert.id,
        "incident": item.alert.incident,
        "state": letter.state,
        "sink": item.sink,
        "dead": letter.dead,
        "over": letter.over,
        "page": item.alert.page,
        "headline": item.alert.headline,
        "at": item.alert.at,
        "age_seconds": round((now - datetime.fromisoformat(item.alert.at)).total_seconds()),
        "attempts": item.attempts,
        "next_at": None if letter.dead else item.next_at.isoformat(),
        "error": item.error,
    }


def _print(letter: Letter, now: datetime) -> None:
    said = _shown(letter, now)
    minutes = said["age_seconds"] // 60
    age = f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
    word = "DEAD" if letter.dead else "WAITING"
    over = ", over by now" if letter.over else ""
    click.echo(f"{word:<8} {said['id'][:12]}  {said['sink']}  {age} old, {said['attempts']} attempts{over}")
    click.echo(f"         {said['headline']}")
    if said["error"]:
        click.echo(f"         {said['error']}")
