"""The gate: may this step train? Asked inside the step, answered before its code runs.

In order: (1) the exact versions the step will read, (2) whatever of their upstream the ledger
lacks is collected from Dagster's event log, (3) the closure over ledger and catalog, (4) the
evidence of the lineage suite, (5) the verdict, (6) the decision is written to the ledger,
(7) pass or raise. Whatever goes wrong on the way is itself a reason to block.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from lineage_guard.dagster.declare import use_of
from lineage_guard.dagster.gate.present import metadata_of_verdict, show
from lineage_guard.dagster.settings import Settings, ledger_location, lineage_namespace, rulebook
from lineage_guard.domain.closure import Closure, Reached, extend
from lineage_guard.domain.decide import Verdict, decide
from lineage_guard.domain.errors import ConfigError, LineageGuardError
from lineage_guard.domain.evidence import Evidence, findings_of
from lineage_guard.domain.explain import explain
from lineage_guard.domain.facts import Completeness, Production, Version
from lineage_guard.domain.policy import Policy
from lineage_guard.domain.runs import AssetRun, ParentRun, RunState, asset_run_id
from lineage_guard.domain.terms import FixedTerms
from lineage_guard.domain.waivers import Waivers

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.ledger import Ledger

#: Findings spelled out in a failure's message; the metadata holds all of them.
_SPELLED_OUT = 5


@dataclass(frozen=True)
class Request:
    """One question to the gate.

    Attributes:
        target: the step: what it would write (the first names it), the exact versions it would
            read, and models it uses itself.
        use: what it is for.
        policy: rules and terms.
        at: the time of the question (timezone-aware UTC).
        waivers: accepted risks.
        blind: what could not be seen on the way here, one sentence each; any blocks.
    """

    target: Production
    use: str
    policy: Policy
    at: datetime
    waivers: Waivers = ()
    blind: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The verdict, and what it was reached from."""

    verdict: Verdict
    closure: Closure
    evidence: Evidence


def check(request: Request, ledger: Ledger, catalog: Catalog) -> Answer:
    """Answer a question from the ledger and the catalog: steps (3) to (5) of the gate.

    Used by the wrapped step, by the sensor's re-decision and by ``lineage-guard check``.

    Args:
        request: the question.
        ledger: holds the upstream of ``request.target``; evidence found missing is added to it.
        catalog: public ancestry and terms.

    Raises:
        LedgerError: when the ledger cannot be read or written.
        SuiteError: when the lineage suite cannot be loaded.
    """
    closure = extend(ledger.closure(request.target), catalog.ancestry)
    closure = replace(closure, blind=(*closure.blind, *request.blind))
    evidence = _evidence(closure, request, ledger, catalog)
    verdict = decide(closure, request.policy, request.waivers, request.use, request.at)
    return Answer(verdict.joined(findings_of(evidence, closure.target, verdict.decision)), closure, evidence)


def _evidence(closure: Closure, request: Request, ledger: Ledger, catalog: Catalog) -> Evidence:
    from lineage_guard.gx.lineage import lineage_evidence_key, run_lineage_suite

    terms = catalog.terms.entries
    key = lineage_evidence_key(closure, request.policy, request.use, terms, request.at, waivers=request.waivers)
    filed = ledger.evidence(key)
    # What could not be run is tried again; what ran has the same result for the same key.
    if filed is not None and filed.error is None:
        return filed
    evidence = run_lineage_suite(closure, request.policy, request.use, terms, request.at, waivers=request.waivers)
    if evidence.error is None and evidence.key == key:
        ledger.put_evidence(evidence)
    return evidence


def cannot_see(target: Version, use: str, policy: str, at: datetime, sentence: str) -> Verdict:
    """The verdict where the guard could not see: it blocks, and says what it could not see.

    Args:
        target: what the step would write.
        use: what it is for.
        policy: name of the policy.
        at: when, timezone-aware UTC.
        sentence: what went wrong, in one sentence.
    """
    itself = Reached(target, completeness=Completeness.COMPLETE, recorded=True)
    nothing = Policy(policy, rules=(), terms=FixedTerms())
    return decide(Closure(target, (itself,), blind=(sentence,)), nothing, (), use, at)


def record(verdict: Verdict, production: Production, parent: ParentRun, at: datetime, ledger: Ledger) -> None:
    """Write a decision to the ledger as RUNNING events, one per version that would be written.

    Raises:
        LedgerError: when the ledger cannot be written.
    """
    from lineage_guard.openlineage.encode import event_of

    runs = [
        AssetRun(
            run_id=version.run or parent.run_id,
            state=RunState.RUNNING,
            at=at,
            job_namespace=version.namespace,
            job_name=version.name,
            production=replace(production, outputs=(version,)),
            parent=parent,
            verdict=verdict,
            enforced=True,
        )
        for version in production.outputs
        if (version.namespace, version.name) == (verdict.target.namespace, verdict.target.name)
    ]
    ledger.append([event_of(run) for run in runs])


def hold(context: dg.OpExecutionContext, settings: Settings) -> None:
    """Hold a step until the gate has answered, then let it run or end it.

    Args:
        context: of the step, before any of its own code has run.
        settings: what ``guard()`` was told.

    Raises:
        dagster.Failure: when a training asset of this step must not run. A retry policy of the
            op does not retry it.
    """
    at = datetime.now(UTC)
    verdicts: dict[dg.AssetKey, Verdict] = {}
    try:
        uses = _guarded_uses(context, settings)
    except Exception as error:
        target = Version(lineage_namespace(settings.namespace), context.op.name)
        sentence = f"The guard could not find out what this step trains: {_said(error)}"
        raise _failure([cannot_see(target, "unknown", _policy_name(settings), at, sentence)]) from error
    if not uses:
        return
    verdicts = _verdicts(context, settings, uses, at)
    stopped = [v for v in verdicts.values() if v.stops]
    if stopped:
        show(context, {key: verdict for key, verdict in verdicts.items() if verdict.stops})
        raise _failure(stopped)
    asset_context = dg.AssetExecutionContext.get()
    for key, verdict in verdicts.items():
        context.log.info(explain(verdict, most=_SPELLED_OUT))
        asset_context.add_asset_metadata(metadata_of_verdict(verdict), asset_key=key)


def _guarded_uses(context: dg.OpExecutionContext, settings: Settings) -> dict[dg.AssetKey, str]:
    """The training assets that this step writes and this guard covers, with their uses."""
    specs = context.assets_def.specs_by_key
    marked = {key: use_of(specs[key].tags) for key in sorted(context.selected_asset_keys)}
    uses = {key: use for key, use in marked.items() if use is not None}
    if settings.select is None or not uses:
        return uses
    select = settings.select
    selection = dg.AssetSelection.from_string(select) if isinstance(select, str) else select
    graph = context.job_def.asset_layer.asset_graph.source_asset_graph
    covered = selection.resolve(graph)  # pyright: ignore[reportUnknownMemberType]  (Dagster's annotation is partial)
    if not any(use_of(graph.get(key).tags) is not None for key in covered if graph.has(key)):
        raise ConfigError(
            f"the selection {str(select)!r} covers no training asset at all",
            where="guard(select=...)",
            fix="correct the selection, or leave it out to guard every training asset",
        )
    for key in sorted(set(uses) - set(covered)):
        context.log.warning(
            f"lineage_guard: {key.to_user_string()} trains without a gate, because guard(select={str(select)!r}) "
            "leaves it out."
        )
    return {key: use for key, use in uses.items() if key in covered}


def _verdicts(
    context: dg.OpExecutionContext, settings: Settings, uses: Mapping[dg.AssetKey, str], at: datetime
) -> dict[dg.AssetKey, Verdict]:
    """A verdict for each training asset of a step. Never raises: what goes wrong is in the verdict."""
    from lineage_guard.dagster.events import name_of

    namespace = lineage_namespace(settings.namespace)
    doing = "load the policy"
    try:
        from lineage_guard.dagster.collect.collect import collect_upstream
        from lineage_guard.dagster.pins.recorded import LedgerRecords
        from lineage_guard.dagster.pins.step import step_inputs
        from lineage_guard.ledger import open_ledger

        catalog, policy = rulebook(settings)
        doing = "open the ledger"
        ledger = open_ledger(ledger_location(settings.ledger))
        doing = "resolve what this step reads"
        steps = step_inputs(context, namespace, at, keys=uses, recorded=LedgerRecords(ledger, namespace))
        if {s.key for s in steps} != set(uses):
            raise LookupError(f"no inputs were resolved for {sorted(k.to_user_string() for k in uses)}")
        doing = "collect the upstream from Dagster's event log"
        graph = context.job_def.asset_layer.asset_graph
        reads = [read for step in steps for read in step.reads]
        collected = collect_upstream(context.instance, graph, ledger, reads, namespace=namespace, now=at)
        verdicts: dict[dg.AssetKey, Verdict] = {}
        for step in steps:
            doing = "decide over the ledger"
            blind = (*step.blind, *collected.blind)
            request = Request(step.target, uses[step.key], policy, at, settings.waivers, blind)
            verdict = check(request, ledger, catalog).verdict
            doing = "write the decision to the ledger"
            record(verdict, step.target, step.parent, at, ledger)
            verdicts[step.key] = verdict
        return verdicts
    except Exception as error:
        context.log.exception(f"lineage_guard could not {doing}")
        sentence = f"The guard could not {doing}: {_said(error)}"
        name = _policy_name(settings)
        unseen = {k: cannot_see(Version(namespace, name_of(k)), use, name, at, sentence) for k, use in uses.items()}
        _record_unseen(context, settings, unseen.values(), at)
        return unseen


def _record_unseen(
    context: dg.OpExecutionContext, settings: Settings, verdicts: Iterable[Verdict], at: datetime
) -> None:
    """Write down that the gate could not see, where that is still possible. It blocks either way."""
    try:
        from lineage_guard.dagster.events import EventLog
        from lineage_guard.dagster.pins.step import partitions_of
        from lineage_guard.ledger import open_ledger

        run = EventLog(context.instance).run(context.run_id)
        if run is None:
            return
        ledger = open_ledger(ledger_location(settings.ledger))
        parent = ParentRun(context.run_id, lineage_namespace(settings.namespace), run.job_name)
        for verdict in verdicts:
            target = verdict.target
            versions = tuple(
                target._replace(partition=p, run=asset_run_id(context.run_id, target.name, p, run.created))
                for p in partitions_of(context)
            )
            record(verdict, Production(versions), parent, at, ledger)
    except Exception as error:  # noqa: BLE001 - the step fails with this verdict, and its event log keeps it
        context.log.warning(f"lineage_guard could not write down its decision: {_said(error)}")


def out_of_place(asset: str, settings: Settings, sentence: str) -> dg.Failure:
    """The failure of a step that runs training code it does not own.

    Args:
        asset: the training asset.
        settings: what ``guard()`` was told.
        sentence: what happened.
    """
    target = Version(lineage_namespace(settings.namespace), asset)
    return _failure([cannot_see(target, "unknown", _policy_name(settings), datetime.now(UTC), sentence)])


def _failure(stopped: Sequence[Verdict]) -> dg.Failure:
    return dg.Failure(
        description="\n\n".join(explain(v, most=_SPELLED_OUT) for v in stopped),
        metadata=metadata_of_verdict(stopped[0]),
        allow_retries=False,
    )


def _policy_name(settings: Settings) -> str:
    return settings.policy.name if isinstance(settings.policy, Policy) else str(settings.policy)


def _said(error: Exception) -> str:
    """An error in one line, with its own fix when it is one of ours."""
    text = str(error) if isinstance(error, LineageGuardError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
