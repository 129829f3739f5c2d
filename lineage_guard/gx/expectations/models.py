"""``expect_models_to_be_permitted``: the sources that rows name, against sets of sources."""

from __future__ import annotations

from typing import Any, ClassVar, cast

from great_expectations.core.suite_parameters import SuiteParameterDict
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.expectations.row_conditions import RowConditionType

from lineage_guard.gx.expectations.engines import domain, functions, metric_value, sa, sql_text, validator
from lineage_guard.gx.permitted import Sets

#: More kinds of sources than this, and the column is something else than a model id.
MOST_SOURCES = 10_000

#: How many offending sources a result names.
NAMED = 20


class RowSources(TableMetricProvider):
    """How many rows name each model and channel: the engine counts, this process judges.

    Spellings are made one in Python and nowhere else, so that no engine reads an id differently.
    """

    metric_name = "lineage_guard.row_sources"
    value_keys = ("column", "channel_column")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:
        columns = [sql_text(c) for c in _columns(metric_value_kwargs)]
        labelled = (c.label(f"c{i}") for i, c in enumerate(columns))
        query = sa.select(sa.func.count(), *labelled).select_from(domain(execution_engine, metric_domain_kwargs))
        found = execution_engine.execute_query(query.group_by(*columns).limit(MOST_SOURCES + 1)).fetchall()
        return [(int(n), *values) for n, *values in found]

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:
        frame = domain(execution_engine, metric_domain_kwargs)
        columns = [frame[c].cast("string").alias(f"c{i}") for i, c in enumerate(_columns(metric_value_kwargs))]
        grouped = (
            frame.select(*columns)
            .groupBy(*(f"c{i}" for i in range(len(columns))))
            .agg(functions.count(functions.lit(1)))
        )
        return [(int(values[-1]), *values[:-1]) for values in grouped.limit(MOST_SOURCES + 1).collect()]

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:
        frame = domain(execution_engine, metric_domain_kwargs)[_columns(metric_value_kwargs)]
        counts = frame.astype("string").value_counts(dropna=False)
        return [
            (int(n), *(v if isinstance(v, str) else None for v in values))
            for values, n in counts.head(MOST_SOURCES + 1).items()
        ]


def _columns(kwargs: Any) -> list[str]:
    return [c for c in (kwargs["column"], kwargs["channel_column"]) if c is not None]


class ExpectModelsToBePermitted(BatchExpectation):
    """Expect every row to name a model, reached through its channel, that may be used.

    A row without a model fails, and so does a table without rows. Ids are compared without case,
    spaces around and the date of a snapshot.

    Args:
        column: holds the model id.
        channel_column: holds the channel; ``None`` when the table has none.
        permitted: entries ``<model>`` or ``<model> via <channel>``; ``*`` stands for any text.
        restricted: entries that are refused even where they are permitted too.

    Example:
        >>> ExpectModelsToBePermitted(column="model", permitted=["qwen/*"], restricted=["gpt-*"])  # doctest: +SKIP
    """

    column: str | SuiteParameterDict
    channel_column: str | SuiteParameterDict | None = "channel"
    permitted: list[str] | SuiteParameterDict
    restricted: list[str] | SuiteParameterDict
    row_condition: RowConditionType = None

    metric_dependencies: ClassVar[tuple[str, ...]] = ("lineage_guard.row_sources",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition")
    success_keys: ClassVar[tuple[str, ...]] = ("column", "channel_column", "permitted", "restricted")
    args_keys: ClassVar[tuple[str, ...]] = success_keys

    @validator("permitted", "restricted")
    def _not_empty(cls, entries: Any, field: Any) -> Any:
        if isinstance(entries, list):
            given: tuple[Any, ...] = tuple(cast("list[Any]", entries))
            Sets(**{"permitted": ("*",), "restricted": ("*",), field.name: given})
        return cast("Any", entries)

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        asked = self._get_success_kwargs()
        sets = Sets(tuple(asked["permitted"]), tuple(asked["restricted"]))
        rows: list[tuple[Any, ...]] = metrics["lineage_guard.row_sources"]
        found: list[tuple[int, str | None, str | None]] = [(r[0], r[1], r[2] if len(r) > 2 else None) for r in rows]
        total = sum(n for n, _, _ in found)
        if len(found) > MOST_SOURCES:
            return _result(False, total, 0, [f"more than {MOST_SOURCES:,} models; is {asked['column']} a model id?"])
        refused = [
            (n, f"{_shown(model, channel)}: {why}")
            for n, model, channel in found
            if (why := sets.objection(model, channel))
        ]
        refused.sort(key=lambda r: (-r[0], r[1]))
        said = [f"{text} ({n} rows)" for n, text in refused] if found else ["there are no rows"]
        return _result(bool(found) and not refused, total, sum(n for n, _ in refused), said)


def _shown(model: str | None, channel: str | None) -> str:
    return " via ".join(part[:100] for part in (model or "(empty)", channel) if part)


def _result(success: bool, total: int, unexpected: int, said: list[str]) -> dict[str, Any]:
    return {
        "success": success,
        "result": {
            "element_count": total,
            "unexpected_count": unexpected,
            "partial_unexpected_list": said[:NAMED],
        },
    }
