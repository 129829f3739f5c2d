"""The asset check ``lineage_guard``: the place in Dagster's UI where a training asset's verdict stands.

Dagster looks at the annotations of a check's function as objects, so this module does not
postpone their evaluation.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from lineage_guard.dagster.keys import CHECK_NAME as CHECK_NAME
from lineage_guard.dagster.keys import use_of
from lineage_guard.dagster.settings import Settings, ledger_location, rulebook

# Code locations build checks at every load; what judges is imported when something is judged.
if TYPE_CHECKING:
    from lineage_guard.dagster.sensor.decide import Judgement
    from lineage_guard.domain.decide import Verdict


def evaluation(judgement: "Judgement") -> dg.AssetCheckEvaluation:
    """The verdict as the result of the check ``lineage_guard`` on the training asset.

    Args:
        judgement: what holds for the asset now.
    """
    from lineage_guard.dagster.gate.present import metadata_of_verdict
    from lineage_guard.domain.decide import Decision
    from lineage_guard.domain.explain import headline, path_text

    verdict = judgement.verdict
    about = "What was trained last: " if judgement.trained else ""
    return dg.AssetCheckEvaluation(
        asset_key=judgement.key,
        check_name=CHECK_NAME,
        passed=verdict.decision in (Decision.ALLOW, Decision.WAIVED),
        severity=dg.AssetCheckSeverity.ERROR if verdict.stops else dg.AssetCheckSeverity.WARN,
        description=about + headline(verdict) + "".join(f"\n{path_text(f)}" for f in verdict.findings[:1]),
        metadata=metadata_of_verdict(verdict),
    )


def show_stopped(context: dg.OpExecutionContext, stopped: Mapping[dg.AssetKey, "Verdict"]) -> None:
    """Show the verdicts that stop a step on their checks, from within the step.

    A run of the asset plans its check, and the check's own step is skipped when the asset is
    stopped. Dagster then shows "Execution failed" in the place of the verdict; a result
    reported after the plan stands instead. Never raises: the gate stops the step either way.

    Args:
        context: of the step that is about to fail.
        stopped: the training assets of the step and the verdicts that stop them.
    """
    try:
        from lineage_guard.dagster.sensor.decide import Judgement

        known = context.job_def.asset_layer.asset_graph.source_asset_graph.asset_check_keys
        for key, verdict in stopped.items():
            if dg.AssetCheckKey(key, CHECK_NAME) in known:
                found = evaluation(Judgement(key, verdict, trained=False, digest=""))
                context.instance.report_runless_asset_event(found)
    except Exception as error:  # noqa: BLE001  the step's failure says the same; this is only where else it shows
        context.log.warning(f"lineage_guard could not show its verdict as an asset check: {error}")


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
        from lineage_guard.dagster.pins.resolve import graph_of
        from lineage_guard.dagster.sensor.decide import judge
        from lineage_guard.ledger import open_ledger

        catalog, policy = rulebook(settings)
        graph = graph_of(context.job_def.asset_layer.asset_graph)
        ledger = open_ledger(ledger_location(settings.ledger))
        now = datetime.now(UTC)
        found = evaluation(judge(context.instance, graph, ledger, settings, {key: use}, policy, catalog, now)[0])
        return dg.AssetCheckResult(
            passed=found.passed, severity=found.severity, description=found.description, metadata=found.metadata
        )

    return verdict
