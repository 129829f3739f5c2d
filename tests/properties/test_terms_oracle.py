"""``CatalogTerms`` says what the pages say: a naive account of them that shares no code with it says the same."""

import random

import pytest
import terms_oracle
import yaml
from terms_cases import catalog, question

from lineage_guard.catalog import CatalogTerms
from lineage_guard.catalog.documents import Document
from lineage_guard.catalog.entries import entries_of
from lineage_guard.domain.errors import CatalogError
from lineage_guard.domain.facts import ModelSource


# The same cases each time; another range of numbers is another search.
@pytest.mark.parametrize("seed", range(30))
def test_the_terms_that_bind_are_those_of_the_pages(seed):
    rng = random.Random(seed)
    entries = catalog(rng)
    document = Document(yaml.safe_dump({"format": 1, "terms": entries}), "case.yaml", CatalogError)
    document.check("catalog")
    terms = CatalogTerms(entries_of(document))
    for _ in range(8):
        asked = question(rng)
        model = ModelSource(
            asked["provider"],
            asked["model"],
            channel=asked["channel"],
            terms=asked["terms"],
            base_models=tuple(asked["bases"]),
        )
        found = terms.resolve(model, asked["day"])
        said = {t.id for t in found.layers}, found.unresolved and found.unresolved.value
        assert said == terms_oracle.resolve(asked, entries), (asked, [e["id"] for e in entries])
