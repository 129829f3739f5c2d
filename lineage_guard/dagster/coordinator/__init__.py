"""The run coordinator: asks before a run is queued, also for code locations that never import this package.

In ``dagster.yaml``::

    run_coordinator:
      module: lineage_guard.dagster.coordinator
      class: GuardedQueuedRunCoordinator
      config:
        ledger: /srv/lineage_guard

Everything the webserver and the daemon submit comes past here: the UI, GraphQL, schedules,
sensors, declarative automation, backfills, re-executions, ``dagster job launch``. What runs
without being submitted does not: ``dagster asset materialize``, ``dg launch``, ``dagster job
execute`` and ``materialize()``; and a job of plain ops is no training asset. The gate in the
step, ``guard(defs)``, is what stops those.
"""

from lineage_guard.dagster.coordinator.coordinator import GuardedQueuedRunCoordinator as GuardedQueuedRunCoordinator
