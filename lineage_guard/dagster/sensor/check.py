"""The asset check ``lineage_guard``: the place in Dagster's UI where a training asset's verdict stands.

Dagster looks at the annotations of a check's function as objects, so this module does not
postpone their evaluation.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from lineage_guard.dagster.keys import CHECK_NAME, use_of
from lineage_guard.dagster.settings import Settings, ledger_location, rulebook


def training_checks(specs: Sequence[dg.AssetSpec], settings: Settings) -> list[dg.AssetChecksDefinition]:
    """The check ``lineage_guard`` on each training asset, so that the UI has a place for the verdict.

    Results come from the sensor; executed by hand, a check asks the gate the same question.

    Args:
        specs: of assets; those that train nothing are passed over.
        settings: what ``guard()`` was told.
    """
    return [_check(spec.key, use, settings) for spec in specs if (use := use_of(spec.tags)) is not None]


def _check(key: dg.AssetKey, use: str, settings: Settings) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=key,
        name=CHECK_NAME,
        description="Whether this asset may be trained on everything upstream of it, as Lineage Guard sees it.",
    )
    def verdict(context: dg.AssetCheckExecutionContext) -> dg.AssetCheckResult:
        # Code locations build checks at every load; what judges is imported when something is judged.
        from lineage_guard.dagster.gate.present import evaluation
        from lineage_guard.dagster.pins.resolve import graph_of
        from lineage_guard.dagster.sensor.decide import judge
        from lineage_guard.ledger import open_ledger

        catalog, policy = rulebook(settings)
        graph = graph_of(context.job_def.asset_layer.asset_graph)
        ledger = open_ledger(ledger_location(settings.ledger))
        now = datetime.now(UTC)
        [judged] = judge(context.instance, graph, ledger, settings, {key: use}, policy, catalog, now)
        found = evaluation(judged.key, judged.verdict, trained=judged.trained)
        return dg.AssetCheckResult(
            passed=found.passed, severity=found.severity, description=found.description, metadata=found.metadata
        )

    return verdict
