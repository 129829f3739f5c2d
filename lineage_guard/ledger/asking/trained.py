"""Every version that was trained, as far as the ledger knows: written under a name that a verdict was taken on."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

from lineage_guard.domain.facts import Version
from lineage_guard.ledger.index.index import Index, micros_or_never
from lineage_guard.ledger.index.tail import Tail


@dataclass(frozen=True, slots=True)
class Trained:
    """One trained version.

    Attributes:
        version: the version.
        decision: the newest verdict on it, as it is on record; ``None`` when none was taken on it.
        use: what it was judged for; of a version without a verdict, what its asset was judged for last.
    """

    version: Version
    decision: Mapping[str, Any] | None
    use: str | None


@dataclass(frozen=True, slots=True)
class OnRecord:
    """What was trained, and what was judged and never trained.

    Attributes:
        trained: versions with a record of their making.
        unfinished: verdicts that stopped a run, or after which it wrote nothing.
    """

    trained: tuple[Trained, ...]
    unfinished: int


def trained(index: Index, tail: Tail, names: Collection[tuple[str, str]] = ()) -> OnRecord:
    """Every trained version.

    Args:
        index: what is compacted.
        tail: what is not, yet.
        names: (namespace, name) of assets that are trained, whether a verdict was ever taken on them or not.
    """
    newest: dict[tuple[str, str, str], tuple[tuple[int, int], str]] = {}
    for namespace, name, run, at, ord_, facet in index.rows("decided") if index.manifest.files("decisions") else ():
        newest[namespace, name, run] = ((at, ord_), facet)
    for d in tail.facts.decisions:
        age = (micros_or_never(d.at), d.ord)
        key = (d.namespace, d.name, d.run)
        if key not in newest or newest[key][0] <= age:
            newest[key] = (age, d.facet)
    judged: dict[tuple[str, str, str], Mapping[str, Any]] = {}
    uses: dict[tuple[str, str], tuple[tuple[int, int], str]] = {}
    for (namespace, name, run), (age, facet) in newest.items():
        said = cast("dict[str, Any]", json.loads(facet))
        target = cast("dict[str, Any]", said.get("target") or {})
        if (target.get("namespace"), target.get("name")) != (namespace, name):
            continue  # filed under its job too, or under another output of the same step
        judged[namespace, name, run] = said
        uses[namespace, name] = max(uses.get((namespace, name), (age, "")), (age, str(said.get("use"))))
    wanted = sorted({*uses, *names})
    versions = {v for v in tail.by_version if v.run is not None and v[:2] in set(wanted)}
    if wanted and index.manifest.files("productions"):
        namespaces, datasets = [n for n, _ in wanted], [n for _, n in wanted]
        rows = index.rows("written", declared="\x00", namespaces=namespaces, names=datasets)
        versions |= {Version(*row[:4]) for row in rows}
    found: list[Trained] = []
    for v in sorted(versions, key=lambda v: (v.namespace, v.name, v.partition or "", v.run or "")):
        said = judged.get((v.namespace, v.name, v.run or ""))
        use = str(said["use"]) if said and said.get("use") else None
        found.append(Trained(v, said, use or (uses[v[:2]][1] if v[:2] in uses else None)))
    made = {(v.namespace, v.name, v.run) for v in versions}
    return OnRecord(tuple(found), sum(key not in made for key in judged))


def stopping(index: Index, tail: Tail, namespace: str, name: str) -> dict[str, bool]:
    """Whether the newest verdict stops, for each run of one asset on which any was taken.

    Args:
        index: what is compacted.
        tail: what is not, yet.
        namespace: OpenLineage namespace of the asset.
        name: OpenLineage name.
    """
    there = bool(index.manifest.files("decisions"))
    found = (
        {run: (at, stops) for run, at, stops in index.rows("stopping", namespace=namespace, name=name)} if there else {}
    )
    for d in tail.facts.decisions:  # in log order, which decides between two of one time
        if (d.namespace, d.name) == (namespace, name):
            at = micros_or_never(d.at)
            if d.run not in found or found[d.run][0] <= at:
                found[d.run] = (at, bool(json.loads(d.facet).get("stops")))
    return {run: stops for run, (_, stops) in found.items()}
