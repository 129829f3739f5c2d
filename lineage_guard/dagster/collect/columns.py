"""Column lineage of a materialisation: what it says of the table's columns, and of what it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dagster import AssetKey, TableColumnLineage, TableColumnLineageMetadataValue, TableSchemaMetadataValue

from lineage_guard.dagster.events import name_of
from lineage_guard.dagster.pins.resolve import Graph, Read, Reading
from lineage_guard.domain.declared.declaration import Declaration
from lineage_guard.domain.declared.influence import ColumnsSaid
from lineage_guard.domain.facts import Completeness, Version
from lineage_guard.domain.verdict.runs import ColumnEdge

#: Metadata keys of Dagster's own (``TableMetadataSet``).
SCHEMA_KEY = "dagster/column_schema"
LINEAGE_KEY = "dagster/column_lineage"


def lineage_of(metadata: Mapping[str, object]) -> TableColumnLineage | None:
    """The column lineage recorded with a materialisation; ``None`` when there is none that can be read.

    Args:
        metadata: of the materialisation.
    """
    value = metadata.get(LINEAGE_KEY)
    return value.column_lineage if isinstance(value, TableColumnLineageMetadataValue) else None


def columns_said(
    metadata: Mapping[str, object], declaration: Declaration | None, recorded: bool, reading: Reading, graph: Graph
) -> ColumnsSaid:
    """What a materialisation says of its columns, and why it may be no ground to rely on.

    Args:
        metadata: of the materialisation.
        declaration: what its author declares.
        recorded: whether that was recorded with it, and not read from today's code.
        reading: what it read.
        graph: the full asset graph.
    """
    schema, lineage = metadata.get(SCHEMA_KEY), lineage_of(metadata)
    sources = {
        column: [(name_of(d.asset_key), d.column_name) for d in deps]
        for column, deps in sorted(lineage.deps_by_column.items() if lineage else ())
    }
    columns = [c.name for c in schema.schema.columns] if isinstance(schema, TableSchemaMetadataValue) else []
    if declaration is None or declaration.column_lineage is not Completeness.COMPLETE:
        return ColumnsSaid(columns, sources)
    return ColumnsSaid(columns, sources, declaration.column_lineage, _doubt(recorded, reading, graph))


def _doubt(recorded: bool, reading: Reading, graph: Graph) -> str | None:
    if not recorded:
        return "that was not recorded when it ran"
    if reading.notes:
        return f"what it read is not known for certain ({reading.notes[0]})"
    for read in reading.reads:
        # Column lineage names the view; what lies behind it is read as well and named by nobody.
        if graph.has(read.key) and getattr(graph.get(read.key), "is_virtual", False):
            return f"it reads the view {name_of(read.key)}, and of what lies behind that no column speaks"
    return None


def unseen_sources(
    metadata: Mapping[str, object], key: AssetKey, reads: Iterable[Read], graph: Graph, appends: bool
) -> list[str]:
    """Sources of columns that nothing else knows of, one sentence each.

    Whoever recorded the lineage says that content came from there. An asset that it does not depend on,
    not even through others, is upstream all the same, and nobody pins it. Nor does anybody pin what the table
    itself held before, when it is not known to be appended to.

    Args:
        metadata: of the materialisation.
        key: the asset.
        reads: what it read.
        graph: the full asset graph.
        appends: whether it is known that it keeps what it held before.
    """
    lineage = lineage_of(metadata)
    known = {*(r.key for r in reads), *([key] if appends else [])}
    strange = {
        d.asset_key: column
        for column, deps in sorted(lineage.deps_by_column.items() if lineage else (), reverse=True)
        for d in deps
        if d.asset_key not in known
    }
    todo = {key} if strange else set[AssetKey]()
    upstream: set[AssetKey] = set()
    while todo:
        each = todo.pop()
        upstream.add(each)
        parents = graph.get(each).parent_keys if graph.has(each) else ()
        todo |= {p for p in parents if p not in upstream}
    itself = [
        f"its column {column!r} is recorded to be made from what the table held before; declare writes='append'"
        for column in [strange.pop(key, None)]
        if column is not None
    ]
    return itself + [
        f"its column {column!r} is recorded to be made from {name_of(source)}, which it does not depend on; "
        "add that to its deps"
        for source, column in sorted(strange.items())
        if source not in upstream
    ]


def column_edges(metadata: Mapping[str, object], reads: Iterable[Read]) -> Iterable[ColumnEdge]:
    """The edges of the OpenLineage ``columnLineage`` facet.

    Args:
        metadata: of the materialisation.
        reads: what it read.
    """
    by_key: dict[AssetKey, list[Version]] = {}
    for read in reads:
        by_key.setdefault(read.key, []).append(read.version)
    lineage = lineage_of(metadata)
    for column, sources in sorted(lineage.deps_by_column.items() if lineage else ()):
        for source in sources:
            for version in by_key.get(source.asset_key, ()):
                yield ColumnEdge(column, version, source.column_name)
