"""The provenance schema and the rows suite say the same of the same rows; the pages about both are run."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from jsonschema import Draft202012Validator

from lineage_guard.domain.facts import ModelSource, Usage
from lineage_guard.gx.provenance import provenance_schema
from lineage_guard.gx.rows import PROVENANCE_COLUMNS, in_frame, rows_parameters, run_rows_suite
from lineage_guard.gx.suites import load_suite
from lineage_guard.gx.tables.normalise import MOMENT

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = provenance_schema()
VALID = Draft202012Validator(SCHEMA)
ROW = {
    "row_id": "a-1",
    "response": "An answer.",
    "model": "gpt-4o-2024-08-06",
    "channel": "api.openai.com",
    "usage": "GENERATION",
    "generated_at": "2026-10-01T12:00:00Z",
    "provider": "openai",
    "response_id": "chatcmpl-9x",
    "parent_row_ids": ["seed-17", "seed-40"],
}
# Every usage is declared, so that only what the schema knows of can fail.
DECLARED = rows_parameters([ModelSource("openai", "gpt-4o", channel="api.openai.com", usage=u) for u in Usage])


def passes(row: dict[str, Any]) -> bool:
    table = pa.table({k: pa.array([v], pa.string() if v is None else None) for k, v in row.items()})
    return run_rows_suite(in_frame(table), DECLARED, datetime(2026, 11, 1, tzinfo=UTC)).passes


def test_the_schema_is_one_and_names_what_the_suite_names() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    suite = load_suite("rows")
    kwargs: list[Any] = [e["kwargs"] for e in suite.expectations if e["type"] == "expect_column_to_exist"]
    assert set(SCHEMA["required"]) == set(PROVENANCE_COLUMNS) == {k["column"] for k in kwargs}
    assert SCHEMA["properties"]["usage"]["enum"] == [u.value for u in Usage if u is not Usage.BASE_MODEL]
    assert SCHEMA["properties"]["generated_at"]["pattern"] == f"^{MOMENT}$"
    for name, column in SCHEMA["properties"].items():
        assert column["description"], name
        for given in column.get("examples", ()):
            assert Draft202012Validator(column).is_valid(given), name
    page = (ROOT / "docs" / "provenance.md").read_text("utf-8")
    assert [name for name in SCHEMA["properties"] if f"| `{name}`" not in page] == []


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"usage": "SCORING"},
        {"generated_at": "2026-10-01"},
        {"generated_at": "2024-02-29 23:59:59.5+02:00"},
        {"provider": None, "response_id": None, "parent_row_ids": None},
        {"usage": "CHATTING"},
        {"generated_at": "yesterday"},
        {"generated_at": "2026-02-30"},
        {"generated_at": None},
        *({c: " \t"} for c in ("model", "channel", "usage")),
        {"model": None},
        {"channel": ""},
        *({c: "left out"} for c in PROVENANCE_COLUMNS),
    ],
    ids=repr,
)
def test_what_the_schema_says_of_a_row_the_suite_says_too(change: dict[str, Any]) -> None:
    row = {k: v for k, v in (ROW | change).items() if v != "left out"}
    assert VALID.is_valid(row) is passes(row)


@pytest.mark.parametrize("page", ["docs/provenance.md", "docs/responses.md"])
def test_the_pages_do_what_they_say(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / page).read_text("utf-8")
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippets
    exec(compile("\n".join(snippets), page, "exec"), {"__name__": "page"})
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", text)
    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []
