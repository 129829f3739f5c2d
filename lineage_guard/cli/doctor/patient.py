"""What the examinations look at, found out on the way: each fills in what the later ones need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from lineage_guard.dagster.target import Target

if TYPE_CHECKING:
    import dagster as dg

    from lineage_guard.dagster.locations import Location
    from lineage_guard.dagster.pins.resolve import Graph
    from lineage_guard.dagster.settings import Settings
    from lineage_guard.ledger import Ledger


class UnderGuard(NamedTuple):
    """A training asset among definitions that ``guard()`` was called on, whether its gate selects it or not.

    Attributes:
        key: the asset.
        settings: what ``guard()`` was told.
        graph: all assets of its repository, among which the settings select.
        training: those of them that train, with their uses.
    """

    key: dg.AssetKey
    settings: Settings
    graph: Graph
    training: Mapping[dg.AssetKey, str]


@dataclass
class Patient:
    """A deployment.

    Attributes:
        target: where definitions are.
        ledger_place: overrides the place of the ledger.
        full: also read and verify every file of the ledger.
        now: the time (timezone-aware UTC).
        locations: code locations that were loaded, or are known and cannot be looked into.
        settings: what the first ``guard()`` was told.
        instance: the Dagster instance.
        ledger: the ledger.
    """

    target: Target
    ledger_place: str | None
    full: bool
    now: datetime
    locations: tuple[Location, ...] = ()
    settings: Settings | None = None
    instance: dg.DagsterInstance | None = None
    ledger: Ledger | None = None

    @property
    def seen(self) -> list[Location]:
        """The code locations that could be looked into."""
        return [each for each in self.locations if each.unseen is None]

    def assets(self) -> Iterator[tuple[Location, dg.AssetsDefinition, dg.AssetSpec]]:
        """Every asset of the code locations that could be looked into."""
        for location in self.seen:
            for definition in location.assets():
                for spec in definition.specs:
                    yield location, definition, spec

    @property
    def guarded(self) -> list[tuple[str, dg.AssetsDefinition, Settings | None]]:
        """Training assets: name, definition, and what ``guard()`` was told; ``None`` where no gate stands."""
        from lineage_guard.dagster.installed import settings_of
        from lineage_guard.dagster.keys import use_of

        return [
            (spec.key.to_user_string(), definition, settings_of(definition))
            for _, definition, spec in self.assets()
            if use_of(spec.tags)
        ]

    def under_guard(self) -> Iterator[UnderGuard]:
        """Training assets among definitions that ``guard()`` was called on."""
        from lineage_guard.dagster.installed import settings_of
        from lineage_guard.dagster.modes import training_keys
        from lineage_guard.dagster.pins.resolve import graph_of

        for repository in (r for location in self.seen for r in location.repositories):
            graph = graph_of(repository.asset_graph)
            training = training_keys(graph)
            for key in training:
                settings = settings_of(repository.assets_defs_by_key[key])
                if settings is not None:
                    yield UnderGuard(key, settings, graph, training)

    def close(self) -> None:
        """Let go of the instance."""
        if self.instance is not None:
            self.instance.__exit__(None, None, None)
