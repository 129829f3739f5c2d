"""Validation of events against the OpenLineage JSON Schemas and our own, with no network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, cast
from urllib.parse import urlsplit

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError
from referencing import Registry, Resource
from referencing.exceptions import Unresolvable

from lineage_guard.openlineage.facets import Json
from lineage_guard.openlineage.reading import parse_time

_CORE = "https://openlineage.io/spec/2-0-2/OpenLineage.json"


@dataclass(frozen=True, slots=True)
class Problem:
    """One way in which an event breaks a schema.

    Attributes:
        where: path in the event, e.g. ``"run.facets.parent.run.runId"``.
        what: what is wrong there.
        schema: URL of the schema that says so.
    """

    where: str
    what: str
    schema: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what} ({self.schema})"


def validate(event: Mapping[str, Any], *, strict: bool = False) -> list[Problem]:
    """Check an event against the core schema, and each facet against the schema it names.

    Args:
        event: a RunEvent, JobEvent or DatasetEvent as parsed JSON.
        strict: report a facet whose schema is not shipped here as a problem too. Foreign
            producers have facets of their own, and older versions of the standard ones.

    Returns:
        Every problem, none when the event is valid.

    Example:
        >>> validate({"eventTime": "yesterday", "producer": "https://example.com", "schemaURL": "https://example.com",
        ...           "job": {"namespace": "d", "name": "j"}})[0].where
        'eventTime'
    """
    kind = "RunEvent" if "run" in event else "JobEvent" if "job" in event else "DatasetEvent"
    problems = list(_check(event, f"{_CORE}#/$defs/{kind}", "event"))
    for where, facet in _facets(event):
        url: Any = facet.get("_schemaURL")
        if not isinstance(url, str):
            continue  # the core schema demands it and has said so
        if _known(url):
            problems.extend(_check(facet, url, where))
        elif strict:
            problems.append(Problem(where, "the facet names a schema that is not shipped here", url))
    return problems


def schemas() -> dict[str, Json]:
    """Every schema that is shipped, by its ``$id``."""
    return dict(_schemas())


@cache
def _schemas() -> dict[str, Json]:
    room = files("lineage_guard.openlineage")
    folders = (room / "spec", room / "spec" / "facets", room / "schemas")
    loaded = [_load(entry) for folder in folders for entry in folder.iterdir() if entry.name.endswith(".json")]
    return {schema["$id"]: schema for schema in loaded}


def _load(entry: Traversable) -> Json:
    return cast("Json", json.loads(entry.read_text(encoding="utf-8")))


@cache
def _registry() -> Registry[Any]:
    resources = [(uri, Resource[Any].from_contents(schema)) for uri, schema in _schemas().items()]
    registry: Any = Registry  # its own annotations are partly unknown to type checkers
    return cast("Registry[Any]", registry().with_resources(resources))


@cache
def _known(url: str) -> bool:
    try:
        _registry().resolver().lookup(url)
    except Unresolvable:
        return False
    return True


@cache
def _validator(url: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": url}, registry=_registry(), format_checker=_formats())


@cache
def _formats() -> FormatChecker:
    """Formats the schemas use. jsonschema leaves date-time and uri unchecked without more packages."""
    checker = FormatChecker(("uuid", "date"))

    def is_time(value: object) -> bool:
        return not isinstance(value, str) or ("T" in value.upper() and bool(parse_time(value)))

    def is_uri(value: object) -> bool:
        return not isinstance(value, str) or bool(urlsplit(value).scheme)

    checker.checks("date-time", raises=ValueError)(is_time)
    checker.checks("uri", raises=ValueError)(is_uri)
    return checker


def _check(value: Mapping[str, Any], url: str, where: str) -> Iterator[Problem]:
    validator: Any = _validator(url)
    errors = cast("Iterator[ValidationError]", validator.iter_errors(value))
    for error in errors:
        yield Problem(_path(where, error), error.message, url)


def _path(where: str, error: ValidationError) -> str:
    steps = [f"[{s}]" if isinstance(s, int) else f".{s}" for s in error.absolute_path]
    path = (("" if where == "event" else where) + "".join(steps)).lstrip(".")
    return path or where


def _facets(event: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every facet with its path; anything misshapen is left to the core schema."""
    for part in ("run", "job", "dataset"):
        yield from _facets_in(event.get(part), part)
    for side in ("inputs", "outputs"):
        entries: Any = event.get(side)
        for index, entry in enumerate(cast("list[Any]", entries) if isinstance(entries, list) else []):
            yield from _facets_in(entry, f"{side}[{index}]")


def _facets_in(entry: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if not isinstance(entry, Mapping):
        return
    for group in ("facets", "inputFacets", "outputFacets"):
        facets: Any = cast("Mapping[str, Any]", entry).get(group)
        if isinstance(facets, Mapping):
            for key, facet in cast("Mapping[str, Any]", facets).items():
                if isinstance(facet, Mapping):
                    yield f"{where}.{group}.{key}", cast("Mapping[str, Any]", facet)
