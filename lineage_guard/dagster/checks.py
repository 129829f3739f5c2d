"""Asset checks from expectation suites: what the rows of a synthetic table say, in the Dagster UI and at the gate."""

# No `from __future__ import annotations`: Dagster reads the annotation of `context` as an object.

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import overload

import dagster as dg

from lineage_guard.dagster.rows.found import MARK
from lineage_guard.dagster.rows.show import result_of as result_of
from lineage_guard.dagster.rows.suite_check import RowsCheck, Table
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.facts import ModelSource
from lineage_guard.gx.parameters import asks_policy
from lineage_guard.gx.suites import Suite, load_suite

Asset = dg.AssetKey | str | Sequence[str] | dg.AssetsDefinition | dg.AssetSpec
OneSuite = str | Path | Suite


@overload
def build_expectation_checks(
    *,
    asset: Asset,
    table: Table,
    suite: OneSuite = "rows",
    blocking: bool = True,
    declared: Sequence[ModelSource] | None = None,
    name: str | None = None,
    pages: str | Path | None = None,
    keys: Sequence[str] = (),
    show: Sequence[str] = (),
    use: str | None = None,
) -> dg.AssetChecksDefinition: ...
@overload
def build_expectation_checks(
    *,
    asset: Asset,
    table: Table,
    suite: Sequence[OneSuite],
    blocking: bool = True,
    declared: Sequence[ModelSource] | None = None,
    pages: str | Path | None = None,
    keys: Sequence[str] = (),
    show: Sequence[str] = (),
    use: str | None = None,
) -> list[dg.AssetChecksDefinition]: ...
def build_expectation_checks(
    *,
    asset: Asset,
    table: Table,
    suite: OneSuite | Sequence[OneSuite] = "rows",
    blocking: bool = True,
    declared: Sequence[ModelSource] | None = None,
    name: str | None = None,
    pages: str | Path | None = None,
    keys: Sequence[str] = (),
    show: Sequence[str] = (),
    use: str | None = None,
) -> dg.AssetChecksDefinition | list[dg.AssetChecksDefinition]:
    """Asset checks that run rows suites on the table an asset wrote, one check per suite.

    Suites are read here, so one that cannot be relied on fails when the code location loads.
    Great Expectations is imported when a check runs, never before, and not at all while rows,
    suite and declaration are those of a result on file.

    A blocking check is evidence that the gate asks for: nothing downstream trains on a version
    of the asset whose rows have not passed it, whoever launches the training. In a run of its own
    the training step runs a suite that nobody ran, when ``table`` can be opened there.

    Args:
        asset: the synthetic asset.
        table: where its rows are: all of them, of every partition. Or a function that says so, of
            the check's context or of nothing; of nothing, the gate can open the table too.
        suite: name, path or loaded suite; several for one check each.
        blocking: whether assets downstream wait for it in the same run, and whether the gate
            asks for its evidence.
        declared: models the rows may name. ``None`` takes what the asset declares, in its
            definition and in its latest materialisation.
        name: name of the check, with one suite; ``<suite>_provenance`` when ``None``.
        pages: folder for a page of each result; ``None`` puts it beside a ledger that is a folder.
        keys: columns that name a row; those of a few failing rows are shown.
        show: further columns of them to show, which may hold row text.
        use: what the rows are wanted for, e.g. ``"train_competing"``: a suite like ``permitted`` holds
            them against what the policy of ``guard()`` makes of that.

    Raises:
        SuiteError: when a suite cannot be relied on.
        ConfigError: when one name is given for several suites, or a suite asks the policy and no use is given.

    Example:
        >>> from lineage_guard.gx.rows import in_duckdb
        >>> checks = build_expectation_checks(asset="answers", table=in_duckdb("w.duckdb", "answers"))
        >>> [key.name for key in checks.check_keys]
        ['rows_provenance']
    """
    one = isinstance(suite, str | Path | Suite)
    suites = [load_suite(s) for s in ([suite] if one else suite)]
    if name is not None and not one:
        raise ConfigError(
            "one name is given for several checks", where="build_expectation_checks", fix="leave name out"
        )
    asking = [each.name for each in suites if asks_policy(each)]
    if asking and use is None:
        raise ConfigError(
            f"suite {asking[0]!r} asks the policy, and does not know for what",
            where="build_expectation_checks",
            fix='say what the rows are wanted for: use="train_competing"',
        )
    checks = [
        RowsCheck(
            key=_key(asset),
            name=name or f"{each.name}_provenance",
            suite=each,
            table=table,
            declared=declared,
            blocking=blocking,
            pages=Path(pages) if pages is not None else None,
            keys=tuple(keys),
            show=tuple(show),
            use=use,
        )
        for each in suites
    ]
    made = [_check(c) for c in checks]
    return made[0] if one else made


def _check(rows: RowsCheck) -> dg.AssetChecksDefinition:
    def check(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        from lineage_guard.dagster.rows.run import run

        return run(rows, context, datetime.now(UTC))

    setattr(check, MARK, rows)
    return dg.asset_check(
        asset=rows.key,
        name=rows.name,
        blocking=rows.blocking,
        description=(
            f"Great Expectations suite {rows.suite.name!r}: {len(rows.suite.expectations)} expectations on the rows."
        ),
    )(check)


def _key(asset: Asset) -> dg.AssetKey:
    if isinstance(asset, dg.AssetsDefinition | dg.AssetSpec):
        return asset.key
    return dg.AssetKey.from_coercible(asset)
