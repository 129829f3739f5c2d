"""A PostgreSQL whose user may only read, and a Spark that would not let rows come to the driver."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import spark_session

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def database(postgres_url: str) -> str:
    """The address of a database, with a schema of tables and a user that may read them and nothing else."""
    import psycopg

    url = postgres_url.replace("+psycopg2", "")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE SCHEMA synthetic")
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 's3cr@t'")
        connection.execute("GRANT USAGE ON SCHEMA synthetic TO reader")
        connection.execute("REVOKE TEMPORARY ON DATABASE postgres FROM PUBLIC")
    return url


@pytest.fixture(scope="module")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    options = {
        "spark.sql.shuffle.partitions": "1",
        # Not UTC: nothing may depend on it.
        "spark.sql.session.timeZone": "America/New_York",
        # Rows that came to the driver would be an error.
        "spark.driver.maxResultSize": "256k",
    }
    with spark_session.running(tmp_path_factory.mktemp("warehouse"), options) as session:
        yield session
