"""What a catalog file of one's own says a model was made from, and how it is found."""

from datetime import UTC, datetime

import pytest
import yaml

from lineage_guard.catalog import load_catalog, load_policy
from lineage_guard.domain.facts import Completeness, ModelSource, Production, Version
from lineage_guard.domain.lineage.closure import close, extend
from lineage_guard.domain.verdict.decide import decide

USES = (
    "train_competing",
    "train_internal_generative",
    "train_internal_classifier",
    "evaluate",
    "rag_or_inference_context",
)
STUDENT = (Version("default", "student"),)
SPELLINGS = [
    "acme/support-8b",
    "support-8b",
    "acme/support-8b-2026-01-01",
    "openrouter/acme/support-8b",
    "acme/support-8b:free",
    "accounts/fireworks/models/support-8b",
    "ft:acme/support-8b:team::1",
    "ollama/support-8b",
]


def terms(id, model, effect):
    said = {"id": id, "provider": "Acme", "kind": "open_weights", "providers": ["acme"], "models": [model]}
    said |= {"channels": ["self-hosted"], "license": "LicenseRef-acme", "effects": dict.fromkeys(USES, effect)}
    return said | {
        "summary": "s",
        "url": "https://a.example",
        "source": "s",
        "date_read": "2026-11-02",
        "confidence": "verified",
    }


def artefact(id, type="model", upstream=(), **more):
    said = {
        "id": f"acme-{id}",
        "type": type,
        "artefact": f"acme/{id}",
        "namespace": "acme",
        "declared_license": "internal",
    }
    said |= {"declared_class": "unknown", "sources": ["https://a.example"], "confidence": "verified"}
    edges = [
        {"from": f"acme-{source}", "relation": relation, "confidence": "verified"} for source, relation in upstream
    ]
    return said | ({"upstream": edges} if edges else {}) | more


def decision(folder, artefacts, *, model=None, copy=None):
    entries = [terms("acme-support-terms", "acme/support-8b", "allow"), terms("acme-bar", "acme/teacher-1", "block")]
    own = folder / "own.yaml"
    own.write_text(yaml.safe_dump({"format": 1, "terms": entries, "artefacts": artefacts}), encoding="utf-8")
    catalog = load_catalog(own)
    models = (ModelSource("acme", model, channel="self-hosted"),) if model else ()
    unknown = Completeness.UNKNOWN if copy else Completeness.COMPLETE
    closure = extend(
        close(Production(STUDENT, models=models, artefact=copy, completeness=unknown), []), catalog.ancestry
    )
    verdict = decide(
        closure, load_policy("default", catalog), (), "train_competing", datetime(2026, 11, 23, tzinfo=UTC)
    )
    return verdict.decision.value


@pytest.mark.parametrize("spelt", SPELLINGS)
def test_what_a_model_was_made_from_counts_under_each_of_its_spellings(tmp_path, spelt):
    root = artefact("teacher-1", root=True, terms="acme-bar", confidence="root")
    tuned = artefact("support-8b", upstream=[("teacher-1", "fine_tuned_from")], terms="acme-support-terms")
    assert decision(tmp_path, [root, tuned], model=spelt) == "BLOCK"


def test_a_model_of_somebody_else_that_is_called_the_same_is_another(tmp_path):
    root = artefact("teacher-1", root=True, terms="acme-bar", confidence="root")
    tuned = artefact("support-8b", upstream=[("teacher-1", "fine_tuned_from")], terms="acme-support-terms")
    assert decision(tmp_path, [root, tuned], model="other/support-8b") == "UNKNOWN"


def test_a_model_whose_only_ancestor_is_another_model_hands_that_on(tmp_path):
    root = artefact("teacher-1", root=True, terms="acme-bar", confidence="root")
    tuned = artefact("support-8b", upstream=[("teacher-1", "generated_by")], terms="acme-support-terms")
    assert decision(tmp_path, [root, tuned], model="acme/support-8b") == "BLOCK"
    assert decision(tmp_path, [root, tuned], copy="acme/support-8b") == "BLOCK"


def test_data_by_a_model_of_which_nobody_has_read_how_it_was_made_stops(tmp_path):
    unread = artefact("support-8b", terms="acme-support-terms", confidence="memory")
    assert (
        decision(tmp_path, [unread, artefact("set", "dataset", [("support-8b", "generated_by")])], copy="acme/set")
        == "UNKNOWN"
    )


def test_a_model_without_terms_is_under_those_that_answer_to_its_id(tmp_path):
    assert decision(tmp_path, [artefact("teacher-1")], copy="acme/teacher-1") == "BLOCK"
    made_from = [artefact("set", "dataset"), artefact("teacher-1", upstream=[("set", "trained_on")])]
    assert decision(tmp_path, made_from, copy="acme/teacher-1") == "BLOCK"


def test_a_model_without_terms_and_ancestors_is_unknown_however_it_is_met(tmp_path):
    strange = artefact("strange")
    assert decision(tmp_path, [strange], copy="acme/strange") == "UNKNOWN"
    tuned = artefact("support-8b", upstream=[("strange", "fine_tuned_from")], terms="acme-support-terms")
    assert decision(tmp_path, [strange, tuned], model="acme/support-8b") == "UNKNOWN"


def test_a_model_without_terms_whose_ancestors_are_known_is_bound_by_those_alone(tmp_path):
    made_from = [artefact("set", "dataset"), artefact("strange", upstream=[("set", "trained_on")])]
    assert decision(tmp_path, made_from, copy="acme/strange") == "ALLOW"
