"""Running one suite on one table through Great Expectations, on the engine that has the rows.

Great Expectations is imported here, inside the functions that run something. One execution
engine and one ephemeral context serve one validation: a context shared by threads was seen
to give false passes. Nothing is written to disk, printed or sent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.verdict.evidence import FailedExpectation
from lineage_guard.gx.suites import Suite
from lineage_guard.gx.tables.duckdb import DuckDBRows
from lineage_guard.gx.tables.table import OpenRows

if TYPE_CHECKING:
    import duckdb

# One validation at a time in a process: warnings filters, log levels and the current project
# of Great Expectations are global. The scans themselves use every core inside DuckDB.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What came of one validation.

    Attributes:
        success: whether every expectation of the suite was evaluated and held.
        evaluated: how many were evaluated without an error.
        expected: how many the suite holds.
        failures: those that did not hold or could not be evaluated.
    """

    success: bool
    evaluated: int
    expected: int
    failures: tuple[FailedExpectation, ...]


def validate(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    suite: Suite,
    parameters: Mapping[str, object],
    shown: frozenset[str],
) -> Outcome:
    """Run a suite on a table or view of an open DuckDB connection; see ``validate_rows``.

    Args:
        connection: must not be used by anybody else meanwhile.
        table: name of the table or view.
        suite: what to expect.
        parameters: values for its ``$PARAMETER``s.
        shown: columns whose values may be quoted in a failure. Others may hold row text.

    Raises:
        SuiteError: as ``validate_rows``.
    """
    return validate_rows(DuckDBRows(connection, table), suite, parameters, shown)


def validate_rows(rows: OpenRows, suite: Suite, parameters: Mapping[str, object], shown: frozenset[str]) -> Outcome:
    """Run a suite on open rows, on whatever engine has them.

    The rows are scanned where they are: no copy is made. Whatever fails is run a second time
    for its counts and a few values.

    Args:
        rows: must not be used by anybody else meanwhile.
        suite: what to expect.
        parameters: values for its ``$PARAMETER``s.
        shown: columns whose values may be quoted in a failure. Others may hold row text.

    Raises:
        SuiteError: when the suite cannot be run whole: an unknown expectation type or a bad
            argument, or results that do not match the suite one to one.
    """
    bound = suite.bind(parameters)
    with _running(rows) as validator:
        expectations = [_build(e, i, suite, rows.adapted) for i, e in enumerate(bound)]
        results = _validate(validator, suite, expectations, {"result_format": "BOOLEAN_ONLY"})
        suspects = [e for e, r in zip(expectations, results, strict=True) if r.success is not True]
        details = _validate(validator, suite, suspects, {"result_format": "SUMMARY"}) if suspects else []
        columns = frozenset(rows.columns) if details else frozenset[str]()
    failures = tuple(_failure(d, shown, columns) for d in details)
    broken = sum(1 for d in details if _error_of(d) is not None)
    if any(d.success is True for d in details):
        raise SuiteError(
            f"suite {suite.name!r} gave two answers on the same rows",
            where=suite.source,
            fix="run it when nothing writes to the table",
        )
    return Outcome(not failures, len(results) - broken, len(suite.expectations), failures)


def find_failing(
    rows: OpenRows,
    suite: Suite,
    parameters: Mapping[str, object],
    failures: Sequence[FailedExpectation],
    keys: Sequence[str],
    limit: int,
) -> list[list[dict[str, Any]]]:
    """Values of some columns in a few of the rows that broke each failure; see ``failing_keys``.

    Raises:
        SuiteError: as ``validate_rows``.
    """
    wanted = {(f.type, f.column) for f in failures}
    chosen = [
        (i, e)
        for i, e in enumerate(suite.bind(parameters))
        if (e["type"], _mapping(e["kwargs"]).get("column")) in wanted
    ]
    with _running(rows) as validator:
        expectations = [_build(e, i, suite, rows.adapted) for i, e in chosen]
        asked = {
            "result_format": "SUMMARY",
            "partial_unexpected_count": limit,
            "unexpected_index_column_names": [*keys],
        }
        broken = [r for r in _validate(validator, suite, expectations, asked) if r.success is not True]
    lists: list[list[dict[str, Any]]] = [_mapping(r.result).get("partial_unexpected_index_list") or [] for r in broken]
    # Both runs keep the order of the suite.
    same = [(r.expectation_config.type, r.expectation_config.kwargs.get("column")) for r in broken]
    return lists if same == [(f.type, f.column) for f in failures] else [[] for _ in failures]


@contextlib.contextmanager
def _running(rows: OpenRows) -> Generator[Any]:
    """Great Expectations' validator of the rows, alone in this process."""
    with _ONE_AT_A_TIME, _quiet():
        great_expectations()
        # Registers our own; a type nobody imported would be dropped at load.
        import_module("lineage_guard.gx.expectations")
        from great_expectations.core.batch import Batch
        from great_expectations.validator.validator import Validator

        with rows.batch() as (engine, data):
            yield Validator(execution_engine=engine, batches=[Batch(data=data)], data_context=context())


def great_expectations() -> Any:
    """Import Great Expectations, which takes seconds, and leave the user's own project as it is."""
    # Read at import: nothing is to be sent anywhere.
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    import great_expectations as gx
    from great_expectations.data_context.data_context.context_factory import project_manager
    from great_expectations.exceptions.exceptions import DataContextRequiredError

    try:
        # Its question, which every version can ask: "is this the cloud?" There has to be a current
        # project to ask it of. If the user's own code has set one it stays as it is: ours are built
        # beside it.
        project_manager.is_using_cloud()
    except DataContextRequiredError:
        project_manager.set_project(context())
    return gx


def context() -> Any:
    """A fresh context in memory: no files, no progress bars, nothing sent."""
    from great_expectations.data_context.data_context.ephemeral_data_context import EphemeralDataContext
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    return EphemeralDataContext(
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(),
            progress_bars=ProgressBarsConfig(globally=False),
            analytics_enabled=False,
        )
    )


def _build(
    expectation: Mapping[str, object],
    index: int,
    suite: Suite,
    adapted: Callable[[Mapping[str, Any]], dict[str, Any]],
) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.expectations.registry import list_registered_expectation_implementations

    where = f"{suite.source}: expectations[{index}]"
    kind = str(expectation["type"])
    if kind not in list_registered_expectation_implementations():
        raise SuiteError(
            f"Great Expectations knows no {kind!r}",
            where=where,
            fix="mend the name, or import the module that defines it before the suite runs",
        )
    try:
        # The index makes results and expectations match one to one, whatever order they come in.
        meta = {**_mapping(expectation.get("meta")), "lineage_guard": index}
        kwargs = adapted(_mapping(expectation["kwargs"]))
        return ExpectationConfiguration(type=kind, kwargs=kwargs, meta=meta).to_domain_obj()
    except Exception as error:
        raise SuiteError(f"{kind} cannot be built: {error}", where=where, fix="mend its kwargs") from error


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _validate(validator: Any, suite: Suite, expectations: Sequence[Any], result_format: Mapping[str, Any]) -> list[Any]:
    gx = great_expectations()
    loaded = gx.ExpectationSuite(name=suite.name, expectations=list(expectations))
    if len(loaded.expectations) != len(expectations):
        raise SuiteError(
            f"Great Expectations kept {len(loaded.expectations)} of {len(expectations)} expectations",
            where=suite.source,
            fix="mend the suite; its log says which it dropped",
        )
    results: list[Any] = validator.graph_validate(
        configurations=validator.process_expectations_for_validation(loaded.expectation_configurations, {}),
        runtime_configuration={"result_format": dict(result_format)},
    )
    by_index = {r.expectation_config.meta["lineage_guard"]: r for r in results}
    wanted = [e.meta["lineage_guard"] for e in expectations]
    if len(results) != len(wanted) or set(by_index) != set(wanted):
        raise SuiteError(
            f"only {len(by_index)} of {len(wanted)} expectations were evaluated", where=suite.source, fix="mend it"
        )
    return [by_index[i] for i in wanted]


def _error_of(result: Any) -> str | None:
    """The message of an exception inside one expectation; they come flat or one per metric."""
    info: Mapping[str, Any] = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    messages = [str(e["exception_message"]) for e in entries if e.get("raised_exception")]
    return "; ".join(dict.fromkeys(messages)) if messages else None


def _failure(result: Any, shown: frozenset[str], columns: frozenset[str]) -> FailedExpectation:
    kwargs: Mapping[str, Any] = result.expectation_config.kwargs
    kind: str = result.expectation_config.type
    column = kwargs.get("column")
    about = frozenset(_columns(kwargs))
    # What is said of a table as a whole is a count or names of columns.
    quotable = about <= shown or kind.startswith("expect_table_")
    found: Mapping[str, Any] = result.result or {}
    error = _error_of(result)
    if error is not None:
        # Engines quote values in some messages.
        missing = "; ".join(f'column "{c}" does not exist' for c in sorted(about - columns))
        detail = "could not be evaluated" + (f": {missing or error}" if missing or quotable else "")
    elif isinstance(safe := _mapping(found.get("details")).get("said"), str):
        # Expectations of ours that read row text say what they found without quoting it.
        detail = safe
    elif not quotable:
        detail = ""
    elif found.get("partial_unexpected_list"):
        detail = "found " + ", ".join(dict.fromkeys(str(v) for v in found["partial_unexpected_list"]))
    elif "observed_value" in found:
        detail = f"observed {found['observed_value']}"
    else:
        detail = ""
    return FailedExpectation(
        type=kind,
        column=column,
        unexpected_count=found.get("unexpected_count"),
        detail=detail[:500],
    )


def _columns(kwargs: Mapping[str, Any]) -> Generator[str]:
    """Names of the columns that an expectation is about, whatever its arguments call them."""
    for key, value in kwargs.items():
        if "column" in key:
            names: list[Any] = [value] if isinstance(value, str) else list(value or ())
            yield from (name for name in names if isinstance(name, str))


@contextlib.contextmanager
def _quiet() -> Generator[None]:
    """Keep its warnings and log lines from the user; what matters is in the outcome."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            logger.setLevel(level)
