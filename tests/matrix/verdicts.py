"""From what happened to what a cell of the matrix says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from launching import Run, Step


@dataclass(frozen=True)
class Lane:
    """One training asset, or one partition of it.

    Attributes:
        key: its asset key. Its steps, and the marker of its code, are named after it.
        partition: partition key, or ``None``.
    """

    key: tuple[str, ...]
    partition: str | None = None

    @property
    def name(self) -> str:
        return "__".join(self.key)

    def steps(self, run: Run) -> list[Step]:
        if self.partition is not None and run.tags.get("dagster/partition") != self.partition:
            return []
        return [step for step in run.steps if step.key.split(".")[0] == self.name]

    def trained(self, run: Run, markers: Path) -> list[str]:
        """Processes in which its code ran, by its own word."""
        file = markers / f"{run.id}.{self.name}{f'@{self.partition}' if self.partition else ''}"
        return file.read_text().split() if file.exists() else []


@dataclass(frozen=True)
class Cell:
    """What a cell of the matrix says.

    Attributes:
        holes: how tainted training got past, or what else was wrong where it should have been stopped.
        overblocks: how clean training was kept from running.
        missing: what was not launched, so that nothing can be said.
    """

    holes: tuple[str, ...] = ()
    overblocks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def wrong(self) -> tuple[str, ...]:
        """Everything that is wrong; nothing when the cell holds."""
        return (*self.holes, *self.overblocks, *self.missing)

    def __str__(self) -> str:
        if self.holes:
            return "HOLE"
        return "OVER-BLOCK" if self.overblocks else "not launched" if self.missing else "stops / runs"

    @staticmethod
    def of(cells: Iterable[Cell]) -> Cell:
        every = list(cells)
        return Cell(*(tuple(s for c in every for s in getattr(c, f.name)) for f in fields(Cell)))


def judge(runs: Sequence[Run], markers: Path, tainted: Lane, clean: Lane, proof: str | None = None) -> Cell:
    """The verdict over one tainted and one clean training asset.

    Args:
        runs: every run there was.
        markers: where training code says that it ran.
        tainted: must have been launched, and stopped each time before its code ran.
        clean: must have run in the last run it was launched in.
        proof: a tag that the runs must have, to count as launched in the way it is about.
    """
    launched = {lane: [run for run in runs if lane.steps(run)] for lane in (tainted, clean)}
    missing = [f"{lane}: no run of it was found" for lane, found in launched.items() if not found]
    missing += [
        f"{lane}: run {run.id} was not launched in this way: {run.tags}"
        for lane, found in launched.items()
        for run in found
        if proof and proof not in run.tags
    ]
    if missing:
        return Cell(missing=tuple(missing))
    holes = _holes(launched[tainted], markers, tainted)
    return Cell(tuple(holes), tuple(_overblocks(launched[clean], markers, clean)))


def _holes(launched: Sequence[Run], markers: Path, lane: Lane) -> Iterable[str]:
    for run in launched:
        if processes := lane.trained(run, markers):
            yield f"{lane}: its code ran in run {run.id}, process {processes}"
        failed = [step for step in lane.steps(run) if step.status == "FAILURE"]
        if not failed:
            yield f"{lane}: no step failed in run {run.id}: {lane.steps(run)}"
        for step in failed:
            if not re.search(rf"^BLOCKED  default:{re.escape('/'.join(lane.key))}\b", step.said, re.MULTILINE):
                yield f"{lane}: {step.key} failed without the guard's message: {step.said[:1500]}"
            if step.retried:
                yield f"{lane}: {step.key} was tried again"


def _overblocks(launched: Sequence[Run], markers: Path, lane: Lane) -> Iterable[str]:
    last = launched[0]  # Dagster lists the newest first
    for step in lane.steps(last):
        if step.status != "SUCCESS":
            yield f"{lane}: {step.key} in run {last.id} is {step.status}: {step.said[:1500]}"
    if not lane.trained(last, markers):
        yield f"{lane}: its code did not run in run {last.id}"
    for run in launched:
        if blocked := [step for step in lane.steps(run) if "BLOCKED" in step.said]:
            yield f"{lane}: the guard stopped it in run {run.id}: {blocked}"
