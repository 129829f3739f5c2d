"""Lineage Guard: training on restricted model output does not run, and says why.

    import dagster as dg
    import lineage_guard
    from lineage_guard import ModelSource, declare, training

    @dg.asset(metadata=declare(ModelSource(provider="openai", model="gpt-4o", channel="api.openai.com")))
    def synthetic(): ...

    @dg.asset(deps=[synthetic], tags=training(use="train_competing"))
    def student(): ...

    defs = lineage_guard.guard(dg.Definitions(assets=[synthetic, student]))

Names are loaded when they are first used, so importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lineage_guard.dagster.component import LineageGuardComponent as LineageGuardComponent
    from lineage_guard.dagster.condition import permitted as permitted
    from lineage_guard.dagster.declare import declaration_of as declaration_of
    from lineage_guard.dagster.declare import declare as declare
    from lineage_guard.dagster.declare import source as source
    from lineage_guard.dagster.declare import training as training
    from lineage_guard.dagster.declare import use_of as use_of
    from lineage_guard.dagster.declare_from import declare_from as declare_from
    from lineage_guard.dagster.guard import guard as guard
    from lineage_guard.dagster.public import public_assets as public_assets
    from lineage_guard.dagster.quarantine import quarantine as quarantine
    from lineage_guard.dagster.synthetic import synthetic_asset as synthetic_asset
    from lineage_guard.domain.errors import LineageGuardError as LineageGuardError
    from lineage_guard.domain.facts import Completeness as Completeness
    from lineage_guard.domain.facts import License as License
    from lineage_guard.domain.facts import ModelSource as ModelSource
    from lineage_guard.domain.facts import Usage as Usage
    from lineage_guard.domain.rules.waivers import Waiver as Waiver

_WHERE = {
    "Completeness": "lineage_guard.domain.facts",
    "License": "lineage_guard.domain.facts",
    "LineageGuardComponent": "lineage_guard.dagster.component",
    "LineageGuardError": "lineage_guard.domain.errors",
    "ModelSource": "lineage_guard.domain.facts",
    "Usage": "lineage_guard.domain.facts",
    "Waiver": "lineage_guard.domain.rules.waivers",
    "declaration_of": "lineage_guard.dagster.declare",
    "declare": "lineage_guard.dagster.declare",
    "declare_from": "lineage_guard.dagster.declare_from",
    "guard": "lineage_guard.dagster.guard",
    "permitted": "lineage_guard.dagster.condition",
    "public_assets": "lineage_guard.dagster.public",
    "quarantine": "lineage_guard.dagster.quarantine",
    "source": "lineage_guard.dagster.declare",
    "synthetic_asset": "lineage_guard.dagster.synthetic",
    "training": "lineage_guard.dagster.declare",
    "use_of": "lineage_guard.dagster.declare",
}

__all__ = [
    "Completeness",
    "License",
    "LineageGuardComponent",
    "LineageGuardError",
    "ModelSource",
    "Usage",
    "Waiver",
    "declaration_of",
    "declare",
    "declare_from",
    "guard",
    "permitted",
    "public_assets",
    "quarantine",
    "source",
    "synthetic_asset",
    "training",
    "use_of",
]


def __getattr__(name: str) -> object:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_WHERE[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
