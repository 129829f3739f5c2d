"""Prints what the demo did: what ran, what was blocked and why, the way out, where the events are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lineage_guard.domain.decide import Finding, Verdict
from lineage_guard.domain.explain import name_of, outcome, terms_text
from lineage_guard.domain.facts import Influence
from lineage_guard.domain.terms import Effect
from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from dagster_project.demo.events import Checked
from dagster_project.demo.expected import Expected

_STYLE = {Effect.ALLOW: "green", Effect.WARN: "yellow", Effect.UNKNOWN: "magenta", Effect.BLOCK: "bold red"}


def print_outcomes(
    out: Console, expected: Sequence[Expected], verdicts: Mapping[str, Verdict], data: Path
) -> list[str]:
    """Print a row per training asset; returns one sentence for each that did what it must not."""
    table = Table(box=box.SIMPLE_HEAD, title="Training assets", title_justify="left", title_style="bold")
    for column in ("asset", "for", "the guard said", "its code", ""):
        table.add_column(column, no_wrap=True)
    wrong: list[str] = []
    for e in expected:
        verdict, ran = verdicts.get(e.asset), e.ran(data)
        said = Text(outcome(verdict), style=_style(verdict)) if verdict else Text("nothing", style="bold red")
        right = e.runs is None or (ran == e.runs and verdict is not None and verdict.decision.value == e.decision)
        if not right:
            must = "have run" if e.runs else "not have run"
            decision = verdict.decision.value if verdict else "nothing"
            wrong.append(
                f"{e.asset} must {must} with {e.decision}: it {'ran' if ran else 'did not run'} with {decision}"
            )
        mark = Text("as expected", style="dim") if right else Text("WRONG", style="bold red")
        use = verdict.use if verdict else ""
        table.add_row(e.asset, use, said, "ran" if ran else "did not run", mark if e.runs is not None else "")
    out.print(table)
    return wrong


def print_blocked(out: Console, verdict: Verdict) -> None:
    """Draw the way from the asset to what stops it, with the fact, the rule and the way out."""
    stopping = [f for f in verdict.findings if f.effect >= Effect.UNKNOWN and not f.waived_by]
    parts: list[Text | Tree] = []
    for finding in stopping[:1]:
        parts += [_path(finding), Text(), *_facts(finding)]
    if more := len(stopping) - 1:
        others = ", ".join(dict.fromkeys(str(f.model or f.subject) for f in stopping[1:]))
        parts += [Text(f"{more} more: {others}", style="dim")]
    out.print(
        Panel(
            Group(*parts),
            title=f"[bold red]{outcome(verdict)}[/]  {name_of(verdict.target)}  for {verdict.use}",
            title_align="left",
            border_style="red",
        )
    )


def print_warned(out: Console, verdicts: Sequence[Verdict]) -> None:
    """One line per asset that may train under conditions."""
    if not verdicts:
        return
    out.print("[bold]Ran with warnings[/]")
    for verdict in verdicts:
        out.print(f"  [yellow]{verdict.target.name}[/]")
        for finding in verdict.findings[:2]:
            out.print(f"    {finding.message}", highlight=False)
        for duty in verdict.obligations[:3]:
            out.print(f"    Duty: {duty}", highlight=False)
    out.print()


def print_events(out: Console, checked: Checked) -> None:
    """Where the events are, how many, and whether every one is valid."""
    kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(checked.by_state.items()))
    if checked.problems:
        verdict = f"[bold red]{len(checked.problems)} of {checked.total} invalid[/]"
    else:
        verdict = f"all {checked.total} valid against the OpenLineage JSON Schemas and ours"
    out.print(f"[bold]Events[/]    {checked.total} ({kinds}); {verdict}", highlight=False)
    for problem in checked.problems[:5]:
        out.print(f"          [red]{problem}[/]", highlight=False)
    out.print(f"[bold]Ledger[/]    {checked.place}", highlight=False)


def _style(verdict: Verdict) -> str:
    return _STYLE[Effect[verdict.decision.name]] if verdict.decision.name in Effect.__members__ else "cyan"


def _path(finding: Finding) -> Tree:
    tree = Tree(Text(name_of(finding.path[0]), style="bold"), guide_style="red")
    branch = tree
    for version in finding.path[1:]:
        branch = branch.add(f"made from {version}", highlight=False)
    if finding.model is not None and not finding.path[-1].name.endswith(finding.model.model):
        how = "with the choices of" if finding.influence is Influence.INDIRECT else "with output of"
        branch.add(Text(f"{how} {finding.model}", style="bold red"))
    return tree


def _facts(finding: Finding) -> list[Text]:
    rows = [("Fact", finding.message), ("Rule", f"{finding.rule} ({finding.reason.value})")]
    if finding.terms:
        rows.append(("Terms", terms_text(finding.terms) + (f"\n{finding.terms.url}" if finding.terms.url else "")))
    rows.append(("Unblock", finding.fix))
    return [Text.assemble((f"{name:8}", "bold"), value) for name, value in rows]
