"""Asset runs to OpenLineage events. Deterministic: the same run gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from lineage_guard.domain.errors import EventError
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.verdict.decide import Finding, Verdict
from lineage_guard.domain.verdict.runs import AssetRun
from lineage_guard.openlineage.datasets import inputs_of, is_uuid, outputs_of, owners
from lineage_guard.openlineage.facets import (
    DECISION,
    RUN_EVENT_SCHEMA,
    SOURCE,
    Json,
    default_producer,
    facet,
    installed_version,
)
from lineage_guard.openlineage.reading import format_time
from lineage_guard.openlineage.verdicts import decision_facet


def event_of(run: AssetRun, *, producer: str | None = None, engine_version: str | None = None) -> Json:
    """The OpenLineage RunEvent that says what an asset run says.

    Args:
        run: the state of an asset run.
        producer: producer URI; this release's when ``None``.
        engine_version: version of Dagster; the installed one when ``None`` (nothing of it
            is imported).

    Returns:
        A JSON-able dictionary that validates against the OpenLineage schema 2-0-2. Teacher
        models are among its inputs, so that every lineage backend draws them.

    Raises:
        EventError: when the run cannot be written so that it can be read back: no outputs,
            a run id that is no UUID, a time without an offset.

    Example:
        >>> from datetime import UTC, datetime
        >>> from lineage_guard.domain.facts import ModelSource, Production, Version
        >>> from lineage_guard.domain.verdict.runs import RunState
        >>> run_id = "019b76da-a800-7503-85d6-56f485aac304"
        >>> made = Production((Version("d", "synthetic", None, run_id),), models=(ModelSource("openai", "gpt-4o"),))
        >>> at = datetime(2026, 1, 1, tzinfo=UTC)
        >>> event = event_of(AssetRun(run_id, RunState.COMPLETE, at, "d", "synthetic", made))
        >>> [(i["namespace"], i["name"]) for i in event["inputs"]]
        [('openai', 'gpt-4o')]
    """
    if not is_uuid(run.run_id):
        raise EventError(
            f"the run id {run.run_id!r} is no UUID",
            where=f"{run.job_namespace}:{run.job_name}",
            fix="make it with lineage_guard.domain.verdict.runs.asset_run_id",
        )
    if not run.production.outputs:
        raise EventError(
            "an asset run without outputs",
            where=f"{run.job_namespace}:{run.job_name}",
            fix="name the version that the run writes or would write",
        )
    by = producer or default_producer()
    return {
        "eventType": run.state.value,
        "eventTime": format_time(run.at),
        "producer": by,
        "schemaURL": RUN_EVENT_SCHEMA,
        "run": {"runId": run.run_id, "facets": _run_facets(run, by, engine_version or installed_version("dagster"))},
        "job": {"namespace": run.job_namespace, "name": run.job_name, "facets": _job_facets(run, by)},
        "inputs": inputs_of(run, by),
        "outputs": outputs_of(run, by),
    }


def canonical(event: Mapping[str, Any]) -> bytes:
    """The one spelling of an event: sorted keys, no spaces, UTF-8.

    Lone surrogates, which error messages may hold, stay JSON escapes.

    Example:
        >>> canonical({"b": 1, "a": "é"}).decode()
        '{"a":"é","b":1}'
    """
    text = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", errors="backslashreplace")


def orchestrator_run_uuid(run_id: str) -> str:
    """An orchestrator's run id as the UUID that the ``parent`` facet demands.

    Dagster's run ids are UUIDs and stay as they are; any other is mapped to one (UUIDv5).
    """
    return run_id if is_uuid(run_id) else str(uuid5(NAMESPACE_OID, f"dagster-run:{run_id}"))


def _run_facets(run: AssetRun, by: str, engine_version: str) -> Json:
    facets: Json = {
        "processing_engine": facet(
            "processing_engine",
            by,
            {
                "name": "dagster",
                "version": engine_version,
                "openlineageAdapterVersion": installed_version("lineage-guard"),
            },
        )
    }
    if run.parent:
        facets["parent"] = facet(
            "parent",
            by,
            {
                "run": {"runId": orchestrator_run_uuid(run.parent.run_id)},
                "job": {"namespace": run.parent.job_namespace, "name": run.parent.job_name},
            },
        )
    if run.nominal:
        start, end = run.nominal
        facets["nominalTime"] = facet(
            "nominalTime", by, {"nominalStartTime": format_time(start), "nominalEndTime": format_time(end)}
        )
    if run.error is not None:
        facets["errorMessage"] = facet("errorMessage", by, {"message": run.error, "programmingLanguage": "PYTHON"})
    if run.source or run.code_version or run.parent:
        name, position = run.source or (None, None)
        facets[SOURCE] = facet(
            SOURCE,
            by,
            {
                "source": name,
                "position": position,
                "orchestratorRunId": run.parent.run_id if run.parent else None,
                "codeVersion": run.code_version,
            },
        )
    if run.verdict:
        facets[DECISION] = decision_facet(run.verdict, enforced=run.enforced, producer=by, took=run.took)
        facets["test"] = facet("test", by, {"tests": _tests(run.verdict, enforced=run.enforced)})
        tag = {"key": "lineage-guard.decision", "value": run.verdict.decision.value, "source": "LINEAGE_GUARD"}
        facets["tags"] = facet("tags.run", by, {"tags": [tag]})
    return facets


def _job_facets(run: AssetRun, by: str) -> Json:
    facets: Json = {
        "jobType": facet("jobType", by, {"processingType": "BATCH", "integration": "DAGSTER", "jobType": "ASSET"})
    }
    if run.owners:
        facets["ownership"] = facet("ownership.job", by, {"owners": owners(run.owners)})
    if run.description:
        facets["documentation"] = facet("documentation.job", by, {"description": run.description})
    return facets


def _tests(verdict: Verdict, *, enforced: bool) -> list[Json]:
    overall: Json = {
        "name": f"lineage-guard/{verdict.policy}",
        "status": "fail" if verdict.stops else "pass",
        "severity": "error" if enforced else "warn",
        "type": "lineage_policy",
        "description": f"May {verdict.target.name} be made from all its upstream data for {verdict.use}?",
        "actual": verdict.decision.value,
    }
    return [overall, *(_test(f) for f in verdict.findings)]


def _test(finding: Finding) -> Json:
    return {
        "name": f"lineage-guard/{finding.rule}",
        "status": "skip" if finding.waived_by else "fail",
        "severity": "error" if finding.effect is Effect.BLOCK else "warn",
        "type": finding.reason.value,
        "description": finding.message,
    }
