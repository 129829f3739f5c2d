"""The sensor: collects, decides again, shows, delivers. It stops nothing; the gate does.

Its cursor holds only what is safe to lose: which answers were shown last. Losing it shows
them once more.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary

import dagster as dg

from lineage_guard.dagster.keys import SENSOR_NAME as SENSOR_NAME
from lineage_guard.dagster.settings import Settings, ledger_location, lineage_namespace, rulebook
from lineage_guard.domain.errors import LineageGuardError

# Code locations build the sensor at every load; what a tick needs is imported by the tick.
if TYPE_CHECKING:
    from lineage_guard.alerts import Context, Sink
    from lineage_guard.catalog import Catalog
    from lineage_guard.dagster.collect.collect import Collected
    from lineage_guard.dagster.sensor.decide import Judgement
    from lineage_guard.dagster.sensor.trouble import Trouble
    from lineage_guard.domain.rules.policy import Policy
    from lineage_guard.ledger import Ledger

#: Materialisations collected by one tick; the next one goes on. A tick has about 60 s.
PER_TICK = 2_000
#: Events in the ledger that its index does not cover, above which a tick compacts it.
COMPACT_ABOVE = 1_000
_LAST_LINE = 10**12
_SETTINGS: WeakKeyDictionary[dg.SensorDefinition, Settings] = WeakKeyDictionary()


@dataclass(frozen=True)
class Delivery:
    """Where the sensor tells things.

    Attributes:
        sinks: alert sinks; those the environment names when ``None``.
        context: deployment name, links and owners for alerts.
        transport: configuration of an openlineage-python transport; that of the environment
            and ``openlineage.yml`` when ``None``.
    """

    sinks: Sequence[Sink] | None = None
    context: Context | None = None
    transport: Mapping[str, Any] | None = None


def build_sensor(
    settings: Settings, delivery: Delivery | None = None, minimum_interval: int = 30
) -> dg.SensorDefinition:
    """The sensor ``lineage_guard``, running as soon as it is loaded.

    Args:
        settings: what ``guard()`` was told.
        delivery: where it tells things; the environment says when ``None``.
        minimum_interval: seconds between ticks.

    Example:
        >>> build_sensor(Settings(ledger="/tmp/ledger")).name
        'lineage_guard'
    """
    told = delivery or Delivery()

    @dg.sensor(  # pyright: ignore[reportUnknownMemberType]  (Dagster's own annotation is partial)
        name=SENSOR_NAME,
        minimum_interval_seconds=minimum_interval,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Collects lineage, decides again on training assets, delivers events and alerts.",
    )
    def lineage_guard(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        return tick(context, settings, told, datetime.now(UTC), timedelta(seconds=minimum_interval))

    _SETTINGS[lineage_guard] = settings
    return lineage_guard


def settings_of_sensor(sensor: dg.SensorDefinition) -> Settings | None:
    """What a sensor of ours was told; ``None`` for any other sensor, and for a copy that Dagster made of ours."""
    return _SETTINGS.get(sensor)


def tick(
    context: dg.SensorEvaluationContext,
    settings: Settings,
    delivery: Delivery,
    now: datetime,
    interval: timedelta = timedelta(seconds=30),
) -> dg.SensorResult | dg.SkipReason:
    """One tick. A dead sink or lineage backend is logged, never raised.

    Args:
        context: of the sensor.
        settings: what ``guard()`` was told.
        delivery: where to tell things.
        now: the time (timezone-aware UTC).
        interval: minimum interval between ticks; after several of it without a tick the sensor is missed.

    Raises:
        LedgerError: when the ledger cannot be read or written: a failed tick is how Dagster shows it, and it pages.
        ConfigError: when the policy, an own catalog file or the ledger's place is wrong: the same.
    """
    from lineage_guard.dagster.sensor.trouble import telling

    with telling(context, lambda: _sinks(delivery), delivery.context, now) as trouble:
        trouble.ledger = ledger_location(settings.ledger)
        return _tick(context, settings, delivery, now, interval, trouble)


def _tick(
    context: dg.SensorEvaluationContext,
    settings: Settings,
    delivery: Delivery,
    now: datetime,
    interval: timedelta,
    trouble: Trouble,
) -> dg.SensorResult | dg.SkipReason:
    from lineage_guard.dagster.collect.collect import collect
    from lineage_guard.dagster.events import name_of
    from lineage_guard.dagster.gate.present import evaluation
    from lineage_guard.dagster.installed import SENSOR, footing, note
    from lineage_guard.dagster.pins.resolve import graph_of
    from lineage_guard.dagster.sensor.decide import affected, judge, training_assets
    from lineage_guard.dagster.sensor.doubts import doubts, with_doubts
    from lineage_guard.dagster.sensor.early import due
    from lineage_guard.dagster.sensor.heartbeat import alive
    from lineage_guard.dagster.sensor.history import history
    from lineage_guard.ledger import open_ledger

    repository = context.repository_def
    if repository is None:
        return dg.SkipReason("the sensor was evaluated outside a code location")
    graph = graph_of(repository.asset_graph)
    ledger = open_ledger(trouble.ledger)
    namespace = lineage_namespace(settings.namespace)
    collected = collect(context.instance, graph, ledger, namespace=namespace, now=now, limit=PER_TICK)
    if ledger.check().tail > COMPACT_ABOVE:
        ledger.compact()
    catalog, policy = rulebook(settings)
    cursor = _cursor(context.cursor)
    uses = training_assets(graph, settings)
    rules = _rules(policy, catalog, settings, now)
    end, names = _news(ledger, cursor)
    past = history(ledger, cursor.get("history"), end, now)
    trouble.found |= past.trouble(trouble.sensor)
    asked = every = set(uses)
    rest: set[dg.AssetKey] = set()
    if names is not None and cursor.get("rules") == rules:
        every = {k for k in uses if k.to_user_string() in cursor["owed"]}
        settled = set(cursor["shown"]) - set(cursor["again"])
        touched = affected(graph, uses, names)
        asked = {k for k in uses if k.to_user_string() not in settled} | touched
        rest = {k for k in every if k.to_user_string() in cursor["begun"]} - touched
    origin = context.code_location_origin
    location = origin.location_name if origin else None
    mine = footing(settings, policy, catalog)
    note(context.instance, SENSOR, location, mine)
    doubted, remarks = doubts(context.instance, repository, location, mine, uses)
    wanted = {k: uses[k] for k in uses if k in asked or k in doubted}
    judgements = judge(context.instance, graph, ledger, settings, wanted, policy, catalog, now, every, rest)
    judgements = with_doubts(judgements, doubted, settings, policy.name, now)
    shown: dict[str, str] = {k.to_user_string(): d for k in uses if (d := cursor["shown"].get(k.to_user_string()))}
    changed = [j for j in judgements if shown.get(j.key.to_user_string()) != j.digest]
    shown.update({j.key.to_user_string(): j.digest for j in judgements})
    owners = {name_of(key): tuple(graph.get(key).owners) for key in uses}
    telling = due(ledger, graph, judgements, cursor["waiting"], now)
    told, problems = _alert(ledger, delivery, settings, catalog, telling.judgements, now, location, owners, trouble)
    problems += _deliver(ledger, delivery)
    problems += alive(context.instance, ledger, collected, location, policy, interval, now, trouble)
    problems += _watch(ledger, delivery, now)
    for problem in [*remarks, *past.problems, *problems]:
        context.log.warning(problem)
    for key, sentence in doubted.items():
        context.log.error(f"{key.to_user_string()}: {sentence}")
    said = _sentence(collected, judgements, problems)
    context.log.info(said)
    again = [j.key.to_user_string() for j in judgements if not (j.final and told)]
    again += [name for name in telling.waiting if name not in again]
    owed = [j.key.to_user_string() for j in judgements if j.owed]
    begun = [j.key.to_user_string() for j in judgements if j.begun]
    state = {"rules": rules, "end": end, "shown": shown, "again": again, "owed": owed, "begun": begun}
    state |= {"waiting": dict(telling.waiting), "history": past.state}
    context.update_cursor(json.dumps(state, sort_keys=True))
    if not changed:
        return dg.SkipReason(said)
    # The reason is what the UI shows beside the tick; without one it says that the result was empty.
    return dg.SensorResult(
        skip_reason=said, asset_events=[evaluation(j.key, j.verdict, trained=j.trained) for j in changed]
    )


def _alert(
    ledger: Ledger,
    delivery: Delivery,
    settings: Settings,
    catalog: Catalog,
    judgements: Sequence[Judgement],
    now: datetime,
    location: str | None,
    owners: Mapping[str, tuple[str, ...]],
    trouble: Trouble,
) -> tuple[bool, list[str]]:
    """Hand the verdicts to the incidents; what is not delivered waits there.

    Returns:
        Whether they were taken over: if not, the next tick must bring them again. And what went
        wrong, in a sentence each.
    """
    from lineage_guard.alerts import Context, Destinations, send
    from lineage_guard.alerts.order import in_order
    from lineage_guard.alerts.state import read_state, state_name
    from lineage_guard.dagster.sensor.surroundings import neighbourhood, waivers_of

    try:
        sinks = _sinks(delivery)
        context = delivery.context or Context.from_env(os.environ)
        context = replace(context, owners={**owners, **context.owners})
        known = read_state(ledger, state_name(location))[0]
        verdicts = in_order([j.verdict for j in judgements], known)
        around = neighbourhood(ledger, judgements, catalog, owners)
        report = send(
            verdicts,
            sinks,
            ledger,
            now,
            context,
            state=state_name(location),
            waivers=waivers_of(settings),
            neighbourhood=around,
        )
    except Exception as error:  # noqa: BLE001  telling must not stop seeing
        trouble.missed(error)
        return False, [f"alerts could not be sent: {type(error).__name__}: {error}"]
    problems = [f"alerts: {problem}" for problem in sinks.problems] if isinstance(sinks, Destinations) else []
    return True, [*problems, *(f"alert {a} to {sink} failed: {why}" for a, sink, why in report.failed)]


def _sinks(delivery: Delivery) -> Sequence[Sink]:
    """Where alerts go: as told, or as the environment says. What is wrong there silences nothing else."""
    from lineage_guard.alerts import destinations

    return delivery.sinks if delivery.sinks is not None else destinations(os.environ)


def _watch(ledger: Ledger, delivery: Delivery, now: datetime) -> list[str]:
    """Miss the sensors of other code locations."""
    from lineage_guard.dagster.sensor.heartbeat import watch_others

    return watch_others(ledger, _sinks(delivery), delivery.context, now)


def _deliver(ledger: Ledger, delivery: Delivery) -> list[str]:
    """OpenLineage events, when there is somewhere to send them."""
    problems: list[str] = []
    if delivery.transport is None and not _transport_configured():
        return problems
    try:
        from lineage_guard.openlineage.deliver import drain

        drained = drain(ledger, delivery.transport)
        if drained.error:
            problems.append(f"OpenLineage events wait ({drained.backlog}): {drained.error}")
        if drained.refused:
            said = f"{drained.refused[0].event}: {drained.refused[0].error}"
            problems.append(f"{len(drained.refused)} OpenLineage events refused (lineage-guard sync --refused), {said}")
    except Exception as error:  # noqa: BLE001  the same
        problems.append(f"OpenLineage events could not be delivered: {type(error).__name__}: {error}")
    return problems


def _transport_configured() -> bool:
    """Whether openlineage-python would find a transport, without importing it (0.6 s)."""
    named = any(
        k == "OPENLINEAGE_URL" or k.startswith(("OPENLINEAGE__TRANSPORT", "OPENLINEAGE_CONFIG")) for k in os.environ
    )
    return named or any((p / "openlineage.yml").is_file() for p in (Path.cwd(), Path.home() / ".openlineage"))


def _rules(policy: Policy, catalog: Catalog, settings: Settings, now: datetime) -> str:
    """Changes when the same lineage may be judged otherwise: rules, public facts, waivers, or a new day."""
    from lineage_guard.dagster.sensor.decide import waived

    facts = (policy.digest, catalog.ancestry.digest, waived(settings, now), str(now.date()))
    return sha256(repr(facts).encode()).hexdigest()[:16]


def _news(ledger: Ledger, cursor: Mapping[str, Any]) -> tuple[str, set[str] | None]:
    """Where the ledger ends, and the names of all that was written since the last tick.

    The ledger is asked, not the collection: the gate collects too, in its own process.

    Returns:
        The names are ``None`` when the cursor does not say how far the last tick came, or speaks of another ledger.
    """
    from lineage_guard.ledger.asking.continuity import holds

    end = ledger.watermark()
    if cursor.get("end") == end:
        return end, set()
    batch = str(cursor.get("end") or "").partition(":")[0]
    if not batch.isdecimal():
        return end, None
    names: set[str] = set()
    try:
        if not holds(ledger, str(cursor["end"])):
            return end, None
        # A watermark begins with the last batch it covers; a position is a batch and a line in it.
        for _, event in ledger.events(f"{batch}:{_LAST_LINE}"):
            for dataset in (event.get("job"), *cast("list[object]", event.get("outputs") or [])):
                if isinstance(dataset, Mapping):
                    names.add(str(cast("Mapping[str, object]", dataset).get("name")))
    except LineageGuardError:
        return end, None
    return end, names


def _cursor(text: str | None) -> dict[str, Any]:
    try:
        value: object = json.loads(text or "{}")
    except ValueError:
        value = {}
    found = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    maps = {n: cast("dict[str, str]", v) if isinstance(v := found.get(n), dict) else {} for n in ("shown", "waiting")}
    lists = {n: cast("list[str]", v) if isinstance(v := found.get(n), list) else [] for n in ("again", "owed", "begun")}
    return {**found, **lists, **maps}


def _sentence(collected: Collected, judgements: Sequence[Judgement], problems: Sequence[str]) -> str:
    stopped = sum(j.verdict.blocks for j in judgements)
    spared = sum(j.verdict.stops for j in judgements) - stopped
    parts = [f"{collected.records} materialisations read, {collected.appended} events new"]
    if collected.lag:
        parts.append(f"{collected.lag} log ids behind")
    if judgements:
        would = f", {spared} would be (not enforced)" if spared else ""
        parts.append(f"{len(judgements)} training assets judged, {stopped} stopped{would}")
    if marked := sum(j.marked for j in judgements):
        parts.append(f"{marked} trained versions judged otherwise than before")
    if problems:
        parts.append(f"{len(problems)} not delivered")
    return "; ".join(parts)
