"""The ledger's answers against the domain's definitions, however the data is split."""

import tempfile

import histories
import numpy as np
from histories import fill, splits
from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.domain.facts import Influence, Input, Pin, Production, Version, union
from lineage_guard.domain.lineage.closure import Closure, close
from lineage_guard.ledger import open_ledger
from lineage_guard.ledger.index.graph import Segment, walk


def assert_paths_lead_home(closure: Closure, by_version: dict[Version, Production]) -> None:
    """Every step of every path is an edge on record, no weaker than the path claims."""
    for r in closure.reached[1:]:
        next_ = closure.reached[r.toward]
        edges = [i for i in by_version[next_.version].inputs if i.version == r.version]
        assert edges
        assert r.depth == next_.depth + 1
        if r.influence is Influence.DIRECT:
            assert next_.influence is Influence.DIRECT
            assert any(i.influence is Influence.DIRECT for i in edges)


@settings(max_examples=60, deadline=None)
@given(st.lists(histories.productions, max_size=12), splits, histories.productions)
def test_closure_equals_the_definition(
    productions: list[Production], cuts: list[tuple[int, bool]], target: Production
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fill(folder, productions, cuts)
        closure = open_ledger(folder).closure(target)
        again, edges = open_ledger(folder).graph(target)
    assert closure == again == close(target, productions, closure.watermark)
    place = {r.version: n for n, r in enumerate(closure.reached)}
    made = {v: [p for p in productions if v in p.outputs] for v in place} | {target.outputs[0]: [target]}
    direct = Influence.DIRECT
    assert set(edges) == {
        (place[v], place[i.version], i.influence is direct) for v in place for p in made[v] for i in p.inputs
    }
    by_version = {v: union([p for p in productions if v in p.outputs]) for p in productions for v in p.outputs}
    assert_paths_lead_home(closure, {**by_version, target.outputs[0]: target})


@settings(max_examples=30, deadline=None)
@given(st.lists(histories.productions, max_size=10), splits)
def test_productions_equal_the_union_of_all_records(
    productions: list[Production], cuts: list[tuple[int, bool]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        fill(folder, productions, cuts)
        found = open_ledger(folder).productions([*(v for p in productions for v in p.outputs), Version("d", "none")])
    assert found == {v: union([p for p in productions if v in p.outputs]) for p in productions for v in p.outputs}


edges = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.booleans(), st.booleans(), st.integers(0, 2)), max_size=40
)


@settings(max_examples=300, deadline=None)
@given(edges, st.sampled_from([0, 10**6]))
def test_graph_walk_equals_the_definition(rows: list[tuple[int, int, bool, bool, int]], asked: int) -> None:
    """The search alone, on graphs full of cycles, self-edges and diamonds, split over three segments.

    With rows found by binary search, and through row pointers as once much was asked for.
    """
    rows = sorted(rows, key=lambda r: (r[0], r[4]))
    nodes = [Version("d", str(n)) for n in range(10)]
    influence, pin = list(Influence), list(Pin)
    productions = [Production((nodes[c],), inputs=(Input(nodes[p], influence[i], pin[k]),)) for c, p, i, k, _ in rows]
    target = Production((nodes[0],), inputs=tuple(i for p in productions if p.outputs == (nodes[0],) for i in p.inputs))
    expected = close(target, productions)

    def segment(chosen: list[tuple[int, int, bool, bool, int]]) -> Segment:
        child, parent, indirect, conservative, _ = zip(*chosen, strict=True) if chosen else ((), (), (), (), ())
        ints = (np.array(column, dtype=np.int32) for column in (child, parent))
        return Segment(*ints, np.array(indirect, dtype=np.bool_), np.array(conservative, dtype=np.bool_), None, asked)

    walked = walk(
        [segment([r for r in rows if r[4] == n]) for n in range(3)], 10, 0, segment([r for r in rows if r[0] == 0])
    )
    assert [
        (
            nodes[walked.node[n]],
            influence[int(walked.indirect[n])],
            walked.depth[n],
            walked.toward[n],
            pin[int(walked.conservative[n])],
        )
        for n in range(walked.node.size)
    ] == [(r.version, r.influence, r.depth, r.toward, r.pin) for r in expected.reached]


def test_a_chain_of_thousands_is_followed_to_its_end() -> None:
    """There is no depth at which the ledger stops looking."""
    length = 5_000
    names = [Version("d", f"t{n}", None, histories.run_uuid(n)) for n in range(length)]
    chain = [Production((names[n],), inputs=(Input(names[n + 1]),)) for n in range(length - 1)]
    with tempfile.TemporaryDirectory() as folder:
        ledger = open_ledger(folder)
        ledger.append(histories.history(chain[: length // 2]))
        ledger.compact()
        ledger.append(histories.history(chain)[length // 2 :])
        closure = ledger.closure(Production((Version("d", "student"),), inputs=(Input(names[0]),)))
    assert len(closure.reached) == length + 1
    assert closure.reached[-1].version == names[-1]
    assert closure.reached[-1].depth == length
