"""What an own catalog file may not take away from the shipped one, and what it is told when it does."""

import logging
from datetime import date

import pytest
import yaml

from lineage_guard.catalog import load_catalog
from lineage_guard.catalog.lint import lint
from lineage_guard.domain.errors import CatalogError

USES = (
    "train_competing",
    "train_internal_generative",
    "train_internal_classifier",
    "evaluate",
    "rag_or_inference_context",
)
AGREEMENT = {
    "id": "acme-openai-2026", "provider": "OpenAI", "kind": "hosted_service", "providers": ["openai"],
    "models": ["gpt-4o*"], "channels": ["api.openai.com"], "license": "LicenseRef-acme-openai",
    "effects": dict.fromkeys(USES, "allow"), "summary": "Our agreement.", "url": None, "source": "the agreement",
    "date_read": "2026-03-01", "confidence": "verified",
}  # fmt: skip
DATASET = {
    "id": "ours", "type": "dataset", "artefact": "acme/ours", "declared_license": "MIT", "declared_class": "permissive",
    "license": "MIT", "upstream": [], "sources": ["https://acme.example"], "date_read": "2026-03-01",
    "confidence": "verified",
}  # fmt: skip


@pytest.fixture
def written(tmp_path):
    def write(**parts):
        path = tmp_path / "own.yaml"
        path.write_text(yaml.safe_dump({"format": 1, **parts}, sort_keys=False), encoding="utf-8")
        return path

    return write


def found(path):
    return [(p.where.removeprefix(f"{path}:"), p.what, p.wrong) for p in lint([path], date(2026, 11, 22))]


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"artefact": "HuggingFaceTB/smoltalk"}, "artefact"),
        ({"artefact": "huggingfacetb/SMOLTALK", "namespace": "acme"}, "artefact"),
        ({"aliases": ["acme/old", "HuggingFaceTB/smoltalk"]}, "aliases"),
    ],
)
def test_what_ships_with_an_account_of_its_making_keeps_it(written, change, key):
    path = written(artefacts=[DATASET | change])
    with pytest.raises(CatalogError, match="is described before, as 'smoltalk'") as raised:
        load_catalog(path)
    line = next(n for n, text in enumerate(path.read_text().splitlines(), 1) if text.strip(" -").startswith(f"{key}:"))
    assert (raised.value.where or "").startswith(f"{path}:{line}:")
    assert "catalog show smoltalk" in raised.value.fix


def test_two_accounts_of_one_artefact_of_ones_own_are_refused(written):
    path = written(artefacts=[DATASET, DATASET | {"id": "again", "artefact": "Acme/Ours"}])
    with pytest.raises(CatalogError, match="'acme/ours' is described before, as 'ours'"):
        load_catalog(path)


def test_an_agreement_that_speaks_for_everybody_is_told(written, caplog):
    path = written(terms=[AGREEMENT])
    said = "acme-openai-2026: for gpt-4o* through api.openai.com it takes the place of openai-api, openai-api-2023"
    with caplog.at_level(logging.WARNING, "lineage_guard.catalog.load"):
        load_catalog(path)
        load_catalog(path)
    assert [said in r.getMessage() for r in caplog.records] == [True], "once, and where it is loaded, too"
    assert (said, False) in [(what, wrong) for _, what, wrong in found(path)]


@pytest.mark.parametrize(
    "change",
    [
        {"only_when_named": True},
        {"models": ["acme-lm-*"], "channels": ["llm.acme.example", "self-hosted"], "providers": ["acme"]},
        {"effects": dict.fromkeys(USES, "block"), "restrictions": ["ANY_MODEL"]},
        {"kind": "reseller", "stacks_on_owner_terms": True, "channels": ["gateway.acme.example"]},
    ],
)
def test_an_entry_that_takes_nothing_away_is_quiet(written, caplog, change):
    with caplog.at_level(logging.WARNING, "lineage_guard.catalog.load"):
        load_catalog(written(terms=[AGREEMENT | change]))
    assert not caplog.records


def test_an_artefact_says_what_it_was_made_from_and_names_itself(written):
    silent = {k: v for k, v in DATASET.items() if k != "upstream"}
    assert [what for _, what, _ in found(written(artefacts=[silent]))] == [
        "ours: it does not say what it was made from, which is taken as from nothing else"
    ]
    assert [(what, wrong) for _, what, wrong in found(written(artefacts=[DATASET | {"aliases": ["*"]}]))] == [
        ("ours: the alias '*' fits whatever has no account of its own", True)
    ]
    assert found(written(artefacts=[DATASET | {"aliases": ["acme/ours-*"]}])) == []


def test_a_day_that_is_none_says_where(written):
    path = written(artefacts=[DATASET | {"date_read": "2026-02-30"}])
    with pytest.raises(CatalogError, match="'2026-02-30' is no day") as raised:
        load_catalog(path)
    assert raised.value.fix == "write it as 2026-01-31"
