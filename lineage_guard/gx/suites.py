"""Expectation suites: plain Great Expectations JSON, read so that nothing can go missing.

Great Expectations drops an expectation it does not know with a log line, and a suite that
lost all of them succeeds. So a suite is read and checked here, without it: importing Great
Expectations takes seconds, and whoever only needs a digest must not pay for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import cast

from lineage_guard.domain.errors import SuiteError

#: A value that no id, provider or code has: stands for "nothing" in a set that may be empty.
NOTHING = "(nothing)"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SUITE_KEYS = {"name", "expectations", "meta", "notes", "id", "suite_parameters"}
_EXPECTATION_KEYS = {"type", "kwargs", "meta", "notes", "id", "description", "severity"}
_NOT_NULL = "expect_column_values_to_not_be_null"
_ROW_COUNTS = ("expect_table_row_count_to_be_between", "expect_table_row_count_to_equal")


@dataclass(frozen=True)
class Suite:
    """One suite, as it stands in its file.

    Attributes:
        name: its name.
        expectations: its expectations, ``$PARAMETER``s not yet filled in.
        digest: ``sha256:`` of its canonical JSON; white space does not change it.
        source: where it was read.
    """

    name: str
    expectations: tuple[Mapping[str, object], ...]
    digest: str
    source: str

    @property
    def parameters(self) -> frozenset[str]:
        """Names of the ``$PARAMETER``s it needs."""
        return frozenset(_parameters(list(self.expectations)))

    def bind(self, parameters: Mapping[str, object]) -> tuple[Mapping[str, object], ...]:
        """Its expectations with every ``$PARAMETER`` filled in.

        Args:
            parameters: values by name; more than the suite needs may be given.

        Raises:
            SuiteError: when one is missing, ``None``, or an empty list: an empty set makes
                "not in set" true of everything.

        Example:
            >>> suite = parse_suite({"name": "s", "expectations": [
            ...     {"type": "expect_table_row_count_to_equal", "kwargs": {"value": {"$PARAMETER": "rows"}}}]})
            >>> suite.bind({"rows": 3})[0]["kwargs"]
            {'value': 3}
        """
        for name in sorted(self.parameters):
            value = parameters.get(name)
            if value is None or (isinstance(value, str | Sequence | Mapping | frozenset | set) and not value):
                state = "not given" if name not in parameters else "empty"
                raise SuiteError(
                    f"parameter ${name} of suite {self.name!r} is {state}",
                    where=self.source,
                    fix=f"give ${name} a value; a set that may be empty is passed as ['{NOTHING}']",
                )
        return cast("tuple[Mapping[str, object], ...]", tuple(_fill(e, parameters) for e in self.expectations))


def suites_folder() -> Path:
    """The folder of the suites that ship with the package.

    Raises:
        SuiteError: when the installation has none.
    """
    packed = Path(__file__).parent / "expectations"
    checkout = Path(__file__).parents[2] / "expectations"
    for folder in (packed, checkout):
        if (folder / "lineage.json").is_file():
            return folder
    raise SuiteError("the expectation suites are missing", where=str(packed), fix="install lineage-guard again")


def load_suite(suite: str | Path | Suite, folder: Path | None = None) -> Suite:
    """Read a suite and refuse it unless all of it can be relied on.

    Args:
        suite: a name (``"lineage"``, ``"rows"`` or a file of ``folder`` without ``.json``), the
            path of a ``.json`` file, or a suite already loaded.
        folder: where names are looked up first; then the shipped suites are.

    Raises:
        SuiteError: no such suite, not JSON, no expectations, an expectation without type or
            arguments, an unknown key, a ``mostly`` below 1 without a reason, values checked
            in a column that may be all NULL, or nothing that keeps the table from being empty.

    Example:
        >>> load_suite("lineage").name
        'lineage'
    """
    if isinstance(suite, Suite):
        return suite
    path = _find(suite, folder)
    try:
        document: object = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_no_duplicates)
    except (OSError, ValueError) as error:
        raise SuiteError(f"the suite cannot be read: {error}", where=str(path), fix="mend the file") from error
    return parse_suite(document, source=str(path))


def parse_suite(document: object, source: str = "<suite>") -> Suite:
    """Check a suite that is already parsed JSON; see ``load_suite``.

    Args:
        document: the JSON object.
        source: where it came from, for messages.

    Raises:
        SuiteError: as ``load_suite``.
    """
    if not isinstance(document, dict):
        raise SuiteError("a suite is a JSON object", where=source, fix='start with {"name": …, "expectations": […]}')
    suite = cast("dict[str, object]", document)
    name = suite.get("name")
    expectations = suite.get("expectations")
    if unknown := sorted(set(suite) - _SUITE_KEYS):
        raise SuiteError(f"unknown key {unknown[0]!r}", where=source, fix=f"use only {', '.join(sorted(_SUITE_KEYS))}")
    if not isinstance(name, str) or not name:
        raise SuiteError("the suite has no name", where=source, fix='add "name"')
    if not isinstance(expectations, list) or not expectations:
        raise SuiteError(
            "the suite has no expectations, and an empty suite passes everything",
            where=source,
            fix='add "expectations", or do not use the suite',
        )
    checked = tuple(_check(e, f"{source}: expectations[{i}]") for i, e in enumerate(cast("list[object]", expectations)))
    _check_pairs(checked, source)
    text = json.dumps(suite, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Suite(name, checked, "sha256:" + sha256(text.encode()).hexdigest(), source)


def _find(suite: str | Path, folder: Path | None) -> Path:
    if isinstance(suite, Path) or suite.endswith(".json"):
        return Path(suite)
    places = [f for f in (folder, suites_folder()) if f is not None]
    for place in places:
        if (place / f"{suite}.json").is_file():
            return place / f"{suite}.json"
    known = sorted({p.stem for place in places if place.is_dir() for p in place.glob("*.json")})
    raise SuiteError(
        f"there is no suite {suite!r}", where=str(places[0]), fix=f"name one of {', '.join(known)}, or a .json file"
    )


def _no_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [k for k, _ in pairs]
        raise ValueError(f"key {next(k for k in keys if keys.count(k) > 1)!r} appears twice in one object")
    return result


def _check(expectation: object, where: str) -> Mapping[str, object]:
    if not isinstance(expectation, dict):
        raise SuiteError("an expectation is a JSON object", where=where, fix='write {"type": …, "kwargs": {…}}')
    given = cast("dict[str, object]", expectation)
    kwargs = given.get("kwargs")
    if unknown := sorted(set(given) - _EXPECTATION_KEYS):
        allowed = ", ".join(sorted(_EXPECTATION_KEYS))
        raise SuiteError(f"unknown key {unknown[0]!r}", where=where, fix=f"use only {allowed}")
    if not isinstance(given.get("type"), str) or not isinstance(kwargs, dict):
        raise SuiteError("an expectation needs a type and kwargs", where=where, fix='write {"type": …, "kwargs": {…}}')
    list(_parameters(given["kwargs"]))
    mostly = cast("dict[str, object]", kwargs).get("mostly", 1)
    if mostly != 1 and not _says(given, "mostly"):
        raise SuiteError(
            f"mostly={mostly!r} lets rows that break the expectation through",
            where=where,
            fix='remove it, or give a reason: "meta": {"mostly": "why"}',
        )
    if not isinstance(given.get("meta", {}), dict):
        raise SuiteError("meta is a JSON object", where=where, fix='write "meta": {…}')
    for name in _parameters(given.get("meta")):
        raise SuiteError(f"${name} is used in meta", where=where, fix="use parameters in kwargs only")
    return given


def _check_pairs(expectations: tuple[Mapping[str, object], ...], where: str) -> None:
    """Refuse what passes on an all-NULL column or an empty table."""
    kwargs_of = [cast("Mapping[str, object]", e["kwargs"]) for e in expectations]
    filled = {str(k.get("column")) for e, k in zip(expectations, kwargs_of, strict=True) if e["type"] == _NOT_NULL}
    for e, kwargs in zip(expectations, kwargs_of, strict=True):
        column = kwargs.get("column")
        on_values = str(e["type"]).startswith(("expect_column_values_", "expect_column_distinct_"))
        if on_values and not str(e["type"]).endswith("_null") and column not in filled and not _says(e, "nullable"):
            raise SuiteError(
                f"{e['type']} passes when every {column} is NULL",
                where=where,
                fix=f'add {_NOT_NULL} on {column}, or give a reason: "meta": {{"nullable": "why"}}',
            )
    for e, kwargs in zip(expectations, kwargs_of, strict=True):
        least = kwargs.get("value" if e["type"] == _ROW_COUNTS[1] else "min_value")
        if e["type"] in _ROW_COUNTS and (isinstance(least, Mapping) or (isinstance(least, int) and least >= 1)):
            return
    raise SuiteError(
        "every expectation of this suite may pass on an empty table",
        where=where,
        fix='add {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}',
    )


def _says(expectation: Mapping[str, object], key: str) -> bool:
    reason = cast("Mapping[str, object]", expectation.get("meta") or {}).get(key)
    return isinstance(reason, str) and bool(reason.strip())


def _parameters(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        if "$PARAMETER" in mapping:
            name = mapping["$PARAMETER"]
            if len(mapping) != 1 or not isinstance(name, str) or not _NAME.fullmatch(name):
                raise SuiteError(f"bad parameter {dict(mapping)!r}", fix='write {"$PARAMETER": "name"}')
            yield name
        else:
            for item in mapping.values():
                yield from _parameters(item)
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[object]", value):
            yield from _parameters(item)


def _fill(value: object, parameters: Mapping[str, object]) -> object:
    if isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        if "$PARAMETER" in mapping:
            filled = parameters[str(mapping["$PARAMETER"])]
            return list(cast("Sequence[object]", filled)) if isinstance(filled, tuple) else filled
        return {k: _fill(v, parameters) for k, v in mapping.items()}
    if isinstance(value, list | tuple):
        return [_fill(v, parameters) for v in cast("Sequence[object]", value)]
    return value
