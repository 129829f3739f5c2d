"""Running one suite on one table through Great Expectations, on DuckDB.

Great Expectations is imported here, inside the functions that run something. One in-memory
DuckDB and one ephemeral context serve one validation: a context shared by threads was seen
to give false passes. Nothing is written to disk, printed or sent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import warnings
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lineage_guard.domain.errors import SuiteError
from lineage_guard.domain.evidence import FailedExpectation
from lineage_guard.gx.suites import Suite

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
    """Run a suite on a table or view of an open DuckDB connection.

    The rows are scanned where they are: no copy is made. Whatever fails is run a second time
    for its counts and a few values.

    Args:
        connection: must not be used by anybody else meanwhile.
        table: name of the table or view.
        suite: what to expect.
        parameters: values for its ``$PARAMETER``s.
        shown: columns whose values may be quoted in a failure. Others may hold row text.

    Raises:
        SuiteError: when the suite cannot be run whole: an unknown expectation type or a bad
            argument, or results that do not match the suite one to one.
    """
    bound = suite.bind(parameters)
    with _ONE_AT_A_TIME, _quiet():
        gx = great_expectations()
        with _batch(connection, table) as batch:
            return _run(gx, batch, suite, bound, shown)


def _run(gx: Any, batch: Any, suite: Suite, bound: Sequence[Mapping[str, object]], shown: frozenset[str]) -> Outcome:
    # Registers our own; a type nobody imported would be dropped at load.
    import_module("lineage_guard.gx.expectations")
    expectations = [_build(e, i, suite) for i, e in enumerate(bound)]
    results = _validate(batch, gx, suite, expectations, "BOOLEAN_ONLY")
    suspects = [e for e, r in zip(expectations, results, strict=True) if r.success is not True]
    details = _validate(batch, gx, suite, suspects, "SUMMARY") if suspects else []
    failures = tuple(_failure(d, shown) for d in details)
    broken = sum(1 for d in details if _error_of(d) is not None)
    if any(d.success is True for d in details):
        raise SuiteError(
            f"suite {suite.name!r} gave two answers on the same rows",
            where=suite.source,
            fix="run it when nothing writes to the table",
        )
    return Outcome(not failures, len(results) - broken, len(suite.expectations), failures)


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


@contextlib.contextmanager
def _batch(connection: duckdb.DuckDBPyConnection, table: str) -> Generator[Any]:
    from sqlalchemy.pool import StaticPool

    from lineage_guard.gx.dialect import CONNECTIONS

    name = uuid4().hex
    CONNECTIONS[name] = connection
    source = None
    try:
        source = context().data_sources.add_sql(
            name="duckdb",
            connection_string=f"lineageguard:///{name}",
            create_temp_table=False,
            kwargs={"poolclass": StaticPool},
        )
        asset = source.add_table_asset(name="rows", table_name=table)
        yield asset.add_batch_definition_whole_table("all").get_batch()
    finally:
        CONNECTIONS.pop(name, None)
        if source is not None:
            source.get_engine().dispose()


def _build(expectation: Mapping[str, object], index: int, suite: Suite) -> Any:
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
        return ExpectationConfiguration(type=kind, kwargs=_mapping(expectation["kwargs"]), meta=meta).to_domain_obj()
    except Exception as error:
        raise SuiteError(f"{kind} cannot be built: {error}", where=where, fix="mend its kwargs") from error


def _mapping(value: object) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _validate(batch: Any, gx: Any, suite: Suite, expectations: Sequence[Any], result_format: str) -> list[Any]:
    loaded = gx.ExpectationSuite(name=suite.name, expectations=list(expectations))
    if len(loaded.expectations) != len(expectations):
        raise SuiteError(
            f"Great Expectations kept {len(loaded.expectations)} of {len(expectations)} expectations",
            where=suite.source,
            fix="mend the suite; its log says which it dropped",
        )
    outcome = batch.validate(loaded, result_format=result_format)
    by_index = {r.expectation_config.meta["lineage_guard"]: r for r in outcome.results}
    wanted = [e.meta["lineage_guard"] for e in expectations]
    if len(outcome.results) != len(wanted) or set(by_index) != set(wanted):
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


def _failure(result: Any, shown: frozenset[str]) -> FailedExpectation:
    kwargs: Mapping[str, Any] = result.expectation_config.kwargs
    column = kwargs.get("column")
    quotable = column is None or column in shown
    found: Mapping[str, Any] = result.result or {}
    error = _error_of(result)
    if error is not None:
        # DuckDB quotes values in some messages.
        detail = (
            f"could not be evaluated: {error}" if quotable or "does not exist" in error else "could not be evaluated"
        )
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
        type=result.expectation_config.type,
        column=column,
        unexpected_count=found.get("unexpected_count"),
        detail=detail[:500],
    )


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
