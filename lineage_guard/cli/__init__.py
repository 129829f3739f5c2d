"""The command line: ask the gate, explain its answer, collect, and find out what is broken.

``lineage-guard --help`` must be quick, so every command imports what it needs when it runs.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

import click

from lineage_guard.cli.alerting import alert
from lineage_guard.cli.archiving import prune, verify
from lineage_guard.cli.casing import run_cases
from lineage_guard.cli.cataloguing import catalog, policy, schema
from lineage_guard.cli.changing.command import impact
from lineage_guard.cli.importing import import_, receive
from lineage_guard.cli.monitoring import health, metrics
from lineage_guard.cli.reading import read
from lineage_guard.cli.reporting import report
from lineage_guard.cli.serving import serve
from lineage_guard.cli.targeting import ledger_option, namespace_option, target_of, target_options
from lineage_guard.cli.telling import incidents, runbook
from lineage_guard.cli.waiving import waive
from lineage_guard.domain.errors import LedgerError, LineageGuardError

if TYPE_CHECKING:
    from lineage_guard.cli.asking import Asked, Wanted
#: What the exit code says.
EXIT_ALLOW, EXIT_BLOCK, EXIT_UNKNOWN, EXIT_USAGE, EXIT_LEDGER = 0, 1, 2, 3, 4
DEBUG_VARIABLE = "LINEAGE_GUARD_DEBUG"
_F = TypeVar("_F", bound=Callable[..., Any])
#: The order in which somebody new needs the commands; in alphabetical order `alert` would be the first to be read.
SECTIONS: Mapping[str, Sequence[str]] = {
    "Ask": ("check", "explain", "impact", "report"),
    "See whether the guard is well": ("doctor", "health", "metrics"),
    "Look at it, and be told": ("serve", "incidents", "alert", "runbook"),
    "Write what the guard goes by": ("policy", "waive", "catalog", "read", "schema"),
    "Keep the ledger": ("sync", "import", "receive", "verify", "prune"),
}


class Commands(click.Group):
    """A group whose exit codes are ours: click's own 2 for wrong usage would read as UNKNOWN."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by what they are for, each with its whole first sentence."""
        for title, names in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(limit=200)) for name in names])

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> NoReturn:
        """Run, print an error in one line if there is one, and exit."""
        try:
            run = cast("Callable[..., object]", super().main)
            code = run(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except click.ClickException as error:
            error.show()
            sys.exit(EXIT_USAGE)
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped.", err=True)
            sys.exit(130)
        except BrokenPipeError:
            # The reader of our output has gone; whatever it did not read was not an answer.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            sys.exit(EXIT_USAGE)
        except Exception as error:
            if os.environ.get(DEBUG_VARIABLE):
                raise
            if isinstance(error, LineageGuardError):
                from lineage_guard.domain.verdict.explain import plain

                click.echo("\n".join(map(plain, f"Error: {error}".split("\n"))), err=True)
            else:
                said = str(error).strip().splitlines()
                click.echo(
                    f"Error: unexpected {type(error).__name__}{': ' + said[0] if said else ''}. "
                    f"To fix: run again with {DEBUG_VARIABLE}=1 and report what it prints",
                    err=True,
                )
            sys.exit(EXIT_LEDGER if isinstance(error, LedgerError) else EXIT_USAGE)
        sys.exit(code if isinstance(code, int) else EXIT_ALLOW)


def _question_options(command: _F) -> _F:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object (`explain`: with the text)."),
        click.option(
            "--policy", metavar="NAME|FILE", help="Shipped policy or policy file. [default: guard()'s, default]"
        ),
        click.option("--partition", metavar="KEY", help="Partition that would be written."),
        click.option("--use", metavar="USE", help="What it is for. [default: the asset's tag, train_competing]"),
        click.argument("asset"),
    ):
        command = option(command)
    return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lineage-guard", prog_name="lineage-guard")
def cli() -> None:
    """Ask whether a training asset may learn from everything upstream of it.

    Exit codes: 0 allowed (also with warnings or a waiver), 1 blocked, 2 not known, 3 wrong usage
    or configuration, 4 ledger unreachable.
    """


cli.add_command(import_)
cli.add_command(receive)
cli.add_command(serve)
cli.add_command(verify)
cli.add_command(prune)
cli.add_command(waive)
cli.add_command(impact)
cli.add_command(catalog)
policy.add_command(run_cases)
cli.add_command(policy)
cli.add_command(schema)
cli.add_command(read)
cli.add_command(report)
cli.add_command(metrics)
cli.add_command(health)
cli.add_command(alert)
cli.add_command(incidents)
cli.add_command(runbook)


@cli.command()
@_question_options
@ledger_option
@namespace_option
@target_options
def check(**options: Any) -> int:
    """Print the verdict the gate would give now on ASSET.

    With definitions (-m, -f, -w, or found in the current folder) it is asked about the versions
    the next run would read. Without any, about what the newest versions in the ledger were made from.
    """
    from lineage_guard.domain.verdict.explain import headline, plain

    asked = _ask(options)
    for each in asked:
        if not options["as_json"]:
            click.echo(headline(each.verdict))
            for finding in each.verdict.findings:
                click.echo(plain(f"  {'WAIVED' if finding.waived_by else finding.effect.name}  {finding.message}"))
            for note in each.notes:
                click.echo(plain(f"  Note: {note}"))
            if each.verdict.findings:
                click.echo(f"  See: {_explaining(options)}")
    return _conclude(asked, options)


def _explaining(options: Mapping[str, Any]) -> str:
    """The command that explains the answer to the question that was asked."""
    said = [("--partition", "partition"), ("--use", "use"), ("--policy", "policy"), ("--ledger", "ledger")]
    said += [("--namespace", "namespace"), ("-m", "modules"), ("-f", "files"), ("-w", "workspaces")]
    words = ["lineage-guard", "explain", options["asset"]]
    for option, name in (*said, ("-d", "working_directory")):
        given = options[name] or ()
        for each in (given,) if isinstance(given, str) else given:
            words += [option, each]
    return shlex.join(words)


@cli.command()
@click.option("--paths", type=click.IntRange(1), default=5, show_default=True, help="Paths to show of each finding.")
@click.option("--all", "every", is_flag=True, help="Show every path, up to 100,000 of each finding.")
@click.option("--html", metavar="FILE", help="Also write it as one page without scripts; - for standard output.")
@_question_options
@ledger_option
@namespace_option
@target_options
def explain(paths: int, every: bool, html: str | None, **options: Any) -> int:
    """Print the verdict on ASSET with each path, fact and rule, the smallest change that unblocks, and the ways out."""
    from lineage_guard.cli.asking import Wanted, story

    asked = _ask(options, Wanted(None if every else paths))
    if html is not None:
        from lineage_guard.explaining.page import page

        with click.open_file(html, "w", encoding="utf-8", atomic=html != "-") as file:
            file.write(page(asked))
    if not options["as_json"] and html != "-":
        click.echo("\n\n".join(story(each) for each in asked))
    return _conclude(asked, options)


@cli.command()
@click.option("--no-deliver", is_flag=True, help="Collect only; send no OpenLineage events.")
@click.option("--refused", is_flag=True, help="Send once more what the backend refused; list what it still does.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@ledger_option
@namespace_option
@target_options
def sync(no_deliver: bool, refused: bool, as_json: bool, **options: Any) -> int:
    """Collect Dagster's event log into the ledger, then deliver OpenLineage events if a transport is configured.

    Running it again, or beside the sensor, changes nothing. What cannot be delivered now waits.
    """
    from lineage_guard.cli.syncing import Delivery, synchronise

    deliver = Delivery(events=not no_deliver, refused=refused)
    return synchronise(target_of(options), options["ledger"], options["namespace"], deliver, as_json, _now())


@cli.command()
@click.option("--full", is_flag=True, help="Also read and verify every file of the ledger.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@ledger_option
@target_options
def doctor(full: bool, as_json: bool, **options: Any) -> int:
    """Check that the guard can see and stop what it should; say how to mend what it cannot.

    Exits 1 when something needs mending (FAIL), 0 otherwise; `warn` weakens the guard, `hint` may be nothing.
    """
    from lineage_guard.cli.doctor.examine import examine
    from lineage_guard.cli.doctor.result import failed, table

    results = examine(target_of(options), options["ledger"], full, _now())
    bad = failed(results)
    if as_json:
        click.echo(json.dumps({"ok": not bad, "checks": [r.to_dict() for r in results]}, indent=2))
    else:
        table(results)
    return EXIT_BLOCK if bad else EXIT_ALLOW


def _now() -> datetime:
    return datetime.now(UTC)


def _ask(options: dict[str, Any], wanted: Wanted | None = None) -> list[Asked]:
    from lineage_guard.cli.asking import ask

    return ask(
        target_of(options),
        options["asset"],
        use=options["use"],
        partition=options["partition"],
        policy=options["policy"],
        ledger=options["ledger"],
        namespace=options["namespace"],
        at=_now(),
        wanted=wanted,
    )


def _conclude(asked: list[Asked], options: dict[str, Any]) -> int:
    """Print JSON when asked to; the exit code is that of the strictest verdict."""
    from lineage_guard.cli.asking import strictest, to_json

    code = {"BLOCK": EXIT_BLOCK, "UNKNOWN": EXIT_UNKNOWN}.get(strictest(asked).value, EXIT_ALLOW)
    if options["as_json"]:
        click.echo(json.dumps({"exit_code": code, "verdicts": [to_json(each) for each in asked]}, indent=2))
    return code


def main() -> NoReturn:
    """Entry point of the console script."""
    cli.main(prog_name="lineage-guard")
