"""``@synthetic_asset``: ``@dagster.asset`` for data that a model made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, TypedDict, Unpack, cast

import dagster as dg

from lineage_guard.dagster.declare import declare
from lineage_guard.dagster.observed import OBSERVE_KEY
from lineage_guard.domain.facts import Completeness, License, ModelSource

KIND = "synthetic"
#: Dagster shows at most three kinds on an asset.
_MOST_KINDS = 3


class AssetArguments(TypedDict, total=False):
    """The arguments of ``@dagster.asset``; see its documentation."""

    name: str | None
    key: dg.AssetKey | str | Sequence[str] | None
    key_prefix: str | Sequence[str] | None
    ins: Mapping[str, dg.AssetIn] | None
    deps: Iterable[Any] | None
    metadata: Mapping[str, Any] | None
    tags: Mapping[str, str] | None
    description: str | None
    config_schema: Any
    required_resource_keys: AbstractSet[str] | None
    resource_defs: Mapping[str, object] | None
    hooks: AbstractSet[dg.HookDefinition] | None
    io_manager_def: object | None
    io_manager_key: str | None
    dagster_type: dg.DagsterType | None
    partitions_def: dg.PartitionsDefinition[str] | None
    op_tags: Mapping[str, Any] | None
    group_name: str | None
    output_required: bool
    automation_condition: dg.AutomationCondition[Any] | None
    freshness_policy: Any
    backfill_policy: dg.BackfillPolicy | None
    retry_policy: dg.RetryPolicy | None
    code_version: str | None
    check_specs: Sequence[dg.AssetCheckSpec] | None
    owners: Sequence[str] | None
    kinds: AbstractSet[str] | None
    pool: str | None


def synthetic_asset(
    *sources: ModelSource,
    licenses: Sequence[License | str] = (),
    completeness: Completeness = Completeness.COMPLETE,
    artefact: str | None = None,
    indirect: Sequence[str] = (),
    note: str | None = None,
    observe: bool = True,
    column_lineage: Completeness = Completeness.UNKNOWN,
    parents: Sequence[str] = (),
    **asset: Unpack[AssetArguments],
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Define an asset that a model made: ``@dagster.asset`` with the declaration filled in.

    Args:
        *sources: the models that made it. Without any, and nothing else declared, the models that are seen
            to answer while it runs stand in for a declaration, marked as INFERRED.
        licenses: see ``declare``.
        completeness: see ``declare``.
        artefact: see ``declare``.
        indirect: see ``declare``.
        note: see ``declare``.
        observe: ``False`` leaves its steps unobserved, which each of them says in its log. For a stand-in of
            the declared model, as demos and tests have one.
        column_lineage: see ``declare``.
        parents: see ``declare``.
        **asset: anything ``@dagster.asset`` takes. The kind ``synthetic`` is added.

    Raises:
        DeclarationError: see ``declare``.

    Example:
        >>> @synthetic_asset(ModelSource("openai", "gpt-4o", channel="api.openai.com"), group_name="made")
        ... def answers(): ...
        >>> sorted(answers.specs_by_key[answers.key].kinds)
        ['synthetic']
    """

    def decorate(fn: Callable[..., Any]) -> dg.AssetsDefinition:
        name = asset.get("name") or fn.__name__
        said = licenses or artefact or indirect or note or completeness is not Completeness.COMPLETE
        said = said or parents or column_lineage is not Completeness.UNKNOWN
        declared = (
            declare(
                *sources,
                licenses=licenses,
                completeness=completeness,
                artefact=artefact,
                indirect=indirect,
                note=note,
                asset=name,
                column_lineage=column_lineage,
                parents=parents,
            )
            if sources or said
            else {}
        )
        if not observe:
            declared[OBSERVE_KEY] = False
        arguments = cast("dict[str, Any]", dict(asset))
        arguments["metadata"] = {**(asset.get("metadata") or {}), **declared}
        kinds = set(asset.get("kinds") or ())
        arguments["kinds"] = kinds | {KIND} if len(kinds) < _MOST_KINDS else kinds
        return cast("Callable[[Callable[..., Any]], dg.AssetsDefinition]", dg.asset(**arguments))(fn)

    return decorate
