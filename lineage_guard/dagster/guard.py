"""``defs = guard(defs)``: the one line that puts the gate in front of every training asset."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.condition import check_conditions
from lineage_guard.dagster.gate.enter import Entry
from lineage_guard.dagster.gate.sign import put_up
from lineage_guard.dagster.gate.wrap import wrap, wrapped_by
from lineage_guard.dagster.keys import CHECK_NAME, DECLARATION_KEY, SENSOR_NAME, WRITES_KEY, use_of
from lineage_guard.dagster.kinds import with_kinds
from lineage_guard.dagster.marks import check_marks
from lineage_guard.dagster.modes import check_selections, modes_from, selection_of
from lineage_guard.dagster.observed import observe
from lineage_guard.dagster.rows.found import tell
from lineage_guard.dagster.seal import unsealed
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.errors import ConfigError, UnsupportedAsset

if TYPE_CHECKING:
    from lineage_guard.domain.rules.policy import Policy
    from lineage_guard.domain.rules.waivers import Waiver

#: Policies that ship with the package; anything else is the path of a file.
SHIPPED_POLICIES = ("default", "strict", "research", "observe")

Guardable = TypeVar(
    "Guardable",
    dg.Definitions,
    compat.LazyDefinitions[Any],
    dg.RepositoryDefinition,
    dg.AssetsDefinition,
    Sequence[Any],
)
_FIX = (
    "pass a dagster.Definitions, what @definitions or load_from_defs_folder() gives, a repository, an asset, or a list "
    "of assets"
)


def guard(
    defs: Guardable,
    *,
    policy: str | Path | Policy = "default",
    ledger: str | Path | None = None,
    namespace: str | None = None,
    waivers: Iterable[Waiver] | str | Path = (),
    select: str | dg.AssetSelection | None = None,
    catalog: Iterable[str | Path] | None = None,
    sensor: bool = True,
    mode: str | Mapping[str, str] = "enforce",
) -> Guardable:
    """Put the gate in front of every training asset, and the sensor beside them.

    Training assets are those tagged with ``training(use=...)``. Their ops are wrapped in
    place, so every path that runs a step of them meets the gate first. Assets with a
    declaration are wrapped too, to write it down with each materialisation. All assets are
    observed: which models answer while they run is written down as well. Guarding twice
    changes nothing.

    Args:
        defs: Definitions (also lazily loaded), a repository, an asset, or a list of assets, e.g.
            of ``load_assets_from_modules``. Only Definitions can get the sensor and the checks; to
            the others, add the sensor of ``lineage_guard.dagster.sensor.sensor`` yourself.
        policy: ``"default"``, ``"strict"``, ``"research"``, ``"observe"``, the path of a
            policy file, or a ``Policy``.
        ledger: folder, ``file://`` or ``s3://`` URL; else ``LINEAGE_GUARD_LEDGER``, else a
            folder in ``DAGSTER_HOME``. Every process that runs steps must reach it.
        namespace: OpenLineage namespace; else ``OPENLINEAGE_NAMESPACE``, else ``"default"``.
        waivers: accepted risks: ``"waivers.yaml"``, a reviewed file that every process which runs steps must
            reach and that is read anew at each decision, or a list of ``Waiver``.
        select: which of the training assets to guard, in Dagster's selection syntax.
        catalog: own catalog files (private models, negotiated agreements) that add to the shipped
            one; else the files named by ``LINEAGE_GUARD_CATALOG``.
        sensor: whether to add the sensor that collects, re-decides, delivers and alerts, and the
            asset check ``lineage_guard`` on which it shows each verdict.
        mode: ``"enforce"``; ``"warn"``, where everything runs and owners are alerted; or
            ``"observe"``, where everything runs and the verdict is only shown. By assets:
            ``{"group:experimental": "observe", "*": "enforce"}``, in Dagster's selection syntax;
            of several that cover an asset the strictest holds, ``"*"`` is for the rest, and what
            nothing covers is enforced.

    Returns:
        The same kind of thing, guarded.

    Raises:
        ConfigError: for a policy, catalog, file of waivers or mode that does not exist, a selection that
            Dagster cannot read or that covers no training asset, or when the same asset was guarded before with other
            arguments.
        UnsupportedAsset: for a training asset that cannot be gated; it is never skipped.

    Example:
        >>> @dg.asset(tags={"lineage_guard/use": "train_competing"})
        ... def student(): ...
        >>> defs = guard(dg.Definitions(assets=[student]), ledger="/tmp/ledger", sensor=False)
        >>> defs is not None
        True
    """
    settings = Settings(
        policy=_existing(policy),
        ledger=str(ledger) if ledger is not None else None,
        namespace=namespace,
        waivers=_waivers(waivers),
        select=select,
        catalog=None if catalog is None else tuple(_file(path) for path in catalog),
        mode=modes_from(mode),
    )
    if select is not None:
        selection_of(select, "guard(select=...)")
    if isinstance(defs, dg.Definitions):
        return cast("Guardable", _guarded(defs, settings, sensor))
    if isinstance(defs, compat.LazyDefinitions):
        return cast("Guardable", _lazily(defs, settings, sensor))
    if isinstance(defs, dg.RepositoryDefinition):
        jobs = defs.get_all_jobs()
        held = {id(a): a for a in (*defs.assets_defs_by_key.values(), *_assets_of_jobs(jobs))}
        check_marks(held.values(), jobs)
        _wrap_all(held.values(), settings)
        tell(compat.check_definitions(defs.asset_graph), settings)
        return defs
    assets = cast("object", [defs] if isinstance(defs, dg.AssetsDefinition) else defs)
    if isinstance(assets, Sequence) and not isinstance(assets, str):
        known = cast("Sequence[object]", assets)
        for asset in known:
            if not isinstance(asset, _ASSETS):
                raise ConfigError(
                    f"a list of assets holds a {type(asset).__name__}, and what that runs would stay unguarded",
                    where="guard([...])",
                    fix="guard each Definitions by itself, and pass lists of assets flat: [*some, *others]",
                )
        check_marks(known)
        _wrap_all(known, settings)
        return defs
    raise ConfigError(f"guard() cannot take a {type(defs).__name__}", where="guard(defs)", fix=_FIX)


#: What a list of assets may hold. Anything else might run something, and is refused.
_ASSETS = (dg.AssetsDefinition, dg.AssetSpec, dg.SourceAsset, compat.CacheableAssetsDefinition)


def _existing(policy: str | Path | Policy) -> str | Path | Policy:
    if not isinstance(policy, str | Path) or policy in SHIPPED_POLICIES:
        return policy
    if Path(policy).is_file():
        return Path(policy).resolve()
    raise ConfigError(
        f"there is no policy {str(policy)!r}",
        where="guard(policy=...)",
        fix=f"use one of {', '.join(SHIPPED_POLICIES)} or the path of a policy file",
    )


def _file(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise ConfigError(
            f"there is no catalog file {str(path)!r}",
            where="guard(catalog=...)",
            fix="name files that exist where the code location is loaded; a path relative to __file__ is safest",
        )
    return Path(path).resolve()


def _waivers(waivers: Iterable[Waiver] | str | Path) -> tuple[Waiver, ...] | Path:
    if not isinstance(waivers, str | Path):
        return tuple(waivers)
    if not Path(waivers).is_file():
        raise ConfigError(
            f"there is no file of waivers {str(waivers)!r}",
            where="guard(waivers=...)",
            fix="name a file that exists where steps run; an empty one reads `{format: 1, waivers: []}`",
        )
    return Path(waivers).resolve()


def _guarded(defs: dg.Definitions, settings: Settings, sensor: bool) -> dg.Definitions:
    defs, sealed = unsealed(defs)
    if isinstance(defs.assets or (), Sequence):
        defs = compat.with_automated(defs)
    if sealed is not None:
        if settings != Settings() or not sensor:
            raise ConfigError(
                f"guard() has arguments, and {sealed.where} says how to guard, too",
                where="guard(defs)",
                fix=f"call guard() without arguments, or take the component out of {sealed.where}",
            )
        return guard(sealed.declare(defs), **sealed.arguments())
    if not isinstance(defs.assets or (), Sequence):
        raise ConfigError(
            f"the assets of these definitions are a {type(defs.assets).__name__}, which can be read only once",
            where="guard(defs)",
            fix="give Definitions(assets=[...]) a list",
        )
    jobs, targets = compat.automated(defs)
    jobs = [*(defs.jobs or ()), *jobs]
    assets = [*(defs.assets or ()), *targets, *_assets_of_jobs(jobs)]
    check_marks(assets, jobs)
    check_conditions(assets, defs.sensors or ())
    check_selections(assets, settings.select, settings.mode)
    _wrap_all(assets, settings)
    tell(defs.asset_checks or (), settings)
    marked = with_kinds(defs, settings)
    if marked is not defs:
        # Other definitions around the same ops. Wrapping them again changes nothing, and none is left out by accident.
        defs = marked
        assets = list(defs.assets or ())
        _wrap_all(assets, settings)
    if not sensor:
        return defs
    from lineage_guard.dagster.sensor.check import training_checks
    from lineage_guard.dagster.sensor.sensor import build_sensor

    checked = _checked_by(defs, CHECK_NAME)
    specs = {s.key: s for a in assets if isinstance(a, dg.AssetsDefinition) for s in a.specs if s.key not in checked}
    extra = dg.Definitions(
        asset_checks=training_checks(list(specs.values()), settings),
        sensors=[] if any(s.name == SENSOR_NAME for s in defs.sensors or ()) else [build_sensor(settings)],
    )
    return dg.Definitions.merge(defs, extra) if extra.asset_checks or extra.sensors else defs


def _checked_by(defs: dg.Definitions, name: str) -> set[dg.AssetKey]:
    """Assets that already have the check of a name: in definitions that were guarded before."""
    return {key.asset_key for each in defs.asset_checks or () for key in each.check_keys if key.name == name}


def _lazily(defs: compat.LazyDefinitions[Any], settings: Settings, sensor: bool) -> compat.LazyDefinitions[Any]:
    def load(*context: Any) -> Any:
        return _guarded(defs.load_fn(*context), settings, sensor)

    return compat.LazyDefinitions(load_fn=load, has_context_arg=defs.has_context_arg)


def _assets_of_jobs(jobs: Iterable[object]) -> Iterator[dg.AssetsDefinition]:
    """Assets that only a ready-built job holds."""
    for job in jobs:
        if isinstance(job, dg.JobDefinition):
            yield from compat.assets_of_job(job)


def _wrap_all(assets: Iterable[object], settings: Settings) -> None:
    for asset in assets:
        if isinstance(asset, dg.AssetsDefinition):
            _wrap_asset(asset, settings)
        elif isinstance(asset, compat.CacheableAssetsDefinition):
            _wrap_when_built(asset, settings)
        elif isinstance(asset, dg.AssetSpec | dg.SourceAsset) and use_of(asset.tags or {}) is not None:
            raise _not_executable(asset.key)


def _wrap_asset(asset: dg.AssetsDefinition, settings: Settings) -> None:
    specs = list(asset.specs)
    trained = [spec.key for spec in specs if use_of(spec.tags) is not None]
    if trained and not asset.is_executable:
        raise _not_executable(trained[0])
    if not asset.is_executable:
        return
    tell([asset], settings)
    observe(asset, settings)
    if not (trained or any(spec.metadata.keys() & {DECLARATION_KEY, WRITES_KEY} for spec in specs)):
        return
    name = asset.keys and next(iter(asset.keys)).to_user_string()
    for op_def in asset.node_def.iterate_op_defs():
        before = wrapped_by(op_def)
        if before is None:
            whole = op_def is asset.node_def
            wrap(op_def, Entry(settings, trains=bool(trained), asset=str(name), whole=whole), str(name))
            if trained:
                put_up(op_def, settings)
        elif not isinstance(before, Entry) or before.settings != settings:
            raise ConfigError(
                "this asset is already guarded with other arguments",
                where=str(name),
                fix="guard each asset once; to guard assets under several policies, guard disjoint lists of assets",
            )
        elif trained:
            before.trains = True
            before.asset = str(name)
            put_up(op_def, settings)


def _wrap_when_built(asset: compat.CacheableAssetsDefinition, settings: Settings) -> None:
    """Assets that Dagster builds after loading: wrap them when they are built."""
    build: Callable[..., Sequence[dg.AssetsDefinition]] = asset.build_definitions
    if getattr(build, "__lineage_guard__", False):
        return

    def built(*args: Any, **kwargs: Any) -> Sequence[dg.AssetsDefinition]:
        assets = build(*args, **kwargs)
        _wrap_all(assets, settings)
        return assets

    built.__lineage_guard__ = True  # pyright: ignore[reportFunctionMemberAccess]
    asset.build_definitions = built


def _not_executable(key: dg.AssetKey) -> UnsupportedAsset:
    return UnsupportedAsset(
        "it is tagged as a training asset, but this deployment does not run it, so no gate can stop it",
        where=key.to_user_string(),
        fix="tag the asset that runs the training, or take the tag off; `lineage-guard check` can still judge it",
    )
