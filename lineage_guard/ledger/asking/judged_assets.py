"""What is on record of the assets behind trained versions: as their definitions were when the gate judged each run."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, cast

from lineage_guard.domain.facts import Version
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.ledger.index.index import Index, micros_or_never
from lineage_guard.ledger.index.tail import Tail
from lineage_guard.openlineage.verdicts import asset_of


def judged_assets(index: Index, tail: Tail, versions: Iterable[Version]) -> dict[Version, AssetFacts]:
    """The facts about the asset behind each version, by the newest verdict on its run that states them.

    What no verdict states is left out: definitions of today say nothing of a run of last month.

    Args:
        index: what is compacted.
        tail: what is not, yet.
        versions: trained versions.

    Example:
        >>> import tempfile
        >>> from lineage_guard.ledger import open_ledger
        >>> wanted = [Version("default", "student", None, "0193")]
        >>> open_ledger(tempfile.mkdtemp()).ask(lambda index, tail: judged_assets(index, tail, wanted))
        {}
    """
    by_name: dict[tuple[str, str], list[Version]] = {}
    for version in versions:
        by_name.setdefault(version[:2], []).append(version)
    found: dict[Version, AssetFacts] = {}
    for (namespace, name), wanted in by_name.items():
        newest: dict[str, tuple[tuple[int, int], AssetFacts]] = {}
        rows = index.rows("judged_assets", namespace=namespace, name=name)
        for run, at, ord_, asset in [*rows, *_of_tail(tail, namespace, name)]:
            facts, age = asset_of(json.loads(asset)), (at, ord_)
            if facts is not None and (run not in newest or newest[run][0] <= age):
                newest[run] = (age, facts)
        found |= {v: newest[v.run][1] for v in wanted if v.run in newest}
    return found


def _of_tail(tail: Tail, namespace: str, name: str) -> Iterable[tuple[Any, ...]]:
    """What the SQL says of the index, of the events after it."""
    for d in tail.facts.decisions:
        if (d.namespace, d.name) == (namespace, name):
            said = cast("dict[str, Any]", json.loads(d.facet))
            target = cast("dict[str, Any]", said.get("target") or {})
            if (target.get("namespace"), target.get("name")) == (namespace, name):
                yield d.run, micros_or_never(d.at), d.ord, json.dumps(said.get("asset"))
