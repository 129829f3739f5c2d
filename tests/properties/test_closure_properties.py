"""The closure is exactly what is reachable, and extending it only adds."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from lineage_worlds import PUBLIC, ancestries, inputs, productions, targets

from lineage_guard.domain.facts import Influence, Input, Pin, union
from lineage_guard.domain.lineage.closure import close, extend


def edges_of(target, known):
    by = {}
    for p in [target, *known]:
        for v in p.outputs:
            if v == target.outputs[0] and p is not target:
                continue
            by.setdefault(v, []).append(p)
    return {v: [e for p in ps for e in p.inputs] for v, ps in by.items()}


def reachable(root, edges, direct_only):
    """The naive reference: add neighbours until nothing changes."""
    found = {root}
    while True:
        more = {
            e.version for v in found for e in edges.get(v, []) if not direct_only or e.influence is Influence.DIRECT
        } - found
        if not more:
            return found
        found |= more


def assert_paths_hold(closure, edges):
    for i, r in enumerate(closure.reached):
        path = closure.path(i)
        assert path[0] == closure.target
        assert path[-1] == r.version
        assert len(path) == r.depth + 1
        assert len(set(path)) == len(path)
        for child, parent in pairwise(path):
            kinds = {e.influence for e in edges.get(child, []) if e.version == parent}
            assert kinds, f"{child} does not read {parent}"
            if r.influence is Influence.DIRECT:
                assert Influence.DIRECT in kinds


@given(targets, productions)
def test_closure_is_what_is_reachable(target, known):
    closure = close(target, known)
    edges = edges_of(target, known)
    versions = [r.version for r in closure.reached]
    assert len(set(versions)) == len(versions)
    assert set(versions) == reachable(target.outputs[0], edges, direct_only=False)
    direct = {r.version for r in closure.reached if r.influence is Influence.DIRECT}
    assert direct == reachable(target.outputs[0], edges, direct_only=True)
    assert_paths_hold(closure, edges)


@given(targets, productions)
def test_conservative_pins_are_never_forgotten(target, known):
    closure = close(target, known)
    edges = edges_of(target, known)
    for i, r in enumerate(closure.reached):
        if r.pin is Pin.EXACT:
            path = closure.path(i)
            for child, parent in pairwise(path):
                assert any(e.version == parent and e.pin is Pin.EXACT for e in edges[child])


@given(targets, productions, st.randoms())
def test_order_of_records_changes_neither_versions_nor_influence(target, known, random):
    shuffled = list(known)
    random.shuffle(shuffled)
    a, b = close(target, known), close(target, shuffled + known)
    assert {(r.version, r.influence, r.recorded, r.completeness) for r in a.reached} == {
        (r.version, r.influence, r.recorded, r.completeness) for r in b.reached
    }


@given(targets, productions, ancestries)
def test_extending_only_adds(target, known, ancestry):
    before = close(target, known)
    after = extend(before, ancestry)
    versions = [r.version for r in after.reached]
    assert len(set(versions)) == len(versions)
    assert after.target == before.target
    assert after.reached[0].version == before.reached[0].version
    by = {r.version: r for r in after.reached}
    for r in before.reached:
        now = by[r.version]
        assert set(r.models) <= set(now.models)
        assert set(r.licenses) <= set(now.licenses)
        assert now.recorded >= r.recorded
        if r.influence is Influence.DIRECT:
            assert now.influence is Influence.DIRECT
    for i, r in enumerate(after.reached):
        path = after.path(i)
        assert path[0] == after.target
        assert path[-1] == r.version
        assert len(path) == r.depth + 1
        assert len(set(path)) == len(path)
        nearer = after.reached[max(r.toward, 0)]
        assert nearer.influence is Influence.DIRECT or r.influence is Influence.INDIRECT
        assert nearer.pin is Pin.EXACT or r.pin is Pin.CONSERVATIVE


@given(targets, productions, ancestries)
def test_extension_is_what_the_joined_graph_reaches(target, known, ancestry):
    closure = close(target, known)
    after = extend(closure, ancestry)
    edges = edges_of(target, known)
    records = {}
    for p in [target, *known]:
        for v in p.outputs:
            if v != target.outputs[0] or p is target:
                records.setdefault(v, []).append(p)
    for v, made in ancestry.productions().items():
        edges.setdefault(v, []).extend(made.inputs)
        records.setdefault(v, []).append(made)
    for v, ps in records.items():
        p = union(ps)
        if p.artefact:
            edges.setdefault(v, []).append(Input(ancestry.version_of(p.artefact)))
        for m in p.models:
            node = ancestry.version_of(m.model)
            behind = ancestry.productions().get(node) if node is not None else None
            if behind is not None and (behind.inputs or any(other.model != node.name for other in behind.models)):
                edges.setdefault(v, []).append(Input(node, m.effective_influence))
    root = target.outputs[0]
    assert {r.version for r in after.reached} == reachable(root, edges, direct_only=False)
    direct = {r.version for r in after.reached if r.influence is Influence.DIRECT}
    assert direct == reachable(root, edges, direct_only=True)
    for r in after.reached:
        if r.version in PUBLIC:
            assert set(ancestry.productions()[r.version].models) <= set(r.models)
            assert r.recorded


@given(targets, productions, ancestries)
def test_extending_twice_changes_nothing(target, known, ancestry):
    once = extend(close(target, known), ancestry)
    twice = extend(once, ancestry)
    assert twice.reached == once.reached
    assert twice.digest == once.digest


@given(st.lists(inputs, max_size=3))
def test_influence_is_never_raised_by_an_indirect_edge(edges):
    from lineage_guard.domain.facts import Production, Version

    target = Production(
        (Version("d", "target"),), inputs=tuple(e._replace(influence=Influence.INDIRECT) for e in edges)
    )
    assert all(r.influence is Influence.INDIRECT for r in close(target, []).reached[1:])
