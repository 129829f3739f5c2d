"""The commands on audit reports: ``report ASSET`` makes one, ``report verify`` checks the signature of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from lineage_guard.cli.targeting import ledger_option, namespace_option, target_of, target_options
from lineage_guard.domain.errors import ConfigError

if TYPE_CHECKING:
    from lineage_guard.dagster.settings import Settings
    from lineage_guard.report.contents import Report, WaiverText


class WithDefault(click.Group):
    """A group of which one command needs no name: the one that is called nothing."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the empty name where a name of a command is missing."""
        return super().parse_args(ctx, args if args and args[0] in self.commands else ["", *args])


class Unnamed(click.Command):
    """The command that is called nothing: it stands in the place of its group."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """A context that says the words that were said, and no empty one."""
        group = parent if parent is not None and info_name == "" else None
        if group is None:
            return super().make_context(info_name, args, parent, **extra)
        return super().make_context(group.info_name, args, group.parent, **extra)


@click.group(cls=WithDefault, context_settings={"help_option_names": []})
def report() -> None:
    """Report on one trained version for an audit: what it was made from, under which terms, and who decided."""


@report.command("", cls=Unnamed, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("asset", metavar="ASSET[@RUN][:PARTITION]")
@click.option("--as-of", metavar="DATE", help="What was on record and in force then. [default: the end of the log]")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("json", "html", "cyclonedx", "spdx")),
    default="json",
    show_default=True,
    help="cyclonedx and spdx need the extra `report`.",
)
@click.option("--out", metavar="FILE", help="Write there. [default: standard output]")
@click.option("--sign", "key", metavar="KEY", help="PEM file with a private key; the signature goes beside --out.")
@click.option("--policy", metavar="NAME|FILE", help="Policy to judge by again. [default: guard()'s, default]")
@click.option(
    "--waivers", multiple=True, metavar="FILE", help="File of waivers. Repeatable. [default: guard()'s, none]"
)
@click.option("--use", metavar="USE", help="What it is for. [default: what the verdict on record says]")
@ledger_option
@namespace_option
@target_options
def make(asset: str, as_of: str | None, format_: str, out: str | None, key: str | None, **options: Any) -> int:
    """Report on one trained version: every source, licence, duty, waiver, result of a suite, and verdict.

    Without a run it is the newest version; a run is that of the asset or that of Dagster. The same ledger
    and the same arguments give the same bytes.

    `lineage-guard report verify FILE --key PUBLIC` checks a signature.
    """
    from lineage_guard.report.rendering import render

    if key is not None and out is None:
        raise ConfigError("a signature needs a file", where="--sign", fix="name one with --out")
    made = _compiled(asset, _moment(as_of), options)
    data = render(made, format_)
    if out is None:
        click.echo(data, nl=False)
        return 0
    path = Path(out)
    signature = _signature(made, data, path, format_, Path(key)) if key is not None else None
    _write(path, data)
    if signature is not None:
        _write(*signature)
    return 0


@report.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("file")
@click.option("--key", required=True, metavar="PUBLIC", help="PEM file with the signer's public key.")
@click.option("--signature", metavar="FILE", help="The signature. [default: FILE.intoto.jsonl]")
def verify(file: str, key: str, signature: str | None) -> int:
    """Check that FILE is the report that was signed, by the owner of the key.

    Prints what the signer said of it; compare the watermark with `lineage-guard verify --expect`.

    Exits 0 when the signature holds, 3 otherwise.
    """
    from lineage_guard.report.signing import SUFFIX
    from lineage_guard.report.signing import verify as verified

    beside = signature or f"{file}{SUFFIX}"
    signed = verified(_read(file), _read(beside), Path(key), beside)
    told = signed.predicate
    click.echo(f"Signed by key {signed.keyid}: {signed.name}, {signed.digest}")
    click.echo(
        f"As of {told.get('asOf')}, ledger {cast('Mapping[str, Any]', told.get('ledger') or {}).get('watermark')}"
    )
    return 0


def _compiled(asset: str, at: datetime | None, options: Mapping[str, Any]) -> Report:
    from lineage_guard.dagster.settings import ledger_location, lineage_namespace, rulebook
    from lineage_guard.explaining.answering import upstream
    from lineage_guard.ledger import open_ledger
    from lineage_guard.ledger.asking.past import as_of
    from lineage_guard.report.compiling import Rulebook, compile_report
    from lineage_guard.report.naming import find, readings

    named = readings(asset)
    settings = _settings(options, named[-1].name)
    catalog, policy = rulebook(settings, options["policy"])
    past = as_of(
        open_ledger(ledger_location(options["ledger"] or settings.ledger)).archive, at, *{n.name for n in named}
    )
    version = find(past, lineage_namespace(options["namespace"] or settings.namespace), asset)
    waivers = tuple(_texts(options["waivers"], settings))
    rules = Rulebook(policy, catalog.ancestry, catalog.digest, waivers, options["use"])
    return compile_report(past, version, rules, cast("Any", upstream))


def _settings(options: Mapping[str, Any], name: str) -> Settings:
    """What the ``guard()`` of the definitions was told; only definitions that are named are loaded."""
    from lineage_guard.dagster.settings import Settings

    target = target_of(options)
    if not (options["modules"] or options["files"] or options["workspaces"]):
        return Settings()
    import dagster as dg

    from lineage_guard.dagster.locations import find, load_locations

    seen = [each for each in load_locations(target) if each.unseen is None]
    found = find(seen, dg.AssetKey.from_user_string(name)) if seen else None
    return (found.settings if found else None) or Settings()


def _texts(files: Iterable[str], settings: Settings) -> Iterable[WaiverText]:
    from lineage_guard.explaining.texts import texts_of
    from lineage_guard.report.contents import WaiverText

    paths = [Path(each) for each in files]
    if not paths and isinstance(settings.waivers, Path):
        paths = [settings.waivers]
    elif not paths:
        yield from (WaiverText(waiver) for waiver in settings.accepted())
    for path in paths:
        yield from texts_of(path)


def _moment(text: str | None) -> datetime | None:
    """A moment; of a day its end, in UTC."""
    if text is None:
        return None
    with suppress(ValueError):  # 20260331 and 2026-W14-2 are days, too, and not their first moment
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        fix = "write 2026-03-31, which is the end of that day in UTC, or 2026-03-31T12:00:00Z"
        raise ConfigError(f"{text!r} is no date: {error}", where="--as-of", fix=fix) from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _signature(made: Report, data: bytes, path: Path, format_: str, key: Path) -> tuple[Path, bytes]:
    from lineage_guard.report.signing import PASSWORD_VARIABLE, SUFFIX, sign, statement

    content = statement(data, path.name, format_, made)
    return path.with_name(path.name + SUFFIX), sign(content, key, os.environ.get(PASSWORD_VARIABLE))


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"it cannot be written: {error.strerror}", where=str(path), fix="check the folder") from error


def _read(file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error.strerror}", where=file, fix="check the path") from error
