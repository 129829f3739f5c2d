"""Every event we write is valid, and what is not valid is found."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from openlineage_examples import PRODUCER, all_runs, blocked_run, synthetic_run
from openlineage_strategies import asset_runs

from lineage_guard.domain.verdict.runs import AssetRun
from lineage_guard.openlineage.encode import canonical, event_of
from lineage_guard.openlineage.facets import OWN, SCHEMA_URLS
from lineage_guard.openlineage.validate import schemas, validate


@given(asset_runs)
def test_every_event_is_valid(run: AssetRun) -> None:
    assert validate(json.loads(canonical(event_of(run))), strict=True) == []


@pytest.mark.parametrize("run", all_runs(), ids=lambda run: f"{run.job_name}-{run.state}")
def test_the_examples_are_valid(run: AssetRun) -> None:
    assert validate(event_of(run), strict=True) == []


def test_every_schema_url_that_is_written_is_shipped() -> None:
    shipped = schemas()
    for url in SCHEMA_URLS.values():
        uri, _, pointer = url.partition("#/$defs/")
        assert pointer in shipped[uri]["$defs"], url


def own_schemas() -> dict[str, dict[str, Any]]:
    return {uri: schema for uri, schema in schemas().items() if uri.startswith(OWN)}


def test_our_schemas_keep_the_naming_rules_of_the_spec() -> None:
    assert len(own_schemas()) == 6
    for uri, schema in own_schemas().items():
        name = uri.rsplit("/", 1)[1]
        cls = name.removesuffix(".json")
        key = next(iter(schema["properties"]))
        assert name.startswith("LineageGuard")
        assert name.endswith("Facet.json")
        assert key.startswith("lineageGuard_")
        assert SCHEMA_URLS[key] == f"{uri}#/$defs/{cls}"
        assert uri.split("/")[-2] == "1-0-0"


@given(asset_runs)
def test_no_field_is_written_that_the_schemas_do_not_name(run: AssetRun) -> None:
    """JSON Schema lets unknown fields pass, so a misspelt one would go unnoticed."""
    event = event_of(run)
    for facets in facet_groups(event):
        for key, facet in facets.items():
            if key.startswith("lineageGuard_"):
                uri, _, cls = facet["_schemaURL"].partition("#/$defs/")
                unnamed(facet, schemas()[uri]["$defs"][cls], schemas()[uri], key)


def facet_groups(event: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for entry in (event["run"], event["job"], *event["inputs"], *event["outputs"]):
        for group in ("facets", "inputFacets", "outputFacets"):
            yield entry.get(group, {})


def unnamed(value: Any, schema: dict[str, Any], document: dict[str, Any], where: str) -> None:
    if "$ref" in schema:
        uri, _, pointer = schema["$ref"].partition("#/$defs/")
        document = schemas()[uri] if uri else document
        return unnamed(value, document["$defs"][pointer], document, where)
    if isinstance(value, list):
        for item in value:
            unnamed(item, schema["items"], document, where)
    elif isinstance(value, dict):
        if "additionalProperties" in schema:
            return None
        named = dict(schema.get("properties", {}))
        for part in schema.get("allOf", []):
            named.update(part.get("properties", {}))
        for key, item in value.items():
            if not key.startswith("_"):
                assert key in named, f"{where}.{key}"
                unnamed(item, named[key], document, f"{where}.{key}")
    return None


def edit(event: dict[str, Any], *path: str | int, to: Any) -> dict[str, Any]:
    event = deepcopy(event)
    at: Any = event
    for step in path[:-1]:
        at = at[step]
    if to is None:
        del at[path[-1]]
    else:
        at[path[-1]] = to
    return event


@pytest.mark.parametrize(
    ("path", "to", "where"),
    [
        (("run", "runId"), "not-a-uuid", "run.runId"),
        (("eventTime",), "2026-11-01", "eventTime"),
        (("eventTime",), None, "event"),
        (("eventType",), "DONE", "eventType"),
        (("job", "name"), None, "job"),
        (("outputs", 0, "facets", "schema", "_producer"), None, "outputs[0].facets.schema"),
        (("run", "facets", "parent", "run", "runId"), "7", "run.facets.parent.run.runId"),
        (
            ("outputs", 0, "facets", "lineageGuard_modelSource", "completeness"),
            "MAYBE",
            "outputs[0].facets.lineageGuard_modelSource.completeness",
        ),
        (
            ("outputs", 0, "facets", "lineageGuard_modelSource", "models", 0, "supplier"),
            None,
            "outputs[0].facets.lineageGuard_modelSource.models[0]",
        ),
        (
            ("inputs", 0, "inputFacets", "lineageGuard_pins", "pins", 0, "pin"),
            "PERHAPS",
            "inputs[0].inputFacets.lineageGuard_pins.pins[0].pin",
        ),
        (
            ("outputs", 0, "facets", "schema", "_schemaURL"),
            "https://openlineage.io/spec/facets/9-9-9/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
            "outputs[0].facets.schema",
        ),
    ],
)
def test_a_broken_event_is_found_and_the_place_named(path: tuple[str | int, ...], to: Any, where: str) -> None:
    problems = validate(edit(event_of(synthetic_run()), *path, to=to), strict=True)
    assert where in {p.where for p in problems}


def test_a_broken_decision_is_found() -> None:
    event = event_of(blocked_run())
    broken = edit(event, "run", "facets", "lineageGuard_decision", "findings", 0, "effect", to="DENY")
    assert [p.where for p in validate(broken)] == ["run.facets.lineageGuard_decision.findings[0].effect"]


def test_foreign_facets_pass_unless_strict() -> None:
    foreign = {"_producer": PRODUCER, "_schemaURL": "https://example.com/OtherFacet.json#/$defs/OtherFacet", "x": 1}
    event = edit(event_of(synthetic_run()), "run", "facets", "other", to=foreign)
    assert validate(event) == []
    assert [p.where for p in validate(event, strict=True)] == ["run.facets.other"]


@pytest.mark.parametrize(
    ("event", "valid"),
    [
        ({"job": {"namespace": "d", "name": "j"}, "inputs": [{"namespace": "d", "name": "a"}]}, True),
        ({"job": {"namespace": "d", "name": "j"}, "inputs": [{"name": "a"}]}, False),
        ({"dataset": {"namespace": "d", "name": "a", "facets": {}}}, True),
        ({"dataset": {"name": "a"}}, False),
        ({}, False),
    ],
)
def test_job_and_dataset_events_are_checked_too(event: dict[str, Any], valid: bool) -> None:
    head = {"eventTime": "2026-11-01T00:00:00Z", "producer": PRODUCER, "schemaURL": PRODUCER}
    assert (validate(head | event) == []) is valid
