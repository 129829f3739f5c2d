"""Every way is a real one and none is left out; what is proposed unblocks, and nothing smaller would."""

from dataclasses import replace
from itertools import combinations, islice, pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import NOW, FixedAncestry, ancestries, policies, productions, targets, uses, wide_policies

from lineage_guard.domain.facts import Influence, Production, union
from lineage_guard.domain.lineage.closure import close, extend, public_inputs
from lineage_guard.domain.lineage.cutting import smallest_cut
from lineage_guard.domain.lineage.ways import Edge, Ways, ways_of
from lineage_guard.domain.verdict.causes import causes, stops
from lineage_guard.domain.verdict.decide import decide
from lineage_guard.domain.verdict.remedy import Action, remedy, without


@st.composite
def graphs(draw, circles=True):
    size = draw(st.integers(2, 7))
    nodes = st.integers(0, size - 1)
    edges = draw(st.lists(st.builds(Edge, nodes, nodes, st.booleans()), max_size=14))
    if not circles:
        edges = [Edge(min(a, b), max(a, b), direct) for a, b, direct in edges]
    return Ways(size, edges), draw(st.sets(st.integers(1, size - 1), max_size=3))


def every_path(ways, roots):
    found = []

    def onward(path):
        if path[-1] in roots:
            found.append(path)
        for parent in ways.parents(path[-1]):
            if parent not in path:
                onward((*path, parent))

    onward((0,))
    return found


@given(graphs())
def test_every_simple_path_once_and_shortest_first(case):
    ways, roots = case
    made = list(ways.paths(roots))
    assert sorted(made) == sorted(every_path(ways, roots))
    assert [len(p) for p in made] == sorted(len(p) for p in made)
    assert ways.count(roots) in (None, len(made))


@given(graphs(circles=False))
def test_without_circles_the_number_is_exact(case):
    ways, roots = case
    assert ways.count(roots) == len(every_path(ways, roots))


@given(graphs(), st.sets(st.integers(1, 6)))
def test_the_cut_cuts_and_is_the_smallest_with_the_fewest_dear(case, dear):
    ways, roots = case
    cut = smallest_cut(ways, roots, lambda n: n in dear)
    paths = [set(p) for p in every_path(ways, roots)]
    assert all(p & cut for p in paths)
    assert 0 not in cut
    sets = [set(s) for k in range(len(cut) + 1) for s in combinations(range(1, len(ways)), k)]
    cuts = [s for s in sets if all(p & s for p in paths)]
    assert min((len(s), len(s & dear)) for s in cuts) == (len(cut), len(cut & dear))


def edges_of(closure, target, made):
    by_version = {}
    for production in made:
        for version in production.outputs:
            by_version.setdefault(version, []).append(production)
    place = {r.version: n for n, r in enumerate(closure.reached)}
    for version, n in place.items():
        records = [target] if n == 0 else by_version.get(version, [])
        for record in records:
            yield from (Edge(n, place[i.version], i.influence is Influence.DIRECT) for i in record.inputs)


def world_of(target, made, ancestry):
    closure = extend(close(target, made), ancestry)
    return closure, ways_of(closure, edges_of(closure, target, made), ancestry)


def made_clean(version, made, ancestry):
    """The world in which a version was made again, from nothing."""
    kept = [replace(p, outputs=tuple(v for v in p.outputs if v != version)) for p in made]
    known = dict(ancestry.made)
    if version in known:
        known[version] = Production((version,))
    return [*(p for p in kept if p.outputs), Production((version,))], FixedAncestry(ancestry.names, known)


@settings(max_examples=100)
@given(targets, productions, ancestries, policies | wide_policies, uses)
def test_what_is_proposed_unblocks_and_nothing_smaller_does(target, made, ancestry, policy, use):
    closure, ways = world_of(target, made, ancestry)
    verdict = decide(closure, policy, (), use, NOW)
    found = stops(closure, policy, (), use, NOW)
    assert bool(found) is verdict.stops
    proposed = remedy(verdict, found, closure, ways, policy, ())
    own = any(c.action is Action.STEP for c in proposed.changes)
    cut = [c.version for c in proposed.changes if c.action is not Action.STEP]
    assert own is any(s.judged.index == 0 for s in found)
    assert closure.target not in cut

    world = made, ancestry
    for version in cut:
        world = made_clean(version, *world)
    after = extend(close(target, world[0]), world[1])
    left = [s for s in stops(after, policy, (), use, NOW) if s.judged.index]
    assert not left, (cut, left)

    if proposed.smallest:
        for size in range(len(cut)):
            for some in islice(combinations(range(1, len(closure.reached)), size), 200):
                assert any(s.judged.index for s in stops(without(closure, ways, some), policy, (), use, NOW))


@settings(max_examples=100)
@given(targets, productions, ancestries, policies, uses)
def test_every_way_that_is_listed_is_in_the_records(target, made, ancestry, policy, use):
    closure, ways = world_of(target, made, ancestry)
    verdict = decide(closure, policy, (), use, NOW)
    found = stops(closure, policy, (), use, NOW)
    told = causes(verdict, found, closure, ways, most=3)
    assert [c.finding for c in told] == [f for f in verdict.findings if policy.stops(f.effect, use)]
    known = ancestry.productions()
    rows = {r.version: r for r in closure.reached}
    records = {v: union([p for p in made if v in p.outputs]) for p in made for v in p.outputs}
    records[closure.target] = target
    for cause in told:
        assert cause.paths
        # As short as the one of the verdict, which goes by the search's own order.
        assert len(cause.paths[0]) <= len(cause.finding.path)
        assert len(set(cause.paths)) == len(cause.paths)
        assert cause.total is None or cause.total >= len(cause.paths)
        for path in cause.paths:
            assert path[0] == closure.target
            assert len(set(path)) == len(path)
            for child, parent in pairwise(path):
                said = {i.version for i in records[child].inputs} if child in records else set()
                said |= {i.version for i in public_inputs(rows[child], known, ancestry.version_of)}
                assert parent in said


def test_a_lattice_of_many_versions_is_counted_and_begun():
    width, levels = 10, 3_000
    edges = [Edge(0, 1 + i) for i in range(width)]
    for level in range(levels - 1):
        first = 1 + level * width
        edges += [Edge(first + i, first + width + (i + k) % width) for i in range(width) for k in (0, 1)]
    ways = Ways(1 + width * levels, edges)
    last = [len(ways) - 1]
    assert ways.count(last) == 10**18
    assert [len(p) for p in islice(ways.paths(last), 3)] == [levels + 1] * 3
    assert smallest_cut(ways, last) == set(last)
