"""``lineage-guard read``: what a card, a pipeline file or a config says, and the line to paste."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from lineage_guard.domain.facts import License, ModelSource
    from lineage_guard.readers import Facts


@click.command()
@click.argument("path", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def read(path: str, as_json: bool) -> None:
    """Print what the file PATH says of models, licences and parents, what it leaves out, and the Python to paste.

    PATH is a Hugging Face dataset or model card (README.md), a distilabel pipeline file or a NeMo Data Designer config.
    Nothing is looked up on a network.
    """
    from lineage_guard.readers import read as read_file

    facts = read_file(path)
    if as_json:
        click.echo(json.dumps(to_json(facts), indent=2))
        return
    click.echo("\n".join(_shown(facts)))
    click.echo("\nTo declare it:\n")
    click.echo(python(facts))


def to_json(facts: Facts) -> dict[str, Any]:
    """The facts as one JSON object."""
    from lineage_guard.domain.declared.declaration import Declaration

    models = [(Declaration(models=(m.value,)).to_json()["models"], m.where) for m in facts.models]
    return {
        "path": facts.path,
        "format": facts.format,
        "completeness": facts.completeness.value,
        "models": [{**said[0], "where": where} for said, where in models if isinstance(said, list)],
        "licenses": [{"expression": x.value.expression, "url": x.value.url, "where": x.where} for x in facts.licenses],
        "parents": [{"namespace": p.value.namespace, "name": p.value.name, "where": p.where} for p in facts.parents],
        "gaps": [{"what": g.value, "where": g.where} for g in facts.gaps],
        "unsaid": list(facts.unsaid),
    }


def python(facts: Facts) -> str:
    """The call of ``declare`` that says what the file says.

    Args:
        facts: of the file.
    """
    declared = facts.declaration()
    lines = [f"    {_model(m)}," for m in declared.models]
    if declared.licenses:
        lines.append(f"    licenses=[{', '.join(_license(x) for x in declared.licenses)}],")
    if declared.parents:
        lines.append(f"    parents=[{', '.join(ascii(p) for p in declared.parents)}],")
    lines.append(f"    completeness={declared.completeness.value!r},  # 'COMPLETE' once you know that this is all")
    lines.append(f"    note={facts.origin!a},")
    return "\n".join(["declare(", *lines, ")"])


def _model(m: ModelSource) -> str:
    said: dict[str, object] = {"provider": m.provider, "model": m.model, "version": m.version, "channel": m.channel}
    said |= {"usage": m.usage.value, "influence": m.influence and m.influence.value, "fields": m.fields}
    words = (f"{k}={v!a}" for k, v in said.items() if v not in (None, (), "GENERATION"))
    return f"ModelSource({', '.join(words)})"


def _license(x: License) -> str:
    if x.url is None and x.applies_to.value == "DATA":
        return ascii(x.expression)
    url = f", url={x.url!a}" if x.url else ""
    return f"License({x.expression!a}, applies_to={x.applies_to.value!r}{url})"


def _shown(facts: Facts) -> Iterable[str]:
    yield _plain(f"{facts.path}: {facts.format}")
    rows = [("model", f"{m.value}, {m.value.usage.value}", m.where) for m in facts.models]
    rows += [("licence", x.value.expression, x.where) for x in facts.licenses]
    rows += [("parent", str(p.value), p.where) for p in facts.parents]
    rows += [("missing", g.value, g.where) for g in facts.gaps]
    for kind, what, where in rows:
        yield _plain(f"  {kind:<8} {what}  ({where})")
    for sentence in facts.unsaid:
        yield f"  unsaid   {sentence}"
    yield f"  completeness: {facts.completeness.value}"


def _plain(text: str) -> str:
    """Without characters that would steer a terminal."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
