"""``GuardedQueuedRunCoordinator``: Dagster's queue, with a question in front of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.coordinator.config import Rules, check, config_fields, rules_of

if TYPE_CHECKING:
    from lineage_guard.dagster.coordinator.installed import Installed
    from lineage_guard.dagster.coordinator.judge import Judge, Judged
    from lineage_guard.dagster.pins.facts import Graph


class GuardedQueuedRunCoordinator(dg.QueuedRunCoordinator):
    """Queues runs as ``QueuedRunCoordinator`` does, except those that must not train.

    A refused run is a failed run with the verdict in its log. A run without training assets goes
    straight on. Whatever goes wrong on the way refuses the run.

    Args:
        rules: the guard's part of the configuration.
        inst_data: how Dagster rebuilds it in another process.
        **queue: arguments of ``QueuedRunCoordinator``.

    Example:
        ``dagster.yaml``::

            run_coordinator:
              module: lineage_guard.dagster.coordinator
              class: GuardedQueuedRunCoordinator
              config:
                ledger: /srv/lineage_guard
                training:
                  - select: 'code_location:"research" and group:"models"'
                max_concurrent_runs: 20
    """

    def __init__(
        self, rules: Rules | None = None, inst_data: compat.ConfigurableClassData | None = None, **queue: Any
    ) -> None:
        super().__init__(inst_data=inst_data, **queue)
        self.rules = rules or Rules()
        self._log = logging.getLogger("dagster.run_coordinator.lineage_guard")
        self._judge: Judge | None = None

    @classmethod
    def config_type(cls) -> Any:
        """The schema: the keys of ``QueuedRunCoordinator`` and those of the guard."""
        inherited: Any = super().config_type()
        return {**inherited, **config_fields()}

    @classmethod
    def from_config_value(
        cls, inst_data: compat.ConfigurableClassData, config_value: Mapping[str, Any]
    ) -> GuardedQueuedRunCoordinator:
        """Build it from ``dagster.yaml``.

        Raises:
            ConfigError: when the guard's part of the configuration makes no sense.
        """
        own = config_fields().keys()
        queue = {name: value for name, value in config_value.items() if name not in own}
        return cls(rules_of(config_value), inst_data, **queue)

    @property
    def dequeue_interval_seconds(self) -> int:
        """Seconds between looks at the queue. The daemon asks when it starts, and only the daemon.

        Raises:
            ConfigError: something that the configuration names is missing or wrong, so that the
                daemon does not start.
        """
        check(self.rules)
        return super().dequeue_interval_seconds

    def submit_run(self, context: compat.SubmitRunContext) -> dg.DagsterRun:
        """Queue a run, or end it as failed with the reason.

        Args:
            context: the run and the workspace.
        """
        run = context.dagster_run
        if run.status is not dg.DagsterRunStatus.NOT_STARTED:
            return super().submit_run(context)
        graph, found = self._asked(context)
        if not any(each.verdict.stops for each in found):
            return super().submit_run(context)
        from lineage_guard.dagster.coordinator.refuse import refuse, warn

        if not any(each.verdict.blocks for each in found):
            warn(self._instance, run, found)
            return super().submit_run(context)
        refuse(self._instance, run, found, graph)
        ended = self._instance.get_run_by_id(run.run_id)
        return run if ended is None else ended

    def _asked(self, context: compat.SubmitRunContext) -> tuple[Graph | None, list[Judged]]:
        from lineage_guard.dagster.coordinator.judge import Judge, said, unseen

        run = context.dagster_run
        graph: Graph | None = None
        try:
            self._judge = self._judge or Judge(self.rules, self._log)
            graph = compat.workspace_graph(context.workspace)
            touched = self._judge.touched(run, graph)
            return graph, self._judge.judge(run, touched, graph, self._instance) if touched else []
        except Exception as error:  # noqa: BLE001  a run that cannot be looked into must not train
            self._log.exception(f"lineage_guard could not look into run {run.run_id}")
            sentence = f"The run coordinator could not look into it: {said(error)}"
            return graph, [unseen(self.rules, dg.AssetKey(run.job_name), "unknown", sentence)]

    def installed(self) -> Installed:
        """What stands here, for ``lineage-guard doctor``."""
        from lineage_guard.dagster.coordinator.installed import Installed
        from lineage_guard.dagster.coordinator.judge import said

        try:
            check(self.rules)
        except Exception as error:  # noqa: BLE001  it is what is asked about
            return Installed(type(self).__name__, self.rules, said(error))
        return Installed(type(self).__name__, self.rules)
