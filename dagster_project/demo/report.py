"""Prints what the demo did: what ran, what was blocked and why, the way out, where the events are."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from dagster_project.demo.events import Checked
from dagster_project.demo.expected import Expected
from lineage_guard.catalog import load_catalog
from lineage_guard.dagster.public import asset_key_of
from lineage_guard.domain.facts import Influence, ModelSource
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Finding, Verdict
from lineage_guard.domain.verdict.explain import outcome, terms_text

_ILLEGAL = re.compile(r"[^A-Za-z0-9]+")
_STYLE = {Effect.ALLOW: "green", Effect.WARN: "yellow", Effect.UNKNOWN: "magenta", Effect.BLOCK: "bold red"}


def print_outcomes(
    out: Console, expected: Sequence[Expected], verdicts: Mapping[str, Verdict], data: Path
) -> list[str]:
    """Print a row per training asset; returns one sentence for each that did what it must not."""
    table = Table(box=box.SIMPLE_HEAD)
    for column in ("training asset", "for", "the guard said", "its code", ""):
        table.add_column(column, overflow="fold")
    wrong: list[str] = []
    for e in expected:
        verdict, ran = verdicts.get(e.asset), e.ran(data)
        said = Text(outcome(verdict), style=_style(verdict)) if verdict else Text("nothing", style="bold red")
        right = e.runs is None or (ran == e.runs and verdict is not None and verdict.decision.value in e.decisions)
        if not right:
            must = "have run" if e.runs else "not have run"
            decision = verdict.decision.value if verdict else "nothing"
            wrong.append(
                f"{e.asset} must {must}, with {' or '.join(e.decisions)}; it {'ran' if ran else 'did not run'}, "
                f"with {decision}"
            )
        mark = Text("right", style="dim") if right else Text("WRONG", style="bold red")
        use = verdict.use if verdict else ""
        table.add_row(e.asset, use, said, "ran" if ran else "did not run", mark if e.runs is not None else "")
    out.print(table)
    return wrong


def print_blocked(out: Console, verdict: Verdict) -> None:
    """Draw the ways from the asset to everything that stops it, with the fact, the rule and the way out."""
    stopping = [f for f in verdict.findings if f.effect >= Effect.UNKNOWN and not f.waived_by]
    sources = [f for f in stopping if f.model or len(f.path) > 1] or stopping
    facts = _facts(sources[0])
    facts += [("Also", f.message) for f in stopping if f not in sources]
    out.print(
        Panel(
            Group(_paths(verdict, sources), Text(), _grid(facts)),
            title=f"[bold red]{outcome(verdict)}[/]  {verdict.target.name}  for {verdict.use}",
            title_align="left",
            border_style="red",
        )
    )


def print_warned(out: Console, verdicts: Sequence[Verdict]) -> None:
    """The nearest reason and the duties of each asset that may train under conditions."""
    for verdict in verdicts:
        rows = [("Fact", verdict.findings[0].message)]
        rows += [("Duty", duty) for duty in verdict.obligations[:3]]
        if more := len(verdict.findings) - 1 + max(len(verdict.obligations) - 3, 0):
            rows.append(("", f"and {more} more facts and duties; `lineage-guard explain {verdict.target.name}`"))
        out.print(
            Panel(
                _grid(rows),
                title=f"[yellow]{outcome(verdict)}[/]  {verdict.target.name}  for {verdict.use}",
                title_align="left",
                border_style="yellow",
            )
        )


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


def _paths(verdict: Verdict, findings: Sequence[Finding]) -> Tree:
    """All paths as one tree; where they share the way they share the branch.

    A finding names the nearest place its model was used. Where the catalog knows that the
    same model made another public dataset in the tree, that is drawn too.
    """
    root = Tree(Text(verdict.target.name, style="bold"), guide_style="red")
    branches: dict[tuple[str, ...], Tree] = {(): root}
    drawn: set[tuple[tuple[str, ...], str]] = set()
    blocking = {f.model.model: f for f in findings if f.model}

    def draw(way: tuple[str, ...], model: ModelSource, finding: Finding) -> None:
        if (way, model.model) not in drawn:
            drawn.add((way, model.model))
            how = "chosen by " if finding.influence is Influence.INDIRECT else f"{model.usage.value.lower()} by "
            terms = f"  ({finding.terms.id if finding.terms else finding.reason.value})"
            branches[way].add(Text.assemble((how, "dim"), (str(model), _STYLE[finding.effect]), (terms, "dim")))

    for finding in findings:
        way: tuple[str, ...] = ()
        for version in finding.path[1:]:
            if way and _same_thing(way[-1], version.name):
                continue  # an asset of the deployment and the public dataset it is
            label = str(version).removeprefix("default:")
            way, parent = (*way, label), branches[way]
            if way not in branches:
                branches[way] = parent.add(Text.assemble(("made from ", "dim"), label))
        if finding.model is not None:
            draw(way, finding.model, finding)
    for way in list(branches)[1:]:
        for model in _public_models().get(way[-1], ()):
            if model.model in blocking:
                draw(way, model, blocking[model.model])
    return root


def _public_models() -> dict[str, tuple[ModelSource, ...]]:
    """The models known to have made each public dataset, by the name of its asset."""
    known = load_catalog().ancestry.productions()
    return {"/".join(asset_key_of(v).path): p.models for v, p in known.items()}


def _same_thing(label: str, name: str) -> bool:
    """Whether a drawn asset is the public artefact that comes next, spelled as Dagster allows."""
    return _ILLEGAL.sub("_", label).endswith(_ILLEGAL.sub("_", name))


def _facts(finding: Finding) -> list[tuple[str, str]]:
    rows = [("Fact", finding.message), ("Rule", f"{finding.rule} ({finding.reason.value})")]
    if finding.terms:
        rows.append(("Terms", terms_text(finding.terms) + (f"\n{finding.terms.url}" if finding.terms.url else "")))
    return [*rows, ("Unblock", finding.fix)]


def _grid(rows: Sequence[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column()
    for name, value in rows:
        grid.add_row(name, Text(value))
    return grid
