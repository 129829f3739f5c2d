"""Hypothesis strategies for small lineage worlds."""

from dataclasses import replace
from datetime import UTC, date, datetime
from types import MappingProxyType

from hypothesis import strategies as st

from lineage_guard.domain.facts import (
    Acknowledgement,
    Completeness,
    Influence,
    Input,
    License,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.rules.assets import AssetFacts
from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.policy import Match, Policy, Rule, Subject
from lineage_guard.domain.rules.terms import USES, Effect, FixedTerms, Limits, Restriction, Terms

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PUBLIC = [Version("hub", f"p{i}") for i in range(4)]
NODES = [Version("d", f"n{i}") for i in range(7)]
MODELS = [f"m{i}" for i in range(4)]


#: By the number in a model's id: what facts about an organisation can decide, alone and together.
SHAPES = [
    {Restriction.COMPETING_MODELS},
    {Restriction.NON_COMMERCIAL_OUTPUT},
    {Restriction.NAMING_DUTY},
    {Restriction.COMPETING_MODELS, Restriction.NON_COMMERCIAL_OUTPUT},
]


def terms_of(id, effects):
    """Shapes and a limit that follow from the id, so that facts about an organisation have something to decide."""
    n = int(id[1])
    return Terms(id, id.title(), "hosted_service", "LicenseRef-x", effects, frozenset(SHAPES[n]), limits=Limits(n))


effects = st.sampled_from(list(Effect))
terms_sources = st.dictionaries(
    st.sampled_from(MODELS), st.lists(st.tuples(*[effects] * len(USES)), min_size=1, max_size=2), max_size=4
).map(
    lambda d: FixedTerms(
        {
            m: tuple(terms_of(f"{m}-{i}", dict(zip(USES, row, strict=True))) for i, row in enumerate(rows))
            for m, rows in d.items()
        }
    )
)
days = st.none() | st.sampled_from([NOW.replace(month=m) for m in (2, 3, 10)])
models = st.builds(
    ModelSource,
    provider=st.just("p"),
    model=st.sampled_from(MODELS),
    usage=st.sampled_from(list(Usage)),
    influence=st.none() | st.sampled_from(list(Influence)),
    license=st.sampled_from([None, None, "MIT", "MIT AND CC-BY-NC-4.0"]),
    generated_at=days,
)
inputs = st.builds(
    Input, st.sampled_from(NODES + PUBLIC[:2]), st.sampled_from(list(Influence)), st.sampled_from(list(Pin))
)


licenses = st.builds(
    License,
    st.sampled_from(["MIT", "CC-BY-NC-4.0", "MIT OR CC-BY-NC-4.0", "MIT AND (CC-BY-NC-4.0 OR GPL-3.0-only)"]),
    st.sampled_from(list(Acknowledgement)),
)


def productions_of(outputs):
    return st.builds(
        Production,
        outputs=outputs,
        inputs=st.lists(inputs, max_size=4).map(tuple),
        models=st.lists(models, max_size=2).map(tuple),
        completeness=st.sampled_from([Completeness.COMPLETE] * 4 + list(Completeness)),
        artefact=st.none() | st.sampled_from(["a0", "a1"]),
        licenses=st.lists(licenses, max_size=1).map(tuple),
    )


productions = st.lists(productions_of(st.lists(st.sampled_from(NODES), min_size=1, max_size=2).map(tuple)), max_size=8)
targets = productions_of(st.just((Version("d", "target"),)))

subjects = st.sampled_from(list(Subject))
matches = st.builds(
    Match,
    use=st.lists(st.sampled_from(["train_*", "evaluate", "!evaluate", *USES]), max_size=2).map(tuple),
    model=st.lists(st.sampled_from(["m0", "m*", "!m1"]), max_size=1).map(tuple),
)
#: Every other condition, one of them at a time.
conditions = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"influence": st.sampled_from([("direct",), ("indirect",)])}),
    st.fixed_dictionaries({"origin": st.sampled_from([("first_party",), ("second_hand",)])}),
    st.fixed_dictionaries({"license": st.sampled_from([("MIT",), ("CC-*",), ("!CC-*",), ("LicenseRef-x",)])}),
    st.fixed_dictionaries({"dataset": st.sampled_from([("n*",), ("d:n1", "d:n2"), ("!n0",), ("hub:*",)])}),
    st.fixed_dictionaries({"asset": st.sampled_from([("target",), ("!target",), ("d:*",)])}),
    st.fixed_dictionaries({"asset_group": st.sampled_from([("lab",), ("!lab",), ("*",)])}),
    st.fixed_dictionaries({"asset_tag": st.sampled_from([("team=a",), ("team",), ("!team=b",), ("!*",)])}),
    st.fixed_dictionaries({"asset_kind": st.sampled_from([("torch",), ("!torch",)])}),
    st.fixed_dictionaries({"asset_owner": st.sampled_from([("team:a", "!team:b"), ("!*",)])}),
    st.fixed_dictionaries({"generated_from": st.sampled_from([date(2026, 3, 1), date(2026, 9, 1)])}),
    st.fixed_dictionaries({"generated_until": st.sampled_from([date(2026, 3, 1), date(2026, 9, 1)])}),
)
#: What the definition of the asset said, or that nobody wrote it down.
asset_facts = st.none() | st.builds(
    AssetFacts,
    st.sampled_from(["lab", "shop"]),
    st.sampled_from([(), (("team", "a"),), (("team", "b"), ("tier", "1"))]),
    st.sampled_from([(), ("torch",)]),
    st.sampled_from([(), ("team:a",), ("team:a", "team:b")]),
)
wide_matches = st.builds(lambda match, more: replace(match, **more), matches, conditions)
organisations = st.builds(
    Organisation,
    competes_with=st.none() | st.sampled_from([(), ("m0-0",), ("m0-0", "m1-0")]),
    purpose=st.none() | st.sampled_from(list(Purpose)),
    distributes_models=st.none() | st.booleans(),
    monthly_users=st.none() | st.integers(0, 3),
)
rules = st.builds(
    lambda n, on, effect, match, at_most: Rule(
        f"r{n}", on, effect if on is not Subject.MODEL or effect is not None else None, "why", "fix", match, at_most
    ),
    st.integers(0, 99),
    subjects,
    st.none() | effects,
    matches,
    effects,
)
policies = st.builds(
    Policy,
    name=st.just("p"),
    rules=st.lists(rules, max_size=4).map(tuple),
    terms=terms_sources,
    counts_indirect=st.booleans(),
    unknown_blocks=st.booleans(),
)
wide_rules = st.builds(lambda rule, match: replace(rule, match=match), rules, wide_matches)
wide_policies = st.builds(
    lambda policy, rules, organisation: replace(policy, rules=tuple(rules), organisation=organisation),
    policies,
    st.lists(wide_rules, max_size=4),
    organisations,
)
uses = st.sampled_from([*USES, "a_use_of_their_own"])


class FixedAncestry:
    """A domain Ancestry over a plain mapping."""

    digest = "sha256:fixed"

    def __init__(self, names, made):
        self.names, self.made = names, MappingProxyType(made)

    def version_of(self, public_id):
        return self.names.get(public_id)

    def productions(self):
        return self.made


public_inputs = st.builds(Input, st.sampled_from(PUBLIC), st.sampled_from(list(Influence)))
ancestries = st.tuples(
    *[
        st.builds(
            Production,
            outputs=st.just((v,)),
            inputs=st.lists(public_inputs, max_size=3).map(tuple),
            models=st.lists(models, max_size=2).map(tuple),
        )
        for v in PUBLIC
    ],
    st.permutations(PUBLIC),
).map(
    lambda t: FixedAncestry(
        {"a0": t[-1][0], "a1": t[-1][1], "m0": t[-1][2], "m1": t[-1][3]}, dict(zip(PUBLIC, t[:-1], strict=True))
    )
)
