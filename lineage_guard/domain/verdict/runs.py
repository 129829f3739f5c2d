"""Asset runs: one attempt to write one asset partition, as lineage events report it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

from lineage_guard.domain.facts import Influence, Production, Version
from lineage_guard.domain.verdict.decide import Verdict


class RunState(StrEnum):
    """OpenLineage run states. Only COMPLETE makes a production: START and FAIL wrote nothing."""

    START = "START"
    RUNNING = "RUNNING"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"


@dataclass(frozen=True, slots=True)
class ParentRun:
    """The orchestrator run that an asset run belongs to (OpenLineage ``parent`` facet)."""

    run_id: str
    job_namespace: str
    job_name: str


@dataclass(frozen=True, slots=True)
class ColumnEdge:
    """One output column and an input column it depends on (OpenLineage ``columnLineage`` facet)."""

    column: str
    source: Version
    source_column: str
    influence: Influence = Influence.DIRECT


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One data-quality assertion on the output (OpenLineage ``dataQualityAssertions`` facet)."""

    assertion: str
    success: bool
    column: str | None = None


@dataclass(frozen=True)
class AssetRun:
    """The state of one asset run at one moment: what one lineage event says.

    Attributes:
        run_id: deterministic UUIDv7, see ``asset_run_id``; never the orchestrator's run id.
        state: what happened.
        at: when (timezone-aware UTC).
        job_namespace: OpenLineage job namespace.
        job_name: OpenLineage job name.
        production: outputs, pinned inputs, models and licences. For START, RUNNING and FAIL
            it is what would be produced: it draws the edges but is not counted as made.
        parent: the orchestrator's run.
        error: message of a failure.
        verdict: the guard's verdict on this run, when it took one.
        enforced: whether that verdict could stop the run.
        took: how long the gate took to reach that verdict, in seconds; ``None`` when no step waited for it.
        nominal: start and end of the time window of the partition.
        columns: (name, type) of the output.
        column_lineage: column edges; empty means unknown.
        row_count: rows written.
        byte_count: bytes written.
        checks: results of data-quality checks on the output.
        tags: key-value tags.
        owners: owners of the asset.
        description: description of the asset.
        code_version: version label of the code.
        source: where the record came from and its position there, e.g. ``("dagster:<instance>", 4711)``.
    """

    run_id: str
    state: RunState
    at: datetime
    job_namespace: str
    job_name: str
    production: Production
    parent: ParentRun | None = None
    error: str | None = None
    verdict: Verdict | None = None
    enforced: bool = False
    took: float | None = None
    nominal: tuple[datetime, datetime] | None = None
    columns: tuple[tuple[str, str], ...] = ()
    column_lineage: tuple[ColumnEdge, ...] = ()
    row_count: int | None = None
    byte_count: int | None = None
    checks: tuple[CheckResult, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    owners: tuple[str, ...] = ()
    description: str | None = None
    code_version: str | None = None
    source: tuple[str, int] | None = None


def asset_run_id(parent_run_id: str, name: str, partition: str | None, created: datetime) -> str:
    """The run id of one asset partition in one orchestrator run: a deterministic UUIDv7 (RFC 9562).

    Every process that looks at the same materialisation computes the same id, so collecting
    twice, or from two hosts at once, changes nothing.

    Args:
        parent_run_id: the orchestrator's run id.
        name: OpenLineage dataset name of the asset.
        partition: partition key, or ``None``.
        created: creation time of the orchestrator's run; gives the time bits.

    Example:
        >>> from datetime import UTC, datetime
        >>> asset_run_id("r1", "a", None, datetime(2026, 1, 1, tzinfo=UTC))
        '019b76da-a800-7503-85d6-56f485aac304'
    """
    digest = sha256("\x1f".join((parent_run_id, name, "" if partition is None else "=" + partition)).encode()).digest()
    millis = int(created.timestamp() * 1000) & ((1 << 48) - 1)
    bits = int.from_bytes(digest[:10], "big")
    value = millis << 80 | 0x7 << 76 | (bits >> 62 & 0xFFF) << 64 | 0b10 << 62 | bits & ((1 << 62) - 1)
    return str(UUID(int=value))


#: How the run of a version begins that only a declaration speaks of.
DECLARED = "00000000-0000-7"


def declared_run_id(name: str, said: str) -> str:
    """Stands as the run of a version that no run of ours made, only a declaration speaks of.

    A corrected declaration is another version: what was read under the old one keeps it, and
    what is read from now on is free of it. A UUIDv7 of the year 1970, which no real run has.

    Args:
        name: OpenLineage dataset name.
        said: everything that is declared of it, as text.

    Example:
        >>> declared_run_id("raw", "human")
        '00000000-0000-7f09-9c22-27b8738c633f'
    """
    return asset_run_id("declared", name, said, datetime(1970, 1, 1, tzinfo=UTC))


def is_declared(run: str | None) -> bool:
    """Whether a version's run is a declaration; see ``declared_run_id``."""
    return run is not None and run.startswith(DECLARED)
