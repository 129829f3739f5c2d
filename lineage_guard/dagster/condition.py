"""``permitted``: an automation condition that asks for no training that its gate would refuse anyway.

It saves runs; it stops nothing. The gate in the step and the run coordinator do that.

It asks the gate's own question, and not what stands on the asset check ``lineage_guard``. The
check would cost less and needs no user code, but it says too little: it has one result for all
partitions, one word for "failed" and for "warns", and it stays failed for what was trained last,
which only training again would mend.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import dagster as dg

from lineage_guard.dagster.keys import use_of
from lineage_guard.dagster.settings import Settings
from lineage_guard.domain.errors import ConfigError

if TYPE_CHECKING:
    from lineage_guard.dagster.compat import BaseAssetNode

#: Partitions asked about in one evaluation; the others are permitted, and their gates answer.
MOST = 50
_log = logging.getLogger("lineage_guard")


class Permitted(dg.AutomationCondition[dg.AssetKey]):
    """See ``permitted``."""

    @property
    def name(self) -> str:
        """As Dagster shows it among the conditions of an asset."""
        return "lineage_guard_permitted"

    def evaluate(self, context: dg.AutomationContext[dg.AssetKey]) -> dg.AutomationResult[dg.AssetKey]:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The candidates that a gate would not stop.

        Args:
            context: of the evaluation.
        """
        candidates = context.candidate_subset
        if candidates.is_empty:
            return dg.AutomationResult(context, true_subset=candidates)
        try:
            stopped = _stopped(context)
        except Exception as error:  # noqa: BLE001  it only saves runs; the gate is asked in any case
            _log.warning(f"lineage_guard could not ask for {context.key.to_user_string()}: {error}")
            stopped = candidates.compute_difference(candidates)
        return dg.AutomationResult(context, true_subset=candidates.compute_difference(stopped))


def permitted() -> dg.AutomationCondition[dg.AssetKey]:
    """True for the partitions of a training asset that its gate would let train now.

    It asks what the gate would ask, with the gate's policy, waivers and mode, for each partition by
    itself. Write it last, so that it is asked only where all else holds. An asset without a gate is
    always permitted, and so is one that could not be asked about: the gate will see.

    Dagster evaluates conditions of other packages in the code server only, so the assets need a
    sensor of their own::

        dg.AutomationConditionSensorDefinition("training", target=..., use_user_code_server=True)

    That is a beta feature of Dagster, for at most 500 assets and checks a sensor. Without such a sensor
    Dagster evaluates nothing for these assets and says nothing; ``guard(defs)`` refuses to load then.

    Example:
        >>> @dg.asset(
        ...     tags={"lineage_guard/use": "train_competing"},
        ...     automation_condition=dg.AutomationCondition.eager() & permitted(),
        ... )
        ... def student(): ...
    """
    return Permitted()


def check_conditions(assets: Iterable[object], sensors: Iterable[object]) -> None:
    """Refuse ``permitted()`` where nothing evaluates it: the asset would never be asked for, silently.

    Args:
        assets: assets of any kind, as ``Definitions`` hold them.
        sensors: their sensors.

    Raises:
        ConfigError: no automation sensor there evaluates conditions in user code.
    """
    specs = [spec for asset in assets if isinstance(asset, dg.AssetsDefinition) for spec in asset.specs]
    conditions = [(spec.key, cast("Any", spec).automation_condition) for spec in specs]
    asking = [key for key, condition in conditions if condition is not None and _asks(condition)]
    if not asking or any(
        isinstance(s, dg.AutomationConditionSensorDefinition) and s.sensor_type.value == "AUTOMATION" for s in sensors
    ):
        return
    raise ConfigError(
        "its automation condition uses permitted(), and no sensor evaluates that, so it would never be asked for",
        where=asking[0].to_user_string(),
        fix="add dagster.AutomationConditionSensorDefinition(name, target=..., use_user_code_server=True) for it",
    )


def _asks(condition: dg.AutomationCondition[Any]) -> bool:
    children = cast("Sequence[dg.AutomationCondition[Any]]", cast("Any", condition).children)
    return isinstance(condition, Permitted) or any(_asks(child) for child in children)


def _stopped(context: dg.AutomationContext[dg.AssetKey]) -> Any:
    from lineage_guard.dagster.installed import settings_of

    candidates = context.candidate_subset
    nothing = candidates.compute_difference(candidates)
    node = cast("BaseAssetNode", cast("Any", context).asset_graph.get(context.key))
    definition = cast("dg.AssetsDefinition | None", getattr(node, "assets_def", None))
    use = use_of(node.tags)
    settings = settings_of(definition) if definition is not None else None
    if settings is None or use is None:
        return nothing
    keys = sorted(candidates.expensively_compute_partition_keys()) if node.partitions_def is not None else [None]
    stopped = [key for key in keys[:MOST] if _blocks(context, settings, use, key)]
    if not stopped:
        return nothing
    if node.partitions_def is None:
        return candidates
    return candidates.compute_intersection_with_partition_keys({str(key) for key in stopped})


def _blocks(context: dg.AutomationContext[dg.AssetKey], settings: Settings, use: str, partition: str | None) -> bool:
    from lineage_guard.dagster.events import name_of
    from lineage_guard.dagster.gate.ask import Question, ask_deployment
    from lineage_guard.dagster.modes import selected, training_keys
    from lineage_guard.dagster.settings import ledger_location, lineage_namespace, rulebook
    from lineage_guard.ledger import open_ledger

    graph = cast("object", cast("Any", context).asset_graph)
    if context.key not in selected(settings.select, graph, training_keys(graph)):
        return False
    catalog, policy = rulebook(settings)
    question = Question(
        name=name_of(context.key),
        use=use,
        partition=partition,
        namespace=lineage_namespace(settings.namespace),
        policy=policy,
        waivers=settings.accepted(),
        at=datetime.now(UTC),
        modes=settings.mode,
    )
    ledger = open_ledger(ledger_location(settings.ledger))
    instance = context.asset_graph_view.instance
    return ask_deployment(question, instance, graph, ledger, catalog).verdict.blocks
