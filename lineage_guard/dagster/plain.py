"""Jobs of plain ops: they train nothing that Dagster knows as an asset, so no gate is asked for them.

Nobody can tell from outside whether an op trains. So ``lineage-guard doctor`` names these jobs
aloud, and says which of them share code with a training asset.
"""

from __future__ import annotations

from dataclasses import dataclass

import dagster as dg

from lineage_guard.dagster import compat
from lineage_guard.dagster.gate.enter import Entry
from lineage_guard.dagster.gate.wrap import wrapped_by


@dataclass(frozen=True)
class PlainJob:
    """A job that writes no asset.

    Attributes:
        name: of the job.
        ops: its ops, by name.
        shares: training assets whose code it runs, too. Where that is all of an asset, the gate
            ends the step; where it is one op of several, it runs with a warning in its log.
    """

    name: str
    ops: tuple[str, ...]
    shares: tuple[str, ...]


def plain_jobs(repository: dg.RepositoryDefinition) -> list[PlainJob]:
    """The jobs of plain ops in a code location. No gate and no run coordinator judges them.

    Args:
        repository: what the code location defines.

    Example:
        >>> @dg.op
        ... def fit(): ...
        >>> @dg.job
        ... def nightly(): fit()
        >>> plain_jobs(dg.Definitions(jobs=[nightly]).get_repository_def())
        [PlainJob(name='nightly', ops=('fit',), shares=())]
    """
    found: list[PlainJob] = []
    for job in sorted(repository.get_all_jobs(), key=lambda j: j.name):
        if compat.writes_assets(job):
            continue
        ops = {op.name: op for op in job.graph.iterate_op_defs()}
        entries = [e for op in ops.values() if isinstance(e := wrapped_by(op), Entry) and e.trains]
        found.append(PlainJob(job.name, tuple(sorted(ops)), tuple(sorted({e.asset for e in entries}))))
    return found
