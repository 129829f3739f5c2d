"""Hypothesis strategies for small lineage worlds."""

from datetime import UTC, datetime
from types import MappingProxyType

from hypothesis import strategies as st

from lineage_guard.domain.facts import Completeness, Influence, Input, ModelSource, Pin, Production, Usage, Version
from lineage_guard.domain.policy import Match, Policy, Rule, Subject
from lineage_guard.domain.terms import USES, Effect, FixedTerms, Restriction, Terms

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PUBLIC = [Version("hub", f"p{i}") for i in range(4)]
NODES = [Version("d", f"n{i}") for i in range(7)]
MODELS = [f"m{i}" for i in range(4)]


def terms_of(id, effects):
    return Terms(id, id.title(), "hosted_service", "LicenseRef-x", effects, frozenset({Restriction.COMPETING_MODELS}))


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
models = st.builds(
    ModelSource,
    provider=st.just("p"),
    model=st.sampled_from(MODELS),
    usage=st.sampled_from(list(Usage)),
    influence=st.none() | st.sampled_from(list(Influence)),
)
inputs = st.builds(
    Input, st.sampled_from(NODES + PUBLIC[:2]), st.sampled_from(list(Influence)), st.sampled_from(list(Pin))
)


def productions_of(outputs):
    return st.builds(
        Production,
        outputs=outputs,
        inputs=st.lists(inputs, max_size=4).map(tuple),
        models=st.lists(models, max_size=2).map(tuple),
        completeness=st.sampled_from([Completeness.COMPLETE] * 4 + list(Completeness)),
        artefact=st.none() | st.sampled_from(["a0", "a1"]),
    )


productions = st.lists(productions_of(st.lists(st.sampled_from(NODES), min_size=1, max_size=2).map(tuple)), max_size=8)
targets = productions_of(st.just((Version("d", "target"),)))

subjects = st.sampled_from(list(Subject))
matches = st.builds(
    Match,
    use=st.lists(st.sampled_from(["train_*", "evaluate", "!evaluate", *USES]), max_size=2).map(tuple),
    model=st.lists(st.sampled_from(["m0", "m*", "!m1"]), max_size=1).map(tuple),
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
