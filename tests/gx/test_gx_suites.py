"""Suites are refused unless all of them can be relied on. Nothing here imports Great Expectations."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lineage_guard.domain.errors import SuiteError
from lineage_guard.gx.suites import NOTHING, load_suite, parse_suite, suites_folder

ROWS = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
NOT_NULL = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "model"}}
IN_SET = {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "model", "value_set": ["a"]}}
PARAMETER = {
    "type": "expect_column_values_to_not_be_in_set",
    "kwargs": {"column": "model", "value_set": {"$PARAMETER": "restricted"}},
}


def suite(*expectations: Any, **more: Any) -> dict[str, Any]:
    return {"name": "s", "expectations": list(expectations), **more}


@pytest.mark.parametrize("name", ["lineage", "rows"])
def test_shipped_suites_load(name: str) -> None:
    loaded = load_suite(name)
    assert loaded.name == name
    assert len(loaded.expectations) == len(json.loads(Path(loaded.source).read_text())["expectations"])


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (suite(), "no expectations"),
        ({"name": "s"}, "no expectations"),
        ([], "JSON object"),
        ({"expectations": [ROWS]}, "no name"),
        (suite(ROWS, expectation_suite_name="old"), "unknown key"),
        (suite(ROWS, {"expectation_type": "x", "kwargs": {}}), "unknown key"),
        (suite(ROWS, {"type": "expect_x"}), "needs a type and kwargs"),
        (suite(ROWS, "expect_x"), "JSON object"),
        (suite(ROWS, NOT_NULL | {"kwargs": {"column": "model", "mostly": 0.99}}), "lets rows that break"),
        (suite(ROWS, NOT_NULL | {"kwargs": {"column": "model", "mostly": {"$PARAMETER": "m"}}}), "lets rows"),
        (suite(ROWS, NOT_NULL | {"kwargs": {"column": "model", "mostly": 0.9}, "meta": {"mostly": " "}}), "lets rows"),
        (suite(ROWS, IN_SET), "passes when every model is NULL"),
        (suite(NOT_NULL, IN_SET), "empty table"),
        (suite(NOT_NULL, ROWS | {"kwargs": {"min_value": 0}}), "empty table"),
        (suite(NOT_NULL, ROWS | {"kwargs": {"max_value": 10}}), "empty table"),
        (suite(ROWS, NOT_NULL, PARAMETER | {"kwargs": {"column": "model", "value_set": {"$PARAMETER": 3}}}), "bad par"),
    ],
)
def test_what_cannot_be_relied_on_is_refused(document: object, says: str) -> None:
    with pytest.raises(SuiteError, match=says) as caught:
        parse_suite(document, "here.json")
    assert caught.value.fix


def test_mostly_and_nullable_pass_with_a_reason() -> None:
    loose = NOT_NULL | {"kwargs": {"column": "model", "mostly": 0.99}, "meta": {"mostly": "rows before 2024 lack it"}}
    nullable = IN_SET | {"meta": {"nullable": "only translations have it"}}
    assert len(parse_suite(suite(ROWS, loose, nullable)).expectations) == 3


@pytest.mark.parametrize("value", [None, [], (), "", set()])
def test_an_empty_parameter_is_refused(value: object) -> None:
    loaded = parse_suite(suite(ROWS, NOT_NULL, PARAMETER))
    assert loaded.parameters == {"restricted"}
    with pytest.raises(SuiteError, match=r"\$restricted of suite 's' is empty|not given"):
        loaded.bind({"restricted": value})
    with pytest.raises(SuiteError, match="not given"):
        loaded.bind({})


def test_bind_fills_nested_parameters() -> None:
    condition = {"type": "comparison", "column": {"name": "use"}, "operator": "==", "parameter": {"$PARAMETER": "use"}}
    nested = NOT_NULL | {"kwargs": {"column": "model", "row_condition": condition}}
    bound = parse_suite(suite(ROWS, nested, PARAMETER)).bind({"use": "train", "restricted": (NOTHING,)})
    assert bound[1]["kwargs"]["row_condition"]["parameter"] == "train"  # type: ignore[index]
    assert bound[2]["kwargs"]["value_set"] == [NOTHING]  # type: ignore[index]


def test_digest_follows_content_not_layout(tmp_path: Path) -> None:
    document = json.loads((suites_folder() / "rows.json").read_text())
    (tmp_path / "rows.json").write_text(json.dumps(document, indent=7, sort_keys=True))
    assert load_suite("rows", folder=tmp_path).digest == load_suite("rows").digest
    document["expectations"][0]["kwargs"]["min_value"] = 2
    (tmp_path / "rows.json").write_text(json.dumps(document))
    assert load_suite("rows", folder=tmp_path).digest != load_suite("rows").digest


def test_own_folder_comes_first_and_shipped_suites_stay_reachable(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(json.dumps(suite(ROWS)))
    assert load_suite("mine", folder=tmp_path).name == "s"
    assert load_suite(tmp_path / "mine.json").name == "s"
    assert load_suite("lineage", folder=tmp_path).name == "lineage"
    with pytest.raises(SuiteError, match="no suite 'other'") as caught:
        load_suite("other", folder=tmp_path)
    assert "lineage, mine, permitted, responses, rows" in caught.value.fix


@pytest.mark.parametrize("text", ["", "{", '{"name": "s", "name": "t", "expectations": []}'])
def test_files_that_are_not_json_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(SuiteError, match="cannot be read"):
        load_suite(tmp_path / "bad.json")


def test_digests_and_keys_need_no_great_expectations() -> None:
    code = """
import sys
from datetime import UTC, datetime
import lineage_guard.gx.evidence, lineage_guard.gx.rows, lineage_guard.gx.run
from lineage_guard.domain.lineage.closure import close
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.terms import FixedTerms
from lineage_guard.gx.lineage import lineage_evidence_key
closure = close(Production((Version("d", "student"),)), [])
key = lineage_evidence_key(closure, Policy("p", (), FixedTerms({})), "u", (), datetime(2026, 1, 1, tzinfo=UTC))
assert key.startswith("sha256:")
heavy = {"great_expectations", "pandas", "sqlalchemy", "duckdb", "pyarrow", "dagster"}
print(sorted(heavy & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
