"""What ``lineage-guard doctor`` checks: can the guard see, and would it stop what it should?

Each check is one function that returns what it found and how to mend it. A check that breaks
is a failure of its own, never the end of the examination. That is why each imports for itself what
it looks at: a Dagster release that moved a name must show up here, not as a traceback.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any, cast

from rich.console import Console
from rich.table import Table
from rich.text import Text

from lineage_guard.dagster.target import Target
from lineage_guard.domain.errors import LineageGuardError

if TYPE_CHECKING:
    import dagster as dg

    from lineage_guard.dagster.locations import Location
    from lineage_guard.dagster.settings import Settings
    from lineage_guard.ledger import Ledger

#: Storage ids the collection may be behind before it counts as stale.
LAG = 10_000
_MARKS = {"ok": ("ok", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "bold red")}


@dataclass(frozen=True, slots=True)
class Result:
    """What one check found.

    Attributes:
        check: what was checked.
        state: ``ok``, ``warn`` or ``fail``.
        found: what was found.
        fix: how to mend it; empty when there is nothing to mend.
    """

    check: str
    state: str
    found: str
    fix: str = ""

    def to_dict(self) -> dict[str, str]:
        """As JSON data."""
        return {"check": self.check, "state": self.state, "found": self.found, "fix": self.fix}


@dataclass
class Patient:
    """What the checks look at, found out on the way."""

    target: Target
    ledger_place: str | None
    full: bool
    now: datetime
    locations: tuple[Location, ...] = ()
    settings: Settings | None = None
    instance: dg.DagsterInstance | None = None
    ledger: Ledger | None = None

    @property
    def guarded(self) -> list[tuple[str, dg.AssetsDefinition, bool]]:
        """Training assets: name, definition, and whether a gate stands before it."""
        from lineage_guard.dagster.declare import use_of
        from lineage_guard.dagster.locations import settings_of

        return [
            (spec.key.to_user_string(), definition, settings_of(definition) is not None)
            for location in self.locations
            for definition in location.assets()
            for spec in definition.specs
            if use_of(spec.tags)
        ]


def examine(target: Target, ledger: str | None, full: bool, now: datetime) -> list[Result]:
    """Run every check.

    Args:
        target: where definitions are.
        ledger: overrides the place of the ledger.
        full: also read and verify every file of the ledger.
        now: the time (timezone-aware UTC).
    """
    patient = Patient(target, ledger, full, now)
    results: list[Result] = []
    for name, check in CHECKS.items():
        try:
            results += check(patient)
        except LineageGuardError as error:
            place = f"{error.where}: " if error.where else ""
            results.append(Result(name, "fail", f"{place}{error.what}", error.fix))
        except ImportError as error:
            fix = "install a lineage-guard and a dagster that fit each other; line `versions` shows what is here"
            results.append(Result(name, "fail", f"a name is missing: {error}", fix))
        except Exception as error:  # noqa: BLE001 - a check that breaks has found something
            found = f"the check itself failed: {type(error).__name__}: {error}"
            results.append(Result(name, "fail", found, "run again with LINEAGE_GUARD_DEBUG=1 and report it"))
    if patient.instance is not None:
        patient.instance.__exit__(None, None, None)
    return results


def table(results: list[Result]) -> None:
    """Print the results as a table with a column that says how to mend each."""
    grid = Table(show_lines=True)
    for heading in ("Check", "", "Found", "Fix"):
        grid.add_column(heading, overflow="fold")
    for result in results:
        mark, style = _MARKS[result.state]
        grid.add_row(Text(result.check), Text(mark, style=style), Text(result.found), Text(result.fix))
    Console().print(grid)


def _versions(patient: Patient) -> list[Result]:
    names = ("lineage-guard", "dagster", "openlineage-python", "duckdb", "pyarrow", "great-expectations")
    return [Result("versions", "ok", ", ".join(f"{n} {metadata.version(n)}" for n in names))]


def _dagster_names(patient: Patient) -> list[Result]:
    """Whether Dagster still runs a step through the function we swap."""
    import dagster as dg

    from lineage_guard.dagster.gate.wrap import wrap, wrapped_by

    ran: list[str] = []

    @dg.op(name="lineage_guard_probe")
    def probe() -> None:
        ran.append("body")

    wrap(probe, lambda: ran.append("gate"), "probe")
    held = wrapped_by(probe) is not None

    probing = dg.GraphDefinition(name="lineage_guard_probing", node_defs=[probe])
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    done = probing.execute_in_process(run_config=quiet, raise_on_error=False)
    if held and done.success and ran == ["gate", "body"]:
        return [Result("Dagster's internals", "ok", f"a wrapped step meets the gate first on dagster {dg.__version__}")]
    return [
        Result(
            "Dagster's internals",
            "fail",
            f"on dagster {dg.__version__} a wrapped step does not meet the gate (ran: {ran})",
            "install a version of lineage-guard that supports this Dagster, or go back to the one before",
        )
    ]


def _definitions(patient: Patient) -> list[Result]:
    from lineage_guard.dagster.declare import DECLARATION_KEY
    from lineage_guard.dagster.locations import load_locations, settings_of

    patient.locations = load_locations(patient.target)
    if not patient.locations:
        fix = "name the code with -m, -f or -w to have gates and declarations checked"
        return [Result("code locations", "warn", "none is named or found here", fix)]
    results: list[Result] = []
    for location in patient.locations:
        name = f"code location {location.name}"
        if location.unseen:
            results.append(Result(name, "warn", location.unseen, "run doctor there too"))
            continue
        wrapped = [d for d in location.assets() if settings_of(d) is not None]
        declares = any(DECLARATION_KEY in s.metadata for d in location.assets() for s in d.specs)
        sensor = any(
            s.name == "lineage_guard" or s.name.startswith("lineage_guard")
            for r in location.repositories
            for s in r.sensor_defs
        )
        if wrapped or sensor:
            results.append(Result(name, "ok", f"calls guard(); {len(wrapped)} assets are wrapped"))
        else:
            why = ", though it declares models" if declares else ""
            results.append(
                Result(name, "fail", f"does not call guard(){why}", "end its definitions with `defs = guard(defs)`")
            )
        patient.settings = next((s for d in wrapped if (s := settings_of(d))), patient.settings)
    return results


def _gates(patient: Patient) -> list[Result]:
    if not patient.locations:
        return []
    open_ = [name for name, _, gated in patient.guarded if not gated]
    if open_:
        fix = "pass them to guard(), or take the training tag off"
        return [Result("training assets", "fail", f"no gate stands before: {', '.join(sorted(open_))}", fix)]
    count = len(patient.guarded)
    if count == 0:
        fix = "tag what trains a model with **training(use=...), or nothing is gated"
        return [Result("training assets", "warn", "no asset is tagged as training", fix)]
    return [Result("training assets", "ok", f"{count} tagged, a gate before each")]


def _undescribed(patient: Patient) -> list[Result]:
    """Assets that training reads, however far up, and that no code location defines."""
    from lineage_guard.dagster import compat
    from lineage_guard.dagster.declare import use_of

    named: set[str] = set()
    defined: set[str] = set()
    for repository in (r for location in patient.locations for r in location.repositories):
        graph = repository.asset_graph
        stubs = {node.key for node in graph.asset_nodes if compat.is_stub(node.metadata)}
        training = [node.key for node in graph.asset_nodes if use_of(node.tags)]
        read = {key for each in training for key in graph.get_ancestor_asset_keys(each)}
        named |= {key.to_user_string() for key in stubs & read}
        defined |= {node.key.to_user_string() for node in graph.asset_nodes if node.key not in stubs}
    missing = sorted(named - defined)
    if not missing:
        return []
    fix = (
        "describe them with AssetSpec(..., metadata=source(...)) or public_assets(...). If that is done in a module: "
        "load_assets_from_modules() leaves specs out unless it is given include_specs=True"
    )
    found = f"training reads what no code here defines, so nothing says where it comes from: {', '.join(missing)}"
    return [Result("upstream", "warn", found, fix)]


def _instance(patient: Patient) -> list[Result]:
    from lineage_guard.cli.asking import instance_of_here

    instance = cast("dg.DagsterInstance", instance_of_here().__enter__())
    patient.instance = instance
    runs = instance.get_runs_count()
    found = f"{os.environ['DAGSTER_HOME']}: reachable, {runs} runs"
    if instance.is_ephemeral:
        return [Result("Dagster instance", "fail", "it is ephemeral, so it has no history", "set DAGSTER_HOME")]
    return [Result("Dagster instance", "ok", found)]


def _ledger(patient: Patient) -> list[Result]:
    from lineage_guard.dagster.settings import ledger_location
    from lineage_guard.ledger import open_ledger

    place = ledger_location(patient.ledger_place or (patient.settings.ledger if patient.settings else None))
    ledger = open_ledger(place)
    checked = ledger.check(full=patient.full)
    ledger.store("doctor", {"at": patient.now.isoformat()})
    if ledger.load("doctor") != {"at": patient.now.isoformat()}:
        fix = "check that this process and the ledger's storage agree (caches, replicas)"
        return [Result("ledger", "fail", f"{place}: what was written did not come back", fix)]
    patient.ledger = ledger
    return [
        Result("ledger", "ok", f"{place}: readable and writable, {checked.events} events, {checked.versions} versions")
    ]


def _rules(patient: Patient) -> list[Result]:
    from lineage_guard.dagster.settings import Settings, rulebook

    catalog, policy = rulebook(patient.settings or Settings())
    expired = [w.id for w in (patient.settings.waivers if patient.settings else ()) if w.expires <= patient.now]
    results = [
        Result(
            "catalog", "ok", f"{len(catalog.terms.entries)} terms, {len(catalog.ancestry.artefacts)} public artefacts"
        ),
        Result("policy", "ok", f"{policy.name}: {len(policy.rules)} rules"),
    ]
    if expired:
        fix = "remove them; they do nothing any more"
        results.append(Result("waivers", "warn", f"expired: {', '.join(expired)}", fix))
    return results


def _suites(patient: Patient) -> list[Result]:
    from lineage_guard.gx.suites import load_suite

    names = [load_suite(name).name for name in ("lineage", "rows")]
    return [Result("expectation suites", "ok", ", ".join(names))]


def _collection(patient: Patient) -> list[Result]:
    if patient.instance is None or patient.ledger is None:
        return []
    from lineage_guard.dagster.events import EventLog

    log = EventLog(patient.instance)
    state = cast("dict[str, Any]", patient.ledger.load(f"collect-{log.source}") or {})
    position, head = state.get("position", -1), log.head()
    behind = head - position
    if position < 0 <= head:
        fix = "start the sensor `lineage_guard`, or run `lineage-guard sync`"
        return [Result("collection", "warn", "nothing was collected from this event log yet", fix)]
    if behind > LAG:
        fix = "see whether the sensor runs and fails; `lineage-guard sync` catches up"
        return [Result("collection", "fail", f"{behind} log entries behind", fix)]
    return [Result("collection", "ok", f"{max(behind, 0)} log entries behind")]


def _sensor(patient: Patient) -> list[Result]:
    if patient.instance is None or not patient.locations:
        return []
    import dagster as dg
    from dagster._core.scheduler.instigation import InstigatorStatus, InstigatorType

    states = patient.instance.all_instigator_state(instigator_type=InstigatorType.SENSOR)
    ours = [s for s in states if s.instigator_name.startswith("lineage_guard")]
    on_by_default = any(
        s.name.startswith("lineage_guard") and s.default_status is dg.DefaultSensorStatus.RUNNING
        for location in patient.locations
        for r in location.repositories
        for s in r.sensor_defs
    )
    fix = "start it in the Dagster UI under Automation; without it nobody is alerted"
    if any(s.status is InstigatorStatus.STOPPED for s in ours):
        return [Result("sensor", "warn", "it was stopped", fix)]
    if not ours:
        if not on_by_default:
            return [Result("sensor", "warn", "it has never been started", fix)]
        return [Result("sensor", "warn", "it is on by default and has not run yet", "start `dagster-daemon run`")]
    return [Result("sensor", "ok", "running")]


def _alerts(patient: Patient) -> list[Result]:
    from lineage_guard.alerts import sinks_from_env
    from lineage_guard.alerts.state import read_state, state_name

    sinks = [s.name for s in sinks_from_env(os.environ)]
    results = [Result("alert sinks", "ok", ", ".join(sinks))]
    if sinks == ["log"]:
        fix = "set LINEAGE_GUARD_WEBHOOK_URL or LINEAGE_GUARD_SNS_TOPIC_ARN where the sensor runs"
        results = [Result("alert sinks", "warn", "only the log is told", fix)]
    if patient.ledger is None:
        return results
    names = [state_name(None), *(state_name(location.name) for location in patient.locations)]
    states = [read_state(patient.ledger, name) for name in names]
    dead = [w for _, box, _ in states for w in box.dead]
    waiting = [w for _, box, _ in states for w in box.waiting]
    if not all(readable for _, _, readable in states):
        results.append(Result("alerts", "fail", "the stored alert state cannot be read", "the next tick starts afresh"))
    elif dead:
        fix = f"mend sink {dead[-1].sink}; the log of the sensor holds what it would have said"
        results.append(Result("alerts", "fail", f"{len(dead)} were given up; the last: {dead[-1].error}", fix))
    elif waiting:
        why = f"; {waiting[0].sink}: {waiting[0].error}" if waiting[0].error else ""
        results.append(Result("alerts", "warn", f"{len(waiting)} wait{why}", "see whether the receiver is well"))
    else:
        count = sum(len(incidents.open) for incidents, _, _ in states)
        results.append(Result("alerts", "ok", f"{count} incidents open, nothing waits"))
    return results


def _neighbours(patient: Patient) -> list[Result]:
    try:
        version = metadata.version("dagster-openlineage")
    except metadata.PackageNotFoundError:
        return []
    found = f"dagster-openlineage {version} is installed: its events carry no inputs and its sensor can lose some"
    fix = "fine beside us under the same OPENLINEAGE_NAMESPACE; rely on ours for lineage"
    return [Result("dagster-openlineage", "warn", found, fix)]


CHECKS: dict[str, Callable[[Patient], list[Result]]] = {
    "versions": _versions,
    "Dagster's internals": _dagster_names,
    "code locations": _definitions,
    "training assets": _gates,
    "upstream": _undescribed,
    "Dagster instance": _instance,
    "ledger": _ledger,
    "catalog and policy": _rules,
    "expectation suites": _suites,
    "collection": _collection,
    "sensor": _sensor,
    "alerts": _alerts,
    "dagster-openlineage": _neighbours,
}
