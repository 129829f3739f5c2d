"""Curation in SQL: drop what is too short or said twice, then mix the two tables."""

from typing import Any

import dagster as dg

from dagster_project.assets.synthetic import assistant_stories, casts, stories
from dagster_project.resources.tables import Tables

_DISTINCT_AND_LONG_ENOUGH = """
SELECT id, prompt, response, model, channel, generated_at, usage, answered_by
FROM stories
WHERE length(response) >= 40
QUALIFY row_number() OVER (PARTITION BY lower(prompt || response) ORDER BY generated_at, id) = 1
ORDER BY prompt, id
"""
_MIXED = """
SELECT * FROM curated
UNION ALL BY NAME
SELECT id, prompt, response, model, channel, generated_at, usage, answered_by FROM assistant
WHERE length(response) >= 40
"""


@dg.asset(key_prefix="curated", group_name="stories", deps=[stories], kinds={"duckdb"})
def story_set(tables: Tables) -> dg.MaterializeResult[Any]:
    """The open model's fables, deduplicated."""
    files = [tables.path("synthetic/stories", partition) for partition in casts.get_partition_keys()]
    rows = tables.query(_DISTINCT_AND_LONG_ENOUGH, stories=files)
    count = tables.write("curated/story_set", rows)
    return dg.MaterializeResult(metadata={"dagster/row_count": count})


@dg.asset(key_prefix="curated", group_name="stories", deps=[story_set, assistant_stories], kinds={"duckdb"})
def mixed_set(tables: Tables) -> dg.MaterializeResult[Any]:
    """The curated fables and the assistant's in one table, as teams do when they want more data."""
    rows = tables.query(
        _MIXED,
        curated=[tables.path("curated/story_set")],
        assistant=[tables.path("synthetic/assistant_stories")],
    )
    count = tables.write("curated/mixed_set", rows)
    return dg.MaterializeResult(metadata={"dagster/row_count": count})
