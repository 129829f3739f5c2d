"""Launch paths that are left open in *this* deployment: gates installed, and how they could be walked round."""

from __future__ import annotations

import inspect
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lineage_guard.cli.doctor.patient import Patient
from lineage_guard.cli.doctor.result import Result, listed

if TYPE_CHECKING:
    import dagster as dg

#: What a run coordinator never sees.
_PAST_THE_QUEUE = "`dagster asset materialize`, `dagster job execute`, `dg launch` and `materialize()`"


def examine(patient: Patient) -> list[Result]:
    """Look at the run coordinator, at jobs of plain ops, at shared training code and at selections."""
    if not patient.locations:
        return []
    results = [*_coordinator(patient), *_plain_jobs(patient), *_shared_code(patient), *_left_out(patient)]
    return results or [Result("launch paths", "ok", "every path ends in a step with a gate")]


def _coordinator(patient: Patient) -> list[Result]:
    """Code locations without the plugin are stopped by the run coordinator, if by anything."""
    from lineage_guard.dagster.installed import settings_of

    bare = [each.name for each in patient.seen if not any(settings_of(d) is not None for d in each.assets())]
    unseen = [each.name for each in patient.locations if each.unseen is not None]
    if patient.instance is None:
        return []
    from lineage_guard.dagster.coordinator.installed import installed

    found = installed(patient.instance)
    if found.problem is not None:
        return [
            Result("run coordinator", "fail", f"{found.found}: {found.problem}", "mend run_coordinator in dagster.yaml")
        ]
    without = [*bare, *(f"{name} (not looked at)" for name in unseen)]
    if not without:
        what = "refuses runs, too" if found.guards else "refuses nothing; every code location here has gates of its own"
        return [Result("run coordinator", "ok", f"{found.found} {what}")]
    if found.guards:
        said = f"it refuses runs of {listed(without)} that go through the queue; {_PAST_THE_QUEUE} never reach it"
        return [
            Result("run coordinator", "warn", said, "call guard() there: the gate in the step is met on every path")
        ]
    watching = found.rules is not None
    why = "is there and only watches (its mode is not enforce)" if watching else f"is not installed ({found.found} is)"
    said = f"GuardedQueuedRunCoordinator {why}, so every launch path of {listed(without)} is open"
    fix = "set mode: enforce" if watching else "call guard() there, or set run_coordinator in dagster.yaml"
    return [Result("run coordinator", "fail" if bare else "warn", said, fix)]


def _plain_jobs(patient: Patient) -> list[Result]:
    """Jobs of plain ops: nobody is asked for them, and some run code of a training asset."""
    from lineage_guard.cli.doctor.training import WORDS
    from lineage_guard.dagster.plain import plain_jobs

    jobs = [job for location in patient.seen for r in location.repositories for job in plain_jobs(r)]
    shared = [f"{job.name} ({listed(job.shares)})" for job in jobs if job.shares]
    named = [job.name for job in jobs if not job.shares and any(WORDS.search(n) for n in (job.name, *job.ops))]
    results: list[Result] = []
    if shared:
        fix = "do not share the op that trains: give the job an op of its own, or materialise the asset"
        said = f"jobs of plain ops run code of training assets, where no gate is asked: {listed(shared)}"
        results.append(Result("jobs of plain ops", "warn", said, fix))
    if named:
        fix = "if they train, make an asset of it and tag that; if not, there is nothing to do"
        said = (
            f"no gate and no run coordinator judges a job of plain ops, and these look like training: {listed(named)}"
        )
        results.append(Result("jobs of plain ops", "hint", said, fix))
    return results


def _shared_code(patient: Patient) -> list[Result]:
    """Functions that a training asset and an unguarded one both call, and whose names speak of training."""
    from lineage_guard.cli.doctor.training import WORDS
    from lineage_guard.dagster.keys import use_of

    callers: dict[types.FunctionType, dict[str, bool]] = {}
    for _, definition, spec in patient.assets():
        if not definition.is_executable:
            continue
        for function in _called(definition):
            callers.setdefault(function, {})[spec.key.to_user_string()] = use_of(spec.tags) is not None
    found = [
        f"{function.__name__}() in {listed([name for name, trains in by.items() if not trains])}"
        for function, by in callers.items()
        if any(by.values()) and not all(by.values()) and WORDS.search(function.__name__)
    ]
    if not found:
        return []
    fix = "if it trains there, tag that asset with training(use=...) too; if not, there is nothing to do"
    said = f"assets without a gate call what training assets call: {listed(found)}"
    return [Result("training code", "hint", said, fix)]


def _called(definition: dg.AssetsDefinition) -> set[types.FunctionType]:
    """Functions of the user's own that the ops of an asset name directly."""
    from lineage_guard.dagster.compat import body_of

    found: set[types.FunctionType] = set()
    for op in definition.node_def.iterate_op_defs():
        body = body_of(op)
        inner: Any = inspect.unwrap(body) if body is not None else None
        if not isinstance(inner, types.FunctionType):
            continue
        for name in _names(inner.__code__):
            value = inner.__globals__.get(name)
            if isinstance(value, types.FunctionType):
                found.add(value)
    return found


def _names(code: types.CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _left_out(patient: Patient) -> list[Result]:
    """Training assets that ``guard(select=...)`` leaves out train without a gate."""
    from lineage_guard.dagster.modes import selected

    left = [
        key.to_user_string()
        for key, settings, graph, training in patient.under_guard()
        if key not in selected(settings.select, graph, training)
    ]
    if not left:
        return []
    fix = "widen guard(select=...), or leave it out"
    return [Result("selection", "warn", f"guard(select=...) leaves training assets out: {listed(left)}", fix)]
