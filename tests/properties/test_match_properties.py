"""Resolving never raises, never forgets a layer for want of a channel, and is deterministic."""

from datetime import date

from hypothesis import given, settings
from hypothesis import strategies as st

from lineage_guard.catalog import load_catalog
from lineage_guard.domain.facts import ModelSource
from lineage_guard.domain.rules.terms import USES, Effect

TERMS = load_catalog().terms
IDS = [p.text.replace("*", "x") for e in TERMS.details for p in e.models if p.text.strip("*/")]
HOSTS = sorted({p.text.replace("*", "eu") for e in TERMS.details for p in e.channels})
PROVIDERS = sorted({p for e in TERMS.details for p in e.providers})
ROUTES = sorted({r for e in TERMS.details for r in e.routes})
anything = st.text(max_size=40) | st.sampled_from(
    ["ft:", "models/", "://", "[::1", "http://[", "arn:aws:bedrock:::", "*", "?", "[!"]
)
days = st.none() | st.dates(date(2019, 1, 1), date(2030, 1, 1))
ids = st.sampled_from(IDS) | anything | st.builds(str.__add__, st.sampled_from(ROUTES), st.sampled_from(IDS) | anything)
channels = st.none() | st.sampled_from(HOSTS) | anything


def strictest(found, use):
    effect = max((t.effect_on(use) for t in found.layers), default=Effect.ALLOW)
    return max(effect, Effect.UNKNOWN) if found.unresolved or not found.layers else effect


@settings(max_examples=400)
@given(
    st.sampled_from(PROVIDERS) | anything,
    ids,
    channels,
    st.none() | st.sampled_from([t.id for t in TERMS.entries]) | anything,
    st.lists(ids, max_size=2),
    days,
)
def test_never_raises_and_always_explains(provider, model, channel, terms, bases, on):
    source = ModelSource(provider, model, channel=channel, terms=terms, base_models=tuple(bases))
    found = TERMS.resolve(source, on)
    assert found == TERMS.resolve(source, on)
    assert found.how
    assert found.layers or found.unresolved
    assert len({t.id for t in found.layers}) == len(found.layers)


@given(st.sampled_from(PROVIDERS), ids, channels, days, st.lists(ids, min_size=1, max_size=2))
def test_base_models_only_add(provider, model, channel, on, bases):
    plain = TERMS.resolve(ModelSource(provider, model, channel=channel), on)
    based = TERMS.resolve(ModelSource(provider, model, channel=channel, base_models=tuple(bases)), on)
    assert {t.id for t in plain.layers} <= {t.id for t in based.layers}
    assert plain.unresolved is None or based.unresolved is not None


@given(st.sampled_from(PROVIDERS), ids, channels, days, st.sampled_from(["MIT", "CC0-1.0", "nonsense"]))
def test_a_declared_licence_changes_nothing(provider, model, channel, on, license):
    source = ModelSource(provider, model, channel=channel)
    labelled = ModelSource(provider, model, channel=channel, license=license)
    assert TERMS.resolve(labelled, on) == TERMS.resolve(source, on)


@settings(max_examples=300)
@given(st.sampled_from(PROVIDERS), ids, channels, st.sampled_from([t.id for t in TERMS.entries]), days)
def test_naming_terms_that_do_not_cover_the_model_only_adds(provider, model, channel, terms, on):
    plain = TERMS.resolve(ModelSource(provider, model, channel=channel), on)
    named = TERMS.resolve(ModelSource(provider, model, channel=channel, terms=terms), on)
    assert terms in {t.id for t in named.layers}
    if "which covers this" not in named.how:
        assert {t.id for t in plain.layers} <= {t.id for t in named.layers}
        assert plain.unresolved is None or named.unresolved is not None


@settings(max_examples=300)
@given(st.sampled_from(PROVIDERS), ids, channels, st.dates(date(2019, 1, 1), date(2030, 1, 1)))
def test_not_knowing_the_day_never_loosens(provider, model, channel, on):
    dated = TERMS.resolve(ModelSource(provider, model, channel=channel), on)
    undated = TERMS.resolve(ModelSource(provider, model, channel=channel), None)
    assert {t.id for t in dated.layers} <= {t.id for t in undated.layers}
    for use in USES:
        assert strictest(undated, use) >= strictest(dated, use)


@given(st.sampled_from(IDS), st.sampled_from(PROVIDERS), anything.filter(lambda c: c.strip() and "." not in c), days)
def test_an_invented_channel_never_makes_a_model_clean(model, provider, channel, on):
    found = TERMS.resolve(ModelSource(provider, model, channel=f"{channel}.invalid"), on)
    assert found.unresolved is not None
