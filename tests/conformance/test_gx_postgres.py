"""Rows in PostgreSQL: one snapshot, nothing hidden, nothing written, no password told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy
from gx_places import postgres
from gx_texts import as_python_reads, moments, texts

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.verdict.evidence import Evidence
from lineage_guard.gx.rows import RowsTable, failing_keys, in_postgres, rows_parameters, run_rows_suite
from lineage_guard.gx.suites import parse_suite
from lineage_guard.gx.tables import postgres as module
from lineage_guard.gx.tables.postgres import PostgresRows

AT = datetime(2026, 11, 1, tzinfo=UTC)
DECLARED = rows_parameters([ModelSource("openai", "gpt-4o", channel="api.openai.com")])
PASSWORD = "s3cr@t"


def rows(*models: str) -> pa.Table:
    n = len(models)
    return pa.table(
        {
            "id": list(range(n)),
            "model": list(models),
            "channel": ["api.openai.com"] * n,
            "usage": ["GENERATION"] * n,
            "generated_at": ["2026-10-01T12:00:00Z"] * n,
        }
    )


@pytest.fixture
def put(database: str) -> Callable[[pa.Table], RowsTable]:
    return postgres(database)


def name_of(table: RowsTable) -> str:
    return table.label.split(" in ")[0]


def run(table: RowsTable, suite: Any = "rows") -> Evidence:
    return run_rows_suite(table, DECLARED, AT, suite)


def change(database: str, statement: str) -> None:
    with psycopg.connect(database) as connection:
        connection.execute(statement)  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_every_text_is_read_as_python_reads_it(put: Callable[[pa.Table], RowsTable]) -> None:
    given, days = texts(1, 500), moments(2, 500)
    opened = put(pa.table({"model": given, "channel": given, "usage": given, "generated_at": days})).open()
    assert isinstance(opened, PostgresRows)
    with opened._session.engine.connect() as connection:  # pyright: ignore[reportPrivateUsage]
        found = connection.execution_options(no_parameters=True).exec_driver_sql(opened._query).all()  # pyright: ignore[reportPrivateUsage]
    opened.close()
    assert [tuple(row) for row in found] == [as_python_reads(*pair) for pair in zip(given, days, strict=True)]


def test_digest_names_rows_in_any_order_and_no_others(database: str, put: Callable[[pa.Table], RowsTable]) -> None:
    one, other = put(rows("gpt-4o", "qwen")), put(rows("gpt-4o", "qwen").take([1, 0]))
    assert one.digest() == other.digest() == one.digest()
    seen = {
        one.digest(),
        put(rows("gpt-4o", "qwen", "qwen")).digest(),
        put(rows("gpt-4o", "qwen").drop("usage")).digest(),
    }
    change(database, f"UPDATE {name_of(one)} SET model = NULL WHERE id = 1")
    seen.add(one.digest())
    change(database, f"UPDATE {name_of(one)} SET model = '' WHERE id = 1")
    seen.add(one.digest())
    assert len(seen) == 5


def test_all_of_a_suite_sees_one_version(
    database: str, put: Callable[[pa.Table], RowsTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = put(rows("gpt-4o", "gpt-4o"))
    batch = PostgresRows.batch

    def meanwhile(self: PostgresRows) -> Any:
        change(database, f"UPDATE {name_of(table)} SET model = 'llama'")
        return batch(self)

    monkeypatch.setattr(PostgresRows, "batch", meanwhile)
    before = table.digest()
    evidence = run(table)
    assert evidence.passes
    monkeypatch.undo()
    assert table.digest() != before
    assert {f.column for f in run(table).failures} == {"model", "source"}


def test_rows_that_change_between_digest_and_suite_are_an_error(
    database: str, put: Callable[[pa.Table], RowsTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = put(rows("llama"))
    opened = module.open_rows

    def meanwhile(*args: Any, **named: Any) -> PostgresRows:
        rows = opened(*args, **named)
        change(database, f"UPDATE {name_of(table)} SET model = 'gpt-4o'")
        return rows

    monkeypatch.setattr(module, "open_rows", meanwhile)
    evidence = run(table)
    assert "the rows changed while the suite ran" in (evidence.error or "")
    assert not evidence.passes


def test_rows_that_a_policy_hides_are_an_error_not_a_pass(database: str, put: Callable[[pa.Table], RowsTable]) -> None:
    table = put(rows("gpt-4o", "llama"))
    name = name_of(table)
    change(database, f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    change(database, f"CREATE POLICY clean ON {name} USING (model = 'gpt-4o')")
    for hidden in (table, in_postgres(database.replace("dagster@", "reader@"), name, digest="v1")):
        evidence = run(hidden)
        assert not evidence.passes
        said = f"{evidence.error} {[f.detail for f in evidence.failures]}"
        assert "row-level security policy" in said


def test_what_cannot_be_read_is_an_error(database: str, put: Callable[[pa.Table], RowsTable]) -> None:
    table = put(rows("gpt-4o"))
    change(database, f"REVOKE SELECT ON {name_of(table)} FROM reader")
    assert "permission denied" in (run(table).error or "")
    assert "does not exist" in (run(in_postgres(database, "synthetic.nowhere")).error or "")
    nobody = in_postgres("postgresql://reader:s3cr%40t@127.0.0.1:1/postgres", "t", digest="v1")
    assert "PostgreSQL said: OperationalError" in (run(nobody).error or "")


@pytest.mark.long
def test_a_statement_that_takes_too_long_fails_the_suite(database: str) -> None:
    change(database, "CREATE VIEW synthetic.slow AS SELECT 'gpt-4o'::text AS model, pg_sleep(5)::text AS channel")
    evidence = run(in_postgres(database, "synthetic.slow", digest="v1", timeout_s=0.2))
    assert not evidence.passes
    assert "statement timeout" in str(evidence)


def test_no_password_is_told(database: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    for address in (
        "postgresql://reader:s3cr%40t@127.0.0.1:1/postgres",
        "postgresql://reader:s3cr@t@127.0.0.1:1/postgres",
        "postgresql://reader:s3cr/s3cr@t@127.0.0.1:1/x",
        "postgresql://reader:x@127.0.0.1:s3cr@t/x",
        "host=127.0.0.1 password=s3cr@t",
        "mysql://reader:s3cr%40t@127.0.0.1/x",
        "postgresql://127.0.0.1:1/postgres?password=s3cr%40t",
        database.replace("dagster@", "nobody:s3cr%40t@"),
    ):
        try:
            table = in_postgres(address, "t")
        except SuiteError as error:
            said.append(repr((error, error.__context__ if not error.__suppress_context__ else None)))
        else:
            said.append(repr((table, run(table))))
    assert len(said) == 8
    assert "s3cr" not in "".join(said) + caplog.text


def test_a_suite_leaves_the_callers_engine_as_it_was(database: str, put: Callable[[pa.Table], RowsTable]) -> None:
    url = sqlalchemy.make_url(database).set(drivername="postgresql+psycopg2")
    engine = sqlalchemy.create_engine(url, pool_size=2, max_overflow=0)
    name = name_of(put(rows("gpt-4o")))
    for _ in range(3):
        assert run(in_postgres(engine, name)).passes
    assert engine.pool.checkedout() == 0  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    with engine.begin() as connection:
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "off"
        assert connection.exec_driver_sql("SHOW transaction_isolation").scalar() == "read committed"
        assert connection.exec_driver_sql("SHOW row_security").scalar() == "on"
    engine.dispose()


def test_keys_of_failing_rows(put: Callable[[pa.Table], RowsTable]) -> None:
    table = put(rows("gpt-4o", "llama", "gpt-4o", "llama"))
    evidence = run(table)
    assert [f.column for f in evidence.failures] == ["model", "source"]
    assert failing_keys(table, DECLARED, evidence.failures, ["id"]) == [[{"id": "1"}, {"id": "3"}]] * 2
    assert failing_keys(table, DECLARED, evidence.failures, ["id"], limit=1) == [[{"id": "1"}]] * 2
    with pytest.raises(SuiteError, match="no column 'key'"):
        failing_keys(table, DECLARED, evidence.failures, ["key"])


def test_suites_that_evaluate_nothing_or_not_all_fail(
    put: Callable[[pa.Table], RowsTable], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = put(rows("gpt-4o"))
    least = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
    unknown = parse_suite({"name": "s", "expectations": [least, {"type": "expect_nothing_of_sorts", "kwargs": {}}]})
    assert "knows no 'expect_nothing_of_sorts'" in (run(table, unknown).error or "")
    from great_expectations.validator.validator import Validator

    monkeypatch.setattr(Validator, "graph_validate", lambda self, **_: [])  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    assert "only 0 of 15 expectations were evaluated" in (run(table).error or "")
