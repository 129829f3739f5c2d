"""The commands on what people write: ``catalog lint | show | diff``, ``policy lint``, and ``schema``."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lineage_guard.catalog import Entry, PublicArtefact
    from lineage_guard.catalog.documents import Document
    from lineage_guard.catalog.lint import Problem

_SCHEMAS = ("policy", "policy-cases", "catalog", "waivers", "alert-routes", "explanation", "impact")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
_catalog_option = click.option(
    "--catalog",
    "own",
    multiple=True,
    metavar="FILE",
    help="Own catalog file over the shipped ones. Repeatable. [default: LINEAGE_GUARD_CATALOG]",
)


@click.command()
@click.argument("name", type=click.Choice(_SCHEMAS))
def schema(name: str) -> None:
    """Print the JSON Schema of a kind of file that people write, or of what explain and impact print.

    For editors and for CI; `explanation` is what `explain --json` says of each verdict under that key.
    """
    from lineage_guard.catalog.documents import schema as of

    printed = Path(__file__).parent / "schemas" / f"{name}.schema.json"
    told = json.loads(printed.read_text("utf-8")) if printed.exists() else of(name)
    click.echo(json.dumps(told, indent=2))


@click.group()
def catalog() -> None:
    """Look into what is known of models' terms and of public data, shipped and of your own."""


@catalog.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@_json_option
def lint(files: tuple[str, ...], as_json: bool) -> int:
    """Check own catalog FILEs, read over the shipped ones; without any, the shipped ones themselves.

    Exits 1 when something makes answers wrong, 0 otherwise; what only makes them doubtful is said, too.
    """
    from lineage_guard.catalog.lint import lint as check

    return _problems(check([Path(f) for f in files], datetime.now(UTC).date()), as_json, shipped=not files)


@catalog.command()
@click.argument("what")
@click.option("--provider", default="", metavar="NAME", help="Who offers the model.")
@click.option("--channel", metavar="HOST", help="How it was reached: api.openai.com, self-hosted, ...")
@click.option("--on", metavar="DAY", help="Day of generation, as 2026-03-15; terms of that day are shown.")
@_catalog_option
@_json_option
def show(what: str, provider: str, channel: str | None, on: str | None, own: tuple[str, ...], as_json: bool) -> int:
    """Show what is known of WHAT: a model id, the id of an entry, or a public dataset or model.

    Exits 1 when nothing is.
    """
    from lineage_guard.catalog import load_catalog
    from lineage_guard.domain.facts import ModelSource

    day = _day(on)
    known = load_catalog(*own_catalogs(own))
    entry = next((e for e in known.terms.details if e.terms.id == what), None)
    artefact = known.ancestry.get(what)
    found = known.terms.resolve(ModelSource(provider, what, channel=channel), day)
    layers = [e for e in known.terms.details if e.terms in found.layers] if entry is None else []
    if as_json:
        said: dict[str, Any] = {
            "entry": _entry_json(entry) if entry else None,
            "artefact": _artefact_json(artefact) if artefact else None,
            "terms": [_entry_json(e) for e in layers],
            "unresolved": found.unresolved.value if found.unresolved and entry is None else None,
            "how": found.how if entry is None else None,
        }
        click.echo(json.dumps(said, indent=2))
    else:
        for each in [entry] if entry else []:
            click.echo("\n".join(_lines(_entry_json(each))))
        if artefact:
            click.echo("\n".join(_lines(_artefact_json(artefact))))
        if layers or (entry is None and artefact is None):
            click.echo(f"{what}: {found.how}")
            click.echo("".join(f"\n{line}" for e in layers for line in ["", *_lines(_entry_json(e))]).strip("\n"))
            if found.unresolved:
                click.echo(f"Not settled: {found.unresolved.value}")
    return 0 if entry or artefact or layers else 1


@catalog.command()
@click.argument("old")
@click.argument("new")
@_json_option
def diff(old: str, new: str, as_json: bool) -> int:
    """Say what differs between two catalog files, entry by entry; `shipped` stands for the shipped ones.

    Exits 0 when nothing does, 1 when something does.
    """
    from lineage_guard.catalog.load import document_of, shipped_documents

    def entries(name: str) -> dict[str, dict[str, Any]]:
        documents: tuple[Document, ...] = shipped_documents() if name == "shipped" else (document_of(Path(name)),)
        rows = (row for d in documents for kind in ("terms", "artefacts") for row in d.value.get(kind, []))
        return {row["id"]: row for row in rows}

    before, after = entries(old), entries(new)
    changed = {
        id: {
            key: {"old": before[id].get(key), "new": after[id].get(key)}
            for key in dict.fromkeys((*before[id], *after[id]))
            if before[id].get(key) != after[id].get(key)
        }
        for id in before
        if id in after and before[id] != after[id]
    }
    added, removed = [i for i in after if i not in before], [i for i in before if i not in after]
    if as_json:
        click.echo(json.dumps({"added": added, "removed": removed, "changed": changed}, indent=2))
    else:
        for sign, ids in (("-", removed), ("+", added)):
            for id in ids:
                click.echo(f"{sign} {id}")
        for id, keys in changed.items():
            for key, pair in keys.items():
                click.echo(f"~ {id}: {key}: {json.dumps(pair['old'])} -> {json.dumps(pair['new'])}")
    return int(bool(added or removed or changed))


@click.group()
def policy() -> None:
    """Look after policy files: rules on what terms, gaps and doubts lead to."""


@policy.command("lint")
@click.argument("sources", nargs=-1, metavar="[NAME|FILE]...")
@_catalog_option
@_json_option
def lint_policies(sources: tuple[str, ...], own: tuple[str, ...], as_json: bool) -> int:
    """Check policy FILEs and all they import; without any, the shipped policies.

    A rule on a model, provider, channel, terms or licence that nothing known answers to is doubtful: it may be
    misspelt, and would never hold. Name your own catalog files, or what is in them counts as unknown.

    Exits 1 when a file is wrong or would loosen what it imports, 0 otherwise.
    """
    from lineage_guard.catalog import PRESETS, load_catalog
    from lineage_guard.catalog.lint import lint_policy

    known = load_catalog(*own_catalogs(own))
    found = [p for source in sources or PRESETS for p in lint_policy(source, known)]
    return _problems(list(dict.fromkeys(found)), as_json, shipped=not sources)


def _problems(found: list[Problem], as_json: bool, *, shipped: bool) -> int:
    wrong = any(p.wrong for p in found)
    if as_json:
        click.echo(json.dumps({"ok": not wrong, "problems": [p._asdict() for p in found]}, indent=2))
        return int(wrong)
    for p in found:
        click.echo(f"{'WRONG' if p.wrong else 'doubt'} {p.where}: {p.what}. To fix: {p.fix}")
    counts = sum(p.wrong for p in found), sum(not p.wrong for p in found)
    # A bare command in a project that has files of its own must not read as if it had looked at them.
    where = " in what ships; name files of your own to have them checked" if shipped else ""
    click.echo(f"{counts[0]} wrong, {counts[1]} doubtful{where}")
    return int(wrong)


def own_catalogs(given: tuple[str, ...]) -> list[Path]:
    """Own catalog files: those that were named, or those that the environment names."""
    named = given or tuple(p for p in os.environ.get("LINEAGE_GUARD_CATALOG", "").split(os.pathsep) if p)
    return [Path(p) for p in named]


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as problem:
        raise click.BadParameter(f"{text!r} is no day; write it as 2026-03-15", param_hint="--on") from problem


def _entry_json(entry: Entry) -> dict[str, Any]:
    terms = entry.terms
    until = f" until {entry.effective_until}" if entry.effective_until else ""
    return {
        "id": terms.id,
        "provider": terms.provider,
        "kind": terms.kind,
        "license": terms.license,
        "in force": (f"from {terms.effective_from}" if terms.effective_from else "undated") + until,
        "effects": {use: effect.name.lower() for use, effect in terms.effects.items()},
        "restrictions": sorted(terms.restrictions),
        "obligations": list(terms.obligations),
        "summary": terms.summary,
        "note": entry.note,
        "channels": [p.text for p in entry.channels],
        "only when named": entry.only_when_named,
        "url": terms.url,
        "source": terms.source,
        "read on": terms.date_read and str(terms.date_read),
        "confidence": terms.confidence.value,
    }


def _artefact_json(a: PublicArtefact) -> dict[str, Any]:
    return {
        "id": a.id,
        "artefact": a.artefact,
        "type": a.type,
        "declared license": a.declared_license,
        "terms": a.terms,
        "made from": [f"{e.relation.value} {e.source} ({e.confidence})" for e in a.edges],
        "sources": list(a.sources),
        "read on": a.date_read and str(a.date_read),
        "confidence": a.confidence,
        "note": a.note,
    }


def _lines(said: dict[str, Any]) -> list[str]:
    lines = [str(said["id"])]
    for key, value in said.items():
        if key == "id" or value in (None, [], {}, False):
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{k} {v}" for k, v in value.items())  # pyright: ignore[reportUnknownVariableType]
        if isinstance(value, list):
            value = "; ".join(str(v) for v in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        lines.append(f"  {key}: {value}")
    return lines
