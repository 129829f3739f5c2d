"""``make demo``: run the main job, say what happened, fail when the guard did not do its work."""

from __future__ import annotations

import sys
import time
import warnings

import click
import dagster as dg
from rich.console import Console

from dagster_project.demo import execute
from dagster_project.demo.events import bring_up_to_date, check_events, steps_of_last_run, verdicts_on
from dagster_project.demo.expected import expectations
from dagster_project.demo.report import print_blocked, print_events, print_outcomes, print_warned
from dagster_project.settings import DATA


@click.command()
@click.option("--module", default="dagster_project.definitions", show_default=True, help="Module of the definitions.")
def main(module: str) -> None:
    """Run the deployment's main job for real and explain what was blocked."""
    warnings.simplefilter("ignore", dg.BetaWarning)
    out = Console(width=None if sys.stdout.isatty() else 116)
    began = time.monotonic()
    out.rule("[bold]Lineage Guard: the main job", align="left")
    execute.settle_environment()
    execute.fresh_home()
    execute.log_alerts()
    with out.status("starting the model server") as status, execute.model_server() as server:

        def tick() -> None:
            done, failed = execute.steps_done()
            status.update(f"running the job, a process per step: {done} ended, {failed} of them failed or blocked")

        took = execute.run_job(module, server, tick)
        status.update("collecting the last events and validating all of them")
        expected = expectations()
        ledger = bring_up_to_date(execute.DAGSTER_HOME, module, execute.LOG)
        verdicts = verdicts_on(ledger, [e.asset for e in expected])
        checked = check_events(ledger)

    answered = f"model server at {server}" if server else "your own endpoints"
    ran, failed = steps_of_last_run(execute.DAGSTER_HOME)
    out.print(f"{ran} steps ran and {failed} did not, in {took:.0f} s, with {answered}.\n", highlight=False)
    wrong = print_outcomes(out, expected, verdicts, DATA)
    for e in expected:
        if e.asset in verdicts and verdicts[e.asset].stops:
            print_blocked(out, verdicts[e.asset])
    print_warned(out, [v for v in verdicts.values() if not v.stops and v.decision.value == "WARN"])
    print_events(out, checked)
    alerts = len(execute.ALERTS.read_text("utf-8").splitlines())
    out.print(f"[bold]Alerts[/]    {alerts} in {execute.ALERTS}", highlight=False, soft_wrap=True)
    out.print(f"[bold]Run log[/]   {execute.LOG}", highlight=False, soft_wrap=True)
    out.print(
        "[bold]Look[/]      make ui   [dim](the same in the Dagster UI)[/], make view   [dim](the path view)[/]",
        highlight=False,
    )
    out.print(f"[bold]Total[/]     {time.monotonic() - began:.0f} s\n", highlight=False)
    if checked.problems:
        wrong.append(f"{len(checked.problems)} events are not valid")
    for sentence in wrong:
        out.print(f"[bold red]WRONG[/] {sentence}", highlight=False)
    if wrong:
        out.print(f"\nThe last errors in {execute.LOG}:", highlight=False, soft_wrap=True)
        for line in execute.last_errors():
            out.print(line, style="dim", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    out.print("[bold green]Everything that must be blocked was blocked, and everything else ran.[/]")


if __name__ == "__main__":
    main()
