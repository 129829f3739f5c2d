"""Catalog files of one's own: the examples of docs/catalog.md, and terms by the day of generation."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.errors import CatalogError
from lineage_guard.domain.facts import Completeness, Input, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.verdict.decide import decide

PAGE = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
NOW = datetime(2026, 11, 22, tzinfo=UTC)
DATA, STUDENT = Version("default", "made", None, "r1"), Version("default", "student")


def documented():
    """The examples of the page as one file, what they leave out taken from the first of them."""
    private = yaml.safe_load(BLOCKS[0])["terms"][0]
    support = {**private, "id": "acme-support-terms", "models": ["acme/support-8b"]}
    fine_tune = yaml.safe_load(BLOCKS[1])["artefacts"][0]
    agreement = {**private, **yaml.safe_load(BLOCKS[2])[0]}
    released = yaml.safe_load(BLOCKS[3])[0]
    release = {**agreement, "id": released["upstream"][0]["terms"], "channels": ["vendor.example"]}
    release.pop("effective_from")
    shipped = next(e for e in load_catalog().terms.details if e.terms.id == "openai-api")
    barring = dict.fromkeys(private["effects"], "block")
    newer = {**private, "models": ["gpt-4*"], "providers": ["openai"], "provider": "OpenAI", "effects": barring}
    newer |= {"channels": [p.text for p in shipped.channels], **yaml.safe_load(BLOCKS[4])[0]}
    return {
        "format": 1,
        "terms": [private, support, agreement, release, newer],
        "artefacts": [fine_tune, released],
    }


@pytest.fixture
def written(tmp_path):
    def write(document):
        path = tmp_path / "own.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False).replace("00:00:00", ""), encoding="utf-8")
        return load_catalog(path)

    return write


def verdict(catalog, *models, artefact=None, at=NOW):
    made = Production(
        (DATA,),
        models=models,
        produced_at=at,
        artefact=artefact,
        completeness=Completeness.UNKNOWN if artefact else Completeness.COMPLETE,
    )
    closure = extend(close(Production((STUDENT,), inputs=(Input(DATA),)), [made]), catalog.ancestry)
    return decide(closure, load_policy("default", catalog), (), "train_competing", NOW)


def days(document):
    """YAML reads a day as a date; the catalog reads text."""
    return yaml.safe_load(re.sub(r"(\d{4}-\d\d-\d\d)(?=\n)", r"'\1'", yaml.safe_dump(document)))


def test_what_the_page_shows_works(written):
    catalog = written(days(documented()))
    private = ModelSource("acme", "acme-lm-2", channel="llm.acme.example")
    assert verdict(catalog, private).decision.value == "ALLOW"
    assert verdict(load_catalog(), private).decision.value == "UNKNOWN"

    tuned = verdict(catalog, ModelSource("acme", "acme/support-8b", channel="self-hosted"))
    assert tuned.decision.value == "BLOCK", "GPT-4 is among the ancestors of what it was tuned on"
    assert {"openai-api-2023", "llama-3.1"} <= {f.terms.id for f in tuned.findings if f.terms}
    assert any("Llama" in duty for duty in tuned.obligations)

    public = ModelSource("openai", "gpt-4o", channel="api.openai.com")
    agreed = ModelSource("openai", "gpt-4o", channel="api.openai.com", terms="acme-openai-2026")
    assert verdict(catalog, agreed).decision.value == "ALLOW"
    assert verdict(catalog, public).decision.value == "BLOCK"
    assert verdict(catalog, agreed, public).decision.value == "BLOCK"

    assert verdict(catalog, artefact="vendor/released-set").decision.value == "ALLOW"
    by_name = catalog.terms.resolve(public, datetime(2027, 2, 1, tzinfo=UTC).date())
    assert [t.id for t in by_name.layers] == ["openai-api-2027"]
    assert [t.id for t in catalog.terms.resolve(public, NOW.date()).layers] == ["openai-api"]


def test_a_release_names_terms_that_are_there(written):
    document = days(documented())
    document["artefacts"][1]["upstream"][0]["terms"] = "vendor-relase-2026"
    with pytest.raises(CatalogError, match=r"no terms have the id 'vendor-relase-2026'.*'vendor-release-2026'\?"):
        written(document)


@pytest.mark.parametrize(
    ("when", "decision", "terms"),
    [
        (datetime(2026, 3, 15, tzinfo=UTC), "ALLOW", "march"),
        (datetime(2026, 5, 31, 23, 59, tzinfo=UTC), "ALLOW", "march"),
        (datetime(2026, 6, 1, tzinfo=UTC), "BLOCK", "june"),
        (datetime(2026, 7, 1, tzinfo=UTC), "BLOCK", "june"),
        (None, "BLOCK", "june"),
    ],
)
def test_what_was_generated_in_march_is_judged_by_the_terms_of_march(written, when, decision, terms):
    """Whenever it is trained on; a day that nobody knows is judged by both, and the strictest decides."""
    private = yaml.safe_load(BLOCKS[0])["terms"][0]
    barred = dict.fromkeys(private["effects"], "block")
    march = {**private, "id": "march", "series": "acme", "effective_from": "2026-01-01"}
    june = {**private, "id": "june", "series": "acme", "effective_from": "2026-06-01", "effects": barred}
    catalog = written(days({"format": 1, "terms": [march, june]}))
    model = ModelSource("acme", "acme-lm-2", channel="llm.acme.example")
    found = verdict(catalog, model, at=when)
    assert found.decision.value == decision
    assert {f.terms.id for f in found.findings} == ({terms} if decision == "BLOCK" else set())
    if when is not None:
        dated = ModelSource("acme", "acme-lm-2", channel="llm.acme.example", generated_at=when)
        assert verdict(catalog, dated).decision.value == decision, "the model's day, not the table's"


def test_what_nobody_has_read_permits_nothing(written):
    """Of one's own files as of the shipped ones; a bar is believed all the same."""
    private = yaml.safe_load(BLOCKS[0])["terms"][0]
    unread = {**private, "source": None, "date_read": None, "confidence": "memory"}
    unread["effects"] = {**private["effects"], "train_competing": "block", "evaluate": "warn"}
    terms = written(days({"format": 1, "terms": [unread]})).terms.get("acme-lm")
    assert terms.effects["train_competing"].name == "BLOCK"
    assert {e.name for use, e in terms.effects.items() if use != "train_competing"} == {"UNKNOWN"}
    assert terms.summary.endswith("Nobody has read this text, so it permits nothing.")

    shipped = ModelSource("ai21", "ai21labs/AI21-Jamba-Mini-1.5", channel="self-hosted")
    found = verdict(load_catalog(), shipped)
    assert (found.decision.value, found.stops) == ("UNKNOWN", True)
    assert "Nobody has read this text" in found.findings[0].message


def test_a_dataset_of_which_nobody_has_read_how_it_was_made_is_not_clean(written):
    """Without a model among its ancestors it would be allowed; that there is none is from memory."""
    row = {"id": "acme-set", "type": "dataset", "artefact": "acme/set", "declared_license": "MIT"}
    row |= {"declared_class": "permissive", "sources": ["https://acme.example"]}

    def judged(confidence):
        return verdict(written({"format": 1, "artefacts": [{**row, "confidence": confidence}]}), artefact="acme/set")

    assert judged("verified").decision.value == "ALLOW"
    found = judged("memory")
    assert (found.decision.value, found.stops) == ("UNKNOWN", True)
    assert "Nothing on record says what unread:acme/set was made from" in found.findings[0].message
