"""Holds a training step until the gate has answered, then lets it run, narrows it or ends it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from lineage_guard.dagster.gate.gate import Answer, Request, cannot_see, check, record
from lineage_guard.dagster.gate.narrow import Outputs, narrowed
from lineage_guard.dagster.gate.present import metadata_of_sources, metadata_of_verdict, show
from lineage_guard.dagster.keys import use_of
from lineage_guard.dagster.modes import assigned, selected, training_keys
from lineage_guard.dagster.settings import Settings, ledger_location, lineage_namespace, rulebook
from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.lineage.sources import Source, sources
from lineage_guard.domain.rules.policy import Policy, ReasonCode
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.explain import explain, outcome
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.domain.verdict.runs import ParentRun, asset_run_id

#: Findings spelled out in a failure's message; the metadata holds all of them.
_SPELLED_OUT = 5
_MOST_ANSWERS = 64
#: Answers to the ops of one graph, by all that was asked, with the state the ledger was left in.
_ANSWERED: dict[tuple[object, ...], tuple[str, Verdict]] = {}


def hold(context: dg.OpExecutionContext, settings: Settings) -> Outputs | None:
    """Hold a step until the gate has answered, then let it run or end it.

    Args:
        context: of the step, before any of its own code has run.
        settings: what ``guard()`` was told.

    Returns:
        What the step may still write, when only some of its outputs are stopped; ``None`` when it
        may write all.

    Raises:
        dagster.Failure: when a training asset of this step must not run. A retry policy of the
            op does not retry it.
    """
    at, since = datetime.now(UTC), time.monotonic()
    try:
        uses, modes = _covered(context, settings)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the step unless nothing is enforced
        sentence = f"The guard could not find out what this step trains: {_said(error)}"
        unknown = Version(lineage_namespace(settings.namespace), context.op.name)
        return _pass_or_end(context, unknown, sentence, settings, at)
    if not uses:
        return None
    behind: dict[dg.AssetKey, tuple[Source, ...]] = {}
    verdicts = _verdicts(context, settings, uses, modes, at, since, behind)
    show(context, {key: verdict for key, verdict in verdicts.items() if verdict.stops})
    for key, verdict in verdicts.items():
        if not verdict.blocks:
            _tell(context, key, verdict, behind.get(key, ()))
    blocked = {key: verdict for key, verdict in verdicts.items() if verdict.blocks}
    if not blocked:
        return None
    left = narrowed(context, blocked.keys())
    failure = _failure(list(blocked.values()), left.words)
    if left.keys is None:
        raise failure
    context.log.warning(f"lineage_guard: {left.words}\n\n{failure.description}")
    return Outputs(context, left, failure) if left.step_narrowed else None


def _covered(
    context: dg.OpExecutionContext, settings: Settings
) -> tuple[dict[dg.AssetKey, str], dict[dg.AssetKey, Mode]]:
    """The training assets that this step writes and this guard covers, with their uses and modes."""
    specs = context.assets_def.specs_by_key
    marked = {key: use_of(specs[key].tags) for key in sorted(context.selected_asset_keys)}
    uses = {key: use for key, use in marked.items() if use is not None}
    if not uses or (settings.select is None and not settings.mode.entries):
        return uses, dict.fromkeys(uses, settings.mode.rest)
    graph: Any = context.job_def.asset_layer.asset_graph.source_asset_graph
    training = {**training_keys(graph), **uses}
    chosen = selected(settings.select, graph, training)
    for key in sorted(set(uses) - set(chosen)):
        context.log.warning(
            f"lineage_guard: {key.to_user_string()} trains without a gate, because "
            f"guard(select={str(settings.select)!r}) leaves it out."
        )
    modes = assigned(settings.mode, graph, training)
    return {key: use for key, use in uses.items() if key in chosen}, modes


def _verdicts(
    context: dg.OpExecutionContext,
    settings: Settings,
    uses: Mapping[dg.AssetKey, str],
    modes: Mapping[dg.AssetKey, Mode],
    at: datetime,
    since: float,
    behind: dict[dg.AssetKey, tuple[Source, ...]],
) -> dict[dg.AssetKey, Verdict]:
    """A verdict for each training asset of a step. Never raises: what goes wrong is in the verdict.

    The step has waited since ``since`` (monotonic seconds); each verdict is filed with its part of that.
    What assets that may run learn from is put into ``behind``.
    """
    from lineage_guard.dagster.events import name_of

    namespace = lineage_namespace(settings.namespace)
    doing = "load the policy"
    try:
        from lineage_guard.dagster.asset_facts import facts_of
        from lineage_guard.dagster.collect.collect import collect_upstream
        from lineage_guard.dagster.compat import place_of_run
        from lineage_guard.dagster.installed import GATE, footing, note
        from lineage_guard.dagster.pins.recorded import LedgerRecords
        from lineage_guard.dagster.pins.resolve import graph_of
        from lineage_guard.dagster.pins.step import step_inputs
        from lineage_guard.dagster.rows.evidence import OfDeployment
        from lineage_guard.ledger import open_ledger

        catalog, policy = rulebook(settings)
        doing = "open the ledger"
        ledger = open_ledger(ledger_location(settings.ledger))
        location = place_of_run(context.run)[0]
        note(context.instance, GATE, location, footing(settings, policy, catalog))
        doing = "resolve what this step reads"
        steps = step_inputs(context, namespace, at, keys=uses, recorded=LedgerRecords(ledger, namespace))
        if {s.key for s in steps} != set(uses):
            raise LookupError(f"no inputs were resolved for {sorted(k.to_user_string() for k in uses)}")
        doing = "collect the upstream from Dagster's event log"
        graph = context.job_def.asset_layer.asset_graph
        reads = [read for step in steps for read in step.reads]
        collected = collect_upstream(context.instance, graph, ledger, reads, namespace=namespace, now=at)
        doing = "find the evidence on rows"
        rows = OfDeployment(context.instance, graph_of(graph), ledger, namespace, at, location, runs=True)
        rows.note()
        whole = context.assets_def.node_def is context.op_def
        doing = "read the waivers"
        accepted = settings.accepted()
        waivers = tuple(w for w in accepted if at < w.expires)
        verdicts: dict[dg.AssetKey, Verdict] = {}
        for step in steps:
            doing = "decide over the ledger"
            blind = (*step.blind, *collected.blind)
            mode = modes[step.key]
            facts = facts_of(graph_of(graph), step.key)
            request = Request(step.target, uses[step.key], policy, at, accepted, blind, mode, rows, facts)
            # The ops of a graph ask the same, one after the other. An answer holds while neither the exact versions
            # to be read nor one byte of the ledger have changed since.
            asked = (ledger_location(settings.ledger), context.run_id, step.target, request.use, request.mode)
            asked += (policy.digest, catalog.digest, waivers, blind, context.retry_number, facts)
            left, answered = _ANSWERED.get(asked, ("", None))
            if not whole and answered is not None and left == ledger.watermark():
                verdicts[step.key] = answered
                continue
            answer = check(request, ledger, catalog)
            verdict = answer.verdict
            doing = "write the decision to the ledger"
            until = time.monotonic()
            recorded = record(verdict, step.target, step.parent, at, ledger, until - since)
            since = until
            verdicts[step.key] = verdict
            if not verdict.blocks:
                behind[step.key] = _sources(context, answer, policy)
            # Kept only when what was recorded is all that came to the ledger since the answer was reached.
            # Evidence is beside the log, so an answer that rests on it is reached anew.
            if (
                not whole
                and not verdict.cures
                and _batch(recorded.watermark) == _batch(verdict.watermark) + (recorded.new > 0)
            ):
                while len(_ANSWERED) >= _MOST_ANSWERS:
                    _ANSWERED.pop(next(iter(_ANSWERED)))
                _ANSWERED[asked] = (recorded.watermark, verdict)
        return verdicts
    except Exception as error:
        context.log.exception(f"lineage_guard could not {doing}")
        sentence = f"The guard could not {doing}: {_said(error)}"
        name = _policy_name(settings)
        unseen = {
            k: cannot_see(Version(namespace, name_of(k)), use, name, at, sentence, modes[k]) for k, use in uses.items()
        }
        _record_unseen(context, settings, unseen.values(), at, time.monotonic() - since)
        return unseen


def _sources(context: dg.OpExecutionContext, answer: Answer, policy: Policy) -> tuple[Source, ...]:
    """What the asset learns from, to be shown on it. Never raises."""
    try:
        return sources(answer.closure, policy.terms)
    except Exception as error:  # noqa: BLE001 - the verdict stands; this only shows what it was reached from
        context.log.warning(f"lineage_guard could not list the sources: {_said(error)}")
        return ()


def _batch(watermark: str) -> int:
    """The last batch of a state of the ledger."""
    return int(watermark.partition(":")[0])


def _record_unseen(
    context: dg.OpExecutionContext, settings: Settings, verdicts: Iterable[Verdict], at: datetime, took: float
) -> None:
    """Write down that the gate could not see, where that is still possible. It stops either way."""
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
            record(verdict, Production(versions), parent, at, ledger, took)
    except Exception as error:  # noqa: BLE001 - the step shows this verdict, and its event log keeps it
        context.log.warning(f"lineage_guard could not write down its decision: {_said(error)}")


def _tell(context: dg.OpExecutionContext, key: dg.AssetKey, verdict: Verdict, behind: Sequence[Source]) -> None:
    """Say the verdict on an asset that runs, in the log and on its materialisation. Never raises."""
    try:
        blind = any(f.reason is ReasonCode.GUARD_CANNOT_SEE for f in verdict.findings)
        remarkable = verdict.stops or verdict.waivers
        log = context.log.error if blind else context.log.warning if remarkable else context.log.info
        log(explain(verdict, most=_SPELLED_OUT))
        shown = {**metadata_of_verdict(verdict), **metadata_of_sources(behind)}
        dg.AssetExecutionContext.get().add_asset_metadata(shown, asset_key=key)
    except Exception as error:  # noqa: BLE001 - the step may run, and the ledger has the decision
        context.log.warning(f"lineage_guard could not show its verdict ({outcome(verdict)}): {_said(error)}")


def out_of_place(context: dg.OpExecutionContext | None, asset: str, settings: Settings, sentence: str) -> None:
    """A step runs training code it does not own.

    Args:
        context: of the step; ``None`` in a thread that has none.
        asset: the training asset.
        settings: what ``guard()`` was told.
        sentence: what happened.

    Raises:
        dagster.Failure: unless the whole guard is in a mode that does not enforce.
    """
    target = Version(lineage_namespace(settings.namespace), asset)
    _pass_or_end(context, target, sentence, settings, datetime.now(UTC))


def _pass_or_end(
    context: dg.OpExecutionContext | None, target: Version, sentence: str, settings: Settings, at: datetime
) -> None:
    """The guard could not see so much as what is trained: only a mode that holds for everything lets it pass."""
    verdict = cannot_see(target, "unknown", _policy_name(settings), at, sentence, settings.mode.floor)
    if verdict.blocks:
        raise _failure([verdict])
    log = context.log if context is not None else logging.getLogger("lineage_guard")
    log.error(explain(verdict))


def _failure(blocked: Sequence[Verdict], words: str = "") -> dg.Failure:
    said = "\n\n".join(explain(v, most=_SPELLED_OUT) for v in blocked)
    return dg.Failure(
        description=f"{said}\n\n{words}" if words else said,
        metadata=metadata_of_verdict(blocked[0]),
        allow_retries=False,
    )


def _policy_name(settings: Settings) -> str:
    return settings.policy.name if isinstance(settings.policy, Policy) else str(settings.policy)


def _said(error: Exception) -> str:
    """An error in one line, with its own fix when it is one of ours."""
    text = str(error) if isinstance(error, LineageGuardError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
