"""``expect_no_undeclared_self_identification``: no response names a model that nobody declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from great_expectations.core.suite_parameters import SuiteParameterDict
from great_expectations.execution_engine.pandas_execution_engine import PandasExecutionEngine
from great_expectations.execution_engine.sparkdf_execution_engine import SparkDFExecutionEngine
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.expectations.row_conditions import RowConditionType

from lineage_guard.domain.errors import SuiteError
from lineage_guard.gx.dialect import CONNECTIONS, LineageGuardDialect
from lineage_guard.gx.expectations.engines import domain, functions, metric_value, sa, sql_text, validator
from lineage_guard.gx.matching import Tally, hits, where
from lineage_guard.gx.phrases import load_phrases
from lineage_guard.gx.scan import KEYS, TextScan, scan
from lineage_guard.gx.suites import NOTHING

#: How many texts are fetched from an engine to be decided here. More, and the scan gives up: it fails.
MOST_TEXTS = 100_000


class SelfIdentification(TableMetricProvider):
    """A ``TextScan``: the engine looks, this process decides."""

    metric_name = "lineage_guard.self_identification"
    value_keys = ("column", "declared_providers", "key_columns")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:
        column, declared, keys = _asked(metric_value_kwargs)
        rows, text = domain(execution_engine, metric_domain_kwargs), sql_text(column)
        dialect = execution_engine.engine.dialect
        if isinstance(dialect, LineageGuardDialect):
            # Beside SQLAlchemy, which would make a Python object of every text.
            query: Any = sa.select(sa.column(column), *map(sa.column, keys)).select_from(rows)
            sql = query.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
            raw = CONNECTIONS[execution_engine.engine.url.database]
            return scan(raw, f"({sql})", column, declared, keys=keys)
        blank = sa.func.nullif(sa.func.trim(text), "")
        count = sa.select(sa.func.count(), sa.func.count(blank)).select_from(rows)
        total, texts = execution_engine.execute_query(count).fetchall()[0]
        look = _sql_look(dialect.name, text, where(load_phrases().of_others(declared)))
        query = sa.select(text, *map(sa.column, keys)).select_from(rows).where(look).limit(MOST_TEXTS + 1)
        return _decided(
            int(total), int(texts), execution_engine.execute_query(query).fetchall(), declared, keys, dialect.name
        )

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:
        column, declared, keys = _asked(metric_value_kwargs)
        frame = domain(execution_engine, metric_domain_kwargs)
        text = frame[column].cast("string")
        blank = functions.when(functions.trim(text) != "", functions.lit(1))
        total, texts = frame.select(functions.count(functions.lit(1)), functions.count(blank)).collect()[0]
        expression = where(load_phrases().of_others(declared))
        look = text.rlike(f"(?i){expression}") if expression else functions.lit(False)
        found = frame.where(look).select(text, *(frame[k] for k in keys)).limit(MOST_TEXTS + 1).collect()
        return _decided(int(total), int(texts), found, declared, keys, "spark")

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, execution_engine: Any, metric_domain_kwargs: Any, metric_value_kwargs: Any, **_: Any) -> Any:
        import duckdb

        column, declared, keys = _asked(metric_value_kwargs)
        frame = domain(execution_engine, metric_domain_kwargs)[[column, *keys]]
        with duckdb.connect(":memory:") as connection:
            connection.register("frame", frame)
            return scan(connection, "frame", column, declared, keys=keys)


def _asked(kwargs: Any) -> tuple[str, list[str], list[str]]:
    return kwargs["column"], list(kwargs["declared_providers"]), list(kwargs["key_columns"] or ())


def _sql_look(dialect: str, text: Any, expression: str) -> Any:
    if not expression:
        return sa.false()
    if dialect == "postgresql":
        return text.op("~*")(expression)
    if dialect == "duckdb":
        return sa.func.regexp_matches(text, sa.literal_column("'" + expression.replace("'", "''") + "'"), "i")
    raise SuiteError(f"texts cannot be scanned on {dialect}", fix="scan them on DuckDB, PostgreSQL, Spark or pandas")


def _decided(
    total: int, texts: int, found: Iterable[Any], declared: list[str], keys: list[str], engine: str
) -> TextScan:
    phrases = load_phrases()
    wanted = phrases.of_others(declared)
    tally = Tally(KEYS)
    read = 0
    for row in found:
        read += 1
        text, *values = tuple(row)
        tally.add(dict(zip(keys, values, strict=True)), hits(text, wanted))
    return TextScan(total, texts, tally.rows, tally.named(wanted), engine, phrases.digest, complete=read <= MOST_TEXTS)


class ExpectNoUndeclaredSelfIdentification(BatchExpectation):
    """Expect no response in which a model names itself that nobody declares.

    A hit is evidence, not proof. What stands in quotation marks, code or a quoted block is counted, and fails
    only with ``quoted``. A column without any text fails. The result names providers, phrases, counts and
    row keys, never text.

    Args:
        column: holds the responses.
        declared_providers: ids of the catalog of phrases; ``["(nothing)"]`` when nobody is declared.
        key_columns: columns whose values name a row in the result.
        quoted: whether quoting a model's own words fails too.
        phrases: digest of the catalog the result is to be held against; another catalog fails.

    Example:
        >>> ExpectNoUndeclaredSelfIdentification(column="response", declared_providers=["qwen"])  # doctest: +SKIP
    """

    column: str | SuiteParameterDict
    declared_providers: list[str] | SuiteParameterDict
    key_columns: list[str] | SuiteParameterDict | None = None
    quoted: bool = False
    phrases: str | SuiteParameterDict | None = None
    row_condition: RowConditionType = None

    metric_dependencies: ClassVar[tuple[str, ...]] = ("lineage_guard.self_identification",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition")
    success_keys: ClassVar[tuple[str, ...]] = ("column", "declared_providers", "key_columns", "quoted", "phrases")
    args_keys: ClassVar[tuple[str, ...]] = success_keys

    @validator("declared_providers")
    def _known(cls, given: Any) -> Any:
        if isinstance(given, list):
            if not given:
                raise ValueError(f"declared_providers is empty; a set that may be empty is passed as ['{NOTHING}']")
            load_phrases().of_others(given)  # pyright: ignore[reportUnknownArgumentType]
        return given  # pyright: ignore[reportUnknownVariableType]

    def _validate(self, metrics: Any, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        found: TextScan = metrics["lineage_guard.self_identification"]
        asked = self._get_success_kwargs()
        said = str(found)
        success = found.clean
        if asked.get("quoted") and any(n.quoted for n in found.named):
            success = False
        if asked.get("phrases") not in (None, found.phrases):
            success, said = False, f"the catalog of phrases is another than {asked['phrases']}"
        keys = [dict(key) for n in found.found for key in n.keys]
        return {
            "success": success,
            "result": {
                "element_count": found.rows,
                "unexpected_count": found.naming,
                "partial_unexpected_index_list": keys[:KEYS],
                "details": {"said": said, "engine": found.engine},
            },
        }
