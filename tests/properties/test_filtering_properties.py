"""A quarantine takes models out and nothing else; without its evidence it takes out nothing."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from lineage_worlds import NODES, NOW, policies, productions, targets
from test_closure_properties import edges_of

from lineage_guard.domain.facts import Production, Version, union
from lineage_guard.domain.lineage.closure import Closure, close
from lineage_guard.domain.lineage.filtering import Filtered, Proven, RowSource, cured, source_of
from lineage_guard.domain.verdict.decide import decide

parts = st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=3, unique_by=lambda p: p[0])


def split(target: Production, known: list[Production], claimed: Any, policy: Any, everything: bool) -> Any:
    root = target.outputs[0]
    by: dict[Version, list[Production]] = {}
    for p in known:
        for v in p.outputs:
            by.setdefault(v, []).append(p)
    made = {v: union(ps) for v, ps in by.items() if v != root}
    sources: tuple[RowSource, ...] = tuple({source_of(m) for p in known for m in p.models}) if everything else ()
    proven = [
        Proven(Filtered(part, (mixed.namespace, mixed.name), sources, "sha256:x"), "sha256:e")
        for part, mixed in claimed
    ]

    def found(versions: Any) -> dict[Version, Production]:
        return {v: made[v] for v in versions if v in made}

    whole = close(target, known)
    return whole, cured(whole, target, found, proven, policy.terms)


def around(target: Production, known: list[Production], claimed: Any) -> set[Version]:
    """The naive reference: everything that is reachable when the edges that are cut are not there."""
    edges = edges_of(target, known)
    gone = {(part, mixed[:2]) for part, mixed in claimed}
    found = {target.outputs[0]}
    while True:
        more = {e.version for v in found for e in edges.get(v, []) if (v, e.version[:2]) not in gone} - found
        if not more:
            return found
        found |= more


@given(targets, productions, parts, policies, st.sampled_from(["train_competing", "evaluate"]))
def test_models_are_taken_out_only_behind_every_cut(target, known, claimed, policy, use):
    whole, (closure, cures) = split(target, known, claimed, policy, everything=True)
    assert [r.version for r in closure.reached] == [r.version for r in whole.reached]
    spared = around(target, known, claimed)
    for before, after in zip(whole.reached, closure.reached, strict=True):
        assert set(after.models) <= set(before.models)
        assert after._replace(models=(), toward=0, depth=0) == before._replace(models=(), toward=0, depth=0)
        if after.models != before.models:
            assert after.version not in spared
    assert {c.version for c in cures} == {
        a.version for a, b in zip(whole.reached, closure.reached, strict=True) if a.models != b.models
    }
    # Taking evidence away restores the block, whatever the quarantine did.
    _, (unproven, nothing) = split(target, known, [], policy, everything=True)
    assert nothing == ()
    assert decide(unproven, policy, (), use, NOW) == decide(whole, policy, (), use, NOW)
    if cures:
        assert closure.digest != whole.digest


@given(targets, productions, parts, policies)
def test_rows_that_name_nothing_cure_nothing(target, known, claimed, policy):
    whole, (closure, cures) = split(target, known, claimed, policy, everything=False)
    assert cures == ()
    assert [r.models for r in closure.reached] == [r.models for r in whole.reached]
    assert closure.digest == whole.digest


@given(targets, productions, parts, policies)
def test_every_way_that_is_shown_is_a_way(target, known, claimed, policy):
    _, (closure, _) = split(target, known, claimed, policy, everything=True)
    edges = edges_of(target, known)
    plain = Closure(closure.target, tuple(closure.reached))
    for i, r in enumerate(plain.reached):
        path = plain.path(i)
        assert path[0] == plain.target
        assert path[-1] == r.version
        assert len(set(path)) == len(path)
        assert all(b in {e.version for e in edges.get(a, [])} for a, b in itertools.pairwise(path))
