"""An archived event as lineage backends want it: in the standard's form, its checks as a run of their own.

The standard gives results of checks (``dataQualityAssertions``) a place on *inputs*, because a
check reads the data it checks. Backends go by that:

- Marquez shows what hangs on the current version of a dataset, and a version becomes current
  with the COMPLETE of the run that writes it. What stands on the output of a FAIL event is never
  shown; what stands on an input hangs on the current version at once.
- DataHub reads assertions of inputs only, and from its validating endpoint on answers 400 to an
  event that has them among the facets of an output.

So the verdict on a training asset, and the checks of any asset, go out as one more event: a run
that read the dataset and checked it, as OpenLineage's own integrations for tests do it. It is
derived when it is sent; the archive holds each fact once.

A verdict that is filed again for a version that was trained long ago (a COMPLETE that no
orchestrator reported) goes out as the run of its checks alone: as a COMPLETE it would make the
old version the current one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast
from uuid import UUID, uuid5

from lineage_guard.openlineage.facets import DECISION, SOURCE, Json, facet, present

#: What the name of a job is followed by in the job that checks what it wrote.
CHECKS = ".checks"

_KEY = "dataQualityAssertions"
_STOPPING = frozenset({"BLOCK", "UNKNOWN"})


def outgoing(event: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """The events to send for an archived one, in order.

    Args:
        event: an event that Lineage Guard wrote. It is not changed; the results may share parts
            with it.

    Returns:
        The event itself, and after it the run of its checks when it has any; of a verdict that
        was filed again, only that.

    Example:
        >>> assertions = {"_producer": "p", "_schemaURL": "s", "assertions": [{"assertion": "a", "success": True}]}
        >>> table = {"namespace": "d", "name": "t", "facets": {"dataQualityAssertions": assertions}}
        >>> run = {"runId": "019b76da-a800-7503-85d6-56f485aac304"}
        >>> event = {"eventType": "COMPLETE", "run": run, "job": {"namespace": "d", "name": "t"}, "outputs": [table]}
        >>> [(e["job"]["name"], len(e["outputs"])) for e in outgoing(event)]
        [('t', 1), ('t.checks', 0)]
    """
    if not event.get("outputs"):
        return (event,)
    run_facets = _facets(event["run"])
    decision: Json | None = run_facets.get(DECISION)
    checked = list(_checked(event, decision))
    if not checked:
        return (event,)
    again = decision is not None and event.get("eventType") == "COMPLETE" and SOURCE not in run_facets
    check = _run_of(event, checked, str((decision or event).get("evaluatedAt") or event.get("eventTime")))
    return (check,) if again else (_standard(event), check)


def _checked(event: Mapping[str, Any], decision: Json | None) -> Iterator[tuple[Mapping[str, Any], list[Json]]]:
    """Each output with its assertions, those without any left out."""
    verdict = _of_verdict(decision) if decision else []
    said = {assertion["assertion"] for assertion in verdict}
    for output in cast("Sequence[Mapping[str, Any]]", event["outputs"]):
        facet_of_output: Json = _facets(output).get(_KEY) or {}
        own = cast("Sequence[Json]", facet_of_output.get("assertions") or ())
        assertions = [*(a for a in own if a.get("assertion") not in said), *verdict]
        if assertions:
            yield output, assertions


def _of_verdict(decision: Mapping[str, Any]) -> list[Json]:
    """The verdict as assertions: the policy's, and one for each rule that stopped the run."""
    stops = bool(decision.get("stops"))
    severity = "error" if decision.get("enforced") else "warn"
    policy: Mapping[str, Any] = decision.get("policy") or {}
    found: dict[str, Json] = {}
    for finding in cast("Sequence[Mapping[str, Any]]", decision.get("findings") or ()):
        name = f"lineage-guard/{finding.get('rule')}"
        if stops and not finding.get("waivedBy") and finding.get("effect") in _STOPPING and name not in found:
            found[name] = present(
                {
                    "assertion": name,
                    "success": False,
                    "severity": severity,
                    "description": finding.get("message"),
                }
            )
    overall = {
        "assertion": f"lineage-guard/{policy.get('name')}",
        "success": not stops,
        "severity": severity,
        "actual": decision.get("decision"),
    }
    return [present(overall), *(a for name, a in found.items() if name != overall["assertion"])]


def _standard(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The event without assertions among the facets of outputs."""
    outputs = cast("Sequence[Mapping[str, Any]]", event["outputs"])
    if not any(_KEY in _facets(output) for output in outputs):
        return event
    return {**event, "outputs": [_without(output) for output in outputs]}


def _without(output: Mapping[str, Any]) -> Mapping[str, Any]:
    facets = {key: value for key, value in _facets(output).items() if key != _KEY}
    rest = {key: value for key, value in output.items() if key != "facets"}
    return {**rest, "facets": facets} if facets else rest


def _facets(of: Mapping[str, Any]) -> Json:
    return cast("Json", of.get("facets") or {})


def _run_of(event: Mapping[str, Any], checked: Sequence[tuple[Mapping[str, Any], list[Json]]], at: str) -> Json:
    by = str(event.get("producer"))
    run, job = event["run"], event["job"]
    facets = {key: value for key, value in _facets(run).items() if key in {"parent", "processing_engine"}}
    kind = facet("jobType", by, {"processingType": "BATCH", "integration": "DAGSTER", "jobType": "CHECK"})
    # One run of checks for each time they were done, and the same one however often it is sent.
    run_id = str(uuid5(UUID(str(run["runId"])), f"lineage-guard{CHECKS} {at}"))
    inputs = [
        {
            "namespace": output["namespace"],
            "name": output["name"],
            "inputFacets": {_KEY: facet(_KEY, by, {"assertions": assertions})},
        }
        for output, assertions in checked
    ]
    # The checks ran to their end, whatever they found: COMPLETE, also where the asset's run failed.
    return {
        **{key: value for key, value in event.items() if key in {"producer", "schemaURL"}},
        "eventType": "COMPLETE",
        "eventTime": at,
        "run": {"runId": run_id, "facets": facets},
        "job": {"namespace": job["namespace"], "name": f"{job['name']}{CHECKS}", "facets": {"jobType": kind}},
        "inputs": inputs,
        "outputs": [],
    }
