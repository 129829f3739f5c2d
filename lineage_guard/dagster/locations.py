"""Code locations, loaded in this process the way a Dagster code server loads them.

Uses Dagster's own target and repository loaders, which are not public API. They stand here
and not in ``compat`` because importing them costs time that only the command line should pay;
``tests/cli`` runs every kind of target through them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.remote_origin import CodeLocationOrigin, GrpcServerCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import (
    ModuleTarget,
    PyProjectFileTarget,
    PythonFileTarget,
    WorkspaceFileTarget,
    WorkspaceLoadTarget,
)
from dagster._grpc.server import LoadedRepositories

from lineage_guard.dagster.installed import settings_of as settings_of
from lineage_guard.dagster.settings import Settings
from lineage_guard.dagster.target import Target
from lineage_guard.domain.errors import ConfigError


@dataclass(frozen=True)
class Location:
    """One code location.

    Attributes:
        name: as the Dagster UI shows it.
        repositories: what it defines.
        unseen: why it cannot be looked into from here; ``None`` when it can.
    """

    name: str
    repositories: tuple[dg.RepositoryDefinition, ...] = ()
    unseen: str | None = None

    def assets(self) -> list[dg.AssetsDefinition]:
        """Its assets definitions, each once."""
        found: dict[int, dg.AssetsDefinition] = {}
        for repository in self.repositories:
            for definition in repository.assets_defs_by_key.values():
                found.setdefault(id(definition), definition)
        return list(found.values())


@dataclass(frozen=True)
class Found:
    """One asset in a code location.

    Attributes:
        key: its key.
        definition: what defines it.
        repository: where.
        location: where.
    """

    key: dg.AssetKey
    definition: dg.AssetsDefinition
    repository: dg.RepositoryDefinition
    location: Location

    @property
    def settings(self) -> Settings | None:
        """What ``guard()`` was told for it; ``None`` when its ops are not wrapped."""
        return settings_of(self.definition)


def load_locations(target: Target) -> tuple[Location, ...]:
    """Load every code location of a target in this process.

    Without a target it looks where ``dagster dev`` does: ``[tool.dagster]`` or ``[tool.dg]`` in
    ``pyproject.toml``, then ``workspace.yaml``, in the current folder.

    Args:
        target: where to look.

    Returns:
        The code locations; none when nothing is named and nothing is found here. One that runs
        in a server or an interpreter of its own is there, as ``unseen``.

    Raises:
        ConfigError: the target does not exist or its code cannot be loaded.
    """
    return tuple(_load(origin) for each in _targets(target) for origin in _origins(each))


def find(locations: Iterable[Location], key: dg.AssetKey) -> Found:
    """Find an asset.

    Args:
        locations: where to look.
        key: its key.

    Raises:
        ConfigError: no code location defines it; the nearest names are suggested.
    """
    every: dict[str, None] = {}
    external: Found | None = None
    for location in locations:
        for repository in location.repositories:
            definition = repository.assets_defs_by_key.get(key)
            if definition is not None:
                found = Found(key, definition, repository, location)
                if definition.is_executable:
                    return found
                external = external or found
            every.update(dict.fromkeys(k.to_user_string() for k in repository.assets_defs_by_key))
    if external is not None:
        return external
    near = get_close_matches(key.to_user_string(), every, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(near)}?" if near else "`dagster asset list` shows what there is"
    raise ConfigError("no code location defines this asset", where=key.to_user_string(), fix=hint)


def graph_of_all(locations: Sequence[Location]) -> AssetGraph:
    """One asset graph over all code locations; an asset is taken from where it is made."""
    repositories = [r for location in locations for r in location.repositories]
    if len(repositories) == 1:
        return repositories[0].asset_graph
    chosen: dict[dg.AssetKey, dg.AssetsDefinition] = {}
    for repository in repositories:
        for key, definition in repository.assets_defs_by_key.items():
            if key not in chosen or (definition.is_executable and not chosen[key].is_executable):
                chosen[key] = definition
    return AssetGraph.from_assets({id(d): d for d in chosen.values()}.values())


def _targets(target: Target) -> Sequence[WorkspaceLoadTarget]:
    folder = target.working_directory or os.getcwd()
    found: list[WorkspaceLoadTarget] = [ModuleTarget(m, None, folder, None) for m in target.modules]
    found += [PythonFileTarget(_existing(f, "-f"), None, folder, None) for f in target.files]
    found += [WorkspaceFileTarget([_existing(w, "-w")]) for w in target.workspaces]
    if found:
        return found
    if _has_dagster_block(Path("pyproject.toml")):
        return [PyProjectFileTarget("pyproject.toml")]
    return [WorkspaceFileTarget([name]) for name in ("workspace.yaml", "workspace.yml") if Path(name).is_file()][:1]


def _existing(path: str, option: str) -> str:
    if not Path(path).is_file():
        raise ConfigError("there is no such file", where=path, fix=f"check the path given with {option}")
    return path


def _has_dagster_block(path: Path) -> bool:
    import tomllib

    try:
        tool = cast("dict[str, Any]", tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {}))
    except OSError:
        return False
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"it is not TOML: {error}", where=str(path), fix="mend the file") from error
    return "dagster" in tool or "project" in tool.get("dg", {})


def _origins(target: WorkspaceLoadTarget) -> Sequence[CodeLocationOrigin]:
    try:
        return target.create_origins()
    except Exception as error:
        raise ConfigError(
            f"the workspace cannot be read: {_line(error)}",
            where=str(target),
            fix="mend the file; `dagster dev` reads it too",
        ) from error


def _load(origin: CodeLocationOrigin) -> Location:
    name = origin.location_name
    target = None if isinstance(origin, GrpcServerCodeLocationOrigin) else origin.loadable_target_origin
    if target is None:
        return Location(name, unseen="it runs in a code server of its own; run this command where its code is")
    if target.executable_path not in (None, sys.executable):
        return Location(
            name, unseen=f"it runs under another interpreter; run this command with {target.executable_path}"
        )
    if target.working_directory is None:
        # As `dagster api grpc` does (dagster/_cli/api.py); a console script has no current folder on its path.
        target = cast("LoadableTargetOrigin", cast("Any", target)._replace(working_directory=os.getcwd()))
    try:
        loaded = LoadedRepositories(target, container_image=None, entry_point=["dagster"], container_context=None)
    except Exception as error:
        cause = error.__cause__ or error
        raise ConfigError(
            f"its code cannot be loaded: {_line(cause)}",
            where=name,
            fix="mend what the message names; LINEAGE_GUARD_DEBUG=1 shows where",
        ) from error
    return Location(name, tuple(loaded.definitions_by_name.values()))


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
