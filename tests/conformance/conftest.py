"""A PostgreSQL whose user may only read, and a Spark that would not let rows come to the driver."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@pytest.fixture(scope="package")
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


@pytest.fixture(scope="package")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
        # Continuous integration installs it; a skip there would hide that nothing was tested.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            "Spark needs Java: apt-get install openjdk-17-jre-headless"
        )
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .appName("lineage-guard-tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "1")
        # Not UTC: nothing may depend on it.
        .config("spark.sql.session.timeZone", "America/New_York")
        # Rows that came to the driver would be an error.
        .config("spark.driver.maxResultSize", "256k")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("warehouse")))
        .getOrCreate()
    )
    yield session
    session.stop()
