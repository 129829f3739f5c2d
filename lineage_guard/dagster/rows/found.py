"""Which rows checks and quarantines a deployment has: found on the functions that were made for them.

Every load of a guarded code location comes by here, so nothing that runs a suite is imported.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage_guard.dagster import compat

if TYPE_CHECKING:
    from lineage_guard.dagster.rows.split import Split
    from lineage_guard.dagster.rows.suite_check import RowsCheck
    from lineage_guard.dagster.settings import Settings

#: Attribute of a check's function that holds its ``RowsCheck``.
MARK = "__lineage_guard_rows__"
#: Attribute of a quarantine's function that holds its ``Split``.
SPLIT_MARK = "__lineage_guard_split__"


def rows_check_of(definition: dg.AssetsDefinition) -> RowsCheck | None:
    """The rows check that a definition of asset checks runs, or ``None``."""
    return _marked(definition, MARK)


def split_of(definition: dg.AssetsDefinition) -> Split | None:
    """The quarantine that a definition of assets is, or ``None``."""
    return _marked(definition, SPLIT_MARK)


def rows_checks(graph: object) -> tuple[RowsCheck, ...]:
    """Every rows check of a code location.

    Args:
        graph: the full asset graph. One that was not made of definitions, as that of a workspace,
            has none to show.
    """
    found = (rows_check_of(d) for d in compat.check_definitions(graph))
    return tuple(dict.fromkeys(c for c in found if c is not None))


def tell(definitions: Iterable[object], settings: Settings) -> None:
    """Tell rows checks and quarantines where the ledger is and what the rules are. In place; the first telling stands.

    Args:
        definitions: assets and asset checks.
        settings: what ``guard()`` was told.
    """
    for definition in definitions:
        if isinstance(definition, dg.AssetsDefinition):
            for found in (rows_check_of(definition), split_of(definition)):
                if found is not None and found.settings is None:
                    found.settings = settings


def _marked(definition: dg.AssetsDefinition, mark: str) -> Any:
    for op_def in definition.node_def.iterate_op_defs() if definition.is_executable else ():
        if (found := getattr(compat.body_of(op_def), mark, None)) is not None:
            return found
    return None
