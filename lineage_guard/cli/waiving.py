"""The commands on waivers: ask for one, list them, take one back. Approving is a review, not a command."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lineage_guard.cli.cataloguing import own_catalogs
from lineage_guard.cli.targeting import ledger_option, namespace_option, target_of, target_options
from lineage_guard.domain.grammar import plural

if TYPE_CHECKING:
    from lineage_guard.catalog.doubts import Doubt
    from lineage_guard.catalog.waiver_file import WaiverEntry, WaiverFile
    from lineage_guard.domain.verdict.decide import Finding, Verdict

_CODES = ("AGREEMENT_PENDING", "LEGAL_OPINION", "NOT_RELEASED", "REBUILD_PLANNED", "FINDING_WRONG", "EMERGENCY")
_file_option = click.option(
    "--file", "path", default="waivers.yaml", show_default=True, metavar="FILE", help="The file of waivers."
)
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.group()
def waive() -> None:
    """Ask for waivers, list them, take them back. What they excuse reads WAIVED, never ALLOW."""


@waive.command()
@click.argument("asset")
@click.option("--by", "requested_by", required=True, metavar="WHO", help="Who asks; somebody else must approve.")
@click.option("--rule", metavar="ID", help="Only the findings of this rule. [default: all that stop]")
@click.option("--reason-code", type=click.Choice(_CODES), help="Why, as one of a few.")
@click.option("--reason", metavar="TEXT", help="Why, in words.")
@click.option("--ticket", metavar="ID", help="Where it is discussed.")
@click.option("--expires", metavar="DAY", help="When it ends, as 2027-01-31.")
@_file_option
@click.option("--use", metavar="USE", help="What it is for. [default: the asset's tag, train_competing]")
@click.option("--partition", metavar="KEY", help="Partition that would be written.")
@click.option("--policy", metavar="NAME|FILE", help="Shipped policy or policy file. [default: guard()'s, default]")
@_json_option
@ledger_option
@namespace_option
@target_options
def request(asset: str, requested_by: str, path: str, **options: Any) -> int:
    """Add an entry for each finding that stops ASSET, as narrow as the finding, for somebody else to approve.

    The entry does nothing until what is null in it was filled in: review the file as you review code.

    Exits 0 when something was added or nothing stops it, 1 when what stops it cannot be waived.
    """
    from lineage_guard.catalog.waiver_edit import request as add
    from lineage_guard.catalog.waiver_edit import scope_of
    from lineage_guard.cli.asking import ask

    now = datetime.now(UTC)
    names = ("use", "partition", "policy", "ledger", "namespace")
    asked = ask(target_of(options), asset, at=now, **{name: options[name] for name in names})
    found = [(f, each.verdict) for each in asked for f in _open_findings(each.verdict)]
    wanted = [(f, v) for f, v in found if options["rule"] in (None, f.rule)]
    scopes = [scope_of(f, v) for f, v in wanted if _can_be_waived(f)]
    scopes = [s for n, s in enumerate(scopes) if s not in scopes[:n]]
    left = sorted({f.rule for f, _ in wanted if not _can_be_waived(f)})
    filled_in = {name: options[name] for name in ("reason_code", "reason", "ticket", "expires")}
    ids = add(Path(path), scopes, requested_by, now.date(), filled_in) if scopes else ()
    missing = ["approved_by", *(name for name, value in filled_in.items() if value is None)]
    if options["as_json"]:
        entries = [{"id": id, **scope} for id, scope in zip(ids, scopes, strict=True)]
        click.echo(json.dumps({"file": path, "added": entries, "missing": missing, "not_waivable": left}, indent=2))
        return 1 if left and not ids else 0
    for id, scope in zip(ids, scopes, strict=True):
        click.echo(f"{id}: {', '.join(f'{name} {value}' for name, value in scope.items() if value)}")
    if ids:
        click.echo(f"Added to {path}. It does nothing yet. To be filled in: {', '.join(missing)};")
        click.echo(f"approved_by is somebody other than {requested_by}.")
    elif not left:
        known = ", ".join(sorted({f.rule for f, _ in found}))
        click.echo(f"Nothing of rule {options['rule']} stops it; what does: {known}" if known else "Nothing stops it.")
    if left:
        click.echo(f"Cannot be waived: {', '.join(left)}. See: lineage-guard explain {asset}", err=True)
    return 1 if left and not ids else 0


def _open_findings(verdict: Verdict) -> list[Finding]:
    from lineage_guard.domain.incidents.incidents import stopping

    return list(stopping(verdict))


def _can_be_waived(finding: Finding) -> bool:
    """A guard that cannot see and a lineage suite that fails are mended, not accepted."""
    return not finding.rule.startswith("suite:") and finding.rule != "guard-cannot-see"


@waive.command("list")
@_file_option
@click.option("--policy", metavar="NAME|FILE", help="Whose rules and uses they name. [default: not looked at]")
@_json_option
def list_(path: str, policy: str | None, as_json: bool) -> int:
    """List every waiver in the file: what it covers, what it is worth now, and how many days are left.

    What is doubtful is said with its place: a model that nothing known answers to, days that cannot be, an end
    that is more than a year away, and, with --policy, a rule or a use that the policy has not.
    """
    from lineage_guard.catalog import load_catalog, load_policy
    from lineage_guard.catalog.waiver_doubts import waiver_doubts
    from lineage_guard.catalog.waiver_file import read_waivers

    now = datetime.now(UTC)
    file: WaiverFile = read_waivers(Path(path))
    known = load_catalog(*own_catalogs(()))
    doubts = waiver_doubts(file, known, load_policy(policy, known) if policy else None, now)
    if as_json:
        told = [{**_shown(e, now), "doubts": [_told(d) for d in doubts.get(e.id, [])]} for e in file.entries]
        click.echo(json.dumps({"file": path, "waivers": told}, indent=2))
        return 0
    for entry in file.entries:
        said = _shown(entry, now)
        scope = (said.get(name) for name in ("rule", "asset", "use", "partition", "model", "dataset"))
        click.echo(f"{said['state']:<8} {entry.id}  {_left(said)}")
        click.echo(f"         covers: {', '.join(str(each) for each in scope if each)}")
        if entry.said["reason"]:
            click.echo(
                f"         {entry.said['reason_code'] or ''} {entry.said['reason']}".replace("          ", " " * 9)
            )
        for d in doubts.get(entry.id, []):
            click.echo(f"         doubt {d.where}: {d.what}. To fix: {d.fix}")
    if not file.entries:
        click.echo("There are no waivers.")
    return 0


@waive.command()
@click.argument("id")
@click.option("--by", required=True, metavar="WHO", help="Who takes it back.")
@click.option("--reason", required=True, metavar="TEXT", help="Why.")
@_file_option
def revoke(id: str, by: str, reason: str, path: str) -> int:
    """Mark the waiver ID as taken back. The entry stays in the file, so that old verdicts can be read."""
    from lineage_guard.catalog.waiver_edit import revoke as mark

    mark(Path(path), id, by, datetime.now(UTC).date(), reason)
    click.echo(f"{id} is taken back in {path}; what it covered stops again.")
    return 0


def _shown(entry: WaiverEntry, now: datetime) -> dict[str, Any]:
    state = entry.state(now)
    waiver = entry.waiver
    days = max(0, (waiver.expires - now).days) if waiver and state == "active" else None
    return {**entry.said, "state": state.value, "days_left": days, "missing": list(entry.missing)}


def _told(doubt: Doubt) -> dict[str, str]:
    return {"where": doubt.where, "what": doubt.what, "fix": doubt.fix}


def _left(said: dict[str, Any]) -> str:
    match said["state"]:
        case "active":
            days = said["days_left"]
            return f"{days} {plural('day', days)} left, approved by {said['approved_by']} ({said['ticket']})"
        case "expired":
            return f"ended on {said['expires']}"
        case "revoked":
            return f"taken back by {said['revoked']['by']} on {said['revoked']['on']}: {said['revoked']['reason']}"
        case _:
            return f"asked for by {said['requested_by']}; to be filled in: {', '.join(said['missing'])}"
