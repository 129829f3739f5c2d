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

import dagster as dg
import pandas as pd
from lineage_guard import ModelSource, synthetic_asset

from dagster_project.resources.chat_model import ChatModel, OpenModel
from dagster_project.resources.tables import Tables
from dagster_project.settings import Endpoint, commercial_endpoint, open_endpoint

OPENINGS = {
    "animals": ("A Fox", "A Wolf", "A Lion", "The Crow", "A Dog", "The Hare", "An Ass", "A Bear"),
    "people": ("A Farmer", "A Boy", "A Man", "The Fisherman", "The Traveler", "A Father", "An Old Man", "The Shepherd"),
}
VERSIONS = 6
casts = dg.StaticPartitionsDefinition(list(OPENINGS))


def _source(endpoint: Endpoint) -> ModelSource:
    return ModelSource(provider=endpoint.provider, model=endpoint.model, channel=endpoint.channel)


def _write(
    model: OpenModel, name: str, channel: str, openings: tuple[str, ...], first_seed: int
) -> pd.DataFrame:
    rows: list[dict[str, object]] = []
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
    return pd.DataFrame(rows)


def _result(frame: pd.DataFrame, path: object) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(frame),
            "table": dg.MetadataValue.path(str(path)),
            "answered_by": ", ".join(sorted(set(frame["answered_by"]))),
            "preview": dg.MetadataValue.md(_preview(frame)),
        }
    )


def _preview(frame: pd.DataFrame) -> str:
    lines = [f"- **{p}** {r}" for p, r in zip(frame["prompt"][:4], frame["response"][:4], strict=True)]
    return "\n".join(lines)


@synthetic_asset(
    _source(open_endpoint(os.environ)),
    key_prefix="synthetic",
    group_name="stories",
    partitions_def=casts,
    backfill_policy=dg.BackfillPolicy.single_run(),
    owners=["team:stories"],
)
def stories(
    context: dg.AssetExecutionContext, open_model: ChatModel, tables: Tables
) -> dg.MaterializeResult[None]:
    """Fables by a model whose licence lets others learn from them, a partition per cast."""
    written: list[pd.DataFrame] = []
    with open_model.open() as model:
        for partition in context.partition_keys:
            frame = _write(model, open_model.model, open_model.channel, OPENINGS[partition], first_seed=100)
            tables.write("synthetic/stories", frame, partition)
            written.append(frame)
    return _result(pd.concat(written, ignore_index=True), tables.path("synthetic/stories"))


@synthetic_asset(
    _source(commercial_endpoint(os.environ)),
    key_prefix="synthetic",
    group_name="stories",
    owners=["team:assistants"],
)
def assistant_stories(commercial_model: ChatModel, tables: Tables) -> dg.MaterializeResult[None]:
    """Fables declared as GPT-4o's; a stand-in writes them unless a key is set (see the module)."""
    with commercial_model.open() as model:
        openings = OPENINGS["animals"][:4] + OPENINGS["people"][:4]
        frame = _write(model, commercial_model.model, commercial_model.channel, openings, first_seed=900)
    tables.write("synthetic/assistant_stories", frame)
    return _result(frame, tables.path("synthetic/assistant_stories"))
