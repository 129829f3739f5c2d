"""Where the data comes from: one model whose terms bar training a competitor, one whose terms do not."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from lineage_guard import ModelSource, synthetic_asset

COLORS = ("tainted", "clean")
MODELS = {
    "tainted": ModelSource("openai", "gpt-4o-2024-08-06", channel="api.openai.com"),
    "clean": ModelSource("deepseek", "deepseek-r1", channel="self-hosted"),
}


def table(color: str, key: Sequence[str], **arguments: Any) -> dg.AssetsDefinition:
    """Rows that a model wrote."""

    @synthetic_asset(MODELS[color], key=[*key], **arguments)
    def rows() -> list[int]:
        return [1, 2, 3]

    return rows


def mixed_table(key: Sequence[str], partitions: Mapping[str, str], **arguments: Any) -> dg.AssetsDefinition:
    """Rows that one model wrote for some partitions and another for the others."""
    from dataclasses import replace

    models = [
        replace(model, partitions=tuple(p for p, by in partitions.items() if by == color))
        for color, model in MODELS.items()
    ]

    @synthetic_asset(*models, key=[*key], partitions_def=dg.StaticPartitionsDefinition([*partitions]), **arguments)
    def rows() -> list[int]:
        return [1, 2, 3]

    return rows
