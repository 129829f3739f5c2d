"""docs/openlineage.md shows what the code does. To write it anew: WRITE_DOCS=1 pytest <this file>."""

import json
import os
from pathlib import Path
from typing import Any

from openlineage_examples import ENGINE, PRODUCER, blocked_run, synthetic_run

from lineage_guard.openlineage.encode import event_of
from lineage_guard.openlineage.facets import OWN, facet, installed_version
from lineage_guard.openlineage.validate import schemas, validate

DOC = Path(__file__).parents[2] / "docs" / "openlineage.md"


def example_events() -> tuple[dict[str, Any], dict[str, Any]]:
    events = [event_of(run, producer=PRODUCER, engine_version=ENGINE) for run in (synthetic_run(), blocked_run())]
    # The one thing in an event that changes with every release of this package.
    for event in events:
        engine = event["run"]["facets"]["processing_engine"]
        assert engine["openlineageAdapterVersion"] == installed_version("lineage-guard")
        engine["openlineageAdapterVersion"] = "0.1.0"
    return events[0], events[1]


def table(name: str, schema: dict[str, Any]) -> list[str]:
    body = schema["allOf"][1] if "allOf" in schema else schema
    lines = ["", f"**{name}**: {schema['description']}", "", "| field | type | |", "|---|---|---|"]
    for field, of in body["properties"].items():
        meaning = of.get("description", "")
        if "enum" in of:
            kind = " \\| ".join(of["enum"])
        elif of.get("type") == "array":
            items = of["items"]
            kind = f"list of {items.get('type') or items['$ref'].rsplit('/', 1)[1]}"
        else:
            kind = of.get("format") or of.get("type") or of["$ref"].rsplit("/", 1)[1]
        required = "" if field in body["required"] else " (optional)"
        lines.append(f"| `{field}` | {kind}{required} | {meaning} |")
    return lines


def facet_reference() -> str:
    lines: list[str] = []
    for uri, schema in sorted(schemas().items()):
        if uri.startswith(OWN):
            key, of = next(iter(schema["properties"].items()))
            cls = of["$ref"].rsplit("/", 1)[1]
            lines += ["", f"### `{key}`", "", f"`{uri}#/$defs/{cls}`"]
            for name, definition in schema["$defs"].items():
                lines += table(name, definition)
    return "\n".join(lines[1:])


def sections() -> dict[str, str]:
    complete, failed = example_events()
    shown = failed["run"]["facets"]["lineageGuard_decision"]
    return {
        "facets": facet_reference(),
        "example": "```json\n" + json.dumps(complete, indent=2, ensure_ascii=False) + "\n```",
        "decision": "```json\n" + json.dumps(shown, indent=2, ensure_ascii=False) + "\n```",
    }


def filled(text: str) -> str:
    for name, content in sections().items():
        before, begin, rest = text.partition(f"<!-- {name}: begin -->\n")
        _, end, after = rest.partition(f"<!-- {name}: end -->\n")
        assert begin, name
        assert end, name
        text = f"{before}{begin}\n{content}\n\n{end}{after}"
    return text


def test_the_page_shows_what_the_code_writes() -> None:
    text = DOC.read_text(encoding="utf-8")
    if os.environ.get("WRITE_DOCS"):
        DOC.write_text(filled(text), encoding="utf-8")
        text = DOC.read_text(encoding="utf-8")
    assert text == filled(text)


def test_the_examples_on_the_page_are_valid() -> None:
    for event in example_events():
        assert validate(event, strict=True) == []


def test_every_facet_of_an_event_is_on_the_page() -> None:
    text = DOC.read_text(encoding="utf-8").partition("## Example")[0]
    for event in example_events():
        for entry in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
            for group in ("facets", "inputFacets", "outputFacets"):
                for key in entry.get(group, {}):
                    assert f"`{key}`" in text, key


def test_a_facet_keeps_zero_and_false() -> None:
    assert facet("outputStatistics", PRODUCER, {"rowCount": 0, "size": None})["rowCount"] == 0
