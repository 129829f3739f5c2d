"""What a node of the path graph says: of versions of one dataset, of a chain of them, and of a model."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lineage_guard.domain.facts import Completeness, Influence, ModelSource, Version
from lineage_guard.domain.verdict.explain import name_of
from lineage_guard.web.graph.drawn import GraphNode, NodeKind
from lineage_guard.web.graph.grouping import Group

if TYPE_CHECKING:
    from lineage_guard.domain.lineage.reached import Reached
    from lineage_guard.domain.verdict.judging import Judged
    from lineage_guard.web.answers.examined import Examined

#: Versions, partitions, models, licences and sentences of one node that are spelled out.
SPELLED = 20
_WORST = ("BLOCK", "UNKNOWN", "WARN", "WAIVED")
_NO_RECORD = "nothing on record says what it was made from"
_INCOMPLETE = "its record does not say all it was made from"
Causes = Mapping[int, Sequence["Judged"]]


@dataclass(frozen=True, slots=True)
class Model:
    """A model that rules speak of.

    Attributes:
        name: provider, id and channel.
        used: what it did, by the place of the version in the closure.
        effects: what the rules make of it, the worst first.
        why: one sentence for each rule and terms.
    """

    name: str
    used: Mapping[int, tuple[ModelSource, ...]]
    effects: tuple[str, ...]
    why: tuple[str, ...]

    @property
    def places(self) -> Iterable[int]:
        """The versions it took part in."""
        return self.used

    def influence(self, places: Iterable[int]) -> Influence:
        """DIRECT when its content may be in one of some versions."""
        direct = any(model.direct for place in places for model in self.used[place])
        return Influence.DIRECT if direct else Influence.INDIRECT


@dataclass(frozen=True, slots=True)
class Models:
    """The models that are drawn, the worst first.

    Attributes:
        shown: them.
        left_out: what is not drawn, one sentence or none.
    """

    shown: tuple[Model, ...]
    left_out: tuple[str, ...]


def models_of(found: Examined, causes: Causes, most: int) -> Models:
    """The models that rules speak of.

    Args:
        found: the version and everything upstream.
        causes: what rules speak of, by place.
        most: how many at most.
    """
    used: dict[str, dict[int, tuple[ModelSource, ...]]] = {}
    said: dict[str, dict[tuple[str, str], None]] = {}
    for place, all_judged in causes.items():
        for judged in all_judged:
            model = judged.ruling.model
            if model is not None:
                here = used.setdefault(str(model), {})
                here[place] = tuple(dict.fromkeys((*here.get(place, ()), model)))
                said.setdefault(str(model), {})[_effect(found, judged), _sentence(found, judged)] = None
    every = [
        Model(
            name,
            used[name],
            _worst_first(effect for effect, _ in said[name]),
            tuple(dict.fromkeys(why for _, why in said[name])),
        )
        for name in used
    ]
    every.sort(key=lambda m: (_WORST.index(m.effects[0]), m.name))
    rest = every[most:]
    told = f"{len(rest):,} models that rules speak of are not drawn; those that stop come first."
    return Models(tuple(every[:most]), (told,) if rest else ())


def effects_of(found: Examined, all_judged: Sequence[Judged]) -> tuple[str, ...]:
    """What rules make of a version, the worst first."""
    return _worst_first(_effect(found, judged) for judged in all_judged)


def spelled(found: Examined, groups: Iterable[Group]) -> Mapping[int, Reached]:
    """What is spelled out of the versions of some nodes, by place; all at once, as each time asks the index.

    Args:
        found: the version and everything upstream.
        groups: what is drawn.
    """
    places = [place for group in groups for place in group.places[:SPELLED]]
    return dict(zip(places, found.closure.rows.take(places), strict=True))


def node_of(
    found: Examined,
    id_: str,
    group: Group,
    causes: Causes,
    effects: Mapping[int, tuple[str, ...]],
    depth: Mapping[int, int],
    known: Mapping[int, Reached],
) -> GraphNode:
    """The node of some versions.

    Args:
        found: the version and everything upstream.
        id_: of the node.
        group: the places of the versions.
        causes: what rules speak of, by place.
        effects: what they make of it.
        depth: edges from the target to each.
        known: of ``spelled``.
    """
    places = group.places
    rows = [known[place] for place in places[:SPELLED]]
    nearest = rows[0]
    kind = _kind(found, places[0], nearest) if not group.chain else NodeKind.CHAIN
    speaking = [p for p in places if p in causes]
    licenses = dict.fromkeys(x.expression for r in rows for x in r.licenses)
    models = dict.fromkeys(str(m) for r in rows for m in r.models)
    why = _why(found, places, speaking, causes, kind)
    return GraphNode(
        id=id_,
        kind=kind,
        label=_label(kind, found.closure.rows.versions(places) if group.chain else [nearest.version]),
        version=nearest.version,
        count=len(places),
        versions=tuple(r.version for r in rows),
        partitions=tuple(dict.fromkeys(r.version.partition for r in rows if r.version.partition is not None)),
        models=tuple(models)[:SPELLED],
        licenses=tuple(licenses)[:SPELLED],
        effects=_worst_first(e for p in speaking for e in effects[p]),
        why=why[:SPELLED],
        depth=depth[places[0]],
        completeness=_least({r.completeness for r in rows}),
        unspelled=_unspelled(models=models, licenses=licenses, why=why),
    )


def model_node(id_: str, model: Model, depth: int) -> GraphNode:
    """The node of a model.

    Args:
        id_: of the node.
        model: the model.
        depth: edges from the target to it.
    """
    return GraphNode(
        id=id_,
        kind=NodeKind.MODEL,
        label=model.name,
        version=None,
        count=len(model.used),
        versions=(),
        partitions=(),
        models=(model.name,),
        licenses=(),
        effects=model.effects,
        why=model.why[:SPELLED],
        depth=depth,
        unspelled=_unspelled(why=model.why),
    )


def _kind(found: Examined, place: int, row: Reached) -> NodeKind:
    if place == 0:
        return NodeKind.TARGET
    known = found.rules.catalog.ancestry.productions()
    public = row.version in known or Version(row.version.namespace, row.version.name) in known
    return NodeKind.PUBLIC if public else NodeKind.DATASET


def _label(kind: NodeKind, versions: Sequence[Version]) -> str:
    if kind is NodeKind.CHAIN:
        names = len({v[:2] for v in versions})
        return f"{versions[0].name} … {versions[-1].name} ({names:,} datasets)"
    version = versions[0]
    if kind is NodeKind.TARGET:
        return name_of(version)
    return f"{version.namespace}:{version.name}"


def _why(
    found: Examined, places: Sequence[int], speaking: Sequence[int], causes: Causes, kind: NodeKind
) -> tuple[str, ...]:
    told: list[str] = []
    if kind is NodeKind.TARGET:
        told.append("It is what is asked about.")
    counted = Counter(sentence for p in speaking for sentence in _said(found, causes[p]))
    for sentence, count in counted.most_common():
        told.append(f"{sentence} ({count:,} of {len(places):,} versions)" if len(places) > 1 else sentence)
    if not told:
        told.append("It was made from what a rule speaks of, and read on the way to the target.")
    return tuple(told)


def _unspelled(**of: Collection[object]) -> dict[str, int]:
    return {name: len(all_of) - SPELLED for name, all_of in of.items() if len(all_of) > SPELLED}


def _said(found: Examined, all_judged: Sequence[Judged]) -> list[str]:
    return list(dict.fromkeys(_sentence(found, judged) for judged in all_judged))


def _effect(found: Examined, judged: Judged) -> str:
    request, ruling = found.request, judged.ruling
    target, at = found.closure.target, request.at
    for waiver in request.waivers:
        if waiver.covers(ruling.rule.id, target, ruling.model, request.use, at, judged.reached.version):
            return "WAIVED"
    return ruling.effect.name


def _sentence(found: Examined, judged: Judged) -> str:
    """Why rules speak of it, in one sentence that is the same for all versions of a kind."""
    ruling = judged.ruling
    effect = _effect(found, judged)
    gap = _INCOMPLETE if judged.reached.recorded else _NO_RECORD
    what = f"{ruling.model} took part ({ruling.model.usage.value.lower()})" if ruling.model else ruling.how or gap
    terms = f" under terms {ruling.terms.id}" if ruling.terms else ""
    how = f", {ruling.how}" if ruling.how and ruling.model else ""
    return f"{effect} by rule {ruling.rule.id} ({ruling.reason.value}): {what}{terms}{how}"


def _worst_first(effects: Iterable[str]) -> tuple[str, ...]:
    found = set(effects)
    return tuple(e for e in _WORST if e in found)


def _least(said: set[Completeness]) -> Completeness:
    for each in (Completeness.INCOMPLETE, Completeness.UNKNOWN):
        if each in said:
            return each
    return Completeness.COMPLETE
