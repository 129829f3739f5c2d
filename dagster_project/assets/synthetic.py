"""Synthetic tables: fables that language models go on writing from their first words.

Every row says which model was asked for (``model``), over which channel (``channel``), when
(``generated_at``) and for what (``usage``), and what the endpoint says of itself: the model
that answered (``answered_by``) and where (``endpoint``).

``assistant_stories`` stands for a table that GPT-4o wrote through OpenAI's API, and that is
what it declares. So that the demo needs no account, the fable model *stands in* for GPT-4o
unless ``COMMERCIAL_MODEL_API_KEY`` is set; ``answered_by`` and ``endpoint`` show it in each row.
"""

import os
import uuid
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_project.resources.chat_model import ChatModel, OpenModel
from dagster_project.resources.tables import Row, Tables
from dagster_project.settings import Endpoint, commercial_endpoint, open_endpoint
from lineage_guard import ModelSource, synthetic_asset

OPENINGS = {
    "animals": ("A Fox", "A Wolf", "A Lion", "The Crow", "A Dog", "The Hare", "An Ass", "A Bear"),
    "people": ("A Farmer", "A Boy", "A Man", "The Fisherman", "The Traveler", "A Father", "An Old Man", "The Shepherd"),
}
VERSIONS = 6
casts = dg.StaticPartitionsDefinition(list(OPENINGS))


def _source(endpoint: Endpoint) -> ModelSource:
    return ModelSource(provider=endpoint.provider, model=endpoint.model, channel=endpoint.channel)


def _write(model: OpenModel, name: str, channel: str, openings: tuple[str, ...], first_seed: int) -> list[Row]:
    rows: list[Row] = []
    for opening in openings:
        for version in range(VERSIONS):
            answer = model.answer(opening, seed=first_seed + version)
            rows.append(
                {
                    "id": str(uuid.uuid4()),
                    "prompt": opening,
                    "response": answer.text,
                    "model": name,
                    "channel": channel,
                    "generated_at": answer.answered_at,
                    "usage": "GENERATION",
                    "answered_by": answer.answered_by,
                    "endpoint": model.url,
                    "prompt_tokens": answer.prompt_tokens,
                    "completion_tokens": answer.completion_tokens,
                }
            )
    return rows


def _result(rows: list[Row], path: Path) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "table": str(path),
            "answered_by": ", ".join(sorted({row["answered_by"] for row in rows})),
            "preview": dg.MetadataValue.md("\n".join(f"- **{row['prompt']}** {row['response']}" for row in rows[:4])),
        }
    )


@synthetic_asset(
    _source(open_endpoint(os.environ)),
    key_prefix="synthetic",
    group_name="stories",
    partitions_def=casts,
    backfill_policy=dg.BackfillPolicy.single_run(),
    owners=["team:stories"],
)
def stories(context: dg.AssetExecutionContext, open_model: ChatModel, tables: Tables) -> dg.MaterializeResult[Any]:
    """Fables by a model whose licence lets others learn from them, a partition per cast."""
    written: list[Row] = []
    with open_model.open() as model:
        for partition in context.partition_keys:
            rows = _write(model, open_model.model, open_model.channel, OPENINGS[partition], first_seed=100)
            tables.write("synthetic/stories", rows, partition)
            written += rows
    return _result(written, tables.path("synthetic/stories"))


@synthetic_asset(
    _source(commercial_endpoint(os.environ)),
    # Where the stand-in answers for GPT-4o, what is observed would rightly contradict the declaration.
    observe=commercial_endpoint(os.environ).base_url is not None,
    key_prefix="synthetic",
    group_name="stories",
    owners=["team:assistants"],
)
def assistant_stories(commercial_model: ChatModel, tables: Tables) -> dg.MaterializeResult[Any]:
    """Fables declared as GPT-4o's; a stand-in writes them unless a key is set (see the module)."""
    with commercial_model.open() as model:
        openings = OPENINGS["animals"][:4] + OPENINGS["people"][:4]
        rows = _write(model, commercial_model.model, commercial_model.channel, openings, first_seed=900)
    tables.write("synthetic/assistant_stories", rows)
    return _result(rows, tables.path("synthetic/assistant_stories"))
