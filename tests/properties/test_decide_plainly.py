"""decide() gives the verdict that looking at every row by itself gives, whatever it remembers and groups on its way."""

from dataclasses import replace
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import NOW, ancestries, models, productions, targets, uses, wide_policies

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.facts import (
    Completeness,
    Influence,
    Input,
    License,
    ModelSource,
    Production,
    Version,
)
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.lineage.reached import Kind, kind_of, rank
from lineage_guard.domain.rules.policy import Match, Policy, Rule, Subject
from lineage_guard.domain.rules.terms import Effect, FixedTerms, Resolution, Terms
from lineage_guard.domain.verdict import judging
from lineage_guard.domain.verdict.decide import Decision, Finding, decide
from lineage_guard.domain.verdict.judging import rules_for, rulings_on


def plainly(closure, policy, use):
    """Decision, whether it stops, findings but for their words, and obligations: row by row, remembering nothing."""
    groups, duties = {}, set()
    for index, r in enumerate(closure.reached):
        rules = replace(rules_for(closure, replace(policy)).at(r.version))
        if r.influence is Influence.DIRECT or policy.counts_indirect:
            duties |= {f"{x.expression}: {duty}" for x in r.licenses for duty in x.obligations}
        for n, said in enumerate(rulings_on(kind_of(r), rules, use)):
            if said.terms:
                duties |= {f"{said.terms.provider}: {duty}" for duty in said.terms.obligations}
            if said.effect is Effect.ALLOW:
                continue
            what = (said.model.provider, said.model.model, said.model.channel) if said.model else (said.how, index)
            key = (said.rule.id, said.reason, said.effect, said.terms and said.terms.id, what)
            _, rows = groups.setdefault(key, ((index, n), {}))
            rows.setdefault(index, said)
    found = []
    for _, rows in sorted(groups.values(), key=lambda g: g[0]):
        best = min(rows, key=lambda i: (rank(closure.reached[i]), i))
        said, row, path = rows[best], closure.reached[best], []
        while best >= 0:
            path.append(closure.reached[best].version)
            best = closure.reached[best].toward
        found.append(
            Finding(
                said.rule.id,
                said.reason,
                said.effect,
                "",
                said.rule.fix,
                row.version,
                tuple(path[::-1]),
                said.influence,
                row.pin,
                said.model,
                said.terms,
                len(rows),
            )
        )
    worst = max((f.effect for f in found), default=Effect.ALLOW)
    return Decision[worst.name], any(policy.stops(f.effect, use) for f in found), found, duties


def as_plainly(verdict):
    wordless = [replace(f, message="") for f in verdict.findings]
    return verdict.decision, verdict.stops, wordless, set(verdict.obligations)


def same(verdict, expected):
    decision, stops, found, duties = as_plainly(verdict)
    assert (decision, stops, duties) == (expected[0], expected[1], expected[3])
    assert len(found) == len(expected[2])
    assert all(f in expected[2] for f in found)


many = st.lists(models, max_size=4).map(tuple)


@pytest.mark.parametrize("remembered", [4096, 2], ids=["all is remembered", "little is remembered"])
@settings(max_examples=30)
@given(st.lists(st.tuples(targets, productions, many), min_size=1, max_size=3), wide_policies, uses, uses, ancestries)
def test_a_verdict_is_what_looking_at_every_row_by_itself_gives(remembered, worlds, policy, use, other, ancestry):
    """Also when the policy has judged other closures and uses before."""
    with patch.object(judging, "_REMEMBERED", remembered):
        for target, known, more in worlds:
            closure = extend(close(replace(target, models=(*target.models, *more)), known), ancestry)
            for each in (use, other, use):
                verdict = decide(closure, policy, (), each, NOW)
                same(verdict, plainly(closure, policy, each))
                assert verdict == decide(closure, replace(policy), (), each, NOW)


def test_what_a_policy_remembers_of_a_model_is_told_of_the_model_at_hand():
    """Two that no rule tells apart share a ruling; what is shown of each is its own."""
    policy = load_policy("default", load_catalog())
    for version in ("v1", "v2"):
        model = ModelSource("openai", "gpt-4o", version, channel="api.openai.com", generated_at=NOW)
        step = close(Production((Version("d", "out"),), models=(model,)), [])
        [found] = decide(step, policy, (), "train_competing", NOW).findings
        assert found.model is model


class ByYear:
    """Terms of which each year has its own, found in the same way."""

    digest = "sha256:by-year"
    of_year = {y: Terms(f"t{y}", "P", "", "MIT", {}) for y in (2025, 2026)}  # noqa: RUF012

    def resolve(self, model, on):
        return Resolution((self.of_year[on.year],), None, "found")


ALWAYS = FixedTerms(dict.fromkeys(("m", "n"), (ByYear.of_year[2025],)))
MODEL = ModelSource("p", "m", channel="c", license="MIT", generated_at=NOW)
LAST_YEAR = NOW.replace(year=2025)
DIFFERENT = [
    ({"use": ("train_competing",)}, {}, {}),
    ({"provider": ("q",)}, {"provider": "q"}, {}),
    ({"model": ("n",)}, {"model": "n"}, {}),
    ({"channel": ("d",)}, {"channel": "d"}, {}),
    ({"license": ("GPL-3.0-only",)}, {"license": "GPL-3.0-only"}, {}),
    ({"influence": ("indirect",)}, {"influence": Influence.INDIRECT}, {}),
    ({"influence": ("indirect",)}, {}, {"influence": Influence.INDIRECT}),
    ({"origin": ("second_hand",)}, {}, {"second_hand": True}),
    ({"terms": ("t2025",)}, {"generated_at": LAST_YEAR}, {}),
    ({"terms": ("t2025",)}, {"generated_at": None}, {"day": LAST_YEAR.date()}),
    ({"generated_until": LAST_YEAR.date()}, {"generated_at": LAST_YEAR}, {}),
    ({"generated_until": LAST_YEAR.date()}, {"generated_at": None}, {"day": LAST_YEAR.date()}),
]


@pytest.mark.parametrize(("condition", "of_model", "of_row"), DIFFERENT)
def test_what_a_condition_tells_apart_is_not_remembered_as_one(condition, of_model, of_row):
    rules = (
        Rule("all", Subject.MODEL, Effect.WARN, "why", "fix"),
        Rule("one", Subject.MODEL, Effect.BLOCK, "why", "fix", Match(**condition)),
    )
    plain = Kind(Influence.DIRECT, Completeness.COMPLETE, True, (MODEL,), (), None, NOW.date())
    special = plain._replace(models=(replace(MODEL, **of_model),), **of_row)
    one_use = "train_competing" if "use" in condition else "evaluate"
    for order in ((0, 1, 0), (1, 0, 1)):
        policy = Policy("p", rules, ByYear() if "terms" in condition else ALWAYS, counts_indirect=True)
        for n in order:
            use = one_use if n else "evaluate"
            said = {r.rule.id for r in rulings_on((plain, special)[n], policy, use)}
            assert said == ({"all", "one"} if n else {"all"})


@pytest.mark.parametrize(
    ("influence", "counts", "named"), [("DIRECT", False, 1), ("INDIRECT", False, 0), ("INDIRECT", True, 1)]
)
def test_duties_of_a_licence_travel_from_all_that_counts(influence, counts, named):
    data = Production((Version("d", "data"),), licenses=(License("CC-BY-4.0", obligations=("name its author",)),))
    step = Production((Version("d", "out"),), inputs=(Input(Version("d", "data"), Influence(influence)),))
    policy = Policy("p", (), ByYear(), counts_indirect=counts)
    verdict = decide(close(step, [data]), policy, (), "train_competing", NOW)
    assert verdict.obligations == ("CC-BY-4.0: name its author",) * named
