"""A Spark of our own in this process, for the tests that need one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def missing() -> str | None:
    """What Spark lacks here, and how to get it."""
    try:
        __import__("pyspark")
    except ImportError:
        return "pyspark is not installed: pip install 'lineage-guard[spark]'"
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and (Path(home) / "bin" / "java").exists()):
        return "Spark needs Java 17 or later, and no java is on the PATH: apt-get install openjdk-17-jre-headless"
    return None


@contextmanager
def running(warehouse: Path, options: Mapping[str, str]) -> Generator[SparkSession]:
    """A session on two cores, this process's only one.

    Ask for it in a fixture of scope "module": Spark has one context a process, so a session that outlives its module
    would be handed to the next module that wants one, without that one's options, and be stopped by it.

    Args:
        warehouse: where it may write.
        options: of its configuration.
    """
    if reason := missing():
        # Continuous integration installs both; a skip there would hide that nothing was tested.
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    if SparkContext._active_spark_context is not None:  # pyright: ignore[reportPrivateUsage]
        pytest.fail("another test's Spark still runs in this process, and its options are not these")
    builder = (
        SparkSession.builder.master("local[2]")
        .appName("lineage-guard-tests")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.sql.warehouse.dir", str(warehouse))
    )
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
