from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import duckdb
import pytest

from dagster_project.resources.tables import Row, Tables
from dagster_project.settings import Endpoint, commercial_endpoint, open_endpoint


def frame(*values: int) -> list[Row]:
    return [{"n": value} for value in values]


def test_partitions_are_read_together_and_replaced_alone(tmp_path: Path) -> None:
    tables = Tables(folder=str(tmp_path))
    tables.write("a/t", frame(1), "x")
    tables.write("a/t", frame(2), "y")
    tables.write("a/t", frame(3, 4), "y")
    files = [tables.path("a/t", p) for p in ("x", "y")]
    assert tables.query("SELECT sum(n)::INT AS s FROM t", t=files) == [{"s": 8}]
    assert sorted(p.name for p in (tmp_path / "a" / "t").iterdir()) == ["x.duckdb", "y.duckdb"]


def test_writers_and_readers_at_once_never_see_half_a_table_or_a_lock(tmp_path: Path) -> None:
    tables = Tables(folder=str(tmp_path))
    tables.write("t", frame(*range(100)))

    def write(i: int) -> int:
        return tables.write("t", frame(*range(100)))

    def read(i: int) -> int:
        return int(tables.query("SELECT count(*) AS c FROM t", t=[tables.path("t")])[0]["c"])

    with ThreadPoolExecutor(4) as pool:
        writes, reads = pool.map(write, range(15)), pool.map(read, range(15))
        assert set(writes) == set(reads) == {100}


def test_a_folder_with_a_quote_in_its_name_is_read(tmp_path: Path) -> None:
    tables = Tables(folder=str(tmp_path / "it's here"))
    tables.write("t", frame(7))
    assert tables.query("SELECT n FROM t", t=[tables.path("t")]) == [{"n": 7}]


def test_a_missing_table_is_an_error_not_an_empty_one(tmp_path: Path) -> None:
    tables = Tables(folder=str(tmp_path))
    with pytest.raises(duckdb.IOException):
        tables.query("SELECT * FROM t", t=[tables.path("t")])


@pytest.mark.parametrize(
    ("env", "expected"),
    [
        ({}, Endpoint("lineage-guard", "lineage-guard/fable-lm", "self-hosted")),
        (
            {"MODEL_BASE_URL": "https://api.mistral.ai/v1", "MODEL_NAME": "mistral-small", "MODEL_API_KEY": "k"},
            Endpoint("mistral", "mistral-small", "api.mistral.ai", "https://api.mistral.ai/v1", "k"),
        ),
        (
            {"MODEL_BASE_URL": "http://localhost:8000/v1", "MODEL_NAME": "qwen2.5-7b", "MODEL_PROVIDER": "qwen"},
            Endpoint("qwen", "qwen2.5-7b", "self-hosted", "http://localhost:8000/v1", None),
        ),
        (
            {"MODEL_BASE_URL": "https://llm.example.org/v1", "MODEL_NAME": "m"},
            Endpoint("llm.example.org", "m", "llm.example.org", "https://llm.example.org/v1", None),
        ),
    ],
)
def test_what_is_declared_follows_from_where_requests_go(env: dict[str, str], expected: Endpoint) -> None:
    assert open_endpoint(env) == expected


def test_the_commercial_table_declares_gpt_4o_with_and_without_a_key() -> None:
    stand_in, real = commercial_endpoint({}), commercial_endpoint({"COMMERCIAL_MODEL_API_KEY": "k"})
    assert (stand_in.provider, stand_in.model, stand_in.channel) == (real.provider, real.model, real.channel)
    assert stand_in.base_url is None
    assert real.base_url == "https://api.openai.com/v1"
