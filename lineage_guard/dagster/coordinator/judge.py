"""May this run be queued? The gate's question, asked of a run that has not started."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, cast

import dagster as dg

from lineage_guard.dagster.coordinator.config import Rules
from lineage_guard.dagster.coordinator.scope import Scope, Trained, TrainingAssets, scope_of
from lineage_guard.dagster.gate.sign import fingerprint
from lineage_guard.dagster.pins.facts import Graph
from lineage_guard.dagster.settings import ledger_location, lineage_namespace, rulebook
from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.facts import Pin, Production, Version
from lineage_guard.domain.rules.policy import ReasonCode
from lineage_guard.domain.rules.terms import Effect
from lineage_guard.domain.rules.waivers import spanning
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.runs import ParentRun

if TYPE_CHECKING:
    from lineage_guard.dagster.coordinator.overlay import LedgerOverlay
    from lineage_guard.ledger import Ledger


@dataclass(frozen=True)
class Judged:
    """The answer for one training asset of a run.

    Attributes:
        key: the asset.
        verdict: the answer; the run must not be queued when it blocks.
    """

    key: dg.AssetKey
    verdict: Verdict


class Judge:
    """Judges runs. Safe to use from several threads; one question is answered at a time.

    Args:
        rules: what ``dagster.yaml`` says.
        logger: for what the operator should know and no run can show.
    """

    def __init__(self, rules: Rules, logger: logging.Logger) -> None:
        self._rules = rules
        self._logger = logger
        self._namespace = lineage_namespace(rules.settings.namespace)
        self._fingerprint = fingerprint(rules.settings)
        self._lock = threading.Lock()
        self._training = TrainingAssets(rules.training)
        self._ledger: Ledger | None = None
        self._overlay: LedgerOverlay | None = None

    def touched(self, run: dg.DagsterRun, graph: Graph) -> dict[dg.AssetKey, tuple[str, ...]]:
        """The training assets that a run may hold; empty for a run that is none of our business.

        Args:
            run: the run.
            graph: the asset graph of the workspace.
        """
        with self._lock:
            before = self._training.idle
            found = self._training.of(graph) and self._training.touched(run, graph)
            for select in self._training.idle if self._training.idle != before else ():
                self._logger.warning(
                    f"lineage_guard: the selection {select!r} under run_coordinator: config: training covers no asset "
                    "of this workspace, so nothing is guarded by it."
                )
            return found

    def judge(
        self,
        run: dg.DagsterRun,
        touched: dict[dg.AssetKey, tuple[str, ...]],
        graph: Graph,
        instance: dg.DagsterInstance,
    ) -> list[Judged]:
        """Answer for each training asset of a run. What goes wrong is in the verdict.

        Args:
            run: the run, not yet started.
            touched: the training assets that it may hold.
            graph: the asset graph of the workspace.
            instance: the Dagster instance.

        Returns:
            One for each use of each training asset that the run would write without a gate in its
            step, or that its gate would certainly stop; none when the run trains nothing.
        """
        at = datetime.now(UTC)
        with self._lock:
            try:
                scope = scope_of(run, touched, graph, instance)
            except Exception as error:  # noqa: BLE001  a run that cannot be looked into must not train
                sentence = f"The run coordinator could not find out what this run trains: {said(error)}"
                return [unseen(self._rules, key, use, sentence, at) for key, uses in touched.items() for use in uses]
            found: list[Judged] = []
            for trained in scope.trains:
                try:
                    found += self._judged(run, trained, scope, graph, instance, at)
                except Exception as error:
                    if self._has_gate(trained):
                        continue
                    self._logger.exception(f"lineage_guard could not judge {trained.key.to_user_string()}")
                    sentence = f"The run coordinator could not decide: {said(error)}"
                    found += [unseen(self._rules, trained.key, use, sentence, at) for use in trained.uses]
            return found

    def _judged(
        self,
        run: dg.DagsterRun,
        trained: Trained,
        scope: Scope,
        graph: Graph,
        instance: dg.DagsterInstance,
        at: datetime,
    ) -> list[Judged]:
        from lineage_guard.dagster.asset_facts import facts_of
        from lineage_guard.dagster.collect.collect import collect_upstream
        from lineage_guard.dagster.coordinator.planned import AskedOnce, Planner, read_for_certain
        from lineage_guard.dagster.coordinator.quarantined import Planned, splits
        from lineage_guard.dagster.pins.history import History
        from lineage_guard.dagster.pins.recorded import LedgerRecords
        from lineage_guard.dagster.pins.resolve import Pins
        from lineage_guard.domain.lineage.closure import extend
        from lineage_guard.domain.verdict.attested import findings_on_rows
        from lineage_guard.domain.verdict.decide import decide
        from lineage_guard.explaining.answering import OnRecord
        from lineage_guard.explaining.cure import without_quarantined

        if self._has_gate(trained) and trained.sign != self._fingerprint:
            # Its gate goes by other rules than these, waivers among them. The answer is the gate's to give.
            return []
        settings = self._rules.settings
        catalog, policy = rulebook(settings)
        ledger, overlay = self._open()
        overlay.certain = partial(read_for_certain, graph)
        log = AskedOnce(instance)
        record = log.run(run.run_id)
        if record is None:
            raise LookupError(f"Dagster's storage does not know run {run.run_id}")
        pins = Pins(log, History(log), graph, self._namespace, LedgerRecords(cast("Ledger", overlay), self._namespace))
        parent = ParentRun(run.run_id, self._namespace, run.job_name)
        head = log.head()
        planner = Planner(log, pins, graph, parent, record.created, scope.makes, at)
        plan = planner.plan(trained.key, trained.partitions)
        collected = collect_upstream(
            instance, graph, cast("Ledger", overlay), plan.reads, namespace=self._namespace, now=at
        )
        if not collected.blind:
            overlay.searched(log.source, head)
        if self._has_gate(trained) and splits(graph, plan.planned):
            # What a quarantine of this run will prove is not proven yet; its gate will see whether it was.
            return []
        seen = overlay.closure(plan.target, plan.planned)
        closure, cures = without_quarantined(seen, plan.target, Planned(ledger, overlay, plan.planned), policy.terms)
        closure = extend(closure, catalog.ancestry)
        blind = (*closure.blind, *plan.blind, *collected.blind)
        closure = replace(closure, blind=blind, asset=facts_of(graph, trained.key))
        found: list[Judged] = []
        for use in trained.uses:
            waivers = spanning(settings.accepted(), plan.target.outputs)
            verdict = replace(decide(closure, policy, waivers, use, at), mode=self._rules.mode)
            verdict = replace(verdict, cures=tuple(map(str, cures)))
            if self._has_gate(trained) and not _certainly_blocks(verdict):
                continue
            if not self._has_gate(trained):
                rows = OnRecord(ledger)
                verdict = verdict.joined(
                    findings_on_rows(closure, policy, use, waivers, at, rows.demands(), rows.attested)
                )
            found.append(Judged(trained.key, verdict))
            self._record(verdict, plan.target, parent, at, ledger)
        return found

    def _has_gate(self, trained: Trained) -> bool:
        return trained.sign is not None and not self._rules.judge_gated

    def _open(self) -> tuple[Ledger, LedgerOverlay]:
        from lineage_guard.dagster.coordinator.overlay import MOST, LedgerOverlay
        from lineage_guard.ledger import open_ledger

        if self._ledger is None or self._overlay is None:
            self._ledger = open_ledger(ledger_location(self._rules.settings.ledger))
            self._overlay = LedgerOverlay(self._ledger)
        if len(self._overlay) > MOST:
            self._overlay.forget()
        return self._ledger, self._overlay

    def _record(self, verdict: Verdict, target: Production, parent: ParentRun, at: datetime, ledger: Ledger) -> None:
        from lineage_guard.dagster.gate import gate

        gate.record(verdict, target, parent, at, ledger)


def unseen(rules: Rules, key: dg.AssetKey, use: str, sentence: str, at: datetime | None = None) -> Judged:
    """The answer where the coordinator could not see. It stops.

    Args:
        rules: what ``dagster.yaml`` says.
        key: the asset; the job, when not even that is known.
        use: what it is for.
        sentence: what went wrong.
        at: when; now, when ``None``.
    """
    from lineage_guard.dagster.events import name_of
    from lineage_guard.dagster.gate.gate import cannot_see

    target = Version(lineage_namespace(rules.settings.namespace), name_of(key))
    verdict = cannot_see(target, use, str(rules.settings.policy), at or datetime.now(UTC), sentence, rules.mode)
    return Judged(key, verdict)


def said(error: Exception) -> str:
    """An error in one line, with its own fix when it is one of ours."""
    text = str(error) if isinstance(error, LineageGuardError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def _certainly_blocks(verdict: Verdict) -> bool:
    """Whether a gate with the same rules would stop it, whatever else it sees."""
    return verdict.blocks and any(
        f.effect is Effect.BLOCK
        and f.reason is not ReasonCode.GUARD_CANNOT_SEE
        and f.pin is Pin.EXACT
        and f.waived_by is None
        for f in verdict.findings
    )
