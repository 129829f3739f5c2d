"""decide() answers whatever it is given, and an answer depends on nothing that came after it."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lineage_worlds import (
    NOW,
    ancestries,
    effects,
    organisations,
    policies,
    productions,
    targets,
    uses,
    wide_policies,
)

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.domain.facts import (
    Acknowledgement,
    Assertion,
    Completeness,
    Influence,
    Input,
    License,
    LicenseScope,
    ModelSource,
    Pin,
    Production,
    Usage,
    Version,
)
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.rules.organisation import Organisation, Purpose
from lineage_guard.domain.rules.policy import Match, Policy, Rule, Subject
from lineage_guard.domain.rules.terms import USES, Effect, FixedTerms, Limits, Restriction, Terms
from lineage_guard.domain.rules.waivers import Waiver
from lineage_guard.domain.verdict.decide import Decision, Verdict, decide

ORDER = [Decision.ALLOW, Decision.WARN, Decision.UNKNOWN, Decision.BLOCK]


def no_looser(after, before):
    assert after.stops >= before.stops
    assert ORDER.index(after.decision) >= ORDER.index(before.decision)


# Texts that anybody may type, and texts that parsers and pattern matchers stumble over.
odd = st.sampled_from(["", " ", "[", "[!", "!", "!!", "*", "?", "\\", "\x00", "\ud800", "a/b:c@d", "MIT", "ß", "K"])
texts = odd | st.text(max_size=8)
maybe = st.none() | texts
many = st.lists(texts, max_size=3).map(tuple)
licence_words = st.sampled_from(
    ["MIT", "CC-BY-NC-4.0", "LicenseRef-x", "AND", "OR", "WITH", "LLVM-exception", "(", ")"]
)
expressions = texts | st.lists(licence_words, max_size=8).map(" ".join)
zones = st.none() | st.sampled_from([UTC, timezone(timedelta(hours=9)), timezone(timedelta(hours=-9))])
moments = st.none() | st.datetimes(timezones=zones)
aware = st.datetimes(timezones=st.just(UTC))
days = st.none() | st.dates()
versions = st.builds(Version, texts, texts, maybe, maybe)
models = st.builds(
    ModelSource,
    provider=texts | st.sampled_from(["openai", "meta"]),
    model=texts | st.sampled_from(["gpt-4o", "meta-llama/Meta-Llama-3-8B", "org/model"]),
    version=maybe,
    channel=maybe | st.sampled_from(["api.openai.com", "self-hosted"]),
    usage=st.sampled_from(Usage),
    influence=st.none() | st.sampled_from(Influence),
    license=st.none() | expressions,
    terms=maybe | st.just("llama-3"),
    purl=maybe,
    digest=maybe,
    base_models=many,
    fields=many,
    partitions=many,
    record_count=st.none() | st.integers(),
    generated_at=moments,
    asserted_by=st.sampled_from(Assertion),
)
licenses = st.builds(
    License,
    expressions,
    st.sampled_from(Acknowledgement),
    st.sampled_from(LicenseScope),
    terms_version=maybe,
    effective_from=maybe,
    restrictions=many,
    obligations=many,
)


def made(outputs):
    inputs = st.builds(Input, versions, st.sampled_from(Influence), st.sampled_from(Pin))
    return st.builds(
        Production,
        outputs,
        st.lists(inputs, max_size=2).map(tuple),
        st.lists(models, max_size=2).map(tuple),
        moments,
        st.sampled_from(Assertion),
        st.sampled_from(Completeness),
        st.lists(licenses, max_size=2).map(tuple),
        maybe,
        maybe,
    )


def worlds():
    """A step, and what is on record of versions of which it reads some."""
    return st.lists(versions, min_size=1, max_size=3).flatmap(
        lambda names: st.tuples(
            made(st.just((Version("d", "target"),))).map(
                lambda p: replace(p, inputs=(*p.inputs, *(Input(v) for v in names)))
            ),
            st.lists(made(st.lists(st.sampled_from(names), min_size=1, max_size=2).map(tuple)), max_size=3),
        )
    )


numbers = st.none() | st.integers()
terms = st.builds(
    Terms,
    id=texts,
    provider=texts,
    kind=texts,
    license=expressions,
    effects=st.dictionaries(st.sampled_from(USES) | texts, effects, max_size=4),
    restrictions=st.frozensets(st.sampled_from(Restriction)),
    obligations=many,
    limits=st.none() | st.builds(Limits, numbers, numbers),
    permitted_families=many,
)
matches = st.builds(
    Match,
    **dict.fromkeys(("use", "provider", "model", "channel", "terms", "restriction", "confidence", "reason"), many),
    **dict.fromkeys(("influence", "origin", "license", "acknowledgement", "dataset", "asset"), many),
    generated_from=days,
    generated_until=days,
)
house_rules = st.lists(
    st.builds(
        Rule,
        texts,
        st.sampled_from(Subject),
        st.none() | effects,
        texts,
        texts,
        st.just(Match()) | matches,
        effects,
        st.booleans(),
    ),
    max_size=3,
).map(tuple)
facts = st.builds(
    Organisation, st.none() | many, st.none() | st.sampled_from(Purpose), st.none() | st.booleans(), numbers, numbers
)
sources = st.dictionaries(texts | st.just("gpt-4o"), st.lists(terms, max_size=2).map(tuple), max_size=2).map(FixedTerms)
house_policies = st.builds(
    Policy,
    texts,
    house_rules,
    sources | st.builds(lambda: load_catalog().terms),
    st.booleans(),
    st.booleans(),
    organisation=facts,
)
waivers = st.lists(
    st.builds(
        Waiver,
        *[texts] * 7,
        expires=aware,
        **dict.fromkeys(("model", "use", "dataset", "partition"), maybe | st.just("*")),
    ),
    max_size=2,
).map(tuple)


@settings(max_examples=40)
@given(worlds(), house_policies, waivers, uses | texts, aware, many)
def test_every_input_has_a_verdict(world, policy, accepted, use, at, blind):
    step, known = world
    closure = replace(close(step, known), blind=blind)
    verdict = decide(closure, policy, accepted, use, at)
    assert isinstance(verdict, Verdict)
    assert verdict.stops or not blind
    assert verdict == decide(closure, policy, accepted, use, at)
    extended = extend(closure, load_catalog().ancestry)
    assert isinstance(decide(extended, load_policy("strict", load_catalog()), accepted, use, at), Verdict)


@given(targets, productions, wide_policies, uses, st.datetimes(timezones=st.just(UTC)))
def test_without_waivers_the_time_of_the_decision_decides_nothing(target, known, policy, use, at):
    """Only waivers end. Terms bind by the day on which a model answered, whenever that is looked at."""
    closure = close(target, known)
    assert decide(closure, policy, (), use, at) == replace(decide(closure, policy, (), use, NOW), at=at)


def waiver(rule, model, expires, id):
    return Waiver(id, rule, "target", "why", "ann", "bob", "T-1", expires, model=model)


@settings(max_examples=50)
@given(targets, productions, policies, uses, st.integers(1, 400), st.integers(0, 400))
def test_a_waiver_that_ended_waives_nothing_and_one_that_lasts_does_until_its_end(
    target, known, policy, use, ago, later
):
    closure = close(target, known)
    plain = decide(closure, policy, (), use, NOW)
    over = tuple(
        waiver(f.rule, f.model and f.model.model, NOW - timedelta(days=ago - 1), f"w{n}")
        for n, f in enumerate(plain.findings)
    )
    after = decide(closure, policy, over, use, NOW)
    assert (after.decision, after.stops, after.waivers) == (plain.decision, plain.stops, ())
    lasting = tuple(replace(w, expires=NOW + timedelta(days=later, seconds=1)) for w in over)
    then = decide(closure, policy, lasting, use, NOW)
    assert then.decision is (Decision.WAIVED if plain.findings else Decision.ALLOW)
    ended = decide(closure, policy, lasting, use, NOW + timedelta(days=later, seconds=1))
    assert (ended.decision, ended.stops) == (plain.decision, plain.stops)


@settings(max_examples=50)
@given(targets, productions, policies, uses, st.randoms())
def test_the_order_of_inputs_models_licences_and_waivers_means_nothing(target, known, policy, use, random):
    def shuffled(items):
        return tuple(random.sample(items, len(items)))

    def mixed(p):
        return replace(p, inputs=shuffled(p.inputs), models=shuffled(p.models), licenses=shuffled(p.licenses))

    accepted = tuple(waiver(r.id, "m0", NOW + timedelta(days=n), f"w{n}") for n, r in enumerate(policy.rules))
    a = decide(close(target, known), policy, accepted, use, NOW)
    b = decide(close(mixed(target), [mixed(p) for p in known]), policy, shuffled(accepted), use, NOW)
    assert (a.decision, a.stops, set(a.obligations)) == (b.decision, b.stops, set(b.obligations))


@settings(max_examples=30)
@given(st.integers(0, 500), st.integers(1, 300), st.lists(effects, min_size=5, max_size=5), st.sampled_from(USES))
def test_terms_that_come_into_force_later_change_nothing_of_what_was_made_before(since, after, said, use):
    """A table of March is judged by March's terms; an entry that is added in June speaks from June on."""
    catalog = load_catalog()
    now = next(e for e in catalog.terms.details if e.terms.id == "openai-api")
    made_on = (now.terms.effective_from or date(2025, 1, 1)) + timedelta(days=since)
    newer = replace(
        now.terms,
        id="openai-api-next",
        effective_from=made_on + timedelta(days=after),
        effects=dict(zip(USES, said, strict=True)),
    )
    terms = CatalogTerms((*catalog.terms.details, replace(now, terms=newer)))
    policy = load_policy("default", catalog)
    then = datetime(made_on.year, made_on.month, made_on.day, tzinfo=UTC)

    def verdict(source, day):
        model = ModelSource("openai", "gpt-4o", channel="api.openai.com", generated_at=day)
        step = Production((Version("d", "target"),), models=(model,))
        return decide(close(step, []), replace(policy, terms=source), (), use, NOW)

    assert verdict(terms, then) == verdict(catalog.terms, then)
    new = verdict(terms, then + timedelta(days=after))
    assert new.decision.name == newer.effect_on(use).name
    unknown = verdict(terms, None)
    no_looser(unknown, verdict(catalog.terms, then))
    no_looser(unknown, new)


def families(policy):
    """The policy with terms of which each bars other families than those of the model before and itself."""
    ids = sorted(t.id for layers in policy.terms.by_model.values() for t in layers)
    opened = {
        model: tuple(
            replace(
                t,
                restrictions=t.restrictions | {Restriction.OTHER_MODEL_FAMILIES},
                permitted_families=(t.id, ids[ids.index(t.id) - 1]),
            )
            for t in layers
        )
        for model, layers in policy.terms.by_model.items()
    }
    return replace(policy, terms=FixedTerms(opened))


bases = st.builds(ModelSource, st.just("p"), st.sampled_from(["m0", "m1", "m9"]), usage=st.just(Usage.BASE_MODEL))


@settings(max_examples=50)
@given(targets, productions, wide_policies.map(families), uses, ancestries, st.lists(bases, min_size=1, max_size=2))
def test_a_base_model_opens_bars_on_other_families_and_nothing_else(target, known, policy, use, ancestry, more):
    target = replace(target, models=tuple(m for m in target.models if m.usage is not Usage.BASE_MODEL))
    begun = replace(target, models=(*target.models, *more[:1]))

    def verdict(step, by):
        return decide(extend(close(step, known), ancestry), by, (), use, NOW)

    shut = {
        model: tuple(replace(t, permitted_families=()) for t in layers)
        for model, layers in policy.terms.by_model.items()
    }
    closed = replace(policy, terms=FixedTerms(shut))
    # Without an open family a base is a model like others; with one it loosens at most that.
    no_looser(verdict(begun, closed), verdict(target, closed))
    no_looser(verdict(begun, closed), verdict(begun, policy))
    # Each further base narrows what all of them have in common.
    no_looser(verdict(replace(begun, models=(*begun.models, *more[1:])), policy), verdict(begun, policy))
    # Without a base no family is open, and what is made upstream from one says nothing of the student.
    assert verdict(target, policy).decision is verdict(target, closed).decision


@given(organisations, effects, st.frozensets(st.sampled_from(Restriction)), uses)
def test_a_family_that_is_open_never_means_allowed(organisation, said, shapes, use):
    terms = Terms("t", "T", "open_weights", "MIT", dict.fromkeys(USES, said), shapes, permitted_families=("t",))
    of_it = replace(organisation, student=(frozenset({"t"}),))
    before, after = organisation.apply(terms, use).effect, of_it.apply(terms, use).effect
    assert after <= before
    assert after == before or (after >= Effect.WARN and Restriction.OTHER_MODEL_FAMILIES in shapes)


@pytest.mark.parametrize("text", ["(" * 5000 + "MIT" + ")" * 5000, " AND ".join(["MIT OR ISC"] * 400)])
def test_no_licence_is_too_long(text):
    step = Production((Version("d", "target"),), licenses=(License(text),))
    rule = Rule("nc", Subject.LICENSE, Effect.BLOCK, "why", "fix", Match(license=("CC-*", "(*")))
    assert decide(close(step, []), Policy("p", (rule,), FixedTerms()), (), USES[0], NOW).policy == "p"
