"""Deciding again on what was trained: the versions that exist, by what their records say they may have read.

The gate answers before a step reads. What it answered holds for what it saw; an upstream that was written
again between its answer and the end of the training is in the record of the trained version, because that
is made from the log afterwards. The verdict on that record is filed beside the gate's own, under the same
run. Nothing is stopped by it: whoever trains on that version meets a gate that reads the same record.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from lineage_guard.dagster.gate.gate import upstream
from lineage_guard.dagster.sensor.rounds import Round, dump_round, load_round
from lineage_guard.domain.errors import LedgerError
from lineage_guard.domain.facts import ModelSource, Production, Usage, Version, union
from lineage_guard.domain.rules.assets import AssetFacts, alike
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.waivers import Waivers, spanning
from lineage_guard.domain.verdict.decide import Verdict, decide
from lineage_guard.domain.verdict.runs import AssetRun, RunState
from lineage_guard.ledger.asking.judged_assets import judged_assets
from lineage_guard.ledger.asking.trained import stopping
from lineage_guard.openlineage.encode import event_of

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.ledger import Ledger

#: Verdicts taken in one tick on one asset to stop something, and as many to release something; the next goes on.
MOST = 200
#: Looks at versions, from the first, as far as it may: what changed, and how many were looked at.
_Look = Callable[[Sequence[Version]], "tuple[list[tuple[Version, Verdict]], int]"]


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
        done: whether every version was looked at; if not, asking again goes on.
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
    going_on: bool = False,
) -> Redecided:
    """File a new verdict on each trained version that would be answered otherwise than it was.

    Where there are more versions than may be decided on at once, the ledger keeps how far this came.

    Args:
        ledger: holds the records and the verdicts filed before.
        trained: the newest versions of one training asset, and what is on record of each.
        rules: what is decided by.
        now: the time (timezone-aware UTC).
        most: verdicts to take at most to stop something new; as many again to let something go.
        superseded: older versions, which may still be in use somewhere.
        going_on: whether nothing changed since the last call that was not done; what it looked at stands then.

    Returns:
        The verdicts that were filed, and whether that was all.

    Raises:
        LedgerError: when the ledger cannot be read or written.
    """
    if not trained:
        return Redecided()
    first = next(iter(trained))
    everything = {**(superseded or {}), **trained}
    filed = ledger.ask(lambda index, tail: stopping(index, tail, first.namespace, first.name))
    rounds = _Rounds(ledger, first, rules, now, going_on)
    asking = _Asking(ledger, everything, rules, now, most, assets_of(ledger, everything, rules.policy))
    changed = rounds.go("stop", (v for v in everything if not filed.get(v.run or "", False)), asking.stopped)
    asking.left = most
    changed += rounds.go("release", (v for v in everything if filed.get(v.run or "", False)), asking.released)
    if changed:
        ledger.append([event_of(_again(everything[v], v, verdict)) for v, verdict in changed])
    return Redecided(tuple(verdict for _, verdict in changed), rounds.keep())


class _Rounds:
    """The two rounds over the versions of an asset, from call to call: what is to be stopped, what to be released."""

    def __init__(self, ledger: Ledger, target: Version, rules: Rules, now: datetime, going_on: bool) -> None:
        self._ledger = ledger
        self._name = f"redecide-{target.namespace}:{target.name}"
        waivers = sorted(repr(w) for w in rules.waivers if now < w.expires)
        facts = (rules.policy.digest, rules.catalog.ancestry.digest, rules.use, waivers, str(now.date()))
        self._rules = sha256(repr(facts).encode()).hexdigest()[:16]
        try:
            self._stored = ledger.load(self._name) or {}
        except LedgerError:  # made again by looking at everything
            self._stored = {"rules": ""}
        self._same = going_on and self._stored.get("rules") == self._rules
        self._now: dict[str, Round | None] = {}

    def go(self, name: str, versions: Iterable[Version], look: _Look) -> list[tuple[Version, Verdict]]:
        """Look at the versions that a round has not come to, and note how far that went."""
        one = load_round(self._stored[name]) if name in self._stored else Round()
        if not self._same:
            one = (one or Round()).again()
        if one is None:
            self._now[name] = None
            return []
        left = one.left(versions)
        found, looked = look(left)
        self._now[name] = None if looked == len(left) else one.past(left[looked - 1]) if looked else one
        return found

    def keep(self) -> bool:
        """Store how far both came, for the next call; whether both came to their ends."""
        done = not any(self._now.values())
        state: dict[str, object] = {} if done else {n: dump_round(one) for n, one in self._now.items()}
        if not done:
            state["rules"] = self._rules
        if state != self._stored:
            self._ledger.store(self._name, state)
        return done


@dataclass
class _Asking:
    ledger: Ledger
    trained: Mapping[Version, Production]
    rules: Rules
    now: datetime
    left: int
    assets: Mapping[Version, AssetFacts]

    def stopped(self, versions: Sequence[Version]) -> tuple[list[tuple[Version, Verdict]], int]:
        """Those that are stopped, and how many were looked at, from the first.

        What is allowed of all together is allowed of each, so halves that are are left.
        """
        found: list[tuple[Version, Verdict]] = []
        parts = [(0, len(versions))] if versions else []
        while parts:
            low, high = parts.pop()
            if self.left <= 0:
                return found, low
            verdict = self._verdict(versions[low:high])
            if verdict.stops and high - low == 1:
                found.append((versions[low], verdict))
            elif verdict.stops:
                half = (low + high) // 2
                parts += [(half, high), (low, half)]
        return found, len(versions)

    def released(self, versions: Sequence[Version]) -> tuple[list[tuple[Version, Verdict]], int]:
        """Those that are not stopped any more: a waiver, other terms, or a record that was completed."""
        found: list[tuple[Version, Verdict]] = []
        for looked, version in enumerate(versions):
            if self.left <= 0:
                return found, looked
            if not (verdict := self._verdict([version])).stops:
                found.append((version, verdict))
        return found, len(versions)

    def _verdict(self, versions: Sequence[Version]) -> Verdict:
        self.left -= 1
        target = replace(together([self.trained[v] for v in versions]), outputs=(versions[0],))
        closure, cures = upstream(target, self.ledger, self.rules.policy.terms, self.rules.catalog.ancestry)
        closure = replace(closure, asset=alike(self.assets.get(v) for v in versions))
        waivers = spanning(self.rules.waivers, versions)
        verdict = decide(closure, self.rules.policy, waivers, self.rules.use, self.now)
        return replace(verdict, cures=tuple(map(str, cures)))


def assets_of(ledger: Ledger, versions: Iterable[Version], policy: Policy) -> Mapping[Version, AssetFacts]:
    """What is on record of the asset behind each version, where the policy asks for it.

    Args:
        ledger: holds the verdicts filed before.
        versions: trained versions.
        policy: rules.

    Raises:
        LedgerError: when the ledger cannot be read.
    """
    return ledger.ask(lambda index, tail: judged_assets(index, tail, versions)) if policy.asks_of_assets else {}


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
