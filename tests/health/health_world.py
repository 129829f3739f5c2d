"""A real ledger with a guard's history: sensors that ticked, gates that answered, alerts and events that wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.incidents.heartbeat import Heartbeat
from lineage_guard.domain.verdict.decide import Decision, Verdict
from lineage_guard.domain.verdict.runs import AssetRun, RunState, asset_run_id
from lineage_guard.health import beat
from lineage_guard.ledger import Ledger, open_ledger
from lineage_guard.openlineage.encode import event_of

T0 = datetime(2026, 11, 22, 12, tzinfo=UTC)
INTERVAL = timedelta(seconds=30)


def at(seconds: float) -> datetime:
    return T0 + timedelta(seconds=seconds)


def sign(location: str = "training", seconds: float = 0, **more: object) -> Heartbeat:
    return Heartbeat(location, "dagster:prod", at(seconds), INTERVAL, **more)  # type: ignore[arg-type]


def ticked(ledger: Ledger, location: str = "training", seconds: float = 0, **more: object) -> None:
    beat(ledger, sign(location, seconds, **more))


def decided(
    ledger: Ledger,
    n: int,
    decision: Decision = Decision.ALLOW,
    took: float | None = 0.2,
    partitions: tuple[str | None, ...] = (None,),
    policy: str = "default",
) -> None:
    """What the gate writes down: one event for each version that the step would write."""
    moment = at(n)
    versions = [Version("d", "student", p, asset_run_id(f"r{n}", "student", p, moment)) for p in partitions]
    verdict = Verdict(
        decision=decision,
        stops=decision is Decision.BLOCK,
        target=versions[0],
        use="train_competing",
        at=moment,
        findings=(),
        obligations=(),
        policy=policy,
        policy_digest="sha256:p",
        closure_digest="sha256:c",
        closure_size=1,
        watermark="0:",
    )
    runs = [
        AssetRun(str(v.run), RunState.RUNNING, moment, "d", "student", Production((v,)), verdict=verdict, took=took)
        for v in versions
    ]
    ledger.append([event_of(run) for run in runs])


def empty(tmp_path: Path) -> Ledger:
    return open_ledger(tmp_path / "ledger")
