"""The commands that look after the archive: ``verify`` and ``prune``."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from lineage_guard.cli.targeting import ledger_at, ledger_place_option

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger

#: Exit code of a verification that found something.
EXIT_DAMAGED = 4
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@click.option(
    "--expect",
    "expected",
    multiple=True,
    metavar="WATERMARK",
    help="Watermark that was kept outside the ledger; the log must still contain that state. Repeatable.",
)
@click.option("--log-only", is_flag=True, help="Do not compare the index with the log; quicker.")
@_json_option
@ledger_place_option
def verify(expected: tuple[str, ...], log_only: bool, as_json: bool, ledger: str | None) -> int:
    """Read the whole ledger and find every changed, removed or inserted event, and an index that says otherwise.

    The index, from which everything is answered, is made again from the log and compared, in a folder for
    temporary files.

    Prints the watermark of the log: keep it elsewhere and give it to --expect next time, and a log
    that was cut off or written again from the start is found too.

    Exits 0 when everything is as it was written, 4 otherwise.
    """
    from lineage_guard.ledger.verify import verify as verify_

    found = verify_(ledger_at(ledger).archive, expected, index=not log_only)
    if as_json:
        click.echo(json.dumps({"ok": not found.findings, **asdict(found)}, indent=2))
    else:
        click.echo(
            f"{found.batches:,} batches, {found.events:,} events, {found.dropped:,} of them dropped by retention"
        )
        click.echo(f"{found.verdicts:,} watermarks of stored verdicts compared")
        click.echo(f"Watermark: {found.watermark}")
        for finding in found.findings:
            click.echo(f"{finding.where}: {finding.what}", err=True)
        sound = "The log is as it was written." if log_only else "All as it was written."
        click.echo("Something was changed; restore it from a backup." if found.findings else sound)
    return EXIT_DAMAGED if found.findings else 0


@click.command()
@click.option("--keep-days", type=click.IntRange(1), required=True, metavar="N", help="Keep everything this young.")
@click.option(
    "--keep",
    multiple=True,
    metavar="NAMESPACE:NAME",
    help="Keep every version of this dataset, as of a table that is appended to. Repeatable.",
)
@click.option("--yes", is_flag=True, help="Do it; without this, only say what would be dropped.")
@_json_option
@ledger_place_option
def prune(keep_days: int, keep: tuple[str, ...], yes: bool, as_json: bool, ledger: str | None) -> int:
    """Drop old events that no live version descends from.

    What stays, whatever its age: the newest version of each partition and all of its ancestry,
    versions that were read together, verdicts, events of other producers, and what a destination
    still waits for. Dropped events leave their digests, so `verify` still proves the whole log.
    """
    opened = ledger_at(ledger)
    places = [_place(text) for text in keep]
    before = datetime.now(UTC) - timedelta(days=keep_days)
    plan = opened.prune(before, keep=places, until=_delivered(opened), dry_run=not yes)
    if as_json:
        told = {"done": yes, "events": plan.events, "bytes": plan.bytes, "kept": plan.kept, "dropped_before": plan.gone}
        click.echo(json.dumps(told, indent=2))
    else:
        verb = "Dropped" if yes else "Would drop"
        click.echo(f"{verb} {plan.events:,} events ({plan.bytes / 1e6:,.1f} MB uncompressed); {plan.kept:,} stay.")
        if not yes and plan.events:
            click.echo("Nothing was changed. Add --yes to do it.")
    return 0


def _place(text: str) -> tuple[str, str]:
    namespace, colon, name = text.rpartition(":")
    if not (colon and namespace and name):
        raise click.BadParameter(f"{text!r} is not NAMESPACE:NAME", param_hint="--keep")
    return namespace, name


def _delivered(ledger: Ledger) -> str | None:
    """The position that every destination has reached; ``None`` when there is no destination."""
    positions: list[str] = []
    for key in ledger.archive.list("state/"):
        name = key.removeprefix("state/").removesuffix(".json")
        if name.startswith("delivery-"):
            state = ledger.load(name) or {}
            positions.append(str(state.get("position") or "0:0"))
    return min(positions, key=lambda p: tuple(int(n) for n in p.split(":")), default=None)
