"""Deciding again: what the gate would say now of each training asset, and of what was trained already."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING

import dagster as dg

from lineage_guard.dagster.asset_facts import facts_of
from lineage_guard.dagster.collect.collect import Collector, collect_upstream
from lineage_guard.dagster.events import name_of
from lineage_guard.dagster.gate.gate import Request, cannot_see, check
from lineage_guard.dagster.modes import assigned, selected, training_keys
from lineage_guard.dagster.pins.resolve import Graph
from lineage_guard.dagster.pins.step import upcoming
from lineage_guard.dagster.rows.evidence import NotAsked, OfDeployment
from lineage_guard.dagster.sensor.redecide import Rules, assets_of, redecide, together
from lineage_guard.dagster.settings import Settings, lineage_namespace
from lineage_guard.domain.errors import LineageGuardError
from lineage_guard.domain.facts import Production, Version
from lineage_guard.domain.rules.assets import alike
from lineage_guard.domain.rules.policy import Policy
from lineage_guard.domain.rules.waivers import NOTICE
from lineage_guard.domain.verdict.decide import Verdict
from lineage_guard.domain.verdict.modes import Mode
from lineage_guard.domain.verdict.runs import ParentRun

if TYPE_CHECKING:
    from lineage_guard.catalog import Catalog
    from lineage_guard.explaining.answering import Answer
    from lineage_guard.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Judgement:
    """What holds for one training asset now.

    Attributes:
        key: the asset.
        verdict: of the next training run; of what was trained last when only that one is stopped.
        trained: whether ``verdict`` is about what was trained already.
        digest: changes when, and only when, the answer may have.
        final: whether it holds until something changes; ``False`` when the guard could not see.
        marked: versions trained already whose verdict was changed now, see ``redecide``.
        owed: whether some of those are still to be looked at.
        begun: whether those that are owed are the rest; if not, all of them are looked at again.
        asked: the question and the answer that ``verdict`` is of; ``None`` when nobody could be asked.
    """

    key: dg.AssetKey
    verdict: Verdict
    trained: bool
    digest: str
    final: bool = True
    marked: int = 0
    owed: bool = False
    begun: bool = False
    asked: tuple[Request, Answer] | None = field(default=None, compare=False, repr=False)


def training_assets(graph: Graph, settings: Settings) -> dict[dg.AssetKey, str]:
    """The training assets that a guard covers, with their uses.

    Args:
        graph: the full asset graph.
        settings: what ``guard()`` was told.

    Raises:
        ConfigError: the selection of ``guard(select=...)`` cannot be resolved or covers none of them.
    """
    found = training_keys(graph)
    chosen = selected(settings.select, graph, found) if found else set[dg.AssetKey]()
    return {key: use for key, use in found.items() if key in chosen}


def affected(graph: Graph, keys: Iterable[dg.AssetKey], names: Iterable[str]) -> set[dg.AssetKey]:
    """Those of some assets that are, or lie downstream of, assets with these names."""
    changed = set(names)
    return {key for key in keys if changed & {name_of(k) for k in (key, *graph.get_ancestor_asset_keys(key))}}


def judge(
    instance: dg.DagsterInstance,
    graph: Graph,
    ledger: Ledger,
    settings: Settings,
    uses: Mapping[dg.AssetKey, str],
    policy: Policy,
    catalog: Catalog,
    now: datetime,
    every: Collection[dg.AssetKey] = (),
    rest: Collection[dg.AssetKey] = (),
) -> list[Judgement]:
    """Ask the gate about each training asset. Never raises: what goes wrong is in the verdict.

    Args:
        instance: the Dagster instance.
        graph: the full asset graph.
        ledger: the ledger.
        settings: what ``guard()`` was told.
        uses: the assets and what each is for.
        policy: rules and terms.
        catalog: public ancestry and terms.
        now: the time (timezone-aware UTC).
        every: assets of which every trained version is decided on again, and not the newest ones alone.
        rest: assets of which nothing changed since a judgement that was owed the rest; that goes on.
    """
    namespace = lineage_namespace(settings.namespace)
    judgements: list[Judgement] = []
    rows = OfDeployment(instance, graph, ledger, namespace, now, patient=True)
    for key, use in sorted(uses.items()):
        target = Version(namespace, name_of(key))
        mode = settings.mode.floor
        try:
            mode = assigned(settings.mode, graph, training_keys(graph))[key] if settings.mode.entries else mode
            which = (key in every, key in rest)
            judgements.append(
                _judge(instance, graph, ledger, settings, key, use, mode, policy, catalog, now, rows, *which)
            )
        except Exception as error:  # noqa: BLE001  a guard that cannot see says so, and goes on to the next asset
            said = str(error) if isinstance(error, LineageGuardError) else f"{type(error).__name__}: {error}"
            sentence = f"The guard could not decide: {' '.join(said.split())}"
            verdict = cannot_see(target, use, policy.name, now, sentence, mode)
            judgements.append(
                Judgement(key, verdict, False, digest_of(verdict, settings, now), False, owed=key in every)
            )
    return judgements


def _judge(
    instance: dg.DagsterInstance,
    graph: Graph,
    ledger: Ledger,
    settings: Settings,
    key: dg.AssetKey,
    use: str,
    mode: Mode,
    policy: Policy,
    catalog: Catalog,
    now: datetime,
    rows: OfDeployment,
    every: bool,
    going_on: bool,
) -> Judgement:
    namespace = lineage_namespace(settings.namespace)
    collector = Collector(instance, graph, ledger, namespace, now)
    target = Version(namespace, name_of(key))
    nobody = ParentRun("", namespace, "")
    step = upcoming(key, (target,), collector.pins, graph, now, collector.log.head(), nobody)
    collected = collect_upstream(instance, graph, ledger, step.reads, namespace=namespace, now=now)
    blind = (*step.blind, *collected.blind)
    rows.waited = False
    request = Request(step.target, use, policy, now, settings.accepted(), blind, mode, rows, facts_of(graph, key))
    answer = check(request, ledger, catalog)
    verdict = answer.verdict
    trained = ledger.productions([v for v in ledger.latest(namespace, name_of(key)) if v.run])
    newest = Rules(policy, settings.accepted(), catalog, use)
    superseded = _superseded(ledger, target, trained) if every else None
    again = redecide(ledger, trained, newest, now, superseded=superseded, going_on=going_on)
    marked, owed = len(again.verdicts), not again.done
    if not verdict.stops and trained:
        past = replace(together(list(trained.values())), outputs=(target,))
        facts = assets_of(ledger, trained, policy)
        then = alike(facts.get(v) for v in trained)
        question = Request(past, use, policy, now, settings.accepted(), mode=mode, rows=NotAsked(), asset=then)
        before = check(question, ledger, catalog)
        if before.verdict.stops:
            digest = digest_of(before.verdict, settings, now)
            return Judgement(
                key, before.verdict, True, digest, again.done, marked, owed, owed, asked=(question, before)
            )
    # A suite that has not been run on what was just made will be, and nothing in Dagster's log will say so.
    final = not blind and not rows.waited and again.done
    digest = digest_of(verdict, settings, now)
    return Judgement(key, verdict, False, digest, final, marked, owed, owed, asked=(request, answer))


def _superseded(ledger: Ledger, target: Version, newest: Collection[Version]) -> dict[Version, Production]:
    """What is on record of the older versions of a training asset: other rules hold for them too."""
    place = (target.namespace, target.name)
    older = [t.version for t in ledger.trained([place]).trained if t.version[:2] == place]
    return ledger.productions([v for v in older if v not in newest])


def waived(settings: Settings, now: datetime) -> list[str]:
    """What is accepted now, or why nobody can tell. Never raises."""
    try:
        held = [w for w in settings.accepted() if now < w.expires]
        return sorted(f"{w!r}{' ends soon' if w.expires - now <= NOTICE else ''}" for w in held)
    except LineageGuardError as error:
        return [str(error)]


def digest_of(verdict: Verdict, settings: Settings, now: datetime) -> str:
    """Changes when, and only when, what is shown of a verdict may have changed."""
    waivers = waived(settings, now)
    facts = (verdict.decision, verdict.closure_digest, verdict.policy_digest, verdict.use, waivers, verdict.mode)
    findings = [(f.rule, f.reason, f.subject, str(f.model), f.effect, f.waived_by) for f in verdict.findings]
    return sha256(repr((facts, findings)).encode()).hexdigest()[:32]
