"""The commands that take in events of other producers: ``import`` and ``receive``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from lineage_guard.cli.targeting import ledger_at, ledger_place_option
from lineage_guard.domain.extras import needed_for

if TYPE_CHECKING:
    from lineage_guard.ledger import Ledger
    from lineage_guard.ledger.ingest import Ingested, Source

#: Exit code of an import that put events aside.
EXIT_QUARANTINED = 1
_SHOWN = 10


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option(
    "--workers", type=click.IntRange(0), help="Processes that read events. [default: one per core from 64 MiB, else 0]"
)
@ledger_place_option
def import_(paths: tuple[str, ...], as_json: bool, workers: int | None, ledger: str | None) -> int:
    """Import OpenLineage events of any producer from files, folders and s3:// prefixes.

    A file holds one event, a JSON array, or one event per line; gzip is fine. Events that cannot
    be understood are put aside in the ledger with the reason. Importing again changes nothing.

    Exits 0 when every event is in the ledger, 1 when some were put aside.
    """
    from lineage_guard.ledger.ingest import sources

    opened = ledger_at(ledger)
    told = _run(opened, sources(paths), workers, quiet=as_json)
    opened.compact()
    if as_json:
        refused = [{"where": w, "field": f, "reason": r} for w, r, f in told.refused]
        click.echo(json.dumps({"accepted": told.accepted, "duplicates": told.duplicates, "quarantined": refused}))
    else:
        _table(told)
    return EXIT_QUARANTINED if told.refused else 0


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=5000, show_default=True, help="Port to listen on.")
@click.option(
    "--max-body", default=16, show_default=True, metavar="MIB", help="Largest body, also once unpacked, in MiB."
)
@ledger_place_option
def receive(host: str, port: int, max_body: int, ledger: str | None) -> int:
    """Receive OpenLineage events over HTTP: POST /api/v1/lineage.

    Senders show one of the bearer tokens in LINEAGE_GUARD_TOKENS (separated by commas). Without
    any, it listens on this machine only. Needs the extra `web`.
    """
    with needed_for("lineage-guard receive", "web"):
        import uvicorn

        from lineage_guard.web.receiver import receiver, require_safe, tokens_from
    tokens = tokens_from()
    require_safe(host, tokens)
    opened = ledger_at(ledger)
    opened.watermark()  # a ledger that cannot be read is an error now, not with the first event
    uvicorn.run(receiver(opened, tokens, max_body * 1024 * 1024), host=host, port=port, log_level="info")
    return 0


def _run(ledger: Ledger, files: Sequence[Source], workers: int | None, *, quiet: bool) -> Ingested:
    """Import all files; show how far it is."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from lineage_guard.ledger.ingest import ingest_files

    known = all(f.size for f in files)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn() if known else TextColumn("{task.completed:.0f}/{task.total:.0f} files"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    progress = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)

    def taken_up(file: Source, size: int) -> None:
        progress.update(task, description=file.name.rsplit("/", 1)[-1][:40])
        progress.advance(task, size if known else 1)

    with progress:
        task = progress.add_task("", total=sum(f.size for f in files) if known else len(files))
        return ingest_files(ledger, files, datetime.now(UTC), workers, taken_up)


def _table(told: Ingested) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table("events", "", box=None, pad_edge=False)
    table.columns[1].justify = "right"
    table.add_row("accepted", f"{told.accepted:,}")
    table.add_row("duplicates", f"{told.duplicates:,}")
    table.add_row("quarantined", f"{len(told.refused):,}")
    for reason, count in told.reasons():
        table.add_row(Text(f"  {reason}"), f"{count:,}")
    Console().print(table)
    for where, _, _ in told.refused[:_SHOWN]:
        click.echo(f"Put aside: {where}", err=True)
    if len(told.refused) > _SHOWN:
        click.echo(f"... and {len(told.refused) - _SHOWN:,} more; --json lists all of them", err=True)
