"""How a refused run looks: one failed run with the verdict in it, and no error of the web server.

A coordinator that raises is shown as a crash with a stack trace in the UI, ends the tick of
declarative automation and stops a whole backfill. A run that failed with a reason is what all
of them know how to go on from.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.coordinator.judge import Judged
from lineage_guard.dagster.gate.present import evaluation, metadata_of_verdict
from lineage_guard.dagster.keys import CHECK_NAME, NAMESPACE
from lineage_guard.dagster.pins.facts import Graph
from lineage_guard.domain.verdict.decide import Decision, Verdict
from lineage_guard.domain.verdict.explain import explain, headline, path_text

#: Run tag of a run that was judged, for finding it again: the decision.
DECISION_TAG = f"{NAMESPACE}/decision"
_SPELLED_OUT = 5


def refuse(instance: dg.DagsterInstance, run: dg.DagsterRun, found: Sequence[Judged], graph: Graph | None) -> None:
    """End a run before it is queued, with the verdicts in its log.

    Args:
        instance: the Dagster instance.
        run: the run, not yet started.
        found: the answers; at least one of them refuses the run.
        graph: the asset graph of the workspace; ``None`` when it could not be had.
    """
    stopped = [each.verdict for each in found if each.verdict.blocks]
    # Asking again gives the same answer, so Dagster's own retries are told not to.
    tags = {compat.MAX_RETRIES_TAG: "0", DECISION_TAG: str(_strictest(stopped))}
    instance.add_run_tags(run.run_id, tags)
    for verdict in stopped:
        message = "Lineage Guard refused this run before it was queued.\n" + explain(verdict, most=_SPELLED_OUT)
        compat.report_engine_event(instance, run, message, _metadata(verdict))
    instance.report_run_failed(run, "\n\n".join(_short(v) for v in stopped))
    if graph is not None:
        _show_on_checks(instance, found, graph)


def warn(instance: dg.DagsterInstance, run: dg.DagsterRun, found: Sequence[Judged]) -> None:
    """Say in a run's log that it would have been refused, and let it go.

    Args:
        instance: the Dagster instance.
        run: the run, not yet started.
        found: the answers.
    """
    for verdict in (each.verdict for each in found if each.verdict.stops):
        message = f"Lineage Guard lets this run go on (mode: {verdict.mode}).\n{explain(verdict, most=_SPELLED_OUT)}"
        compat.report_engine_event(instance, run, message, _metadata(verdict))


def _metadata(verdict: Verdict) -> dict[str, Any]:
    """The verdict as metadata, with what a person asks first ahead of the rest."""
    entries = metadata_of_verdict(verdict)
    for finding in verdict.findings[:1]:
        first = {"rule": finding.rule, "path": path_text(finding), "fix": finding.fix}
        entries = {**{f"{NAMESPACE}/{name}": text for name, text in first.items()}, **entries}
    return entries


def _short(verdict: Verdict) -> str:
    lines = [headline(verdict)]
    for finding in verdict.findings[:1]:
        lines += [f"Path: {path_text(finding)}", f"Why: {finding.message}", f"Fix: {finding.fix}"]
    return "\n".join(lines)


def _strictest(verdicts: Sequence[Verdict]) -> Decision:
    order = list(Decision)
    return max((v.decision for v in verdicts), key=order.index)


def _show_on_checks(instance: dg.DagsterInstance, found: Sequence[Judged], graph: Graph) -> None:
    """Show the verdicts on the checks ``lineage_guard``, where a guarded code location has them.

    The run planned these checks, and Dagster shows "Execution failed" for what a failed run planned.
    """
    for each in found:
        if each.verdict.blocks and dg.AssetCheckKey(each.key, CHECK_NAME) in graph.asset_check_keys:
            instance.report_runless_asset_event(evaluation(each.key, each.verdict))
