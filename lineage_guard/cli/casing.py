"""``policy test``: small lineages through the rules, held against the verdicts that are expected."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lineage_guard.cli.cataloguing import own_catalogs
from lineage_guard.cli.verdicts import verdict_json
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.grammar import plural

if TYPE_CHECKING:
    from lineage_guard.catalog.cases import WrittenCase
    from lineage_guard.domain.verdict.decide import Verdict
    from lineage_guard.domain.verdict.expecting import Difference

#: Findings of a case that people are shown; the strictest come first.
_SHOWN = 3
_REPAIR = "correct the rule if the case is right, or the case if the rule is"


class Outcome(NamedTuple):
    """A case, the verdict on it, and what that says otherwise than was expected."""

    written: WrittenCase
    verdict: Verdict
    differences: tuple[Difference, ...]


@click.command("test")
@click.argument("files", nargs=-1, required=True, metavar="CASES...")
@click.option(
    "--policy",
    "given",
    metavar="NAME|FILE",
    help="Policy under test; a case that names its own keeps that. [default: the file's, default]",
)
@click.option(
    "--catalog",
    "own",
    multiple=True,
    metavar="FILE",
    help="Own catalog file over the shipped ones. Repeatable. [default: LINEAGE_GUARD_CATALOG]",
)
@click.option("--waivers", metavar="FILE", help="Waivers that hold for the cases. [default: none]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def run_cases(
    files: tuple[str, ...], given: str | None, own: tuple[str, ...], waivers: str | None, as_json: bool
) -> int:
    """Test a policy: judge the small lineages in CASES, and compare with the verdicts expected there.

    Neither definitions nor a ledger are needed. `lineage-guard schema policy-cases` says what a file of cases holds.

    Exits 0 when every case is as expected, 1 when one is not, 3 when a file cannot be read, is wrong or has no case.
    """
    from lineage_guard.catalog import load_catalog, load_waivers
    from lineage_guard.catalog.cases import read_cases
    from lineage_guard.domain.verdict.expecting import answer, differences

    known = load_catalog(*own_catalogs(own))
    accepted = load_waivers(Path(waivers)) if waivers else ()
    now = datetime.now(UTC)
    written = [case for file in dict.fromkeys(files) for case in read_cases(Path(file), known, now)]
    if given is not None and all(case.has_policy for case in written):
        fix = "take `policy` out of the cases that it is meant for, or take --policy away"
        raise ConfigError(f"no case tests {given}: each names a policy of its own", where=files[0], fix=fix)
    outcomes: list[Outcome] = []
    for each in written:
        verdict = answer(each.case, each.policy(known, given), accepted, known.ancestry)
        outcomes.append(Outcome(each, verdict, differences(each.case.expected, verdict)))
    failed = sum(bool(o.differences) for o in outcomes)
    if as_json:
        counts: dict[str, Any] = {"ok": not failed, "passed": len(outcomes) - failed, "failed": failed}
        click.echo(json.dumps({**counts, "cases": [_json(o) for o in outcomes]}, indent=2))
        return int(failed > 0)
    for outcome in outcomes:
        click.echo("\n".join(_lines(outcome)))
    policies = ", ".join(dict.fromkeys(o.verdict.policy for o in outcomes))
    count = f"{len(outcomes)} {plural('case', len(outcomes))}"
    click.echo(f"{count}: {len(outcomes) - failed} passed, {failed} failed, by policy {policies}")
    return int(failed > 0)


def _lines(outcome: Outcome) -> list[str]:
    from lineage_guard.domain.verdict.explain import path_text, plain

    (case, where), verdict = (outcome.written.case, outcome.written.where), outcome.verdict
    if not outcome.differences:
        return [plain(f"passed  {case.name}")]
    lines = [f"FAILED  {case.name}", f"  at {where}, by policy {verdict.policy}, for {case.use}"]
    lines += [f"  {d.what}: expected {d.expected}, got {d.got}" for d in outcome.differences]
    lines += [f"  expected, because: {case.why}"]
    for finding in verdict.findings[:_SHOWN]:
        effect = f"WAIVED by {finding.waived_by}" if finding.waived_by else finding.effect.name
        lines += [f"  {effect}  {finding.message}", f"    rule: {finding.rule}", f"    path: {path_text(finding)}"]
        lines += [f"    way on: {finding.fix}"]
    if (more := len(verdict.findings) - _SHOWN) > 0:
        lines += [f"  and {more} more {plural('finding', more)}, which --json lists"]
    if not verdict.findings:
        lines += ["  No rule warns of anything here or stops it."]
    return [plain(line) for line in [*lines, f"  To fix: {_REPAIR}"]]


def _json(outcome: Outcome) -> dict[str, Any]:
    case, verdict = outcome.written.case, outcome.verdict
    return {
        "case": case.name,
        "why": case.why,
        "where": outcome.written.where,
        "passed": not outcome.differences,
        "expected": case.expected.decision.value,
        "differences": [d._asdict() for d in outcome.differences],
        "use": case.use,
        "at": verdict.at.isoformat(),
        "policy": {"name": verdict.policy, "digest": verdict.policy_digest},
        **verdict_json(verdict, verdict.findings),
        "obligations": list(verdict.obligations),
    }
