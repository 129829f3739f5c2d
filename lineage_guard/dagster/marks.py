"""Marks in the wrong place: a training asset that nobody would recognise as one is refused at load.

A misspelt tag, or one on the op, the job or in the metadata, looks right to its author and
marks nothing. Training would run with no gate and no word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.keys import RESTRICTED_TAG, USE_TAG, is_use
from lineage_guard.domain.errors import ConfigError, DeclarationError

_OURS = re.compile(r"lineage[^a-z0-9]*guard", re.IGNORECASE)
_FIX = "put training(use=...) into `tags` of the asset that trains: @dg.asset(tags=training())"


def check_marks(assets: Iterable[object], jobs: Iterable[object] = ()) -> None:
    """Refuse marks that mark nothing.

    Args:
        assets: assets of any kind, as ``Definitions`` hold them.
        jobs: jobs, ready-built or not.

    Raises:
        ConfigError: for a mark in the wrong place or a tag of ours that does not exist.
        DeclarationError: for a use that is no name, the empty one included.
    """
    for asset in assets:
        if isinstance(asset, dg.AssetsDefinition):
            for spec in asset.specs:
                check_asset_marks(spec.key.to_user_string(), spec.tags, spec.metadata)
            if asset.is_executable:
                for op in (asset.node_def, *asset.node_def.iterate_op_defs()):
                    _nowhere(op.tags, f"the op tags of {op.name!r}")
        elif isinstance(asset, dg.AssetSpec | dg.SourceAsset):
            metadata = cast("Mapping[str, Any]", asset.metadata or {})
            check_asset_marks(asset.key.to_user_string(), asset.tags or {}, metadata)
    for job in jobs:
        if isinstance(job, dg.JobDefinition | compat.UnresolvedAssetJobDefinition):
            for tags in (job.tags, job.run_tags):
                _nowhere(tags or {}, f"the tags of job {job.name!r}")


def is_ours(tag: str) -> bool:
    """Whether a tag marks an asset as a training asset, or was meant to."""
    return _OURS.match(tag) is not None and tag != RESTRICTED_TAG


def check_asset_marks(asset: str, tags: Mapping[str, str], metadata: Mapping[str, object]) -> None:
    """Refuse the marks of one asset that mark nothing.

    Args:
        asset: its name.
        tags: its tags.
        metadata: its metadata.

    Raises:
        ConfigError: for a mark in the wrong place or a tag of ours that does not exist.
        DeclarationError: for a use that is no name, the empty one included.
    """
    for tag in tags:
        if is_ours(tag) and tag != USE_TAG:
            raise ConfigError(
                f"lineage_guard has no asset tag {tag!r}", where=asset, fix=f"write {USE_TAG!r}, or {_FIX}"
            )
    if USE_TAG in tags and not is_use(tags[USE_TAG]):
        raise DeclarationError(f"{tags[USE_TAG]!r} cannot be the name of a use", where=asset, fix=_FIX)
    _nowhere(metadata, f"the metadata of {asset!r}")


def _nowhere(values: Mapping[str, object], place: str) -> None:
    if USE_TAG in values:
        raise ConfigError(f"the mark of a training asset does nothing in {place}", where=place, fix=_FIX)
