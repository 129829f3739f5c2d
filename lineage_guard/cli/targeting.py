"""Options that say where definitions and the ledger are, for commands of their own modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from lineage_guard.dagster.target import Target
    from lineage_guard.ledger import Ledger

_F = TypeVar("_F", bound=Callable[..., Any])


def _ledger(defaults: str) -> Callable[[_F], _F]:
    places = f"{defaults}LINEAGE_GUARD_LEDGER, $DAGSTER_HOME/lineage_guard"
    return click.option("--ledger", metavar="PLACE", help=f"Folder, file:// or s3:// URL. [default: {places}]")


#: For commands that load definitions, whose ``guard()`` may name a ledger.
ledger_option = _ledger("guard()'s, ")
#: For commands that load none.
ledger_place_option = _ledger("")
namespace_option = click.option(
    "--namespace",
    metavar="NAME",
    help="OpenLineage namespace. [default: guard()'s, OPENLINEAGE_NAMESPACE, default]",
)


def target_options(command: _F) -> _F:
    """The options ``-m``, ``-f``, ``-w`` and ``-d``, as ``target_of`` reads them."""
    for option in (
        click.option("-d", "--working-directory", metavar="DIR", help="Folder to load -m and -f from."),
        click.option(
            "-w", "--workspace", "workspaces", multiple=True, metavar="FILE", help="Workspace file. Repeatable."
        ),
        click.option(
            "-f", "--python-file", "files", multiple=True, metavar="FILE", help="File with definitions. Repeatable."
        ),
        click.option(
            "-m",
            "--module-name",
            "modules",
            multiple=True,
            metavar="MODULE",
            help="Module with definitions. Repeatable.",
        ),
    ):
        command = option(command)
    return command


def target_of(options: Mapping[str, Any]) -> Target:
    """Where definitions are, as the options say."""
    from lineage_guard.dagster.target import Target

    return Target(options["modules"], options["files"], options["workspaces"], options["working_directory"])


def ledger_at(place: str | None) -> Ledger:
    """The ledger that ``ledger_place_option`` names; the environment's when it is not given."""
    from lineage_guard.dagster.settings import ledger_location
    from lineage_guard.ledger import open_ledger

    return open_ledger(ledger_location(place))
