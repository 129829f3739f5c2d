"""What a metric asks of an engine, in the little that they all have in common."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from great_expectations.core.metric_domain_types import MetricDomainTypes

# Great Expectations types these too loosely, or not at all, for a strict checker.
sa: Any = import_module("great_expectations.compatibility.sqlalchemy").sqlalchemy
functions: Any = import_module("great_expectations.compatibility.pyspark").functions
validator: Any = import_module("great_expectations.compatibility.pydantic").validator
metric_value: Any = import_module("great_expectations.expectations.metrics.metric_provider").metric_value


def domain(engine: Any, kwargs: Any) -> Any:
    """The rows that a metric is asked about: something to select from, or a data frame."""
    rows, _, _ = engine.get_compute_domain(domain_kwargs=kwargs, domain_type=MetricDomainTypes.TABLE)
    return rows.subquery() if isinstance(rows, sa.sql.Select) else rows


def sql_text(column: str) -> Any:
    """A column as text."""
    return sa.cast(sa.column(column), sa.String)
