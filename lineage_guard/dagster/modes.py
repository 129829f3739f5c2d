"""Which mode holds for which training asset: for the whole guard, or by Dagster's asset selections."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, cast

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.keys import use_of
from lineage_guard.domain.errors import ConfigError
from lineage_guard.domain.verdict.modes import Mode, strictest

#: Stands for every asset that no other entry covers.
REST = "*"
_WHERE = "guard(mode=...)"


@dataclass(frozen=True, slots=True)
class Modes:
    """Modes by asset selection. Their order means nothing: of those that cover an asset the strictest holds.

    Attributes:
        rest: for what no entry covers. Nothing said is ENFORCE.
        entries: selections in Dagster's syntax and their modes.
    """

    rest: Mode = Mode.ENFORCE
    entries: tuple[tuple[str, Mode], ...] = ()

    @property
    def floor(self) -> Mode:
        """The mode where it cannot be found out which assets are meant: what holds for all, else ENFORCE."""
        return Mode.ENFORCE if self.entries else self.rest


#: Nothing was said of modes.
ENFORCED = Modes()


def modes_from(given: str | Mapping[str, str]) -> Modes:
    """Read what ``guard(mode=...)`` was given.

    Args:
        given: ``"observe"``, ``"warn"`` or ``"enforce"``; or selections in Dagster's syntax and
            their modes, where ``"*"`` is everything that no other entry covers.

    Raises:
        ConfigError: for a mode that does not exist, or a selection that cannot be read.

    Example:
        >>> modes_from({"group:experimental": "observe", "*": "enforce"}).entries
        (('group:experimental', <Mode.OBSERVE: 'observe'>),)
    """
    if not isinstance(given, Mapping):
        return Modes(_mode(given))
    if not given:
        raise ConfigError("no mode is given", where=_WHERE, fix="leave `mode` out to enforce, or name one")
    entries = {selection: _mode(mode) for selection, mode in given.items() if selection != REST}
    for selection in entries:
        selection_of(selection, _WHERE)
    return Modes(_mode(given.get(REST, Mode.ENFORCE)), tuple(sorted(entries.items())))


def _mode(word: object) -> Mode:
    try:
        return Mode(cast("str", word))
    except ValueError as error:
        known = ", ".join(repr(m.value) for m in Mode)
        raise ConfigError(f"there is no mode {word!r}", where=_WHERE, fix=f"use one of {known}") from error


def selection_of(select: str | dg.AssetSelection, where: str) -> dg.AssetSelection:
    """An asset selection from Dagster's own syntax.

    Args:
        select: text, or a selection as it is.
        where: what it was given to, for the error.

    Raises:
        ConfigError: Dagster cannot read it.
    """
    if isinstance(select, dg.AssetSelection):
        return select
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            return dg.AssetSelection.from_string(select)
    except Exception as error:
        raise ConfigError(
            f"Dagster cannot read the asset selection {select!r}",
            where=where,
            fix="write it as in the search field of the asset graph: 'group:lab', 'key:student', 'tag:team=nlp'",
        ) from error


def covered(select: str | dg.AssetSelection, graph: object, where: str) -> AbstractSet[dg.AssetKey]:
    """The assets that a selection covers.

    Args:
        select: the selection.
        graph: the full asset graph, or a list of assets.
        where: what it was given to, for the error.

    Raises:
        ConfigError: it cannot be read, or names an asset that does not exist.
    """
    selection = selection_of(select, where)
    try:
        return cast("AbstractSet[dg.AssetKey]", cast("Any", selection).resolve(graph))
    except Exception as error:
        raise ConfigError(
            f"the selection {str(select)!r} cannot be resolved: {' '.join(str(error).split())}",
            where=where,
            fix="correct the selection",
        ) from error


def selected(
    select: str | dg.AssetSelection | None, graph: object, training: Iterable[dg.AssetKey]
) -> AbstractSet[dg.AssetKey]:
    """Those of all training assets that ``guard(select=...)`` covers.

    Args:
        select: the selection; ``None`` covers all.
        graph: the full asset graph, or a list of assets.
        training: all training assets of the graph.

    Raises:
        ConfigError: it cannot be resolved, or covers no training asset at all.
    """
    found = set(training)
    if select is None:
        return found
    chosen = found & covered(select, graph, "guard(select=...)")
    if not chosen:
        raise ConfigError(
            f"the selection {str(select)!r} covers no training asset at all",
            where="guard(select=...)",
            fix="correct the selection, or leave it out to guard every training asset",
        )
    return chosen


def assigned(modes: Modes, graph: object, training: Iterable[dg.AssetKey]) -> dict[dg.AssetKey, Mode]:
    """The mode of each training asset.

    Args:
        modes: what ``guard(mode=...)`` was given.
        graph: the full asset graph, or a list of assets.
        training: all training assets of the graph.

    Raises:
        ConfigError: an entry cannot be resolved, or covers no training asset at all: it was meant to
            say something of one.
    """
    found = {key: list[Mode]() for key in training}
    for select, mode in modes.entries:
        mine = covered(select, graph, _WHERE) & found.keys()
        if not mine:
            raise ConfigError(
                f"the entry {select!r}: {mode.value!r} covers no training asset at all",
                where=_WHERE,
                fix="correct the selection, or take the entry out",
            )
        for key in mine:
            found[key].append(mode)
    return {key: strictest(said) if said else modes.rest for key, said in found.items()}


def check_selections(assets: Iterable[object], select: str | dg.AssetSelection | None, modes: Modes) -> None:
    """Refuse selections that cover no training asset, when the code is loaded.

    Args:
        assets: assets of any kind, as ``Definitions`` hold them.
        select: what ``guard(select=...)`` was given.
        modes: what ``guard(mode=...)`` was given.

    Raises:
        ConfigError: for a selection that covers no training asset of these. Where there is no asset graph
            of them yet, the training step asks, and stops.
    """
    assets = list(assets)
    if select is None and not modes.entries:
        return
    if any(isinstance(asset, compat.CacheableAssetsDefinition) for asset in assets):
        return  # what these will be is known when they are built, and the step asks then
    kinds = (dg.AssetsDefinition, dg.SourceAsset, dg.AssetSpec)
    known: dict[int, Any] = {id(asset): asset for asset in assets if isinstance(asset, kinds)}
    try:
        graph = compat.AssetGraph.from_assets(list(known.values()))
        training = training_keys(graph)
    except Exception:  # noqa: BLE001  Dagster says what is wrong with these assets when it loads them
        return
    if training:
        selected(select, graph, training)
        assigned(modes, graph, training)


def training_keys(graph: Any) -> dict[dg.AssetKey, str]:
    """All training assets of an asset graph, with their uses."""
    return {node.key: use for node in graph.asset_nodes if (use := use_of(node.tags)) is not None}
