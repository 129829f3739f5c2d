"""What ``gx/dialect.py`` mends, and the day it is no longer needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest
import sqlalchemy
from sqlalchemy.pool import StaticPool

from lineage_guard.gx import dialect


@pytest.fixture
def engine() -> Iterator[sqlalchemy.Engine]:
    with duckdb.connect(":memory:") as raw:
        raw.execute(
            "CREATE VIEW v AS SELECT 'a' AS model, 1::BIGINT AS n, true AS b, now() AS t, 1.5::DECIMAL(9,2) AS d,"
            " [1] AS l, DATE '2026-01-01' AS day FROM range(3)"
        )
        dialect.CONNECTIONS["test"] = raw
        engine = sqlalchemy.create_engine("lineageguard:///test", poolclass=StaticPool)
        yield engine
        engine.dispose()
        del dialect.CONNECTIONS["test"]


def test_results_outlive_a_rollback(engine: sqlalchemy.Engine) -> None:
    with engine.connect() as connection:
        result = connection.execute(sqlalchemy.text("SELECT i FROM range(5) r(i) WHERE i >= :least"), {"least": 1})
        connection.rollback()
        assert result.fetchone() == (1,)
        assert result.fetchmany(2) == [(2,), (3,)]
        assert result.fetchall() == [(4,)]
        assert result.fetchone() is None


def test_views_are_reflected_with_types(engine: sqlalchemy.Engine) -> None:
    columns = {c["name"]: type(c["type"]).__name__ for c in sqlalchemy.inspect(engine).get_columns("v")}
    assert columns == {
        "model": "VARCHAR",
        "n": "BIGINT",
        "b": "BOOLEAN",
        "t": "TIMESTAMP",
        "d": "DECIMAL",
        "l": "NullType",
        "day": "DATE",
    }


def test_a_connection_that_is_not_registered_is_refused() -> None:
    engine = sqlalchemy.create_engine("lineageguard:///nobody", poolclass=StaticPool)
    with pytest.raises(KeyError, match="nobody"):
        engine.connect()


def test_duckdb_engine_still_needs_mending() -> None:
    """Fails on the day duckdb-engine alone does both: then delete ``gx/dialect.py``."""
    engine = sqlalchemy.create_engine("duckdb:///:memory:", poolclass=StaticPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE VIEW v AS SELECT 'a' AS model"))
        connection.commit()
    assert not (_results_outlive_a_rollback(engine) and _reflects(engine)), (
        "duckdb-engine works as it is: use duckdb:/// in gx/run.py and delete gx/dialect.py"
    )
    engine.dispose()


def _results_outlive_a_rollback(engine: sqlalchemy.Engine) -> bool:
    with engine.connect() as connection:
        result: Any = connection.execute(sqlalchemy.text("SELECT 1"))
        connection.rollback()
        try:
            return result.fetchall() == [(1,)]
        except Exception:
            return False


def _reflects(engine: sqlalchemy.Engine) -> bool:
    try:
        return [c["name"] for c in sqlalchemy.inspect(engine).get_columns("v")] == ["model"]
    except Exception:
        return False
