"""What the sensor asserts before it says anything: that gates stand where they should, on the same ground as it.

A plugin that is silently not installed looks like one that has nothing to say. The sensor sees the code location as
it was finally built, after everything that came behind ``guard()``, and hears what the gate goes by.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import dagster as dg

from lineage_guard.dagster.installed import GATE, Footing, differences, noted, settings_of
from lineage_guard.dagster.settings import Settings

if TYPE_CHECKING:
    from lineage_guard.dagster.sensor.decide import Judgement

UNGATED = (
    "No gate stands before this asset in the code location as it was built, so nothing stops it: make guard() the last "
    "line that touches the definitions."
)


def doubts(
    instance: dg.DagsterInstance,
    repository: dg.RepositoryDefinition,
    location: str | None,
    mine: Footing,
    trained: Iterable[dg.AssetKey],
) -> tuple[dict[dg.AssetKey, str], list[str]]:
    """What keeps the sensor's word from being worth anything.

    Args:
        instance: holds what the gate said it goes by.
        repository: the code location as it was finally built.
        location: its name.
        mine: what the sensor goes by.
        trained: training assets that this guard covers.

    Returns:
        A sentence for each training asset that is in doubt, and remarks that are only to be logged.
    """
    keys = list(trained)
    found = {k: UNGATED for k in keys if settings_of(repository.assets_defs_by_key[k]) is None}
    gate = noted(instance, [location]).get((GATE, location)) if location else None
    if gate is None or gate == mine:
        return found, []
    said = f"the gate and the sensor of {location} go by different things: {'; '.join(differences(gate, mine))}"
    if (gate.ledger, gate.namespace) == (mine.ledger, mine.namespace):
        return found, [said]
    blind = (
        f"When a step last asked the gate, {said}. What one writes the other does not see: give both processes "
        "the same ledger and namespace, then run a training step again."
    )
    return {**dict.fromkeys(keys, blind), **found}, [said]


def with_doubts(
    judgements: Sequence[Judgement], found: dict[dg.AssetKey, str], settings: Settings, policy: str, now: datetime
) -> list[Judgement]:
    """The judgements, each with what puts it in doubt.

    Args:
        judgements: of the sensor.
        found: a sentence for each asset in doubt.
        settings: what ``guard()`` was told.
        policy: name of the policy.
        now: the time (timezone-aware UTC).
    """
    from lineage_guard.dagster.gate.gate import cannot_see
    from lineage_guard.dagster.sensor.decide import digest_of

    results: list[Judgement] = []
    for j in judgements:
        if (sentence := found.get(j.key)) is not None:
            unseen = cannot_see(j.verdict.target, j.verdict.use, policy, now, sentence)
            verdict = j.verdict.joined(unseen.findings)
            j = replace(j, verdict=verdict, digest=digest_of(verdict, settings, now), final=False)
        results.append(j)
    return results
