"""Every shipped fact can be traced, is well formed and says what it means."""

import json
import re
from datetime import date
from importlib import resources

import pytest

from lineage_guard.catalog import DISCLAIMER, PRESETS, check_shipped, load_catalog, load_policy
from lineage_guard.catalog.ancestry import UNREAD
from lineage_guard.catalog.documents import schema
from lineage_guard.domain.facts import Influence, ModelSource, Usage, Version
from lineage_guard.domain.rules.spdx import expression_error
from lineage_guard.domain.rules.terms import USES, Confidence, Effect, Restriction

CATALOG = load_catalog()
ENTRIES = CATALOG.terms.details
ARTEFACTS = CATALOG.ancestry.artefacts


def test_nothing_was_lost():
    assert len(ENTRIES) == 85
    assert len(ARTEFACTS) == 131
    kinds = {k: sum(e.terms.kind == k for e in ENTRIES) for k in {e.terms.kind for e in ENTRIES}}
    assert kinds == {"hosted_service": 22, "reseller": 8, "open_weights": 51, "derivative": 4}


def test_shipped_files_follow_the_schema():
    check_shipped()


def test_files_say_that_they_are_not_legal_advice():
    assert "not legal advice" in DISCLAIMER
    data = resources.files("lineage_guard.catalog") / "data"
    for folder in ("terms", "ancestry"):
        for file in (data / folder).iterdir():
            assert "not legal advice" in file.read_text(encoding="utf-8").splitlines()[0]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.terms.id)
def test_entry_can_be_traced(entry):
    t = entry.terms
    assert t.url, "where the owner publishes the text"
    assert t.url.startswith("https://")
    assert (t.source is None) == (t.date_read is None), "a date of reading belongs to a source, and the other way round"
    if t.confidence is Confidence.MEMORY:
        assert min(t.effects.values()) >= Effect.UNKNOWN, "a permission that nobody has read is none"
    else:
        assert t.source, "verified and secondary mean that something was read"
    if t.date_read:
        assert date(2026, 1, 1) < t.date_read <= date(2026, 12, 31)
    assert expression_error(t.license) is None
    assert len(t.summary) > 8
    assert t.summary.endswith(".")
    assert '"' not in t.summary, "our own words, no quotations"
    assert t.summary.isascii()
    assert set(t.effects) >= set(USES)
    assert entry.channels
    assert entry.providers
    assert entry.models or entry.routes


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.terms.id)
def test_effects_and_restrictions_tell_the_same_story(entry):
    t = entry.terms
    banning = t.restrictions & {
        Restriction.COMPETING_MODELS,
        Restriction.ANY_MODEL,
        Restriction.OTHER_MODEL_FAMILIES,
        Restriction.NON_COMMERCIAL_OUTPUT,
        Restriction.PURPOSE_AT_GENERATION,
    }
    assert (t.effect_on("train_competing") is Effect.BLOCK) == bool(banning)
    if Restriction.ANY_MODEL in t.restrictions:
        assert t.effect_on("train_internal_generative") is Effect.BLOCK
    if Restriction.OTHER_MODEL_FAMILIES in t.restrictions:
        assert t.effect_on("train_internal_generative") is Effect.BLOCK
    if Restriction.LICENSE_FLOWS_DOWN in t.restrictions or Restriction.NAMING_DUTY in t.restrictions:
        assert t.obligations, "a duty that nobody can read cannot be met"
    order = [t.effect_on(u) for u in USES[:3]]
    assert order == sorted(order, reverse=True), "a rival model is never freer than an internal one"
    assert (entry.outputs["license_follows_distilled_model"] == "yes") == (
        Restriction.LICENSE_FLOWS_DOWN in t.restrictions
    )
    assert (entry.outputs["noncommercial_only"] == "yes") == (Restriction.NON_COMMERCIAL_OUTPUT in t.restrictions)


def test_named_shapes():
    def having(shape):
        return {e.terms.id for e in ENTRIES if shape in e.terms.restrictions}

    assert {"llama-2", "llama-3", "dbrx", "tongyi-qianwen", "grok-2"} <= having(Restriction.OTHER_MODEL_FAMILIES)
    bedrock = {"amazon-bedrock-ai-services", "bedrock-third-party"}
    assert having(Restriction.PURPOSE_AT_GENERATION) == bedrock | {"azure-openai"}
    assert {"gemma", "deepseek-license-1.0", "bloom-rail"} <= having(Restriction.LICENSE_FLOWS_DOWN)
    assert {"llama-3.1", "llama-3.3", "qwen-license-2024", "kimi-k2"} <= having(Restriction.NAMING_DUTY)
    assert {"xai-api", "liquid-ai", "google-consumer"} <= having(Restriction.ANY_MODEL)


@pytest.mark.parametrize("artefact", ARTEFACTS, ids=lambda a: a.id)
def test_artefact_can_be_traced(artefact):
    terms = CATALOG.terms.get(artefact.terms) if artefact.terms else None
    assert artefact.sources or terms, "an artefact has sources, or terms that have"
    if artefact.confidence in ("verified", "secondary"):
        assert artefact.date_read, "what was read was read on a day"
    elif artefact.confidence == "memory":
        made = CATALOG.ancestry.productions()[artefact.version]
        assert Version(UNREAD, artefact.artefact) in {i.version for i in made.inputs}, "it may hold anything"
    assert artefact.declared_license
    assert artefact.license is None or expression_error(artefact.license) is None
    for edge in artefact.edges:
        assert edge.confidence in ("verified", "secondary", "memory", "alleged")
        assert CATALOG.ancestry.get(edge.source).id == edge.source
    assert not (artefact.root and artefact.edges)
    assert artefact.type == "dataset" or artefact.terms or artefact.edges or artefact.id == "anthropic-research-models"


@pytest.mark.parametrize("artefact", [a for a in ARTEFACTS if a.terms], ids=lambda a: a.id)
def test_pinned_terms_cover_the_model_they_are_pinned_to(artefact):
    production = CATALOG.ancestry.productions()[artefact.version]
    (own,) = [m for m in production.models if m.model == artefact.artefact]
    found = CATALOG.terms.resolve(own, None)
    assert [t.id for t in found.layers] == [artefact.terms]
    assert found.unresolved is None


def test_every_model_use_in_public_ancestry_resolves():
    for version, production in CATALOG.ancestry.productions().items():
        for model in production.models:
            if model.model == "anthropic-research-models":
                continue
            assert CATALOG.terms.resolve(model, None).unresolved is None, f"{version}: {model}"


def test_models_used_and_artefacts_read_keep_their_relation():
    made = CATALOG.ancestry.productions()
    version_of = CATALOG.ancestry.version_of
    feedback = made[version_of("openbmb/UltraFeedback")]
    assert {(m.model, m.usage) for m in feedback.models} >= {("gpt-4", Usage.ANNOTATION), ("gpt-4", Usage.GENERATION)}
    assert {i.version.name: i.influence for i in feedback.inputs}["stingning/ultrachat"] is Influence.INDIRECT
    stratos = made[version_of("bespokelabs/Bespoke-Stratos-17k")]
    assert {m.model: m.effective_influence for m in stratos.models}["gpt-4o-mini"] is Influence.INDIRECT
    vicuna_talk = made[version_of("lmsys/toxic-chat")]
    assert [m.model for m in vicuna_talk.models] == ["lmsys/vicuna-7b-v1.5"]
    assert [i.version.name for i in vicuna_talk.inputs] == ["lmsys/vicuna-7b-v1.5"], "its ancestors come along"
    tuned = made[version_of("simplescaling/s1-32B")]
    assert {i.version.name for i in tuned.inputs} == {"simplescaling/s1K", "Qwen/Qwen2.5-32B-Instruct"}


@pytest.mark.parametrize(
    ("given", "id"),
    [
        ("HuggingFaceTB/smoltalk", "smoltalk"),
        ("huggingfacetb/SMOLTALK", "smoltalk"),
        ("smoltalk", "smoltalk"),
        ("https://huggingface.co/datasets/HuggingFaceTB/smoltalk", "smoltalk"),
        ("hf://datasets/HuggingFaceTB/smoltalk/", "smoltalk"),
        ("vicgalle/alpaca-gpt4", "gpt-4-llm"),
        ("GPT-4-LLM", "gpt-4-llm"),
        ("teknium/GPTeacher-General-Instruct", "gpteacher"),
        ("camel-ai/physics", "camel-ai-science"),
        ("camel-ai/math", "camel-ai-science"),
        ("math", "math"),
        ("LLaMA 7B-65B", "llama-1"),
        ("huggyllama/llama-13b", "llama-1"),
        ("meta-llama/Llama-2-7b-hf", "llama-2"),
        ("meta-llama/Llama-2-7b-chat-hf", "llama-2-chat"),
        ("gpt-4o-mini-2024-07-18", "gpt-4o-mini"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("openai-community/gpt2-xl", "gpt-2"),
    ],
)
def test_public_ids_and_their_aliases(given, id):
    assert CATALOG.ancestry.get(given).id == id
    assert CATALOG.ancestry.version_of(given) == CATALOG.ancestry.get(id).version


@pytest.mark.parametrize("given", ["", "/", "smoltalk2", "acme/smoltalk", "gpt-4.5-secret"])
def test_strangers_are_not_taken_for_public_artefacts(given):
    assert CATALOG.ancestry.version_of(given) is None


def test_digest_tells_any_fact_apart():
    from lineage_guard.catalog.ancestry import CatalogAncestry
    from lineage_guard.catalog.match import CatalogTerms

    assert re.fullmatch("sha256:[0-9a-f]{64}", CATALOG.digest)
    assert CatalogTerms(reversed(ENTRIES)).digest == CATALOG.terms.digest
    assert CatalogTerms(ENTRIES[1:]).digest != CATALOG.terms.digest
    assert CatalogAncestry(reversed(ARTEFACTS)).digest == CATALOG.ancestry.digest
    digests = {load_policy(name, CATALOG).digest for name in PRESETS}
    assert len(digests) == len(PRESETS)


def test_schemas_are_schemas():
    from jsonschema import Draft202012Validator

    for name in ("catalog", "policy"):
        Draft202012Validator.check_schema(schema(name))
        assert json.loads(json.dumps(schema(name)))["$id"].endswith(f"{name}.schema.json")


def test_resolution_of_a_hosted_model_names_its_layers():
    found = CATALOG.terms.resolve(ModelSource("openai", "gpt-4o", channel="api.openai.com"), date(2026, 5, 1))
    assert [t.id for t in found.layers] == ["openai-api"]
    assert CATALOG.terms.get("openai-api") in CATALOG.terms.entries
    assert CATALOG.terms.get("no-such") is None
