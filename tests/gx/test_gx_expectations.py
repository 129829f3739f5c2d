"""Our own expectations, in suites: what they refuse, and that they cannot pass silently."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import duckdb
import pytest

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.facts import ModelSource, Usage
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.parameters import declared_parameters
from lineage_guard.gx.permitted import Sets, permitted_parameters
from lineage_guard.gx.rows import from_relation, in_frame, run_rows_suite
from lineage_guard.gx.run import Outcome, validate
from lineage_guard.gx.scan import responses_parameters
from lineage_guard.gx.suites import NOTHING, Suite, load_suite, parse_suite

AT = datetime(2026, 11, 1, tzinfo=UTC)
GPT = ModelSource("openai", "gpt-4o", channel="api.openai.com")
QWEN = ModelSource("huggingface", "Qwen/Qwen2.5-7B-Instruct", channel="self-hosted")
ROWS = """SELECT i AS id, 'Sure. Here is how you do it: ' || i AS response, 'Qwen/Qwen2.5-7B-Instruct' AS model,
 'self-hosted' AS channel FROM range(9) r(i)"""
COUNT: dict[str, Any] = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}


def permitted(**kwargs: Any) -> Suite:
    asked = {"column": "model", "channel_column": "channel", "permitted": ["qwen/*"], "restricted": ["gpt-*"]}
    one = {"type": "expect_models_to_be_permitted", "kwargs": asked | kwargs}
    return parse_suite({"name": "s", "expectations": [COUNT, one]})


def responses(**kwargs: Any) -> Suite:
    asked: dict[str, Any] = {"column": "response", "declared_providers": ["any", "qwen"]}
    one = {"type": "expect_no_undeclared_self_identification", "kwargs": asked | kwargs}
    return parse_suite({"name": "s", "expectations": [COUNT, one]})


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as connection:
        yield connection


def outcome(connection: duckdb.DuckDBPyConnection, change: str, suite: Suite, rows: str = ROWS) -> Outcome:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW v AS SELECT {change} FROM ({rows})")
    return validate(connection, "v", suite, {}, frozenset({"model"}))


@pytest.mark.parametrize(
    ("change", "refused", "detail"),
    [
        ("*", 0, ""),
        ("* REPLACE ('QWEN/qwen2.5-7b-instruct ' AS model)", 0, ""),
        (
            "* REPLACE (if(id = 3, 'GPT-4o-2024-08-06', model) AS model)",
            1,
            "GPT-4o-2024-08-06 via self-hosted: restricted",
        ),
        ("* REPLACE (if(id < 2, 'llama-3', model) AS model)", 2, "llama-3 via self-hosted: not permitted (2 rows)"),
        ("* REPLACE (NULL::VARCHAR AS model)", 9, "no model"),
        ("* REPLACE (if(id = 8, '  ', model) AS model)", 1, "no model"),
        ("* REPLACE (7 AS model)", 9, "7 via self-hosted: not permitted"),
    ],
)
def test_models_are_held_against_the_sets(
    connection: duckdb.DuckDBPyConnection, change: str, refused: int, detail: str
) -> None:
    result = outcome(connection, change, permitted())
    assert (result.success, result.evaluated) == (not refused, 2)
    assert [(f.column, f.unexpected_count) for f in result.failures] == ([("model", refused)] if refused else [])
    assert detail in "".join(f.detail for f in result.failures)


def test_a_channel_counts(connection: duckdb.DuckDBPyConnection) -> None:
    suite = permitted(permitted=["qwen/* via self-hosted"], restricted=["* via openrouter.ai"])
    assert outcome(connection, "*", suite).success
    for change in ("'openrouter.ai'", "'api.together.xyz'", "NULL::VARCHAR", "' '"):
        assert not outcome(connection, f"* REPLACE ({change} AS channel)", suite).success, change
    assert outcome(connection, "* EXCLUDE (channel)", permitted(channel_column=None)).success
    missing = outcome(connection, "* EXCLUDE (channel)", permitted())
    assert (missing.success, missing.evaluated) == (False, 1)
    assert "channel" in missing.failures[0].detail


def test_a_column_that_is_no_model_id_is_refused_and_not_quoted(connection: duckdb.DuckDBPyConnection) -> None:
    rows = "SELECT 'private ' || i AS response, 'x' AS channel FROM range(10002) r(i)"
    result = outcome(connection, "*", permitted(column="response", permitted=["*"]), rows)
    assert not result.success
    assert "private" not in repr(result)


def test_no_rows_is_no_proof(connection: duckdb.DuckDBPyConnection) -> None:
    assert len(outcome(connection, "* FROM (SELECT *", permitted(), f"{ROWS}) WHERE id < 0").failures) == 2
    assert len(outcome(connection, "* FROM (SELECT *", responses(), f"{ROWS}) WHERE id < 0").failures) == 2


@pytest.mark.parametrize("sets", [{"permitted": []}, {"restricted": []}, {"permitted": [" "]}, {"permitted": None}])
def test_a_set_that_names_nothing_is_refused(connection: duckdb.DuckDBPyConnection, sets: dict[str, Any]) -> None:
    with pytest.raises(SuiteError, match="cannot be built"):
        outcome(connection, "*", permitted(**sets))
    suite = permitted(permitted={"$PARAMETER": "permitted"})
    with pytest.raises(SuiteError, match="is empty"):
        suite.bind({"permitted": []})


def test_what_is_in_both_sets_is_restricted() -> None:
    sets = Sets(("gpt-4o", "*"), ("GPT-4o via api.openai.com",))
    assert sets.objection("gpt-4o", "API.openai.com") == "restricted"
    assert sets.objection("gpt-4o", None) == "restricted"
    assert sets.objection("gpt-4o", "azure.com") is None
    # A bracket is no pattern.
    assert Sets(("m[1]",), (NOTHING,)).objection("m1", None) == "not permitted"


def test_the_policy_feeds_the_sets() -> None:
    policy = load_policy("default", load_catalog())
    fed = permitted_parameters(
        policy, "train_competing", [GPT, QWEN, ModelSource("x", "nobody-knows")], date(2026, 10, 1)
    )
    assert fed == {
        "permitted_models": ["qwen/qwen2.5-7b-instruct via self-hosted"],
        "restricted_models": ["gpt-4o via api.openai.com", "nobody-knows via (nothing)"],
    }
    assert permitted_parameters(policy, "evaluate", [GPT])["restricted_models"] == [NOTHING]
    assert permitted_parameters(policy, "train_competing", [])["permitted_models"] == [NOTHING]
    scored = ModelSource("openai", "gpt-4o", channel="api.openai.com", usage=Usage.SCORING)
    assert permitted_parameters(policy, "train_competing", [scored])["restricted_models"] == [NOTHING]
    both = permitted_parameters(policy, "train_competing", [scored, GPT])
    assert both["restricted_models"] == ["gpt-4o via api.openai.com"]


def run(sql: str, suite: str, parameters: dict[str, Any]) -> Evidence:
    return run_rows_suite(from_relation("rows", lambda _: f"({sql})", digest=sql), parameters, AT, suite)


def test_the_shipped_suites_hold_rows_against_the_policy_and_the_phrases() -> None:
    policy = load_policy("default", load_catalog())
    fed = permitted_parameters(policy, "train_competing", [GPT, QWEN], date(2026, 10, 1))
    assert run(ROWS, "permitted", fed).passes
    tainted = run(f"SELECT * REPLACE (if(id = 0, 'GPT-4o', model) AS model) FROM ({ROWS})", "permitted", fed)
    assert [f.type for f in tainted.failures] == ["expect_models_to_be_permitted"]
    fed = declared_parameters(load_suite("responses"), [QWEN])
    assert run(ROWS, "responses", fed).passes
    named = run(f"SELECT * REPLACE ('I am Claude, made by Anthropic.' AS response) FROM ({ROWS})", "responses", fed)
    assert [(f.column, f.unexpected_count) for f in named.failures] == [("response", 9)]
    assert named.failures[0].detail == "anthropic: anthropic-claude-maker (9 rows)"


def test_own_phrases_are_no_finding_and_those_of_others_are(connection: duckdb.DuckDBPyConnection) -> None:
    for text, fails in (
        ("I am Qwen, created by Alibaba Cloud.", False),
        ("As an AI language model, I have no opinion.", False),
        ("I''m ChatGPT, a large language model trained by OpenAI.", True),
        ('He typed: "I am ChatGPT".', False),
    ):
        result = outcome(connection, f"* REPLACE (if(id = 4, '{text}', response) AS response)", responses())
        assert result.success is not fails, text
        assert text[:12] not in repr(result)
    nobody = responses(declared_providers=[NOTHING])
    assert not outcome(connection, "* REPLACE ('As an AI model, I have no opinion.' AS response)", nobody).success
    quoting = outcome(connection, "* REPLACE ('He typed: \"I am ChatGPT\".' AS response)", responses(quoted=True))
    assert quoting.failures[0].detail == "9 only quoted"


@pytest.mark.parametrize("change", ["NULL::VARCHAR", "''", "'   '"])
def test_a_column_without_text_proves_nothing(connection: duckdb.DuckDBPyConnection, change: str) -> None:
    result = outcome(connection, f"* REPLACE ({change} AS response)", responses())
    assert [f.detail for f in result.failures] == ["there is no text"]


def test_what_cannot_be_relied_on_is_refused(connection: duckdb.DuckDBPyConnection) -> None:
    for wrong in ({"declared_providers": []}, {"declared_providers": ["openia"]}, {"declared_providers": None}):
        with pytest.raises(SuiteError, match="cannot be built"):
            outcome(connection, "*", responses(**wrong))
    other = outcome(connection, "*", responses(phrases="sha256:other"))
    assert other.failures[0].detail == "the catalog of phrases is another than sha256:other"
    assert outcome(connection, "*", responses(phrases=responses_parameters([])["phrases"])).success


def test_a_row_condition_narrows_both(connection: duckdb.DuckDBPyConnection) -> None:
    first = {"type": "comparison", "column": {"name": "id"}, "operator": "<", "parameter": 5}
    tainted = "* REPLACE (if(id = 7, 'gpt-4o', model) AS model, if(id = 7, 'I am ChatGPT', response) AS response)"
    assert not outcome(connection, tainted, permitted()).success
    assert not outcome(connection, tainted, responses()).success
    assert outcome(connection, tainted, permitted(row_condition=first)).success
    assert outcome(connection, tainted, responses(row_condition=first)).success


def test_keys_of_rows_are_given_when_asked_for(connection: duckdb.DuckDBPyConnection) -> None:
    from lineage_guard.gx.expectations import ExpectModelsToBePermitted, ExpectNoUndeclaredSelfIdentification
    from lineage_guard.gx.run import context

    pandas: Any = connection.sql(
        f"SELECT * REPLACE (if(id > 6, 'I am Kimi, an AI assistant.', response) AS response) FROM ({ROWS})"
    ).df()
    source: Any = context().data_sources.add_pandas("frames")
    batch: Any = (
        source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all").get_batch({"dataframe": pandas})
    )
    expectation: Any = ExpectNoUndeclaredSelfIdentification(
        column="response", declared_providers=["qwen"], key_columns=["id"]
    )
    result = batch.validate(expectation)
    assert (result.success, result.result["unexpected_count"]) == (False, 2)
    assert result.result["partial_unexpected_index_list"] == [{"id": 7}, {"id": 8}]
    assert batch.validate(ExpectModelsToBePermitted(column="model", permitted=["qwen/*"], restricted=["gpt-*"])).success
    assert not batch.validate(
        ExpectModelsToBePermitted(column="model", permitted=["gpt-*"], restricted=[NOTHING])
    ).success


def test_a_frame_goes_the_same_way() -> None:
    pandas: Any = duckdb.sql(ROWS).df()
    fed = declared_parameters(load_suite("responses"), [QWEN])
    assert run_rows_suite(in_frame(pandas), fed, AT, "responses").passes


IN_ANOTHER_PROCESS = """
import json, sys
import lineage_guard.gx.expectations
import great_expectations as gx
text = json.load(sys.stdin)
suite = gx.ExpectationSuite(name="s", expectations=text["expectations"])
print(json.dumps([e.configuration.to_json_dict() for e in suite.expectations]))
"""


@pytest.mark.long
def test_suites_go_from_one_process_to_another(connection: duckdb.DuckDBPyConnection) -> None:
    import json

    import great_expectations as gx

    from lineage_guard.gx.expectations import ExpectModelsToBePermitted, ExpectNoUndeclaredSelfIdentification

    suite = gx.ExpectationSuite(
        name="s",
        expectations=[
            ExpectModelsToBePermitted(column="model", permitted=["qwen/*"], restricted=["gpt-*"]),
            ExpectNoUndeclaredSelfIdentification(column="response", declared_providers=["qwen"]),
        ],
    )
    text = json.dumps(suite.to_json_dict())
    done = subprocess.run(
        [sys.executable, "-c", IN_ANOTHER_PROCESS], input=text, capture_output=True, text=True, check=True
    )
    there = json.loads(done.stdout)
    here = json.loads(text)["expectations"]
    assert [e["type"] for e in there] == [
        "expect_models_to_be_permitted",
        "expect_no_undeclared_self_identification",
    ]
    assert [e["kwargs"] for e in there] == [e["kwargs"] for e in here]
    # And our runner runs what it reads.
    document = {"name": "s", "expectations": [COUNT, *({k: e[k] for k in ("type", "kwargs")} for e in there)]}
    tainted = "* REPLACE (if(id = 1, 'I am ChatGPT', response) AS response)"
    assert outcome(connection, "*", parse_suite(document)).success
    assert len(outcome(connection, tainted, parse_suite(document)).failures) == 1
