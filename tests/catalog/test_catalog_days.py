"""Terms are looked up once for all days on which the same texts are in force."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from lineage_guard.catalog import load_catalog
from lineage_guard.catalog.match import CatalogTerms
from lineage_guard.domain.facts import ModelSource

DAY = timedelta(days=1)
MODELS = (
    ModelSource("openai", "gpt-4o", channel="api.openai.com"),
    ModelSource("meta", "meta-llama/Llama-3.1-8B-Instruct", channel="self-hosted"),
    ModelSource("acme", "acme/unheard-of", base_models=("meta-llama/Meta-Llama-3-8B",)),
    ModelSource("openai", "gpt-4o", channel="api.openai.com", terms="v1"),
)


def entries():
    """The shipped ones, but three versions of one text: of the first the end is known, and the next begins later."""
    shipped = load_catalog().terms.details
    first = next(e for e in shipped if e.terms.id == "openai-api")

    def version(n, begins, until):
        return replace(first, terms=replace(first.terms, id=f"v{n}", effective_from=begins), effective_until=until)

    return [
        *(e for e in shipped if e.series != first.series),
        version(1, date(2026, 2, 1), date(2026, 2, 10)),
        version(2, date(2026, 3, 1), date.max),
        version(3, date(2026, 4, 1), None),
    ]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: f"{m.model} {m.terms}")
def test_an_answer_given_for_many_days_is_the_one_of_each(model):
    known = entries()
    ends = {e.terms.effective_from for e in known} | {e.effective_until for e in known}
    turns = sorted(d for d in ends if d and d != date.max)
    days = {d + n * DAY for d in turns for n in (-1, 0, 1)} | {date.min, date.max, None}
    terms = CatalogTerms(known)
    for day in sorted(days, key=lambda d: d or date.min):
        asked = (model.provider, model.model, model.channel, model.terms, model.base_models, day)
        assert terms.resolve(model, day) == terms._resolve_key(*asked), day


def test_versions_of_one_text_bind_from_their_day_to_their_last():
    terms = CatalogTerms(entries())
    said = {
        day: [t.id for t in terms.resolve(MODELS[0], day).layers]
        for day in (date(2026, 2, 1), date(2026, 2, 10), date(2026, 2, 11), date(2026, 3, 1), date(2026, 4, 1))
    }
    # Between two of which the first is over both may bind, and so they may where the first is not over yet.
    assert list(said.values()) == [["v1"], ["v1"], ["v1", "v2"], ["v2"], ["v2", "v3"]]
