"""Deciding again on what was trained: the versions that exist, by what their records say they may have read.

The gate answers before a step reads. What it answered holds for what it saw; an upstream that was written
again between its answer and the end of the training is in the record of the trained version, because that
is made from the log afterwards. The verdict on that record is filed beside the gate's own, under the same
run. Nothing is stopped by it: whoever trains on that version meets a gate that reads the same record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from lineage_guard.dagster.gate.gate import upstream
from lineage_guard.domain.facts import ModelSource, Production, Usage, Version, union
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.waivers import Waivers, spanning
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.openlineage.encode import event_of

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.ledger import Ledger

#: Verdicts taken in one tick, at most; the next tick goes on.
MOST = 200


@dataclass(frozen=True)
class Rules:
    """What is decided by.

    Attributes:
        policy: rules and terms.
        waivers: accepted risks.
        catalog: public ancestry.
        use: what the asset is for.
    """

    policy: Policy
    waivers: Waivers
    catalog: Catalog
    use: str


@dataclass(frozen=True)
class Redecided:
    """What was decided again.

    Attributes:
        verdicts: those that were filed.
        done: whether every version was looked at that may have to be stopped; if not, asking again goes on.
    """

    verdicts: tuple[Verdict, ...] = ()
    done: bool = True


def redecide(
    ledger: Ledger,
    trained: Mapping[Version, Production],
    rules: Rules,
    now: datetime,
    most: int = MOST,
    superseded: Mapping[Version, Production] | None = None,
) -> Redecided:
    """File a new verdict on each trained version that would be answered otherwise than it was.

    Args:
        ledger: holds the records and the verdicts filed before.
        trained: the newest versions of one training asset, and what is on record of each.
        rules: what is decided by.
        now: the time (timezone-aware UTC).
        most: verdicts to take at most before stopping something new; as many again to let something go.
        superseded: older versions, which may still be in use somewhere; those that are stopped stay so.

    Returns:
        The verdicts that were filed, and whether that was all.

    Raises:
        LedgerError: when the ledger cannot be read or written.
    """
    if not trained:
        return Redecided()
    first = next(iter(trained))
    everything = {**(superseded or {}), **trained}
    filed: dict[object, bool] = {}
    for decision in ledger.decisions(first.namespace, first.name, limit=4 * len(everything) + 100):
        filed.setdefault(decision["runId"], bool(decision.get("stops")))
    asking = _Asking(ledger, everything, rules, now, most)
    changed = asking.stopped([v for v in everything if not filed.get(v.run, False)])
    done = asking.left > 0
    asking.left = most
    changed += asking.released(v for v in trained if filed.get(v.run, False))
    if changed:
        ledger.append([event_of(_again(everything[v], v, verdict)) for v, verdict in changed])
    return Redecided(tuple(verdict for _, verdict in changed), done)


@dataclass
class _Asking:
    ledger: Ledger
    trained: Mapping[Version, Production]
    rules: Rules
    now: datetime
    left: int

    def stopped(self, versions: Sequence[Version]) -> list[tuple[Version, Verdict]]:
        """Those that are stopped. What is allowed of all together is allowed of each, so halves that are are left."""
        if not versions or self.left <= 0:
            return []
        verdict = self._verdict(versions)
        if not verdict.stops:
            return []
        if len(versions) == 1:
            return [(versions[0], verdict)]
        half = len(versions) // 2
        return [*self.stopped(versions[:half]), *self.stopped(versions[half:])]

    def released(self, versions: Iterable[Version]) -> list[tuple[Version, Verdict]]:
        """Those that are not stopped any more: a waiver, other terms, or a record that was completed."""
        found: list[tuple[Version, Verdict]] = []
        for version in versions:
            if self.left > 0 and not (verdict := self._verdict([version])).stops:
                found.append((version, verdict))
        return found

    def _verdict(self, versions: Sequence[Version]) -> Verdict:
        self.left -= 1
        target = replace(together([self.trained[v] for v in versions]), outputs=(versions[0],))
        closure, cures = upstream(target, self.ledger, self.rules.policy.terms, self.rules.catalog.ancestry)
        waivers = spanning(self.rules.waivers, versions)
        verdict = decide(closure, self.rules.policy, waivers, self.rules.use, self.now)
        return replace(verdict, cures=tuple(map(str, cures)))


def together(steps: Sequence[Production]) -> Production:
    """Several steps as one that is allowed only what is allowed of each: their models keep the day of their step.

    Where one begins from other weights than another, none of those opens a family for all of them.

    Args:
        steps: at least one.
    """
    if len(steps) == 1:
        return steps[0]
    alike = len({frozenset(m for m in p.models if m.usage is Usage.BASE_MODEL) for p in steps}) == 1

    def dated(p: Production) -> Production:
        models = (replace(m, generated_at=m.generated_at or p.produced_at) for m in p.models)
        return replace(p, models=tuple(m if alike or m.usage is not Usage.BASE_MODEL else _no_base(m) for m in models))

    return union([dated(p) for p in steps])


def _no_base(model: ModelSource) -> ModelSource:
    return replace(model, usage=Usage.GENERATION)


def _again(made: Production, version: Version, verdict: Verdict) -> AssetRun:
    """The end of the run once more, with what is thought of it now; what it made and read stays as it was."""
    assert version.run is not None
    return AssetRun(
        run_id=version.run,
        state=RunState.COMPLETE,
        at=made.produced_at or verdict.at,
        job_namespace=version.namespace,
        job_name=version.name,
        production=replace(made, outputs=(version,)),
        verdict=verdict,
    )
