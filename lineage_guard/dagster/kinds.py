"""Kinds by which the asset graph shows what is guarded and what is restricted. They show; they decide nothing.

Dagster draws an asset's kinds on its node. Tags and metadata are seen only once an asset was clicked.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.declare import declaration_of
from lineage_guard.dagster.keys import RESTRICTED_TAG, use_of
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.facts import ModelSource

#: On a training asset before which the gate stands, and on data whose own models may not teach a competing one.
GUARDED, RESTRICTED = "guarded", "restricted"
#: Dagster takes at most three kinds on an asset.
MOST = 3
_log = logging.getLogger("lineage_guard")


def with_kinds(defs: dg.Definitions, settings: Settings) -> dg.Definitions:
    """The same definitions, with kinds where there is room for them; the very same when there is nothing to add.

    Definitions that hold ready-built jobs stay as they are: such a job has its assets already, and Dagster refuses
    two definitions of one asset.

    Args:
        defs: definitions whose training assets were guarded.
        settings: what ``guard()`` was told.
    """
    if any(isinstance(job, dg.JobDefinition) for job in defs.jobs or ()):
        return defs
    if any(isinstance(job, dg.JobDefinition) and compat.assets_of_job(job) for job in compat.automated(defs)[0]):
        return defs
    try:
        missing = {s.key: (s, _kinds(s, settings) - s.kinds) for s in _specs(defs)}
        wanted = {key: more for key, (s, more) in missing.items() if more and len(more | s.kinds) <= MOST}
        return compat.with_specs(defs, _changed(wanted), only=wanted) if wanted else defs
    except Exception as error:  # noqa: BLE001  whatever is wrong with a declaration, the gate says so
        _log.warning("lineage_guard could not mark assets in the graph: %s: %s", type(error).__name__, error)
        return defs


def _specs(defs: dg.Definitions) -> Iterable[dg.AssetSpec]:
    for asset in defs.assets or ():
        if isinstance(asset, dg.AssetSpec):
            yield asset
        elif isinstance(asset, dg.AssetsDefinition):
            yield from asset.specs


def _changed(wanted: dict[dg.AssetKey, set[str]]) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    def changed(spec: dg.AssetSpec) -> dg.AssetSpec:
        more = wanted.get(spec.key)
        return spec.merge_attributes(kinds=more) if more else spec

    return changed


def _kinds(spec: dg.AssetSpec, settings: Settings) -> set[str]:
    """The kinds that an asset should have; which training assets a selection covers is known in the step alone."""
    found: set[str] = set()
    if use_of(spec.tags) is not None and settings.select is None:
        found.add(GUARDED)
    declared = declaration_of(spec.metadata)
    if RESTRICTED_TAG in spec.tags or (declared is not None and any(map(is_restricted, declared.models))):
        found.add(RESTRICTED)
    return found


def is_restricted(model: ModelSource) -> bool:
    """Whether a model is known, by its name alone, as a commercial one whose output may not teach a competing one.

    For the eye: the policy, own catalog files, dates and resellers are not asked. A code location that loads must
    not pay for reading the catalog, so this goes by a list made of it.

    Example:
        >>> is_restricted(ModelSource("openai", "gpt-4o", channel="api.openai.com"))
        True
        >>> is_restricted(ModelSource("openai", "gpt-oss-120b", channel="self-hosted"))
        False
    """
    if model.terms is not None or model.channel == "self-hosted":
        return False
    name, known = model.model.lower(), _listed()
    return any(fnmatchcase(name, p) for p in known["models"]) and not any(
        fnmatchcase(name, p) for p in known["excluding"]
    )


@cache
def _listed() -> dict[str, list[str]]:
    """Patterns of model ids of hosted services whose terms block; written by tests/dagster/test_kinds.py."""
    text = files("lineage_guard.dagster").joinpath("restricted_models.json").read_text(encoding="utf-8")
    return json.loads(text)
