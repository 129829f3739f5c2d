"""The command that shows the ledger in a browser: ``serve``."""

from __future__ import annotations

import os
import socket
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lineage_guard.cli.targeting import ledger_option, namespace_option
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.extras import needed_for

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from lineage_guard.ledger import Ledger

#: Seconds that answers under way are given when the server is told to stop.
_GRACE = 5


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4180, show_default=True, help="Port to listen on; 0 for any that is free.")
@click.option("--policy", default="default", show_default=True, metavar="NAME|FILE", help="Policy to judge by now.")
@click.option("--waivers", metavar="FILE", help="File of waivers that guard() reads. [default: none]")
@click.option(
    "--allow-host",
    "names",
    multiple=True,
    metavar="NAME",
    help="Further name it is reached by, e.g. that of a proxy. Repeatable.",
)
@click.option("--unguarded", is_flag=True, help="Let everybody who reaches it read, on other hosts than this too.")
@click.option("--watch", is_flag=True, help="Also page when a sensor falls silent.")
@ledger_option
@namespace_option
def serve(
    host: str,
    port: int,
    policy: str,
    waivers: str | None,
    names: tuple[str, ...],
    unguarded: bool,
    watch: bool,
    ledger: str | None,
    namespace: str | None,
) -> int:
    """Serve the path view: verdicts, the way from a restricted source to a training asset, how to fix it.

    Pages only read. On 127.0.0.1 they need no token; elsewhere a reader shows one of those in
    LINEAGE_GUARD_READ_TOKENS. With LINEAGE_GUARD_TOKENS set it also receives OpenLineage events
    from senders that show one of them. Needs the extra `web`.
    """
    with needed_for("lineage-guard serve", "web"):
        import uvicorn

        from lineage_guard.web.app import warm
        from lineage_guard.web.monitoring import watching
    from lineage_guard.dagster.settings import ledger_location
    from lineage_guard.ledger import open_ledger

    place = ledger_location(ledger)
    opened = open_ledger(place)
    # A ledger that cannot be read is an error now, not with the first page; and the first page need not wait for it.
    warm(opened)
    made = application(host, opened, policy, waivers, names, unguarded=unguarded, namespace=namespace)
    config = uvicorn.Config(made, log_level="warning", server_header=False, timeout_graceful_shutdown=_GRACE)
    with _listening(host, port) as listening, watching(opened) if watch else nullcontext():
        shown = f"[{host}]" if ":" in host else host
        click.echo(f"Ledger {place} at http://{shown}:{listening.getsockname()[1]}/ (Ctrl-C stops)")
        uvicorn.Server(config).run(sockets=[listening])
    return 0


def application(
    host: str,
    ledger: Ledger,
    policy: str = "default",
    waivers: str | None = None,
    names: tuple[str, ...] = (),
    *,
    unguarded: bool = False,
    namespace: str | None = None,
) -> Starlette:
    """What ``serve`` serves.

    Args:
        host: address it listens on.
        ledger: the ledger.
        policy: shipped policy or policy file.
        waivers: file of waivers.
        names: further names it is reached by.
        unguarded: whether everybody who reaches it may read.
        namespace: OpenLineage namespace of the deployment.

    Raises:
        ConfigError: a file is missing or wrong, or others could read without a token.
    """
    from lineage_guard.dagster.settings import Settings, lineage_namespace, rulebook
    from lineage_guard.ledger.ledger import utc_now
    from lineage_guard.web.access import access_for, read_tokens_from
    from lineage_guard.web.app import app
    from lineage_guard.web.contents import Rules
    from lineage_guard.web.monitoring import monitoring
    from lineage_guard.web.receiver import tokens_from
    from lineage_guard.web.site import Site

    access = access_for(host, names, read_tokens_from(), unguarded=unguarded)
    catalog, chosen = rulebook(Settings(), policy)
    site = Site(
        ledger,
        Rules(catalog, chosen, Path(waivers) if waivers else None),
        utc_now,
        lineage_namespace(namespace),
        os.environ.get("LINEAGE_GUARD_DAGSTER_URL") or None,
    )
    return app(site, access, tokens_from(), monitoring(ledger))


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(
            f"it cannot listen there: {error.strerror or error}",
            where=f"{host}:{port}",
            fix="choose another --port or --host, or stop what listens there",
        ) from error
