"""The command ``impact``."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lineage_guard.cli.targeting import ledger_option, namespace_option, target_of, target_options

if TYPE_CHECKING:
    from lineage_guard.cli.changing.judging import Judged, Pattern
    from lineage_guard.cli.changing.public import Which
    from lineage_guard.cli.changing.report import Carrying, Report
    from lineage_guard.cli.changing.rules import Deployment, Proposal, Rules
    from lineage_guard.dagster.settings import Settings
    from lineage_guard.domain.rules.waivers import Waivers
    from lineage_guard.ledger import Ledger


@click.command()
@click.option("--model", metavar="PROVIDER/MODEL", help="Only what has this model upstream; shell patterns.")
@click.option(
    "--terms-file", type=click.Path(), metavar="FILE", help="Proposed catalog file; own one of that name goes."
)
@click.option("--terms-as", metavar="ID", help="As if every model were under these terms; see `catalog show ID`.")
@click.option("--policy", metavar="NAME|FILE", help="Proposed policy.")
@click.option(
    "--public",
    type=click.Choice(["models", "datasets", "all"]),
    help="Public models and data of the catalog instead of a ledger.",
)
@click.option("--use", metavar="NAME", help="With --public: what students are for. [default: train_competing]")
@click.option("--present", metavar="NAME|FILE", help="Policy that is in force. [default: guard()'s, default]")
@click.option("--waivers", metavar="FILE", help="Waivers that are in force. [default: guard()'s, none]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@ledger_option
@namespace_option
@target_options
def impact(
    model: str | None,
    terms_file: str | None,
    terms_as: str | None,
    policy: str | None,
    public: str | None,
    use: str | None,
    as_json: bool,
    **options: Any,
) -> int:
    """Say which trained versions a change of policy or terms would judge otherwise, before it is merged.

    Every version that was trained is decided on by the rules in force and by the proposed ones, over the
    same lineage, and what differs is listed: versions, assets, partitions, and what was made from them since.
    Nothing is written: what was decided stays on record.

    --terms-file is added to the own catalog files, or takes the place of the one of the same name. --model
    alone lists everything that has the model upstream, with the verdicts in force.

    --public asks the same of the lineage that the catalog knows, and needs no ledger: public models are judged by
    what they were trained on, public datasets by what a student of each may be.

    Exits 1 when something becomes stricter (--model alone: is blocked), 2 when something could not be judged
    (--model alone: or is not known), 0 otherwise.
    """
    from lineage_guard.cli.changing import public as of_public
    from lineage_guard.cli.changing.judging import Pattern
    from lineage_guard.cli.changing.report import lines, to_json
    from lineage_guard.cli.changing.rules import Proposal, deployment, unheard
    from lineage_guard.dagster.settings import ledger_location
    from lineage_guard.domain.rules.terms import TRAIN_COMPETING
    from lineage_guard.ledger import open_ledger

    proposal = Proposal(policy, Path(terms_file) if terms_file else None, terms_as)
    if model is None and not proposal.says_something:
        raise click.UsageError(
            "say what would change: --policy, --terms-file, --terms-as, or --model for what has it upstream"
        )
    if use is not None and public is None:
        raise click.UsageError("--use is for --public; what assets are for, their definitions say")
    known = deployment(target_of(options))
    pattern = Pattern.of(model) if model else None
    if public is not None:
        use = use or TRAIN_COMPETING
        report = _public_report(known, proposal, of_public.Which(public), use, pattern, model, options)
    else:
        ledger = open_ledger(ledger_location(options["ledger"] or known.of("").ledger))
        report = _report(known, ledger, proposal, pattern, model, options, quiet=as_json)
    if model is not None and not (report.judged or report.unjudged or (report.reached and report.reached[0])):
        report = replace(report, notes=[*report.notes, *unheard(model, report.rules[0][0].catalog)])
    if as_json:
        click.echo(json.dumps(to_json(report), indent=2))
    else:
        for line in lines(report) if public is None else of_public.lines(report, use or TRAIN_COMPETING):
            click.echo(line)
    return report.exit_code


def _public_report(
    known: Deployment,
    proposal: Proposal,
    which: Which,
    use: str,
    pattern: Pattern | None,
    model: str | None,
    options: dict[str, Any],
) -> Report:
    from lineage_guard.cli.changing.public import judge_public
    from lineage_guard.cli.changing.report import Report

    rules = _RulesByAsset(known, options["present"], _waivers(options["waivers"]), proposal).of("")
    judged, apart = judge_public(rules, which, use, pattern, datetime.now(UTC))
    return Report(
        proposes=proposal.says_something,
        model=model,
        rules=[rules],
        judged=judged,
        unjudged=[],
        apart=apart,
        unfinished=0,
        downstream=[],
        reached=None,
        notes=list(known.unseen),
    )


def _report(
    known: Deployment,
    ledger: Ledger,
    proposal: Proposal,
    pattern: Pattern | None,
    model: str | None,
    options: dict[str, Any],
    *,
    quiet: bool,
) -> Report:
    from lineage_guard.cli.changing.judging import judge_all
    from lineage_guard.cli.changing.report import Report

    waivers = _waivers(options["waivers"])
    namespace = known.namespace(options["namespace"])
    on_record = ledger.trained([(namespace, name) for name in known.uses])
    rules = _RulesByAsset(known, options["present"], waivers, proposal)
    # Of an empty ledger, too, a policy that is wrong must be said.
    by_name = {name: rules.of(name) for name in sorted({t.version.name for t in on_record.trained}) or [""]}
    with _progress(len(on_record.trained), quiet) as step:
        judged, unjudged, apart = judge_all(
            on_record.trained, ledger, by_name, known.uses, pattern, datetime.now(UTC), step
        )
    notes = list(known.unseen)
    if not known.settings:
        notes.append("No definitions with guard() were given, so no waivers but those of --waivers are known.")
    if assumed := sorted({j.version.name for j in judged if j.assumed}):
        notes.append(f"Nobody said what these are for, train_competing is assumed: {', '.join(assumed)}.")
    asked = any(each.policy.asks_of_assets for both in rules.used for each in both)
    if asked and (silent := sorted({j.version.name for j in judged if j.after.asset is None})):
        notes.append(
            "Rules ask for group, tags, kinds or owners of assets, and with some versions of these nobody wrote them "
            f"down: such rules are taken to hold where that is stricter, and permit nothing. {', '.join(silent)}."
        )
    if not on_record.trained:
        notes.append("The ledger holds no trained version: no verdict was ever taken on what it holds.")
    return Report(
        proposes=proposal.says_something,
        model=model,
        rules=rules.used,
        judged=judged,
        unjudged=unjudged,
        apart=apart,
        unfinished=on_record.unfinished,
        downstream=_downstream(ledger, judged, proposal.says_something),
        reached=_reached(ledger, pattern) if pattern else None,
        notes=notes,
    )


class _RulesByAsset:
    """The rules for each asset, each kind of them loaded once."""

    def __init__(self, known: Deployment, policy: str | None, waivers: Waivers | None, proposal: Proposal) -> None:
        self._known, self._policy, self._waivers, self._proposal = known, policy, waivers, proposal
        self._loaded: list[tuple[Settings, tuple[Rules, Rules]]] = []

    @property
    def used(self) -> list[tuple[Rules, Rules]]:
        return [rules for _, rules in self._loaded]

    def of(self, name: str) -> tuple[Rules, Rules]:
        from lineage_guard.cli.changing.rules import present, proposed

        settings = self._known.of(name)
        found = next((rules for known, rules in self._loaded if known is settings or known == settings), None)
        if found is None:
            now = present(settings, self._policy, self._waivers)
            then = proposed(settings, now, self._policy, self._proposal) if self._proposal.says_something else now
            found = now, then
            self._loaded.append((settings, found))
        return found


def _waivers(path: str | None) -> Waivers | None:
    if path is None:
        return None
    from lineage_guard.catalog import load_waivers

    return load_waivers(Path(path))


def _downstream(ledger: Ledger, judged: list[Judged], proposes: bool) -> list[Carrying]:
    """What was made from the versions that change or, when nothing is proposed, that are stopped."""
    from lineage_guard.cli.changing.report import Carrying
    from lineage_guard.domain.verdict.shift import Shift

    concerned = (Shift.STRICTER, Shift.LOOSER)
    starts = [j.version for j in judged if (j.shift in concerned if proposes else j.before.stops)]
    if not starts:
        return []
    found = ledger.impact(versions=starts)
    ways = ((found.path(n)[0], each.version) for n, each in enumerate(found.reached[found.starts :], found.starts))
    return [Carrying(version, start) for start, version in ways]


def _reached(ledger: Ledger, pattern: Pattern) -> tuple[int, int, int]:
    """How many versions, datasets and partitions are downstream of a model."""
    found = ledger.impact(model=pattern.model, provider=pattern.provider).reached
    names: set[tuple[str, str]] = set()
    partitions: set[tuple[str, str, str | None]] = set()
    for each in found:
        names.add(each.version[:2])
        if each.version.partition is not None:
            partitions.add(each.version[:3])
    return len(found), len(names), len(partitions)


@contextmanager
def _progress(total: int, quiet: bool) -> Generator[Callable[[], None]]:
    """A bar on standard error; gives what to call after each version."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("trained versions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal) as progress:
        task = progress.add_task("", total=total)
        yield lambda: progress.advance(task)
